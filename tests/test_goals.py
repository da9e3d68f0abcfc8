"""Verdicts and shares: the two promises of the house, by table, by the published example and by property."""

from collections import Counter
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from slmon.core import goals
from slmon.core.facts import CONNECTING, CallId, CallRecord, EndedBy, Outcome, Step
from slmon.core.goals import Band, Goal, Goals, Share, Standing, band, judge, standing, transfer_rate
from slmon.core.hours import Hours
from slmon.core.instant import SECOND, Instant
from slmon.core.tally import Tally, bounds_with, bucket, merged

GOAL = Goal()
ARRIVED = 1_795_417_130 * SECOND
LATER = 3600.0


def after(seconds: float | None) -> Any:
    return None if seconds is None else ARRIVED + round(seconds * SECOND)


def call(asked: float | None = 5, answered: float | None = None, ended: float | None = None,
         outcome: Outcome | None = None, between: tuple[float | None, float | None] | None = None,
         **more: Any) -> CallRecord:
    """A call of which the moments are given in seconds from ring-in."""
    if between is not None:
        more["answered_between"] = tuple(map(after, between))
    return CallRecord(CallId("pbx1/1.0"), "pbx1", ARRIVED, asked_at=after(asked), answered_at=after(answered),
                      ended_at=after(ended), outcome=outcome, **more)


def verdict(record: CallRecord, now: float = LATER, goal: Goal = GOAL, connecting: bool = False) -> Any:
    steps = (Step(ARRIVED, CONNECTING),) if connecting else ()
    judged = judge(replace(record, steps=steps), goal, after(now))
    return judged and (judged[0].value, (judged[1] - ARRIVED) / SECOND)


MICRO = 0.000001


@pytest.mark.parametrize(("record", "now", "expected"), [
    (call(answered=4.207, talking_at=after(5.5)), 6, ("met", 5.5)),
    (call(answered=20), 21, ("met", 20)),                               # the twentieth second is within
    (call(answered=20 + MICRO), 21, ("missed", 20 + MICRO)),
    (call(answered=3, ended=90, outcome=Outcome.ANSWERED), LATER, ("met", 3)),
    (call(answered=95, ended=120, outcome=Outcome.ANSWERED), LATER, ("missed", 20 + MICRO)),
    (call(), 20, None),                                                 # still below the target
    (call(), 20 + MICRO, ("missed", 20 + MICRO)),
    (call(asked=None), LATER, None),                                    # in the menu for an hour
    (call(asked=22), 22, ("missed", 22)),                               # 22 s in the menu: missed on asking
    (call(asked=22, answered=23), 30, ("missed", 22)),
    (call(ended=7, outcome=Outcome.ABANDONED), 12, ("missed", 7)),      # ended unanswered
    (call(ended=300, outcome=Outcome.ABANDONED), LATER, ("missed", 20 + MICRO)),
    (call(ended=9, outcome=Outcome.TURNED_AWAY), LATER, ("missed", 9)),
    (call(ended=9, outcome=Outcome.VOICEMAIL), LATER, ("missed", 9)),
    (call(ended=9, outcome=Outcome.CALLBACK), LATER, ("missed", 9)),
    (call(asked=None, ended=40, outcome=Outcome.LEFT_MENU), LATER, None),
    (call(asked=None, ended=40, outcome=Outcome.CLOSED), LATER, None),
    (call(ended=12, outcome=Outcome.LOST), LATER, ("undecided", 12)),
    (call(ended=21, outcome=Outcome.LOST), LATER, ("missed", 20 + MICRO)),   # seen waiting past the target
    (call(ended=20 + MICRO, outcome=Outcome.LOST), LATER, ("missed", 20 + MICRO)),
    (call(outcome=Outcome.LOST), 15, ("undecided", 15)),
    (call(asked=None, ended=12, outcome=Outcome.LOST), LATER, None),
    (call(answered=4, in_hours=False), LATER, None),
    (call(answered=4, excluded="test"), LATER, None),
])
def test_a_call_is_judged_as_promised(record: CallRecord, now: float, expected: tuple[str, float] | None):
    assert verdict(record, now) == expected


