"""Gaps in sum: as many seconds and hidden calls as one by one, at a cost that does not grow with their number."""

import sys
from collections.abc import Iterable
from datetime import date

from counting import work
from hypothesis import given
from hypothesis import strategies as st

from slmon.core.facts import GapMarked, Quality
from slmon.core.gaps import NO_GAPS, Gaps, GapSum
from slmon.core.goals import Goal, Goals
from slmon.core.hours import Hours
from slmon.core.instant import SECOND, Instant
from slmon.core.scoreboard import Scoreboard
from slmon.core.site import View
from slmon.web.board import picture

ALL = View("all", "Alle")
HOURS = Hours()
MIDNIGHT = HOURS.midnight(date(2026, 11, 23))
ENDS = st.none() | st.integers(0, 30)


def test_a_link_that_flaps_all_day_costs_a_board_no_more_than_one_that_flapped_for_minutes():
    scoreboard = Scoreboard(HOURS, Goals([(date.min, Goal())], HOURS.day_of), pbxes=["pbx1"])

    def asked() -> list[int]:
        now, gap = begins_at + 2 * SECOND, GapMarked("pbx1", begins_at, begins_at + SECOND, "cut", 1)
        return [work(lambda: scoreboard.snapshot(ALL, now)), work(lambda: scoreboard.gap_seconds_total("pbx1", now)),
                work(lambda: scoreboard.record(gap))]

    costs = []
    for number in range(17_001):
        begins_at = MIDNIGHT + 5 * number * SECOND
        if number in (100, 17_000):
            scoreboard.snapshot(ALL, begins_at)
            costs.append(asked())
        else:
            scoreboard.record(GapMarked("pbx1", begins_at, None, "cut"))
            scoreboard.record(GapMarked("pbx1", begins_at, begins_at + SECOND, "cut", 1))
    assert costs[0] == costs[1]
    snapshot = scoreboard.snapshot(ALL, begins_at + 3 * SECOND)
    assert (snapshot.gap_seconds_today, sum(half.gap_seconds for half in snapshot.half_hours)) == (17_001, 17_001)
    assert len(picture(snapshot, "").drawn) < 3000
    assert (snapshot.gaps_today, snapshot.filled_today) == (
        GapSum(17_001, MIDNIGHT, begins_at + SECOND, 17_001), NO_GAPS)


@given(st.lists(st.tuples(st.sampled_from(["a", "b"]), st.integers(0, 20), ENDS, st.none() | st.integers(0, 3),
                          st.sampled_from([None, Quality.CEL]), st.booleans())),
       st.integers(0, 20), st.integers(0, 30))
def test_gaps_told_in_any_order_and_again_come_to_what_is_counted_by_hand(told, begin, length):
    gaps, end, known = Gaps(), begin + length, {}
    for pbx, since, until, hides, source, retold in told:
        gap = GapMarked(pbx, since, None if until is None else since + until, "cut", hides, source)
        gaps.since(begin)
        gaps.mark(gap, retold)
        known[pbx, since] = gap
    assert gaps.seconds(begin, end) * SECOND == covered(known.values(), begin, end)
    of_day = [gap for gap in known.values() if gap.until is None or gap.until > begin]
    hiding = [gap for gap in of_day if gap.told_by is None]
    hidden = [gap.hides_at_most for gap in hiding]
    assert gaps.since(begin) == (by_hand(hiding, None if None in hidden else sum(hidden)),
                                 by_hand([gap for gap in of_day if gap.told_by is not None], 0))
    gaps.roll(begin)
    assert gaps.seconds(begin, end) * SECOND == covered(known.values(), begin, end)


def by_hand(gaps: list[GapMarked], hidden: int | None) -> GapSum:
    if not gaps:
        return NO_GAPS
    return GapSum(len(gaps), min(gap.since for gap in gaps),
                  max((gap.until for gap in gaps), key=lambda until: until or sys.maxsize), hidden)


def covered(gaps: Iterable[GapMarked], begin: Instant, end: Instant) -> int:
    return sum(any(gap.since <= moment and (gap.until is None or moment < gap.until) for gap in gaps)
               for moment in range(begin, end))
