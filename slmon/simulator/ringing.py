"""Ringing desks for a member: one, several at once, through a queue or not, and who picks up."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from slmon.core.instant import Instant, of_seconds
from slmon.simulator.channels import DOWN, RING, RINGING, UP, Bridge, Caller, Channel
from slmon.simulator.clockwork import Script
from slmon.simulator.house import Desk, Queue
from slmon.simulator.member import Member, MemberHungUp, Pipe, Service


@dataclass(slots=True, eq=False)
class Ring:
    """A desk's phone is rung. `one` and `two`: the Local pair in between, where there is one."""

    desk: Desk
    phone: Channel
    caller: Channel                    # who rings
    began_at: Instant
    picks_up_at: float                 # infinite: never
    declines_at: float
    one: Channel | None = None
    two: Channel | None = None

    @property
    def rung(self) -> Channel:
        """What the caller's Dial or Queue sees."""
        return self.one or self.phone


@dataclass(slots=True)
class Talk:
    """A phone and the member are together. `facing` is in the phone's bridge for the member."""

    desk: Desk
    phone: Channel
    facing: Channel
    bridge: Bridge
    service: Service | None            # None: no queue, or one behind a pipe


def ring_desks(member: Member, desks: Sequence[Desk], seconds: float) -> Script[Ring | None]:
    """Dial() these desks at once. The ring that was picked up; None: nobody did."""
    rings = [begin(member, desk, None) for desk in desks]
    picked_up = yield from await_pickup(member, rings, member.now + of_seconds(seconds), None)
    return picked_up


def begin(member: Member, desk: Desk, queue: Queue | None) -> Ring:
    """Begin to ring one desk, and settle what its owner will do."""
    if queue is not None and desk.via_local:
        return _begin_local(member, desk, queue)
    pbx, caller = member.pbx, member.facing
    phone = _dialled(member, desk, queue)
    pbx.state(phone, RINGING)
    if queue is not None:
        pbx.run(phone, "from-internal", caller.exten, 1, "AppQueue", "(Outgoing Line)")
    pbx.dial_state(caller, phone)
    return _settled(member, Ring(desk, phone, caller, member.now, math.inf, math.inf))


def find_busy(member: Member, desk: Desk) -> None:
    """Dial a desk whose phone says at once that it is busy."""
    phone = _dialled(member, desk, None)
    member.pbx.dial_end(member.facing, phone, "BUSY")
    member.pbx.hangup(phone, 17)


def _dialled(member: Member, desk: Desk, queue: Queue | None) -> Channel:
    pbx, caller = member.pbx, member.facing
    phone = pbx.channel(desk.endpoint, DOWN, desk.number, "from-internal", "s",
                        caller_name=desk.name, linked_to=caller)
    phone.exten, phone.application, phone.arguments = caller.exten, "AppQueue", "(Outgoing Line)"
    phone.connected, phone.connected_name = caller.caller, caller.caller_name
    if queue is None:
        pbx.run(phone, "from-internal", caller.exten, 1, "AppDial", "(Outgoing Line)")
    else:
        pbx.agent("AgentCalled", queue.name, caller, phone, desk)
    pbx.dial_begin(caller, phone, desk.endpoint if queue else desk.number)
    pbx.connected(caller, desk.number, desk.name)
    return phone


def _begin_local(member: Member, desk: Desk, queue: Queue) -> Ring:
    pbx, caller = member.pbx, member.facing
    one, two = pbx.local_pair(desk.number, "agents", caller)
    pbx.agent("AgentCalled", queue.name, caller, one, desk)
    pbx.dial_begin(caller, one, desk.interface)
    pbx.run(two, "agents", desk.number, 1, "Dial", f"{desk.endpoint},20,tT")
    phone = pbx.channel(desk.endpoint, DOWN, desk.number, "from-internal", "s",
                        caller_name=desk.name, linked_to=caller)
    pbx.run(phone, "from-internal", desk.number, 1, "AppDial", "(Outgoing Line)")
    pbx.connected(phone, caller.caller, caller.caller_name)
    pbx.dial_begin(two, phone, desk.number)
    pbx.connected(two, desk.number, desk.name)
    pbx.connected(caller, desk.number, desk.name)
    pbx.state(phone, RINGING)
    one.caller, one.caller_name, one.exten = desk.number, desk.name, caller.exten
    one.connected, one.connected_name = caller.caller, caller.caller_name
    pbx.state(one, RINGING)
    pbx.run(one, "agents", caller.exten, 1, "AppQueue", "(Outgoing Line)")
    pbx.dial_state(two, phone)
    pbx.dial_state(caller, one)
    return _settled(member, Ring(desk, phone, caller, member.now, math.inf, math.inf, one, two))


def _settled(member: Member, ring: Ring) -> Ring:
    chance = member.random.random()
    if chance < 0.90:
        ring.picks_up_at = member.now + of_seconds(1.2 + member.random.lognormvariate(0.9, 0.55))
    elif chance < 0.93:
        ring.declines_at = member.now + of_seconds(member.random.uniform(0.8, 3))
    return ring


def await_pickup(member: Member, rings: list[Ring], ends_at: float, queue: Queue | None) -> Script[Ring | None]:
    """Wait until one of the phones is picked up; the others are let go. None: nobody did until `ends_at`."""
    while rings:
        soonest = min(rings, key=lambda ring: min(ring.picks_up_at, ring.declines_at))
        happens_at = min(soonest.picks_up_at, soonest.declines_at)
        try:
            yield from member.until(min(happens_at, ends_at))
        except MemberHungUp:
            stop(member, rings, "CANCEL", 0)
            raise
        if happens_at > ends_at:
            stop(member, rings, "NOANSWER", 0, queue)
            return None
        rings.remove(soonest)
        if soonest.declines_at < soonest.picks_up_at:
            _declined(member, soonest, queue)
            continue
        _pick_up(member, soonest)
        stop(member, rings, "CANCEL", 26)
        return soonest
    return None


