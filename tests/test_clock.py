"""A clock that somebody sets: seen where it happens, no wait wrong by it, and what cannot be told is undecided."""

import pytest
from telling import (
    answered_call,
    answers,
    during,
    hangs_up,
    instant,
    joins,
    listed,
    lost,
    ringing,
    rings,
    seen,
)

from slmon.ami.clock import PbxClock
from slmon.core import events as ev
from slmon.core.facts import CallArrived, ClockStepped, GapMarked, OddityNoticed, Outcome
from slmon.core.goals import Goals
from slmon.core.hours import Hours
from slmon.core.instant import SECOND
from slmon.core.scoreboard import Scoreboard
from slmon.core.site import View

HOUR = 3600.0


class Wrist:
    """Our own clock."""

    def __init__(self):
        self.now = 50.0

    def __call__(self):
        return self.now


def heard(at, leg="c1"):
    return ev.LegEnded(instant(at), leg, leg, "", "", None)


def watched(answered_at=1000.0):
    """A PBX's clock that has gone with ours, and was asked a moment ago."""
    wrist = Wrist()
    clock = PbxClock(wrist)
    for before in (15, 10, 5, 0):
        wrist.now = 50.0 - before
        clock.answered(instant(answered_at - before), wrist.now, 5.0)
    return wrist, clock


# -- seen by the link


def test_an_event_ahead_of_the_clock_tells_that_it_was_set():
    wrist, clock = watched()
    wrist.now += 3
    early, late = heard(1003), heard(1003 + HOUR)
    assert clock.heard([early, late], late.at) == [early, ev.ClockSet(late.at, instant(1003)), late]
    assert clock.now == late.at


def test_an_event_before_the_last_one_tells_that_it_was_set():
    wrist, clock = watched()
    clock.heard([heard(1001)], instant(1001))
    wrist.now += 2
    back = heard(1002 - HOUR)
    assert clock.heard([back], back.at) == [ev.ClockSet(back.at, instant(1002)), back]


@pytest.mark.parametrize("by", [HOUR, -HOUR, 2.5, -2.5])
def test_an_answer_tells_that_it_was_set_where_no_event_comes(by):
    wrist, clock = watched()
    wrist.now += 5
    assert clock.answered(instant(1005 + by), wrist.now, 5.0) == ev.ClockSet(instant(1005 + by), instant(1005))
    assert clock.now == instant(1005 + by)


def test_late_events_and_slow_answers_are_no_set_clock():
    wrist, clock = watched()
    wrist.now += 40
    assert clock.heard([heard(1001)], instant(1001)) == [heard(1001)]
    assert clock.lag_seconds == pytest.approx(39)
    asked_at, wrist.now = wrist.now, wrist.now + 30
    assert clock.answered(instant(1041), asked_at, 5.0) is None
    asked_at, wrist.now = wrist.now, wrist.now + 30
    assert clock.answered(instant(1100), asked_at, 5.0) is None
    assert clock.heard([heard(1090)], instant(1090)) == [heard(1090)]


def test_of_a_clock_that_runs_at_another_speed_nobody_says_that_it_was_set():
    wrist = Wrist()
    clock = PbxClock(wrist)
    for ping in range(1, 50):
        wrist.now = 50 + ping
        assert clock.answered(instant(1000 + ping * 60), wrist.now, 5.0) is None
        assert len(clock.heard([heard(1030 + ping * 60)], instant(1030 + ping * 60))) == 1


def test_a_clock_that_goes_a_little_fast_is_no_set_clock():
    wrist, clock = watched()
    for ping in range(1, 500):
        wrist.now = 50 + ping * 5
        assert clock.answered(instant(1000 + ping * 5.01), wrist.now, 5.0) is None
        assert len(clock.heard([heard(1000 + ping * 5.01)], instant(1000 + ping * 5.01))) == 1


# -- understood by the switchboard


