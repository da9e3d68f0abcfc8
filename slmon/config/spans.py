"""Read opening hours as people write them: `mon-fri = "09:00-15:00"`. Knows the words; knows no calendar."""

import re
from collections.abc import Iterable
from itertools import pairwise

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Span = tuple[int, int]
"""Opening and closing in minutes after midnight, half-open; 1440 is 24:00."""
Spans = tuple[Span, ...]

_SPAN = re.compile(r"([0-9]{2}):([0-9]{2})\s*-\s*([0-9]{2}):([0-9]{2})")
_DAYS_WANTED = "must be a day or range such as mon, mon-fri or sat-sun"
_WANTED = 'must be "HH:MM-HH:MM", a list of them, or "closed"'


def weekdays(text: str) -> tuple[int, ...]:
    """The days that `fri` or `mon-fri` means, Monday 0; ValueError names the cure."""
    first, dash, last = text.strip().partition("-")
    ends = (first, last) if dash else (first, first)
    if any(end not in DAYS for end in ends):
        raise ValueError(_DAYS_WANTED)
    begin, end = DAYS.index(ends[0]), DAYS.index(ends[1])
    if end < begin:
        raise ValueError("ends before it begins; the week runs from mon to sun, so write it as two")
    return tuple(range(begin, end + 1))


def spans(value: object) -> Spans:
    """The hours of one day, in order; ValueError names the cure."""
    if value == "closed":
        return ()
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts:
        raise ValueError(_WANTED)
    ordered = sorted(_span(text) for text in texts)
    for (_, closes), (opens, _) in pairwise(ordered):
        if opens < closes:
            raise ValueError("has hours that overlap")
    return tuple(ordered)


def _span(text: object) -> Span:
    found = _SPAN.fullmatch(text.strip()) if isinstance(text, str) else None
    if not found:
        raise ValueError(_WANTED)
    opens, closes = _minutes(found[1], found[2]), _minutes(found[3], found[4])
    if closes <= opens:
        raise ValueError('ends before it begins; over midnight is written as "22:00-24:00" and, '
                         'on the next day, "00:00-06:00"')
    return opens, closes


def _minutes(hours: str, minutes: str) -> int:
    total = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or total > 24 * 60:
        raise ValueError(f"has no time of day {hours}:{minutes}; hours run from 00:00 to 24:00")
    return total


def given_twice(keys: Iterable[str]) -> list[tuple[str, str]]:
    """Day keys that name a day which an earlier key has named: [(key, day)]."""
    seen: set[int] = set()
    twice = []
    for key in keys:
        try:
            days = weekdays(key)
        except ValueError:
            continue
        again = seen.intersection(days)
        if again:
            twice.append((key, DAYS[min(again)]))
        seen.update(days)
    return twice
