"""Facts become numbers: each call once, by its ring-in, in every view that it belongs to."""

from collections import Counter
from dataclasses import replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slmon.core import facts as f
from slmon.core.board import Snapshot
from slmon.core.facts import (
    CallId,
    CallRecord,
    DeskState,
    EndedBy,
    Outcome,
    Place,
    Step,
    Transfer,
    TransferKind,
    Verdict,
)
from slmon.core.goals import FORMULAS, Goal, Goals, judge
from slmon.core.hours import Hours, Phase, Schedule, week
from slmon.core.instant import SECOND, Instant, from_datetime
from slmon.core.retold import retold
from slmon.core.scoreboard import Scoreboard
from slmon.core.site import Group, View
from slmon.core.tally import Tally, merged

ALL = View("all", "Alle")
DAGPENGE = View("dagpenge", "Dagpenge", queues=("dagpenge",), lines=("Direkte",))
MEDLEM = View("medlem", "Medlemskab", queues=("medlem",))
VIEWS = (ALL, DAGPENGE, MEDLEM)
HOURS = Hours([Schedule(week({day: [(540, 900)] for day in range(5)}), holidays="DK")])
MONDAY = date(2026, 11, 23)
MINUTE = 60 * SECOND


def at(clock: str, day: str = "2026-11-23") -> Instant:
    moment = datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=ZoneInfo("Europe/Copenhagen"))
    return from_datetime(moment)


TEN = at("10:00")
AFTER_WORK = at("16:00")


def board(goal: Goal | None = None, **more: Any) -> Scoreboard:
    more.setdefault("pbxes", ["pbx1"])
    return Scoreboard(HOURS, Goals([(date.min, goal or Goal())], HOURS.day_of), **more)


def record(call: str = "pbx1/1.0", arrived: Instant = TEN, asked: float | None = 2, answered: float | None = None,
           ended: float | None = None, outcome: Outcome | None = None, **more: Any) -> CallRecord:
    """A stored call; its moments in seconds from ring-in."""
    def after(seconds: float | None) -> Instant | None:
        return None if seconds is None else arrived + round(seconds * SECOND)
    more.setdefault("line", "Hovednummer")
    return CallRecord(CallId(call), call.partition("/")[0], arrived, asked_at=after(asked), answered_at=after(answered),
                      ended_at=after(ended), outcome=outcome, **more)


def told(scoreboard: Scoreboard, *records: CallRecord, now: Instant = AFTER_WORK) -> Scoreboard:
    """The scoreboard after these calls, told live."""
    for each in records:
        for fact in retold(each, Goal(), now):
            scoreboard.record(fact)
    return scoreboard


def today(*records: CallRecord, view: View = ALL, goal: Goal | None = None, now: Instant = AFTER_WORK) -> Tally:
    return told(board(goal), *records).snapshot(view, now).today


ANSWERED = record(answered=10, ended=100, outcome=Outcome.ANSWERED, queues=("dagpenge",))


# -- what a call adds

def test_an_answered_call_is_offered_met_and_answered_once():
    tally = today(ANSWERED)
    assert (tally.calls, tally.offered, tally.met, tally.answered, tally.answered_within) == (1, 1, 1, 1, 1)
    assert (tally.longest_answer_seconds, tally.answer_seconds, tally.outcomes) == (10, {10: 1}, {"answered": 1})


def test_a_late_answer_is_answered_and_missed():
    tally = today(record(answered=27, ended=100, outcome=Outcome.ANSWERED))
    assert (tally.offered, tally.met, tally.missed, tally.answered, tally.answered_within) == (1, 0, 1, 1, 0)


def test_giving_up_within_the_target_is_missed_and_known_as_within():
    tally = today(record(ended=20, outcome=Outcome.ABANDONED),
                  record("pbx1/2.0", ended=21, outcome=Outcome.ABANDONED))
    assert (tally.missed, tally.abandoned, tally.abandoned_within, tally.short_abandoned) == (2, 2, 1, 0)


def test_short_abandons_are_taken_out_and_shown():
    goal = Goal(short_abandon_seconds=5)
    scoreboard = board(goal)
    for fact in retold(record(ended=4, outcome=Outcome.ABANDONED), goal, at("16:00")):
        scoreboard.record(fact)
    tally = scoreboard.snapshot(ALL, at("16:00")).today
    assert (tally.calls, tally.offered, tally.abandoned, tally.short_abandoned) == (1, 0, 0, 1)


