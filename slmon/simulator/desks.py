"""What caseworkers do beside member calls: ring each other, ring out, take breaks. None of it is a member call."""

from slmon.simulator.channels import DOWN, RING, RINGING, UP, Channel
from slmon.simulator.clockwork import Script
from slmon.simulator.pbx import Pbx
from slmon.simulator.plan import DeskPauses, DeskRings


def desk_rings(pbx: Pbx, plan: DeskRings) -> Script[None]:
    """A caseworker rings a colleague or somebody outside, if both phones are free."""
    if not pbx.free(plan.desk) or not (plan.outside or pbx.free(plan.to)):
        return
    desk = pbx.house.desk(plan.desk)
    caller = pbx.channel(desk.endpoint, RING, desk.number, "from-internal", plan.to, caller_name=desk.name)
    dialled = f"PJSIP/{plan.to}@{pbx.house.trunk}" if plan.outside else f"PJSIP/{plan.to}"
    pbx.run(caller, "from-internal", plan.to, 1, "Dial", f"{dialled},30")
    called = _outside(pbx, caller, plan.to) if plan.outside else _inside(pbx, caller, plan.to)
    pbx.dial_begin(caller, called, dialled.removeprefix("PJSIP/"))
    pbx.state(called, RINGING)
    pbx.dial_state(caller, called)
    yield plan.answered_after or 14.0
    if plan.answered_after is None:
        pbx.dial_end(caller, called, "NOANSWER")
        pbx.hangup(called, 19)
        pbx.hangup(caller, 19)
        return
    pbx.state(called, UP)
    pbx.dial_end(caller, called, "ANSWER")
    pbx.state(caller, UP)
    bridge = pbx.bridge(called, caller)
    yield plan.talk
    pbx.hangup_request(caller, 16)
    pbx.leave(caller)
    pbx.destroy(bridge)
    pbx.hangup(called)
    pbx.hangup(caller)


def _inside(pbx: Pbx, caller: Channel, to: str) -> Channel:
    colleague = pbx.house.desk(to)
    called = pbx.channel(colleague.endpoint, DOWN, to, "from-internal", "s",
                         caller_name=colleague.name, linked_to=caller)
    pbx.run(called, "from-internal", to, 1, "AppDial", "(Outgoing Line)")
    return called


def _outside(pbx: Pbx, caller: Channel, to: str) -> Channel:
    # The PBX's own calls through the trunk open in the trunk's context too: Down, then dialled.
    return pbx.channel(f"PJSIP/{pbx.house.trunk}", DOWN, to, "from-trunk", "s", linked_to=caller)


def desk_pauses(pbx: Pbx, plan: DeskPauses) -> Script[None]:
    """A caseworker takes a break from the queues, unless there are too few already."""
    paused = sum(live.paused for live in pbx.desks.values())
    if pbx.desks[plan.desk].paused or paused > len(pbx.desks) // 8:
        return
    pbx.pause(plan.desk, paused=True)
    yield plan.seconds
    pbx.pause(plan.desk, paused=False)


