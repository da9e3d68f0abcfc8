"""Tell a stored call's facts again, in order, so that after a restart today's figures are what they were."""

from collections.abc import Iterator
from dataclasses import replace

from slmon.core.counted import CountedCall
from slmon.core.facts import (
    CONNECTING,
    NOT_CONNECTED,
    UNHEARD,
    UNSURE,
    CallAnswered,
    CallArrived,
    CallAsked,
    CallEnded,
    CallJudged,
    CallMoved,
    CallQueued,
    CallRecord,
    CallTransferred,
    ClockStepped,
    DeskChanged,
    Fact,
    GapMarked,
    OddityNoticed,
    Place,
)
from slmon.core.goals import Goal, Goals, judge, may_yet_be_lost
from slmon.core.hours import Hours
from slmon.core.instant import Instant

_QUEUE_STEP = "queue"
_PARKED_STEP = "parked"
_TOGETHER_OR_PARKED = frozenset({"answered", "talk", _PARKED_STEP})

COUNTED_STEPS = frozenset({_QUEUE_STEP, CONNECTING, NOT_CONNECTED, UNHEARD, UNSURE})
"""Of a call's journey, all that its verdict and its figures need."""


def retold(record: CallRecord, goal: Goal, now: Instant) -> Iterator[Fact]:
    """The facts of one call as they were, or would have been, told live. `goal`: that of the day it rang in.

    `now` is up to when the call was watched, not necessarily the present: an open call may have been answered
    after that, so that it is not called missed for time that nobody saw.
    """
    yield CallArrived(record.call, record.arrived_at, record.line, record.in_hours, record.excluded)
    told = [*_asked(record), *_queued(record), *_answered(record), *_transferred(record), *_parked(record),
            *_judged(record, goal, now)]
    told.sort(key=lambda fact: fact.at)      # stable: at the same instant in the order above
    yield from told
    yield from _over(record)


def _asked(record: CallRecord) -> Iterator[CallAsked | CallMoved]:
    if record.asked_at is not None:
        yield CallAsked(record.call, record.asked_at)
        yield CallMoved(record.call, record.asked_at, Place.WAITING)


def _queued(record: CallRecord) -> Iterator[CallQueued]:
    """Each join at the moment of its step; where the journey does not tell, when the member began to wait."""
    steps = [step for step in record.steps if step.step == _QUEUE_STEP]
    at = record.asked_at or record.arrived_at
    for queue in record.queues:
        step = next((step for step in steps if step.detail == queue), None)
        if step is not None:
            steps.remove(step)
            at = step.at
        yield CallQueued(record.call, at, queue)


def _answered(record: CallRecord) -> Iterator[CallAnswered | CallMoved]:
    bounds = record.answer_bounds
    if bounds is None:
        return
    moments = (record.talking_at, record.answered_at, *reversed(record.answered_between or ()), record.arrived_at)
    at = next(moment for moment in moments if moment is not None)
    yield CallAnswered(record.call, at, record.answered_at, bounds)
    yield CallMoved(record.call, at, Place.TALKING)


def _transferred(record: CallRecord) -> Iterator[CallTransferred | CallMoved]:
    first = True
    for transfer in record.transfers:
        if transfer.counts:
            yield CallTransferred(record.call, transfer.at, transfer.kind, first)
            first = False
    if record.transfers and record.transfers[-1].answered_at is None:
        yield CallMoved(record.call, record.transfers[-1].at, Place.PASSED_ON)


def _parked(record: CallRecord) -> Iterator[CallMoved]:
    """Parked, and not seen with a desk since."""
    last = next((step for step in reversed(record.steps) if step.step in _TOGETHER_OR_PARKED), None)
    if last is not None and last.step == _PARKED_STEP:
        yield CallMoved(record.call, last.at, Place.PASSED_ON)


def _judged(record: CallRecord, goal: Goal, now: Instant) -> Iterator[CallJudged]:
    if may_yet_be_lost(record):                            # what had not been said by its end is yet to be said
        now = min(now, record.last_moment)
        record = replace(record, ended_at=None)
    judged = judge(record, goal, now)
    if judged is not None:
        yield CallJudged(record.call, judged[1], judged[0])


def _over(record: CallRecord) -> Iterator[CallMoved | CallEnded]:
    if record.ended_at is None:
        return
    yield CallMoved(record.call, record.ended_at, Place.GONE)
    if record.outcome is not None:
        yield CallEnded(record.call, record.ended_at, record.outcome, record)


def recounted(record: CallRecord, goals: Goals, hours: Hours, bounds: tuple[float, ...], now: Instant) -> CountedCall:
    """One stored call as the boards would have counted it, by the goal of its day. `now`: see `retold`."""
    at, goal = record.arrived_at, goals.goal_at(record.arrived_at)
    call = CountedCall(record.call, at, record.line, record.in_hours, record.excluded, hours.day_of(at),
                       hours.half_hour(at), goal, bounds)
    for fact in retold(record, goal, now):
        if not isinstance(fact, CallArrived | DeskChanged | GapMarked | ClockStepped | OddityNoticed) and call.is_news(
                fact):
            call.note(fact)
    return call
