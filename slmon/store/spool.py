"""What the database cannot take waits here on disk, and goes into it once, in order. Knows files and no calls.

One item a line, appended and synced. There is a first place and others for when it cannot be written; an item that
came later is never in an earlier place. The database itself remembers how far a file has been taken in, in the same
transaction as what was taken in, so that no kill and no failing disk makes anything come twice.
"""

import errno
import json
import os
import secrets
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Generic, TypeVar

import structlog
from sqlite_utils import Database

PORTION = 1000
_HEAD = b'{"spool": '

log = structlog.get_logger(__name__)

Item = TypeVar("Item")

_MARK = "INSERT INTO notes (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


def places(database: Path, folder: Path | None = None) -> tuple[Path, ...]:
    """Where what cannot be written waits: beside the database, and where that fails in the folder, else the system's
    for what passes."""
    elsewhere = folder or Path(tempfile.gettempdir())
    name = sha256(os.fsencode(database.absolute())).hexdigest()[:12]
    return database.with_name(f"{database.name}.spool"), elsewhere / f"slmon-{name}.spool"


class Spool(Generic[Item]):
    """The files of one database; for one thread."""

    def __init__(self, places: Sequence[Path], to_line: Callable[[Item], str], from_line: Callable[[str], Item]
                 ) -> None:
        """`from_line` raises ValueError for a line that is no item."""
        self._files = [_File(place) for place in places]
        self._to_line = to_line
        self._from_line = from_line
        self.unreadable = 0
        """Lines that were no item: torn by a power cut, or damaged. Each file's were logged."""

    @property
    def waiting(self) -> int:
        """How many items are on disk and not in the database."""
        return sum(file.waiting for file in self._files)

    @property
    def paths(self) -> list[Path]:
        """The files that hold something."""
        return [file.path for file in self._files if file.waiting]

    def keep(self, items: Iterable[Item]) -> None:
        """Put the items on disk, synced, behind what is there. Raises OSError, of the last place, when none can be
        written; then none of them is there."""
        lines = [self._to_line(item).encode() + b"\n" for item in items]
        if not lines:
            return
        last = max((index for index, file in enumerate(self._files) if file.waiting), default=0)
        trouble: OSError | None = None
        for file in self._files[last:]:
            try:
                file.append(lines)
            except OSError as error:
                trouble = error
            else:
                return
        assert trouble is not None
        raise trouble

    def give_back(self, db: Database, write: Callable[[Database, list[Item]], None]) -> None:
        """Write all that waits into the database, and remove the files once it is there for good."""
        for number, file in enumerate(self._files):
            if file.waiting:
                try:
                    self._give_back(db, write, file, f"spool {number}")
                except FileNotFoundError:
                    log.error("the spool was removed by somebody", spool=str(file.path), lost=file.waiting)
                    file.waiting = file.taken_until = 0

    def _give_back(self, db: Database, write: Callable[[Database, list[Item]], None], file: "_File", name: str
                   ) -> None:
        unreadable = self.unreadable
        with file.opened() as content:
            identity = _identity(content)
            file.go_on(content, _taken_in(db, name, identity))
            while lines := list(islice(content, PORTION)):
                with db.atomic():
                    write(db, list(self._items(lines)))
                    db.execute(_MARK, (name, f"{identity} {content.tell()}"))
                file.took(lines)
        if self.unreadable > unreadable:
            log.error("lines of the spool cannot be read", spool=str(file.path), lines=self.unreadable - unreadable)
        file.remove()

    def _items(self, lines: Iterable[bytes]) -> Iterator[Item]:
        for line in filter(_is_item, lines):
            try:
                yield self._from_line(line.decode())
            except ValueError:
                self.unreadable += 1


@dataclass(slots=True)
class _File:
    """One file; so many of its items are not in the database, which has it up to `taken_until` bytes."""

    path: Path
    waiting: int = 0
    taken_until: int = 0

    def __post_init__(self) -> None:
        try:
            with self.opened() as content:
                self.waiting = sum(map(_is_item, content))
        except FileNotFoundError:
            return
        except OSError as error:
            log.error("a spool cannot be read", spool=str(self.path), reason=error.strerror)

    def opened(self) -> BinaryIO:
        """For reading. Raises OSError, also when the file is not our own."""
        return os.fdopen(_open(self.path, os.O_RDONLY), "rb")

    def append(self, lines: list[bytes]) -> None:
        """All of them or none. Raises OSError."""
        file = _open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            size = os.fstat(file).st_size
            try:
                _write_whole(file, _start(file, size) + b"".join(lines))
                os.fsync(file)
                if not size:
                    _sync_folder(self.path.parent)
            except OSError:
                self._take_back(file, size)
                raise
        finally:
            os.close(file)
        self.waiting += len(lines)

    def _take_back(self, file: int, size: int) -> None:
        """As it was before, and nothing where there was nothing."""
        os.ftruncate(file, size)
        if not size:
            self.path.unlink()

    def go_on(self, content: BinaryIO, since: int) -> None:
        """Place the reading where the database stands."""
        content.seek(since)
        if since != self.taken_until:
            self.taken_until = since
            self.waiting = sum(map(_is_item, content))
            content.seek(since)

    def took(self, lines: list[bytes]) -> None:
        """These are in the database for good."""
        self.taken_until += sum(map(len, lines))
        self.waiting -= sum(map(_is_item, lines))

    def remove(self) -> None:
        """All of it is in the database. Where the file has to stay, the database knows it by its identity."""
        try:
            self.path.unlink()
            _sync_folder(self.path.parent)
        except OSError as error:
            log.warning("a spool cannot be removed; all of it is saved", spool=str(self.path), reason=error.strerror)
        else:
            self.taken_until = 0


def _is_item(line: bytes) -> bool:
    return line != b"\n" and not line.startswith(_HEAD)


def _start(file: int, size: int) -> bytes:
    """What goes before the lines: who the file is, or an end to a line that a kill cut short."""
    if not size:
        return _HEAD + b'"%s"}\n' % secrets.token_hex(8).encode()
    os.lseek(file, size - 1, os.SEEK_SET)
    return b"" if os.read(file, 1) == b"\n" else b"\n"


def _identity(content: BinaryIO) -> str:
    """By what the database knows the file; "" when its head is torn, and then it is taken in from its beginning."""
    try:
        return str(json.loads(content.readline())["spool"])
    except (ValueError, TypeError, KeyError):
        return ""


def _taken_in(db: Database, name: str, identity: str) -> int:
    row = db.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
    known, _, until = (row[0] if row else "").partition(" ")
    return int(until) if identity and known == identity else 0


def _open(path: Path, flags: int) -> int:
    """The file, for its owner alone. In a folder where others may write it must be nobody else's, and no link."""
    file = os.open(path, flags | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0), 0o600)
    found = os.fstat(file)
    if not stat.S_ISREG(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        os.close(file)
        raise PermissionError(errno.EPERM, "is not this user's own file; remove it", str(path))
    return file


def _write_whole(file: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest):]


def _sync_folder(folder: Path) -> None:
    """So that the file's name survives a power cut as its content does."""
    if os.name == "nt":
        return                                     # a folder cannot be opened there
    file = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
