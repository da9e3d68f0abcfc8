"""Bounded, whatever a PBX tells and however long: nothing that is kept grows with the stream."""

import time
from collections import deque

import pytest
from telling import (
    answered_call,
    during,
    hangs_up,
    instant,
    joins,
    leaves,
    listed,
    lost,
    picks_up,
    ringing,
    rings,
    seen,
    transfers,
)
from test_killed import carried_on

from slmon.ami import conversation as conversation_of
from slmon.ami import snapshot, wire
from slmon.ami.conversation import Conversation
from slmon.core import callbook, legs, scoreboard, totals
from slmon.core import desks as desks_of
from slmon.core import events as ev
from slmon.core.call import MAX_STEPS
from slmon.core.callbook import MOST_DOORS
from slmon.core.desks import MOST_DESKS, MOST_QUEUES, Desks
from slmon.core.events import LegState
from slmon.core.facts import CallArrived, CallId, CallUnaccounted, GapMarked, Outcome
from slmon.core.goals import Goals
from slmon.core.hours import Hours
from slmon.core.instant import SECOND
from slmon.core.scoreboard import Scoreboard
from slmon.core.site import View
from slmon.core.totals import MOST_NAMES

MANY = 5 * MAX_STEPS


def test_a_call_that_goes_from_queue_to_queue_all_day_has_a_bounded_journey():
    house = during(ringing())
    for number in range(MANY):
        house.hear(joins(at=101 + number, queue=f"q{number}"), leaves(at=101.5 + number, queue=f"q{number}"))
    call = house.call()
    assert (len(call.queues), len(call.steps)) == (MAX_STEPS, MAX_STEPS)
    assert call.queues[0] == "q0"


def test_what_a_call_is_judged_by_has_its_place_in_a_journey_that_is_full():
    queues = [event for number in range(MANY) for event in (joins(at=101, queue=f"q{number}"),
                                                            leaves(at=101, queue=f"q{number}"))]
    house = during(ringing(), *queues, joins(at=101), lost(110, 105),
                   listed(116, seen("c1", 100, state=LegState.UP, context="queue")))
    again = carried_on(house, 117).hear(listed(118, seen("c1", 100, state=LegState.UP, context="queue")),
                                        hangs_up("c1", 130)).wait(140)
    assert (again.call().outcome, again.verdict()) == (Outcome.LOST, "undecided")
    assert len(again.call().steps) == MAX_STEPS


def test_a_doubt_leaves_a_full_journey_the_desk_that_is_connecting():
    house = during(ringing(), joins(at=101))
    for number in range(MANY):
        house.board.calls["pbx1/c1"].step(instant(102), "queue", f"q{number}")
    house.hear(rings(at=110), picks_up(at=112), lost(113, 113), listed(118, seen("c1", 100), seen(
        "101", 110, "", "c1", "PJSIP/101-101", LegState.UP, "desks", "AppDial")))
    assert house.board.record("pbx1/c1").connecting_since == instant(112)


def test_doubts_without_end_are_bounded_too():
    house = during(answered_call())
    for number in range(MANY):
        at = 200 + 3 * number
        house.hear(lost(at + 1, at), listed(at + 2, seen("c1", 100, state=LegState.UP, linked="c1")))
    assert len(house.call().steps) == MAX_STEPS


def test_a_call_that_is_passed_on_all_day_is_counted_once_and_its_hand_overs_are_bounded():
    house = during(answered_call())
    for number in range(MANY):
        house.hear(transfers("c1", 200 + number * 5, "101", "203")).wait(202 + number * 5)
    assert len(house.call().transfers) <= MAX_STEPS
    assert house.call().transferred


def test_members_from_everywhere_are_a_bounded_number_of_doors():
    house = during()
    for number in range(2 * MOST_DOORS):
        house.hear(ringing(f"c{number}", 100, channel=f"SIP/192.0.2.{number}-{number}"))
    assert len(house.board.doors_seen) == MOST_DOORS


def test_phones_without_end_are_a_bounded_number_of_desks():
    desks = Desks("pbx1")
    for number in range(MOST_DESKS + 10):
        desks.device_changed(ev.DeviceChanged(instant(100), f"PJSIP/{number}", "NOT_INUSE"))
    assert desks.device_changed(ev.DeviceChanged(instant(101), "PJSIP/x", "NOT_INUSE")) == []
    assert desks.device_changed(ev.DeviceChanged(instant(101), "PJSIP/7", "INUSE")) != []