@pytest.mark.parametrize(("between", "expected"), [
    ((3, 20), ("met", 20)),
    ((None, 19), ("met", 19)),
    ((20 + MICRO, None), ("missed", 20 + MICRO)),
    ((20, 21), ("undecided", 21)),
    ((None, 25), ("undecided", 25)),
    ((None, None), ("undecided", 70)),
    ((15, None), ("undecided", 70)),
])
def test_an_answer_time_known_as_an_interval_is_met_only_if_all_of_it_is_within(between: Any, expected: Any):
    assert verdict(call(between=between, ended=70)) == expected


def test_a_phone_that_was_picked_up_is_waited_for_however_long():
    assert verdict(call(), now=25, connecting=True) is None
    assert verdict(call(ended=25, outcome=Outcome.ABANDONED), connecting=True) == ("missed", 20 + MICRO)


def test_a_call_lost_while_connecting_is_undecided():
    assert verdict(call(ended=25, outcome=Outcome.LOST), connecting=True) == ("undecided", 25)


@pytest.mark.parametrize(("record", "expected"), [
    (call(asked=1, ended=4.999999, outcome=Outcome.ABANDONED), None),
    (call(asked=1, ended=5, outcome=Outcome.ABANDONED), ("missed", 5)),
    (call(asked=1, ended=4, outcome=Outcome.TURNED_AWAY), ("missed", 4)),
    (call(asked=1, ended=4), None),                      # hung up, not sealed: may become a short abandon
])
def test_only_early_hang_ups_are_taken_out_where_the_site_says_so(record: CallRecord, expected: Any):
    assert verdict(record, goal=Goal(short_abandon_seconds=5)) == expected


OUTCOMES = [Outcome.ABANDONED, Outcome.TURNED_AWAY, Outcome.VOICEMAIL, Outcome.CALLBACK, Outcome.LOST]


@st.composite
def lives(draw: st.DrawFn) -> tuple[CallRecord, Instant | None]:
    """A whole call, and when a phone was picked up for it (also where they were never put together)."""
    gap = st.integers(0, 30 * SECOND)
    asked = ARRIVED + draw(gap)
    picked_up = asked + draw(gap)
    together = picked_up + draw(gap)
    ended = together + draw(gap)
    whole = call(asked=None, ended_by=EndedBy.MEMBER)
    if draw(st.booleans()):
        return replace(whole, asked_at=asked, answered_at=picked_up, talking_at=together, ended_at=ended,
                       outcome=Outcome.ANSWERED), picked_up
    outcome = draw(st.sampled_from(OUTCOMES))
    phone = picked_up if outcome is not Outcome.LOST and draw(st.booleans()) else None
    return replace(whole, asked_at=asked, ended_at=ended, outcome=outcome), phone


def as_known(whole: CallRecord, now: Instant) -> CallRecord:
    """What had been seen of the call by `now`; it is sealed five seconds after its end."""
    def seen(moment: Instant | None) -> Instant | None:
        return moment if moment is not None and moment <= now else None
    assert whole.ended_at is not None
    together = seen(whole.talking_at)
    return replace(whole, asked_at=seen(whole.asked_at), talking_at=together, ended_at=seen(whole.ended_at),
                   answered_at=whole.answered_at if together else None,
                   outcome=whole.outcome if now >= whole.ended_at + 5 * SECOND
                   or (whole.outcome is Outcome.LOST and now >= whole.ended_at) else None)


@given(lives(), st.lists(st.integers(0, 130 * SECOND), min_size=1, max_size=12),
       st.sampled_from([GOAL, Goal(short_abandon_seconds=5), Goal(answer_seconds=0.5)]))
