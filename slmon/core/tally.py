"""Counts of calls that merge by adding. Knows how to add up; knows nothing of days, views or verdicts."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import compress
from math import inf
from operator import attrgetter

BOUNDS = (5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 45.0, 60.0, 90.0, 120.0, 180.0, 300.0, 600.0)
"""Upper bounds of the answer time buckets in seconds, before the goals' own targets are put among them."""


@dataclass(slots=True)
class Tally:
    """Counts of calls that merge by adding; longest by max. Of calls in opening hours unless said otherwise."""

    calls: int = 0                    # member calls that arrived in opening hours, exclusions apart
    offered: int = 0                  # met + missed
    met: int = 0
    missed: int = 0
    undecided: int = 0
    answered: int = 0
    answered_within: int = 0
    abandoned: int = 0
    abandoned_within: int = 0
    short_abandoned: int = 0          # taken out by short_abandon_seconds
    transferred: int = 0              # distinct answered calls handed over
    transfer_untold: int = 0          # sealed answered calls of which nobody can tell whether they were
    menu_over_target: int = 0         # gave up in the menu after more than the target
    gave_up_passed_on: int = 0        # hung up after being passed on, before anybody took the call
    taken_over: int = 0               # hand-overs that somebody took
    queue_answered: int = 0           # as app_queue counts: sealed calls answered from a queue,
    queue_answered_within: int = 0    # by the clock of that queue's join;
    queue_left: int = 0               # joins that ended otherwise: hang-up, time-out, overflow,
    queue_left_within: int = 0        # within the target
    answered_outside_hours: int = 0
    calls_outside_hours: int = 0
    excluded: int = 0
    unaccounted: int = 0              # in hours or not: calls whose end or answer nobody saw
    longest_answer_seconds: float = 0.0
    longest_taken_over_seconds: float = 0.0
    taken_over_seconds: float = 0.0   # summed wait between hand-over and pick-up
    outcomes: Counter[str] = field(default_factory=Counter)          # by outcome, of sealed calls
    transfers: Counter[str] = field(default_factory=Counter)         # hand-overs by kind
    answer_seconds: Counter[float] = field(default_factory=Counter)  # bucket's upper bound -> calls (inf: all beyond)

    @property
    def answered_roughly(self) -> int:
        """Answered calls of whose answer time only bounds are known; the longest may be one of theirs."""
        return self.answered - sum(self.answer_seconds.values())

    def add(self, other: "Tally") -> None:
        """Take the other's calls in."""
        self._count(other, 1)
        self.longest_answer_seconds = max(self.longest_answer_seconds, other.longest_answer_seconds)
        self.longest_taken_over_seconds = max(self.longest_taken_over_seconds, other.longest_taken_over_seconds)

    def remove(self, other: "Tally") -> None:
        """Take the other's calls out again. The longest stay: what was longest without them is not known here."""
        self._count(other, -1)

    def _count(self, other: "Tally", sign: int) -> None:
        counts = _counts_of(other)
        for name, count in compress(zip(_COUNTS, counts, strict=True), counts):      # most are 0
            setattr(self, name, getattr(self, name) + sign * count)
        if other.taken_over:
            self.taken_over_seconds = round(self.taken_over_seconds + sign * other.taken_over_seconds, 6)
        for name, told in zip(_COUNTERS, _counters_of(other), strict=True):
            if told:
                counter: Counter[object] = getattr(self, name)
                for key, count in told.items():
                    counter[key] += sign * count
                    if not counter[key]:
                        del counter[key]


_COUNTERS = ("outcomes", "transfers", "answer_seconds")
_FLOATS = ("longest_answer_seconds", "longest_taken_over_seconds", "taken_over_seconds")
_COUNTS = tuple(name for name in Tally.__dataclass_fields__ if name not in _COUNTERS + _FLOATS)
_counts_of, _counters_of = attrgetter(*_COUNTS), attrgetter(*_COUNTERS)     # all at once: every fact is counted


def merged(tallies: Iterable[Tally]) -> Tally:
    """A new tally of all the calls in these: of PBXes, of half hours, of days."""
    total = Tally()
    for tally in tallies:
        total.add(tally)
    return total


def bounds_with(targets: Iterable[float]) -> tuple[float, ...]:
    """The answer time buckets with one that ends exactly at each target, so that it reads as answered within."""
    return tuple(sorted({*BOUNDS, *map(float, targets)}))


def bucket(seconds: float, bounds: tuple[float, ...]) -> float:
    """The upper bound of the bucket that holds the answer time, the bound itself included, as Prometheus' le."""
    index = bisect_left(bounds, seconds)
    return bounds[index] if index < len(bounds) else inf
