"""What the simulated PBX holds: channels, bridges, queues, desks, and the AMI headers that describe them."""

from dataclasses import dataclass, field

from slmon.core.instant import Instant
from slmon.simulator.house import Desk, Queue

DOWN, RING, RINGING, UP = 0, 4, 5, 6
_STATES = {DOWN: "Down", RING: "Ring", RINGING: "Ringing", UP: "Up"}
UNKNOWN = "<unknown>"

MEMBER_STATUS = {"NOT_INUSE": 1, "INUSE": 2, "BUSY": 3, "UNAVAILABLE": 5, "RINGING": 6, "RINGINUSE": 7, "ONHOLD": 8}


@dataclass(slots=True, eq=False)
class Bridge:
    """Channels that hear each other; a holding one only plays them music."""

    uniqueid: str
    kind: str = "basic"
    technology: str = "simple_bridge"
    creator: str = UNKNOWN
    name: str = UNKNOWN
    channels: list["Channel"] = field(default_factory=list)

    def text(self, prefix: str = "") -> str:
        """The headers that describe it."""
        return (f"{prefix}BridgeUniqueid: {self.uniqueid}\r\n{prefix}BridgeType: {self.kind}\r\n"
                f"{prefix}BridgeTechnology: {self.technology}\r\n{prefix}BridgeCreator: {self.creator}\r\n"
                f"{prefix}BridgeName: {self.name}\r\n{prefix}BridgeNumChannels: {len(self.channels)}\r\n"
                f"{prefix}BridgeVideoSourceMode: none\r\n")


@dataclass(slots=True, eq=False)
class Channel:
    """One channel, as the PBX would list it."""

    name: str
    state: int
    caller: str
    caller_name: str
    context: str
    exten: str
    uniqueid: str
    linkedid: str
    since: Instant
    priority: int = 1
    connected: str = UNKNOWN
    connected_name: str = UNKNOWN
    application: str = ""
    arguments: str = ""
    bridge: Bridge | None = None
    on_hold: bool = False
    dialled: str = ""                  # what the far end dialled, where it rang in

    @property
    def endpoint(self) -> str:
        """The phone or trunk behind it: `PJSIP/101`."""
        return self.name.rpartition("-")[0]

    def text(self, prefix: str = "") -> str:
        """The headers that describe it."""
        p = prefix
        return (f"{p}Channel: {self.name}\r\n{p}ChannelState: {self.state}\r\n"
                f"{p}ChannelStateDesc: {_STATES[self.state]}\r\n{p}CallerIDNum: {self.caller}\r\n"
                f"{p}CallerIDName: {self.caller_name}\r\n{p}ConnectedLineNum: {self.connected}\r\n"
                f"{p}ConnectedLineName: {self.connected_name}\r\n{p}Language: en\r\n{p}AccountCode: \r\n"
                f"{p}Context: {self.context}\r\n{p}Exten: {self.exten}\r\n{p}Priority: {self.priority}\r\n"
                f"{p}Uniqueid: {self.uniqueid}\r\n{p}Linkedid: {self.linkedid}\r\n")


@dataclass(slots=True, eq=False)
class Caller:
    """Somebody in a queue."""

    channel: Channel
    joined_at: Instant
    position: int                       # on joining


@dataclass(slots=True, eq=False)
class LiveQueue:
    """A queue and who waits in it."""

    fixed: Queue
    callers: list[Caller] = field(default_factory=list)
    completed: int = 0
    abandoned: int = 0
    turn: int = 0                       # whose turn it is, one after another


@dataclass(slots=True, eq=False)
class LiveDesk:
    """A desk, its phone's state, and how the queues see it."""

    fixed: Desk
    state: str = "NOT_INUSE"
    paused: bool = False
    channels: list[Channel] = field(default_factory=list)
    wrap_up_until: Instant = 0
    calls_taken: int = 0
    last_call: int = 0
    in_queue_call: bool = False


@dataclass(slots=True, eq=False)
class Parking:
    """A parked channel."""

    channel: Channel
    space: int
    parker: str
    since: Instant


def phone_state(channels: list[Channel]) -> str:
    """The device state of a phone with these channels."""
    ringing = any(channel.state == RINGING for channel in channels)
    up = [channel for channel in channels if channel.state in (UP, RING)]
    if ringing:
        return "RINGINUSE" if up else "RINGING"
    if not up:
        return "NOT_INUSE"
    return "ONHOLD" if all(channel.on_hold for channel in up) else "INUSE"
