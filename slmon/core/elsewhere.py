"""Who rings in elsewhere than through the doors: a mistake in `inbound` makes no call, so nothing else tells of it.

A phone always shows the same number of its own, a trunk shows those of its callers. So whoever shows several is a
trunk, and one that goes on to bring calls while no member's call was ever known is a door that nobody named. Late
rather than false: a house that only rings out, or whose calls are all internal, gives no sign.
"""

from collections import Counter
from collections.abc import Iterable

from slmon.core.wiring import Leg

ENOUGH = 10                  # calls through trunks, and none of a member
MANY = 3                     # numbers that one phone never shows
MOST_TRUNKS = 1000           # of what rings in, to keep count of
MOST_NAMED = 5               # contexts


class Elsewhere:
    """What rang in elsewhere, until the first member's call is known."""

    def __init__(self) -> None:
        self._doors_work = False
        self._numbers: dict[str, set[int]] = {}                 # by endpoint; hashed, for nobody is to read them
        self._contexts: dict[str, Counter[str]] = {}            # by endpoint

    def member_seen(self) -> None:
        """A member's call is known: the doors are the right ones."""
        self._doors_work = True
        self._numbers.clear()
        self._contexts.clear()

    def rang_in(self, leg: Leg, caller: str) -> None:
        """A leg rings in of itself, through no door."""
        if self._doors_work or leg.is_pipe or leg.linked != leg.id:
            return
        endpoint = "/".join(leg.endpoint.split("/")[:2])        # DAHDI/i1/<the caller's number> is a trunk too
        if endpoint not in self._contexts and len(self._contexts) >= MOST_TRUNKS:
            return
        numbers = self._numbers.setdefault(endpoint, set())
        if caller and len(numbers) < MANY:
            numbers.add(hash(caller))
        contexts = self._contexts.setdefault(endpoint, Counter())
        if leg.context in contexts or len(contexts) < MOST_NAMED:
            contexts[leg.context] += 1

    @property
    def heard(self) -> tuple[str, ...]:
        """The contexts through which anybody rang in, the busiest first; a phone that rings out is among them."""
        return _named(self._contexts.values())

    @property
    def doors_unnamed(self) -> tuple[str, ...]:
        """The contexts through which calls come in that `inbound` misses, the busiest first; none: all seems well."""
        trunks = [contexts for endpoint, contexts in self._contexts.items() if len(self._numbers[endpoint]) >= MANY]
        return _named(trunks) if sum(each.total() for each in trunks) >= ENOUGH else ()


def _named(counts: Iterable[Counter[str]]) -> tuple[str, ...]:
    together: Counter[str] = Counter()
    for each in counts:
        together += each
    return tuple("".join(char if char.isprintable() else "?" for char in context[:80])
                 for context, _ in together.most_common(MOST_NAMED))
