"""Figures of the goals page: days and ISO weeks, shares, verdicts, breaches, gaps. No words, no counting."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from heapq import nsmallest

from slmon.core.board import Breach, Day
from slmon.core.facts import GapMarked
from slmon.core.gaps import hidden_at_most
from slmon.core.goals import (
    FORMULAS,
    Band,
    Goal,
    Share,
    Standing,
    answer_within,
    band,
    standing,
    transfer_rate,
)
from slmon.core.tally import Tally, merged
from slmon.web.period import Kind, Period, around
from slmon.web.words import decimals_that_tell

WEEKS = 8
GAPS_AT_MOST = 100         # on a page one by one; a link that flaps makes thousands in a day, and all wait for the page


History = Callable[[str, date, date], Awaitable[Sequence[Day]]]
"""The days of a view from the first to the last, both in; days without calls and gaps may be left out."""


@dataclass(frozen=True, slots=True)
class Row:
    """One period's figures."""

    period: Period
    tally: Tally
    goal: Goal                             # of its last day
    goals_differ: bool
    gap_seconds: float
    gaps: tuple[GapMarked, ...] = ()       # the earliest first; none twice

    @property
    def hidden_at_most(self) -> int | None:
        """How many calls the gaps may hide at most; None: nobody can tell."""
        return hidden_at_most(self.gaps)

    @property
    def gaps_told(self) -> tuple[GapMarked, ...]:
        """Those that a page names one by one: the longest, the earliest first."""
        longest = nsmallest(GAPS_AT_MOST, self.gaps, lambda gap: (gap.until is not None, gap.since - (gap.until or 0)))
        return tuple(sorted(longest, key=lambda gap: (gap.since, gap.pbx)))

    @property
    def answered(self) -> Share:
        """The official service level."""
        return answer_within(self.tally)

    @property
    def standing(self) -> Standing:
        """How it stands to the goal."""
        return standing(self.answered, self.goal)

    @property
    def answered_decimals(self) -> int:
        """Decimals that do not hide on which side of the goal it is."""
        return decimals_that_tell(self.answered.share, self.goal.answer_share)

    @property
    def transferred(self) -> Share:
        """The transfer rate."""
        return transfer_rate(self.tally)

    @property
    def band(self) -> Band:
        """How the transfer rate stands."""
        return band(self.transferred, self.goal)

    @property
    def transferred_decimals(self) -> int:
        """Decimals that do not hide on which side of the limits it is."""
        return decimals_that_tell(self.transferred.share, self.goal.transfer_good, self.goal.transfer_ceiling)


@dataclass(frozen=True, slots=True)
class GoalsPage:
    """All that the page shows."""

    today: date
    whole: Row
    days: tuple[Row, ...]                  # of the period, newest first
    weeks: tuple[Row, ...]                 # the latest, newest first
    breaches: tuple[Breach, ...]           # where the period is one day
    formulas: tuple[tuple[str, Share], ...]

    @property
    def period(self) -> Period:
        """The chosen one."""
        return self.whole.period


async def goals_page(view: str, period: Period, today: date, goal: Goal, history: History) -> GoalsPage:
    """Ask the past for the period and the latest weeks, in one question. `goal` stands where there are no days."""
    this_week = around(today, Kind.WEEK)
    since = this_week.first - timedelta(weeks=WEEKS - 1)
    known = await history(view, min(period.first, since), max(period.last, this_week.last))
    chosen = [day for day in known if period.first <= day.date <= period.last]
    whole = _row(period, chosen, goal)
    weeks: list[Row] = []
    week = this_week
    for _ in range(WEEKS):
        weeks.append(_row(week, _within(known, week), goal))
        week = week.before()
    while weeks and not weeks[-1].tally.calls and not weeks[-1].gap_seconds:
        weeks.pop()
    return GoalsPage(
        today=today, whole=whole, weeks=tuple(weeks),
        days=tuple(_row(around(day.date, Kind.DAY), [day], goal)
                   for day in sorted(chosen, key=lambda each: each.date, reverse=True)),
        breaches=chosen[0].breaches if period.kind is Kind.DAY and chosen else (),
        formulas=tuple((name, formula(whole.tally)) for name, formula in FORMULAS.items()))


def _within(days: Iterable[Day], period: Period) -> list[Day]:
    return [day for day in days if period.first <= day.date <= period.last]


def _row(period: Period, days: Sequence[Day], goal: Goal) -> Row:
    latest = max(days, key=lambda day: day.date, default=None)
    return Row(period, merged(day.tally for day in days), goal if latest is None else latest.goal,
               len({day.goal for day in days}) > 1, sum(day.gap_seconds for day in days),
               tuple(dict.fromkeys(gap for day in sorted(days, key=lambda day: day.date) for gap in day.gaps)))
