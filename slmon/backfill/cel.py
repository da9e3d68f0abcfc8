"""Turn rows of Asterisk's CEL (cel_custom, CSV) into core events. Knows CEL's names; knows no rule of calls.

https://docs.asterisk.org/ "Channel Event Logging (CEL)". Rows tell nothing of states, of dialling and of queues; what
a leg is doing is told by the application in its rows: AppDial, AppDial2 and AppQueue are legs that were rung.
"""

import csv
import json
import re
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import replace
from typing import NamedTuple

from slmon.backfill.cel_form import KNOWN, Forms
from slmon.core import events as core
from slmon.core.account import Account
from slmon.core.coverage import Coverage
from slmon.core.events import Event, LegId, LegState, ParkChange
from slmon.core.facts import CallArrived, CallEnded, CallId, CallRecord, Fact, Quality, TransferKind
from slmon.core.instant import SECOND, Instant
from slmon.core.switchboard import Switchboard
from slmon.core.wiring import LegKind, kind_of

WHOLE_SECONDS = SECOND - 1        # so much later than told a moment may be, where the fraction is cut off
# In the order of their numbers in Asterisk's own enumeration, from 1 on.
EVENTS = ("CHAN_START", "CHAN_END", "HANGUP", "ANSWER", "APP_START", "APP_END", "BRIDGE_ENTER", "BRIDGE_EXIT",
          "PARK_START", "PARK_END", "BLINDTRANSFER", "ATTENDEDTRANSFER", "USER_DEFINED", "LINKEDID_END", "PICKUP",
          "FORWARD", "LOCAL_OPTIMIZE", "LOCAL_OPTIMIZE_BEGIN", "STREAM_BEGIN", "STREAM_END", "DTMF")
_RUNG = frozenset({"AppDial", "AppDial2", "AppQueue"})
_OVER = frozenset({"HANGUP", "CHAN_END", "LINKEDID_END", "APP_END"})
_PARKING_ENDS = {"ParkedCallTimeOut": ParkChange.TIMED_OUT, "ParkedCallGiveUp": ParkChange.GAVE_UP}
_OUT_OF_ORDER = 50                # legs that begin at once are not told in the order of their numbers
_MOMENT = re.compile(r"([0-9]{1,11})(?:\.([0-9]+))?")
_NOBODY = frozenset({"<unknown>", "unknown", "anonymous", "Anonymous", "s"})


class Row(NamedTuple):
    """One row. `data`: the application's arguments, empty where the file has no column for them."""

    kind: str
    at: Instant
    caller: str
    exten: str
    context: str
    channel: str
    application: str
    data: str
    leg: LegId
    linked: LegId
    extra: str


def row_of(line: bytes, forms: Forms = KNOWN) -> tuple[Row, int] | None:
    """The row of a line, and by how much later than told its moment may be; None when it is none."""
    try:
        values = next(csv.reader([line.decode("utf-8", "replace").rstrip("\r\n")]), [])
    except csv.Error:
        return None
    columns = forms.get(len(values))
    if columns is None:
        return None
    values.append("")                                    # what stands in a column that there is none of
    kind, time, *texts = columns(values)
    moment = _instant(time)
    if moment is None:
        return None
    row = Row(kind, moment[0], *texts)
    return (row, moment[1]) if row.leg else None


def cel_moment(line: bytes, forms: Forms = KNOWN) -> Instant | None:
    """The moment of a line, without reading the rest of it where it can be found so."""
    if forms is not KNOWN:
        read = row_of(line, forms)
        return None if read is None else read[0].at
    parts = line.split(b",", 2)
    moment = _instant(parts[1].strip(b'"').decode("ascii", "replace")) if len(parts) > 2 else None
    return None if moment is None else moment[0]


def is_cel(line: bytes, forms: Forms = KNOWN) -> bool:
    """Whether it is a row, and what should be an event and a channel are such."""
    read = row_of(line, forms)
    return read is not None and read[0].kind in EVENTS and "/" in read[0].channel


