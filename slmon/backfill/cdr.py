"""What Asterisk's CDR (Master.csv) tells of calls: that they were, from when to when, and roughly who answered.

https://docs.asterisk.org/ "CDR". One row a leg; AnswerTime is the PBX's answer, not a caseworker's, so the pick-up is
only known to lie between ring-in and end. A row names the number that was dialled only while the call is still in
the context that it came in through: by such a row, and by no other, a call is known to be a member's.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import chain, islice
from typing import NamedTuple

from slmon.backfill.zones import zone_of
from slmon.core.account import END, LONGEST_CALL, Account
from slmon.core.coverage import Coverage
from slmon.core.facts import SAME_CALL, CallId, CallRecord, Outcome, Quality
from slmon.core.instant import SECOND, Instant, from_datetime
from slmon.core.site import Doors, LineKind
from slmon.core.wiring import LegKind, kind_of

SECOND_LESS_ONE = SECOND - 1
HEAD = 20_000                     # rows to tell the time zone by
OUT_OF_ORDER = 20                 # ids that are given in one second are not sure to be in the order of their numbers
_FEW = 10_000
_ID = re.compile(r"[0-9]\.[0-9]+$")      # how every Uniqueid ends


class CdrRow(NamedTuple):
    """One row. Its times are the PBX's clock, and may be up to `slack` later than told."""

    began: datetime
    answered: datetime | None
    ended: datetime
    leg: str
    linked: str
    caller: str
    exten: str
    context: str
    channel: str
    dest: str
    application: str
    slack: int = SECOND_LESS_ONE

    def in_zone(self, zone: tzinfo) -> "CdrRow":
        """With the times as the clock of the zone shows them, where they do not say so themselves."""
        if self.began.tzinfo is not None:
            return self
        answered = None if self.answered is None else self.answered.replace(tzinfo=zone)
        return self._replace(began=self.began.replace(tzinfo=zone), answered=answered,
                             ended=self.ended.replace(tzinfo=zone))


@dataclass(frozen=True, slots=True)
class _Dated:
    """A row, and when it was."""

    began_at: Instant
    ended_at: Instant
    row: CdrRow


def cdr_accounts(lines: Iterable[bytes], pbx: str, doors: Doors, is_open: Callable[[Instant], bool],
                 zone: tzinfo, known: Mapping[CallId, Instant],
                 wanted: Callable[[CallRecord], bool] = lambda record: True,
                 unread: Callable[[bytes], None] = lambda line: None,
                 coverage: Coverage | None = None) -> list[Account]:
    """What the lines tell of the wanted calls, each once; see `accounts_of`."""
    rows = (row for line in lines if (row := _row(line, unread)) is not None)
    return accounts_of(rows, pbx, doors, is_open, zone, known, wanted, Coverage() if coverage is None else coverage)


def accounts_of(rows: Iterable[CdrRow], pbx: str, doors: Doors, is_open: Callable[[Instant], bool],
                zone: tzinfo, known: Mapping[CallId, Instant], wanted: Callable[[CallRecord], bool],
                coverage: Coverage) -> list[Account]:
    """What the rows, in the order in which the calls ended, tell of the wanted calls. `coverage` grows by them.

    Their times are UTC (`usegmtime = yes`) or of the PBX's own zone, and nothing in them says which: that one is taken
    in which they fit the ring-ins of calls that are known.
    """
    coming = iter(rows)
    head = list(islice(coming, HEAD))
    in_zone = zone_of(((row.began, row.leg) for row in head if row.began.tzinfo is None), zone, pbx, known)
    calls = _Calls(Coverage() if not doors.contexts else coverage)      # by its context alone a row is a member's
    found: list[Account] = []
    for row in chain(head, coming):
        for group in calls.told(_Dated(_instant(row.began, in_zone), _instant(row.ended, in_zone), row)):
            account = _account(group, pbx, doors, is_open)
            if wanted(account.record):
                found.append(account)
    rest = (_account(group, pbx, doors, is_open) for group in calls.rest())
    return found + [account for account in rest if wanted(account.record)]


