"""Service level and transfer rate: verdicts, shares by every formula, bands. Knows figures, not calls under way."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from math import sqrt
from typing import Protocol

from slmon.core.facts import CallRecord, EndedBy, Outcome, Verdict
from slmon.core.instant import SECOND, Instant, of_seconds
from slmon.core.tally import Tally

_Z95 = 1.959963984540054       # the normal distribution's 97.5 % point


@dataclass(frozen=True, slots=True)
class Goal:
    """What the house has promised, as it holds on one day."""

    answer_seconds: float = 20.0
    answer_share: float = 0.80
    transfer_good: float = 0.10
    transfer_ceiling: float = 0.15
    minimum_calls: int = 10
    short_abandon_seconds: float = 0.0

    @property
    def target(self) -> int:
        """The answer target in microseconds."""
        return of_seconds(self.answer_seconds)


class Goals:
    """The goals by the day from which they hold; each day is judged by its own."""

    def __init__(self, goals: Iterable[tuple[date, Goal]], day_of: Callable[[Instant], date]) -> None:
        """`goals` need not be in order; the earliest also holds before its date. None at all: the usual goal."""
        self._goals = sorted(goals, key=lambda each: each[0]) or [(date.min, Goal())]
        self._starts = [start for start, _ in self._goals]
        self._day_of = day_of

    def goal_at(self, at: Instant) -> Goal:
        """The goal of a call that rang in at this instant."""
        return self._goals[0][1] if len(self._goals) == 1 else self.goal_of(self._day_of(at))

    def goal_of(self, day: date) -> Goal:
        """The goal that holds on this day."""
        return self._goals[max(0, bisect_right(self._starts, day) - 1)][1]

    @property
    def targets(self) -> tuple[float, ...]:
        """Every answer target in seconds that ever holds, each once, the smallest first."""
        return tuple(sorted({goal.answer_seconds for _, goal in self._goals}))


class Measured(Protocol):
    """What a verdict hangs on, and whether it may fall yet; a call's record has it, and a call under way."""

    @property
    def arrived_at(self) -> Instant: ...
    @property
    def asked_at(self) -> Instant | None: ...
    @property
    def answered_at(self) -> Instant | None: ...
    @property
    def answered_between(self) -> tuple[Instant | None, Instant | None] | None: ...
    @property
    def talking_at(self) -> Instant | None: ...
    @property
    def ended_at(self) -> Instant | None: ...
    @property
    def ended_by(self) -> EndedBy | None: ...
    @property
    def outcome(self) -> Outcome | None: ...
    @property
    def in_hours(self) -> bool: ...
    @property
    def connecting_since(self) -> Instant | None: ...
    @property
    def unsure_since(self) -> Instant | None: ...
    @property
    def excluded(self) -> str | None: ...


def judge(record: Measured, goal: Goal, now: Instant) -> tuple[Verdict, Instant] | None:
    """The verdict on a call and the instant at which it fell; None while, or because, there is none.

    Met: answered with an answer time up to and including the target. Missed at the first of: target passed (not
    before the member asked for a human), ended unanswered. Undecided: no source can tell. None for calls out of
    hours, excluded, in the menu, still below the target, connecting (a phone is picked up; wait and see), and
    for early hang-ups where `short_abandon_seconds` is set. `now`: up to when the call was watched.
    """
    if not record.in_hours or record.excluded:
        return None
    passed_at = _target_passed(record, goal)
    if record.answered_at is not None:
        if record.answered_at - record.arrived_at <= goal.target:     # 20.000000 s is within 20 s
            return Verdict.MET, record.talking_at or record.answered_at
        return Verdict.MISSED, passed_at
    if record.answered_between is not None:
        return _judge_between(record.answered_between, record, goal, now)
    if record.asked_at is None:
        return None
    if record.outcome is Outcome.LOST:
        return _judge_lost(record, goal, passed_at, now)
    if record.ended_at is not None:
        if _short_abandon(record, goal):
            return None
        verdict = Verdict.MISSED if record.outcome is not None else _unless_unsure(record, goal)
        return verdict, min(passed_at, record.ended_at)
    if now >= passed_at and not _in_time(record.connecting_since, record, goal):
        return _unless_unsure(record, goal), passed_at
    return None


