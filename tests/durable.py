"""What a disk holds after each step of a process that was watched with strace, if it was killed or lost its power.

A kill leaves every write that was made. A power cut leaves what was synced for sure, and of the rest any part: each
write may be there, be missing or be torn; each name that was made or removed may or may not be.
"""

import random
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

CALLS = "openat,pwrite64,write,ftruncate,fsync,fdatasync,rename,unlink"
SECTOR = 512
_LINE = re.compile(r"(\d+) +(.*)")
_CALL = re.compile(r"(\w+)\((.*)\) += (-?\d+)")
_RESUMED = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_QUOTED = re.compile(r'"((?:\\x..)*)"')
_FILE = re.compile(r"<((?:\\x..)+)>")

Image = dict[str, bytes]
"""The files of a folder by their names in it."""


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes at a place of a file."""

    name: str
    at: int
    content: bytes


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file's new size."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Make:
    """A file that was not there."""

    name: str


@dataclass(frozen=True, slots=True)
class Remove:
    """A file goes."""

    name: str


@dataclass(frozen=True, slots=True)
class Sync:
    """What was done to a file before is on disk; of a folder: its names are. `failed`: it is not."""

    name: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """The process told the world."""

    words: str


Step = Write | Truncate | Make | Remove | Sync | Said


def watched(command: Sequence[object], folder: Path, *inject: str) -> list[Step]:
    """Run the command under strace; its steps in the folder, in order. `inject`: faults, as strace has them."""
    trace = folder.with_name(f"{folder.name}.trace")
    faults = [f"--inject={each}" for each in inject]
    subprocess.run(["strace", "-f", "-y", "-xx", "-s", "10000000", f"--trace={CALLS}", *faults, "-o", trace,
                    *map(str, command)], check=True, capture_output=True, timeout=60)
    return list(_steps(trace.read_text(encoding="ascii"), folder))


def _steps(trace: str, folder: Path) -> Iterator[Step]:
    sizes: dict[str, int] = {}
    begun: dict[str, str] = {}
    for line in trace.splitlines():
        thread, words = _LINE.fullmatch(line).groups()
        if words.endswith(" <unfinished ...>"):
            begun[thread] = words.removesuffix(" <unfinished ...>")
            continue
        if resumed := _RESUMED.fullmatch(words):
            words = begun.pop(thread) + resumed[1]
        if call := _CALL.match(words):
            for step in _step(call[1], call[2], int(call[3]), sizes, folder):
                _note_size(step, sizes)
                yield step


def _step(call: str, arguments: str, result: int, sizes: dict[str, int], folder: Path) -> Iterator[Step]:
    name = _name_in(folder, arguments)
    if call == "write" and arguments.startswith("1<"):
        yield Said(_bytes(_QUOTED.search(arguments)[1]).decode())
    elif name is None or name.endswith("-shm"):        # an index of the -wal in memory: made anew after a kill
        return
    elif call in ("fsync", "fdatasync"):
        yield Sync(name, failed=result < 0)
    elif result < 0:
        return
    elif call == "openat" and "O_CREAT" in arguments and name not in sizes:
        yield Make(name)
    elif call == "pwrite64":
        content = _bytes(_QUOTED.search(arguments)[1])[:result]
        yield Write(name, int(arguments.rpartition(", ")[2]), content)
    elif call == "write":
        yield Write(name, sizes[name], _bytes(_QUOTED.search(arguments)[1])[:result])
    elif call == "ftruncate":
        yield Truncate(name, int(arguments.rpartition(", ")[2]))
    elif call == "unlink":
        yield Remove(name)


def _note_size(step: Step, sizes: dict[str, int]) -> None:
    match step:
        case Make(name):
            sizes[name] = 0
        case Write(name, at, content):
            sizes[name] = max(sizes[name], at + len(content))
        case Truncate(name, size):
            sizes[name] = size
        case Remove(name):
            del sizes[name]


def _name_in(folder: Path, arguments: str) -> str | None:
    found = _FILE.match(arguments.lstrip("0123456789")) if arguments[:1].isdigit() else _QUOTED.search(arguments)
    path = Path(_bytes(found[1]).decode()) if found else Path()
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else None


def _bytes(escaped: str) -> bytes:
    return bytes.fromhex(escaped.replace("\\x", ""))


def after_a_kill(steps: Sequence[Step]) -> Image:
    """Everything that was done, done."""
    image: dict[str, bytearray] = {}
    for step in steps:
        _do(step, image)
    return {name: bytes(content) for name, content in image.items()}


def after_a_power_cut(steps: Sequence[Step], chance: random.Random | None = None) -> Image:
    """What was synced, and of the rest by chance some; nothing of it without."""
    image: dict[str, bytearray] = {}
    for step in _kept(steps, chance):
        _do(step, image)
    return {name: bytes(content) for name, content in image.items()}


@dataclass
class _Disk:
    """What is not synced yet, as indexes of steps."""

    content: dict[str, list[int]] = field(default_factory=dict)
    names: dict[str, list[int]] = field(default_factory=dict)      # by folder


def _kept(steps: Sequence[Step], chance: random.Random | None) -> Iterator[Step]:
    for step, synced in zip(steps, _synced(steps), strict=True):
        if synced or (chance is not None and chance.random() < 0.5):
            yield step
        elif chance is not None and isinstance(step, Write) and chance.random() < 0.5:
            torn = chance.randrange(len(step.content) // SECTOR + 1) * SECTOR
            yield Write(step.name, step.at, step.content[:torn])


def _synced(steps: Sequence[Step]) -> list[bool]:
    synced = [False] * len(steps)
    disk = _Disk()
    for index, step in enumerate(steps):
        match step:
            case Write(name) | Truncate(name):
                disk.content.setdefault(name, []).append(index)
            case Make(name) | Remove(name):
                disk.names.setdefault(str(Path(name).parent), []).append(index)
                disk.content.pop(name, None)
            case Sync(name, failed):
                content = disk.content.pop(name, [])       # a later sync does not come back to what failed once
                for each in () if failed else (*content, *disk.names.pop(name, ())):
                    synced[each] = True
    return synced


def _do(step: Step, image: dict[str, bytearray]) -> None:
    match step:
        case Make(name):
            image.setdefault(name, bytearray())
        case Remove(name):
            image.pop(name, None)
        case Write(name, at, content) if name in image:
            file = image[name]
            file.extend(bytes(max(0, at - len(file))))
            file[at:at + len(content)] = content
        case Truncate(name, size) if name in image:
            file = image[name]
            file.extend(bytes(max(0, size - len(file))))
            del file[size:]
