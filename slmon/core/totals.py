"""Counts since the process began, for Prometheus: each happening once, under the names the call has then."""

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

from slmon.core.counted import CallFact, CountedCall, Names
from slmon.core.facts import CallAnswered, CallEnded, CallJudged, CallTransferred, CallUnaccounted, GapMarked

MOST_NAMES = 10_000      # combinations of PBX, line and queue that are counted apart
OTHERS = "others"


@dataclass(slots=True)
class Answers:
    """Answer times of some calls: how many in each bucket (the last is beyond all bounds), and their sum."""

    buckets: list[int]
    seconds: float = 0.0


@dataclass(slots=True)
class Totals:
    """Counters that only grow. Of calls in opening hours but for `ended`, `unaccounted` and what is not of calls."""

    bounds: tuple[float, ...]                                  # upper bounds of the answer time buckets in seconds
    names: set[Names] = field(default_factory=set)             # every combination that a call has had
    ended: Counter[tuple[Names, str]] = field(default_factory=Counter)         # by outcome
    judged: Counter[tuple[Names, str]] = field(default_factory=Counter)        # by verdict
    answered: Counter[Names] = field(default_factory=Counter)
    transferred: Counter[Names] = field(default_factory=Counter)
    transfers: Counter[tuple[Names, str]] = field(default_factory=Counter)     # by kind
    unaccounted: Counter[tuple[Names, str]] = field(default_factory=Counter)   # by reason
    answers: dict[Names, Answers] = field(default_factory=dict)
    reconnects: Counter[str] = field(default_factory=Counter)                  # by PBX
    oddities: Counter[tuple[str, str]] = field(default_factory=Counter)        # by PBX and kind
    hidden: Counter[str] = field(default_factory=Counter)      # calls that gaps may hide at most, by PBX
    uncounted_gaps: Counter[str] = field(default_factory=Counter)              # gaps that hide nobody knows how many

    def count(self, call: CountedCall, fact: CallFact) -> None:
        """Count what just happened, with the line and queue of now; it is never moved when the call moves on."""
        if call.excluded:
            return
        names = self._known(call.names)
        match fact:
            case CallEnded(outcome=outcome):
                self.ended[names, outcome.value] += 1
            case CallUnaccounted(reason=reason):
                self.unaccounted[names, reason] += 1
            case CallJudged(verdict=verdict) if call.in_hours:
                self.judged[names, verdict.value] += 1
            case CallAnswered() if call.in_hours:
                self.answered[names] += 1
                self._time(names, call.answer_seconds)
            case CallTransferred(kind=kind) if call.in_hours:
                self.transfers[names, kind.value] += 1
                self.transferred[names] += int(call.transfers.total() == 1)
            case _:
                pass

    def count_unplaced(self, fact: CallUnaccounted) -> None:
        """Count a call of which only the PBX is known."""
        names = self._known((fact.call.partition("/")[0], "", ""))
        self.unaccounted[names, fact.reason] += 1

    def count_hidden(self, gap: GapMarked) -> None:
        """A gap is over: count what it may hide."""
        if gap.hides_at_most is None:
            self.uncounted_gaps[gap.pbx] += 1
        else:
            self.hidden[gap.pbx] += gap.hides_at_most

    def _known(self, names: Names) -> Names:
        """The names to count under: beyond so many, numbers that nobody configured are all one."""
        if names not in self.names and len(self.names) >= MOST_NAMES:
            names = names[0], OTHERS, OTHERS
        self.names.add(names)
        return names

    def _time(self, names: Names, seconds: float | None) -> None:
        if seconds is None:
            return
        answers = self.answers.setdefault(names, Answers([0] * (len(self.bounds) + 1)))
        answers.buckets[bisect_left(self.bounds, seconds)] += 1
        answers.seconds += seconds
