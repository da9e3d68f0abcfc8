"""The PBX's clock: its own words about it, and our monotonic time since. Sees when somebody has set it. No I/O."""

from collections.abc import Callable
from dataclasses import dataclass

from slmon.core.events import ClockSet, Event
from slmon.core.instant import SECOND, Instant, of_seconds, seconds_between

SET = 2 * SECOND         # further off than events and answers ever are of themselves
STEADY = 3               # answers in a row that agree with our clock: until then it may be one that runs otherwise


@dataclass(frozen=True, slots=True)
class _Answer:
    """The PBX's clock in an answer, and ours when it was asked and when it had answered."""

    told: Instant
    asked_at: float
    answered_at: float


class PbxClock:
    """One PBX's clock. It is known once any word about it was heard."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._last: tuple[Instant, float] | None = None       # the last word about it, and our clock at that moment
        self._answer: _Answer | None = None
        self._event_at: Instant | None = None
        self._agreed = 0                                      # answers in a row that agree with our clock
        self.lag_seconds = 0.0
        """How far the last event was behind the PBX's clock when it came."""

    @property
    def now(self) -> Instant | None:
        """What it shows at this moment; None while nothing was heard of it."""
        if self._last is None:
            return None
        at, then = self._last
        return at + of_seconds(self._monotonic() - then)

    def answered(self, told: Instant, asked_at: float, overtakes_seconds: float) -> ClockSet | None:
        """It was asked for the time. An answer can overtake events, and what is now must not run ahead of those."""
        now, before = self._monotonic(), self._answer
        self._answer = _Answer(told, asked_at, now)
        if before is not None and not self._agree(before, self._answer):
            was_steady, self._agreed = self._agreed >= STEADY, 0
            if was_steady:
                self._last, self._event_at = (told, now), None
                return ClockSet(told, before.told + of_seconds(now - before.answered_at))
        else:
            self._agreed += before is not None
        if self._last is None or now - self._last[1] >= overtakes_seconds:
            self._last = told, now
        return None

    def heard(self, events: list[Event], last: Instant) -> list[Event]:
        """The events, the last of them of that time, with a word where the clock was set in between."""
        now = self._monotonic()
        bounds = self._bounds(now)
        if self._answer is not None:
            self.lag_seconds = max(0.0, seconds_between(last, self._shows(now)))
        if not bounds[0] <= last <= bounds[1]:
            events = self._with_setting(events, bounds, now)
        self._last, self._event_at = (last, now), last
        return events

    def _bounds(self, now: float) -> tuple[Instant, Instant]:
        """Within what an event's time lies while nobody sets the clock: in order, and never ahead of the clock."""
        earliest = -(1 << 62) if self._event_at is None else self._event_at - SET
        answer = self._answer
        if answer is None or self._agreed < STEADY:
            return earliest, 1 << 62
        return earliest, answer.told + of_seconds(now - answer.asked_at) + SET

    @staticmethod
    def _agree(before: _Answer, after: _Answer) -> bool:
        """Whether the PBX's clock has gone on between the two as ours has."""
        earliest = before.told + of_seconds(after.asked_at - before.answered_at)
        latest = before.told + of_seconds(after.answered_at - before.asked_at)
        return earliest - SET <= after.told <= latest + SET

    def _shows(self, now: float) -> Instant:
        if self._answer is None:
            assert self._event_at is not None            # else there are no bounds to be out of
            return self._event_at
        return self._answer.told + of_seconds(now - self._answer.answered_at)

    def _with_setting(self, events: list[Event], bounds: tuple[Instant, Instant], now: float) -> list[Event]:
        was, self._answer, self._agreed = self._shows(now), None, 0
        number = next((number for number, event in enumerate(events) if not bounds[0] <= event.at <= bounds[1]), None)
        if number is None:
            return events                                # what told the time told nothing else
        return [*events[:number], ClockSet(events[number].at, was), *events[number:]]
