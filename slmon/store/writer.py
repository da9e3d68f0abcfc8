"""One thread that writes in batches, and keeps what it could not write until it can. Knows no table and no call."""

import sqlite3
import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import structlog
from sqlite_utils import Database

from slmon.store.schema import StoreError, broken, code_of
from slmon.store.spool import Spool

log = structlog.get_logger(__name__)

Item = TypeVar("Item", bound=Hashable)

_WORDS = {
    sqlite3.SQLITE_FULL: "the disk is full",
    sqlite3.SQLITE_IOERR: "the disk cannot be written",
    sqlite3.SQLITE_BUSY: "another program has the database locked",
    sqlite3.SQLITE_LOCKED: "another program has the database locked",
    sqlite3.SQLITE_READONLY: "the database may not be written by this user",
    sqlite3.SQLITE_CANTOPEN: "the database cannot be opened",
    sqlite3.SQLITE_CORRUPT: "the database is damaged",
    sqlite3.SQLITE_NOTADB: "the database is damaged",
}
_KEEP_OPEN = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def words(error: BaseException) -> str:
    """What is the matter, for people."""
    return _WORDS.get(code_of(error), str(error) or type(error).__name__)


class Writer(Generic[Item]):
    """Writes items in the background; a later item of the same key replaces one that still waits.

    What cannot be written goes into the spool; where that fails too it waits in memory, up to a bound.
    """

    def __init__(self, connect: Callable[[], Database], is_there: Callable[[], bool],
                 write: Callable[[Database, Item], Item | None],
                 condense: Callable[[list[Item]], tuple[dict[Hashable, Item], int]], spool: Spool[Item],
                 batch_seconds: float, retry_seconds: float, in_memory: int) -> None:
        """`is_there` tells whether what was connected to is still what others will find; it and `connect`, `write` and
        `condense` run on the writer's own thread. `write` puts one item into an open
        transaction, and gives what is left of it for a later one. `condense` says what must stay of items for which
        memory has no room, and how many are let go."""
        self._connect = connect
        self._is_there = is_there
        self._write = write
        self._condense = condense
        self._spool = spool
        self._batch_seconds = batch_seconds
        self._retry_seconds = retry_seconds
        self._in_memory = in_memory
        self._changed = threading.Condition()
        self._waiting: dict[Hashable, Item] = {}
        self._in_hand: dict[Hashable, Item] = {}
        self._taken = 1 if spool.waiting else 0    # how many puts there were, what was spooled before being one,
        self._batch_end = self._taken              # up to which of them are in hand,
        self._durable = 0                          # and up to which all is in the database
        self._hurry = False
        self._anew = False                         # the database is to be opened again before the next write
        self._closing = False
        self._given_up = False
        self._trouble: str | None = None
        self._spool_trouble: str | None = None
        self._db: Database | None = None           # the thread's own
        self.trouble_since: float | None = None
        """Since when nothing can be written, by the host's clock in seconds since 1970."""
        self.refused = 0
        """Items that can never be written; each was logged."""
        self.dropped = 0
        """Items that were let go of, for there was room nowhere."""
        self._thread = threading.Thread(target=self._run, name="store writer", daemon=True)
        self._thread.start()

    @property
    def pending(self) -> int:
        """How many items are not in the database yet."""
        with self._changed:
            return len(self._waiting.keys() | self._in_hand.keys()) + self._spool.waiting

    @property
    def trouble(self) -> str | None:
        """Why nothing can be written at the moment, in words; None while all is well."""
        if self._trouble is None or self._spool_trouble is None:
            return self._trouble
        lost = f"; {self.dropped} calls are lost" if self.dropped else ""
        return f"{self._trouble}; the spool cannot be written either: {self._spool_trouble}{lost}"

    def put(self, key: Hashable, item: Item) -> None:
        """Have the item written. Never waits for the disk."""
        with self._changed:
            if self._closing:
                raise RuntimeError("the store is closed")
            self._waiting.pop(key, None)       # to the end of the line: what came later is written later
            self._waiting[key] = item
            self._taken += 1
            if len(self._waiting) == 1:
                self._changed.notify_all()

    def flush(self, timeout: float | None = None, patient: bool = True) -> bool:
        """Wait until all that was put before is on disk; False when the time ran out. Not for the event loop.

        Who is not `patient` does not wait for trouble to pass.
        """
        with self._changed:
            wanted = self._taken
            self._hurry = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._durable >= wanted or not self._thread.is_alive()
                                   or not (patient or self._trouble is None), timeout)
            return self._durable >= wanted

    def open_anew(self) -> None:
        """Connect again before anything more is written: the database is not what it was."""
        with self._changed:
            self._anew = True
            self._taken += 1
            self._changed.notify_all()

    def close(self, timeout: float | None) -> bool:
        """Write what waits and stop; False when something is neither in the database nor in the spool."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        written = self.flush(timeout)
        with self._changed:
            self._given_up = True
            self._changed.notify_all()
        self._thread.join(timeout)
        return written or not (self._thread.is_alive() or self._waiting or self._in_hand)

    # -- the thread

    def _run(self) -> None:
        try:
            if self._spool.waiting:
                self._put_down()
            while self._take():
                self._put_down()
        finally:
            self._disconnect()
            with self._changed:
                self._changed.notify_all()

    def _take(self) -> bool:
        """Wait for items, gather them for a moment, and take them in hand; False when it is over."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._anew or self._closing)
            if not (self._waiting or self._anew):
                return False
            self._changed.wait_for(lambda: self._hurry or self._closing, self._batch_seconds)
            self._hurry = False
            self._in_hand, self._waiting = self._waiting, {}
            self._batch_end = self._taken
            return True

    def _put_down(self) -> None:
        """Write what is in hand, however long it takes."""
        began = time.monotonic()
        while True:
            try:
                self._write_all()
            except Exception as error:      # whatever it is: the calls are kept, and it is said
                self._in_trouble(error)
                self._put_aside()
                if not self._wait_to_retry():
                    self._put_aside()
                    return
            else:
                break
        if self._trouble is not None:
            log.warning("saving again", after_seconds=round(time.monotonic() - began, 1), dropped=self.dropped)
        with self._changed:
            self._trouble = self._spool_trouble = self.trouble_since = None
            self._in_hand = {}
            self._durable = self._batch_end
            self._changed.notify_all()

    def _write_all(self) -> None:
        with self._changed:
            anew, self._anew = self._anew, False
        if anew or (self._db is not None and not self._is_there()):
            self._disconnect()
        if self._db is None:
            self._db = self._connect()
        self._spool.give_back(self._db, self._write_batch)     # it came before what is in hand
        self._write_batch(self._db, list(self._in_hand.values()))

    def _write_batch(self, db: Database, items: list[Item]) -> None:
        try:
            with db.atomic():
                left = [more for item in items if (more := self._write(db, item)) is not None]
            self._put_back(left)
        except (sqlite3.OperationalError, StoreError):
            raise
        except sqlite3.DatabaseError as error:
            if broken(error):
                raise
            self._one_by_one(db, items)
        except (ValueError, OverflowError, TypeError):
            self._one_by_one(db, items)

    def _put_back(self, items: list[Item]) -> None:
        """There is more to be done of these, once others had their turn; at the end nobody waits for it."""
        with self._changed:
            for item in () if self._closing else items:
                self._waiting.setdefault(item, item)

    def _one_by_one(self, db: Database, items: list[Item]) -> None:
        """One item that can never be written must not keep the others from it."""
        for item in items:
            try:
                with db.atomic():
                    self._write(db, item)
            except (sqlite3.IntegrityError, sqlite3.ProgrammingError, ValueError, OverflowError, TypeError) as error:
                self.refused += 1
                log.error("cannot be saved", item=type(item).__name__, reason=type(error).__name__)

    def _in_trouble(self, error: Exception) -> None:
        said = words(error)
        if said != self._trouble:
            log.error("not saving", reason=said, waiting=self.pending)
        with self._changed:
            self.trouble_since = self.trouble_since or time.time()
            self._trouble = said
            self._changed.notify_all()
        if code_of(error) not in _KEEP_OPEN:
            self._disconnect()

    def _put_aside(self) -> None:
        """Have what is in hand on disk at least; what can be put nowhere stays in memory as far as there is room."""
        try:
            self._spool.keep(self._in_hand.values())
        except OSError as error:
            said = error.strerror or str(error)
            if said != self._spool_trouble:
                log.error("the spool cannot be written either", spool=error.filename, reason=said,
                          in_memory=len(self._in_hand), at_most=self._in_memory)
            self._spool_trouble = said
            self._make_room()
        else:
            self._spool_trouble = None
            with self._changed:
                self._in_hand = {}

    def _make_room(self) -> None:
        surplus = list(self._in_hand)[:max(0, len(self._in_hand) - self._in_memory)]
        if not surplus:
            return
        with self._changed:
            stay, gone = self._condense([self._in_hand.pop(key) for key in surplus])
            self._in_hand = {**stay, **self._in_hand}
        if not self.dropped:
            log.error("calls are dropped, for they can be written nowhere; /-/ready counts them")
        self.dropped += gone

    def _wait_to_retry(self) -> bool:
        """Wait, and take in what came meanwhile; False when closing took too long, for then nobody waits any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._hurry or self._given_up, self._retry_seconds)
            self._hurry = False
            for key in self._waiting:
                self._in_hand.pop(key, None)
            self._in_hand.update(self._waiting)
            self._waiting = {}
            self._batch_end = self._taken
            return not self._given_up

    def _disconnect(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
