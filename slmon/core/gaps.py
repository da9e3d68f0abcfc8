"""The table of gaps: for which seconds there was no trustworthy event stream, of which PBX."""

from collections.abc import Iterable

from slmon.core.facts import GapMarked
from slmon.core.instant import SECOND, Instant

Stretch = tuple[Instant, Instant]


class Gaps:
    """Gaps by PBX and beginning. Overlapping ones are no more seconds than they cover."""

    def __init__(self) -> None:
        self._gaps: dict[tuple[str, Instant], GapMarked] = {}
        self._live: dict[str, int] = {}               # microseconds, of gaps let go of
        self._retold: set[tuple[str, Instant]] = set()
        self._told: dict[str, float] = {}

    def mark(self, gap: GapMarked, retold: bool = False) -> None:
        """A gap began, or its end is known now."""
        key = gap.pbx, gap.since
        if retold and key not in self._gaps:
            self._retold.add(key)
        self._gaps[key] = gap

    def seconds(self, begin: Instant, end: Instant) -> float:
        """Seconds from `begin` to `end` in which at least one PBX was not heard; an open gap lasts until `end`."""
        return seconds_covered(self._gaps.values(), begin, end) if self._gaps else 0.0

    def between(self, begin: Instant, end: Instant) -> tuple[GapMarked, ...]:
        """The gaps that touch [begin, end), the earliest first."""
        found = (gap for gap in self._gaps.values() if gap.since < end and (gap.until is None or gap.until > begin))
        return tuple(sorted(found, key=lambda gap: (gap.since, gap.pbx)))

    def total_seconds(self, pbx: str, now: Instant) -> float:
        """Seconds this PBX was not heard, of gaps marked by this process: a counter, it never goes down."""
        live = ((gap.since, gap.until) for key, gap in self._gaps.items()
                if gap.pbx == pbx and key not in self._retold)
        seconds = (self._live.get(pbx, 0) + _covered(live, 0, now)) / SECOND
        self._told[pbx] = max(seconds, self._told.get(pbx, 0.0))
        return self._told[pbx]

    def roll(self, begin: Instant) -> None:
        """Let go of gaps that ended before `begin`; their seconds stay in the totals."""
        over = [key for key, gap in self._gaps.items() if gap.until is not None and gap.until < begin]
        for pbx in {pbx for pbx, _ in over}:
            going = ((since, self._gaps[of, since].until) for of, since in over
                     if of == pbx and (of, since) not in self._retold)
            self._live[pbx] = self._live.get(pbx, 0) + _covered(going, 0, begin)
        for key in over:
            del self._gaps[key]
            self._retold.discard(key)


def hidden_at_most(gaps: Iterable[GapMarked]) -> int | None:
    """How many calls the gaps may hide together at most, those left out that a log has told; None: nobody can tell."""
    hidden = [gap.hides_at_most for gap in gaps if gap.told_by is None]
    return None if None in hidden else sum(each for each in hidden if each is not None)


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
