"""A member's call from ring-in to the end, as the house's dialplan leads it."""

from random import Random

from slmon.core.facts import EndedBy, Outcome
from slmon.core.instant import of_seconds
from slmon.simulator.channels import RING, UP, Caller
from slmon.simulator.clockwork import Script
from slmon.simulator.house import CALLBACK_KEY, VOICEMAIL_KEY, Desk, Door, Number, Queue
from slmon.simulator.member import Member, MemberHungUp
from slmon.simulator.pbx import Pbx
from slmon.simulator.plan import Happening, MemberRings
from slmon.simulator.ringing import (
    Ring,
    Talk,
    await_pickup,
    begin,
    colleague_picks_up,
    find_busy,
    put_through,
    put_through_queue,
    ring_desks,
    stop,
)
from slmon.simulator.talks import passed_to_desk, talk
from slmon.simulator.truth import TrueCall

GREETING_SECONDS = 3.2
MENU_SECONDS = 5.0
ANNOUNCED = {"efterløn": 1.2}          # seconds of announcement to the caseworker before the two are together
DESK_SECONDS = 15.0


def member_rings(pbx: Pbx, plan: MemberRings, number: Number, truths: list[TrueCall]) -> Script[None]:
    """Play one member call; what really happened goes to `truths` as soon as it rings."""
    channel = pbx.channel(f"PJSIP/{pbx.house.trunk}", RING, plan.caller, "from-trunk", plan.number,
                          caller_name=plan.name)
    truth = TrueCall(channel.uniqueid, plan.caller, plan.number, number.name, pbx.clock.now)
    truths.append(truth)
    pbx.calls_handled += 1
    member = Member(pbx, plan, channel, channel, truth, Random(plan.seed),
                    gives_up_at=pbx.clock.now + of_seconds(plan.patience))
    try:
        yield from _through_the_door(member, number)
    except MemberHungUp:
        member.gone()


def _through_the_door(member: Member, number: Number) -> Script[None]:
    match number.door:
        case Door.MENU:
            yield from _menu(member)
        case Door.QUEUE:
            _answer(member, "from-trunk", member.plan.number)
            yield from _hears(member, "from-trunk", member.plan.number, 2, "velkomst", GREETING_SECONDS)
            yield from _queues(member, number.leads_to)
        case Door.DESK:
            yield from _desk(member)
        case Door.RING_GROUP:
            yield from _ring_group(member, number.leads_to.split(","))
        case Door.CLOSED:
            _answer(member, "lukket", "s")
            member.truth.met(Outcome.CLOSED)
            yield from _hears(member, "lukket", "s", 2, "lukket", 6.5)
            _dialplan_ends(member)


def _answer(member: Member, context: str, exten: str) -> None:
    member.pbx.run(member.facing, context, exten, 1, "Answer")
    member.pbx.state(member.facing, UP)


def _hears(member: Member, context: str, exten: str, priority: int, sound: str, seconds: float) -> Script[None]:
    member.pbx.run(member.facing, context, exten, priority, "Playback", sound)
    yield from member.listen(seconds)


def _dialplan_ends(member: Member) -> None:
    member.truth.ended_by = EndedBy.PBX
    member.let_go()


def _menu(member: Member) -> Script[None]:
    pbx, plan = member.pbx, member.plan
    _answer(member, "from-trunk", plan.number)
    pbx.run(member.facing, "from-trunk", plan.number, 2, "Goto", "menu,s,1")
    yield from _hears(member, "menu", "s", 1, "velkomst", GREETING_SECONDS)
    pbx.run(member.facing, "menu", "s", 2, "BackGround", "menu")
    if not plan.key:
        yield from member.listen(MENU_SECONDS)
        pbx.run(member.facing, "menu", "t", 1, "Goto", "koe,medlemskab,1")
        yield from _queues(member, "medlemskab")
        return
    yield from member.listen(plan.key_after)
    pbx.digit(member.facing, plan.key)
    if plan.key == VOICEMAIL_KEY:
        pbx.run(member.facing, "menu", plan.key, 1, "Goto", "vm,900-MENU,1")
        yield from _voicemail(member, "900-MENU")
        return
    queue = next(queue.name for queue in pbx.house.queues if queue.key == plan.key)
    pbx.run(member.facing, "menu", plan.key, 1, "Goto", f"koe,{queue},1")
    yield from _queues(member, queue)