def _instant(text: str) -> tuple[Instant, int] | None:
    """`1795420031.621434` → its microseconds, exact; `1795420031` → its first microsecond, and a second less one."""
    told = _MOMENT.fullmatch(text)
    if told is None:
        return None
    seconds, fraction = told.groups()
    if fraction is None:
        return int(seconds) * SECOND, WHOLE_SECONDS
    return int(seconds + fraction[:6].ljust(6, "0")), 0


class CelTranslator:
    """The rows of one PBX, in the file's order, → core events."""

    def __init__(self) -> None:
        self.at: Instant = 0                             # the last row's
        self._before: Instant = 0                        # and of the one before it
        self._unsure: dict[LegId, Row] = {}              # began on its own: rang in, or was made by the switch
        self._rung: set[LegId] = set()
        self._doing: dict[LegId, tuple[str, str, str]] = {}
        self._queues: dict[LegId, str] = {}              # legs that wait in a queue, or talk out of one
        self._halves: dict[str, Row] = {}
        self._open: dict[LegId, Instant] = {}
        self._counter = -1
        self._torn: LegId = ""                           # ended by nobody: neither side, nor the dialplan

    @property
    def open(self) -> bool:
        """Whether any leg has begun and not ended."""
        return bool(self._open)

    def translate(self, row: Row) -> Iterator[Event]:
        """The events that a row tells."""
        self._before, self.at = self.at, max(self.at, row.at)
        if row.kind == "CHAN_START":
            yield from self._started(row)
            return
        if row.application in _RUNG:
            self._unsure.pop(row.leg, None)
            self._rung.add(row.leg)
        elif row.leg in self._unsure:
            yield from self._rang_in(row.leg)
        if row.leg in self._open:
            yield from self._did(row)
        match row.kind:
            case "ANSWER":
                yield from self._answered(row)
            case "BRIDGE_ENTER" | "BRIDGE_EXIT":
                yield from self._bridged(row)
            case "HANGUP":
                yield from self._hung_up(row)
            case "CHAN_END":
                yield from self._ended(row)
            case "BLINDTRANSFER":
                yield from self._blind(row)
            case "ATTENDEDTRANSFER":
                yield from self._attended(row)
            case "PICKUP":
                yield core.PickedUp(row.at, _uniqueid(row, "pickup_channel"), "", row.leg, row.linked)
            case "PARK_START" | "PARK_END":
                yield from self._parked(row)
            case "DTMF":
                yield core.KeyPressed(row.at, row.leg)
            case _:
                pass

    # -- legs

    def _started(self, row: Row) -> Iterator[Event]:
        yield from self._booted(row)
        first = self._unsure.get(row.linked)
        if first is not None and first.leg != row.leg:
            yield from self._rang_in(first.leg)          # it rings somebody, so it is no leg that was rung
        self._open[row.leg] = row.at
        caller = "" if row.caller in _NOBODY else row.caller
        yield core.LegStarted(row.at, row.leg, row.linked, row.channel, LegState.DOWN, row.context, row.exten, caller)
        kind = kind_of(row.channel)
        if kind is LegKind.PIPE:
            yield from self._paired(row)
        if row.leg == row.linked:
            self._unsure[row.leg] = row
        elif kind is not LegKind.SERVICE and not row.channel.endswith(";2"):
            self._rung.add(row.leg)
            yield core.DialStarted(row.at, "", "", row.leg, row.linked, row.channel)

    def _rang_in(self, leg: LegId) -> Iterator[Event]:
        row = self._unsure.pop(leg)
        yield core.LegStateChanged(self.at, leg, row.linked, LegState.RING, row.context, row.exten)

    def _paired(self, row: Row) -> Iterator[Event]:
        name = row.channel[:-1]
        other = self._halves.pop(name, None)
        if other is None:
            self._halves[name] = row
            return
        one, two = (other, row) if row.channel.endswith("2") else (row, other)
        yield core.LocalPaired(row.at, one.leg, one.linked, two.leg, two.linked, row.context, row.exten)

    def _answered(self, row: Row) -> Iterator[Event]:
        yield core.LegStateChanged(row.at, row.leg, row.linked, LegState.UP, row.context, row.exten)
        if row.leg in self._rung:
            yield core.DialEnded(row.at, "", "", row.leg, row.linked, row.channel, "ANSWER")

    def _hung_up(self, row: Row) -> Iterator[Event]:
        extra = _extra(row)
        if extra.get("hangupsource") == row.channel:
            yield core.HangupRequested(row.at, row.leg, row.linked)
        elif row.leg == row.linked and row.leg not in self._rung:
            self._torn = row.leg if (extra.get("hangupsource"), extra.get("hangupcause")) == ("", "0") else ""

    def _ended(self, row: Row) -> Iterator[Event]:
        self._open.pop(row.leg, None)
        self._unsure.pop(row.leg, None)
        self._rung.discard(row.leg)
        self._doing.pop(row.leg, None)
        self._queues.pop(row.leg, None)
        self._halves.pop(row.channel[:-1], None)
        yield core.LegEnded(row.at, row.leg, row.linked, row.context, row.exten, None)
        if row.leg == self._torn:                        # as an orderly stop of the switch does to all its channels
            yield core.SwitchStopping(row.at)

    def _booted(self, row: Row) -> Iterator[Event]:
        """The counter in Uniqueid starts over with the switch: whatever was open before is gone."""
        counter = row.leg.rpartition(".")[2]
        if not (counter.isascii() and counter.isdigit()):
            return
        number, before = int(counter), self._counter
        if number and number > before - _OUT_OF_ORDER:
            self._counter = max(number, before)
            return
        self._counter = number
        if self._open:
            yield core.StreamLost(self._before, self._before, "restart of the switch")
            yield core.SwitchBooted(row.at, "", row.at)
            yield core.SnapshotTaken(row.at, (), None, (), ())
        for told in (self._open, self._unsure, self._halves, self._doing, self._queues):
            told.clear()
        self._rung.clear()

    # -- what the dialplan does with a leg

    def _did(self, row: Row) -> Iterator[Event]:
        if row.leg in self._rung:
            return
        doing = (row.context, row.exten, row.application)
        begins = row.kind == "APP_START" or (row.kind not in _OVER and self._doing.get(row.leg) != doing)
        if row.leg in self._queues and (
                row.kind in {"APP_START", "APP_END", "BRIDGE_ENTER"} or row.application != "Queue"):
            yield core.QueueLeft(row.at, row.leg, row.linked, self._queues.pop(row.leg))
        if not begins:
            return
        self._doing[row.leg] = doing
        yield core.DialplanRan(row.at, row.leg, row.linked, row.context, row.exten, row.application, row.data)
        if row.kind == "APP_START" and row.application == "Queue":
            queue = row.data.partition(",")[0]
            self._queues[row.leg] = queue
            yield core.QueueJoined(row.at, row.leg, row.linked, queue, row.context, row.exten)

    def _bridged(self, row: Row) -> Iterator[Event]:
        extra = _extra(row)
        bridge = extra.get("bridge_id", "")
        if row.kind == "BRIDGE_EXIT":
            yield core.BridgeLeft(row.at, row.leg, row.linked, bridge)
        else:
            holding = extra.get("bridge_technology") == "holding_bridge"
            yield core.BridgeEntered(row.at, row.leg, row.linked, bridge, holding, row.context, row.exten)

    # -- passing on

    def _blind(self, row: Row) -> Iterator[Event]:
        extra = _extra(row)
        yield core.BlindTransferred(row.at, True, row.leg, row.linked, _uniqueid(row, "transferee_channel"), row.linked,
                                    extra.get("context", ""), extra.get("extension", ""))

    def _attended(self, row: Row) -> Iterator[Event]:
        extra = _extra(row)
        target = extra.get("transfer_target_channel_name", "")
        yield core.AttendedTransferred(
            row.at, True, row.leg, row.linked, _uniqueid(row, "channel2"), "", _uniqueid(row, "transferee_channel"),
            row.linked, _uniqueid(row, "transfer_target_channel"), "", "" if target == "N/A" else target,
            "App" if "app" in extra else "Bridge")

    def _parked(self, row: Row) -> Iterator[Event]:
        extra = _extra(row)
        if row.kind == "PARK_START":
            parker = extra.get("parker_dial_string", "")
            yield core.Parked(row.at, ParkChange.PARKED, row.leg, row.linked, parker, "", "")
        else:
            change = _PARKING_ENDS.get(extra.get("reason", ""), ParkChange.RETRIEVED)
            yield core.Parked(row.at, change, row.leg, row.linked, "", "", "")


