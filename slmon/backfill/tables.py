"""Rows of CEL, queue_log and CDR out of database tables, as the files have them. Knows column names; has no rule.

Asterisk writes them by cel_odbc, cel_pgsql, cel_sqlite3_custom, realtime queue_log, and cdr_adaptive_odbc and its
fellows; FreePBX has them in MariaDB as cel, queuelog and cdr of asteriskcdrdb.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import chain, islice
from pathlib import Path
from typing import Any

from slmon.backfill.cdr import CdrRow
from slmon.backfill.cel import EVENTS, WHOLE_SECONDS, Row
from slmon.backfill.database import PbxDatabase, Table, opened
from slmon.backfill.files import SourceError
from slmon.backfill.zones import zone_of
from slmon.core.account import Span
from slmon.core.facts import CallId
from slmon.core.instant import SECOND, Instant, from_datetime

HEAD = 20_000                      # rows to tell the time zone by, and whether seconds are whole
HALF = SECOND // 2

# https://docs.asterisk.org/ "CEL": where eventtype is a number it is one of Asterisk's own enumeration.
_EVENTS = dict(enumerate(EVENTS, 1))
_CEL_TEXTS = (("cid_num",), ("exten",), ("context",), ("channame", "channel"), ("appname",), ("appdata",),
              ("uniqueid",), ("linkedid",), ("extra", "eventextra"))
_CDR_TEXTS = (("uniqueid",), ("linkedid",), ("src",), ("dst",), ("dcontext",), ("channel",), ("dstchannel",),
              ("lastapp",))
_SERIAL = ("id", "cel_id", "cdr_id", "acctid", "recid")


@dataclass(frozen=True, slots=True)
class Tables:
    """The tables of one PBX's database; `database_file` holds its address with the password."""

    database_file: Path | None = None
    cel: str | None = None
    queue_log: str | None = None
    cdr: str | None = None


@dataclass(slots=True)
class TableReader:
    """Reads tables for calls that rang in within windows of time. Raises SourceError."""

    database_file: Path
    windows: Sequence[Span]
    pbx: str
    zone: tzinfo
    known: Mapping[CallId, Instant]
    progress: Callable[[int], None]
    said: list[str] = field(default_factory=list)      # what was found out about the tables, in words

    def cel(self, name: str) -> Iterator[tuple[Row, int] | None]:
        """Rows as `cel.accounts_of` takes them."""
        with opened(self.database_file) as database:
            table = database.table(name)
            time, leg = _needed(table, "eventtime"), _needed(table, "uniqueid")
            columns = [_needed(table, "eventtype"), *(table.column(*each) for each in _CEL_TEXTS)]
            for values, at, slack in self._dated(database, table, time, leg, columns):
                kind, *texts = values
                if at is None:
                    yield None
                else:
                    yield Row(_event(kind), at, *map(_text, texts)), slack

    def queue_log(self, name: str) -> Iterator[bytes]:
        """Lines as the file has them."""
        with opened(self.database_file) as database:
            table = database.table(name)
            time, leg = _needed(table, "time", "eventtime"), _needed(table, "callid")
            more = ["data1", "data2", "data3", "data4", "data5"] if table.column("data1") else ["data"]
            columns = [leg, table.column("queuename"), table.column("agent"), _needed(table, "event", "verb"),
                       *(table.column(each) for each in more)]
            for values, at, _ in self._dated(database, table, time, leg, columns):
                if at is not None:
                    seconds = f"{at // SECOND}.{at % SECOND:06d}"
                    yield "|".join([seconds, *map(_text, values)]).encode()

    def cdr(self, name: str) -> Iterator[CdrRow]:
        """Rows as `cdr.accounts_of` takes them."""
        with opened(self.database_file) as database:
            table = database.table(name)
            began, ended = _needed(table, "start", "calldate"), table.column("end", "enddate")
            _needed(table, "uniqueid")
            columns = [began, table.column("answer", "answerdate"), ended, table.column("duration"),
                       table.column("disposition"), *(table.column(*each) for each in _CDR_TEXTS)]
            for window in database.rows(table, columns, began, _order(table, ended or began), self.windows):
                rows = (row for values in window if (row := self._cdr_row(values)) is not None)
                head = list(islice(rows, HEAD))
                zone = self._zone(table, [(row.began, row.leg) for row in head if row.began.tzinfo is None])
                yield from (row.in_zone(zone) for row in chain(head, rows))

    def _cdr_row(self, values: tuple[Any, ...]) -> CdrRow | None:
        self.progress(1)
        return _cdr_row(values)

    def _dated(self, database: PbxDatabase, table: Table, time: str, leg: str, columns: Sequence[str | None]
               ) -> Iterator[tuple[tuple[Any, ...], Instant | None, int]]:
        """Each row's values with its moment, and by how much later that may be; None between two windows, and where
        a row tells no moment."""
        for number, window in enumerate(database.rows(table, [time, leg, *columns], time, _order(table, time),
                                                      self.windows)):
            if number:
                yield ("",) * len(columns), None, 0
            head = [(values, _moment(values[0])) for values in islice(window, HEAD)]
            clock = self._clock(table, head, time in table.rounded)
            for values, told in chain(head, ((values, _moment(values[0])) for values in window)):
                self.progress(1)
                yield values[2:], *clock.instant(told)

    def _clock(self, table: Table, head: Sequence[tuple[tuple[Any, ...], "_Told"]], rounded: bool) -> "_Clock":
        naive = [(told, _text(values[1])) for values, told in head if isinstance(told, datetime) and not told.tzinfo]
        whole = not any(told % SECOND if isinstance(told, int) else told.microsecond for _, told in head
                        if told is not None)
        return _Clock(self._zone(table, naive), whole, rounded)

    def _zone(self, table: Table, clocks: Sequence[tuple[datetime, str]]) -> tzinfo:
        if not clocks:
            return UTC
        zone = zone_of(clocks, self.zone, self.pbx, self.known)
        words = f"{table.name}: its times are taken as {'UTC' if zone is UTC else self.zone}"
        if words not in self.said:
            self.said.append(words)
        return zone


