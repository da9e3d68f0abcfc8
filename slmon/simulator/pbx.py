"""The simulated PBX: whatever happens to its channels, and the AMI text of it.

It does what it is told to and knows no story: calls.py tells it the stories. Shapes and order of headers are those
of a real Asterisk 22.
"""

from collections.abc import Callable
from random import Random
from uuid import UUID

from slmon.core.instant import SECOND, Instant, as_datetime
from slmon.simulator.channels import (
    DOWN,
    MEMBER_STATUS,
    RING,
    UNKNOWN,
    Bridge,
    Caller,
    Channel,
    LiveDesk,
    LiveQueue,
    Parking,
    phone_state,
)
from slmon.simulator.clockwork import Clockwork
from slmon.simulator.house import Desk, House, Queue

_CAUSES = {0: "Unknown", 16: "Normal Clearing", 17: "User busy", 19: "User alerting, no answer",
           26: "Answered elsewhere", 127: "Interworking, unspecified"}

Listener = Callable[[str, str, bytes], None]
"""Is told of each event: its class (call, agent, dialplan ...), its name, its bytes."""


class Pbx:
    """A PBX in virtual time. Every change is one method, and says its events to the listeners."""

    def __init__(self, house: House, clock: Clockwork, seed: int) -> None:
        self.house = house
        self.clock = clock
        self.booted_at = clock.now
        self.channels: dict[str, Channel] = {}
        self.queues = {queue.name: LiveQueue(queue) for queue in house.queues}
        self.desks = {desk.number: LiveDesk(desk) for desk in house.desks}
        self.parked: dict[int, Parking] = {}
        self.listeners: list[Listener] = []
        self.calls_handled = 0
        self._random = Random(f"pbx {seed}")
        self._stamp = clock.now
        self._unique = 0
        self._pjsip = 0
        self._locals = 0
        self._serving = {desk.number: tuple(queue for queue in house.queues if desk.number in queue.desks)
                         for desk in house.desks}

    # What is said

    def say(self, privilege: str, name: str, *parts: str) -> None:
        """Tell an event, with a Timestamp that never runs back and is a little later than what it tells of."""
        self._stamp = max(self._stamp + self._random.randrange(3, 90), self.clock.now)
        seconds, micros = divmod(self._stamp, SECOND)
        text = (f"Event: {name}\r\nPrivilege: {privilege},all\r\nTimestamp: {seconds}.{micros:06}\r\n"
                f"SystemName: {self.house.system}\r\n{''.join(parts)}\r\n")
        frame = text.encode()
        for listener in self.listeners:
            listener(privilege, name, frame)

    # Channels

    def channel(self, technology: str, state: int, caller: str, context: str, exten: str, *,
                caller_name: str = UNKNOWN, linked_to: Channel | None = None) -> Channel:
        """A new channel: `PJSIP/101`, or a whole name with its number for Local ones."""
        name = technology
        if technology.startswith("PJSIP/"):
            name = f"{technology}-{self._pjsip:08x}"
            self._pjsip += 1
        uniqueid = f"{self.house.system}-{self.clock.now // SECOND}.{self._unique}"
        self._unique += 1
        linkedid = linked_to.linkedid if linked_to else uniqueid
        made = Channel(name, state, caller, caller_name, context, exten, uniqueid, linkedid, self.clock.now)
        made.dialled = exten if state == RING and name.startswith("PJSIP/") else ""
        self.channels[uniqueid] = made
        self.say("call", "Newchannel", made.text())
        if desk := self._desk_of(made):
            desk.channels.append(made)
            self._phone_changed(made)
        return made

    def local_pair(self, exten: str, context: str, member: Channel) -> tuple[Channel, Channel]:
        """The two ends of a Local channel, kept (`/n`)."""
        name = f"Local/{exten}@{context}-{self._locals:08x}"
        self._locals += 1
        one = self.channel(name + ";1", DOWN, UNKNOWN, context, exten, linked_to=member)
        two = self.channel(name + ";2", RING, UNKNOWN, context, exten, linked_to=member)
        two.caller, two.caller_name, two.connected = member.caller, member.caller_name, member.exten
        self.say("call", "NewCallerid", two.text(), "CID-CallingPres: 0 (Presentation Allowed, Not Screened)\r\n")
        self.say("call", "LocalBridge", one.text("LocalOne"), two.text("LocalTwo"),
                 f"Context: {context}\r\nExten: {exten}\r\nLocalOptimization: No\r\n")
        return one, two

    def run(self, channel: Channel, context: str, exten: str, priority: int, application: str,
            arguments: str = "") -> None:
        """The channel comes to a line of the dialplan."""
        channel.context, channel.exten, channel.priority = context, exten, priority
        channel.application, channel.arguments = application, arguments
        self.say("dialplan", "Newexten", channel.text(),
                 f"Extension: {exten}\r\nApplication: {application}\r\nAppData: {arguments}\r\n")

    def state(self, channel: Channel, state: int) -> None:
        """The channel rings, or is up."""
        if channel.state == state:
            return
        channel.state = state
        self.say("call", "Newstate", channel.text())
        self._phone_changed(channel)

    def connected(self, channel: Channel, number: str, name: str) -> None:
        """The channel's far side is somebody else now."""
        channel.connected, channel.connected_name = number, name
        self.say("call", "NewConnectedLine", channel.text())

    def digit(self, channel: Channel, digit: str) -> None:
        """The channel's owner pressed a key."""
        self.say("dtmf", "DTMFEnd", channel.text(), f"Digit: {digit}\r\nDurationMs: 100\r\nDirection: Received\r\n")

    def music(self, channel: Channel, on: bool) -> None:
        """Music on hold, on or off."""
        if on:
            self.say("call", "MusicOnHoldStart", channel.text(), "Class: default\r\n")
        else:
            self.say("call", "MusicOnHoldStop", channel.text())

    def hold(self, channel: Channel, on: bool) -> None:
        """A phone holds its call, or takes it back."""
        channel.on_hold = on
        self.say("call", "Hold" if on else "Unhold", channel.text(), "MusicClass: default\r\n" if on else "")
        self._phone_changed(channel)

    def hangup_request(self, channel: Channel, cause: int | None = None) -> None:
        """The far end hung up."""
        self.say("call", "HangupRequest", channel.text(), "" if cause is None else f"Cause: {cause}\r\n")

    def soft_hangup(self, channel: Channel) -> None:
        """The PBX asks the channel to go."""
        self.say("call", "SoftHangupRequest", channel.text(), "Cause: 16\r\n")

    def hangup(self, channel: Channel, cause: int = 16) -> None:
        """The channel is gone."""
        if self.channels.pop(channel.uniqueid, None) is None:
            return
        self.say("call", "Hangup", channel.text(), f"Cause: {cause}\r\nCause-txt: {_CAUSES[cause]}\r\n")
        if desk := self._desk_of(channel):
            desk.channels.remove(channel)
            self._phone_changed(channel)

    # Dialling

    def dial_begin(self, channel: Channel, dest: Channel, dial_string: str) -> None:
        """The channel begins to ring a phone."""
        self.say("call", "DialBegin", channel.text(), dest.text("Dest"), f"DialString: {dial_string}\r\n")

    def dial_state(self, channel: Channel, dest: Channel) -> None:
        """The phone says that it rings."""
        self.say("call", "DialState", channel.text(), dest.text("Dest"), "DialStatus: RINGING\r\n")

    def dial_end(self, channel: Channel, dest: Channel, status: str) -> None:
        """The ringing is over: ANSWER, NOANSWER, CANCEL, BUSY."""
        self.say("call", "DialEnd", channel.text(), dest.text("Dest"), f"DialStatus: {status}\r\n")

    def pickup(self, channel: Channel, target: Channel) -> None:
        """A channel takes over what rings at another."""
        self.say("call", "Pickup", channel.text(), target.text("Target"))

    # Bridges

    def bridge(self, *channels: Channel, technology: str = "simple_bridge", kind: str = "basic",
               creator: str = UNKNOWN, name: str = UNKNOWN) -> Bridge:
        """A new bridge with these in it."""
        made = Bridge(str(UUID(int=self._random.getrandbits(128), version=4)), kind, technology, creator, name)
        self.say("call", "BridgeCreate", made.text())
        for channel in channels:
            self.enter(made, channel)
        return made

    def enter(self, bridge: Bridge, channel: Channel, swap: Channel | None = None) -> None:
        """A channel comes in; the oldest Linkedid wins for all in it, and no event says so."""
        bridge.channels.append(channel)
        channel.bridge = bridge
        oldest = min((each.linkedid for each in bridge.channels), key=_age)
        for each in bridge.channels:
            each.linkedid = oldest
        self.say("call", "BridgeEnter", bridge.text(), channel.text(),
                 f"SwapUniqueid: {swap.uniqueid}\r\n" if swap else "")

    def leave(self, channel: Channel) -> None:
        """A channel leaves the bridge it is in."""
        bridge = channel.bridge
        if bridge is None:
            return
        bridge.channels.remove(channel)
        channel.bridge = None
        self.say("call", "BridgeLeave", bridge.text(), channel.text())

    def destroy(self, bridge: Bridge) -> None:
        """The bridge is gone, and whoever was left in it is out first."""
        for channel in list(bridge.channels):
            self.leave(channel)
        self.say("call", "BridgeDestroy", bridge.text())

    # Queues

    def join(self, queue: str, channel: Channel) -> Caller:
        """A channel begins to wait in a queue."""
        live = self.queues[queue]
        caller = Caller(channel, self.clock.now, len(live.callers) + 1)
        live.callers.append(caller)
        self._queue_device(live)
        self.say("agent", "QueueCallerJoin", channel.text(),
                 f"Queue: {queue}\r\nPosition: {caller.position}\r\nCount: {len(live.callers)}\r\n")
        return caller

    def leave_queue(self, queue: str, caller: Caller) -> None:
        """A channel waits there no more."""
        live = self.queues[queue]
        position = live.callers.index(caller) + 1
        live.callers.remove(caller)
        self._queue_device(live)
        self.say("agent", "QueueCallerLeave", caller.channel.text(),
                 f"Queue: {queue}\r\nPosition: {position}\r\nCount: {len(live.callers)}\r\n")

    def abandon(self, queue: str, caller: Caller) -> None:
        """The caller hung up, or the queue's time ran out: the same event."""
        live = self.queues[queue]
        live.abandoned += 1
        position = live.callers.index(caller) + 1
        self.say("agent", "QueueCallerAbandon", caller.channel.text(),
                 f"Queue: {queue}\r\nPosition: {position}\r\nOriginalPosition: {caller.position}\r\n"
                 f"HoldTime: {self._since(caller.joined_at)}\r\n")

    def agent(self, event: str, queue: str, caller: Channel, dest: Channel, desk: Desk, tail: str = "") -> None:
        """AgentCalled, AgentConnect, AgentRingNoAnswer or AgentComplete, with its own last headers."""
        self.say("agent", event, caller.text(), dest.text("Dest"),
                 f"Queue: {queue}\r\nInterface: {desk.interface}\r\nMemberName: {desk.name}\r\n{tail}")

    def pause(self, number: str, paused: bool) -> None:
        """A desk takes a break from all its queues, or comes back."""
        live = self.desks[number]
        live.paused = paused
        for queue in self._serving[number]:
            self.say("agent", "QueueMemberPause", self.member_text(queue, live))

    def member_text(self, queue: Queue, live: LiveDesk) -> str:
        """The headers of a queue member in an event."""
        return (f"Queue: {queue.name}\r\nMemberName: {live.fixed.name}\r\nInterface: {live.fixed.interface}\r\n"
                f"StateInterface: {live.fixed.endpoint}\r\nMembership: static\r\nPenalty: 0\r\n"
                f"CallsTaken: {live.calls_taken}\r\nLastCall: {live.last_call}\r\nLastPause: 0\r\n"
                f"LoginTime: {self.booted_at // SECOND}\r\nInCall: {int(live.in_queue_call)}\r\n"
                f"Status: {MEMBER_STATUS[live.state]}\r\nPaused: {int(live.paused)}\r\nPausedReason: \r\n"
                f"Ringinuse: 0\r\nWrapuptime: 5\r\n")

    def free(self, number: str, for_queue: bool = False) -> bool:
        """Whether a desk can be rung; for a queue it must not be paused or writing up its last call either."""
        live = self.desks[number]
        if live.channels:
            return False
        return not for_queue or not (live.paused or live.wrap_up_until > self.clock.now)

    # Phones

    def _desk_of(self, channel: Channel) -> LiveDesk | None:
        return self.desks.get(channel.endpoint.removeprefix("PJSIP/"))

    def _phone_changed(self, channel: Channel) -> None:
        live = self._desk_of(channel)
        if live is None:
            return
        state = phone_state(live.channels)
        if state == live.state:
            return
        live.state = state
        self.say("call", "DeviceStateChange", f"Device: {live.fixed.endpoint}\r\nState: {state}\r\n")
        for queue in self._serving[live.fixed.number]:
            self.say("agent", "QueueMemberStatus", self.member_text(queue, live))

    def _queue_device(self, live: LiveQueue) -> None:
        state = "RINGING" if live.callers else "NOT_INUSE"
        self.say("call", "DeviceStateChange", f"Device: Queue:{live.fixed.name}\r\nState: {state}\r\n")

    def _since(self, instant: Instant) -> int:
        return (self.clock.now - instant) // SECOND

    @property
    def stamp(self) -> str:
        """The PBX's clock as its Timestamps have it."""
        seconds, micros = divmod(max(self._stamp, self.clock.now), SECOND)
        return f"{seconds}.{micros:06}"

    @property
    def startup(self) -> tuple[str, str]:
        """Date and time of the start, in the PBX's zone (UTC)."""
        started = as_datetime(self.booted_at)
        return started.strftime("%Y-%m-%d"), started.strftime("%H:%M:%S")


def _age(linkedid: str) -> tuple[int, int]:
    epoch, _, number = linkedid.rpartition("-")[2].partition(".")
    return int(epoch), int(number)
