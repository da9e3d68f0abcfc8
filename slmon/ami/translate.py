"""Turn AMI messages into core events. The one place that knows AMI's event and header names; it knows no rule."""

from collections.abc import Callable, Iterable

from slmon.ami.snapshot import HOLDING, LISTS, SnapshotAssembly
from slmon.ami.wire import Damaged, Item, Message, Reply
from slmon.core import events as core
from slmon.core.events import Event, LegState, ParkChange
from slmon.core.instant import SECOND, Instant

_LEG = ("Uniqueid", "Linkedid")
_SPOT = ("Context", "Exten", *_LEG)
_DIAL = (*_LEG, "DestChannel", "DestUniqueid", "DestLinkedid")
_MEMBER = ("Queue", "Interface", "StateInterface", "Status", "Paused")
_PARK = ("ParkeeUniqueid", "ParkeeLinkedid", "ParkerDialString", "ParkingSpace", "RetrieverUniqueid")

CALLS: dict[str, tuple[str, ...]] = {
    name: ("Timestamp", *headers)
    for name, headers in {
        "Newchannel": ("Channel", "ChannelState", "CallerIDNum", *_SPOT),
        "Newstate": ("ChannelState", *_SPOT),
        "HangupRequest": _LEG,
        "Hangup": (*_SPOT, "Cause"),
        "DialBegin": _DIAL,
        "DialEnd": (*_DIAL, "DialStatus"),
        "BridgeEnter": ("BridgeUniqueid", "BridgeType", "BridgeTechnology", *_SPOT),
        "BridgeLeave": ("BridgeUniqueid", *_LEG),
        "LocalBridge": ("LocalOneUniqueid", "LocalOneLinkedid", "LocalTwoUniqueid", "LocalTwoLinkedid",
                        "Context", "Exten"),
        "QueueCallerJoin": (*_SPOT, "Queue"),
        "QueueCallerLeave": (*_LEG, "Queue"),
        "Newexten": ("Context", *_LEG, "Extension", "Application", "AppData"),
        "DTMFEnd": ("Uniqueid",),
        "Pickup": (*_LEG, "TargetUniqueid", "TargetLinkedid"),
        "BlindTransfer": ("Result", "TransfererUniqueid", "TransfererLinkedid", "TransfereeUniqueid",
                          "TransfereeLinkedid", "Context", "Extension"),
        "AttendedTransfer": ("Result", "OrigTransfererUniqueid", "OrigTransfererLinkedid",
                             "SecondTransfererUniqueid", "SecondTransfererLinkedid", "TransfereeUniqueid",
                             "TransfereeLinkedid", "TransferTargetChannel", "TransferTargetUniqueid",
                             "TransferTargetLinkedid", "DestType"),
        "ParkedCall": ("ActionID", *_PARK),
        "UnParkedCall": _PARK,
        "ParkedCallTimeOut": _PARK,
        "ParkedCallGiveUp": _PARK,
        "Hold": _LEG,
        "Unhold": _LEG,
        "Rename": ("Newname", "Uniqueid"),
        "FullyBooted": ("Uptime",),
        "Shutdown": (),
    }.items()
}
"""What calls are made of: event name → the headers read of it."""

DESKS: dict[str, tuple[str, ...]] = {
    name: ("Timestamp", *headers)
    for name, headers in {
        "DeviceStateChange": ("ActionID", "Device", "State"),
        "QueueMemberStatus": _MEMBER,
        "QueueMemberPause": _MEMBER,
        "QueueMemberAdded": _MEMBER,
        "QueueMemberRemoved": _MEMBER,
    }.items()
}
"""What desks are doing; a replay of calls needs none of it."""

VOCABULARY: dict[str, tuple[str, ...]] = {**CALLS, **LISTS, **DESKS, "Reload": ("Timestamp",)}
"""All that the daemon listens to."""

REPLAYED: dict[str, tuple[str, ...]] = {**CALLS, **LISTS}
"""What a replay of calls listens to."""

_STATES = {str(int(state)): state for state in LegState}


_NOBODY = frozenset({"<unknown>", "unknown", "anonymous", "Anonymous", "s"})     # a number withheld or never known


def _caller(number: str) -> str:
    return "" if number in _NOBODY else number


def _state(text: str) -> LegState:
    return _STATES.get(text, LegState.OTHER)


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _member(at: Instant, v: tuple[str, ...], present: bool = True) -> core.MemberChanged:
    _, queue, interface, device, status, paused = v
    return core.MemberChanged(at, queue, interface, device or interface, paused == "1", present, _whole(status) or 0)


def _parked(change: ParkChange) -> Callable[[Instant, tuple[str, ...]], Event]:
    def make(at: Instant, v: tuple[str, ...]) -> Event:
        leg, linked, parker, space, retriever = v[-5:]
        return core.Parked(at, change, leg, linked, parker, space, retriever)

    return make


