"""Periods that a page or report is asked for: `2026-11-23`, `2026-W47`, `2026-11`, `2026-Q4`, `2026`, `A..B`."""

import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

_DAY = timedelta(days=1)
LONGEST_DAYS = 800


class Kind(StrEnum):
    """What a period is one of."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    SPAN = "span"


@dataclass(frozen=True, slots=True)
class Period:
    """From the first to the last day, both in."""

    kind: Kind
    first: date
    last: date

    @property
    def name(self) -> str:
        """How it is asked for."""
        year, week, _ = self.first.isocalendar()
        match self.kind:
            case Kind.DAY:
                return self.first.isoformat()
            case Kind.WEEK:
                return f"{year}-W{week:02}"
            case Kind.MONTH:
                return f"{self.first:%Y-%m}"
            case Kind.QUARTER:
                return f"{self.first.year}-Q{(self.first.month + 2) // 3}"
            case Kind.YEAR:
                return str(self.first.year)
            case Kind.SPAN:
                return f"{self.first}..{self.last}"

    def before(self) -> "Period":
        """The one just before, of the same kind."""
        if self.kind is Kind.SPAN:
            return Period(Kind.SPAN, self.first - (self.last - self.first) - _DAY, self.first - _DAY)
        return around(self.first - _DAY, self.kind)

    def after(self) -> "Period":
        """The one just after, of the same kind."""
        if self.kind is Kind.SPAN:
            return Period(Kind.SPAN, self.last + _DAY, self.last + (self.last - self.first) + _DAY)
        return around(self.last + _DAY, self.kind)


def around(day: date, kind: Kind) -> Period:
    """The period of this kind that the day lies in; weeks are ISO's, from Monday. Not for spans."""
    match kind:
        case Kind.WEEK:
            first = day - day.weekday() * _DAY
            return Period(kind, first, first + 6 * _DAY)
        case Kind.MONTH | Kind.QUARTER | Kind.YEAR:
            months = {Kind.MONTH: 1, Kind.QUARTER: 3, Kind.YEAR: 12}[kind]
            start = (day.month - 1) // months * months
            end = start + months
            return Period(kind, date(day.year, start + 1, 1), date(day.year + end // 12, end % 12 + 1, 1) - _DAY)
        case Kind.DAY | Kind.SPAN:
            return Period(Kind.DAY, day, day)


def period_of(text: str) -> Period:
    """The period asked for.

    Raises ValueError for anything else, and for spans that end before they begin or are longer than LONGEST_DAYS.
    """
    if ".." in text:
        first, last = (date.fromisoformat(part) for part in text.split("..", 1))
        if not 0 <= (last - first).days < LONGEST_DAYS:
            raise ValueError(text)
        return Period(Kind.SPAN, first, last)
    found = re.fullmatch(r"(\d{4})(?:-W(\d\d)|-Q([1-4])|-(\d\d)(?:-(\d\d))?)?", text, re.ASCII)
    if not found or not 1900 < int(found[1]) < 9000:
        raise ValueError(text)
    year, week, quarter, month, day = (None if part is None else int(part) for part in found.groups())
    assert year is not None
    if week is not None:
        return around(date.fromisocalendar(year, week, 1), Kind.WEEK)
    if quarter is not None:
        return around(date(year, quarter * 3, 1), Kind.QUARTER)
    if day is not None:
        return around(date(year, month or 1, day), Kind.DAY)
    if month is not None:
        return around(date(year, month, 1), Kind.MONTH)
    return around(date(year, 1, 1), Kind.YEAR)
