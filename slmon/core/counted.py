"""One call as the board counts it: which facts are news, where the member is, and what it adds to a tally."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

from slmon.core.facts import (
    CallAnswered,
    CallArrived,
    CallAsked,
    CallEnded,
    CallId,
    CallJudged,
    CallMoved,
    CallQueued,
    CallRecord,
    CallTransferred,
    CallUnaccounted,
    EndedBy,
    Outcome,
    Place,
    Verdict,
)
from slmon.core.goals import Goal, abandoned_within, within_by_queue_clock
from slmon.core.instant import Instant, seconds_between
from slmon.core.tally import Tally, bucket

CallFact = (CallArrived | CallAsked | CallQueued | CallMoved | CallAnswered | CallJudged | CallTransferred | CallEnded
            | CallUnaccounted)
Names = tuple[str, str, str]
"""PBX, line and first queue; "" where the call has none."""
_NO_FIGURE = (CallAsked, CallMoved)


@dataclass(slots=True, eq=False)
class CountedCall:
    """A call of today, or one still open. `counted` is what it adds to every tally that it is in."""

    call: CallId
    arrived_at: Instant
    line: str | None
    in_hours: bool
    excluded: str | None
    day: date
    half_hour: Instant
    goal: Goal
    bounds: tuple[float, ...]                       # answer time buckets
    place: Place = Place.MENU
    asked_at: Instant | None = None
    joins: list[tuple[Instant, str]] = field(default_factory=list)
    answered: CallAnswered | None = None
    verdict: Verdict | None = None
    transfers: Counter[str] = field(default_factory=Counter)
    unaccounted: bool = False
    record: CallRecord | None = None                # once it is over
    clock_by: int = 0                               # microseconds by which the PBX's clock was set since its ring-in
    counted: Tally = field(default_factory=Tally)

    def __post_init__(self) -> None:
        self.counted = self.tally()

    @property
    def pbx(self) -> str:
        """The PBX it rang in on."""
        return self.call.partition("/")[0]

    @property
    def queue(self) -> str | None:
        """The first queue, where it belongs."""
        return self.joins[0][1] if self.joins else None

    @property
    def names(self) -> Names:
        """What it is counted under at this moment."""
        return self.pbx, self.line or "", self.queue or ""

    @property
    def answer_seconds(self) -> float | None:
        """Seconds from ring-in to pick-up; None when not answered or not known exactly."""
        if self.answered is None or self.answered.answered_at is None:
            return None
        return seconds_between(self.arrived_at, self.answered.answered_at)

    def is_news(self, fact: CallFact) -> bool:
        """Whether the fact has not been told yet; what happens once a call is counted once."""
        match fact:
            case CallArrived():
                return False
            case CallAnswered():
                return self.answered is None
            case CallJudged():
                return self.verdict is None
            case CallUnaccounted():
                return not self.unaccounted
            case _:
                return self.record is None

    def note(self, fact: CallFact) -> bool:
        """Take the fact in; True when it changes what the call adds to a tally."""
        match fact:
            case CallAsked(at=at):
                self.asked_at = at
            case CallMoved(place=place):
                self.place = place
            case CallQueued(at=at, queue=queue):
                self.joins.append((at, queue))
            case CallAnswered():
                self.answered = fact
            case CallJudged(verdict=verdict):
                self.verdict = verdict
            case CallTransferred(kind=kind):
                self.transfers[kind.value] += 1
            case CallUnaccounted():
                self.unaccounted = True
            case CallEnded(record=record):
                self.record = record
                self.excluded = self.excluded or record.excluded
                self.place = Place.GONE
        return not isinstance(fact, _NO_FIGURE)

    def tally(self) -> Tally:
        """What this one call adds to a tally, as known now."""
        if self.excluded:
            return Tally(excluded=1)
        tally = Tally(unaccounted=int(self.unaccounted))
        if not self.in_hours:
            tally.calls_outside_hours = 1
            tally.answered_outside_hours = int(self.answered is not None)
            return tally
        tally.calls = 1
        self._add_verdict(tally)
        self._add_answer(tally)
        if self.record is not None:
            self._add_end(self.record, tally)
        return tally

    def _add_verdict(self, tally: Tally) -> None:
        tally.met = int(self.verdict is Verdict.MET)
        tally.missed = int(self.verdict is Verdict.MISSED)
        tally.undecided = int(self.verdict is Verdict.UNDECIDED)
        tally.offered = tally.met + tally.missed

    def _add_answer(self, tally: Tally) -> None:
        if self.answered is None:
            return
        tally.answered = 1
        tally.answered_within = tally.met
        tally.transferred = int(bool(self.transfers))
        tally.transfers.update(self.transfers)
        seconds = self.answer_seconds
        if seconds is not None:
            tally.longest_answer_seconds = seconds
            tally.answer_seconds[bucket(seconds, self.bounds)] = 1

    def _add_end(self, record: CallRecord, tally: Tally) -> None:
        if record.outcome is not None:
            tally.outcomes[record.outcome.value] = 1
        if record.outcome is Outcome.ABANDONED:
            tally.abandoned = tally.missed
            tally.abandoned_within = int(bool(tally.missed) and abandoned_within(record, self.goal))
            tally.short_abandoned = int(self.verdict is None)
        tally.transfer_untold = int(record.transfer_untold)
        tally.menu_over_target = int(_gave_up_in_the_menu(record, self.goal))
        tally.gave_up_passed_on = int(_gave_up_passed_on(record))
        _add_taken_over(record, tally)
        self._add_queue_clock(record, tally)

    def _add_queue_clock(self, record: CallRecord, tally: Tally) -> None:
        """As app_queue counts: each join ends in an answer or otherwise, by that join's own clock."""
        answered_at = record.answered_at
        stopped_at = answered_at or record.ended_at
        if not self.joins or stopped_at is None or record.answered_between is not None:
            return
        joins = [joined_at for joined_at, _ in self.joins if joined_at <= stopped_at]
        left_at = [*joins[1:], stopped_at]
        within = [int(within_by_queue_clock(joined, left, self.goal))
                  for joined, left in zip(joins, left_at, strict=False)]
        if answered_at is not None and joins:
            tally.queue_answered = 1
            tally.queue_answered_within = within.pop()
        tally.queue_left = len(within)
        tally.queue_left_within = sum(within)


def _gave_up_in_the_menu(record: CallRecord, goal: Goal) -> bool:
    if record.outcome is not Outcome.LEFT_MENU or record.ended_by is EndedBy.PBX or record.ended_at is None:
        return False
    return record.ended_at - record.arrived_at > goal.target


def _gave_up_passed_on(record: CallRecord) -> bool:
    """Hung up after being passed on, before anybody took the call."""
    if not record.transfers or record.ended_by is not EndedBy.MEMBER:
        return False
    last = record.transfers[-1]
    return last.counts and last.answered_at is None


def _add_taken_over(record: CallRecord, tally: Tally) -> None:
    waits = [max(0.0, seconds_between(each.at, each.answered_at))      # who was asked first waits no longer
             for each in record.transfers if each.counts and each.answered_at is not None]
    tally.taken_over = len(waits)
    tally.taken_over_seconds = sum(waits)
    tally.longest_taken_over_seconds = max(waits, default=0.0)