_Told = datetime | Instant | None
"""A clock time, a moment, or nothing that can be understood."""


@dataclass(frozen=True, slots=True)
class _Clock:
    """How the moments of a column are to be taken."""

    zone: tzinfo
    whole: bool                    # seconds only
    rounded: bool                  # and to the nearest one

    def instant(self, told: _Told) -> tuple[Instant | None, int]:
        """The earliest that it can have been, and by how much later."""
        if told is None:
            return None, 0
        at = told if isinstance(told, int) else from_datetime(
            told if told.tzinfo is not None else told.replace(tzinfo=self.zone))
        if not self.whole:
            return at, 0
        return (at - HALF, WHOLE_SECONDS) if self.rounded else (at, WHOLE_SECONDS)


def _moment(value: object) -> _Told:
    """What a column of any type tells."""
    if isinstance(value, datetime):
        return value
    if isinstance(value, int | float | Decimal):
        exact = Decimal(repr(value) if isinstance(value, float) else value)
        return int(exact * SECOND) if 0 < exact < 1 << 40 else None
    text = _text(value).strip()
    try:
        if text[:10].isdigit():
            return int(Decimal(text) * SECOND)
        return datetime.fromisoformat(text)
    except (ValueError, ArithmeticError):
        return None


def _cdr_row(values: tuple[Any, ...]) -> CdrRow | None:
    """Where no end is told it follows from the beginning and the duration, each cut off to a whole second."""
    began, answered, ended = map(_clock_time, values[:3])
    duration, disposition, *texts = values[3:]
    if began is None or not texts[0]:
        return None
    slack = WHOLE_SECONDS
    if ended is None:
        ended, slack = began + timedelta(seconds=int(duration or 0)), 2 * SECOND - 1
        answered = ended
    is_answered = _text(disposition).upper() == "ANSWERED"
    leg, linked, caller, exten, context, channel, dest, application = map(_text, texts)
    return CdrRow(began, answered if is_answered else None, ended, leg, linked, caller, exten, context, channel, dest,
                  application, slack)


def _clock_time(value: object) -> datetime | None:
    told = None if value in (None, "") else _moment(value)
    if isinstance(told, int):
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=told)
    return told


def _event(kind: object) -> str:
    text = _text(kind)
    return _EVENTS.get(int(text), text) if text.isascii() and text.isdigit() else text


def _needed(table: Table, *names: str) -> str:
    found = table.column(*names)
    if found is None:
        raise SourceError(f"table {table.name}: has no column {names[0]}; there is {', '.join(sorted(table.columns))}")
    return found


def _order(table: Table, time: str) -> list[str]:
    """As the rows were written, where they are numbered."""
    serial = table.column(*_SERIAL)
    return [time] if serial is None else [serial]


def _text(value: object) -> str:
    if isinstance(value, bytes | bytearray):
        return value.decode("utf-8", "replace")
    return "" if value is None else str(value)
