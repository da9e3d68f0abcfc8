"""Read log files line by line: packed or not, one or several of one source, each line once. Knows no format.

Where to begin is found by time, by halving, and not by a position that was noted before: a pass needs the lines from a
day before its gap, which a position behind the last pass would leave out, and a position says nothing any more once
logrotate has renamed, copied, cut or packed the file. What a pass reads twice is told once. Only whole lines are read:
one that is still being written is read by the next pass.
"""

import glob
import heapq
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from os import SEEK_END
from pathlib import Path
from typing import BinaryIO

from slmon.core.instant import SECOND, Instant
from slmon.packed import opened

PORTION = 1 << 20
LONGEST_LINE = 1 << 16        # bytes; Asterisk's own are a few thousand at most
BEGINNING = 1 << 10           # bytes, of which the lines' moments alone make a file's beginning its own
TORN = b"\0"                  # stands where there was something that is no line
LOOK_AT = 100                 # so many lines in a row at most tell no moment
APART = 2 * SECOND            # so far apart two lines are never the same one


class SourceError(Exception):
    """A log cannot be read; the message names it and the cure."""


def lines_of(path: Path, progress: Callable[[int], None] = lambda read: None, since: Instant | None = None,
             moment: Callable[[bytes], Instant | None] = lambda line: None) -> Iterator[bytes]:
    """The whole lines of a file, in its order; of a plain one, whose lines tell their `moment`, from not long before
    `since` on. What is none, of NULs or without an end, is one torn line.

    Raises SourceError, OSError, and what unpacking may raise.
    """
    if path.exists() and not path.is_file():
        raise SourceError(f"{path}: is no file; name the log itself")        # of a pipe one would wait for the end
    with path.open("rb") as raw, opened(path, raw) as file:
        told = 0
        if since is not None and file is raw:
            told = _seek(raw, since, moment)
            progress(told)
        rest, too_long = b"", False
        while portion := file.read(PORTION):
            read = raw.tell()
            progress(read - told)
            told = read
            *lines, rest = (rest + portion).split(b"\n")
            if too_long and lines:
                lines[0], too_long = TORN, False
            if len(rest) > LONGEST_LINE:
                rest, too_long = b"", True
            if b"\0" in portion or max(map(len, lines), default=0) > LONGEST_LINE:
                lines = [each for line in lines for each in _sound(line)]
            yield from lines


def beginnings(paths: Iterable[Path]) -> dict[Path, bytes]:
    """How each file begins, by which it is known: its name goes to another one, and its number may too."""
    return {path: _beginning(path) for path in paths}


def refuse_moved(before: dict[Path, bytes]) -> None:
    """Raises SourceError where a file is another one now: lines between it and the next one may not have been read."""
    for path, begins in before.items():
        if not _beginning(path).startswith(begins):
            raise SourceError(f"{path}: was renamed, cut or packed while it was read, as logrotate does; do this again")


def _beginning(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(BEGINNING)
    except OSError:
        return b""


def _sound(line: bytes) -> tuple[bytes, ...]:
    """The line; too long it is none, and NULs before it are what a power cut left of others."""
    if len(line) > LONGEST_LINE:
        return (TORN,)
    _, nul, after = line.rpartition(b"\0")
    return (line,) if not nul or line == TORN else (TORN, after) if after else (TORN,)


def _seek(file: BinaryIO, since: Instant, moment: Callable[[bytes], Instant | None]) -> int:
    """Go to the beginning of a line, with every later one behind it. Lines are in the order of time, or nearly."""
    low, high = 0, file.seek(0, SEEK_END)
    while high - low > PORTION:
        middle = (low + high) // 2
        file.seek(middle)
        file.readline(LONGEST_LINE)                      # the rest of a line that began before
        after = iter(partial(file.readline, LONGEST_LINE), b"")
        at = next((at for line in islice(after, LOOK_AT) if (at := moment(line)) is not None), None)
        if at is None or at >= since:
            high = middle
        else:
            low = middle
    file.seek(low)
    if low:
        file.readline(LONGEST_LINE)
    return file.tell()


def rotated(path: Path, since: Instant) -> tuple[Path, ...]:
    """The file, and those beside it that it was called before and that were written to since then."""
    # logrotate's names: queue_log.1, queue_log-20261125.gz, and with `extension` cel-20261125.csv
    name = re.compile(rf"{re.escape(path.name)}[.-]\d+(\.gz|\.xz)?|"
                      rf"{re.escape(path.stem)}[.-]\d+{re.escape(path.suffix)}(\.gz|\.xz)?")
    older = [each for each in path.parent.glob(f"{glob.escape(path.stem)}*")
             if name.fullmatch(each.name) and _written_at(each) >= since]
    return *sorted(older), path


def _written_at(path: Path) -> Instant:
    try:
        return path.stat().st_mtime_ns // 1000
    except FileNotFoundError:
        return 0                                         # rotated away meanwhile, under another name


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
