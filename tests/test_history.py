"""Past days and weeks: the same figures as the board had on the day."""

from dataclasses import replace
from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest

from slmon.core.facts import (
    CONNECTING,
    NOT_CONNECTED,
    UNHEARD,
    UNSURE,
    CallId,
    CallRecord,
    CallUnaccounted,
    EndedBy,
    GapMarked,
    Outcome,
    Step,
    Transfer,
    TransferKind,
)
from slmon.core.gaps import summed
from slmon.core.goals import Goal, Goals
from slmon.core.hours import Hours, Schedule, week
from slmon.core.instant import SECOND, Instant, from_datetime
from slmon.core.scoreboard import Scoreboard
from slmon.core.site import View
from slmon.core.tally import Tally
from slmon.store.calls import CallStore
from slmon.store.history import Day, History, week_of

OPEN = {day: [(9 * 60, 15 * 60)] for day in range(5)}
HOURS = Hours([Schedule(week(OPEN))])
GOALS = Goals([(date.min, Goal()), (date(2026, 11, 24), Goal(answer_seconds=10))], HOURS.day_of)
EVERYTHING = View("all", "Alt")
DAGPENGE = View("dagpenge", "Dagpenge", queues=("dagpenge",))
MONDAY, TUESDAY, SUNDAY = date(2026, 11, 23), date(2026, 11, 24), date(2026, 11, 22)


def at(text: str) -> Instant:
    return from_datetime(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("Europe/Copenhagen")))


LATER = at("2026-12-01T12:00")


def answered(rang_in: str, after: float, queue: str = "dagpenge") -> CallRecord:
    arrived_at = at(rang_in)
    answered_at = arrived_at + round(after * SECOND)
    return CallRecord(CallId(f"pbx1/{arrived_at}"), "pbx1", arrived_at, line="Hovednummer", queues=(queue,),
                      asked_at=arrived_at + SECOND, answered_at=answered_at, talking_at=answered_at,
                      ended_at=answered_at + 60 * SECOND, outcome=Outcome.ANSWERED, ended_by=EndedBy.MEMBER,
                      in_hours=HOURS.is_open(arrived_at))


@pytest.fixture
def store(tmp_path):
    store = CallStore(tmp_path / "slmon.db", batch_seconds=0.001)
    yield store
    store.close()


def history_of(store: CallStore, *records: CallRecord) -> History:
    for record in records:
        store.save(record)
    store.flush()
    return History(store, HOURS, GOALS)


def test_each_day_is_counted_by_its_own_goal(store):
    history = history_of(store, answered("2026-11-23T10:00", 15), answered("2026-11-24T10:00", 15))
    days = history.days(EVERYTHING, MONDAY, TUESDAY, LATER)
    assert [(day.tally.met, day.tally.missed) for day in days] == [(1, 0), (0, 1)]


def test_a_day_without_calls_is_there_and_empty(store):
    assert history_of(store).days(EVERYTHING, SUNDAY, MONDAY, LATER) == [
        Day(SUNDAY, Goal(), Tally(), 0.0, ()), Day(MONDAY, Goal(), Tally(), 0.0, ())]


def test_a_day_ends_at_the_sites_midnight(store):
    history = history_of(store, answered("2026-11-23T23:59:59", 5), answered("2026-11-24T00:00", 5))
    days = history.days(EVERYTHING, MONDAY, TUESDAY, LATER)
    assert [day.tally.calls_outside_hours for day in days] == [1, 1]


def test_a_view_has_the_calls_of_its_first_queue(store):
    history = history_of(store, answered("2026-11-23T10:00", 5), answered("2026-11-23T10:01", 5, "efterløn"))
    assert [history.days(view, MONDAY, MONDAY, LATER)[0].tally.calls for view in (DAGPENGE, EVERYTHING)] == [1, 2]


