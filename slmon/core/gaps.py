"""The table of gaps: for which seconds there was no trustworthy event stream, of which PBX.

A link that flaps all day makes thousands: what boards and scrapes ask is kept in sum, at the cost of a few.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from slmon.core.covered import Covered
from slmon.core.facts import GapMarked
from slmon.core.instant import SECOND, Instant

Stretch = tuple[Instant, Instant]


@dataclass(frozen=True, slots=True)
class GapSum:
    """Some gaps in sum: from the beginning of the first to the end of the last one.

    `until` None: one of them lasts. `hidden_at_most`: calls; None: nobody can tell.
    """

    count: int = 0
    since: Instant | None = None
    until: Instant | None = None
    hidden_at_most: int | None = 0


NO_GAPS = GapSum()


class Gaps:
    """Gaps by PBX and beginning. Overlapping ones are no more seconds than they cover."""

    def __init__(self) -> None:
        self._gaps: dict[tuple[str, Instant], GapMarked] = {}
        self._lasting: dict[tuple[str, Instant], GapMarked] = {}
        self._ended = Covered()
        self._live: dict[str, Covered] = {}           # ended ones that this process marked, by PBX
        self._retold: set[tuple[str, Instant]] = set()
        self._told: dict[str, float] = {}
        self._day = _Sums(0)
        self._day_is_stale = False

    def mark(self, gap: GapMarked, retold: bool = False) -> None:
        """A gap began, or its end is known now."""
        key = gap.pbx, gap.since
        before = self._gaps.get(key)
        if retold and before is None:
            self._retold.add(key)
        elif not retold and gap.until is None:
            self._retold.discard(key)                    # it goes on in this life
        self._gaps[key] = gap
        if gap.until is None:
            self._lasting[key] = gap
        elif before is None or before.until != gap.until:
            self._lasting.pop(key, None)
            self._ended.add(gap.since, gap.until)
            if key not in self._retold:
                self._live.setdefault(gap.pbx, Covered()).add(gap.since, gap.until)
        if before is not None and before.until is not None and (gap.until is None or gap.until < before.until):
            self._reckon()                            # it covers less than was told before
        elif before is not None and (before.told_by is None) is not (gap.told_by is None):
            self._day_is_stale = True                 # backfill tells of many at once
        else:
            self._day.replace(before, gap)

    def seconds(self, begin: Instant, end: Instant) -> float:
        """Seconds from `begin` to `end` in which at least one PBX was not heard; an open gap lasts until `end`."""
        lasts_from = min((gap.since for gap in self._lasting.values()), default=end)
        edge = min(max(lasts_from, begin), end)
        return (self._ended.between(begin, edge) + end - edge) / SECOND

    def since(self, begin: Instant) -> tuple[GapSum, GapSum]:
        """The gaps that last or ended after that moment, in sum: those that hide calls, and those that logs filled."""
        if self._day.begin != begin or self._day_is_stale:
            self._day = _Sums(begin, self._gaps.values())
            self._day_is_stale = False
        return self._day.hiding.told(), self._day.filled.told()

    def total_seconds(self, pbx: str, now: Instant) -> float:
        """Seconds this PBX was not heard, of gaps marked by this process: a counter, it never goes down."""
        lasts_from = min((gap.since for key, gap in self._lasting.items()
                          if gap.pbx == pbx and key not in self._retold), default=now)
        edge = min(lasts_from, now)
        live = self._live.get(pbx)
        seconds = ((0 if live is None else live.before(edge)) + now - edge) / SECOND
        self._told[pbx] = max(seconds, self._told.get(pbx, 0.0))
        return self._told[pbx]

    def roll(self, begin: Instant) -> None:
        """Let go of gaps that ended before `begin`; their seconds stay in the totals."""
        for key in [key for key, gap in self._gaps.items() if gap.until is not None and gap.until < begin]:
            del self._gaps[key]
            self._retold.discard(key)
        for covered in (self._ended, *self._live.values()):
            covered.let_go(begin)

    def _reckon(self) -> None:
        self._ended = Covered()
        for gap in sorted(self._gaps.values(), key=lambda gap: gap.since):
            if gap.until is not None:
                self._ended.add(gap.since, gap.until)
        self._day_is_stale = True


class _Sums:
    """Of the gaps that last or ended after `begin`: those that may hide calls, and those that logs have filled."""

    def __init__(self, begin: Instant, gaps: Iterable[GapMarked] = ()) -> None:
        self.begin = begin
        self.hiding, self.filled = _Sum(begin), _Sum(begin)
        for gap in gaps:
            self.replace(None, gap)

    def replace(self, before: GapMarked | None, gap: GapMarked) -> None:
        """Count the gap as it is known now, in place of what was known of it; it is of the same kind as before."""
        (self.hiding if gap.told_by is None else self.filled).replace(before, gap)


class _Sum:
    """Of the gaps that last or ended after `begin`."""

    def __init__(self, begin: Instant) -> None:
        self._begin = begin
        self._count = self._lasting = self._hidden = self._untellable = 0
        self._since: Instant | None = None
        self._until: Instant | None = None

    def replace(self, before: GapMarked | None, gap: GapMarked) -> None:
        """Count the gap as it is known now, in place of what was known of it; it never ends sooner than before."""
        if before is not None:
            self._count_in(before, -1)
        if self._count_in(gap, 1):
            self._since = gap.since if self._since is None else min(self._since, gap.since)
            if gap.until is not None:
                self._until = gap.until if self._until is None else max(self._until, gap.until)

    def told(self) -> GapSum:
        """The sum."""
        if not self._count:
            return NO_GAPS
        return GapSum(self._count, self._since, None if self._lasting else self._until,
                      None if self._untellable else self._hidden)

    def _count_in(self, gap: GapMarked, times: int) -> bool:
        if gap.until is not None and gap.until <= self._begin:
            return False
        self._count += times
        self._lasting += times * (gap.until is None)
        if gap.told_by is None:
            self._untellable += times * (gap.hides_at_most is None)
            self._hidden += times * (gap.hides_at_most or 0)
        return True


def hidden_at_most(gaps: Iterable[GapMarked]) -> int | None:
    """How many calls the gaps may hide together at most, those left out that a log has told; None: nobody can tell."""
    hidden = [gap.hides_at_most for gap in gaps if gap.told_by is None]
    return None if None in hidden else sum(each for each in hidden if each is not None)


def summed(gaps: Iterable[GapMarked]) -> tuple[GapSum, GapSum]:
    """All of these gaps in sum: those that hide calls, and those that logs filled."""
    sums = _Sums(-(1 << 62), gaps)
    return sums.hiding.told(), sums.filled.told()


def seconds_covered(gaps: Iterable[GapMarked], begin: Instant, end: Instant) -> float:
    """Seconds from `begin` to `end` that the gaps cover together; an open one lasts until `end`."""
    covered = Covered()
    for gap in sorted(gaps, key=lambda gap: gap.since):
        covered.add(gap.since, end if gap.until is None else gap.until)
    return covered.between(begin, end) / SECOND