@pytest.mark.parametrize(("seconds", "ended_by", "counted"), [
    (20, EndedBy.MEMBER, 0), (21, EndedBy.MEMBER, 1), (21, None, 1), (21, EndedBy.PBX, 0)])
def test_giving_up_in_the_menu_after_the_target_is_noted(seconds: float, ended_by: EndedBy | None, counted: int):
    tally = today(record(asked=None, ended=seconds, outcome=Outcome.LEFT_MENU, ended_by=ended_by))
    assert (tally.calls, tally.offered, tally.menu_over_target) == (1, 0, counted)


def test_a_call_outside_hours_is_listed_apart():
    late = record(arrived=at("15:00"), in_hours=False, answered=5, ended=50, outcome=Outcome.ANSWERED)
    assert today(late) == Tally(calls_outside_hours=1, answered_outside_hours=1)


def test_an_excluded_call_is_counted_as_that_only():
    test_call = record(excluded="test", answered=5, ended=50, outcome=Outcome.ANSWERED)
    scoreboard = told(board(), test_call, record("pbx1/2.0", excluded="test"))
    snapshot = scoreboard.snapshot(ALL, at("10:00:30"))
    assert snapshot.today == Tally(excluded=2)
    assert (snapshot.waiting, scoreboard.totals.names) == ((), set())


def test_a_call_that_turns_out_to_be_a_survey_s_is_excluded_in_the_end():
    scoreboard = board()
    scoreboard.record(f.CallArrived(CallId("pbx1/1.0"), TEN, None, True, None))
    scoreboard.record(f.CallEnded(CallId("pbx1/1.0"), TEN, Outcome.ANSWERED, record(excluded="survey")))
    assert scoreboard.snapshot(ALL, TEN).today == Tally(excluded=1)


HANDED_OVER = (Transfer(TransferKind.BLIND, TEN + 30 * SECOND, "203", answered_at=TEN + 42 * SECOND),
               Transfer(TransferKind.ATTENDED, TEN + 60 * SECOND, "204", answered_at=TEN + 63 * SECOND))


def test_a_call_transferred_twice_is_one_transferred_call():
    tally = today(replace(ANSWERED, transfers=HANDED_OVER))
    assert (tally.transferred, tally.transfers) == (1, {"blind": 1, "attended": 1})
    assert (tally.taken_over, tally.taken_over_seconds, tally.longest_taken_over_seconds) == (2, 15, 12)


def test_a_colleague_asked_before_the_hand_over_is_no_wait():
    asked_first = replace(HANDED_OVER[1], answered_at=TEN + 55 * SECOND)
    tally = today(replace(ANSWERED, transfers=(asked_first,)))
    assert (tally.taken_over, tally.taken_over_seconds, tally.longest_taken_over_seconds) == (1, 0, 0)


def test_a_transfer_to_the_survey_is_none():
    tally = today(replace(ANSWERED, transfers=(replace(HANDED_OVER[0], counts=False),)))
    assert (tally.transferred, tally.transfers, tally.taken_over) == (0, {}, 0)


@pytest.mark.parametrize(("ended_by", "counts", "counted"), [
    (EndedBy.MEMBER, True, 1), (EndedBy.PBX, True, 0), (EndedBy.MEMBER, False, 0)])
def test_who_gives_up_after_being_passed_on_is_counted(ended_by: EndedBy, counts: bool, counted: int):
    passed_on = (replace(HANDED_OVER[0], answered_at=None, counts=counts),)
    assert today(replace(ANSWERED, transfers=passed_on, ended_by=ended_by)).gave_up_passed_on == counted


def test_an_abandoned_call_that_is_undecided_is_no_abandon_of_the_formulas():
    scoreboard = board()
    for fact in (f.CallArrived(CallId("pbx1/1.0"), TEN, None, True, None),
                 f.CallJudged(CallId("pbx1/1.0"), TEN, Verdict.UNDECIDED),
                 f.CallEnded(CallId("pbx1/1.0"), TEN, Outcome.ABANDONED,
                             record(ended=5, outcome=Outcome.ABANDONED))):
        scoreboard.record(fact)
    tally = scoreboard.snapshot(ALL, TEN).today
    assert (tally.undecided, tally.offered, tally.abandoned, tally.short_abandoned) == (1, 0, 0, 0)


