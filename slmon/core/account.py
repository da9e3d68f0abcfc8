"""What one source tells of one call, and when nobody listened. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from slmon.core.facts import CallRecord, Quality
from slmon.core.instant import SECOND, Instant

Span = tuple[Instant, Instant]
"""From its first to its last moment, both included."""
Between = tuple[Instant | None, Instant | None]
"""The earliest and the latest that it can have been; None: open."""

BEGINNING, END = -(1 << 62), 1 << 62
LONGEST_CALL = 12 * 3600 * SECOND  # so long before a gap at most a call that went through it rang in


@dataclass(frozen=True, slots=True)
class Account:
    """What one source tells of one call. Moments of the record may be up to `slack` microseconds later than told.

    `whole`: the source tells of the call from its ring-in; else `record.arrived_at` is only the first moment told.
    An `outcome` of None is not known, an answer None not told of. `no_call`: the source saw this channel from its
    beginning to its end, and it was no member's.
    """

    source: Quality
    record: CallRecord
    slack: int = 0
    whole: bool = True
    no_call: bool = False


def unwatched(gaps: Iterable[tuple[Instant, Instant | None]], begin: Instant, end: Instant) -> tuple[Span, ...]:
    """The spans without a trustworthy stream, of one that was watched from `begin` to `end` but for its gaps."""
    spans = sorted([(BEGINNING, begin - 1), (end + 1, END), *((since, END if until is None else until)
                                                       for since, until in gaps)])
    joined: list[Span] = []
    for since, until in spans:
        if joined and since <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(until, joined[-1][1])
        else:
            joined.append((since, until))
    return tuple(joined)


def within(moment: Span, spans: Sequence[Span]) -> bool:
    """Whether the moment, which may be a short while, may lie in one of the spans."""
    first, last = moment
    return any(since <= last and first <= until for since, until in spans)
