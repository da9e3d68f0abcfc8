"""The table of gaps: for which seconds there was no trustworthy event stream, of which PBX."""

from collections.abc import Iterable

from slmon.core.facts import GapMarked
from slmon.core.instant import SECOND, Instant

Stretch = tuple[Instant, Instant]


class Gaps:
    """Gaps by PBX and beginning. Overlapping ones are no more seconds than they cover."""

    def __init__(self) -> None:
        self._gaps: dict[tuple[str, Instant], Instant | None] = {}
        self._live: dict[str, int] = {}               # microseconds, of gaps let go of
        self._retold: set[tuple[str, Instant]] = set()
        self._told: dict[str, float] = {}

    def mark(self, gap: GapMarked, retold: bool = False) -> None:
        """A gap began, or its end is known now."""
        key = gap.pbx, gap.since
        self._gaps[key] = gap.until
        if retold:
            self._retold.add(key)

    def seconds(self, begin: Instant, end: Instant) -> float:
        """Seconds from `begin` to `end` in which at least one PBX was not heard; an open gap lasts until `end`."""
        if not self._gaps:
            return 0.0
        return _covered(((since, until) for (_, since), until in self._gaps.items()), begin, end) / SECOND

    def total_seconds(self, pbx: str, now: Instant) -> float:
        """Seconds this PBX was not heard, of gaps marked by this process: a counter, it never goes down."""
        live = ((since, until) for (of, since), until in self._gaps.items()
                if of == pbx and (of, since) not in self._retold)
        seconds = (self._live.get(pbx, 0) + _covered(live, 0, now)) / SECOND
        self._told[pbx] = max(seconds, self._told.get(pbx, 0.0))
        return self._told[pbx]

    def roll(self, begin: Instant) -> None:
        """Let go of gaps that ended before `begin`; their seconds stay in the totals."""
        over = [key for key, until in self._gaps.items() if until is not None and until < begin]
        for pbx in {pbx for pbx, _ in over}:
            going = ((since, self._gaps[(of, since)]) for of, since in over
                     if of == pbx and (of, since) not in self._retold)
            self._live[pbx] = self._live.get(pbx, 0) + _covered(going, 0, begin)
        for key in over:
            del self._gaps[key]
            self._retold.discard(key)


def seconds_covered(gaps: Iterable[GapMarked], begin: Instant, end: Instant) -> float:
    """Seconds from `begin` to `end` that the gaps cover together; an open one lasts until `end`."""
    return _covered(((gap.since, gap.until) for gap in gaps), begin, end) / SECOND


def _covered(gaps: Iterable[tuple[Instant, Instant | None]], begin: Instant, end: Instant) -> int:
    """Microseconds between `begin` and `end` that the gaps cover together."""
    covered, reached = 0, begin
    for since, until in sorted((since, end if until is None else until) for since, until in gaps):
        start, stop = max(since, reached), min(until, end)
        if stop > start:
            covered += stop - start
            reached = stop
    return covered