def queue_steps(*joins: tuple[float, str]) -> dict[str, Any]:
    return {"queues": tuple(queue for _, queue in joins),
            "steps": tuple(Step(TEN + round(seconds * SECOND), "queue", queue) for seconds, queue in joins)}


@pytest.mark.parametrize(("call", "expected"), [
    (record(answered=30, ended=90, outcome=Outcome.ANSWERED, **queue_steps((15, "a"))), (1, 1, 0, 0)),
    (record(answered=50, ended=90, outcome=Outcome.ANSWERED, **queue_steps((5, "a"), (40, "b"))), (1, 1, 1, 0)),
    (record(answered=9, ended=90, outcome=Outcome.ANSWERED, **queue_steps((5, "a"), (60, "b"))), (1, 1, 0, 0)),
    (record(ended=25, outcome=Outcome.ABANDONED, **queue_steps((5, "a"))), (0, 0, 1, 1)),
    (record(ended=65, outcome=Outcome.TURNED_AWAY, **queue_steps((5, "a"), (40, "a"))), (0, 0, 2, 0)),
    (record(answered=9, ended=90, outcome=Outcome.ANSWERED), (0, 0, 0, 0)),
    (record(answered=9, **queue_steps((5, "a"))), (0, 0, 0, 0)),       # app_queue counts when the call ends
])
def test_the_queue_clock_counts_each_join(call: CallRecord, expected: tuple[int, ...]):
    tally = today(call)
    assert (tally.queue_answered, tally.queue_answered_within, tally.queue_left, tally.queue_left_within) == expected


def test_only_the_bounds_of_an_answer_are_no_answer_time():
    call = record(answered_between=(TEN + 15 * SECOND, TEN + 25 * SECOND), ended=60, outcome=Outcome.ANSWERED)
    tally = today(call)
    assert (tally.answered, tally.undecided, tally.offered, tally.answer_seconds) == (1, 1, 0, {})


# -- where a call belongs

def test_a_call_belongs_to_the_day_and_half_hour_of_its_ring_in():
    late = record(arrived=at("14:59:59"), answered=70, ended=900, outcome=Outcome.ANSWERED)
    snapshot = told(board(), late).snapshot(ALL, at("16:00"))
    assert [half.tally.calls for half in snapshot.half_hours] == [0] * 11 + [1]
    assert snapshot.half_hours[0].starts_at == at("09:00")


def test_a_call_moves_to_its_first_queue_and_stays_there():
    scoreboard = board()
    for view in VIEWS:
        scoreboard.snapshot(view, TEN)
    told(scoreboard, replace(ANSWERED, queues=("medlem", "dagpenge")))
    assert [scoreboard.snapshot(view, at("10:05")).today.calls for view in VIEWS] == [1, 0, 1]


def test_a_view_has_a_call_once_though_line_and_queue_are_listed():
    assert today(replace(ANSWERED, line="Direkte"), view=DAGPENGE).calls == 1


def test_the_window_is_the_thirty_minutes_before_now_by_ring_in():
    scoreboard = told(board(), record(arrived=at("10:00"), answered=9), record("pbx1/2.0", at("10:20"), answered=3))
    windows = [scoreboard.snapshot(ALL, now).last_half_hour for now in
               (at("10:29:59.999999"), at("10:30"), at("10:50"))]
    assert [(each.calls, each.longest_answer_seconds) for each in windows] == [(2, 9), (1, 3), (0, 0)]


def test_a_call_that_left_the_window_does_not_come_back_when_it_changes():
    scoreboard = told(board(), record())
    scoreboard.snapshot(ALL, at("10:45"))
    scoreboard.record(f.CallTransferred(CallId("pbx1/1.0"), at("10:46"), TransferKind.BLIND, True))
    assert scoreboard.snapshot(ALL, at("10:46")).last_half_hour == Tally()


def test_today_begins_at_local_midnight_and_yesterday_becomes_the_last_day():
    scoreboard = told(board(), ANSWERED)
    scoreboard.snapshot(ALL, at("23:59:59.999999"))
    tuesday = scoreboard.snapshot(ALL, at("00:00", "2026-11-24"))
    assert tuesday.today == Tally()
    assert tuesday.last_day is not None
    assert (tuesday.last_day[0], tuesday.last_day[1].met) == (at("00:00"), 1)


