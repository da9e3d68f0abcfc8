"""Questions over the past: what days and weeks came to. Counts by the core's own tallies; judges nothing itself."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from slmon.core.board import Breach, Day
from slmon.core.facts import GapMarked
from slmon.core.gaps import seconds_covered
from slmon.core.goals import Goals
from slmon.core.hours import Hours
from slmon.core.instant import Instant
from slmon.core.retold import COUNTED_STEPS, recounted
from slmon.core.sheet import breach
from slmon.core.site import View
from slmon.core.tally import Tally, bounds_with, merged
from slmon.store.reader import CallReader

_ONE_DAY = timedelta(days=1)
_LOOK_BACK = timedelta(days=31)

Week = tuple[int, int]
"""ISO year and week: `(2026, 48)`."""


@dataclass(slots=True)
class _Cell:
    """The calls of one day that belong to one line and first queue."""

    tally: Tally = field(default_factory=Tally)
    breaches: list[Breach] = field(default_factory=list)


@dataclass(slots=True)
class _Counted:
    """A day's calls by where they belong. `settled`: they have all ended, and nothing of them will change."""

    cells: dict[tuple[str | None, str | None], _Cell] = field(default_factory=dict)
    settled: bool = True

    def of(self, view: View) -> list[_Cell]:
        return [cell for (line, queue), cell in self.cells.items() if view.has_call(line, queue)]


class History:
    """The figures of past days. Days that are over and settled are counted once and remembered; see `forget`.

    Reading takes a while: not for the event loop. One thread at a time.
    """

    def __init__(self, calls: CallReader, hours: Hours, goals: Goals) -> None:
        self._calls = calls
        self._hours = hours
        self._goals = goals
        self._bounds = bounds_with(goals.targets)
        self._known: dict[date, _Counted] = {}

    def days(self, view: View, first: date, last: date, now: Instant) -> list[Day]:
        """Every day of the view from the first to the last, both included.

        `now`: the present, and up to when open calls were watched, see `retold`.
        """
        self._count(first, last, now)
        gaps = self._calls.gaps(self._hours.midnight(first), self._hours.midnight(last + _ONE_DAY))
        return [self._day(view, day, gaps, now) for day in _days(first, last)]

    def weeks(self, view: View, first: date, last: date, now: Instant) -> dict[Week, Tally]:
        """As `days`, by ISO week; the first and last week have only the days asked for."""
        found: dict[Week, Tally] = {}
        for day in self.days(view, first, last, now):
            found.setdefault(week_of(day.date), Tally()).add(day.tally)
        return found

    def last_day(self, view: View, before: date, now: Instant) -> Day | None:
        """The last day before that one on which the view had calls in opening hours; None beyond a month."""
        limit = before
        while (arrived_at := self._calls.last_arrival(self._hours.midnight(limit))) is not None:
            limit = self._hours.day_of(arrived_at)
            if before - limit > _LOOK_BACK:
                return None
            (day,) = self.days(view, limit, limit, now)
            if day.tally.calls:
                return day
        return None

    def forget(self, day: date) -> None:
        """Count that day anew when it is next asked for: backfill knows better now."""
        self._known.pop(day, None)

    def _day(self, view: View, day: date, gaps: list[GapMarked], now: Instant) -> Day:
        cells = self._known[day].of(view)
        breaches = sorted((each for cell in cells for each in cell.breaches), key=lambda each: -each.arrived_at)
        begins_at, ends_at = self._hours.midnight(day), min(now, self._hours.midnight(day + _ONE_DAY))
        of_day = tuple(gap for gap in gaps if gap.since < ends_at and (gap.until is None or gap.until > begins_at))
        return Day(day, self._goals.goal_of(day), merged(cell.tally for cell in cells),
                   seconds_covered(of_day, begins_at, ends_at), tuple(breaches), of_day)

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
            self._known[day] = _Counted()
        for record in self._calls.between(start, end, COUNTED_STEPS):
            known = self._known[self._hours.day_of(record.arrived_at)]
            call = recounted(record, self._goals, self._hours, self._bounds, now)
            if record.call in unaccounted:
                call.note(unaccounted[record.call])
            cell = known.cells.setdefault((record.line, record.queue), _Cell())
            counted = call.tally()
            cell.tally.add(counted)
            cell.breaches += [breach(call)] * counted.missed
            known.settled &= record.ended_at is not None and record.outcome is not None


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
