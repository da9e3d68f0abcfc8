"""Who waits after a gap may have been answered in it, passed on, and be waiting again: no better told than known."""

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
    picks_up,
    ringing,
    rings,
    seen,
    seen_desk,
    together,
)
from test_killed import carried_on

from slmon.core.events import ClockSet, LegState, SnapshotCaller
from slmon.core.facts import CallUnaccounted, GapMarked, Outcome, Quality


def waits(at, leg="c1", **more):
    """The member stands in the list, with nobody."""
    return listed(at, seen(leg, 100, state=LegState.UP, context="queue", **more))


def in_queue(at, joined_at, queue="dagpenge"):
    """And in the queue since then."""
    return listed(at, seen("c1", 100, state=LegState.UP, context="queue"),
                  callers=[SnapshotCaller("c1", queue, instant(joined_at))])


def test_who_gives_up_after_a_gap_in_which_somebody_may_have_answered_is_lost_and_undecided():
    house = during(ringing(), joins(at=101), lost(110, 105), waits(116), hangs_up("c1", 118)).wait(130)
    assert (house.call().outcome, house.verdict()) == (Outcome.LOST, "undecided")
    assert [fact.call for fact in house.of(CallUnaccounted)] == ["pbx1/c1"]


def test_whoever_answers_after_such_a_gap_need_not_be_the_first():
    house = during(ringing(), joins(at=101), lost(110, 105), waits(116), rings(at=117), answers(at=118))
    assert house.call().answer_bounds == (5, 18)
    assert (house.verdict(), house.call().quality) == ("met", Quality.RESUMED)


def test_over_the_target_it_is_undecided_at_once_and_after_a_restart_too():
    house = during(ringing(), joins(at=101), lost(110, 105), waits(116)).wait(121)
    assert house.verdict() == "undecided"
    again = carried_on(house, 121).hear(waits(122), hangs_up("c1", 130)).wait(140)
    assert again.call().outcome is Outcome.LOST
    assert "missed" not in (house.verdict(), again.verdict())


def test_the_target_had_passed_before_the_gap():
    house = during(ringing(), joins(at=101)).wait(120.1).hear(lost(126, 120.2), waits(127), hangs_up("c1", 128))
    assert house.wait(140).verdict() == "missed"


@pytest.mark.parametrize("surely", [
    waits(116, met_nobody=True), in_queue(116, joined_at=101), in_queue(116, joined_at=106),
    listed(116, seen("c1", 100, context="queue")),
    listed(116, seen("c1", 100, state=LegState.UP),
           seen("101", 104, "", "c1", "PJSIP/101-101", LegState.RINGING, "desks", "AppQueue")),
    waits(106.4)])
def test_who_surely_waited_all_the_time_has_a_verdict(surely):
    house = during(ringing(), joins(at=101), lost(110, 105), surely, hangs_up("c1", 118)).wait(130)
    assert (house.call().outcome, house.verdict()) == (Outcome.ABANDONED, "missed")


def test_in_another_queue_since_it_is_not_known_how_it_came_there():
    house = during(ringing(), joins(at=101), lost(110, 105), in_queue(116, 112, "overløb"), hangs_up("c1", 118))
    assert house.wait(130).call().outcome is Outcome.LOST


def test_a_switch_that_never_says_who_was_met_is_not_asked_for_it():
    talk = [seen("c2", 100, "b2", state=LegState.UP, met_nobody=True), seen_desk("102", 103, "b2", "c2")]
    house = during(ringing(), ringing("c2"), joins(at=101), answered_call("c2", desk="102", bridge="b2"),
                   lost(110, 105), listed(116, seen("c1", 100, state=LegState.UP, met_nobody=True), *talk),
                   hangs_up("c1", 118))
    assert house.wait(130).call().outcome is Outcome.LOST


