"""Assemble the PBX's lists into one snapshot event. Knows the lists' items; knows nothing of calls."""

import re
from collections import deque
from typing import TypeVar

from slmon.core.events import DeviceChanged, LegState, MemberChanged, SnapshotCaller, SnapshotLeg, SnapshotTaken
from slmon.core.instant import SECOND, Instant

LISTS: dict[str, tuple[str, ...]] = {
    name: ("Timestamp", "ActionID", *headers)
    for name, headers in {
        "CoreShowChannel": ("Channel", "ChannelState", "CallerIDNum", "Context", "Exten", "Uniqueid", "Linkedid",
                            "Application", "Duration", "BridgeId", "ConnectedLineNum"),
        "CoreShowChannelsComplete": ("EventList", "ListItems"),
        "Status": ("Uniqueid", "Type", "DNID"),
        "StatusComplete": ("EventList",),
        "BridgeListItem": ("BridgeUniqueid", "BridgeTechnology"),
        "BridgeListComplete": ("EventList",),
        "QueueMember": ("Queue", "Location", "StateInterface", "Status", "Paused"),
        "QueueEntry": ("Queue", "Uniqueid", "Wait"),
        "QueueStatusComplete": ("EventList",),
        "DeviceStateListComplete": ("EventList",),
    }.items()
}
"""The items of the lists, and the headers read of them."""

_TELLS_WHO_RANG = "PJSIP"     # the technology that gives every channel that comes in its number, and no other one
HOLDING = "holding_bridge"    # the technology of a bridge in which nobody hears anybody
_NOBODY = "<unknown>"    # of the other side of a leg, until a phone has rung for it
_REMEMBERED = 16         # lists that were complete
_UNDER_WAY = 4           # lists of a kind that come in at once; nobody asks for more
MOST_LISTED = 100_000    # items of one list: more is no list
_Item = TypeVar("_Item")
_NAMED_SECOND = re.compile(r"(?:^|-)(\d{10})\.\d+$", re.ASCII)     # of a Uniqueid, as Asterisk makes them
_AGREE = SECOND + SECOND // 2
_DURATION = re.compile(r"(\d{1,6}):(\d\d):(\d\d)")