def _desk(member: Member) -> Script[None]:
    pbx, number = member.pbx, member.plan.number[5:]
    desk = pbx.house.desk(number)
    pbx.run(member.channel, "from-trunk", member.plan.number, 1, "Dial", f"{desk.endpoint},15,tT")
    member.truth.asked(member.now)
    if not pbx.free(number):
        find_busy(member, desk)
        yield from _voicemail(member, f"{number}-BUSY")
        return
    together = yield from _ring_desk_or_colleague(member, desk)
    if together is None:
        yield from _voicemail(member, f"{number}-NOANSWER")
        return
    yield from _answered(member, together)


def _ring_desk_or_colleague(member: Member, desk: Desk) -> Script[Talk | None]:
    ring = begin(member, desk, None)
    ends_at = member.now + of_seconds(DESK_SECONDS)
    takes_over_at = member.now + of_seconds(member.random.uniform(4, 9))
    if member.plan.picked_up_by_colleague and min(ring.picks_up_at, ring.declines_at) > takes_over_at:
        yield from _rings_on(member, ring, takes_over_at)
        colleague = next((each for each in member.colleagues(desk) if each.group == desk.group), None)
        if colleague is not None:
            member.settles_down()
            member.truth.answered_at = member.now
            return colleague_picks_up(member, ring, colleague)
    picked_up = yield from await_pickup(member, [ring], ends_at, None)
    return None if picked_up is None else put_through(member, _picked_up(member, picked_up))


def _rings_on(member: Member, ring: Ring, until: float) -> Script[None]:
    try:
        yield from member.until(until)
    except MemberHungUp:
        stop(member, [ring], "CANCEL", 0)
        raise


def _ring_group(member: Member, numbers: list[str]) -> Script[None]:
    pbx = member.pbx
    free = [pbx.house.desk(number) for number in numbers if pbx.free(number)]
    busy = [pbx.house.desk(number) for number in numbers if not pbx.free(number)]
    dialled = "&".join(f"PJSIP/{number}" for number in numbers)
    pbx.run(member.channel, "from-trunk", member.plan.number, 1, "Dial", f"{dialled},20,tT")
    member.truth.asked(member.now)
    for desk in busy:
        find_busy(member, desk)
    ring = yield from ring_desks(member, free, 20.0)
    if ring is None:
        yield from _turned_away(member)
        return
    yield from _answered(member, put_through(member, _picked_up(member, ring)))


def _turned_away(member: Member) -> Script[None]:
    member.pbx.run(member.channel, "from-trunk", member.plan.number, 2, "Answer")
    member.pbx.state(member.channel, UP)
    member.truth.met(Outcome.TURNED_AWAY)
    yield from _hears(member, "from-trunk", member.plan.number, 3, "ingen-ledige", 4.0)
    _dialplan_ends(member)


def _picked_up(member: Member, ring: Ring) -> Ring:
    """Note the pick-up; a human is on the line."""
    member.settles_down()
    if member.truth.answered_at is None:
        member.truth.answered_at = int(ring.picks_up_at)
    return ring


def _voicemail(member: Member, box: str) -> Script[None]:
    pbx = member.pbx
    pbx.run(member.facing, "vm", box, 1, "Answer")
    pbx.state(member.facing, UP)
    pbx.run(member.facing, "vm", box, 2, "VoiceMail", f"{box[:3]}@default,u")
    member.truth.met(Outcome.VOICEMAIL)
    member.loses_patience_in(member.random.uniform(5, 25))
    yield from member.listen(60)


def _queues(member: Member, name: str) -> Script[None]:
    """Through a queue and, when its time runs out, the next one; at last the common voicemail."""
    queue: Queue | None = member.pbx.house.queue(name)
    while queue is not None:
        together = yield from _queue(member, queue)
        if together is not None:
            yield from _answered(member, together)
            return
        if member.facing.context == "koe-exit":
            yield from _called_back(member)
            return
        queue = member.pbx.house.queue(queue.overflow) if queue.overflow else None
    yield from _voicemail(member, "900-KOE")


def _queue(member: Member, queue: Queue) -> Script[Talk | None]:
    pbx, channel = member.pbx, member.facing
    pbx.run(channel, "koe", queue.name, 1, "Queue", f"{queue.name},tT,,,{queue.patience:.0f}")
    member.truth.asked(member.now)
    member.truth.queues.append(queue.name)
    caller = pbx.join(queue.name, channel)
    pbx.music(channel, on=True)
    try:
        together = yield from _wait_in(member, queue, caller)
    except MemberHungUp:
        pbx.music(channel, on=False)
        if caller in pbx.queues[queue.name].callers:
            pbx.abandon(queue.name, caller)
            pbx.leave_queue(queue.name, caller)
        raise
    return together