def _extra(row: Row) -> dict[str, str]:
    """What the column for everything else says; nothing, where it cannot be read."""
    try:
        extra = json.loads(row.extra) if row.extra else {}
    except ValueError:
        return {}
    return {key: str(value) for key, value in extra.items()} if isinstance(extra, dict) else {}


def _uniqueid(row: Row, of: str) -> LegId:
    found = _extra(row).get(f"{of}_uniqueid", "")
    return "" if found == "N/A" else found


def cel_accounts(lines: Iterable[bytes], board: Switchboard, wanted: Callable[[CallRecord], bool],
                 unread: Callable[[bytes], None] = lambda line: None, coverage: Coverage | None = None,
                 doubtful: Container[CallId] = (), forms: Forms = KNOWN) -> list[Account]:
    """The wanted calls of the lines; see `accounts_of`."""
    coverage = Coverage() if coverage is None else coverage
    return accounts_of(rows_of(lines, unread, forms), board, wanted, coverage, doubtful)


def rows_of(lines: Iterable[bytes], unread: Callable[[bytes], None],
            forms: Forms = KNOWN) -> Iterator[tuple[Row, int] | None]:
    """The row of each line, as `row_of` has it; a blank line is none at all."""
    for line in lines:
        read = row_of(line, forms)
        if read is not None or line.strip():
            yield read
        if read is None:
            unread(line)


