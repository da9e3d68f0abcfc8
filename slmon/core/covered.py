"""Which moments some spans cover together; told mostly in order and asked often. Pure."""

from bisect import bisect_left, bisect_right

from slmon.core.instant import Instant


class Covered:
    """A union of half-open spans. How much of a stretch it covers is found without a look at every span."""

    def __init__(self) -> None:
        self._starts: list[Instant] = []
        self._ends: list[Instant] = []
        self._sums: list[int] = []        # microseconds covered up to each end
        self._let_go = 0

    def add(self, since: Instant, until: Instant) -> None:
        """Cover [since, until) too. Quick at the end; before it every later span is looked at."""
        if until <= since:
            return
        first, beyond = bisect_left(self._ends, since), bisect_right(self._starts, until)
        if first < beyond:                # these it touches
            since, until = min(since, self._starts[first]), max(until, self._ends[beyond - 1])
        self._starts[first:beyond], self._ends[first:beyond] = [since], [until]
        del self._sums[first:]
        for start, end in zip(self._starts[first:], self._ends[first:], strict=True):
            self._sums.append((self._sums[-1] if self._sums else self._let_go) + end - start)

    def before(self, at: Instant) -> int:
        """Microseconds covered before that moment, in spans let go of too."""
        index = bisect_right(self._starts, at) - 1
        return self._let_go if index < 0 else self._sums[index] - max(0, self._ends[index] - at)

    def between(self, begin: Instant, end: Instant) -> int:
        """Microseconds covered of [begin, end)."""
        return max(0, self.before(end) - self.before(begin))

    def let_go(self, before: Instant) -> None:
        """Keep no span that ended before that moment, but their sum."""
        over = bisect_left(self._ends, before)
        if over:
            self._let_go = self._sums[over - 1]
            del self._starts[:over], self._ends[:over], self._sums[:over]