def test_queues_without_end_are_a_bounded_number_for_one_phone():
    desks = Desks("pbx1")
    told = [desks.member_changed(*member(number, instant(100), "q{}", "PJSIP/1")) for number in range(MOST_QUEUES + 10)]
    assert [len(facts) for facts in told] == [1] * MOST_QUEUES + [0] * 10
    assert len(told[MOST_QUEUES - 1][0].queues) == MOST_QUEUES


def test_numbers_without_end_are_a_bounded_number_of_counters_and_no_call_is_left_out():
    hours = Hours((), "Europe/Copenhagen")
    board = Scoreboard(hours, Goals((), hours.day_of), pbxes=["pbx1"])
    for number in range(MOST_NAMES + 50):
        call = CallId(f"pbx1/{number}")
        board.record(CallArrived(call, instant(100), f"{number:08}", True, None))
        board.record(CallUnaccounted(call, instant(101), "lost"))
    assert len(board.totals.names) == MOST_NAMES + 1
    assert board.totals.unaccounted.total() == MOST_NAMES + 50


def test_legs_announced_at_a_door_that_never_ring_are_let_go_of():
    house = during([ev.LegStarted(instant(100), f"d{number}", f"d{number}", f"SIP/x-{number}", ev.LegState.DOWN,
                                  "from-trunk", "70200100", "") for number in range(10)])
    house.wait(26 * 3600).wait(28 * 3600)
    assert len(house.board.wiring) == 0


# -- names without end: whatever holds them, looked for in everything that is reached from what listens


class Ears:
    """Listens, and keeps nothing."""

    def __getattr__(self, name):
        return lambda *_: None


FEW, MANY_NAMES = 150, 3000
A_STEP = 0.05                    # seconds between two names: what is kept for ten seconds is no more than a few


@pytest.fixture
def few_allowed(monkeypatch):
    """The bounds are those of a very small house."""
    for module, bounds in ((legs, ["MOST_LEGS"]), (callbook, ["MOST_DOORS", "MOST_LINKS", "MOST_OVER"]),
                           (desks_of, ["MOST_DESKS", "MOST_PLACES", "MOST_QUEUES"]), (scoreboard, ["MOST_CALLS"]),
                           (totals, ["MOST_NAMES"]), (snapshot, ["MOST_LISTED"]),
                           (conversation_of, ["MOST_MEMBERS", "MOST_TIMELESS"]),
                           (wire, ["MAX_KNOWN"])):
        for bound in bounds:
            assert getattr(module, bound) > FEW
            monkeypatch.setattr(module, bound, FEW)


def holders(thing, path="", seen=None):
    """Every collection of more than a few that is reached from a thing of ours, by where it is."""
    seen = {} if seen is None else seen
    if id(thing) in seen:
        return []
    seen[id(thing)] = thing
    found = []
    if isinstance(thing, dict | list | set | frozenset | tuple | deque):
        found += [(path, len(thing))] if len(thing) > 3 * FEW else []
        inside = enumerate([*thing.values(), *thing] if isinstance(thing, dict) else thing)
    elif type(thing).__module__.startswith("slmon."):
        names = [*getattr(thing, "__dict__", ()), *getattr(type(thing), "__slots__", ())]
        inside = ((name, getattr(thing, name, None)) for name in names)
    else:
        return []
    for name, value in inside:
        found += holders(value, f"{path}.{name}", seen)
    return found


def leg(number, at, channel="PJSIP/{}-1", state=ev.LegState.RING, context="inside", linked=None):
    return [ev.LegStarted(at, f"l{number}", linked or f"l{number}", channel.format(number), state, context, "1", "")]


def member(number, at, queue, phone, present=True):
    return [ev.MemberChanged(at, queue.format(number), phone.format(number), phone.format(number), False, present, 1)]


def came_and_went(call, queue, at):
    return [*ringing(call, at), *joins(call, at=at, queue=queue), *hangs_up(call, at)]


