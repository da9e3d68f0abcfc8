"""How many member calls a gap may hide at most: by the switch's own count of the calls it has handled.

The count grows by one whenever a leg begins to run the dialplan. A member's call does so once at least; desks' own
calls do too, so the count is a bound and not the number. Calls that are known are taken off, but only those that are
surely in the one count and not in the other.
"""

from dataclasses import dataclass

from slmon.core.instant import SECOND, Instant

SURE = 2 * SECOND        # so near a count nobody can say whether a call is in it


@dataclass(frozen=True, slots=True)
class CallCount:
    """The switch had handled so many calls in this run of it, at that instant."""

    at: Instant
    boot: str
    handled: int


class HiddenCalls:
    """The last count before a gap, the first one after it, and what is known of the time between."""

    def __init__(self) -> None:
        self.last: CallCount | None = None
        self._known = 0                                  # member calls since the last count, before the gap
        self._found: list[Instant] = []                  # and in the gap: ring-ins of those that were there after it
        self._after: CallCount | None = None

    def counted(self, count: CallCount, in_gap: bool) -> None:
        """The switch told its count."""
        if in_gap:
            self._after = self._after or count
        else:
            self.last, self._known = count, 0

    def rang_in(self, at: Instant, in_gap: bool) -> None:
        """A member's call is known."""
        if self.last is None or at <= self.last.at + SURE:
            return
        if in_gap:
            self._found.append(at)
        else:
            self._known += 1

    def lost_count(self) -> None:
        """The clock was set, or the switch began anew: what was counted cannot be compared with what comes."""
        self.last = None

    def gap_over(self) -> int | None:
        """How many calls came and went in it at most, that nobody knows of. None: nobody can tell."""
        before, after = self.last, self._after
        found, self._found, self._after = self._found, [], None
        known, self._known, self.last = self._known, 0, after
        if before is None or after is None or before.boot != after.boot or after.handled < before.handled:
            return None
        known += sum(at < after.at - SURE for at in found)
        return max(0, after.handled - before.handled - known)