class SnapshotAssembly:
    """One connection's lists.

    The channel list makes the snapshot; queues and devices listed before it are part of it, those listed later come
    as a snapshot without legs. A leg in a bridge that by the bridges listed before only parks is said to be in none.
    What the legs came in by is what the list of their states told before.
    """

    def __init__(self) -> None:
        self._legs: dict[str, list[SnapshotLeg]] = {}
        self._callers: dict[str, list[SnapshotCaller]] = {}
        self._members: dict[str, list[MemberChanged]] = {}
        self._devices: dict[str, list[DeviceChanged]] = {}
        self._queues_listed: tuple[tuple[SnapshotCaller, ...], tuple[MemberChanged, ...]] | None = None
        self._devices_listed: tuple[DeviceChanged, ...] = ()
        self._holding_listed: dict[str, list[str]] = {}
        self._holding: frozenset[str] = frozenset()      # bridges that only park legs, by the last list of bridges
        self._dialled_listed: dict[str, list[tuple[str, str]]] = {}
        self._dialled: dict[str, str] = {}               # by leg, the number that it came in by
        self._channels_seen = False
        self._complete: deque[tuple[str, str]] = deque(maxlen=_REMEMBERED)

    def item(self, name: str, values: tuple[str, ...], at: Instant) -> SnapshotTaken | None:
        """Take one list item; the snapshot when it completes one."""
        action, rest = values[1], values[2:]
        if name.endswith("Complete"):
            if action and (name, action) in self._complete:
                return None                              # told twice: the list is not empty, it is known
            self._complete.append((name, action))
        match name:
            case "CoreShowChannel" if values[7]:         # its Uniqueid
                leg = _leg(rest, at)._replace(dialled=self._dialled.get(values[7]))
                _add(self._legs, action, leg._replace(bridge="") if leg.bridge in self._holding else leg)
            case "Status" if rest[2] or rest[1] == _TELLS_WHO_RANG:
                _add(self._dialled_listed, action, (rest[0], rest[2]))
            case "StatusComplete":
                self._dialled = dict(self._dialled_listed.pop(action, ()))
            case "BridgeListItem" if rest[1] == HOLDING:
                _add(self._holding_listed, action, rest[0])
            case "BridgeListComplete":
                self._holding = frozenset(self._holding_listed.pop(action, ()))
            case "QueueEntry":
                queue, entered, wait = rest
                joined_at = at - (_number(wait) or 0) * SECOND
                _add(self._callers, action, SnapshotCaller(entered, queue, joined_at))
            case "QueueMember":
                queue, interface, device, status, paused = rest
                _add(self._members, action, MemberChanged(
                    at, queue, interface, device or interface, paused == "1", True, _number(status) or 0))
            case "DeviceStateChange":
                _add(self._devices, action, DeviceChanged(at, *rest))
            case "CoreShowChannelsComplete":
                legs, self._dialled = tuple(self._legs.pop(action, ())), {}
                return self._channels_complete(legs, at, _number(rest[1]) in (None, len(legs)))
            case "QueueStatusComplete":
                return self._queues_complete(
                    tuple(self._callers.pop(action, ())), tuple(self._members.pop(action, ())), at)
            case "DeviceStateListComplete":
                devices = tuple(self._devices.pop(action, ()))
                if self._channels_seen:
                    return SnapshotTaken(at, None, None, (), devices)
                self._devices_listed = devices
        return None

    def _channels_complete(self, legs: tuple[SnapshotLeg, ...], at: Instant, whole: bool) -> SnapshotTaken:
        self._channels_seen = True
        callers, members = self._queues_listed or (None, ())
        devices, self._queues_listed, self._devices_listed = self._devices_listed, None, ()
        return SnapshotTaken(at, legs, callers, members, devices, whole)

    def _queues_complete(
        self, callers: tuple[SnapshotCaller, ...], members: tuple[MemberChanged, ...], at: Instant
    ) -> SnapshotTaken | None:
        if self._channels_seen:
            return SnapshotTaken(at, None, callers, members, ())
        self._queues_listed = callers, members
        return None


def _add(lists: dict[str, list[_Item]], action: str, item: _Item) -> None:
    """One more item of a list. A list without end is kept as far as there is room; of many the oldest is let go of."""
    if action not in lists and len(lists) >= _UNDER_WAY:
        del lists[next(iter(lists))]
    listed = lists.setdefault(action, [])
    if len(listed) < MOST_LISTED:
        listed.append(item)


def _leg(rest: tuple[str, ...], at: Instant) -> SnapshotLeg:
    channel, state, caller, context, exten, leg, linked, application, duration, bridge, other_side = rest
    number = _number(state)
    told = LegState(number) if number is not None and number <= LegState.BUSY else LegState.OTHER
    match = _DURATION.fullmatch(duration)
    age = int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3]) if match else 0
    started_at = _started(leg, at - age * SECOND, at)
    return SnapshotLeg(leg, linked, channel, told, context, exten, caller, bridge, application, started_at,
                       other_side == _NOBODY)


def _started(leg: str, by_age: Instant, at: Instant) -> Instant:
    """When it began, at the latest, and at most a second sooner.

    A channel that was moved into another one, as by an attended transfer into a queue, keeps its id and has that
    one's age. Where the two contradict each other the second that its id names is the truth.
    """
    named = _NAMED_SECOND.search(leg)
    if named is None:
        return by_age
    by_id = (int(named[1]) + 1) * SECOND
    return by_age if abs(by_id - by_age) <= _AGREE or by_id > at + SECOND else by_id


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None
