"""What the pages say, in the reader's language: gettext catalogues, numbers and times as the language writes them.

The source language is English; `locale/<language>.po` holds each other one.
"""

import json
import math
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib.resources import files
from io import BytesIO

from babel import Locale
from babel.dates import format_date, format_interval
from babel.messages.pofile import read_po
from babel.numbers import format_decimal

from slmon.web.period import Kind, Period

LANGUAGES = ("da", "en")
NO_BREAK = "\u00a0"
EMPTY = "–"


@dataclass(frozen=True, slots=True)
class Words:
    """One language: texts, and how it writes numbers and times."""

    language: str
    locale: Locale
    texts: dict[str, str]
    plurals: dict[str, tuple[str, str]]

    @property
    def for_browser(self) -> str:
        """The catalogue as JSON for the page's own code."""
        return json.dumps({"language": self.language, "texts": self.texts, "plurals": self.plurals})

    def gettext(self, text: str) -> str:
        """The text in this language; the English one where the catalogue has none."""
        return self.texts.get(text, text)

    def ngettext(self, one: str, many: str, count: int) -> str:
        """The text that fits the count: Danish and English both know one and many."""
        forms = self.plurals.get(one, (one, many))
        return forms[0] if count == 1 else forms[1]

    def share(self, share: float | None, decimals: int = 1) -> str:
        """A share of 0..1 as per cent, "82,5 %" with a space that does not break; None is a dash."""
        if share is None:
            return EMPTY
        gap = "" if self.language == "en" else NO_BREAK
        return format_decimal(share * 100, "0." + "0" * decimals, locale=self.locale) + gap + "%"

    def percent_number(self, share: float, decimals: int = 0) -> str:
        """The share as per cent without the sign, for "10–15 %"; decimals only where it is not whole."""
        digits = decimals if decimals else 0 if math.isclose(share * 100, round(share * 100)) else 1
        return format_decimal(share * 100, "0." + "0" * digits if digits else "0", locale=self.locale)

    def limit(self, share: float) -> str:
        """A limit as it is said: "80 %", "12,5 %"."""
        return self.percent_number(share) + ("" if self.language == "en" else NO_BREAK) + "%"

    def whole(self, seconds: float) -> str:
        """Seconds without needless decimals: "20"."""
        return format_decimal(seconds, "0.###", locale=self.locale)

    def count(self, count: int) -> str:
        """A count with the language's thousands separator."""
        return format_decimal(count, "#,##0", locale=self.locale)

    def seconds(self, seconds: float) -> str:
        """Seconds as they are said: "27,3"."""
        return format_decimal(seconds, "#,##0.0", locale=self.locale)

    @property
    def clock_mark(self) -> str:
        """What stands between hours and minutes: 9.00 in Danish, 9:00 in English."""
        return ":" if self.language == "en" else "."

    def clock(self, moment: datetime) -> str:
        """The time of day: "9.05"."""
        return f"{moment.hour}{self.clock_mark}{moment.minute:02}"

    def clock_with_seconds(self, moment: datetime) -> str:
        """The time of day to the second: "9.05.07"."""
        return f"{self.clock(moment)}{self.clock_mark}{moment.second:02}"

    def period(self, period: Period, today: date) -> str:
        """A period's name: "i dag", "mandag 23. nov.", "uge 47", "november 2026". The year where it is not today's."""
        year = "" if period.last.year == today.year else f" {period.last.year}"
        match period.kind:
            case Kind.DAY:
                day = format_date(period.first, self.gettext("EEE d MMM"), locale=self.locale)
                return self.gettext("Today") if period.first == today else day + year
            case Kind.WEEK:
                iso_year, week, _ = period.first.isocalendar()
                named = self.gettext("Week %(week)s") % {"week": week}
                return named if iso_year == today.isocalendar().year else f"{named} {iso_year}"
            case Kind.MONTH:
                return format_date(period.first, "LLLL y", locale=self.locale)
            case Kind.QUARTER:
                return self.gettext("Quarter %(quarter)s") % {"quarter": period.name[-1]} + f" {period.first.year}"
            case Kind.YEAR:
                return str(period.first.year)
            case Kind.SPAN:
                first, last = (format_date(day, "medium", locale=self.locale) for day in (period.first, period.last))
                return f"{first} – {last}"

    def dates(self, period: Period) -> str:
        """The days of a period: "16.–22. november 2026", with the weekday for a single one."""
        if period.first == period.last:
            return format_date(period.first, "full", locale=self.locale)
        return str(format_interval(period.first, period.last, "yMMMMd", locale=self.locale))


@cache
def words(language: str) -> Words:
    """The words of `da` or `en`.

    Raises KeyError for another language: the caller offers only LANGUAGES.
    """
    if language not in LANGUAGES:
        raise KeyError(language)
    texts: dict[str, str] = {}
    plurals: dict[str, tuple[str, str]] = {}
    if language != "en":
        source = files("slmon.web").joinpath("locale", f"{language}.po").read_bytes()
        for message in read_po(BytesIO(source), locale=language):
            if not message.id or message.fuzzy:
                continue
            match message.id, message.string:
                case (str(one), _), (str(for_one), str(for_many)) if for_one and for_many:
                    plurals[one] = (for_one, for_many)
                case str(text), str(translated) if translated:
                    texts[text] = translated
    return Words(language, Locale.parse("en_GB" if language == "en" else language), texts, plurals)


def decimals_that_tell(share: float | None, *limits: float) -> int:
    """Decimals of the per cent figure so that rounding does not put it on, or over, a limit it has not reached.

    79.96 % against 80 is "79,96 %", not "80,0 %" beside the words that the goal is missed.
    """
    if share is None:
        return 1
    for decimals in (1, 2):
        shown = round(share * 100, decimals)
        if all(_side(shown, limit * 100) == _side(share * 100, limit * 100) for limit in limits):
            return decimals
    return 3


def _side(figure: float, limit: float) -> int:
    if math.isclose(figure, limit, rel_tol=0, abs_tol=1e-9):
        return 0
    return -1 if figure < limit else 1
