"""Keep the calls: save never waits, one thread writes, nothing known is lost. Knows no rule and judges nothing."""

import os
import sqlite3
import threading
from collections.abc import Hashable
from dataclasses import replace
from pathlib import Path

import structlog
from sqlite_utils import Database

from slmon.core.account import Account
from slmon.core.coverage import GapTold
from slmon.core.facts import CallRecord, CallUnaccounted, GapMarked
from slmon.core.instant import SECOND, Instant
from slmon.privacy import CallerKey, kept_caller
from slmon.store import kept, schema
from slmon.store.kept import Deed, Kept, Mend, Note, Purge
from slmon.store.mending import Mended
from slmon.store.reader import CallReader
from slmon.store.schema import StoreBusy, StoreError
from slmon.store.spool import Spool, places
from slmon.store.writer import Writer, words

__all__ = ["CallReader", "CallStore", "StoreError"]

log = structlog.get_logger(__name__)

BATCH_SECONDS = 0.5
RETRY_SECONDS = 1.0
SPOOL_SECONDS = 60.0               # so long at most a start waits for what was spooled before
IN_MEMORY = 10_000                 # calls and other things at most, while they can be written nowhere
DAY = 24 * 3600 * SECOND

_PASSES = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


class CallStore(CallReader):
    """The stored calls of one file, for the one process that writes them."""

    def __init__(self, path: Path, caller_key: CallerKey | None = None, *, batch_seconds: float = BATCH_SECONDS,
                 retry_seconds: float = RETRY_SECONDS, spool: Path | None = None, in_memory: int = IN_MEMORY
                 ) -> None:
        """Raises StoreError when another process writes to the file, or it cannot be used.

        A broken file is set aside, see `set_aside`: at once where its beginning is broken, else as soon as the whole of
        it was looked at, which keeps nobody waiting. A full disk or a locked database is no error: see `trouble`.
        `caller_key` makes pseudonyms of callers' numbers; without it no caller is kept. `spool`: the folder where what
        cannot be written waits when the database's own cannot be written either; else the system's temporary one.
        """
        super().__init__(path)
        self.set_aside: Path | None = None
        """The last broken database that lies beside it, for a person to act on: merge it, or take it away."""
        self._caller_key = caller_key
        self._opened = False
        self._file: tuple[int, int] | None = None           # the writer's own
        self._unproven: dict[Hashable, Kept] | None = {}    # what went into a database that is being looked at
        self._proving = threading.Lock()
        self._lock = _lock(path)
        try:
            ready = self._look()
        except BaseException:
            self._lock.close()
            raise
        self._spool = Spool[Kept](places(path, spool), kept.to_line, kept.from_line)
        self._writer: Writer[Kept] = Writer(self._connect, self._is_there, kept.write, kept.condensed, self._spool,
                                            batch_seconds, retry_seconds, in_memory)
        if ready and self._spool.waiting:
            self._writer.flush(SPOOL_SECONDS, patient=False)     # who asks what was kept shall find it
        self._check = schema.Check(path, self._proved)

    # -- saving

    def save(self, record: CallRecord) -> None:
        """Keep what is known of a call, in place of what was. Never waits; on disk within a second."""
        self._put(self._hidden(record))

    def mend(self, mended: Mended, at: Instant) -> None:
        """Keep a call as other sources make it, what they told, and what was changed at this instant."""
        self._put(Mend(Mended(self._hidden(mended.record), mended.stored, mended.heard, tuple(
            self._hidden_account(each) for each in mended.accounts), mended.gone), at))

    def keep_account(self, account: Account) -> None:
        """Keep what a source told, though no call is known that it tells of."""
        self._put(self._hidden_account(account))

    def mark_gap(self, gap: GapMarked) -> None:
        """Keep a gap; the same beginning again replaces it, so that an open gap can be closed."""
        self._put(gap)

    def mark_told(self, told: GapTold, at: Instant) -> None:
        """Keep that a source has told, at this instant, every call of these moments."""
        self._put(replace(told, told_at=at))

    def mark_unaccounted(self, fact: CallUnaccounted) -> None:
        """Keep that nobody saw this call's end or answer."""
        self._put(fact)

    def put_note(self, name: str, value: str) -> None:
        """Keep a word under a name, such as the last moment that a PBX was heard."""
        self._put(Note(name, value))

    def audit(self, who: str, what: str, at: Instant) -> None:
        """Keep that somebody did something at this instant, such as `leder`, `goals odense 2026-W47`."""
        self._put(Deed(at, who, what))

    def purge(self, keep_days: int, now: Instant) -> None:
        """Delete calls, gaps, unaccounted calls and the audit that are older; a call that is open yet stays.

        A portion at a time, with what else is to be written in between: it may take minutes until all are gone.
        """
        self._put(Purge(now - keep_days * DAY))

    # -- how it goes

    @property
    def pending(self) -> int:
        """How many calls and other things are not in the database yet."""
        return self._writer.pending

    @property
    def spooled(self) -> int:
        """How many of them are on disk beside it, and survive a kill."""
        return self._spool.waiting

    @property
    def dropped(self) -> int:
        """How many were let go of, for nothing could be written anywhere; their time is kept as a gap."""
        return self._writer.dropped

    @property
    def trouble(self) -> str | None:
        """Why nothing can be saved at the moment, in words; None while all is well."""
        return self._writer.trouble

    @property
    def not_saving_since(self) -> Instant | None:
        """Since when nothing can be saved, by the host's clock."""
        since = self._writer.trouble_since
        return None if since is None else round(since * SECOND)

    @property
    def refused(self) -> int:
        """How many things could never be written, whatever the disk does; a mistake of ours, and logged."""
        return self._writer.refused

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was saved before is in the database; False when the time ran out. Not for the event loop.
        """
        return self._writer.flush(timeout)

    def checked(self) -> None:
        """Wait until all of the file was looked at, and a broken one is set aside. Not for the event loop."""
        self._check.wait()
        self.flush()

    def close(self, timeout: float | None = 10.0) -> bool:
        """Write what waits and let go of the file; False when something is neither in the database nor in the spool."""
        self._check.end()
        try:
            written = self._writer.close(timeout)
            if not written:
                log.error("closed with calls that are not saved", waiting=self.pending - self.spooled,
                          reason=self.trouble)
            if self.spooled:
                log.warning("some calls wait beside the database, to be saved at the next start", waiting=self.spooled,
                            spool=" ".join(map(str, self._spool.paths)))
            return written
        finally:
            self._lock.close()

    def look_aside(self) -> None:
        """Look again whether a broken database lies there. Not for the event loop."""
        self.set_aside = max(schema.broken_databases(self.path), default=None)

    # -- inside

    def _put(self, item: Kept) -> None:
        key = kept.key_of(item)
        with self._proving:
            if self._unproven is not None:
                self._unproven.pop(key, None)
                self._unproven[key] = item
            self._writer.put(key, item)

    def _proved(self, sound: bool) -> None:
        """On the check's thread: all of the file was looked at. What went into a broken one goes into the new one too.
        """
        with self._proving:
            again, self._unproven = self._unproven, None
            if not sound:
                self._opened = True
                self._writer.open_anew()
                for key, item in (again or {}).items():
                    self._writer.put(key, item)

    def _hidden(self, record: CallRecord) -> CallRecord:
        return replace(record, caller=kept_caller(record.caller, self._caller_key))

    def _hidden_account(self, account: Account) -> Account:
        return replace(account, record=self._hidden(account.record))

    def _look(self) -> bool:
        """Whether the database is sound and ready now."""
        try:
            self._open(check=False).close()
        except sqlite3.OperationalError as error:
            if schema.code_of(error) not in _PASSES:
                raise StoreError(f"{self.path}: {words(error)}; look to its rights, or change [store] path") from None
            log.error("not saving", reason=words(error))
            return False
        return True

    def _connect(self) -> Database:
        """On the writer's thread: the first time the file is looked at beside it; later something has gone wrong."""
        again, self._opened = self._opened, True
        db = self._open(check=again)
        self._file = _file_at(self.path)
        return db

    def _is_there(self) -> bool:
        """On the writer's thread: SQLite would write on into a file that was removed, and nobody find it again."""
        if _file_at(self.path) == self._file:
            return True
        log.error("the database was removed or replaced while slmon ran; what was saved before is not in it",
                  database=str(self.path))
        return False

    def _open(self, check: bool) -> Database:
        db, aside = schema.opened(self.path, check)
        if aside is not None:
            log.error("the database was damaged and is set aside; a new one begins", set_aside=str(aside))
        self.look_aside()
        return db