def may_yet_be_lost(record: Measured) -> bool:
    """Whether the switch hung up on a member who waited, and may say yet that it is on its way down. Then do not judge.
    """
    is_answered = record.answered_at is not None or record.answered_between is not None
    return (record.ended_at is not None and record.outcome is None and record.ended_by is EndedBy.PBX
            and not is_answered)


def _unless_unsure(record: Measured, goal: Goal) -> Verdict:
    """Missed; undecided where it may have been answered within the target while nobody listened."""
    return Verdict.UNDECIDED if _in_time(record.unsure_since, record, goal) else Verdict.MISSED


def _in_time(at: Instant | None, record: Measured, goal: Goal) -> bool:
    return at is not None and at - record.arrived_at <= goal.target


def abandoned_within(record: CallRecord, goal: Goal) -> bool:
    """Whether the member gave up before the target was passed (Xw of the formulas)."""
    if record.outcome is not Outcome.ABANDONED or record.ended_at is None:
        return False
    return record.ended_at - record.arrived_at <= goal.target


def within_by_queue_clock(joined_at: Instant, left_at: Instant, goal: Goal) -> bool:
    """Whether app_queue would count this wait as within: whole seconds of two `time()` readings, up to and with."""
    return left_at // SECOND - joined_at // SECOND <= goal.answer_seconds


def _judge_between(between: tuple[Instant | None, Instant | None], record: Measured, goal: Goal, now: Instant
                   ) -> tuple[Verdict, Instant]:
    low, high = between
    if high is not None and high - record.arrived_at <= goal.target:
        return Verdict.MET, high
    if low is not None and low - record.arrived_at > goal.target:
        return Verdict.MISSED, _target_passed(record, goal)
    return Verdict.UNDECIDED, high or record.ended_at or now


def _judge_lost(record: Measured, goal: Goal, passed_at: Instant, now: Instant) -> tuple[Verdict, Instant]:
    """Judged already if the target had passed while the member was still seen waiting; else nobody can tell."""
    if record.ended_at is None:
        return Verdict.UNDECIDED, now
    if record.ended_at >= passed_at and not _in_time(record.connecting_since, record, goal):
        return _unless_unsure(record, goal), passed_at
    return Verdict.UNDECIDED, record.ended_at


def _target_passed(record: Measured, goal: Goal) -> Instant:
    """The first instant beyond the target, and not before the member asked: 22 s in the menu is missed on asking."""
    return max(record.arrived_at + goal.target + 1, record.asked_at or 0)


def _short_abandon(record: Measured, goal: Goal) -> bool:
    """An early hang-up; one that is not sealed yet may still turn out to be none, so it has no verdict either."""
    if record.outcome not in (Outcome.ABANDONED, None) or record.ended_at is None:
        return False
    return record.ended_at - record.arrived_at < of_seconds(goal.short_abandon_seconds)


@dataclass(frozen=True, slots=True)
class Share:
    """`part` of `whole` calls; `unknown` more could lie on either side. Empty is None, never 0 or 1.

    `untold` of the whole, not of the part as far as is known, may belong to it all the same.
    """

    part: int
    whole: int
    unknown: int = 0
    untold: int = 0

    @property
    def share(self) -> float | None:
        """part / whole, 0..1; None when there is nothing to divide."""
        return self.part / self.whole if self.whole else None

    @property
    def bounds(self) -> tuple[float, float] | None:
        """Lowest and highest share that the unknown calls leave possible; equal when there are none."""
        everything = self.whole + self.unknown
        if not everything:
            return None
        return self.part / everything, (self.part + self.unknown + self.untold) / everything

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % confidence interval by Wilson's score: E. B. Wilson, JASA 22 (1927), 209-212."""
        if not self.whole:
            return None
        n, p, z2 = self.whole, self.part / self.whole, _Z95 * _Z95
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        reach = _Z95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
        low = 0.0 if self.part == 0 else max(0.0, middle - reach)
        high = 1.0 if self.part == self.whole else min(1.0, middle + reach)
        return low, high


