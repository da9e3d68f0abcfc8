"""When the phones are open: spans, holidays, exceptions, summer time. Knows the calendar; knows nothing of calls."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import holidays

from slmon.core.instant import SECOND, Instant, as_datetime, from_datetime

Span = tuple[int, int]
"""Minutes from midnight by the wall clock, half-open: `(540, 900)` is 09:00-15:00; 1440 is 24:00."""

Stretch = tuple[Instant, Instant]
"""From the first instant up to, and without, the second."""

SOON = 60 * 60 * SECOND
HALF_HOUR = 30 * 60 * SECOND
_DAY = timedelta(days=1)
_LOOK_AHEAD_DAYS = 400          # a year with its holidays, and some
_DAYS_KEPT = 2000


class Phase(StrEnum):
    """Whether the phones are open."""

    OPEN = "open"
    OPENING_SOON = "opening_soon"     # opens within the hour
    CLOSED = "closed"
    HOLIDAY = "holiday"


@dataclass(frozen=True, slots=True)
class Opening:
    """The state of the phone hours at one moment."""

    phase: Phase
    holiday: str | None               # today's name, on a holiday
    opens_at: Instant | None          # the next opening; None while open, or when none is known
    closes_at: Instant | None         # when it closes; None while closed, or always open
    hours_today: tuple[Stretch, ...]


@dataclass(frozen=True, slots=True)
class Schedule:
    """Opening hours as they hold from `since` on. `week` runs from Monday; None is round the clock."""

    week: tuple[tuple[Span, ...], ...] | None = None
    since: date = date.min
    holidays: str | None = None                                   # `DK`, or with a region `DE-BY`
    closed: frozenset[date] = frozenset()
    open: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)   # wins over holidays and `closed`

    def spans(self, day: date) -> tuple[Span, ...]:
        """The wall-clock spans of a day that is no holiday."""
        if day in self.open:
            return self.open[day]
        if day in self.closed:
            return ()
        return ((0, 24 * 60),) if self.week is None else self.week[day.weekday()]


@dataclass(frozen=True, slots=True)
class _Day:
    midnight: Instant
    ends_at: Instant
    stretches: tuple[Stretch, ...]
    holiday: str | None


class Hours:
    """The phone hours of one site, in its time zone. All instants in and out; days are the site's own."""

    def __init__(self, schedules: Iterable[Schedule] = (), timezone: str = "Europe/Copenhagen",
                 language: str = "da") -> None:
        """Without schedules: always open. The earliest schedule also holds before its date."""
        self._zone = ZoneInfo(timezone)
        self._schedules = sorted(schedules, key=lambda each: each.since) or [Schedule()]
        self._holidays = {code: _calendar(code, language)
                          for code in {each.holidays for each in self._schedules} if code}
        self._days: dict[date, _Day] = {}
        self._latest: _Day | None = None
        self._opening: tuple[Instant, Instant, Opening] | None = None

    def is_open(self, at: Instant) -> bool:
        """Whether a call that rings in at this instant rings in opening hours. Half-open: 15:00:00 is closed."""
        day = self._latest
        if day is None or not day.midnight <= at < day.ends_at:
            day = self._latest = self._day(self.day_of(at))
        return any(start <= at < end for start, end in day.stretches)

    def spans(self, day: date) -> tuple[Stretch, ...]:
        """The day's open stretches in order, touching ones joined; empty when closed."""
        return self._day(day).stretches

    def holiday(self, day: date) -> str | None:
        """The public holiday's name in the site's language, also where extra hours open it; else None."""
        return self._day(day).holiday

    def day_of(self, at: Instant) -> date:
        """The site's date at this instant."""
        return as_datetime(at).astimezone(self._zone).date()

    def midnight(self, day: date) -> Instant:
        """When the day begins."""
        return self._day(day).midnight

    def half_hours(self, day: date) -> tuple[Instant, ...]:
        """Starts of the half hours, counted from midnight, that the day's open stretches touch."""
        midnight = self.midnight(day)
        starts = {midnight + index * HALF_HOUR
                  for start, end in self.spans(day)
                  for index in range((start - midnight) // HALF_HOUR, -((midnight - end) // HALF_HOUR))}
        return tuple(sorted(starts))

    def half_hour(self, at: Instant) -> Instant:
        """The start of the half hour that the instant lies in."""
        midnight = self.midnight(self.day_of(at))
        return at - (at - midnight) % HALF_HOUR

    def opening(self, now: Instant) -> Opening:
        """Open, opening within the hour, closed or holiday; and when that ends."""
        kept = self._opening
        if kept is None or not kept[0] <= now < kept[1]:
            opening = self._look(now)
            kept = self._opening = now, self._holds_until(now, opening), opening
        return kept[2]

    def _look(self, now: Instant) -> Opening:
        today = self.day_of(now)
        day = self._day(today)
        if any(start <= now < end for start, end in day.stretches):
            return Opening(Phase.OPEN, day.holiday, None, self._closes_at(now, today), day.stretches)
        opens_at = self._opens_at(now, today)
        return Opening(_closed_phase(day, now, opens_at), day.holiday, opens_at, None, day.stretches)

    def _opens_at(self, now: Instant, today: date) -> Instant | None:
        for day in _days_from(today, _LOOK_AHEAD_DAYS):
            for start, _ in self.spans(day):
                if start > now:
                    return start
        return None

    def _closes_at(self, now: Instant, today: date) -> Instant | None:
        """The end of the stretch that `now` is in, followed over midnights; None when it goes on and on."""
        closes_at = next(end for start, end in self.spans(today) if start <= now < end)
        for day in _days_from(today + _DAY, _LOOK_AHEAD_DAYS):
            following = next((end for start, end in self.spans(day) if start == closes_at), None)
            if following is None:
                return closes_at
            closes_at = following
        return None

    def _holds_until(self, now: Instant, opening: Opening) -> Instant:
        """The first instant at which another answer may be due."""
        changes = [self._day(self.day_of(now)).ends_at]
        if opening.opens_at is not None:
            changes += [opening.opens_at, opening.opens_at - SOON]
        if opening.closes_at is not None:
            changes.append(opening.closes_at)
        return min(change for change in changes if change > now)

    def _day(self, day: date) -> _Day:
        known = self._days.get(day)
        if known is None:
            if len(self._days) >= _DAYS_KEPT:
                self._days.clear()
            known = self._days[day] = self._reckon(day)
        return known

    def _reckon(self, day: date) -> _Day:
        schedule = self._schedule(day)
        holiday = self._holidays[schedule.holidays].get(day) if schedule.holidays else None
        closed = holiday is not None and day not in schedule.open
        spans = () if closed else schedule.spans(day)
        stretches = _joined((self._instant(day, start), self._instant(day, end)) for start, end in spans)
        return _Day(self._instant(day, 0), self._instant(day + _DAY, 0), stretches, holiday)

    def _schedule(self, day: date) -> Schedule:
        holding = [each for each in self._schedules if each.since <= day]
        return holding[-1] if holding else self._schedules[0]

    def _instant(self, day: date, minutes: int) -> Instant:
        """The first instant at which the day's wall clock shows this time or, where it jumps over it, a later one."""
        wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
        later, earlier = (from_datetime(wall.replace(tzinfo=self._zone, fold=fold)) for fold in (0, 1))
        if later <= earlier:                  # an ordinary time, or the first of two
            return later
        while later - earlier > SECOND:       # the clock jumps over it: look for the jump
            middle = (earlier + later) // 2 // SECOND * SECOND
            shown = as_datetime(middle).astimezone(self._zone).replace(tzinfo=None)
            earlier, later = (earlier, middle) if shown >= wall else (middle, later)
        return later


def is_country(code: str) -> bool:
    """Whether public holidays are known for `DK`, `DE-BY` ..."""
    country, _, region = code.partition("-")
    known = holidays.list_supported_countries(include_aliases=False)
    return country in known and (not region or region in known[country])


def _calendar(code: str, language: str) -> Mapping[date, str]:
    country, _, region = code.partition("-")
    plain = holidays.country_holidays(country, subdiv=region or None)
    spoken = next((each for each in plain.supported_languages if each.split("_")[0] == language), None)
    return holidays.country_holidays(country, subdiv=region or None, language=spoken)


def _closed_phase(day: _Day, now: Instant, opens_at: Instant | None) -> Phase:
    if opens_at is not None and opens_at - now <= SOON:
        return Phase.OPENING_SOON
    return Phase.HOLIDAY if day.holiday and not day.stretches else Phase.CLOSED


def _days_from(day: date, count: int) -> Iterable[date]:
    return (day + timedelta(days=ahead) for ahead in range(count))


def _joined(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    joined: list[Stretch] = []
    for start, end in sorted(stretches):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            start, end = joined[-1][0], max(joined.pop()[1], end)
        joined.append((start, end))
    return tuple(joined)


def week(days: Mapping[int, Sequence[Span]]) -> tuple[tuple[Span, ...], ...]:
    """Seven days from spans by weekday (0 is Monday); a day not named is closed."""
    return tuple(tuple(days.get(weekday, ())) for weekday in range(7))
