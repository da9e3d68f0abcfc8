"""What boards and pages show, of one view. Types only; the scoreboard and the history fill them."""

from collections import Counter
from dataclasses import dataclass
from datetime import date

from slmon.core.facts import DeskState, GapMarked
from slmon.core.gaps import NO_GAPS, GapSum, hidden_at_most
from slmon.core.goals import Goal
from slmon.core.hours import Opening
from slmon.core.instant import Instant
from slmon.core.tally import Tally


@dataclass(frozen=True, slots=True)
class Waiting:
    """One member who waits now."""

    arrived_at: Instant
    asked_at: Instant
    queue: str | None
    line: str | None


@dataclass(frozen=True, slots=True)
class LinkState:
    """One PBX's event stream. `since`: since when it is up or down; `last_event_at`: the PBX's own clock."""

    pbx: str
    up: bool
    since: Instant
    last_event_at: Instant | None
    reason: str = ""                  # why it is down, in words
    whole: bool = True                # nothing is known that keeps calls or transfers from being heard


@dataclass(frozen=True, slots=True)
class Breach:
    """One call over the target, without its number."""

    arrived_at: Instant
    line: str | None
    queue: str | None
    answer_seconds: float | None      # None: never answered
    outcome: str | None


@dataclass(frozen=True, slots=True)
class Day:
    """What one day came to for a view, by the goal that held on it."""

    date: date
    goal: Goal
    tally: Tally
    gap_seconds: float = 0.0               # in which at least one PBX was not heard
    breaches: tuple[Breach, ...] = ()      # calls over the target, newest first
    gaps: tuple[GapMarked, ...] = ()       # that touch the day

    @property
    def hidden_at_most(self) -> int | None:
        """How many calls the day's gaps may hide at most; None: nobody can tell."""
        return hidden_at_most(self.gaps)


@dataclass(frozen=True, slots=True)
class HalfHour:
    """One half hour of today, by ring-in."""

    starts_at: Instant
    tally: Tally
    gap_seconds: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All that one board shows, of one view at one moment."""

    at: Instant
    opening: Opening
    goal: Goal
    today: Tally
    last_half_hour: Tally
    half_hours: tuple[HalfHour, ...]  # of today's opening hours, up to the closing one
    waiting: tuple[Waiting, ...]      # who waits now, longest first
    in_menu: int
    connecting: int
    talking: int
    passed_on: int
    desks: Counter[DeskState]
    breaches: tuple[Breach, ...]      # today's calls over the target, newest first
    links: tuple[LinkState, ...]
    gap_seconds_today: float          # in which at least one PBX was not heard
    unaccounted_today: int
    last_day: tuple[Instant, Tally] | None   # the last day before today with calls: its midnight, and figures
    gaps_today: GapSum = NO_GAPS             # that touch the day and hide calls
    filled_today: GapSum = NO_GAPS           # and those of which a log has told
