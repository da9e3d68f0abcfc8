"""Walk a capture of an AMI connection through the same rooms as a live one. Knows files; makes no state."""

import gzip
import lzma
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from slmon.ami.translate import REPLAYED, Translator
from slmon.ami.wire import AmiStream, Banner, Damaged, Message
from slmon.core.events import StreamLost
from slmon.core.facts import CallEnded, CallRecord, Fact
from slmon.core.instant import Instant, of_seconds
from slmon.core.switchboard import Switchboard
from slmon.packed import opened

CHUNK = 64 * 1024


class CaptureError(Exception):
    """A capture cannot be read; the message names the file and the cure."""


@dataclass(slots=True)
class Replay:
    """What the captures held. `calls` in order of arrival; `dated` False: no time was told anywhere."""

    calls: list[CallRecord] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    dated: bool = True
    began_at: Instant = 0             # the first moment that the captures tell of,
    ended_at: Instant = 0             # and the last
    not_whole: list[str] = field(default_factory=list)   # packed files that end too soon, in words
    cut: int = 0                      # connections that end in the middle of a message


def replay(
    captures: Iterable[Path],
    switchboard: Switchboard,
    say: Callable[[Fact], None] = lambda fact: None,
    progress: Callable[[int], None] = lambda read: None,
    chunk: int = CHUNK,
) -> Replay:
    """The calls of captures that are consecutive connections to one PBX, in this order.

    `say` hears every fact; `progress` the bytes read of a file. Raises CaptureError.
    """
    found = Replay(dated=False)

    def tell(facts: list[Fact]) -> None:
        for fact in facts:
            say(fact)
            if type(fact) is CallEnded:
                found.calls.append(fact.record)

    translator: Translator | None = None
    for path in captures:
        if translator is not None and translator.at is not None:
            tell(switchboard.apply(StreamLost(translator.at, translator.at, "connection ended")))
        translator = _connection(path, switchboard, tell, found, progress, chunk)
    tell(switchboard.finish())
    found.calls += switchboard.open_records()
    found.ended_at = switchboard.told_until
    found.calls.sort(key=lambda record: (record.arrived_at, record.call))
    return found


def _connection(
    path: Path,
    switchboard: Switchboard,
    tell: Callable[[list[Fact]], None],
    found: Replay,
    progress: Callable[[int], None],
    chunk: int,
) -> Translator:
    stream, translator = AmiStream(REPLAYED), Translator()
    times = None if _is_dated(path) else _times_beside(path)      # the PBX's own clock is the better one
    for offset, read in _read(path, chunk, found):
        for at, data in [(None, read)] if times is None else times.cut(offset, read):
            items = stream.feed(data)
            translator.at = translator.at if at is None else at
            for event in translator.translate(items):
                found.began_at = found.began_at or event.at
                tell(switchboard.apply(event))
            found.damaged += [item.reason for item in items if type(item) is Damaged]
            _greeting(path, items)
        progress(len(read))
    found.cut += len(stream.close())
    if translator.at is None:
        for event in translator.release():
            tell(switchboard.apply(event))
    else:
        found.dated = True
    return translator


def _is_dated(path: Path) -> bool:
    """Whether events tell their time, as far as the beginning shows."""
    beginning = next((data for _, data in _read(path, CHUNK, Replay())), b"")
    return any(type(item) is Message and item.values[0] for item in AmiStream(REPLAYED).feed(beginning))


def _greeting(path: Path, items: Sequence[object]) -> None:
    """Something else than a capture is no empty day."""
    first = items[0] if items else None
    if isinstance(first, Banner) and not first.text.startswith("Asterisk Call Manager/"):
        raise CaptureError(f"{path}: is no capture of an AMI connection: it begins with {first.text[:40]!r}; "
                           "make one with `slmon record`")


def _read(path: Path, chunk: int, found: Replay) -> Iterator[tuple[int, bytes]]:
    """The bytes of a plain, .xz or .gz file, with their offsets; of one that was cut, those that can be read."""
    offset = 0
    try:
        with opened(path) as file:
            while data := file.read(chunk):
                yield offset, data
                offset += len(data)
    except EOFError:
        if not offset:
            raise CaptureError(f"{path}: ends before anything can be read of it; copy it again") from None
        found.not_whole.append(f"{path}: ends too soon: the packed file is cut; copy it again")
    except (lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise CaptureError(f"{path}: cannot be unpacked: {error}; copy it again") from None
    except OSError as error:
        raise CaptureError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def _times_beside(path: Path) -> "_Times | None":
    """The file that `slmon record` writes beside a recording, if it is there."""
    name = path.name.removesuffix(".xz").removesuffix(".gz") + ".times"
    for each in (path.with_name(name), path.with_name(name + ".xz"), path.with_name(name + ".gz")):
        if each.exists():
            *lines, _ = b"".join(data for _, data in _read(each, CHUNK, Replay())).split(b"\n")   # the last may be cut
            try:
                reads = [_read_time(line) for line in lines]
            except (ValueError, OverflowError):
                raise CaptureError(f"{each}: is no list of the times of reads; copy it again or take it away") from None
            return _Times(reads) if reads else None
    return None


def _read_time(line: bytes) -> tuple[int, Instant]:
    offset, _, wall = line.split()
    return int(offset), of_seconds(float(wall))


class _Times:
    """The wall time of each read of a recording, by the offset at which it begins."""

    def __init__(self, reads: list[tuple[int, Instant]]) -> None:
        self._reads = reads
        self._next = 0

    def cut(self, offset: int, data: bytes) -> Iterator[tuple[Instant, bytes]]:
        """The bytes at `offset` as they were read, with the time of each read."""
        end, reads = offset + len(data), self._reads
        while offset < end:
            while self._next + 1 < len(reads) and reads[self._next + 1][0] <= offset:
                self._next += 1
            until = min(end, reads[self._next + 1][0]) if self._next + 1 < len(reads) else end
            yield reads[self._next][1], data[offset - end:until - end or None]
            offset = until


def without_times(call: Mapping[str, object]) -> dict[str, object]:
    """The JSON of a call whose capture told no time: what happened, and not when. Every moment is null."""
    known = {key: None if key.endswith(("_at", "_seconds")) else value for key, value in call.items()}
    known["answer_bounds"] = None if call["answer_bounds"] is None else [None, None]
    known["transfers"] = [{key: None if key == "at" or key.endswith("_at") else value for key, value in each.items()}
                          for each in cast(list[dict[str, object]], call["transfers"])]
    known["offered"] = False
    if call["verdict"] is not None:
        known["verdict"] = "undecided"
    return known
