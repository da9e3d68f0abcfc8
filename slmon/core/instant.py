"""Moments and durations. An instant is whole microseconds since 1970 UTC: exact, so that 20.000000 s is 20 s."""

from datetime import UTC, datetime, timedelta

Instant = int
"""Microseconds since 1970-01-01T00:00:00Z."""

SECOND = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def seconds_between(earlier: Instant, later: Instant) -> float:
    """Seconds from `earlier` to `later`, exact to the microsecond."""
    return (later - earlier) / SECOND


def of_seconds(seconds: float) -> int:
    """A duration of float seconds as whole microseconds."""
    return round(seconds * SECOND)


def as_datetime(at: Instant) -> datetime:
    """The instant as an aware datetime in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def from_datetime(moment: datetime) -> Instant:
    """The instant of an aware datetime."""
    return (moment - _EPOCH) // _MICROSECOND


def iso(at: Instant | None) -> str | None:
    """ISO 8601 in UTC with six decimals: `2026-11-23T06:58:50.437929+00:00`; None stays None."""
    return None if at is None else as_datetime(at).isoformat(timespec="microseconds")
