"""Keep the calls: save never waits, one thread writes, nothing known is lost. Knows no rule and judges nothing."""

import os
import sqlite3
from collections.abc import Hashable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import assert_never

import structlog
from sqlite_utils import Database

from slmon.core.facts import CallRecord, CallUnaccounted, GapMarked
from slmon.core.instant import SECOND, Instant
from slmon.core.reconcile import Account
from slmon.privacy import CallerKey, kept_caller
from slmon.store import schema
from slmon.store.mending import Mended, write_account, write_mended
from slmon.store.reader import CallReader
from slmon.store.rows import COLUMNS, call_row, step_rows, text, transfer_rows
from slmon.store.schema import StoreBusy, StoreError
from slmon.store.writer import Writer, words

__all__ = ["CallReader", "CallStore", "StoreError"]

log = structlog.get_logger(__name__)

SAME_CALL = 3600 * SECOND          # the same id later than this is another call
BATCH_SECONDS = 0.5
RETRY_SECONDS = 1.0
DAY = 24 * 3600 * SECOND

_PASSES = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

_FIND = ("SELECT id FROM calls WHERE call = ? AND arrived_at BETWEEN ? AND ? "
         "ORDER BY abs(arrived_at - ?) LIMIT 1")
_INSERT = f"INSERT INTO calls ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_UPDATE = f"UPDATE calls SET {', '.join(f'{column} = ?' for column in COLUMNS)} WHERE id = ?"
_MARK_GAP = ("INSERT INTO gaps (pbx, since, until, reason) VALUES (?, ?, ?, ?) "
             "ON CONFLICT (pbx, since) DO UPDATE SET until = excluded.until, reason = excluded.reason")
_NOTE = "INSERT INTO notes (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


@dataclass(frozen=True, slots=True)
class _Note:
    name: str
    value: str


@dataclass(frozen=True, slots=True)
class _Purge:
    before: Instant


@dataclass(frozen=True, slots=True)
class _Mend:
    mended: Mended
    at: Instant


_Kept = CallRecord | GapMarked | CallUnaccounted | _Note | _Purge | _Mend | Account


class CallStore(CallReader):
    """The stored calls of one file, for the one process that writes them."""

    def __init__(self, path: Path, caller_key: CallerKey | None = None, *, batch_seconds: float = BATCH_SECONDS,
                 retry_seconds: float = RETRY_SECONDS) -> None:
        """Raises StoreError when another process writes to the file, or it cannot be used.

        A broken file is set aside first, see `set_aside`. A full disk or a locked database is no error: see `trouble`.
        `caller_key` makes pseudonyms of callers' numbers; without it no caller is kept.
        """
        super().__init__(path)
        self.set_aside: Path | None = None
        """Where a broken database was moved; it is for a person to look at."""
        self._caller_key = caller_key
        self._lock = _lock(path)
        try:
            self._checked = self._look()
        except BaseException:
            self._lock.close()
            raise
        self._writer: Writer[_Kept] = Writer(self._connect, _write, batch_seconds, retry_seconds)

    # -- saving

    def save(self, record: CallRecord) -> None:
        """Keep what is known of a call, in place of what was. Never waits; on disk within a second."""
        kept = replace(record, caller=kept_caller(record.caller, self._caller_key))
        self._put((CallRecord, record.call, record.arrived_at), kept)

    def mend(self, mended: Mended, at: Instant) -> None:
        """Keep a call as other sources make it, what they told, and what was changed at this instant."""
        def hidden(record: CallRecord) -> CallRecord:
            return replace(record, caller=kept_caller(record.caller, self._caller_key))

        kept = Mended(hidden(mended.record), mended.stored, mended.heard, tuple(
            replace(each, record=hidden(each.record)) for each in mended.accounts))
        self._put((_Mend, kept.record.call, kept.record.arrived_at), _Mend(kept, at))

    def keep_account(self, account: Account) -> None:
        """Keep what a source told, though no call is known that it tells of."""
        kept = replace(account, record=replace(
            account.record, caller=kept_caller(account.record.caller, self._caller_key)))
        self._put((Account, kept.source, kept.record.call, kept.record.arrived_at), kept)

    def mark_gap(self, gap: GapMarked) -> None:
        """Keep a gap; the same beginning again replaces it, so that an open gap can be closed."""
        self._put((GapMarked, gap.pbx, gap.since), gap)

    def mark_unaccounted(self, fact: CallUnaccounted) -> None:
        """Keep that nobody saw this call's end or answer."""
        self._put((CallUnaccounted, fact), fact)

    def put_note(self, name: str, value: str) -> None:
        """Keep a word under a name, such as the last moment that a PBX was heard."""
        self._put((_Note, name), _Note(name, value))

    def purge(self, keep_days: int, now: Instant) -> None:
        """Delete calls, gaps and unaccounted calls that are older; a call that is open yet stays."""
        self._put(_Purge, _Purge(now - keep_days * DAY))

    # -- how it goes

    @property
    def pending(self) -> int:
        """How many calls and other things are not on disk yet."""
        return self._writer.pending

    @property
    def trouble(self) -> str | None:
        """Why nothing can be saved at the moment, in words; None while all is well."""
        return self._writer.trouble

    @property
    def refused(self) -> int:
        """How many things could never be written, whatever the disk does; a mistake of ours, and logged."""
        return self._writer.refused

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was saved before is on disk; False when the time ran out. Not for the event loop."""
        return self._writer.flush(timeout)

    def close(self, timeout: float | None = 10.0) -> bool:
        """Write what waits and let go of the file; False when something could not be written in time."""
        try:
            written = self._writer.close(timeout)
            if not written:
                log.error("closed with calls that are not saved", waiting=self.pending, reason=self.trouble)
            return written
        finally:
            self._lock.close()

    # -- inside

    def _put(self, key: Hashable, item: _Kept) -> None:
        self._writer.put(key, item)

    def _look(self) -> bool:
        """Whether the database is sound and ready now."""
        try:
            self._open(check=True).close()
        except sqlite3.OperationalError as error:
            if schema.code_of(error) not in _PASSES:
                raise StoreError(f"{self.path}: {words(error)}; look to its rights, or change [store] path") from None
            log.error("not saving", reason=words(error))
            return False
        return True

    def _connect(self) -> Database:
        """On the writer's thread: the file was checked just now, or something has gone wrong with it since."""
        checked, self._checked = self._checked, False
        return self._open(check=not checked)

    def _open(self, check: bool) -> Database:
        db, aside = schema.opened(self.path, check)
        if aside is not None:
            self.set_aside = aside
            log.error("the database was damaged and is set aside; a new one begins", set_aside=str(aside))
        return db


