"""Read a database that was set aside or restored, damaged as it may be: every row that still can be. Writes nothing.

A call is read whole, with its journey and hand-overs, or not at all: half of one would be told as what it is not.
"""

import sqlite3
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from shutil import copyfile
from tempfile import TemporaryDirectory
from typing import TypeVar

from sqlite_utils import Database

from slmon.core.account import Account
from slmon.core.coverage import GapTold
from slmon.core.facts import SAME_CALL, CallId, CallRecord, CallUnaccounted, GapMarked, Quality
from slmon.core.instant import Instant
from slmon.store.mending import account_from
from slmon.store.rows import COLUMNS, record_from, record_of, step_of, transfer_of
from slmon.store.schema import JOURNAL, StoreError, broken, refuse_foreign

PORTION = 1000
_CALLS = f"SELECT id, {', '.join(COLUMNS)} FROM calls NOT INDEXED WHERE id BETWEEN ? AND ?"
LEAST_ROW_BYTES = 64
BARREN = 10                        # portions of which nothing can be read, where the end is not known: there is no more

_NO_SENSE = (ValueError, TypeError, KeyError, AttributeError)      # what was read is not what is written there
Made = TypeVar("Made")


class Salvage:
    """One such database, opened; see `salvaging`."""

    def __init__(self, connection: sqlite3.Connection, tables: Collection[str]) -> None:
        self._connection = connection
        self._tables = tables
        self.unread: Counter[str] = Counter()
        """Rows that could not be read, by table; of calls at most so many."""
        self.holes: list[tuple[Instant | None, Instant | None]] = []
        """Between which ring-ins there may be calls that could not be read; None: before all, after all."""

    def calls(self) -> Iterator[list[CallRecord]]:
        """Every call that can be read, in portions, in the order of their rows."""
        before: Instant | None = None
        hole = False
        barren = 0
        last, is_known = self._last()
        for start in range(1, last + 1, PORTION):
            found: list[CallRecord] = []
            unread = self.unread["calls"]
            for record in self._between(start, min(start + PORTION - 1, last)):
                if record is None:
                    hole = True
                    continue
                if hole:
                    self.holes.append((before, record.arrived_at))
                    hole = False
                before = record.arrived_at
                found.append(record)
            yield found
            barren = barren + 1 if not found and self.unread["calls"] > unread else 0
            if barren == BARREN and not is_known:
                break
        if hole:
            self.holes.append((before, None))

    def told(self, record: CallRecord) -> tuple[CallRecord | None, tuple[Account, ...]]:
        """A call that was mended as it was heard, and what the sources told of it."""
        rows = "WHERE call = ? AND abs(arrived_at - ?) < ?", (record.call, record.arrived_at, SAME_CALL)
        told = self._made("accounts", _heard_or_told, *rows)
        return (next((each for each in told if isinstance(each, CallRecord)), None),
                tuple(each for each in told if isinstance(each, Account)))

    def gaps(self) -> list[GapMarked]:
        """Every gap that can be read."""
        return self._made("gaps", lambda row: GapMarked(
            row["pbx"], int(row["since"]), None if row["until"] is None else int(row["until"]), row["reason"],
            row["hides_at_most"] if "hides_at_most" in row.keys() else None))  # noqa: SIM118

    def moments_told(self) -> list[GapTold]:
        """The moments of which a source has told every call."""
        return self._made("told", lambda row: GapTold(
            row["pbx"], int(row["since"]), int(row["until"]), Quality(row["source"]), row["told_at"]))

    def unaccounted(self) -> list[CallUnaccounted]:
        """The calls whose end or answer nobody saw."""
        return self._made("unaccounted", lambda row: CallUnaccounted(
            CallId(row["call"]), int(row["at"]), row["reason"]))

    def audit(self) -> list[tuple[str, str, Instant]]:
        """Who did what, and when."""
        return self._made("audit", lambda row: (row["who"], row["what"], int(row["at"])))

    def heard_until(self) -> dict[str, Instant]:
        """Until when each PBX was heard, as noted."""
        return dict(self._made("notes", lambda row: (row["name"].removeprefix("heard "), int(row["value"])),
                               "WHERE name LIKE 'heard %'"))

    # -- inside

    def _last(self) -> tuple[int, bool]:
        """No call has a higher number; and whether there is one of it."""
        try:
            return int(self._connection.execute("SELECT max(id) FROM calls").fetchone()[0] or 0), True
        except sqlite3.DatabaseError:
            (pages,), (size,) = (self._connection.execute(f"PRAGMA {name}").fetchone()
                                 for name in ("page_count", "page_size"))
            return int(pages * size // LEAST_ROW_BYTES), False

    def _between(self, first: int, last: int) -> Iterator[CallRecord | None]:
        """The calls of these numbers, in order; None where something cannot be read: half by half around the damage."""
        try:
            rows = self._connection.execute(_CALLS, (first, last)).fetchall()
        except sqlite3.DatabaseError:
            if first == last:
                self.unread["calls"] += 1
                yield None
                return
            middle = (first + last) // 2
            yield from self._between(first, middle)
            yield from self._between(middle + 1, last)
        else:
            for row in rows:
                yield self._call(row)

    def _call(self, row: sqlite3.Row) -> CallRecord | None:
        try:
            steps, transfers = (self._connection.execute(
                f"SELECT * FROM {table} WHERE call_id = ? ORDER BY number", (row["id"],)).fetchall()
                for table in ("steps", "transfers"))
            return record_of(row, tuple(map(transfer_of, transfers)), tuple(map(step_of, steps)))
        except (sqlite3.DatabaseError, *_NO_SENSE):
            self.unread["calls"] += 1
            return None

    def _made(self, table: str, make: Callable[[sqlite3.Row], Made], which: str = "", values: Iterable[object] = ()
              ) -> list[Made]:
        """What the rows of a table say, as far as they can be read and say anything; an older slmon may have none."""
        found: list[Made] = []
        if table not in self._tables:
            return found
        try:
            for row in self._connection.execute(f"SELECT * FROM {table} {which}", tuple(values)):
                try:
                    found.append(make(row))
                except _NO_SENSE:
                    self.unread[table] += 1
        except sqlite3.DatabaseError:
            self.unread[table] += 1
        return found


def _heard_or_told(row: sqlite3.Row) -> CallRecord | Account:
    return record_from(row["told"]) if row["source"] == Quality.LIVE else account_from(row["told"])


@contextmanager
def salvaging(path: Path) -> Iterator[Salvage]:
    """The database, to be read. Raises StoreError when it is none of ours, or nothing of it can be read."""
    with ExitStack() as stack:
        stack.enter_context(_said(path))
        readable = stack.enter_context(_readable(path))
        connection = stack.enter_context(closing(sqlite3.connect(
            f"{readable.absolute().as_uri()}?mode=ro&immutable=1" if readable == path else readable, uri=True,
            check_same_thread=False)))
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA writable_schema = ON")      # else a file that was cut short is not even opened
        db = Database(connection, execute_plugins=False)
        try:
            refuse_foreign(path, db)
        except sqlite3.DatabaseError as error:
            if not broken(error):
                raise                              # else its version is past reading, and its calls may not be
        tables = frozenset(db.table_names())
        if "calls" not in tables:
            raise StoreError(f"{path}: is no database of slmon's")
        yield Salvage(connection, tables)


@contextmanager
def _readable(path: Path) -> Iterator[Path]:
    """The file itself; where a journal lies beside it a copy of both, for SQLite writes to what it reads with one."""
    if not path.is_file():
        raise StoreError(f"{path}: there is no such file")
    journal = Path(f"{path}{JOURNAL}")
    if not (journal.exists() and journal.stat().st_size):
        yield path
        return
    with TemporaryDirectory(prefix="slmon-") as folder:
        copy = Path(folder) / "copy.db"
        copyfile(path, copy)
        copyfile(journal, f"{copy}{JOURNAL}")
        yield copy


@contextmanager
def _said(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path}: cannot be read ({error}); merge the latest copy that slmon backup made") from None
    except OSError as error:
        raise StoreError(f"{error.filename or path}: {(error.strerror or str(error)).lower()}") from None