def test_the_last_day_is_the_last_one_with_calls():
    friday = record(arrived=at("10:00", "2026-11-20"), answered=5, ended=9, outcome=Outcome.ANSWERED)
    sunday = record("pbx1/2.0", at("10:00", "2026-11-22"), in_hours=False, asked=None, ended=9, outcome=Outcome.CLOSED)
    scoreboard = told(board(), friday, sunday, replace(ANSWERED, call=CallId("pbx1/3.0")))
    for day in ("2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"):
        snapshot = scoreboard.snapshot(ALL, at("12:00", day))
    assert snapshot.last_day is not None
    assert snapshot.last_day[0] == at("00:00", "2026-11-20")


def test_the_last_day_can_be_told_from_the_store():
    scoreboard = board()
    scoreboard.seed_last_day(DAGPENGE, at("00:00", "2026-11-20"), Tally(calls=7))
    assert scoreboard.snapshot(DAGPENGE, TEN).last_day == (at("00:00", "2026-11-20"), Tally(calls=7))
    assert scoreboard.snapshot(ALL, TEN).last_day is None


def test_a_call_over_midnight_belongs_to_its_ring_in_and_is_still_talking():
    scoreboard = told(board(), record(arrived=at("23:50"), answered=5), now=at("23:55"))
    assert scoreboard.snapshot(ALL, at("23:59:59")).today.calls == 1
    snapshot = scoreboard.snapshot(ALL, at("00:10", "2026-11-24"))
    assert (snapshot.today, snapshot.talking) == (Tally(), 1)
    scoreboard.record(f.CallArrived(CallId("pbx1/2.0"), at("23:59:59"), None, True, None))     # told late
    ended = record(arrived=at("23:50"), answered=5, ended=1800, outcome=Outcome.ANSWERED)
    snapshot = told(scoreboard, ended).snapshot(ALL, at("00:21", "2026-11-24"))
    assert (snapshot.today, snapshot.talking) == (Tally(), 0)
    assert snapshot.last_day is not None
    assert snapshot.last_day[1].outcomes == {Outcome.ANSWERED: 1}


def test_an_open_call_is_kept_for_days_and_ended_ones_are_let_go():
    scoreboard = told(board(), record(), replace(ANSWERED, call=CallId("pbx1/2.0")), now=TEN + 5 * SECOND)
    assert len(scoreboard.snapshot(ALL, at("10:00", "2026-11-26")).waiting) == 1
    scoreboard.record(f.CallUnaccounted(CallId("pbx1/2.0"), at("10:01", "2026-11-26"), "late"))
    assert scoreboard.snapshot(ALL, at("10:00", "2026-11-26")).unaccounted_today == 1    # known no more: unplaced


# -- now

def test_the_members_who_wait_are_shown_longest_first():
    scoreboard = told(board(), record("pbx1/2.0", TEN + 5 * SECOND, queues=("medlem",)), record(), now=TEN)
    waiting = scoreboard.snapshot(ALL, TEN + 9 * SECOND).waiting
    assert [each.queue for each in waiting] == [None, "medlem"]
    assert waiting[0].arrived_at == TEN


@pytest.mark.parametrize(("place", "figure"), [
    (Place.MENU, "in_menu"), (Place.CONNECTING, "connecting"), (Place.TALKING, "talking"),
    (Place.PASSED_ON, "passed_on")])
def test_every_place_has_its_count(place: Place, figure: str):
    scoreboard = told(board(), record(), now=TEN)
    scoreboard.record(f.CallMoved(CallId("pbx1/1.0"), TEN, place))
    snapshot = scoreboard.snapshot(ALL, TEN)
    assert (getattr(snapshot, figure), snapshot.waiting) == (1, ())


def test_who_hung_up_and_is_not_sealed_waits_no_more():
    scoreboard = told(board(), record(ended=4), now=TEN)
    snapshot = scoreboard.snapshot(ALL, TEN + 5 * SECOND)
    assert (snapshot.waiting, list(scoreboard.open_calls())) == ((), [])
    assert snapshot.today.outcomes == {}


def test_breaches_are_listed_newest_first_without_a_number():
    scoreboard = told(board(), record(queues=("dagpenge",)),
                      record("pbx1/3.0", TEN + MINUTE, answered=31, ended=90, outcome=Outcome.ANSWERED),
                      record("pbx1/4.0", TEN + 2 * MINUTE, ended=30, outcome=Outcome.VOICEMAIL))
    breaches = scoreboard.snapshot(ALL, at("10:05")).breaches
    assert [(each.answer_seconds, each.outcome) for each in breaches] == [(None, "voicemail"), (31, "answered"),
                                                                          (None, None)]