def test_a_verdict_once_given_stays_whenever_one_looks(life: Any, looks: list[int], goal: Goal):
    whole, picked_up = life
    final = judge(whole, goal, whole.ended_at + 60 * SECOND)
    for look in sorted(looks):
        now = ARRIVED + look
        known = as_known(whole, now)
        connecting = picked_up is not None and picked_up <= now and known.answered_at is None
        steps = (Step(picked_up, CONNECTING),) if connecting and known.ended_at is None else ()
        judged = judge(replace(known, steps=steps), goal, now)
        assert judged is None or final is not None
        assert judged is None or judged[0] == final[0]
        assert judged is None or judged[1] <= now


@pytest.mark.parametrize(("record", "within"), [
    (call(ended=20, outcome=Outcome.ABANDONED), True),
    (call(ended=20 + MICRO, outcome=Outcome.ABANDONED), False),
    (call(ended=7, outcome=Outcome.TURNED_AWAY), False),
    (call(outcome=Outcome.ABANDONED), False),
])
def test_giving_up_on_the_twentieth_second_is_within(record: CallRecord, within: bool):
    assert goals.abandoned_within(record, GOAL) is within


def test_each_day_has_its_own_goal():
    hours = Hours()
    changing = Goals([(date(2027, 1, 1), Goal(30.0)), (date(2026, 1, 1), GOAL)], hours.day_of)
    new_year = hours.midnight(date(2027, 1, 1))
    assert changing.goal_at(new_year - 1) == GOAL
    assert changing.goal_at(new_year) == Goal(30.0)
    assert changing.goal_of(date(2025, 5, 5)) == GOAL
    assert changing.targets == (20.0, 30.0)
    assert Goals([], hours.day_of).goal_at(new_year) == Goal()


PUBLISHED = Tally(calls=1100, offered=1060, met=860, missed=200, answered=1000, answered_within=860, abandoned=60,
                  abandoned_within=20)


@pytest.mark.parametrize(("formula", "percent"), [
    ("answer_within", 81.1), ("answered_only", 86.0), ("abandons_ignored", 82.7), ("abandons_within_are_good", 83.0),
    ("everyone_in_hours", 78.2),
])
def test_the_published_example_comes_out_as_published(formula: str, percent: float):
    share = goals.FORMULAS[formula](PUBLISHED).share
    assert share is not None
    assert round(100 * share, 1) == percent


def test_the_queue_clock_formulas_are_those_of_app_queue():
    tally = Tally(queue_answered=50, queue_answered_within=40, queue_left=10, queue_left_within=5)
    assert goals.asterisk_sl(tally).share == 40 / 50
    assert goals.asterisk_sl2(tally).share == 45 / 60


@pytest.mark.parametrize(("left", "within"), [(20.0, True), (20.999999, True), (21.0, False)])
def test_app_queue_counts_whole_seconds(left: float, within: bool):
    assert goals.within_by_queue_clock(ARRIVED, after(left), GOAL) is within


@pytest.mark.parametrize("formula", [*goals.FORMULAS.values(), transfer_rate])
def test_an_empty_period_has_no_share(formula: Any):
    empty = formula(Tally())
    assert (empty.share, empty.bounds, empty.interval) == (None, None, None)


def test_undecided_calls_leave_a_share_and_its_bounds():
    share = goals.answer_within(Tally(offered=8, met=6, missed=2, undecided=2))
    assert (share.share, share.bounds) == (0.75, (0.6, 0.8))
    assert goals.answer_within(Tally(undecided=3)).bounds == (0.0, 1.0)


@pytest.mark.parametrize(("part", "whole", "low", "high"), [
    (81, 263, 0.2553, 0.3662),       # Newcombe 1998, Statistics in Medicine 17, table I, method 3
    (15, 148, 0.0624, 0.1605),
    (0, 20, 0.0, 0.1611),
    (1, 29, 0.0061, 0.1718),
])
def test_the_interval_is_the_published_one_of_wilson(part: int, whole: int, low: float, high: float):
    assert Share(part, whole).interval == pytest.approx((low, high), abs=0.00005)


