"""Questions over the past: what days and weeks came to. Counts by the core's own tallies; judges nothing itself."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import cast

from slmon.core.counted import CallFact, CountedCall
from slmon.core.facts import CallId, CallRecord, CallUnaccounted
from slmon.core.goals import Goal, Goals
from slmon.core.hours import Hours
from slmon.core.instant import Instant
from slmon.core.retold import retold
from slmon.core.site import View
from slmon.core.tally import Tally, bounds_with, merged
from slmon.store.reader import CallReader

_ONE_DAY = timedelta(days=1)
_STEPS = ("queue",)          # of a call's journey, all that its figures need

Week = tuple[int, int]
"""ISO year and week: `(2026, 48)`."""


@dataclass(slots=True)
class _Day:
    """A day's calls by where they belong: line and first queue. `settled`: they have all ended."""

    cells: dict[tuple[str | None, str | None], Tally] = field(default_factory=dict)
    settled: bool = True

    def tally(self, view: View) -> Tally:
        return merged(tally for (line, queue), tally in self.cells.items() if view.has_call(line, queue))


class History:
    """The figures of past days. Days that are over and settled are counted once and remembered; see `forget`."""

    def __init__(self, calls: CallReader, hours: Hours, goals: Goals) -> None:
        self._calls = calls
        self._hours = hours
        self._goals = goals
        self._bounds = bounds_with(goals.targets)
        self._known: dict[date, _Day] = {}

    def days(self, first: date, last: date, view: View, now: Instant) -> dict[date, Tally]:
        """Every day from the first to the last, both included, with what its calls came to. Not for the event loop.

        The tallies are the caller's own. `now`: up to when open calls were watched, see `retold`.
        """
        self._count(first, last, now)
        return {day: self._known[day].tally(view) for day in _days(first, last)}

    def weeks(self, first: date, last: date, view: View, now: Instant) -> dict[Week, Tally]:
        """As `days`, by ISO week; the first and last week have only the days asked for."""
        found: dict[Week, Tally] = {}
        for day, tally in self.days(first, last, view, now).items():
            found.setdefault(week_of(day), Tally()).add(tally)
        return found

    def total(self, first: date, last: date, view: View, now: Instant) -> Tally:
        """As `days`, all of them together."""
        return merged(self.days(first, last, view, now).values())

    def last_day(self, before: date, view: View, now: Instant) -> tuple[Instant, Tally] | None:
        """The last day before that one on which the view had calls in opening hours: its midnight, and its figures."""
        limit = self._hours.midnight(before)
        while (arrived_at := self._calls.last_arrival(limit)) is not None:
            day = self._hours.day_of(arrived_at)
            tally = self.days(day, day, view, now)[day]
            limit = self._hours.midnight(day)
            if tally.calls:
                return limit, tally
        return None

    def forget(self, day: date) -> None:
        """Count that day anew when it is next asked for: backfill knows better now."""
        self._known.pop(day, None)

    def _count(self, first: date, last: date, now: Instant) -> None:
        today = self._hours.day_of(now)
        self._known = {day: known for day, known in self._known.items() if day < today and known.settled}
        missing = [day for day in _days(first, last) if day not in self._known]
        for start, end in _runs(missing):
            self._read(start, end, now)

    def _read(self, first: date, last: date, now: Instant) -> None:
        start, end = self._hours.midnight(first), self._hours.midnight(last + _ONE_DAY)
        unaccounted = {fact.call: fact for fact in self._calls.unaccounted(start, now + 1)}
        for day in _days(first, last):
            self._known[day] = _Day()
        for record in self._calls.between(start, end, _STEPS):
            known = self._known[self._hours.day_of(record.arrived_at)]
            tally = self.tally(record, now, unaccounted)
            known.cells.setdefault((record.line, record.queue), Tally()).add(tally)
            known.settled &= record.ended_at is not None and record.outcome is not None

    def tally(self, record: CallRecord, now: Instant, unaccounted: dict[CallId, CallUnaccounted]) -> Tally:
        """What one call comes to, by the goal of its day."""
        goal = self._goals.goal_at(record.arrived_at)
        call = self._counted(record, goal)
        for fact in cast(Iterator[CallFact], retold(record, goal, now)):
            if call.is_news(fact):
                call.note(fact)
        if record.call in unaccounted:
            call.note(unaccounted[record.call])
        return call.tally()

    def _counted(self, record: CallRecord, goal: Goal) -> CountedCall:
        at = record.arrived_at
        return CountedCall(record.call, at, record.line, record.in_hours, record.excluded, self._hours.day_of(at),
                           self._hours.half_hour(at), goal, self._bounds)


def week_of(day: date) -> Week:
    """The ISO year and week that the day is in."""
    year, week, _ = day.isocalendar()
    return year, week


def _days(first: date, last: date) -> Iterator[date]:
    return (first + index * _ONE_DAY for index in range((last - first).days + 1))


def _runs(days: list[date]) -> Iterator[tuple[date, date]]:
    """Days in order as stretches without a hole, so that each is one question to the store."""
    first: date | None = None
    for index, day in enumerate(days):
        first = first or day
        if index + 1 == len(days) or days[index + 1] - day > _ONE_DAY:
            yield first, day
            first = None
