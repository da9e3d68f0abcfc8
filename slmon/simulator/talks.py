"""What a caseworker does with a member on the line: solves it, holds, asks a colleague, hands over, parks."""

from slmon.core.facts import EndedBy, TransferKind
from slmon.core.instant import SECOND
from slmon.simulator.channels import DOWN, RING, RINGING, UP, Channel, Parking
from slmon.simulator.clockwork import Script
from slmon.simulator.house import PARKING, Desk
from slmon.simulator.member import Member
from slmon.simulator.pbx import Pbx
from slmon.simulator.plan import Happening
from slmon.simulator.ringing import Talk, put_through, ring_desks
from slmon.simulator.truth import TrueTransfer

Goes = tuple[str, str] | None
"""Where the member is sent: ("desk" | "queue" | "voicemail", which); None: nowhere, the call is over."""


def talk(member: Member, together: Talk, happening: Happening) -> Script[Goes]:
    """The talk, to its end or to the point where the dialplan has the member again."""
    seconds = member.plan.talk if member.truth.desks == [together.desk.endpoint] else member.plan.talk_on
    match happening:
        case Happening.HOLD:
            yield from _hold(member, together, seconds)
        case Happening.CONSULT | Happening.ATTENDED:
            together, seconds = yield from _ask(member, together, seconds, happening)
        case Happening.BLIND_DESK:
            colleague = next(member.colleagues(together.desk), None)
            if colleague is not None:
                yield from _minutes(seconds)
                _blind(member, together, colleague.number, colleague.number)
                return "desk", colleague.number
        case Happening.BLIND_QUEUE:
            queue = member.random.choice(member.pbx.house.queues)
            yield from _minutes(seconds)
            _blind(member, together, queue.extension, queue.name)
            return "queue", queue.name
        case Happening.BLIND_VOICEMAIL:
            yield from _minutes(seconds)
            _blind(member, together, "*" + together.desk.number, together.desk.number)
            return "voicemail", together.desk.number
        case Happening.PARK | Happening.PARK_AND_BACK:
            together, seconds = yield from _park(member, together, seconds, happening)
        case Happening.SOLVED:
            pass
    yield from _minutes(seconds)
    end(member, together, by_member=member.plan.member_ends)
    return None


def end(member: Member, together: Talk, by_member: bool) -> None:
    """One of the two hangs up, and all that hangs on the call goes."""
    pbx = member.pbx
    member.truth.ended_by = EndedBy.MEMBER if by_member else EndedBy.DESK
    pbx.hangup_request(member.channel if by_member else together.phone, 16)
    if by_member:
        pbx.leave(together.facing)
    if together.service is not None:
        member.completed(together.service, "caller" if by_member else "agent")
    pbx.leave(together.phone)
    pbx.leave(together.facing)
    pbx.destroy(together.bridge)
    pbx.hangup(together.phone)
    if by_member:
        member.gone()
    else:
        member.let_go()


def _minutes(seconds: float) -> Script[None]:
    yield max(seconds, 2.0)


def _hold(member: Member, together: Talk, seconds: float) -> Script[None]:
    yield seconds * 0.3
    member.pbx.hold(together.phone, on=True)
    member.pbx.music(together.facing, on=True)
    yield member.random.uniform(4, 30)
    member.pbx.hold(together.phone, on=False)
    member.pbx.music(together.facing, on=False)


def _tell_transfer(member: Member, kind: TransferKind, to: str) -> None:
    member.truth.transfers.append(TrueTransfer(kind, member.now, to))


def _blind_event(pbx: Pbx, together: Talk, exten: str) -> None:
    pbx.hold(together.phone, on=False)
    pbx.say("call", "BlindTransfer", "Result: Success\r\n", together.phone.text("Transferer"),
            together.facing.text("Transferee"), together.bridge.text(),
            f"IsExternal: Yes\r\nContext: from-internal\r\nExtension: {exten}\r\n")


