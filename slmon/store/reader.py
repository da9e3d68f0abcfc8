"""Read what is kept, beside the writer and without waiting for it.

What was saved within the last second may be missing. Every question opens its own read-only connection, so any
thread may ask. Of many calls a portion at a time is read, so that none keeps the database's journal from being emptied:
they are those of one moment, and each is as it is when it is read. Where the file cannot be read, the question raises
StoreError.
"""

import json
import sqlite3
from array import array
from collections import defaultdict
from collections.abc import Collection, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

from sqlite_utils import Database

from slmon.core.account import BEGINNING, LONGEST_CALL, Account
from slmon.core.coverage import GapTold, Told
from slmon.core.facts import FOUND, CallId, CallRecord, CallUnaccounted, GapMarked, Quality, Step, Transfer
from slmon.core.instant import SECOND, Instant
from slmon.store.mending import Correction, account_from
from slmon.store.rows import COLUMNS, record_from, record_of, step_of, transfer_of
from slmon.store.schema import BUSY_SECONDS, StoreError, broken, migrations, refuse_foreign

_PORTION = 1000
_NOTED_WITHIN = 10 * SECOND            # two notes of until when a PBX was heard are less apart
_OF_IDS = "id IN (SELECT value FROM json_each(?))"
_OF_CALLS = "call_id IN (SELECT value FROM json_each(?))"
_CALLS = f"SELECT id, {', '.join(COLUMNS)} FROM calls"