def test_the_past_is_what_the_board_showed(store):
    records = [
        answered("2026-11-23T09:00", 20), answered("2026-11-23T09:01", 21), answered("2026-11-23T16:00", 3),
        replace(answered("2026-11-23T10:00", 5), transfers=(
            Transfer(TransferKind.BLIND, at("2026-11-23T10:00:30"), "203", at("2026-11-23T10:00:40")),)),
        replace(answered("2026-11-23T11:00", 5), answered_at=None, talking_at=None, outcome=Outcome.ABANDONED),
        replace(answered("2026-11-23T12:00", 5), excluded="test"),
        replace(answered("2026-11-23T13:00", 5), answered_at=None, answered_between=(None, None)),
        replace(answered("2026-11-23T13:30", 22), steps=(Step(at("2026-11-23T13:30:05"), "queue", "dagpenge"),)),
        replace(answered("2026-11-23T14:00", 5), ended_by=None, steps=(Step(at("2026-11-23T14:00:30"), UNHEARD),)),
        *(replace(answered("2026-11-23T14:10", 5), call=CallId(f"pbx1/{journey}"), answered_at=None, talking_at=None,
                  outcome=Outcome.LOST, steps=tuple(Step(at("2026-11-23T14:10:05"), step) for step in journey))
          for journey in ((UNSURE,), (CONNECTING,), (CONNECTING, NOT_CONNECTED)))]
    unaccounted = CallUnaccounted(records[-1].call, at("2026-11-23T13:05"), "gap")
    gap = GapMarked("pbx1", at("2026-11-23T12:59"), at("2026-11-23T13:05"), "connection reset")
    store.mark_unaccounted(unaccounted)
    store.mark_gap(gap)
    board = Scoreboard(HOURS, GOALS)
    evening = at("2026-11-23T20:00")
    for record in records:
        board.restore(record, evening)
    board.record(unaccounted)
    board.record(gap)
    shown = board.snapshot(EVERYTHING, evening)
    (day,) = history_of(store, *records).days(EVERYTHING, MONDAY, MONDAY, evening)
    assert day == Day(MONDAY, Goal(), shown.today, shown.gap_seconds_today, shown.breaches, (gap,))
    assert summed(day.gaps) == (shown.gaps_today, shown.filled_today)
    assert (day.tally.missed, len(day.breaches), day.gap_seconds) == (4, 4, 360.0)
    assert (day.tally.undecided, day.tally.transfer_untold) == (3, 1)


def test_weeks_are_iso_weeks(store):
    history = history_of(store, answered("2026-11-22T10:00", 5), answered("2026-11-23T10:00", 5))
    weeks = history.weeks(EVERYTHING, SUNDAY, TUESDAY, LATER)
    assert {week: tally.calls + tally.calls_outside_hours for week, tally in weeks.items()} == {
        (2026, 47): 1, (2026, 48): 1}
    assert week_of(date(2027, 1, 1)) == (2026, 53)


def test_the_last_day_is_the_last_with_calls_in_opening_hours(store):
    history = history_of(store, answered("2026-11-20T10:00", 5), answered("2026-11-21T10:00", 5))
    found = history.last_day(EVERYTHING, MONDAY, LATER)
    assert found is not None
    assert (found.date, found.tally.met) == (date(2026, 11, 20), 1)
    assert history.last_day(EVERYTHING, date(2026, 11, 20), LATER) is None
    assert history.last_day(EVERYTHING, date(2026, 12, 22), LATER) is None       # too long ago to stand beside today


def test_today_and_open_calls_are_counted_anew_and_settled_days_when_told_to(store):
    noon = at("2026-11-24T12:00")
    still_open = replace(answered("2026-11-23T10:00", 5), ended_at=None)
    history = history_of(store, still_open)

    def offered() -> list[tuple[int, int]]:
        store.flush()
        return [(day.tally.offered, day.tally.transferred) for day in history.days(EVERYTHING, MONDAY, TUESDAY, noon)]

    assert offered() == [(1, 0), (0, 0)]
    store.save(answered("2026-11-24T10:00", 5))
    store.save(replace(still_open, ended_at=noon, transfers=(Transfer(TransferKind.BLIND, noon, None),)))
    assert offered() == [(1, 1), (1, 0)]
    store.save(answered("2026-11-23T11:00", 5))                 # as backfill does
    assert offered() == [(1, 1), (1, 0)]
    history.forget(MONDAY)
    assert offered() == [(2, 1), (1, 0)]


def test_a_day_to_come_has_no_calls_and_no_gap(store):
    store.mark_gap(GapMarked("pbx1", at("2026-11-23T10:00"), None, "connection reset"))
    monday, tuesday = history_of(store).days(EVERYTHING, MONDAY, TUESDAY, at("2026-11-23T11:00"))
    assert (monday.gap_seconds, tuesday.gap_seconds) == (3600.0, 0.0)
