"""Facts become numbers: today, the last half hour and now. Tallies merge; nothing is judged here."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from slmon.core.facts import DeskState
from slmon.core.goals import Goal
from slmon.core.instant import Instant


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
    holiday: str | None               # its name, on a holiday
    opens_at: Instant | None          # the next opening; None while open, or when none is known
    closes_at: Instant | None         # when it closes; None while closed, or always open
    hours_today: tuple[tuple[Instant, Instant], ...]


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


@dataclass(frozen=True, slots=True)
class Breach:
    """One call over the target, without its number."""

    arrived_at: Instant
    line: str | None
    queue: str | None
    answer_seconds: float | None      # None: never answered
    outcome: str | None


@dataclass(frozen=True, slots=True)
class HalfHour:
    """One half hour of today, by ring-in."""

    starts_at: Instant
    tally: "Tally"
    gap_seconds: float


@dataclass(slots=True)
class Tally:
    """Counts of calls that merge by adding; `longest` by max. Of calls in opening hours unless said otherwise."""

    calls: int = 0                    # member calls that arrived in opening hours, exclusions apart
    offered: int = 0                  # met + missed
    met: int = 0
    missed: int = 0
    undecided: int = 0
    answered: int = 0
    answered_within: int = 0
    abandoned: int = 0
    abandoned_within: int = 0
    short_abandoned: int = 0          # taken out by short_abandon_seconds
    transferred: int = 0              # distinct answered calls handed over
    menu_over_target: int = 0         # gave up in the menu after more than the target
    gave_up_passed_on: int = 0        # hung up after being passed on, before anybody took the call
    answered_outside_hours: int = 0
    calls_outside_hours: int = 0
    excluded: int = 0
    longest_answer_seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)        # by outcome, of sealed calls
    transfers: Counter[str] = field(default_factory=Counter)       # hand-overs by kind
    answer_seconds: Counter[float] = field(default_factory=Counter)  # bucket's upper bound -> calls (inf: beyond all)


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
    gap_seconds_today: float
    unaccounted_today: int
    last_day: tuple[Instant, Tally] | None   # the last day before today with calls: its midnight, and figures