COUNTS = st.integers(0, 5000)


@given(COUNTS, COUNTS, COUNTS)
@example(5000, 0, 0)
@example(0, 1, 0)
def test_share_bounds_and_interval_are_shares_and_in_order(part: int, rest: int, unknown: int):
    share = Share(part, part + rest, unknown)
    for low, high in filter(None, (share.bounds, share.interval)):
        assert 0 <= low <= high <= 1
        assert share.share is None or low <= share.share <= high


@pytest.mark.parametrize(("met", "offered", "undecided", "expected"), [
    (8, 10, 0, Standing.KEPT),                      # 80 % is 80 %
    (79, 100, 0, Standing.NOT_KEPT),
    (9, 9, 0, Standing.TOO_FEW),
    (0, 0, 0, Standing.TOO_FEW),
    (80, 100, 1, Standing.UNCLEAR),
    (90, 100, 1, Standing.KEPT),
    (50, 100, 1, Standing.NOT_KEPT),
])
def test_the_goal_is_kept_only_if_it_surely_is(met: int, offered: int, undecided: int, expected: Standing):
    assert standing(Share(met, offered, undecided), GOAL) is expected


@pytest.mark.parametrize(("transferred", "answered", "expected"), [
    (9, 100, Band.GOOD), (10, 100, Band.ATTENTION), (3, 20, Band.ATTENTION), (16, 100, Band.OVER),
    (9, 9, Band.TOO_FEW), (0, 0, Band.TOO_FEW)])
def test_the_transfer_rate_has_three_bands(transferred: int, answered: int, expected: Band):
    assert band(transfer_rate(Tally(transferred=transferred, answered=answered)), GOAL) is expected


def test_calls_of_which_nobody_can_tell_whether_they_were_handed_over_are_in_the_bounds_and_never_good():
    rate = transfer_rate(Tally(transferred=1, answered=20, transfer_untold=2))
    assert (rate.share, rate.bounds) == (0.05, (0.05, 0.15))
    assert band(rate, GOAL) is Band.ATTENTION


def test_no_minimum_still_needs_a_call():
    anything = Goal(minimum_calls=0)
    assert standing(Share(0, 0, 3), anything) is Standing.TOO_FEW
    assert band(Share(0, 0), anything) is Band.TOO_FEW


COUNTERS = st.dictionaries(st.sampled_from(["answered", "lost"]), st.integers(1, 9)).map(Counter)
TALLIES = st.builds(Tally, calls=COUNTS, offered=COUNTS, met=COUNTS, answered=COUNTS, outcomes=COUNTERS,
                    taken_over=st.integers(1, 9), taken_over_seconds=st.integers(0, 99).map(float),
                    longest_answer_seconds=st.integers(0, 99).map(float))


@given(TALLIES, TALLIES, TALLIES)
def test_tallies_merge_in_any_order(one: Tally, two: Tally, three: Tally):
    assert merged([one, merged([two, three])]) == merged([three, two, one])


@given(TALLIES, TALLIES)
def test_what_is_taken_out_again_leaves_no_trace_but_the_longest(one: Tally, two: Tally):
    both = merged([one, two])
    both.remove(two)
    both.longest_answer_seconds = one.longest_answer_seconds
    assert both == one


@pytest.mark.parametrize(("seconds", "bound"), [(0, 5), (5, 5), (17.5, 17.5), (17.500001, 20), (601, float("inf"))])
def test_a_bucket_ends_exactly_at_the_target(seconds: float, bound: float):
    assert bucket(seconds, bounds_with([17.5])) == bound
    assert str(bounds_with([17])[3]) == "17.0"       # a target written without a decimal is the same bucket
