"""For which moments the PBX's own logs speak, and so which gaps they have filled. Pure.

A gap that is told hides no call: whatever rang in within it, a log would have told. A log speaks from its first row to
its last one, but for where rows of it may be missing.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from slmon.core.account import BEGINNING, END, Span
from slmon.core.facts import Quality
from slmon.core.instant import Instant

_BEST = (Quality.CEL, Quality.CDR)        # queue_log tells of no call by itself


@dataclass(frozen=True, slots=True)
class GapTold:
    """A source has told every call of a PBX that rang in between these moments, both included.

    `told_at`: when that was kept; None: it is not kept yet.
    """

    pbx: str
    since: Instant
    until: Instant
    source: Quality
    told_at: Instant | None = None


class Coverage:
    """When one source speaks; grows as its rows are read, in the order of their time or nearly."""

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._torn = True

    def row(self, at: Instant) -> None:
        """There is a row of this moment."""
        if self._torn:
            self._spans.append((at, at))
            self._torn = False
            return
        since, until = self._spans[-1]
        if at > until:
            self._spans[-1] = since, at

    def torn(self) -> None:
        """Between the last row and the next one others may be missing."""
        self._torn = True

    def forget(self) -> None:
        """Of before the next row it does not speak."""
        self._spans.clear()
        self._torn = True

    @property
    def spans(self) -> tuple[Span, ...]:
        """So far."""
        return joined(self._spans)


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same moments in as few spans as can be, in order."""
    found: list[Span] = []
    for since, until in sorted(spans):
        if found and since <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(until, found[-1][1])
        else:
            found.append((since, until))
    return tuple(found)


def told_of(pbx: str, gaps: Iterable[Span], covered: Span, source: Quality) -> list[GapTold]:
    """What a source that speaks in that span tells of the gaps; nothing of before all that is kept."""
    begin, end = covered
    stretches = ((max(since, begin), min(until, end)) for since, until in gaps if since > BEGINNING)
    return [GapTold(pbx, since, until, source) for since, until in stretches if since <= until < END]


class Told:
    """What the logs of one PBX have told; finds whether they tell of a gap without a look at each span."""

    def __init__(self, told: Iterable[GapTold]) -> None:
        spans: dict[Quality, list[Span]] = {}
        for each in told:
            spans.setdefault(each.source, []).append((each.since, each.until))
        self._of_one = {source: joined(spans.get(source, ())) for source in _BEST}
        self._together = joined(span for of_one in spans.values() for span in of_one)

    def by(self, since: Instant, until: Instant | None) -> Quality | None:
        """The best source that tells all of a gap, or mixed when only several together do; None: some of it is untold.
        """
        if until is None or not _holds(self._together, since, until):
            return None
        return next((source for source, spans in self._of_one.items() if _holds(spans, since, until)), Quality.MIXED)


def _holds(spans: Sequence[Span], since: Instant, until: Instant) -> bool:
    """Whether one of them, which are joined, has all of these moments."""
    index = bisect_right(spans, (since, END)) - 1
    return index >= 0 and until <= spans[index][1]
