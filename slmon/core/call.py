"""One member call while it lives: what is known so far, and its record at any moment."""

from dataclasses import dataclass

from slmon.core.events import LegId
from slmon.core.facts import (
    CLOCK_SET,
    CONNECTING,
    FOUND,
    NOT_CONNECTED,
    UNHEARD,
    UNSURE,
    CallId,
    CallRecord,
    EndedBy,
    Outcome,
    Place,
    Quality,
    Step,
    Transfer,
    TransferKind,
    Verdict,
)
from slmon.core.goals import Goal
from slmon.core.instant import Instant, seconds_between
from slmon.core.site import Line, Meaning
from slmon.core.wiring import Leg

MAX_STEPS = 200      # a call that is passed on all day long still has a bounded journey, few queues, desks, hand-overs
_DOUBTS = frozenset({FOUND, UNHEARD, UNSURE, CLOCK_SET})       # by these steps a kept call is judged,
_LAST_COUNTS = frozenset({CONNECTING, NOT_CONNECTED})          # and by the last of these


@dataclass(slots=True)
class HandOver:
    """A transfer while it is happening."""

    kind: TransferKind
    at: Instant
    to: str | None
    by: Leg | None                     # the desk that handed over
    counts: bool = True
    told: bool = False                 # whether the fact is out
    answered_at: Instant | None = None
    taken_by: Leg | None = None
    ended_at: Instant | None = None
    went_on: bool = False              # a desk rang or a queue took it in: it went to people


@dataclass(slots=True)
class Parking:
    """The member stands parked, or is on the way back from it."""

    at: Instant
    by: str                            # endpoint of the desk that parked
    space: str