def _wait_in(member: Member, queue: Queue, caller: Caller) -> Script[Talk | None]:
    pbx = member.pbx
    ends_at = member.now + of_seconds(queue.patience)
    key_at = ends_at + 1
    if member.plan.callback_after is not None and member.truth.answered_at is None:
        key_at = member.now + of_seconds(member.plan.callback_after)
    while member.now < min(ends_at, key_at):
        rings = [begin(member, desk, queue) for desk in _next_desks(member, queue, caller)]
        if not rings:
            yield from member.until(min(member.now + of_seconds(1), ends_at, key_at))
            continue
        rung_until = member.now + of_seconds(queue.ring_seconds)
        out_at = min(ends_at, key_at)
        ring = yield from _ring_in_queue(member, rings, rung_until, out_at, queue)
        if ring is not None:
            together = yield from put_through_queue(member, ring, queue, caller, ANNOUNCED.get(queue.name, 0.0))
            _picked_up(member, ring)
            return together
        yield from member.until(min(member.now + of_seconds(1), max(out_at, member.now)))
    if member.now >= key_at:
        _presses_key(member, queue, caller)
        return None
    pbx.abandon(queue.name, caller)                # Asterisk says so on a time-out too
    pbx.music(member.facing, on=False)
    pbx.leave_queue(queue.name, caller)
    return None


def _ring_in_queue(member: Member, rings: list[Ring], rung_until: float, out_at: float,
                   queue: Queue) -> Script[Ring | None]:
    if rung_until <= out_at:
        return (yield from await_pickup(member, rings, rung_until, queue))
    ringing = list(rings)
    picked_up = yield from await_pickup(member, ringing, out_at, None)
    return picked_up


def _next_desks(member: Member, queue: Queue, caller: Caller) -> list[Desk]:
    """Whom the queue rings now for this caller: all who are free, or the next in turn; nobody before his turn."""
    pbx, live = member.pbx, member.pbx.queues[queue.name]
    free = [number for number in queue.desks if pbx.free(number, for_queue=True)]
    if live.callers.index(caller) >= len(free):
        return []
    if queue.strategy == "ringall":
        return [pbx.house.desk(number) for number in free]
    for step in range(len(queue.desks)):
        number = queue.desks[(live.turn + step) % len(queue.desks)]
        if number in free:
            live.turn += step + 1
            return [pbx.house.desk(number)]
    return []


def _presses_key(member: Member, queue: Queue, caller: Caller) -> None:
    pbx, channel = member.pbx, member.facing
    pbx.digit(channel, CALLBACK_KEY)
    channel.context, channel.exten, channel.priority = "koe-exit", CALLBACK_KEY, 0
    pbx.music(channel, on=False)
    pbx.leave_queue(queue.name, caller)


def _called_back(member: Member) -> Script[None]:
    pbx, channel = member.pbx, member.facing
    pbx.run(channel, "koe-exit", CALLBACK_KEY, 1, "UserEvent", f"Ringop,Nummer: {member.plan.caller}")
    pbx.say("user", "UserEvent", channel.text(), f"UserEvent: Ringop\r\nNummer: {member.plan.caller}\r\n")
    member.truth.met(Outcome.CALLBACK)
    yield from _hears(member, "koe-exit", CALLBACK_KEY, 2, "tak", 1.5)
    pbx.run(channel, "koe-exit", CALLBACK_KEY, 3, "Hangup")
    _dialplan_ends(member)


def _answered(member: Member, together: Talk) -> Script[None]:
    """A caseworker has the member; and the next one, as long as the call is handed on."""
    member.settles_down()
    first = member.truth.outcome is not Outcome.ANSWERED
    member.truth.outcome = Outcome.ANSWERED
    member.truth.talked_with(together.desk.endpoint)
    goes = yield from talk(member, together, member.plan.happening if first else Happening.SOLVED)
    if goes is None:
        return
    kind, which = goes
    if kind == "queue":
        extension = member.facing.exten
        member.pbx.run(member.facing, "from-internal", extension, 1, "Answer")
        yield from _queues(member, which)
        return
    again = None
    if kind == "desk":
        again = yield from passed_to_desk(member, which)
    if again is None:
        yield from _voicemail(member, f"{which}-{'DIREKTE' if kind == 'voicemail' else 'NOANSWER'}")
        return
    yield from _answered(member, again)
