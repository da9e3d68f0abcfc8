"""Bounded, whatever a PBX tells and however long: nothing that is kept grows with the stream."""

from telling import answered_call, during, instant, joins, leaves, ringing, transfers

from slmon.core import events as ev
from slmon.core.call import MAX_STEPS
from slmon.core.callbook import MOST_DOORS
from slmon.core.desks import MOST_DESKS, Desks
from slmon.core.facts import CallArrived, CallId, CallUnaccounted
from slmon.core.goals import Goals
from slmon.core.hours import Hours
from slmon.core.scoreboard import Scoreboard
from slmon.core.totals import MOST_NAMES

MANY = 5 * MAX_STEPS


def test_a_call_that_goes_from_queue_to_queue_all_day_has_a_bounded_journey():
    house = during(ringing())
    for number in range(MANY):
        house.hear(joins(at=101 + number, queue=f"q{number}"), leaves(at=101.5 + number, queue=f"q{number}"))
    call = house.call()
    assert (len(call.queues), len(call.steps)) == (MAX_STEPS, MAX_STEPS)
    assert call.queues[0] == "q0"


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
    assert house.board._at_the_door == {}