def answer_within(tally: Tally) -> Share:
    """The official service level: met / O, with U undecided beside it. The house's own promise to its members."""
    return Share(tally.met, tally.offered, tally.undecided)


def answered_only(tally: Tally) -> Share:
    """Aw / A: of the answered calls, those answered within. "Only Handled" in Cisco UCCX, Wazo's quality of service."""
    return Share(tally.answered_within, tally.answered)


def abandons_ignored(tally: Tally) -> Share:
    """Aw / (O - Xw): abandons within the target are left out. "Without Abandon" in UCCX, "Aband Ignored" in UCCE."""
    return Share(tally.answered_within, tally.offered - tally.abandoned_within)


def abandons_within_are_good(tally: Tally) -> Share:
    """(Aw + Xw) / O: giving up within the target counts as served. "Positive Abandon" in Cisco UCCX and UCCE."""
    return Share(tally.answered_within + tally.abandoned_within, tally.offered)


def everyone_in_hours(tally: Tally) -> Share:
    """Aw / all member calls in opening hours, menu leavers too. Aircall's first of three: Aw / received in hours."""
    return Share(tally.answered_within, tally.calls)


def asterisk_sl(tally: Tally) -> Share:
    """Aw / A by queue join: Asterisk app_queue's ServicelevelPerf. Counted at the call's end, in whole seconds.

    The call counts in the last queue that it joined before it was answered. Asterisk forgets at a restart and has
    no opening hours; this is of calls in hours.
    """
    return Share(tally.queue_answered_within, tally.queue_answered)


def asterisk_sl2(tally: Tally) -> Share:
    """(Aw + Xw) / (A + X) by queue join: Asterisk app_queue's ServicelevelPerf2.

    X is every join that did not end in an answer: hang-up, time-out, leave-empty, overflow to the next queue. (A
    member who leaves by a key is in neither of Asterisk's counters; here it is a join that ended otherwise.)
    """
    return Share(tally.queue_answered_within + tally.queue_left_within, tally.queue_answered + tally.queue_left)


FORMULAS: Mapping[str, Callable[[Tally], Share]] = {
    "answer_within": answer_within,
    "answered_only": answered_only,
    "abandons_ignored": abandons_ignored,
    "abandons_within_are_good": abandons_within_are_good,
    "everyone_in_hours": everyone_in_hours,
    "asterisk_sl": asterisk_sl,
    "asterisk_sl2": asterisk_sl2,
}
"""Every service level by its name; the first is the official one."""


def transfer_rate(tally: Tally) -> Share:
    """Distinct transferred calls / distinct answered calls, talks in progress included. The house's second goal.

    What a gap hides is untold: those answered calls count as not handed over in the share, and as either in its bounds.
    """
    return Share(tally.transferred, tally.answered, untold=tally.transfer_untold)


class Standing(StrEnum):
    """How a service level stands to its goal."""

    KEPT = "kept"
    NOT_KEPT = "not_kept"
    UNCLEAR = "unclear"          # the undecided calls could make it either
    TOO_FEW = "too_few"          # too few calls for a verdict, or none


class Band(StrEnum):
    """How a transfer rate stands."""

    GOOD = "good"
    ATTENTION = "attention"
    OVER = "over"
    TOO_FEW = "too_few"


def standing(share: Share, goal: Goal) -> Standing:
    """Whether the answer goal is kept, whatever the undecided calls were."""
    if share.whole < max(1, goal.minimum_calls) or share.bounds is None:
        return Standing.TOO_FEW
    low, high = share.bounds
    if low >= goal.answer_share:
        return Standing.KEPT
    return Standing.NOT_KEPT if high < goal.answer_share else Standing.UNCLEAR


def band(rate: Share, goal: Goal) -> Band:
    """Under `transfer_good` is good, over `transfer_ceiling` is over; both limits themselves ask for attention.

    Good is what is good whatever the untold calls were.
    """
    if rate.share is None or rate.bounds is None or rate.whole < goal.minimum_calls:
        return Band.TOO_FEW
    if rate.bounds[1] < goal.transfer_good:
        return Band.GOOD
    return Band.OVER if rate.share > goal.transfer_ceiling else Band.ATTENTION