_MAKE: dict[str, Callable[[Instant, tuple[str, ...]], Event]] = {
    "Newchannel": lambda at, v: core.LegStarted(at, v[6], v[7], v[1], _state(v[2]), v[4], v[5], _caller(v[3])),
    "Newstate": lambda at, v: core.LegStateChanged(at, v[4], v[5], _state(v[1]), v[2], v[3]),
    "HangupRequest": lambda at, v: core.HangupRequested(at, v[1], v[2]),
    "Hangup": lambda at, v: core.LegEnded(at, v[3], v[4], v[1], v[2], _whole(v[5])),
    "DialBegin": lambda at, v: core.DialStarted(at, v[1], v[2], v[4], v[5], v[3]),
    "DialEnd": lambda at, v: core.DialEnded(at, v[1], v[2], v[4], v[5], v[3], v[6]),
    "BridgeEnter": lambda at, v: core.BridgeEntered(
        at, v[6], v[7], v[1], v[3] == HOLDING or v[2] == "holding", v[4], v[5]),
    "BridgeLeave": lambda at, v: core.BridgeLeft(at, v[2], v[3], v[1]),
    "LocalBridge": lambda at, v: core.LocalPaired(at, v[1], v[2], v[3], v[4], v[5], v[6]),
    "QueueCallerJoin": lambda at, v: core.QueueJoined(at, v[3], v[4], v[5], v[1], v[2]),
    "QueueCallerLeave": lambda at, v: core.QueueLeft(at, v[1], v[2], v[3]),
    "Newexten": lambda at, v: core.DialplanRan(at, v[2], v[3], v[1], v[4], v[5], v[6]),
    "DTMFEnd": lambda at, v: core.KeyPressed(at, v[1]),
    "Pickup": lambda at, v: core.PickedUp(at, v[1], v[2], v[3], v[4]),
    "BlindTransfer": lambda at, v: core.BlindTransferred(at, v[1] == "Success", v[2], v[3], v[4], v[5], v[6], v[7]),
    "AttendedTransfer": lambda at, v: core.AttendedTransferred(
        at, v[1] == "Success", v[2], v[3], v[4], v[5], v[6], v[7], v[9], v[10], v[8], v[11]),
    "ParkedCall": _parked(ParkChange.PARKED),
    "UnParkedCall": _parked(ParkChange.RETRIEVED),
    "ParkedCallTimeOut": _parked(ParkChange.TIMED_OUT),
    "ParkedCallGiveUp": _parked(ParkChange.GAVE_UP),
    "Hold": lambda at, v: core.HoldChanged(at, v[1], v[2], True),
    "Unhold": lambda at, v: core.HoldChanged(at, v[1], v[2], False),
    "Rename": lambda at, v: core.LegRenamed(at, v[2], v[1]),
    "Shutdown": lambda at, v: core.SwitchStopping(at),
    "DeviceStateChange": lambda at, v: core.DeviceChanged(at, v[2], v[3]),
    "QueueMemberStatus": _member,
    "QueueMemberPause": _member,
    "QueueMemberAdded": _member,
    "QueueMemberRemoved": lambda at, v: _member(at, v, present=False),
}


class Translator:
    """One connection's messages → core events.

    `at` is the PBX's clock: the last Timestamp seen. A message without one takes it; while there is none yet, what
    comes is held back until the first one is known, or until `release`.
    """

    def __init__(self) -> None:
        self.at: Instant | None = None
        self._held: list[Item] = []
        self._lists = SnapshotAssembly()

    def translate(self, items: Iterable[Item], now: Instant | None = None) -> list[Event]:
        """The events that the messages tell. `now`: the clock to use while the PBX has told none."""
        if self.at is None:
            self._held += items
            self.at = now if now is not None else self._first_time()
            if self.at is None:
                return []
            items, self._held = self._held, []
        told: list[Event] = []
        at = self.at
        for item in items:
            if type(item) is not Message:
                told += self._other(item, at)
                continue
            name, values = item
            stamp = values[0]
            if len(stamp) == 17 and stamp[10] == "." and (digits := stamp[:10] + stamp[11:]).isdecimal():
                at = self.at = int(digits)               # as timestampevents tells it: the usual case, in haste
            elif stamp:
                at = self.at = at if (read := _instant(stamp)) is None else read
            make = _MAKE.get(name)
            if make is None or (name in _MAYBE_LISTED and values[1] != ""):
                told += self._list_item(item, at)
            else:
                told.append(make(at, values))
        return told

    @property
    def holds(self) -> int:
        """Messages that wait for the first time to be told."""
        return len(self._held)

    def release(self) -> list[Event]:
        """What was held back because no time was ever told, at instant 0."""
        return self.translate((), now=0)

    def _first_time(self) -> Instant | None:
        for item in self._held:
            if isinstance(item, Message) and item.values[0]:
                read = _instant(item.values[0])
                if read is not None:
                    return read
        return None

    def _list_item(self, message: Message, at: Instant) -> list[Event]:
        name, values = message
        if name == "FullyBooted":
            uptime = _whole(values[1])
            return [] if uptime is None else [core.SwitchBooted(at, "", at - uptime * SECOND)]
        if name in LISTS or name in _MAYBE_LISTED:
            snapshot = self._lists.item(name, values, at)
            return [] if snapshot is None else [snapshot]
        return []

    def _other(self, item: Item, at: Instant) -> list[Event]:
        if isinstance(item, Reply):
            return _status(item, at)
        if isinstance(item, Damaged):
            return [core.StreamLost(at, at, item.reason, goes_on=True)]
        return []


def _status(reply: Reply, at: Instant) -> list[Event]:
    """What a CoreStatus tells; nothing, if it is another reply."""
    date, time = reply.headers.get("CoreStartupDate"), reply.headers.get("CoreStartupTime")
    if not date or not time:
        return []
    boot = f"{date} {time}"
    handled = _whole(reply.headers.get("CoreProcessedCalls", ""))
    counted: list[Event] = [] if handled is None else [core.CallsCounted(at, boot, handled)]
    return [core.SwitchBooted(at, boot, None), *counted]


_MAYBE_LISTED = frozenset({"DeviceStateChange", "ParkedCall"})   # with an ActionID they are items of a list


def _instant(text: str) -> Instant | None:
    """`1795418366.428667` → microseconds; None for anything that is no such number."""
    seconds, _, fraction = text.partition(".")
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) < 12):
        return None
    if len(fraction) == 6 and fraction.isascii() and fraction.isdigit():
        return int(seconds + fraction)
    if fraction == "" or (fraction.isascii() and fraction.isdigit()):
        return int(seconds + (fraction + "000000")[:6])
    return None