def is_locked(path: Path) -> bool:
    """Whether a slmon writes to the store at this moment."""
    try:
        _lock(path).close()
    except StoreBusy:
        return True
    return False


def _lock(path: Path) -> sqlite3.Connection:
    """A lock that ends with the process, however it ends; a tiny database, for every system can lock those."""
    lock = path.with_name(f"{path.name}.lock")
    if not path.parent.is_dir():
        raise StoreError(f"{path}: its folder is not there; make {path.parent}, or change [store] path")
    connection = sqlite3.connect(lock, timeout=0, isolation_level=None, check_same_thread=False)
    try:
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


def _write(db: Database, item: _Kept) -> None:
    match item:
        case CallRecord():
            _write_call(db, item)
        case GapMarked():
            db.execute(_MARK_GAP, (text(item.pbx), item.since, item.until, text(item.reason)))
        case CallUnaccounted():
            db.execute("INSERT OR IGNORE INTO unaccounted (call, at, reason) VALUES (?, ?, ?)",
                       (text(item.call), item.at, text(item.reason)))
        case _Note():
            db.execute(_NOTE, (text(item.name), text(item.value)))
        case _Purge():
            _purge(db, item.before)
        case Account():
            write_account(db, item)
        case _Mend():
            _write_call(db, item.mended.record)
            write_mended(db, item.mended, item.at)
        case _:
            assert_never(item)


def _write_call(db: Database, record: CallRecord) -> None:
    row = call_row(record)
    at = record.arrived_at
    found = db.execute(_FIND, (text(record.call), at - SAME_CALL, at + SAME_CALL, at)).fetchone()
    if found is None:
        call_id = db.execute(_INSERT, row).lastrowid
        assert call_id is not None
    else:
        (call_id,) = found
        db.execute(_UPDATE, (*row, call_id))
        db.execute("DELETE FROM steps WHERE call_id = ?", (call_id,))
        db.execute("DELETE FROM transfers WHERE call_id = ?", (call_id,))
    with closing(db.conn.cursor()) as cursor:
        cursor.executemany("INSERT INTO steps VALUES (?, ?, ?, ?, ?)", step_rows(call_id, record.steps))
        cursor.executemany("INSERT INTO transfers VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                           transfer_rows(call_id, record.transfers))


def _purge(db: Database, before: Instant) -> None:
    db.execute("DELETE FROM calls WHERE arrived_at < ? AND ended_at IS NOT NULL", (before,))
    db.execute("DELETE FROM gaps WHERE until < ?", (before,))
    db.execute("DELETE FROM unaccounted WHERE at < ?", (before,))
    db.execute("DELETE FROM accounts WHERE arrived_at < ?", (before,))
    db.execute("DELETE FROM corrections WHERE arrived_at < ?", (before,))