class CallReader:
    """The stored calls of one file."""

    def __init__(self, path: Path) -> None:
        """Nothing is opened yet; `check` tells whether it can be."""
        self.path = path

    def check(self) -> None:
        """Raises StoreError when the file is missing, another program's, or of another version of slmon."""
        if not self.path.is_file():
            raise StoreError(f"{self.path}: there is no such file; slmon run makes it, or change [store] path")
        with self._asking() as connection:
            db = Database(connection, execute_plugins=False)
            refuse_foreign(self.path, db)
            if migrations.pending(db):
                raise StoreError(f"{self.path}: is of an older slmon; start slmon run once to bring it up to date")

    def open_calls(self, pbx: str) -> list[CallRecord]:
        """The calls of a PBX that have not ended, or whose end was not sealed; in order of arrival."""
        return list(self._records("pbx = ? AND (ended_at IS NULL OR outcome IS NULL)", (pbx,)))

    def since(self, at: Instant) -> Iterator[CallRecord]:
        """The calls that rang in at this instant or later, with their steps, in order of arrival."""
        return self._records("arrived_at >= ?", (at,))

    def between(self, start: Instant, end: Instant, steps: Collection[str] | None = None) -> Iterator[CallRecord]:
        """The calls that rang in in [start, end), in order of arrival; with all steps, or only these, which is quicker.
        """
        return self._records("arrived_at >= ? AND arrived_at < ?", (start, end), steps)

    def count(self) -> int:
        """How many calls are kept."""
        with self._asking() as connection:
            return int(connection.execute("SELECT count(*) FROM calls").fetchone()[0])

    def named(self, call: CallId) -> list[CallRecord]:
        """The calls of that id; more than one after a restart of the PBX."""
        return list(self._records("call = ?", (call,)))

    def last_arrival(self, before: Instant) -> Instant | None:
        """When the last call before that instant rang in; None when there is none."""
        return self._instant("SELECT max(arrived_at) FROM calls WHERE arrived_at < ?", (before,))

    def gaps(self, start: Instant, end: Instant) -> list[GapMarked]:
        """The gaps that touch [start, end), the earliest first, each with the source that has filled it since."""
        with self._asking() as connection:
            rows = connection.execute(
                "SELECT pbx, since, until, reason, hides_at_most FROM gaps "
                "WHERE since < ? AND (until IS NULL OR until > ?) ORDER BY since, pbx", (end, start))
            found = [GapMarked(*row) for row in rows]
            told = defaultdict(list)
            for each in _told(connection, min((gap.since for gap in found), default=end)):
                told[each.pbx].append(each)
        by_pbx = {pbx: Told(each) for pbx, each in told.items()}
        return [replace(gap, told_by=by_pbx[gap.pbx].by(gap.since, gap.until)) if gap.pbx in by_pbx else gap
                for gap in found]

    def told(self, start: Instant, end: Instant) -> list[GapTold]:
        """The moments in [start, end) of which a source has told every call, the earliest first."""
        with self._asking() as connection:
            return [each for each in _told(connection, start) if each.since < end]

    def unaccounted(self, start: Instant, end: Instant) -> list[CallUnaccounted]:
        """The calls whose end or answer nobody saw, told of in [start, end)."""
        with self._asking() as connection:
            rows = connection.execute("SELECT call, at, reason FROM unaccounted WHERE at >= ? AND at < ? "
                                      "ORDER BY at, call, reason", (start, end))
            return [CallUnaccounted(CallId(row["call"]), row["at"], row["reason"]) for row in rows]

    def accounts(self, call: CallId) -> tuple[list[CallRecord], list[Account]]:
        """A call that was mended as it was heard (several after a restart of the PBX), and what the sources told."""
        with self._asking() as connection:
            rows = connection.execute("SELECT source, told FROM accounts WHERE call = ? ORDER BY source, arrived_at",
                                      (call,)).fetchall()
        heard = [record_from(row["told"]) for row in rows if row["source"] == Quality.LIVE]
        return heard, [account_from(row["told"]) for row in rows if row["source"] != Quality.LIVE]

    def mended(self, start: Instant, end: Instant) -> set[CallId]:
        """The calls that were mended or added, of those that any source has ring in between the two."""
        with self._asking() as connection:
            rows = connection.execute("SELECT DISTINCT call FROM accounts WHERE arrived_at >= ? AND arrived_at < ?",
                                      (start, end))
            return {CallId(row["call"]) for row in rows}

    def corrections(self, call: CallId) -> list[Correction]:
        """How that call was corrected, in order."""
        with self._asking() as connection:
            rows = connection.execute("SELECT call, arrived_at, field, before, after, source FROM corrections "
                                      "WHERE call = ? ORDER BY id", (call,))
            return [Correction(*row) for row in rows]

    def first_moment(self, pbx: str) -> Instant | None:
        """The first thing of that PBX that was heard, or a gap; None when nothing is kept.

        A call as it was heard, whatever the logs have made of it since; one that a list told of was heard by the list.
        """
        with self._asking() as connection:
            (first,) = connection.execute("SELECT min(since) FROM gaps WHERE pbx = ?", (pbx,)).fetchone()
            mended = connection.execute(
                "SELECT told FROM accounts WHERE source = ?1 AND substr(call, 1, length(?2)) = ?2 ORDER BY arrived_at",
                (Quality.LIVE, f"{pbx}/"))
            first = _first_heard(first, (record_from(told) for (told,) in mended))
        heard = self._records("pbx = ? AND quality IN (?, ?)", (pbx, Quality.LIVE, Quality.RESUMED), {FOUND})
        return _first_heard(first, heard)

    def heard_until(self, pbx: str) -> Instant | None:
        """Until when that PBX was heard: where an open gap began; else as noted, or later where a call as it was heard
        tells so.

        What logs have told was not heard. A call that is far beyond the note is in another clock. None: it never was.
        """
        noted = self.note(f"heard {pbx}")
        with self._asking() as connection:
            (cut_at,) = connection.execute("SELECT max(since) FROM gaps WHERE pbx = ? AND until IS NULL",
                                           (pbx,)).fetchone()
        if cut_at is not None:
            return int(cut_at)                           # what was heard after that nobody could trust
        recent = BEGINNING if noted is None else int(noted) - LONGEST_CALL
        calls = [*self._records("arrived_at >= ? AND pbx = ?", (recent, pbx)), *self.open_calls(pbx)]
        heard = [record.last_moment for record in calls if record.was_heard]
        if noted is None:
            return max(heard, default=None)
        return max([int(noted), *(at for at in heard if at <= int(noted) + _NOTED_WITHIN)])

    def note(self, name: str) -> str | None:
        """What was noted under that name."""
        with self._asking() as connection:
            row = connection.execute("SELECT value FROM notes WHERE name = ?", (name,)).fetchone()
            return None if row is None else str(row["value"])

    @contextmanager
    def _asking(self) -> Iterator[sqlite3.Connection]:
        try:
            at = f"{self.path.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(at, uri=True, timeout=BUSY_SECONDS)) as connection:
                connection.row_factory = sqlite3.Row
                yield connection
        except sqlite3.DatabaseError as error:
            cure = "; slmon run sets it aside and begins a new one" if broken(error) else ""
            raise StoreError(f"{self.path}: cannot be read ({error}){cure}") from None

    def _instant(self, question: str, values: tuple[int, ...]) -> Instant | None:
        with self._asking() as connection:
            (at,) = connection.execute(question, values).fetchone()
            return None if at is None else int(at)

    def _records(self, where: str, values: tuple[str | int, ...],
                 steps: Collection[str] | None = None) -> Iterator[CallRecord]:
        with self._asking() as connection:
            ids = array("q", (row["id"] for row in connection.execute(
                f"SELECT id FROM calls WHERE {where} ORDER BY arrived_at, call, id", values)))
        for start in range(0, len(ids), _PORTION):             # whoever takes long over them holds nothing open
            yield from self._portion(ids[start:start + _PORTION].tolist(), steps)

    def _portion(self, wanted: list[int], steps: Collection[str] | None) -> list[CallRecord]:
        ids = json.dumps(wanted)
        with self._asking() as connection:
            connection.execute("BEGIN")                        # each call as it is at one moment
            rows = {row["id"]: row for row in connection.execute(f"{_CALLS} WHERE {_OF_IDS}", (ids,))}
            transfers = _transfers(connection, ids)
            journeys = _steps(connection, ids, steps)
        return [record_of(rows[each], tuple(transfers.get(each, ())), tuple(journeys.get(each, ())))
                for each in wanted if each in rows]


