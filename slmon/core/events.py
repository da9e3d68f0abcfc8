"""What a switch can tell, whatever its make. A source (AMI today) translates into these and knows no rule.

A leg is one channel, known by its opaque id; `linked` is the id that the switch says it hangs together with, empty
where the source does not say. Named tuples: frozen, and cheap enough for a million a second.
"""

from enum import IntEnum
from typing import NamedTuple

from slmon.core.instant import Instant

LegId = str


class LegState(IntEnum):
    """What a leg's line is doing; the numbers are Asterisk's."""

    DOWN = 0
    RESERVED = 1
    OFF_HOOK = 2
    DIALLING = 3
    RING = 4          # it rings in to the switch: an incoming call
    RINGING = 5       # the far phone rings
    UP = 6
    BUSY = 7
    OTHER = 8


class LegStarted(NamedTuple):
    """A leg was announced."""

    at: Instant
    leg: LegId
    linked: LegId
    channel: str
    state: LegState
    context: str
    exten: str
    caller: str


class LegStateChanged(NamedTuple):
    """A leg rings, or its line went up."""

    at: Instant
    leg: LegId
    linked: LegId
    state: LegState
    context: str
    exten: str


class HangupRequested(NamedTuple):
    """The far end of the leg hung up."""

    at: Instant
    leg: LegId
    linked: LegId


class LegEnded(NamedTuple):
    """A leg is gone."""

    at: Instant
    leg: LegId
    linked: LegId
    context: str
    exten: str
    cause: int | None


class DialStarted(NamedTuple):
    """`leg` (empty: nobody known) began to ring `dest`."""

    at: Instant
    leg: LegId
    linked: LegId
    dest: LegId
    dest_linked: LegId
    dest_channel: str


class DialEnded(NamedTuple):
    """The ringing of `dest` came to an end, with the switch's word for it: ANSWER, CANCEL, NOANSWER, CONTINUE ..."""

    at: Instant
    leg: LegId
    linked: LegId
    dest: LegId
    dest_linked: LegId
    dest_channel: str
    status: str


class BridgeEntered(NamedTuple):
    """A leg came into a bridge. `holding`: the bridge only parks legs, they hear music and not each other."""

    at: Instant
    leg: LegId
    linked: LegId
    bridge: str
    holding: bool
    context: str
    exten: str


class BridgeLeft(NamedTuple):
    """A leg left a bridge."""

    at: Instant
    leg: LegId
    linked: LegId
    bridge: str


class LocalPaired(NamedTuple):
    """Two legs are the two ends of one pipe inside the switch."""

    at: Instant
    one: LegId
    one_linked: LegId
    two: LegId
    two_linked: LegId
    context: str
    exten: str


class QueueJoined(NamedTuple):
    """A leg began to wait in a queue."""

    at: Instant
    leg: LegId
    linked: LegId
    queue: str
    context: str
    exten: str


class QueueLeft(NamedTuple):
    """A leg waits in the queue no more: answered, gone, or its time there ran out."""

    at: Instant
    leg: LegId
    linked: LegId
    queue: str


class DialplanRan(NamedTuple):
    """A leg runs a dialplan application; only a PBX login with the dialplan right sees this."""

    at: Instant
    leg: LegId
    linked: LegId
    context: str
    exten: str
    application: str
    arguments: str


class KeyPressed(NamedTuple):
    """Somebody pressed a key at the far end of a leg. Which one is nobody's business."""

    at: Instant
    leg: LegId


class PickedUp(NamedTuple):
    """`leg` took over a call that was ringing at `target`."""

    at: Instant
    leg: LegId
    linked: LegId
    target: LegId
    target_linked: LegId


class BlindTransferred(NamedTuple):
    """`transferer` passed `transferee` on to an extension."""

    at: Instant
    succeeded: bool
    transferer: LegId
    transferer_linked: LegId
    transferee: LegId
    transferee_linked: LegId
    context: str
    exten: str


class AttendedTransferred(NamedTuple):
    """The holder of legs `first` (to the member) and `second` (to a third party) put them together.

    `destination` is the switch's word for what became of it: Bridge, App, Link, Threeway, Fail.
    """

    at: Instant
    succeeded: bool
    first: LegId
    first_linked: LegId
    second: LegId
    second_linked: LegId
    transferee: LegId
    transferee_linked: LegId
    target: LegId
    target_linked: LegId
    target_channel: str
    destination: str