def set_clock(at, was):
    return [ev.ClockSet(instant(at), instant(was))]


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_who_waits_over_the_setting_is_judged_when_the_target_has_really_passed(by):
    house = during(ringing(at=1000), joins(at=1001), set_clock(1010 + by, 1010)).wait(1020.1 + by)
    assert house.verdict() is None
    house.wait(1020.3 + by)
    assert house.verdict() == "missed"
    assert house.judged_at() == pytest.approx(1020)


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_an_answer_over_the_setting_is_undecided_and_no_time_is_negative(by):
    house = during(ringing(at=1000), joins(at=1001), rings(at=1002), set_clock(1005 + by, 1005),
                   answers(at=1010 + by), hangs_up("c1", 1100 + by)).wait(1200 + by)
    call = house.call()
    assert house.verdict() == "undecided"
    assert call.outcome is Outcome.ANSWERED
    assert (call.arrived_at, call.talking_at, call.ended_at) == (instant(1000), instant(1010.001), instant(1100))
    assert [step.at for step in call.steps] == sorted(step.at for step in call.steps)


@pytest.mark.parametrize("by", [HOUR, -40.0])
def test_that_the_clock_was_set_over_a_call_is_known_after_a_restart_of_ours_too(by):
    kept = during(ringing(), joins(), rings(), set_clock(103 + by, was=103)).board.open_records()
    house = during()
    house.facts += house.board.resume(kept, instant(104 + by))
    house.hear(listed(106 + by, seen("c1", 100 + by), seen("101", 102 + by, linked="c1", channel="PJSIP/101-101",
                                                           state=ev.LegState.RINGING, application="AppDial")),
               answers(at=110 + by), hangs_up("c1", 150 + by))
    house.wait(160 + by)
    record = house.call()
    assert (house.verdict(), record.answered_between, record.arrived_at) == ("undecided", (None, None), instant(100))
    assert record.ended_at == instant(150)


@pytest.mark.parametrize("by", [HOUR, -HOUR])
def test_a_call_after_the_setting_is_told_by_the_new_clock(by):
    house = during(ringing("c0", 1000), set_clock(1005 + by, 1005), answered_call("c1", 1010 + by),
                   hangs_up("c1", 1100 + by)).wait(1200 + by)
    call = house.call("c1")
    assert (call.arrived_at, call.answered_at, call.ended_at) == (
        instant(1010 + by), instant(1020 + by), instant(1100 + by))
    assert house.verdict("c1") == "met"
    assert [fact.at for fact in house.of(CallArrived)] == [instant(1000), instant(1010 + by)]


def test_an_id_that_is_given_again_after_the_setting_leaves_the_earlier_call_its_own_clock():
    house = during(ringing("c1", 1000), set_clock(1005 + HOUR, 1005), ringing("c1", 1010 + 2 * HOUR))
    assert [call.arrived_at for call in house.calls()] == [instant(1000)]
    assert [call.arrived_at for call in house.board.open_records()] == [instant(1010 + 2 * HOUR)]


def test_a_clock_set_back_without_a_word_is_seen_by_the_order_of_events():
    house = during(ringing(at=1000), joins(at=1001), rings(at=1002), answers(at=1010 - HOUR),
                   hangs_up("c1", 1100 - HOUR)).wait(1200)
    assert house.verdict() == "undecided"
    assert [fact.kind for fact in house.of(OddityNoticed)] == ["clock_stepped_back"]
    assert house.call().ended_at >= house.call().arrived_at


def test_what_an_event_has_told_is_not_told_again_by_an_answer():
    house = during(ringing(at=1000), joins(at=1001 - HOUR), set_clock(1002 - HOUR, 1002))
    assert len(house.of(ClockStepped)) == 1


def test_a_gap_in_which_the_clock_is_set_is_as_long_as_it_was():
    house = during(ringing(at=1000), lost(1010, 1005), set_clock(1020 - HOUR, 1020),
                   listed(1030 - HOUR, seen("c1", 1000 - HOUR)))
    opened, closed = house.of(GapMarked)
    assert (opened.since, closed.since, closed.until) == (instant(1005), instant(1005), instant(1030))


def test_the_board_shows_how_long_a_member_has_really_waited():
    hours = Hours((), "Europe/Copenhagen")
    board = Scoreboard(hours, Goals((), hours.day_of), pbxes=["pbx1", "pbx2"])
    house = during(ringing(at=1000), joins(at=1001), set_clock(1010 - HOUR, 1010))
    for fact in house.facts:
        board.record(fact)
    [waiting] = board.snapshot(View("all", "Alle"), instant(1012 - HOUR)).waiting
    assert (instant(1012 - HOUR) - waiting.arrived_at) / SECOND == 12