def test_the_phase_of_the_day_is_on_the_board():
    assert board().snapshot(ALL, at("08:30")).opening.phase is Phase.OPENING_SOON


def desk(name: str, state: DeskState | None, *queues: str, pbx: str = "pbx1") -> f.DeskChanged:
    return f.DeskChanged(pbx, name, TEN, state, frozenset(queues))


def test_desks_are_those_of_the_view_s_groups_and_queues():
    scoreboard = board(groups=[Group("Odense", ("PJSIP/10X",))])
    for fact in (desk("PJSIP/101", DeskState.FREE, "dagpenge"), desk("PJSIP/102", DeskState.BUSY),
                 desk("PJSIP/201", DeskState.PAUSED, "dagpenge"), desk("PJSIP/301", DeskState.OFF, "medlem"),
                 desk("PJSIP/101", DeskState.BUSY, "dagpenge", pbx="pbx2"),
                 desk("PJSIP/302", DeskState.FREE, "medlem"), desk("PJSIP/302", None)):
        scoreboard.record(fact)
    odense = View("odense", "", queues=("dagpenge",), groups=("Odense",))
    assert scoreboard.snapshot(odense, TEN).desks == {DeskState.FREE: 1, DeskState.BUSY: 2, DeskState.PAUSED: 1}
    assert scoreboard.snapshot(MEDLEM, TEN).desks == {DeskState.OFF: 1}
    assert scoreboard.snapshot(ALL, TEN).desks.total() == 5
    assert scoreboard.snapshot(View("line", "", lines=("Direkte",)), TEN).desks == {}
    assert scoreboard.desks_by_group()[""] == {DeskState.PAUSED: 1, DeskState.OFF: 1}


def test_a_group_that_is_too_small_shows_no_desks():
    scoreboard = board(groups=[Group("Odense", ("PJSIP/10X",))], minimum_group=2)
    scoreboard.record(desk("PJSIP/101", DeskState.BUSY))
    view = View("odense", "", groups=("Odense",))
    assert (scoreboard.snapshot(view, TEN).desks, scoreboard.desks_by_group()) == ({}, {"": {}})
    scoreboard.record(desk("PJSIP/102", DeskState.BUSY))
    assert scoreboard.snapshot(view, TEN).desks == {DeskState.BUSY: 2}


# -- links, gaps, unaccounted

def test_a_link_is_down_until_it_is_up_and_a_return_is_a_reconnect():
    scoreboard = board()
    assert not scoreboard.snapshot(ALL, TEN).links[0].up
    scoreboard.heard("pbx1", TEN)
    scoreboard.link_changed("pbx1", TEN, True)
    assert scoreboard.totals.reconnects["pbx1"] == 0
    scoreboard.heard("pbx1", TEN + 7 * SECOND)
    scoreboard.link_changed("pbx1", TEN + 9 * SECOND, False, "connection reset")
    scoreboard.link_changed("pbx1", TEN + 12 * SECOND, False, "connection refused")
    (link,) = scoreboard.snapshot(ALL, TEN + 30 * SECOND).links
    assert (link.up, link.since, link.last_event_at, link.reason) == (
        False, TEN + 9 * SECOND, TEN + 7 * SECOND, "connection refused")
    scoreboard.link_changed("pbx1", TEN + 40 * SECOND, True)
    scoreboard.link_changed("pbx1", TEN + 50 * SECOND, True, "no dialplan events")
    assert scoreboard.snapshot(ALL, TEN + MINUTE).links[0].since == TEN + 40 * SECOND
    assert scoreboard.totals.reconnects["pbx1"] == 1


def gap(since: str, until: str | None, pbx: str = "pbx1", day: str = "2026-11-23") -> f.GapMarked:
    return f.GapMarked(pbx, at(since, day), until and at(until, day), "link lost")