def _file_at(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def is_locked(path: Path) -> bool:
    """Whether a slmon writes to the store at this moment."""
    try:
        _lock(path).close()
    except StoreBusy:
        return True
    return False


def _lock(path: Path) -> sqlite3.Connection:
    """A lock that ends with the process, however it ends; a tiny database, for every system can lock those. Whatever
    link leads to the file, there is one."""
    path = path.resolve()
    lock = path.with_name(f"{path.name}.lock")
    if not path.parent.is_dir():
        raise StoreError(f"{path}: its folder is not there; make {path.parent}, or change [store] path")
    try:
        connection = sqlite3.connect(lock, timeout=0, isolation_level=None, check_same_thread=False)
    except sqlite3.OperationalError as error:
        raise StoreError(f"{lock}: cannot be made ({words(error)}); give this user the right to") from None
    try:
        connection.execute("PRAGMA journal_mode = OFF")      # nothing is ever written, so a full disk is no hindrance
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        connection.close()
        if schema.code_of(error) == sqlite3.SQLITE_BUSY:
            raise StoreBusy(f"{path}: another slmon{_owner(lock)} writes to it; stop that one first, or give this one "
                             "a [store] path of its own") from None
        raise StoreError(f"{lock}: cannot be written ({words(error)}); give this user the right to") from None
    _sign(lock)
    return connection


def _sign(lock: Path) -> None:
    """Leave word of who holds the lock; a help for people, so it may fail."""
    try:
        lock.with_suffix(".pid").write_text(f"{os.getpid()}\n", encoding="ascii")
    except OSError:
        return


def _owner(lock: Path) -> str:
    try:
        return f" (process {int(lock.with_suffix('.pid').read_text(encoding='ascii'))})"
    except (OSError, ValueError):
        return ""
