"""Service level and transfer rate: verdicts, shares by every formula, bands. Knows figures, not calls under way."""

from dataclasses import dataclass

from slmon.core.facts import CallRecord, Outcome, Verdict
from slmon.core.instant import Instant, of_seconds


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


def judge(record: CallRecord, goal: Goal, now: Instant, connecting: bool = False) -> tuple[Verdict, Instant] | None:
    """The verdict on a call and the instant at which it fell; None while, or because, there is none.

    Met: answered with an answer time up to and including the target. Missed at the first of: target passed (not
    before the member asked for a human), ended unanswered. Undecided: no source can tell. None for calls out of
    hours, excluded, in the menu, still below the target, `connecting` (a phone is picked up; wait and see), and
    for early hang-ups where `short_abandon_seconds` is set.
    """
    if not record.in_hours or record.excluded:
        return None
    if record.answered_at is not None:
        met = record.answered_at - record.arrived_at <= goal.target   # 20.000000 s is within 20 s
        if met:
            return Verdict.MET, record.talking_at or record.answered_at
        return Verdict.MISSED, _target_passed(record, goal)
    if record.answered_between is not None:
        low, high = record.answered_between
        if high is not None and high - record.arrived_at <= goal.target:
            return Verdict.MET, high
        if low is not None and low - record.arrived_at > goal.target:
            return Verdict.MISSED, _target_passed(record, goal)
        return Verdict.UNDECIDED, now if high is None else high
    if record.asked_at is None:
        return None
    passed_at = _target_passed(record, goal)
    if record.outcome is Outcome.LOST:
        # Judged already if the target had passed while it was still seen waiting.
        if record.ended_at is not None and record.ended_at > passed_at:
            return Verdict.MISSED, passed_at
        return Verdict.UNDECIDED, now if record.ended_at is None else record.ended_at
    if record.ended_at is not None:
        if _short_abandon(record, goal):
            return None
        return Verdict.MISSED, min(passed_at, record.ended_at)
    if now > passed_at and not connecting:
        return Verdict.MISSED, passed_at
    return None


def _target_passed(record: CallRecord, goal: Goal) -> Instant:
    """The first instant beyond the target, and not before the member asked: 22 s in the menu is missed on asking."""
    return max(record.arrived_at + goal.target + 1, record.asked_at or 0)


def _short_abandon(record: CallRecord, goal: Goal) -> bool:
    if record.outcome is not Outcome.ABANDONED or record.ended_at is None:
        return False
    return record.ended_at - record.arrived_at < of_seconds(goal.short_abandon_seconds)