def test_seconds_without_a_stream_are_counted_once_however_many_pbxes_are_silent():
    scoreboard = board(pbxes=["pbx1", "pbx2"])
    for each in (gap("09:50", None), gap("09:50", "10:10"), gap("10:00", "10:20", "pbx2"), gap("11:00", None)):
        scoreboard.record(each)
    snapshot = scoreboard.snapshot(ALL, at("11:05"))
    assert snapshot.gap_seconds_today == (30 + 5) * 60
    assert [half.gap_seconds for half in snapshot.half_hours[:6]] == [0, 600, 1200, 0, 300, 0]


def test_a_gap_from_yesterday_counts_from_midnight():
    scoreboard = board()
    scoreboard.record(gap("23:59", None, day="2026-11-22"))
    assert scoreboard.snapshot(ALL, at("00:10")).gap_seconds_today == 600


def test_the_total_of_gap_seconds_never_goes_down():
    scoreboard = board()
    scoreboard.record(gap("08:00", "08:10"), retold=True)
    scoreboard.record(gap("10:00", None))
    assert scoreboard.gap_seconds_total("pbx1", at("10:05")) == 300
    scoreboard.record(gap("10:00", "10:04"))
    assert scoreboard.gap_seconds_total("pbx1", at("10:05")) == 300
    for day in ("2026-11-24", "2026-11-25", "2026-11-26"):
        scoreboard.snapshot(ALL, at("10:00", day))
    scoreboard.record(gap("10:00", "10:02", day="2026-11-26"))
    assert scoreboard.gap_seconds_total("pbx1", at("11:00", "2026-11-26")) == 240 + 120


def test_a_call_whose_end_nobody_saw_is_on_the_board():
    scoreboard = told(board(), ANSWERED)
    for _ in range(2):
        scoreboard.record(f.CallUnaccounted(ANSWERED.call, TEN, "reconnect"))
    scoreboard.record(f.CallUnaccounted(CallId("pbx1/77.0"), TEN, "restart"))
    assert scoreboard.snapshot(ALL, TEN).unaccounted_today == 2
    assert scoreboard.totals.unaccounted == {(("pbx1", "Hovednummer", "dagpenge"), "reconnect"): 1,
                                             (("pbx1", "", ""), "restart"): 1}


# -- told twice, told again

def test_facts_told_twice_count_once():
    scoreboard = told(board(), ANSWERED, ANSWERED)
    assert scoreboard.snapshot(ALL, at("16:00")).today == today(ANSWERED)
    totals = scoreboard.totals
    assert totals.ended.total() == totals.judged.total() == totals.answered.total() == 1


def test_the_same_id_more_than_an_hour_apart_is_another_call():
    again = replace(ANSWERED, arrived_at=at("11:00:00.000001"), answered_at=at("11:00:05"))
    scoreboard = told(board(), ANSWERED, again)
    assert scoreboard.snapshot(ALL, at("16:00")).today.calls == 2


def test_facts_of_a_call_that_never_arrived_are_no_call():
    scoreboard = board()
    scoreboard.record(f.CallAnswered(CallId("pbx1/9.9"), TEN, TEN, (5, 5)))
    assert scoreboard.snapshot(ALL, TEN).today == Tally()


def test_a_restart_restores_today_and_starts_the_totals_at_nothing():
    scoreboard = board()
    scoreboard.restore(ANSWERED, at("10:05"))
    assert scoreboard.snapshot(ALL, at("16:00")).today == today(ANSWERED)
    assert (scoreboard.totals.answered, scoreboard.totals.judged, scoreboard.totals.ended) == ({}, {}, {})


def test_a_restored_open_call_goes_on_and_its_end_is_counted():
    scoreboard = board()
    scoreboard.restore(record(answered=3, queues=("dagpenge",)), at("10:01"))
    assert scoreboard.snapshot(DAGPENGE, at("10:01")).talking == 1
    told(scoreboard, record(answered=3, ended=90, outcome=Outcome.ANSWERED, queues=("dagpenge",)))
    assert scoreboard.totals.ended == {(("pbx1", "Hovednummer", "dagpenge"), "answered"): 1}
    assert scoreboard.totals.answered == {}


def test_backfill_corrects_the_board_without_counting_twice():
    unknown = record(ended=9, outcome=Outcome.LOST, queues=("dagpenge",))
    scoreboard = told(board(), unknown)
    assert scoreboard.snapshot(ALL, at("10:05")).today.undecided == 1
    scoreboard.restore(ANSWERED, at("10:05"))
    for view in (ALL, DAGPENGE):
        snapshot = scoreboard.snapshot(view, at("10:05"))
        assert snapshot.today == snapshot.last_half_hour == today(ANSWERED)


