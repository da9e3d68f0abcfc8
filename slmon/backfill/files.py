"""Read log files line by line: packed or not, one or several of one source, each line once. Knows no format."""

import glob
import heapq
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO

from slmon.core.instant import SECOND, Instant
from slmon.packed import opened

PORTION = 1 << 20
LOOK_AT = 100                 # so many lines in a row at most tell no moment
APART = 2 * SECOND            # so far apart two lines are never the same one


class SourceError(Exception):
    """A log cannot be read; the message names it and the cure."""


def lines_of(path: Path, progress: Callable[[int], None] = lambda read: None, since: Instant | None = None,
             moment: Callable[[bytes], Instant | None] = lambda line: None) -> Iterator[bytes]:
    """The lines of a file, in its order; of a plain one, whose lines tell their `moment`, not long before `since`.

    Raises OSError, and what unpacking may raise.
    """
    with path.open("rb") as raw, opened(path, raw) as file:
        told = 0
        if since is not None and file is raw:
            told = _seek(raw, since, moment)
            progress(told)
        while portion := file.readlines(PORTION):
            read = raw.tell()
            progress(read - told)
            told = read
            yield from portion


def _seek(file: BinaryIO, since: Instant, moment: Callable[[bytes], Instant | None]) -> int:
    """Go to the beginning of a line, with every later one behind it. Lines are in the order of time, or nearly."""
    low, high = 0, file.seek(0, SEEK_END)
    while high - low > PORTION:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline()                                  # the rest of a line that began before
        at = next((at for line in islice(file, LOOK_AT) if (at := moment(line)) is not None), None)
        if at is None or at >= since:
            high = middle
        else:
            low = middle
    file.seek(low)
    if low:
        file.readline()
    return file.tell()


def rotated(path: Path, since: Instant) -> tuple[Path, ...]:
    """The file, and those beside it that it was called before and that were written to since then."""
    name = re.compile(re.escape(path.name) + r"[.-]\d+(\.gz|\.xz)?")
    older = [each for each in path.parent.glob(f"{glob.escape(path.name)}[.-]*")
             if name.fullmatch(each.name) and each.stat().st_mtime_ns // 1000 >= since]
    return *sorted(older), path


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
