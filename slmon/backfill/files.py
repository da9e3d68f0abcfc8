"""Read log files line by line: packed or not, one or several of one source, each line once. Knows no format."""

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from slmon.core.instant import SECOND, Instant
from slmon.packed import opened

PORTION = 1 << 20
APART = 2 * SECOND            # so far apart two lines are never the same one


def lines_of(path: Path, progress: Callable[[int], None] = lambda read: None) -> Iterator[bytes]:
    """The whole lines of a file, in its order. Raises OSError, EOFError or lzma.LZMAError."""
    with path.open("rb") as raw, opened(path, raw) as file:
        told = 0
        while portion := file.readlines(PORTION):
            read = raw.tell()
            progress(read - told)
            told = read
            yield from portion


def once(files: Sequence[Iterable[bytes]], moment: Callable[[bytes], Instant | None]) -> Iterator[bytes]:
    """The lines of several files of one source in the order of time; a line that several have is told once."""
    if len(files) < 2:
        yield from (files[0] if files else ())
        return
    merged = heapq.merge(*(_dated(number, lines, moment) for number, lines in enumerate(files)),
                         key=lambda each: each[0])
    seen: dict[int, Counter[bytes]] = {}
    told: Counter[bytes] = Counter()
    until = 0
    for at, number, line in merged:
        if at > until:
            seen, told, until = {}, Counter(), at + APART
        have = seen.setdefault(number, Counter())
        have[line] += 1
        if have[line] > told[line]:
            told[line] += 1
            yield line


def _dated(number: int, lines: Iterable[bytes], moment: Callable[[bytes], Instant | None]
           ) -> Iterator[tuple[Instant, int, bytes]]:
    at = 0
    for line in lines:
        at = max(at, moment(line) or 0)                  # a line without its own moment stays behind the one before
        yield at, number, line