def test_what_was_no_call_is_on_no_board_any_more_and_totals_never_go_down():
    scoreboard = told(board(), ANSWERED)
    ended = dict(scoreboard.totals.ended)
    scoreboard.take_away(ANSWERED)
    for view in (ALL, DAGPENGE):
        snapshot = scoreboard.snapshot(view, at("10:05"))
        assert snapshot.today == snapshot.last_half_hour == Tally()
    assert scoreboard.totals.ended == ended


def test_an_open_call_is_not_called_missed_for_time_that_nobody_watched():
    assert [fact for fact in retold(record(), Goal(), TEN + 15 * SECOND) if isinstance(fact, f.CallJudged)] == []


def test_a_call_passed_on_is_retold_as_such():
    passed_on = record(answered=5, transfers=(replace(HANDED_OVER[0], answered_at=None),))
    assert told(board(), passed_on).snapshot(ALL, TEN + MINUTE).passed_on == 1


# -- totals

def test_totals_keep_the_names_that_a_call_had_then():
    scoreboard = board()
    call = CallId("pbx1/1.0")
    for fact in (f.CallArrived(call, TEN, "Hovednummer", True, None),
                 f.CallJudged(call, TEN, Verdict.MISSED),
                 f.CallQueued(call, TEN, "dagpenge"),
                 f.CallEnded(call, TEN, Outcome.ABANDONED, record(ended=9, outcome=Outcome.ABANDONED))):
        scoreboard.record(fact)
    assert scoreboard.totals.judged == {(("pbx1", "Hovednummer", ""), "missed"): 1}
    assert scoreboard.totals.ended == {(("pbx1", "Hovednummer", "dagpenge"), "abandoned"): 1}


def test_totals_of_verdicts_and_answers_are_of_calls_in_hours():
    night = record(in_hours=False, answered=9, ended=50, outcome=Outcome.ANSWERED, transfers=HANDED_OVER)
    totals = told(board(), night).totals
    assert totals.ended.total() == 1
    assert (totals.answered, totals.transferred, totals.transfers, totals.answers) == ({}, {}, {}, {})


def test_the_answer_time_of_exactly_the_target_is_in_the_target_s_bucket():
    totals = told(board(Goal(answer_seconds=17.5)), record(answered=17.5)).totals
    (answers,) = totals.answers.values()
    assert totals.bounds[answers.buckets.index(1)] == 17.5
    assert answers.seconds == 17.5


# -- by property: any day, in any order, against a count by hand

DELAYS = st.integers(0, 40_000_000)
LINES = st.sampled_from([None, "Hovednummer", "Direkte"])
QUEUES = st.lists(st.sampled_from(["dagpenge", "medlem", "andre"]), max_size=3)


@st.composite
def calls(draw: st.DrawFn, number: int) -> CallRecord:
    arrived = at("08:30") + draw(st.integers(0, 8 * 3600 * SECOND))
    asked, picked_up, ended = arrived + draw(DELAYS), draw(DELAYS), draw(DELAYS)
    whole = CallRecord(CallId(f"pbx{draw(st.integers(1, 2))}/{number}.0"), "pbx", arrived, line=draw(LINES),
                       in_hours=HOURS.is_open(arrived), excluded=draw(st.sampled_from([None] * 9 + ["test"])),
                       ended_by=draw(st.sampled_from([None, *EndedBy])))
    outcome = draw(st.sampled_from(Outcome))
    if outcome in {Outcome.LEFT_MENU, Outcome.CLOSED}:
        return replace(whole, ended_at=asked, outcome=outcome)
    whole = replace(whole, asked_at=asked, ended_at=asked + picked_up + ended, outcome=outcome,
                    queues=tuple(draw(QUEUES)))
    if outcome is not Outcome.ANSWERED:
        return whole
    transfer = Transfer(TransferKind.BLIND, asked + picked_up + ended, None, draw(st.sampled_from([None, at("17:00")])))
    return replace(whole, answered_at=asked + picked_up, talking_at=asked + picked_up + ended // 2,
                   transfers=(transfer,) * draw(st.integers(0, 2)))


DAYS = st.integers(0, 12).flatmap(lambda size: st.tuples(*(calls(number) for number in range(size))))


