"""Walk a capture of an AMI connection through the same rooms as a live one. Knows files; makes no state."""

import gzip
import lzma
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

from slmon.ami.translate import REPLAYED, Translator
from slmon.ami.wire import AmiStream, Banner, Damaged
from slmon.core.events import StreamLost
from slmon.core.facts import CallEnded, CallRecord, Fact
from slmon.core.instant import Instant, of_seconds
from slmon.core.switchboard import Switchboard

CHUNK = 64 * 1024


class CaptureError(Exception):
    """A capture cannot be read; the message names the file and the cure."""


@dataclass(slots=True)
class Replay:
    """What the captures held. `calls` in order of arrival; `dated` False: no time was told anywhere."""

    calls: list[CallRecord] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    dated: bool = True
    ended_at: Instant = 0             # the last moment that the captures tell of
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
    found.calls += [call.record() for call in switchboard.calls.values()]
    found.ended_at = switchboard.now
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
    clock = _Times.beside(path)
    for number, (offset, data) in enumerate(_read(path, chunk, found)):
        if number == 0 and b"\nTimestamp: " in data:
            clock = None                                 # the PBX's own clock is the better one
        items = stream.feed(data)
        now = None if clock is None else clock.at(offset)
        for event in translator.translate(items, now):
            tell(switchboard.apply(event))
        found.damaged += [item.reason for item in items if type(item) is Damaged]
        if number == 0:
            _greeting(path, items)
        progress(len(data))
    found.cut += len(stream.close())
    if translator.at is None:
        for event in translator.release():
            tell(switchboard.apply(event))
    else:
        found.dated = True
    return translator


def _greeting(path: Path, items: Sequence[object]) -> None:
    """Something else than a capture is no empty day."""
    banner = next((item.text for item in items if isinstance(item, Banner)), None)
    if banner is not None and not banner.startswith("Asterisk Call Manager/"):
        raise CaptureError(f"{path}: is no capture of an AMI connection: it begins with {banner[:40]!r}; "
                           "make one with `slmon record`")


def _read(path: Path, chunk: int, found: Replay) -> Iterator[tuple[int, bytes]]:
    """The bytes of a plain, .xz or .gz file, with their offsets; of one that was cut, those that can be read."""
    offset = 0
    try:
        with _open(path) as file:
            while data := file.read(chunk):
                yield offset, data
                offset += len(data)
    except EOFError:
        if not offset:
            raise CaptureError(f"{path}: ends before anything can be read of it; copy it again") from None
        found.not_whole.append(f"{path}: ends too soon: the packed file is cut; copy it again")
    except (lzma.LZMAError, gzip.BadGzipFile) as error:
        raise CaptureError(f"{path}: cannot be unpacked: {error}; copy it again") from None
    except OSError as error:
        raise CaptureError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def _open(path: Path) -> BinaryIO:
    if path.suffix == ".xz":
        return cast(BinaryIO, lzma.open(path))
    if path.suffix == ".gz":
        return cast(BinaryIO, gzip.open(path))
    return path.open("rb")


class _Times:
    """The wall time of each read of a recording, from the file that `slmon record` writes beside it."""

    def __init__(self, reads: list[tuple[int, Instant]]) -> None:
        self._reads = reads
        self._next = 0

    @classmethod
    def beside(cls, path: Path) -> "_Times | None":
        name = path.name.removesuffix(".xz").removesuffix(".gz") + ".times"
        for each in (path.with_name(name), path.with_name(name + ".xz"), path.with_name(name + ".gz")):
            if each.exists():
                with _open(each) as file:
                    return cls([_read_time(line) for line in file if line.strip()])
        return None

    def at(self, offset: int) -> Instant | None:
        """When the byte at `offset` was read."""
        while self._next + 1 < len(self._reads) and self._reads[self._next + 1][0] <= offset:
            self._next += 1
        return self._reads[self._next][1] if self._reads else None


def _read_time(line: bytes) -> tuple[int, Instant]:
    offset, _, wall = line.split()[:3]
    return int(offset), of_seconds(float(wall))


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
