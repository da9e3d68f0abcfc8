"""A house by hand for the tests of the web: real snapshots whose clock starts where it is set and runs on."""

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from slmon.core.board import Breach, HalfHour, LinkState, Snapshot, Waiting
from slmon.core.facts import DeskState, GapMarked
from slmon.core.gaps import summed
from slmon.core.goals import Goal
from slmon.core.hours import Opening, Phase
from slmon.core.instant import SECOND, Instant
from slmon.core.site import View
from slmon.core.tally import Tally
from slmon.web.app import House
from slmon.web.goals import Day

COPENHAGEN = ZoneInfo("Europe/Copenhagen")
HOUR = 3600 * SECOND
NINE = 1_795_420_800 * SECOND            # Monday 23 November 2026, 9.00 in Copenhagen
HALVES = ((14, 3, 0), (21, 2, 0), (18, 6, 0), (20, 3, 0), (16, 7, 0), (19, 1, 0), (22, 2, 0), (17, 5, 0), (15, 4, 0),
          (13, 4, 0))

BREACHES = (Breach(NINE + 4000 * SECOND, "Hovednummer", "dagpenge", None, "abandoned"),
            Breach(NINE + 62 * SECOND, "Direkte", None, 27.4, "answered"),
            Breach(NINE + 50 * SECOND, "Hovednummer", "dagpenge", None, None))
GAPS = (GapMarked("pbx1", NINE - 95 * HOUR, NINE - 95 * HOUR + 240 * SECOND, "the PBX closed the connection", 7),)


def tally(met: int, missed: int, undecided: int = 0, answered: int = 0, transferred: int = 0) -> Tally:
    """Some calls."""
    return Tally(calls=met + missed + undecided, offered=met + missed, met=met, missed=missed, undecided=undecided,
                 answered=answered, answered_within=met, transferred=transferred)


@dataclass
class Scene:
    """What a view shows; `at` runs on from where it stands at the start."""

    at: Instant = NINE + 4 * HOUR + 42 * 60 * SECOND       # 13.42
    waits: tuple[float, ...] = ()                          # seconds since ring-in, at the start
    today: Tally = field(default_factory=lambda: tally(175, 37, answered=188, transferred=23))
    half: Tally = field(default_factory=lambda: tally(13, 4))
    phase: Phase = Phase.OPEN
    holiday: str | None = None
    opens_at: Instant | None = None
    hours: tuple[tuple[Instant, Instant], ...] = ((NINE, NINE + 6 * HOUR),)
    desks: tuple[int, int, int] | None = (4, 7, 2)
    gaps: dict[int, float] = field(default_factory=dict)   # half hour's number -> seconds
    marks: tuple[GapMarked, ...] = ()                      # the same gaps, with what they may hide
    unaccounted: int = 0
    goal: Goal = field(default_factory=Goal)
    links: tuple[LinkState, ...] | None = None
    last_day: tuple[Instant, Tally] | None = (NINE - 81 * HOUR, tally(175, 33, answered=189, transferred=23))
    started: float = field(default_factory=time.monotonic)

    def now(self) -> Instant:
        """The PBX's clock."""
        return self.at + round((time.monotonic() - self.started) * SECOND)

    def snapshot(self, _: str) -> Snapshot:
        """The snapshot, now."""
        now = self.now()
        opening = Opening(self.phase, self.holiday, self.opens_at,
                          self.hours[-1][1] if self.phase is Phase.OPEN and self.hours else None, self.hours)
        free, busy, paused = self.desks or (0, 0, 0)
        hiding, filled = summed(self.marks)
        return Snapshot(
            at=now, opening=opening, goal=self.goal, today=self.today, last_half_hour=self.half,
            half_hours=self.half_hours(now),
            waiting=tuple(Waiting(self.at - round(wait * SECOND), self.at, "dagpenge", "Hovednummer")
                          for wait in sorted(self.waits, reverse=True)),
            in_menu=0, connecting=0, talking=busy, passed_on=0,
            desks=Counter() if self.desks is None else Counter(
                {DeskState.FREE: free, DeskState.BUSY: busy, DeskState.PAUSED: paused}),
            breaches=BREACHES,
            links=self.links if self.links is not None else (LinkState("pbx1", True, NINE, now),),
            gap_seconds_today=sum(self.gaps.values()), unaccounted_today=self.unaccounted, last_day=self.last_day,
            gaps_today=hiding, filled_today=filled)

    def half_hours(self, now: Instant) -> tuple[HalfHour, ...]:
        """Today's, up to now."""
        if not self.today.offered:
            return ()
        return tuple(
            HalfHour(NINE + index * HOUR // 2, tally(met, missed, undecided), self.gaps.get(index, 0.0))
            for index, (met, missed, undecided) in enumerate(HALVES) if NINE + index * HOUR // 2 <= now)

    def but(self, **changes: Any) -> "Scene":
        """The same scene from its start, with other things in it."""
        return replace(self, started=time.monotonic(), **changes)


async def days_of(view: str, first: date, last: date) -> list[Day]:
    """Some weeks of working days, each a little different, as the store would tell them."""
    del view
    found = []
    for back in range(40):
        day = date(2026, 11, 23) - timedelta(days=back)
        if day.weekday() > 4 or not first <= day <= last:
            continue
        met, missed = 150 + back * 7 % 40, 22 + back * 5 % 31
        found.append(Day(day, Goal(), tally(met, missed, 3 if back == 4 else 0, met + missed - 12, 12 + back * 3 % 24),
                         gap_seconds=240.0 if back == 4 else 0.0, breaches=BREACHES if back == 0 else (),
                         gaps=GAPS if back == 4 else ()))
    return found


def house_of(scenes: "Scene | dict[str, Scene]", views: Sequence[View] | None = None, **choices: Any) -> House:
    """A house that shows the scene, or in each view its own."""
    shown = scenes if isinstance(scenes, dict) else {"odense": scenes}
    choices.setdefault("history", days_of)
    return House(name="Eksempel A-kasse", zone=COPENHAGEN, changed=asyncio.Event(),
                 views=views or [View(name, "Kreds Odense") for name in shown],
                 snapshot=lambda view: (shown.get(view) or shown["odense"]).snapshot(view),
                 metrics=lambda accept: (b"slmon_open 1\n", "text/plain; version=0.0.4"), **choices)