def counted_by_hand(records: tuple[CallRecord, ...], view: View) -> dict[str, Any]:
    mine = [each for each in records if view.has_call(each.line, each.queue)]
    inside = [each for each in mine if each.in_hours and not each.excluded]
    verdicts = Counter(judged[0] for each in inside if (judged := judge(each, Goal(), at("20:00"))))
    answered = [each for each in inside if each.answered_at is not None]
    return {
        "calls": len(inside), "met": verdicts[Verdict.MET], "missed": verdicts[Verdict.MISSED],
        "undecided": verdicts[Verdict.UNDECIDED], "offered": verdicts[Verdict.MET] + verdicts[Verdict.MISSED],
        "longest_answer_seconds": max((each.answer_seconds for each in answered), default=0),
        "answered": len(answered), "transferred": sum(each.transferred for each in answered),
        "abandoned": sum(each.outcome is Outcome.ABANDONED for each in inside),
        "excluded": sum(bool(each.excluded) for each in mine),
        "calls_outside_hours": sum(not each.in_hours and not each.excluded for each in mine),
    }


@settings(max_examples=60, deadline=None)
@given(DAYS, st.randoms(use_true_random=False), st.lists(st.sampled_from(VIEWS), max_size=3))
def test_any_day_told_in_any_order_comes_to_what_is_counted_by_hand(
        records: tuple[CallRecord, ...], order: Any, looked_at_before: list[View]):
    scoreboard = board(pbxes=["pbx1", "pbx2"])
    for view in looked_at_before:
        scoreboard.snapshot(view, at("08:00"))
    feeds = [list(retold(each, Goal(), at("20:00"))) for each in records]
    while feeds:
        feed = order.choice(feeds)
        scoreboard.record(feed.pop(0))
        if order.random() < 0.1:
            scoreboard.snapshot(order.choice(VIEWS), at("09:00") + order.randint(0, 8 * 3600) * SECOND)
        feeds = [each for each in feeds if each]
    for view in VIEWS:
        snapshot = scoreboard.snapshot(view, at("20:00"))
        assert {name: getattr(snapshot.today, name) for name in counted_by_hand(records, view)} == counted_by_hand(
            records, view)
        assert_consistent(snapshot)
        fresh = board(pbxes=["pbx1", "pbx2"])
        for each in records:
            fresh.restore(each, at("20:00"))
        assert fresh.snapshot(view, at("20:00")) == replace(snapshot, links=fresh.snapshot(view, at("20:00")).links)


def assert_consistent(snapshot: Snapshot) -> None:
    tally = snapshot.today
    assert tally.offered == tally.met + tally.missed
    assert tally.answered_within <= min(tally.met, tally.answered)
    assert tally.abandoned_within <= tally.abandoned <= tally.missed
    assert tally.outcomes.total() == tally.calls
    assert len(snapshot.breaches) == tally.missed
    assert merged(half.tally for half in snapshot.half_hours).calls == tally.calls
    longest = [half.tally.longest_answer_seconds for half in snapshot.half_hours]
    assert tally.longest_answer_seconds == max(longest)
    for formula in FORMULAS.values():
        share = formula(tally)
        assert 0 <= share.part <= share.whole


@settings(max_examples=40, deadline=None)
@given(DAYS)
def test_tallies_of_several_pbxes_merge_into_the_tally_of_all(records: tuple[CallRecord, ...]):
    both = told(board(), *records).snapshot(ALL, at("20:00"))
    apart = [told(board(), *(each for each in records if each.call.startswith(pbx))).snapshot(ALL, at("20:00"))
             for pbx in ("pbx1", "pbx2")]
    assert merged(each.today for each in apart) == both.today
    assert sum(each.last_half_hour.calls for each in apart) == both.last_half_hour.calls


def test_a_phone_that_serves_no_queue_and_stands_in_no_group_is_no_desk():
    scoreboard = board(groups=(Group("Nord", ("PJSIP/10X",)),), minimum_group=1)
    for each in (desk("PJSIP/trunk", DeskState.BUSY), desk("PJSIP/101", DeskState.FREE),
                 desk("PJSIP/201", DeskState.BUSY, "dagpenge")):
        scoreboard.record(each)
    assert scoreboard.snapshot(ALL, TEN).desks == {DeskState.FREE: 1, DeskState.BUSY: 1}
    assert sum(states.total() for states in scoreboard.desks_by_group().values()) == 2