class ParkChange(IntEnum):
    """What happened to a parked leg."""

    PARKED = 1
    RETRIEVED = 2
    TIMED_OUT = 3
    GAVE_UP = 4


class Parked(NamedTuple):
    """A leg was parked, fetched, came back on time-out, or hung up while parked."""

    at: Instant
    change: ParkChange
    leg: LegId
    linked: LegId
    parker: str           # channel or endpoint name that parked it
    space: str
    retriever: LegId


class HoldChanged(NamedTuple):
    """A leg put the other side on hold, or took it back."""

    at: Instant
    leg: LegId
    linked: LegId
    held: bool


class LegRenamed(NamedTuple):
    """A leg's channel has another name now (masquerade)."""

    at: Instant
    leg: LegId
    channel: str


class DeviceChanged(NamedTuple):
    """A phone's state in the switch's words: NOT_INUSE, INUSE, RINGING, UNAVAILABLE ..."""

    at: Instant
    device: str
    state: str


class MemberChanged(NamedTuple):
    """A desk serves a queue. `device` is the phone behind the queue's interface."""

    at: Instant
    queue: str
    interface: str
    device: str
    paused: bool
    present: bool
    status: int           # the queue's own view of the device: 1 free, 2 in use, 3 busy, 5 unavailable, 6 ringing ...


class SwitchBooted(NamedTuple):
    """The switch says since when it runs.

    `boot` names this run of it (its start in its own words), empty where only `booted_at` is known, and the reverse.
    """

    at: Instant
    boot: str
    booted_at: Instant | None


class CallsCounted(NamedTuple):
    """The switch says how many calls it has handled since it runs; `boot` as in SwitchBooted."""

    at: Instant
    boot: str
    handled: int


class ClockSet(NamedTuple):
    """Somebody set the switch's clock: it would have said `was`, and says `at`."""

    at: Instant
    was: Instant


class SwitchStopping(NamedTuple):
    """The switch is going down; what hangs up now hangs up because of it."""

    at: Instant


class StreamLost(NamedTuple):
    """From `since` on there is no trustworthy event stream: link down, frame damaged.

    `goes_on`: the stream itself was not interrupted, only what was damaged is missing.
    """

    at: Instant
    since: Instant
    reason: str
    goes_on: bool = False


class SnapshotLeg(NamedTuple):
    """A leg as the switch lists it on asking. `started_at` is to the second, and at most one second late.

    `met_nobody`: the switch says that nobody was ever at the other side of it. `dialled`: the number that it came in
    by; empty: it came in by none, for the switch has rung it; None: the switch does not tell.
    """

    leg: LegId
    linked: LegId
    channel: str
    state: LegState
    context: str
    exten: str
    caller: str
    bridge: str
    application: str
    started_at: Instant
    met_nobody: bool = False
    dialled: str | None = None


class SnapshotCaller(NamedTuple):
    """Somebody in a queue, as the switch lists it. `joined_at` is to the second."""

    leg: LegId
    queue: str
    joined_at: Instant


class SnapshotTaken(NamedTuple):
    """All that the switch says is going on, asked after (re)connecting. `legs` or `callers` None: not asked.

    `whole`: as many legs came as the switch said there were; a filter may hold some back.
    """

    at: Instant
    legs: tuple[SnapshotLeg, ...] | None
    callers: tuple[SnapshotCaller, ...] | None
    members: tuple[MemberChanged, ...]
    devices: tuple[DeviceChanged, ...]
    whole: bool = True


Event = (LegStarted | LegStateChanged | HangupRequested | LegEnded | DialStarted | DialEnded | BridgeEntered
         | BridgeLeft | LocalPaired | QueueJoined | QueueLeft | DialplanRan | KeyPressed
         | PickedUp | BlindTransferred | AttendedTransferred | Parked | HoldChanged | LegRenamed | DeviceChanged
         | MemberChanged | SwitchBooted | CallsCounted | ClockSet | SwitchStopping
         | StreamLost | SnapshotTaken)