def _taken_away(member: Member, together: Talk, exten: str) -> None:
    """The phone is out of the call, and the member's side is in the dialplan at `exten`."""
    pbx = member.pbx
    if together.service is not None:
        member.completed(together.service, "transfer")
    pbx.leave(together.phone)
    together.facing.context, together.facing.exten, together.facing.priority = "from-internal", exten, 1
    pbx.leave(together.facing)
    pbx.destroy(together.bridge)
    pbx.hangup(together.phone)
    member.loses_patience_in(25 + member.random.expovariate(1 / 60))


def _blind(member: Member, together: Talk, exten: str, to: str) -> None:
    _blind_event(member.pbx, together, exten)
    _tell_transfer(member, TransferKind.BLIND, to)
    _taken_away(member, together, exten)


def passed_to_desk(member: Member, number: str) -> Script[Talk | None]:
    """The dialplan rings the desk that the member was passed on to. None: nobody took it."""
    pbx, desk = member.pbx, member.pbx.house.desk(number)
    pbx.run(member.facing, "from-internal", number, 1, "Dial", f"{desk.endpoint},12,tT")
    if not pbx.free(number):
        return None
    ring = yield from ring_desks(member, [desk], 12)
    return None if ring is None else put_through(member, ring)


def _ask(member: Member, together: Talk, seconds: float, happening: Happening) -> Script[tuple[Talk, float]]:
    """Put the member on hold and ring a colleague; then put them together, or take the member back."""
    pbx = member.pbx
    yield from _minutes(seconds * 0.4)
    colleague = next(member.colleagues(together.desk), None)
    if colleague is None:
        return together, seconds * 0.6
    pbx.hold(together.phone, on=True)
    pbx.music(together.facing, on=True)
    yield 0.4
    own, theirs = _consultation(pbx, together.desk, colleague)
    yield member.random.uniform(1.5, 6)
    if not _answers(member, own, theirs):
        _back(pbx, together)
        return together, seconds * 0.6
    second = pbx.bridge(theirs, own)
    second.technology = "native_rtp"
    yield member.random.uniform(5, 25)
    if happening is Happening.CONSULT:
        pbx.hangup_request(own, 16)
        pbx.destroy(second)
        pbx.hangup(theirs)
        pbx.hangup(own)
        _back(pbx, together)
        return together, seconds * 0.6
    return _merge(member, together, own, theirs, colleague), member.plan.talk_on


def _consultation(pbx: Pbx, desk: Desk, colleague: Desk) -> tuple[Channel, Channel]:
    own = pbx.channel(desk.endpoint, RING, desk.number, "from-internal", colleague.number, caller_name=desk.name)
    pbx.run(own, "from-internal", colleague.number, 1, "Dial", f"{colleague.endpoint},12,tT")
    theirs = pbx.channel(colleague.endpoint, DOWN, colleague.number, "from-internal", "s",
                         caller_name=colleague.name, linked_to=own)
    pbx.run(theirs, "from-internal", colleague.number, 1, "AppDial", "(Outgoing Line)")
    pbx.connected(theirs, desk.number, desk.name)
    pbx.dial_begin(own, theirs, colleague.number)
    pbx.connected(own, colleague.number, colleague.name)
    pbx.state(theirs, RINGING)
    pbx.dial_state(own, theirs)
    return own, theirs


def _answers(member: Member, own: Channel, theirs: Channel) -> bool:
    pbx = member.pbx
    if member.random.random() < 0.12:
        pbx.dial_end(own, theirs, "NOANSWER")
        pbx.hangup(theirs, 0)
        pbx.hangup(own)
        return False
    pbx.state(theirs, UP)
    theirs.exten = ""
    pbx.dial_end(own, theirs, "ANSWER")
    pbx.state(own, UP)
    return True


def _back(pbx: Pbx, together: Talk) -> None:
    pbx.hold(together.phone, on=False)
    pbx.music(together.facing, on=False)