def test_of_one_whom_a_list_told_it_is_unsure_from_the_ring_in():
    house = during(ringing("c0"), lost(90, 90), listed(116, seen("c1", 101, state=LegState.UP)),
                   rings(at=116.5), answers(at=117))
    assert house.call().answer_bounds == (0, pytest.approx(17, abs=1))


def test_a_pick_up_heard_before_the_gap_may_have_been_the_answer():
    told = [ringing(), joins(at=101), rings(at=102), picks_up(at=119.5)]
    house = during(*told, lost(121, 120.2), listed(126, seen("c1", 100, "b2", state=LegState.UP),
                                                   seen_desk("102", 124, "b2", "c1")))
    assert house.call().answer_bounds == (19.5, 26)
    again = carried_on(during(*told), 120.2).hear(waits(126), hangs_up("c1", 127)).wait(140)
    assert again.verdict() == "undecided"


def test_a_phone_picked_up_before_the_gap_that_is_with_the_member_after_it_may_have_had_to_accept_first():
    house = during(ringing(), rings(at=102), picks_up(at=104), lost(110, 104.5),
                   listed(116, seen("c1", 100, "b1", state=LegState.UP), seen_desk("101", 102, "b1", "c1")))
    assert house.call().answer_bounds == (4, 16)


def test_of_another_desk_after_the_gap_nobody_knows_how_the_call_came_there():
    house = during(answered_call(), lost(130, 125), listed(140, seen("c1", 100, "b2", state=LegState.UP),
                                                          seen_desk("102", 130, "b2", "c1")))
    house.hear(hangs_up("c1", 150)).wait(160)
    assert (house.call().transfers, house.call().quality) == ((), Quality.RESUMED)
    assert house.call().desks == ("PJSIP/101", "PJSIP/102")


def test_of_a_talk_that_is_over_after_the_gap_the_end_is_not_known():
    house = during(answered_call(), lost(130, 125), listed(140)).wait(160)
    assert (house.call().outcome, house.call().ended_by) == (Outcome.ANSWERED, None)
    assert [fact.call for fact in house.of(CallUnaccounted)] == ["pbx1/c1"]


def test_who_is_passed_on_unheard_waits_for_somebody_and_talks_no_more():
    house = during(answered_call(), lost(130, 125), in_queue(140, 132)).wait(141)
    assert house.board.calls["pbx1/c1"].place.value == "passed_on"


def test_a_desk_that_is_there_yet_after_the_gap_and_apart_from_the_member_is_together_with_nobody():
    there = [seen("c1", 100, state=LegState.UP, context="queue"), seen_desk("101", 102, "", "c1")]
    house = during(answered_call(), lost(130, 125), listed(140, *there)).wait(141)
    assert house.board.calls["pbx1/c1"].company == {}


def test_a_desk_that_another_has_replaced_in_a_gap_has_left_no_conference():
    there = [seen("c1", 100, "b2", state=LegState.UP), seen_desk("102", 130, "b2", "c1"),
             seen_desk("101", 102, "", "c1")]
    house = during(answered_call(), lost(130, 125), listed(140, *there), hangs_up("101", 141, "desks"))
    house.hear(hangs_up("c1", 150)).wait(160)
    assert house.call().transfers == ()


def test_a_phone_that_was_up_already_when_slmon_came_back_was_picked_up_after_it_began_to_ring():
    there = [seen("c1", 100, state=LegState.UP), seen_desk("101", 104, "", "c1")]
    again = carried_on(during(ringing(), joins(at=101)), 105).hear(listed(106, *there), together(107, "c1", "101"))
    assert again.call().answer_bounds == (3, 6)


def test_both_ends_of_a_gap_are_told_by_the_clock_that_was_set():
    house = during(ringing(), [ClockSet(instant(3701), instant(101))], lost(3720, 3710), listed(3730))
    assert [(gap.since, gap.until) for gap in house.of(GapMarked)][-1] == (instant(3710), instant(3730))