ENDLESS = {
    "channels": leg,
    "channels at a door": lambda n, at: leg(n, at, state=ev.LegState.DOWN, context="from-trunk"),
    "channels of one call": lambda n, at: leg(n, at, linked="c1"),
    "channels in bridges": lambda n, at: [*leg(n, at), ev.BridgeEntered(at, f"l{n}", f"l{n}", f"b{n}", False, "", "")],
    "pipes": lambda n, at: [*leg(2 * n, at, "Local/{};1"), *leg(2 * n + 1, at, "Local/{};2"),
                            ev.LocalPaired(at, f"l{2 * n}", "x", f"l{2 * n + 1}", "x", "inside", "1")],
    "members": lambda n, at: ringing(f"c{n}", at / SECOND, to=f"{n:08}"),
    "members who come and go": lambda n, at: came_and_went(f"c{n}", f"q{n}", at / SECOND),
    "members gone whose channel stays": lambda n, at: [
        *ringing(f"c{n}", at / SECOND), ev.HangupRequested(at, f"c{n}", f"c{n}")],
    "ids of one call": lambda n, at: [ev.LegStateChanged(at, "c1", f"x{n}", ev.LegState.RING, "from-trunk", "1")],
    "names of one channel": lambda n, at: [ev.LegRenamed(at, "c1", f"PJSIP/{n}-1")],
    "channels nobody announced": lambda n, at: [ev.LegEnded(at, f"x{n}", f"x{n}", "inside", "1", 16)],
    "queues and phones": lambda n, at: member(n, at, "q{}", "PJSIP/{}"),
    "queues of a hundred phones": lambda n, at: member(n, at, "q{}", f"PJSIP/{n % 100}"),
    "phones that come and go": lambda n, at: [*member(n, at, "q{}", "PJSIP/{}"),
                                              *member(n, at, "q{}", "PJSIP/{}", present=False)],
    "phones": lambda n, at: [ev.DeviceChanged(at, f"PJSIP/{n}", "INUSE")],
    "boots": lambda n, at: [ev.SwitchBooted(at, f"boot {n}", None)],
}


@pytest.mark.parametrize("kind", ENDLESS)
def test_names_without_end_leave_nothing_that_grows(few_allowed, kind):
    house = during(ringing("c1"))
    hours = Hours((), "Europe/Copenhagen")
    board = Scoreboard(hours, Goals((), hours.day_of), pbxes=["pbx1"])
    for number in range(MANY_NAMES):
        for event in ENDLESS[kind](number, instant(101 + number * A_STEP)):
            for fact in house.board.apply(event):
                board.record(fact)
    assert holders(house.board) == []
    assert holders(board) == []


@pytest.mark.parametrize("action", ["the same", "{}"])
def test_a_list_without_end_and_lists_that_never_are_complete_leave_nothing_that_grows(few_allowed, action):
    assembly = snapshot.SnapshotAssembly()
    for number in range(MANY_NAMES):
        values = {"ActionID": action.format(number), "Uniqueid": f"l{number}", "Location": f"PJSIP/{number}"}
        for name, headers in snapshot.LISTS.items():
            if not name.endswith("Complete"):
                assembly.item(name, tuple(values.get(header, "") for header in headers), instant(100))
    assert holders(assembly) == []


async def test_a_pbx_that_never_tells_a_time_is_not_listened_to_without_end(few_allowed):
    conversation = Conversation(Ears(), time.monotonic)
    conversation.data_received(b"Asterisk Call Manager/9\r\n")
    for number in range(MANY_NAMES):
        conversation.data_received(b"Event: Newchannel\r\nPrivilege: call,all\r\nUniqueid: %d\r\n\r\n" % number)
        if conversation.lost.done():
            break
    assert conversation.lost.result() == "the PBX tells no time"
    assert holders(conversation) == []


def test_more_channels_than_can_be_followed_are_a_gap_until_all_are_listed(few_allowed):
    house = during(ringing("c1"))
    for number in range(FEW):
        house.hear(leg(number, instant(101)))
    house.hear(ringing("c2", at=102), listed(103, seen("c1", 100), seen("c2", 102)))
    assert [(fact.since, fact.until) for fact in house.of(GapMarked)] == [
        (instant(101), None), (instant(101), instant(103))]
    assert {fact.call for fact in house.of(CallArrived)} == {"pbx1/c1", "pbx1/c2"}


def test_calls_beyond_all_that_can_be_counted_one_by_one_are_said_to_be_unaccounted(few_allowed):
    hours = Hours((), "Europe/Copenhagen")
    board = Scoreboard(hours, Goals((), hours.day_of), pbxes=["pbx1"])
    for number in range(FEW + 7):
        board.record(CallArrived(CallId(f"pbx1/{number}"), instant(100), "main", True, None))
    shown = board.snapshot(View("all", "Alle"), instant(101))
    assert (shown.today.calls, shown.unaccounted_today) == (FEW, 7)