def _first_heard(first: Instant | None, records: Iterator[CallRecord]) -> Instant | None:
    """The first moment, or an earlier one at which one of these, in order of arrival, was first heard of."""
    for record in records:
        if first is not None and record.arrived_at >= first:
            break
        heard_at = next((each.at for each in record.steps if each.step == FOUND), record.arrived_at)
        first = heard_at if first is None else min(first, heard_at)
    return first


def _told(connection: sqlite3.Connection, start: Instant) -> list[GapTold]:
    rows = connection.execute("SELECT pbx, since, until, source, told_at FROM told WHERE until >= ? "
                              "ORDER BY since, pbx, source", (start,))
    return [GapTold(row["pbx"], row["since"], row["until"], Quality(row["source"]), row["told_at"]) for row in rows]


def _transfers(connection: sqlite3.Connection, ids: str) -> dict[int, list[Transfer]]:
    found: dict[int, list[Transfer]] = defaultdict(list)
    for row in connection.execute(f"SELECT * FROM transfers WHERE {_OF_CALLS} ORDER BY call_id, number", (ids,)):
        found[row["call_id"]].append(transfer_of(row))
    return found


def _steps(connection: sqlite3.Connection, ids: str, wanted: Collection[str] | None) -> dict[int, list[Step]]:
    found: dict[int, list[Step]] = defaultdict(list)
    limit = "" if wanted is None else " AND step IN (SELECT value FROM json_each(?))"
    values = (ids,) if wanted is None else (ids, json.dumps(sorted(wanted)))
    for row in connection.execute(f"SELECT * FROM steps WHERE {_OF_CALLS}{limit} ORDER BY call_id, number", values):
        found[row["call_id"]].append(step_of(row))
    return found
