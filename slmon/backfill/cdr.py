"""What Asterisk's CDR (Master.csv) tells of calls: that they were, from when to when, and roughly who answered.

https://docs.asterisk.org/ "CDR". One row a leg; AnswerTime is the PBX's answer, not a caseworker's, so the pick-up is
only known to lie between ring-in and end. A row names the number that was dialled only while the call is still in
the context that it came in through: by such a row, and by no other, a call is known to be a member's.
"""

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from slmon.core.coverage import Coverage
from slmon.core.facts import CallId, CallRecord, Outcome, Quality
from slmon.core.instant import SECOND, Instant, from_datetime
from slmon.core.reconcile import END, SAME_CALL, Account
from slmon.core.site import Doors, LineKind
from slmon.core.wiring import LegKind, kind_of

OUT_OF_ORDER = 20                 # ids that are given in one second are not sure to be in the order of their numbers
_SECOND_LESS_ONE = SECOND - 1


@dataclass(frozen=True, slots=True)
class _Row:
    began_at: Instant
    ended_at: Instant
    answered_at: Instant | None
    leg: str
    linked: str
    caller: str
    exten: str
    context: str
    channel: str
    dest: str
    application: str


def cdr_accounts(lines: Iterable[bytes], pbx: str, doors: Doors, is_open: Callable[[Instant], bool],
                 zone: tzinfo, known: Mapping[CallId, Instant],
                 wanted: Callable[[CallRecord], bool] = lambda record: True,
                 unread: Callable[[bytes], None] = lambda line: None,
                 coverage: Coverage | None = None) -> list[Account]:
    """What the rows tell of the wanted calls, each once. `coverage` grows by what is read.

    Their times are UTC (`usegmtime = yes`) or of the PBX's own zone, and nothing in them says which: that one is taken
    in which they fit the ring-ins of calls that are known.
    """
    texts = [values for line in lines if (values := _values(line, unread)) is not None]
    in_zone = min((UTC, zone), key=lambda each: -_fitting(texts, pbx, each, known))
    rows = {row for values in texts if (row := _row(values, in_zone)) is not None}
    if coverage is not None and doors.contexts:          # else no row can be known to be a member's
        _cover(rows, coverage)
    by_leg: dict[str, list[_Row]] = defaultdict(list)
    for row in sorted(rows, key=lambda each: (each.began_at, each.ended_at, repr(each))):
        by_leg[row.leg].append(row)
    found = (_account(group, pbx, doors, is_open) for of_leg in by_leg.values() for group in _calls(of_leg))
    return [account for account in found if wanted(account.record)]


def _cover(rows: Iterable[_Row], coverage: Coverage) -> None:
    """A row is written when its call ends: what was open when the switch died is told by none, however long before
    that it began. So the rows speak only of the switch's last run; its ids start over with each."""
    began: dict[str, Instant] = {}
    for row in rows:
        began[row.leg] = min(row.began_at, began.get(row.leg, row.began_at))
    first, highest = -1, -1
    for at, number in sorted((at, _counter(leg)) for leg, at in began.items()):
        if first < 0 or number < highest - OUT_OF_ORDER or (number == 0 and highest > 0):
            first, highest = at, -1
        highest = highest if number == END else max(highest, number)
    for ended_at in sorted(row.ended_at for row in rows if row.began_at >= first):
        coverage.row(ended_at)


def _counter(leg: str) -> int:
    """The number in a Uniqueid; one that has none is after all others."""
    counter = leg.rpartition(".")[2]
    return int(counter) if counter.isascii() and counter.isdigit() and len(counter) < 12 else END


def cdr_moment(line: bytes) -> Instant | None:
    """When the call of a line ended, give or take a time zone: the order of the file."""
    values = _values(line, lambda line: None)
    row = None if values is None else _row(values, UTC)
    return None if row is None else row.ended_at


def _values(line: bytes, unread: Callable[[bytes], None]) -> list[str] | None:
    try:
        values = next(csv.reader([line.decode("utf-8", "replace").rstrip("\r\n")]), [])
    except csv.Error:
        values = []
    if len(values) < 17 or not values[16]:
        unread(line)
        return None
    return values


def _row(values: list[str], zone: tzinfo) -> _Row | None:
    """accountcode, src, dst, dcontext, clid, channel, dstchannel, lastapp, lastdata, start, answer, end, duration,
    billsec, disposition, amaflags, uniqueid, userfield, then with `newcdrcolumns` peeraccount, linkedid, sequence."""
    try:
        answered_at = None if not values[10] or values[14] != "ANSWERED" else _instant(values[10], zone)
        linked = values[19] if len(values) > 19 else ""
        return _Row(_instant(values[9], zone), _instant(values[11], zone), answered_at, values[16], linked, values[1],
                    values[2], values[3], values[5], values[6], values[7])
    except ValueError:
        return None


def _fitting(texts: Iterable[list[str]], pbx: str, zone: tzinfo, known: Mapping[CallId, Instant]) -> int:
    """How many rows begin when their call is known to have rung in."""
    rows = (row for values in texts if CallId(f"{pbx}/{values[16]}") in known
            and (row := _row(values, zone)) is not None)
    return sum(abs(known[CallId(f"{pbx}/{row.leg}")] - row.began_at) <= 2 * SECOND for row in rows)


def _instant(text: str, zone: tzinfo) -> Instant:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=zone))


def _calls(rows: list[_Row]) -> Iterator[list[_Row]]:
    """The rows of one id, by call: ids start over after a restart of the PBX."""
    group: list[_Row] = []
    for row in rows:
        if group and row.began_at - group[-1].ended_at >= SAME_CALL:
            yield group
            group = []
        group.append(row)
    if group:
        yield group


def _account(rows: list[_Row], pbx: str, doors: Doors, is_open: Callable[[Instant], bool]) -> Account:
    first = rows[0]
    door = next((row for row in rows if row.context in doors.contexts and row.linked in {"", row.leg}), None)
    line = doors.line_of(door.exten) if door is not None else None
    ended_at = max(row.ended_at for row in rows)
    talked = next((row for row in rows if _talked(row, doors)), None)
    excluded = line.kind.value if line is not None and line.kind in {LineKind.TEST, LineKind.SURVEY} else None
    between = None if talked is None else (first.began_at, talked.ended_at + _SECOND_LESS_ONE)
    record = CallRecord(
        CallId(f"{pbx}/{first.leg}"), pbx, first.began_at, line.name if line else None,
        door.exten if door is not None else "", first.caller or None, answered_between=between, ended_at=ended_at,
        outcome=None if talked is None else Outcome.ANSWERED, in_hours=is_open(first.began_at), excluded=excluded,
        quality=Quality.CDR)
    return Account(Quality.CDR, record, _SECOND_LESS_ONE, whole=door is not None)


def _talked(row: _Row, doors: Doors) -> bool:
    """Whether a phone took part in the row and it was answered; the queue or Dial put them together."""
    endpoint = row.dest.rpartition("-")[0]
    return (row.answered_at is not None and bool(row.dest) and kind_of(row.dest) is LegKind.PHONE
            and row.application in {"Dial", "Queue"} and not doors.is_machine(endpoint))
