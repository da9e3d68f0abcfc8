"""A clock that only goes forward, behind one that people and time servers set. Pure moving of moments, no rule.

Inside, the switchboard counts on as if the switch's clock had never been set, so no duration is wrong. What it says of
a call is in the clock that told the call's ring-in.
"""

from dataclasses import replace

from slmon.core.events import (
    ClockSet,
    Event,
    SnapshotTaken,
    StreamLost,
    SwitchBooted,
)
from slmon.core.facts import (
    CallAnswered,
    CallEnded,
    CallRecord,
    Fact,
    GapMarked,
    Step,
    Transfer,
)
from slmon.core.instant import Instant


def moved_event(event: Event, by: int) -> Event:
    """The event as told by a clock that is `by` microseconds ahead of the one that told it."""
    match event:
        case StreamLost():
            return event._replace(at=event.at + by, since=event.since + by)
        case ClockSet():
            return event._replace(at=event.at + by, was=event.was + by)
        case SwitchBooted():
            return event._replace(at=event.at + by, booted_at=_later(event.booted_at, by))
        case SnapshotTaken():
            return SnapshotTaken(
                event.at + by,
                event.legs and tuple(each._replace(started_at=each.started_at + by) for each in event.legs),
                event.callers and tuple(each._replace(joined_at=each.joined_at + by) for each in event.callers),
                tuple(each._replace(at=each.at + by) for each in event.members),
                tuple(each._replace(at=each.at + by) for each in event.devices), event.whole)
        case _:
            return event._replace(at=event.at + by)


def moved_fact(fact: Fact, by: int) -> Fact:
    """The fact as told by a clock that is `by` microseconds ahead."""
    match fact:
        case GapMarked():
            return replace(fact, since=fact.since + by, until=_later(fact.until, by))
        case CallAnswered():
            return replace(fact, at=fact.at + by, answered_at=_later(fact.answered_at, by))
        case CallEnded():
            return replace(fact, at=fact.at + by, record=moved_record(fact.record, by))
        case _:
            return replace(fact, at=fact.at + by)


def moved_record(record: CallRecord, by: int) -> CallRecord:
    """The record as told by a clock that is `by` microseconds ahead."""
    between = record.answered_between
    return replace(
        record, arrived_at=record.arrived_at + by, asked_at=_later(record.asked_at, by),
        answered_at=_later(record.answered_at, by),
        answered_between=None if between is None else (_later(between[0], by), _later(between[1], by)),
        talking_at=_later(record.talking_at, by), ended_at=_later(record.ended_at, by),
        transfers=tuple(_moved_transfer(each, by) for each in record.transfers),
        steps=tuple(Step(each.at + by, each.step, each.detail) for each in record.steps))


def _moved_transfer(transfer: Transfer, by: int) -> Transfer:
    return replace(transfer, at=transfer.at + by, answered_at=_later(transfer.answered_at, by),
                   ended_at=_later(transfer.ended_at, by))


def _later(at: Instant | None, by: int) -> Instant | None:
    return None if at is None else at + by