def stop(member: Member, rings: list[Ring], status: str, cause: int, queue: Queue | None = None) -> None:
    """Stop ringing these. A queue says who did not answer, and says CANCEL after it, as Asterisk does."""
    pbx = member.pbx
    for ring in rings:
        if queue is not None:
            rang = (member.now - ring.began_at) // 1000
            pbx.agent("AgentRingNoAnswer", queue.name, ring.caller, ring.rung, ring.desk, f"RingTime: {rang}\r\n")
        pbx.dial_end(ring.caller, ring.rung, status)
        if queue is not None:
            pbx.dial_end(ring.caller, ring.rung, "CANCEL")
        if ring.one is not None and ring.two is not None:
            pbx.hangup_request(ring.two, cause)
            pbx.hangup(ring.one, cause)
            pbx.dial_end(ring.two, ring.phone, "CANCEL")
            pbx.soft_hangup(ring.two)
            pbx.hangup(ring.two, cause)
        pbx.hangup(ring.phone, cause)
    rings.clear()


def _declined(member: Member, ring: Ring, queue: Queue | None) -> None:
    pbx = member.pbx
    if ring.one is not None and ring.two is not None:
        pbx.dial_end(ring.two, ring.phone, "BUSY")
        pbx.hangup(ring.phone, 17)
        pbx.hangup(ring.two, 17)
        pbx.hangup_request(ring.one, 17)
    pbx.dial_end(ring.caller, ring.rung, "BUSY")
    if queue is not None:
        pbx.agent("AgentRingNoAnswer", queue.name, ring.caller, ring.rung, ring.desk, "RingTime: 0\r\n")
    pbx.hangup(ring.rung, 17)


def _pick_up(member: Member, ring: Ring) -> None:
    pbx = member.pbx
    pbx.state(ring.phone, UP)
    if ring.two is None:
        return
    ring.phone.exten = ""
    pbx.dial_end(ring.two, ring.phone, "ANSWER")
    pbx.state(ring.two, UP)


def put_through(member: Member, ring: Ring) -> Talk:
    """Dial() puts the phone and the member together."""
    pbx = member.pbx
    ring.phone.exten = ""
    pbx.dial_end(ring.caller, ring.phone, "ANSWER")
    pbx.state(ring.caller, UP)
    bridge = pbx.bridge(ring.phone, ring.caller)
    bridge.technology = "native_rtp"
    return Talk(ring.desk, ring.phone, ring.caller, bridge, None)


def put_through_queue(member: Member, ring: Ring, queue: Queue, caller: Caller, pause: float) -> Script[Talk]:
    """The queue puts the phone and the member together, after its announcement to the caseworker of `pause` seconds."""
    pbx, channel = member.pbx, ring.caller
    rang = (member.now - ring.began_at) // 10**6             # the announcement is no ringing
    inner = pbx.bridge(ring.phone, ring.two) if ring.two is not None else None
    if ring.one is not None:
        pbx.state(ring.one, UP)
    pbx.dial_end(channel, ring.rung, "ANSWER")
    if pause:
        try:
            yield from member.listen(pause)
        except MemberHungUp:
            _drop(member, ring, inner)
            raise
    pbx.music(channel, on=False)
    pbx.leave_queue(queue.name, caller)
    held = (member.now - caller.joined_at) // 10**6
    pbx.desks[ring.desk.number].in_queue_call = True
    pbx.agent("AgentConnect", queue.name, channel, ring.rung, ring.desk, f"HoldTime: {held}\r\nRingTime: {rang}\r\n")
    pbx.state(channel, UP)
    bridge = pbx.bridge(ring.rung, channel)
    service = Service(queue.name, channel, ring.rung, ring.desk, held, member.now)
    if ring.one is None or ring.two is None or inner is None:
        bridge.technology = "native_rtp"
        return Talk(ring.desk, ring.phone, channel, bridge, service)
    member.pipes.append(Pipe(bridge, channel, ring.one, ring.two, service))
    member.facing = ring.two
    return Talk(ring.desk, ring.phone, ring.two, inner, None)


def _drop(member: Member, ring: Ring, inner: Bridge | None) -> None:
    """The member is gone before they were put together."""
    if inner is not None:
        member.pbx.destroy(inner)
    for channel in (ring.one, ring.two, ring.phone):
        if channel is not None:
            member.pbx.hangup(channel)


def colleague_picks_up(member: Member, ring: Ring, colleague: Desk) -> Talk:
    """Somebody else takes what rings at a desk, with `*8`: the two phones change places."""
    pbx, caller = member.pbx, ring.caller
    picker = pbx.channel(colleague.endpoint, RING, colleague.number, "from-internal", "*8", caller_name=colleague.name)
    pbx.connected(picker, caller.caller, caller.caller_name)
    pbx.state(picker, UP)
    pbx.pickup(picker, ring.phone)
    ring.phone.exten, picker.exten = "*8", ""
    pbx.hangup(ring.phone)
    pbx.connected(caller, colleague.number, colleague.name)
    pbx.dial_end(caller, picker, "ANSWER")
    pbx.state(caller, UP)
    bridge = pbx.bridge(picker, caller)
    bridge.technology = "native_rtp"
    return Talk(colleague, picker, caller, bridge, None)