class Call:
    """A member call. The switchboard changes it, nobody else."""

    __slots__ = (
        "answered_at", "answered_between", "arrived_at", "arrived_slack", "ask_tried_at", "asked_at", "away", "boot",
        "caller", "changed", "clock_stepped", "company", "connecting", "connecting_since", "desks", "dialled",
        "ended_at", "ended_before", "ended_by", "excluded", "found_at", "goal", "hand_overs", "holder", "id",
        "in_hours", "known_waiting_at", "last_company_at", "leg", "line", "links", "meaning", "outcome", "parking",
        "pbx", "place", "quality", "queue_left_at", "queued_in", "queues", "sent_away", "steps", "stirred_at",
        "talking_at", "told_until", "unheard_since", "unsure_since", "verdict", "went_on",
    )

    def __init__(self, call: CallId, pbx: str, leg: Leg, line: Line | None, in_hours: bool, goal: Goal,
                 changed: dict[CallId, None]) -> None:
        self.id = call
        self.changed = changed                         # calls of whom more is known than was kept
        self.pbx = pbx
        self.leg = leg
        self.line = line
        self.dialled = leg.exten
        self.caller = ""
        self.in_hours = in_hours
        self.goal = goal                               # of the day it rang in
        self.excluded: str | None = None
        self.arrived_at = leg.started_at
        self.arrived_slack = 0                         # microseconds that the ring-in may be off, either way
        self.found_at: Instant | None = None           # when a list told of it, of which nobody had heard
        self.clock_stepped = False                     # the switch's clock was set while it was open
        self.asked_at: Instant | None = None
        self.ask_tried_at: Instant | None = None       # ran the queue application, which may refuse
        self.answered_at: Instant | None = None
        self.answered_between: tuple[Instant | None, Instant | None] | None = None
        self.talking_at: Instant | None = None
        self.ended_at: Instant | None = None
        self.ended_by: EndedBy | None = None
        self.outcome: Outcome | None = None
        self.queues: list[str] = []
        self.queue_left_at: Instant | None = None
        self.queued_in: str | None = None              # the queue it waits in now
        self.desks: list[str] = []
        self.hand_overs: list[HandOver] = []
        self.went_on = False                           # to a desk, when no other one heard the member any more
        self.parking: Parking | None = None
        self.company: dict[LegId, Leg] = {}            # the desks that hear the member now
        self.holder: Leg | None = None                 # the desk that has the call
        self.last_company_at: Instant | None = None    # when the last desk went away
        self.away: tuple[Leg, Instant] | None = None   # the desk that made a conference, and when it went out of it
        self.connecting: Leg | None = None             # the desk that has picked up and is not put through yet
        self.connecting_since: Instant | None = None   # when a desk picked up that may have the call now
        self.known_waiting_at: Instant | None = None   # the last moment it was surely not answered
        self.unsure_since: Instant | None = None       # from then on it may have been answered and passed on unheard
        self.unheard_since: Instant | None = None      # the gap's beginning, until the switch lists what is there
        self.meaning: Meaning | None = None            # the last telling context the member came through
        self.sent_away = False                         # the dialplan plays busy: nothing to wait for any more
        self.verdict: Verdict | None = None
        self.place = Place.MENU
        self.quality = Quality.LIVE
        self.boot: str | None = None
        self.links: set[LegId] = {leg.id, leg.linked}  # every id that the switch has tied it to
        self.steps: list[Step] = []
        self.ended_before = False                      # in an earlier life of this process
        self.told_until: Instant = 0                   # a log has told what happened up to there, which nobody heard
        self.stirred_at = leg.started_at               # the last moment at which anything happened to it

    @property
    def is_answered(self) -> bool:
        """Whether member and caseworker have been put together."""
        return self.answered_at is not None or self.answered_between is not None

    @property
    def answer_bounds(self) -> tuple[float | None, float | None]:
        """Earliest and latest answer time in seconds from ring-in; None where open."""
        low, high = self.answered_between or (self.answered_at, self.answered_at)
        return (None if low is None else seconds_between(self.arrived_at, low),
                None if high is None else seconds_between(self.arrived_at, high))

    def step(self, at: Instant, step: str, detail: str = "") -> None:
        """Note a stop of the journey; one told twice is one."""
        self.stirred_at = max(self.stirred_at, at)
        taken = Step(at, step, detail)
        if taken not in self.steps[-2:] and self._has_room(step):
            self.steps.append(taken)
            self.changed[self.id] = None

    def _has_room(self, step: str) -> bool:
        """Whether there is a place left for the step; what the call is judged by takes another's."""
        if len(self.steps) < MAX_STEPS:
            return True
        if step not in _DOUBTS | _LAST_COUNTS:
            return False
        last = None if step in _LAST_COUNTS else next(
            (number for number in range(MAX_STEPS - 1, 0, -1) if self.steps[number].step in _LAST_COUNTS), None)
        in_the_way = next((number for number in range(MAX_STEPS - 1, 0, -1)
                           if self.steps[number].step not in _DOUBTS and number != last), None)
        if in_the_way is not None:
            del self.steps[in_the_way]
        return in_the_way is not None

    def not_connected(self, at: Instant) -> None:
        """No desk that has picked up can be together with the member."""
        if self.connecting_since is not None:
            self.connecting_since = None
            self.step(at, NOT_CONNECTED)

    def doubt(self, since: Instant) -> None:
        """It waits, and from then on somebody may have answered it and passed it on, and nobody heard."""
        self.unsure_since = since
        self.step(since, UNSURE)

    def trust(self) -> None:
        """It surely has waited all the time."""
        self.unsure_since = None
        self.steps = [each for each in self.steps if each.step != UNSURE]
        self.changed[self.id] = None

    def record(self) -> CallRecord:
        """All that is known now."""
        return CallRecord(
            call=self.id,
            pbx=self.pbx,
            arrived_at=self.arrived_at,
            line=self.line.name if self.line else None,
            dialled=self.dialled,
            caller=self.caller or None,
            queues=tuple(self.queues),
            asked_at=self.asked_at,
            answered_at=self.answered_at,
            answered_between=self.answered_between,
            talking_at=self.talking_at,
            ended_at=self.ended_at,
            outcome=self.outcome or (Outcome.ANSWERED if self.is_answered else None),
            ended_by=self.ended_by,
            in_hours=self.in_hours,
            excluded=self.excluded,
            transfers=tuple(
                Transfer(each.kind, each.at, each.to, each.answered_at, each.ended_at, each.counts)
                for each in self.hand_overs),
            desks=tuple(self.desks),
            quality=self.quality,
            boot=self.boot,
            steps=tuple(self.steps),
        )
