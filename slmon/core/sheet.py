"""One view's figures: its calls by day and half hour, and the last thirty minutes. Adds up what it is given."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from heapq import heappop, heappush
from itertools import count

from slmon.core.board import Breach
from slmon.core.counted import CountedCall
from slmon.core.facts import Outcome
from slmon.core.hours import HALF_HOUR
from slmon.core.instant import Instant
from slmon.core.site import View
from slmon.core.tally import Tally, merged


@dataclass(slots=True)
class Cell:
    """Some calls and the sum of what they add; the sum is always theirs, whatever changes."""

    calls: set[CountedCall] = field(default_factory=set)
    tally: Tally = field(default_factory=Tally)

    def put(self, call: CountedCall) -> None:
        """Count the call in."""
        self.calls.add(call)
        self.tally.add(call.counted)

    def recount(self, call: CountedCall, before: Tally) -> None:
        """The call adds another tally than `before` now."""
        if call in self.calls:
            self.tally.remove(before)
            self.tally.add(call.counted)

    def take(self, calls: Iterable[CountedCall]) -> None:
        """Count these calls out."""
        leaving = self.calls.intersection(calls)
        self.calls -= leaving
        for call in leaving:
            self.tally.remove(call.counted)
        if any(call.counted.longest_answer_seconds or call.counted.longest_taken_over_seconds for call in leaving):
            self._find_longest()

    def _find_longest(self) -> None:
        each = [call.counted for call in self.calls]
        self.tally.longest_answer_seconds = max((one.longest_answer_seconds for one in each), default=0.0)
        self.tally.longest_taken_over_seconds = max((one.longest_taken_over_seconds for one in each), default=0.0)


@dataclass(frozen=True, slots=True)
class Page:
    """A sheet's figures of one day, ready to read. Shared between readers: nobody writes on it."""

    day: date
    today: Tally
    half_hours: dict[Instant, Tally]
    breaches: tuple[Breach, ...]                    # newest ring-in first
    last_day: tuple[date, Tally] | None             # the last day before with calls


class Sheet:
    """The calls of one view."""

    def __init__(self, view: View) -> None:
        self.view = view
        self._days: dict[date, dict[Instant, Cell]] = {}
        self._recent = Cell()
        self._leaving: list[tuple[Instant, int, CountedCall]] = []     # who leaves the last half hour next
        self._order = count()
        self._page: Page | None = None
        self._window: Tally | None = None
        self._seed: tuple[date, Tally] | None = None

    def put(self, call: CountedCall) -> None:
        """The call belongs to this view from now on."""
        self._days.setdefault(call.day, {}).setdefault(call.half_hour, Cell()).put(call)
        self._recent.put(call)
        heappush(self._leaving, (call.arrived_at, next(self._order), call))
        self._turn()

    def recount(self, call: CountedCall, before: Tally) -> None:
        """A call of this view adds something else than before."""
        for cell in self._cells(call):
            cell.recount(call, before)
        self._turn()

    def take(self, call: CountedCall) -> None:
        """The call is to be told anew."""
        for cell in self._cells(call):
            cell.take([call])
        self._turn()

    def seed(self, day: date, tally: Tally) -> None:
        """What an earlier day came to, from before this process began."""
        self._seed = day, tally
        self._turn()

    def page(self, day: date) -> Page:
        """The figures of this day."""
        if self._page is None or self._page.day != day:
            halves = {start: merged([cell.tally]) for start, cell in self._days.get(day, {}).items()}
            self._page = Page(day, merged(halves.values()), halves, self._breaches(day), self._last_day(day))
        return self._page

    def last_half_hour(self, now: Instant) -> Tally:
        """The calls that rang in during the thirty minutes before `now`."""
        leaving = []
        while self._leaving and self._leaving[0][0] <= now - HALF_HOUR:
            leaving.append(heappop(self._leaving)[2])
        if leaving:
            self._recent.take(leaving)
            self._window = None
        if self._window is None:
            self._window = merged([self._recent.tally])
        return self._window

    def roll(self, today: date) -> None:
        """Let go of the days before `today`, but for the last one with calls."""
        last = self._last_day(today)
        self._days = {day: cells for day, cells in self._days.items()
                      if day >= today or (last is not None and day == last[0])}
        self._turn()

    def _turn(self) -> None:
        self._page = self._window = None

    def _cells(self, call: CountedCall) -> list[Cell]:
        cell = self._days.get(call.day, {}).get(call.half_hour)
        return [self._recent] if cell is None else [self._recent, cell]

    def _breaches(self, day: date) -> tuple[Breach, ...]:
        missed = [call for cell in self._days.get(day, {}).values() if cell.tally.missed
                  for call in cell.calls if call.counted.missed]
        missed.sort(key=lambda call: (-call.arrived_at, call.call))
        return tuple(breach(call) for call in missed)

    def _last_day(self, today: date) -> tuple[date, Tally] | None:
        """The later of what was counted here and what was seeded."""
        sums = ((day, merged(cell.tally for cell in cells.values())) for day, cells in self._days.items()
                if day < today)
        counted = [(day, tally) for day, tally in sums if tally.calls]
        if self._seed is not None and self._seed[0] < today:
            counted.insert(0, self._seed)           # of the same day, what was seeded is the whole of it
        return max(counted, key=lambda each: each[0], default=None)


def breach(call: CountedCall) -> Breach:
    """The call over the target, as boards and pages list it."""
    outcome = Outcome.ANSWERED if call.answered is not None else None
    if outcome is None and call.record is not None:
        outcome = call.record.outcome
    return Breach(call.arrived_at, call.line, call.queue, call.answer_seconds, outcome and outcome.value)