class _Calls:
    """Rows of the same call together, as soon as no further one can come."""

    def __init__(self, coverage: Coverage) -> None:
        self._coverage = coverage
        self._open: dict[str, dict[_Dated, None]] = {}       # by id, each row once
        self._look_at = _FEW
        self._highest: tuple[int, Instant] = (-1, 0)         # of all ids of this run, and when it was given

    def told(self, row: _Dated) -> Iterator[list[_Dated]]:
        """Take a row; the calls that are complete by now."""
        leg = row.row.leg
        if leg not in self._open:
            self._run(_counter(leg), row.began_at)
        self._coverage.row(row.ended_at)
        self._open.setdefault(leg, {})[row] = None
        if len(self._open) >= self._look_at:
            yield from self._over(row.ended_at - LONGEST_CALL - SAME_CALL)
            self._look_at = 2 * len(self._open) + _FEW

    def rest(self) -> Iterator[list[_Dated]]:
        """The calls that were not told yet."""
        yield from self._over(END)

    def _run(self, number: int, at: Instant) -> None:
        """A row is written when its call ends: what was open when the switch died is told by none, however long before
        that it began. So rows speak of the switch's last run alone; its ids start over with each."""
        highest, given_at = self._highest
        if number < highest - OUT_OF_ORDER and at > given_at:
            self._coverage.forget()
            self._highest = number, at
        elif highest < number < END:
            self._highest = number, at

    def _over(self, before: Instant) -> Iterator[list[_Dated]]:
        over = [leg for leg, rows in self._open.items() if max(row.ended_at for row in rows) < before]
        for leg in over:
            rows = self._open.pop(leg)
            yield from _by_call(sorted(rows, key=lambda each: (each.began_at, each.ended_at, repr(each.row))))


def _counter(leg: str) -> int:
    """The number in a Uniqueid; one that has none is after all others."""
    counter = leg.rpartition(".")[2]
    return int(counter) if counter.isascii() and counter.isdigit() and len(counter) < 12 else END


def cdr_moment(line: bytes) -> Instant | None:
    """When the call of a line ended, give or take a time zone: the order of the file."""
    row = _row(line, lambda line: None)
    return None if row is None else _instant(row.ended, UTC)


def _row(line: bytes, unread: Callable[[bytes], None]) -> CdrRow | None:
    """accountcode, src, dst, dcontext, clid, channel, dstchannel, lastapp, lastdata, start, answer, end, duration,
    billsec, disposition, amaflags, with `loguniqueid` uniqueid, with `loguserfield` userfield, then with
    `newcdrcolumns` peeraccount, linkedid, sequence."""
    try:
        values = next(csv.reader([line.decode("utf-8", "replace").rstrip("\r\n")]), [])
        answered = datetime.fromisoformat(values[10]) if values[10] and values[14] == "ANSWERED" else None
        began, ended = datetime.fromisoformat(values[9]), datetime.fromisoformat(values[11])
    except (csv.Error, ValueError, IndexError):
        values = []
    if len(values) < 17 or _ID.search(values[16]) is None:       # else a userfield, or a peeraccount
        unread(line)
        return None
    linked = values[-2] if len(values) > 19 else ""
    return CdrRow(began, answered, ended, values[16], linked, values[1], values[2], values[3], values[5], values[6],
                  values[7])


def _instant(clock: datetime, zone: tzinfo) -> Instant:
    return from_datetime(clock if clock.tzinfo is not None else clock.replace(tzinfo=zone))


def _by_call(rows: list[_Dated]) -> Iterator[list[_Dated]]:
    """The rows of one id, by call: ids start over after a restart of the PBX."""
    group: list[_Dated] = []
    for row in rows:
        if group and row.began_at - group[-1].ended_at >= SAME_CALL:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _account(rows: list[_Dated], pbx: str, doors: Doors, is_open: Callable[[Instant], bool]) -> Account:
    first = rows[0]
    door = next((row.row for row in rows if row.row.context in doors.contexts
                 and row.row.linked in {"", row.row.leg}), None)
    line = doors.line_of(door.exten) if door is not None else None
    ended_at = max(row.ended_at for row in rows)
    talked = next((row for row in rows if _talked(row.row, doors)), None)
    excluded = line.kind.value if line is not None and line.kind in {LineKind.TEST, LineKind.SURVEY} else None
    between = None if talked is None else (first.began_at, talked.ended_at + talked.row.slack)
    record = CallRecord(
        CallId(f"{pbx}/{first.row.leg}"), pbx, first.began_at, line.name if line else None,
        door.exten if door is not None else "", first.row.caller or None, answered_between=between, ended_at=ended_at,
        outcome=None if talked is None else Outcome.ANSWERED, in_hours=is_open(first.began_at), excluded=excluded,
        quality=Quality.CDR)
    return Account(Quality.CDR, record, max(row.row.slack for row in rows), whole=door is not None)


def _talked(row: CdrRow, doors: Doors) -> bool:
    """Whether a phone took part in the row and it was answered; the queue or Dial put them together."""
    endpoint = row.dest.rpartition("-")[0]
    return (row.answered is not None and bool(row.dest) and kind_of(row.dest) is LegKind.PHONE
            and row.application in {"Dial", "Queue"} and not doors.is_machine(endpoint))