def accounts_of(rows: Iterable[tuple[Row, int] | None], board: Switchboard, wanted: Callable[[CallRecord], bool],
                coverage: Coverage, doubtful: Container[CallId] = ()) -> list[Account]:
    """The wanted calls of the rows, walked through a fresh switchboard, which has the rules.

    None is a place where rows may be missing. `coverage` grows by what is read; where the switch died with calls open
    its last rows may not have been written. Of `doubtful` ones it is told too that they are no calls.
    """
    translator = CelTranslator()
    coarsest = 0
    found: list[Account] = []
    unarrived: dict[CallId, Row] = {}                    # of the doubtful, told from their beginning on

    def tell(facts: list[Fact]) -> None:
        for fact in facts:
            if isinstance(fact, CallEnded) and wanted(fact.record):
                found.append(_account(fact.record, coarsest))
            elif isinstance(fact, CallArrived):
                unarrived.pop(fact.call, None)

    for read in rows:
        if read is None:
            coverage.torn()
            unarrived.clear()
            continue
        row, slack = read
        coarsest = max(coarsest, slack)
        for event in translator.translate(row):
            if type(event) is core.SwitchBooted:
                coverage.torn()
                unarrived.clear()
            tell(board.apply(event))
        coverage.row(row.at)
        if row.kind == "CHAN_START" and row.leg in board.wiring.legs:
            call = CallId(f"{board.pbx}/{row.leg}")
            if call in doubtful:
                unarrived[call] = row
        elif unarrived and row.kind == "CHAN_END":
            call = CallId(f"{board.pbx}/{row.leg}")
            if call in unarrived:
                found.append(_no_call(call, board.pbx, unarrived.pop(call), row, coarsest))
    tell(board.finish())
    still_open = (call.record() for call in board.calls.values())
    return found + [_account(record, coarsest) for record in still_open if wanted(record)]


def _no_call(call: CallId, pbx: str, first: Row, last: Row, slack: int) -> Account:
    record = CallRecord(call, pbx, first.at, ended_at=last.at, quality=Quality.CEL)
    return Account(Quality.CEL, record, slack, no_call=True)


def _account(record: CallRecord, slack: int) -> Account:
    if slack:      # of two hang-ups in whole seconds nobody can tell whether somebody stayed in between
        record = replace(record, transfers=tuple(
            each for each in record.transfers if each.kind is not TransferKind.CONFERENCE
            or (each.ended_at or each.at) - each.at > 2 * SECOND))
    return Account(Quality.CEL, replace(record, quality=Quality.CEL), slack)