def _merge(member: Member, together: Talk, own: Channel, theirs: Channel, colleague: Desk) -> Talk:
    """The attended transfer by the phone's key: the colleague takes the caseworker's place in the bridge."""
    pbx, second = member.pbx, own.bridge
    assert second is not None
    before = [together.phone.text("OrigTransferer"), together.bridge.text("Orig"), own.text("SecondTransferer"),
              second.text("Second"), together.facing.text("Transferee"), theirs.text("TransferTarget")]
    pbx.hold(together.phone, on=False)
    pbx.say("call", "Unhold", own.text())
    pbx.leave(theirs)
    pbx.leave(together.phone)
    pbx.enter(together.bridge, theirs, swap=together.phone)
    pbx.soft_hangup(own)
    pbx.say("call", "AttendedTransfer", "Result: Success\r\n", *before,
            f"IsExternal: No\r\nDestType: Bridge\r\nDestBridgeUniqueid: {together.bridge.uniqueid}\r\n")
    _tell_transfer(member, TransferKind.ATTENDED, colleague.number)
    if together.service is not None:
        member.completed(together.service, "transfer")
    pbx.music(together.facing, on=False)
    pbx.connected(together.facing, colleague.number, colleague.name)
    pbx.leave(own)
    pbx.hangup(together.phone)
    pbx.destroy(second)
    pbx.hangup(own)
    member.truth.talked_with(colleague.endpoint)
    return Talk(colleague, theirs, together.facing, together.bridge, None)


def _park(member: Member, together: Talk, seconds: float, happening: Happening) -> Script[tuple[Talk, float]]:
    """Park the member with a REFER to the parking extension; the same desk, or a colleague, fetches."""
    pbx = member.pbx
    yield from _minutes(seconds * 0.4)
    space = next(number for number in range(701, 799) if number not in pbx.parked)
    parker = together.desk
    _blind_event(pbx, together, PARKING)
    _taken_away(member, together, PARKING)
    member.settles_down()
    parked = Parking(together.facing, space, parker.endpoint, member.now)
    pbx.parked[space] = parked
    pbx.run(together.facing, "from-internal", PARKING, 1, "Park")
    lot = pbx.bridge(technology="holding_bridge", kind="parking", creator="Parking", name="default")
    pbx.enter(lot, together.facing)
    pbx.say("call", "ParkedCall", _parked_text(pbx, parked))
    yield member.random.uniform(5, 25)
    fetcher = None if happening is Happening.PARK_AND_BACK else next(member.colleagues(parker), None)
    while fetcher is None:
        fetcher = parker if pbx.free(parker.number) else next(member.colleagues(None), None)
        yield 0.5
    if fetcher != parker:
        _tell_transfer(member, TransferKind.PARK, fetcher.number)
        member.truth.talked_with(fetcher.endpoint)
    phone = pbx.channel(fetcher.endpoint, RING, fetcher.number, "from-internal", str(space), caller_name=fetcher.name)
    pbx.run(phone, "from-internal", str(space), 1, "ParkedCall", f"default,{space}")
    pbx.state(phone, UP)
    pbx.say("call", "UnParkedCall", _parked_text(pbx, parked), phone.text("Retriever"))
    del pbx.parked[space]
    pbx.destroy(lot)
    bridge = pbx.bridge(phone, together.facing)
    bridge.technology = "native_rtp"
    return Talk(fetcher, phone, together.facing, bridge, None), max(seconds * 0.5, 5.0)


def _parked_text(pbx: Pbx, parked: Parking) -> str:
    waited = (pbx.clock.now - parked.since) // SECOND
    return (f"{parked.channel.text('Parkee')}ParkerDialString: {parked.parker}\r\nParkinglot: default\r\n"
            f"ParkingSpace: {parked.space}\r\nParkingTimeout: {max(0, 45 - waited)}\r\nParkingDuration: {waited}\r\n")


