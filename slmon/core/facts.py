"""What a call did, in the past tense. The switchboard says these facts once; everything else counts them."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NewType

from slmon.core.instant import SECOND, Instant, of_seconds, seconds_between

CallId = NewType("CallId", str)
"""`<pbx>/<Uniqueid of the inbound channel>`, for instance `pbx1/pbx1-1795417130.0`."""

SAME_CALL = 3600 * SECOND
"""The same id later than this is another call: a PBX that was started again counts its ids anew."""


class Outcome(StrEnum):
    """How a call ended for the member; one per call."""

    ANSWERED = "answered"
    ABANDONED = "abandoned"
    VOICEMAIL = "voicemail"
    CALLBACK = "callback"
    TURNED_AWAY = "turned_away"
    LEFT_MENU = "left_menu"
    CLOSED = "closed"
    LOST = "lost"


class Verdict(StrEnum):
    """Whether the promise about the answer time was kept."""

    MET = "met"
    MISSED = "missed"
    UNDECIDED = "undecided"


class EndedBy(StrEnum):
    """Who ended the call."""

    MEMBER = "member"
    DESK = "desk"
    PBX = "pbx"


class TransferKind(StrEnum):
    """How a caseworker handed a call over."""

    BLIND = "blind"
    ATTENDED = "attended"
    PARK = "park"
    CONFERENCE = "conference"


class Quality(StrEnum):
    """Where a call's moments come from."""

    LIVE = "live"
    RESUMED = "resumed"
    CEL = "cel"
    QUEUE_LOG = "queue_log"
    CDR = "cdr"
    MIXED = "mixed"
    NONE = "none"


class Place(StrEnum):
    """Where the member is right now."""

    MENU = "menu"                # greeting or menu: has not asked for a human
    WAITING = "waiting"          # has asked for a human, nobody has picked up
    CONNECTING = "connecting"    # a phone was picked up, they are not together yet
    TALKING = "talking"          # together with a caseworker (hold included)
    PASSED_ON = "passed_on"      # was answered, was handed over, nobody has taken it yet
    GONE = "gone"                # hung up


@dataclass(frozen=True, slots=True)
class Step:
    """One stop of a call's journey: `queue dagpenge`, `ring PJSIP/101`, `menu 1`."""

    at: Instant
    step: str
    detail: str = ""


FOUND = "found"
"""The step of a call of which a list told, of whole seconds: its ring-in is rough."""

UNHEARD = "unheard"
"""The step of a call that went through a gap: nobody listened from here on, for as many seconds as its detail says;
without a detail to the end. No source has told yet whether it was handed over meanwhile."""

WHOLE_SECONDS = "whole seconds"
"""The step of a call of which some moments were told in whole seconds, cut off; its detail names their fields."""

CLOCK_SET = "clock set"
"""The step of a call during which the PBX's clock was set; its detail: by how many seconds."""

CONNECTING = "connecting"
"""The step of a call whose member is not together yet with the desk that has picked up."""

NOT_CONNECTED = "not connected"
"""The step of a call whose desk went away again before they were together."""

UNSURE = "unsure"
"""The step of a call that waits after a gap, and may have been answered and passed on in it: from when on."""


_CONNECTED_OR_NOT = frozenset({CONNECTING, NOT_CONNECTED})


@dataclass(frozen=True, slots=True)
class Transfer:
    """One hand-over. `counts` is False where the destination is configured not to count (survey)."""

    kind: TransferKind
    at: Instant
    to: str | None
    answered_at: Instant | None = None
    ended_at: Instant | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True)
class CallRecord:
    """All that is known of one member call. Measurements only: verdicts follow from them and the day's goal.

    `answered_at` is exact; where a fault left only an interval, it is None and `answered_between` holds the
    earliest and latest instant (None = open). `outcome` None: the call is open, or its end is not known yet.
    """

    call: CallId
    pbx: str
    arrived_at: Instant
    line: str | None = None
    dialled: str = ""
    caller: str | None = None
    queues: tuple[str, ...] = ()
    asked_at: Instant | None = None
    answered_at: Instant | None = None
    answered_between: tuple[Instant | None, Instant | None] | None = None
    talking_at: Instant | None = None
    ended_at: Instant | None = None
    outcome: Outcome | None = None
    ended_by: EndedBy | None = None
    in_hours: bool = True
    excluded: str | None = None          # `test` or `survey`: kept and counted apart, never judged
    transfers: tuple[Transfer, ...] = ()
    desks: tuple[str, ...] = ()          # endpoints that talked with the member, in order
    quality: Quality = Quality.LIVE
    boot: str | None = None
    steps: tuple[Step, ...] = field(default=(), repr=False)

    @property
    def queue(self) -> str | None:
        """The first queue, where the call belongs."""
        return self.queues[0] if self.queues else None

    @property
    def last_moment(self) -> Instant:
        """The latest instant at which anything is known of it."""
        moments = (self.asked_at, self.answered_at, self.talking_at, self.ended_at, *(step.at for step in self.steps))
        return max((moment for moment in moments if moment is not None), default=self.arrived_at)

    @property
    def was_heard(self) -> bool:
        """Whether it was heard to its last moment: no log has told of that, and it did not merely vanish."""
        return self.quality in (Quality.LIVE, Quality.RESUMED) and self.outcome is not Outcome.LOST

    @property
    def transfer_untold(self) -> bool:
        """Whether it was answered and nobody can tell whether it was handed over: part of the talk went unheard."""
        low, _ = self.answered_between or (self.answered_at, None)
        talked_at = self.arrived_at if low is None else low
        return self.answer_bounds is not None and not self.transferred and any(
            step.step == UNHEARD and (not step.detail or step.at + of_seconds(float(step.detail)) > talked_at)
            for step in self.steps)

    @property
    def whole_seconds(self) -> frozenset[str]:
        """The fields whose moments may be up to a second later than they say: no source told a fraction."""
        return frozenset(field for step in self.steps if step.step == WHOLE_SECONDS for field in step.detail.split())

    @property
    def connecting_since(self) -> Instant | None:
        """When a desk has picked up that may have been put together with the member since; None: there is none."""
        last = next((step for step in reversed(self.steps) if step.step in _CONNECTED_OR_NOT), None)
        return last.at if last is not None and last.step == CONNECTING else None

    @property
    def unsure_since(self) -> Instant | None:
        """From when on it may have been answered and passed on unheard; None: all of its wait was heard."""
        return next((step.at for step in self.steps if step.step == UNSURE), None)

    @property
    def answer_seconds(self) -> float | None:
        """Seconds from ring-in to pick-up; None when not answered or not known exactly."""
        return None if self.answered_at is None else seconds_between(self.arrived_at, self.answered_at)

    @property
    def answer_bounds(self) -> tuple[float | None, float | None] | None:
        """[earliest, latest] answer time in seconds; equal when exact, None per side where open; None if unanswered."""
        if self.answered_at is not None:
            wait = seconds_between(self.arrived_at, self.answered_at)
            return wait, wait
        if self.answered_between is None:
            return None
        low, high = self.answered_between
        return (None if low is None else seconds_between(self.arrived_at, low),
                None if high is None else seconds_between(self.arrived_at, high))

    @property
    def transferred(self) -> bool:
        """Whether a caseworker handed the call over to somebody or something that counts."""
        return any(transfer.counts for transfer in self.transfers)


@dataclass(frozen=True, slots=True)
class CallArrived:
    """A member rang in."""

    call: CallId
    at: Instant
    line: str | None
    in_hours: bool
    excluded: str | None


@dataclass(frozen=True, slots=True)
class CallAsked:
    """The member began to wait for a human: first queue joined or first desk rung. Once a call."""

    call: CallId
    at: Instant


@dataclass(frozen=True, slots=True)
class CallQueued:
    """The call joined a queue. The first one is where the call belongs."""

    call: CallId
    at: Instant
    queue: str


@dataclass(frozen=True, slots=True)
class CallMoved:
    """The member is now in another place."""

    call: CallId
    at: Instant
    place: Place


@dataclass(frozen=True, slots=True)
class CallAnswered:
    """Member and caseworker were put together. Once a call.

    `answered_at` is None when only `bounds` (seconds from ring-in) are known.
    """

    call: CallId
    at: Instant                                   # when they were put together
    answered_at: Instant | None                   # when the phone was picked up
    bounds: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class CallJudged:
    """The verdict on the answer time. Once a call, for good."""

    call: CallId
    at: Instant
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class CallTransferred:
    """A caseworker handed the call over, and it counts. `first` on the call's first one."""

    call: CallId
    at: Instant
    kind: TransferKind
    first: bool


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The call is over and sealed: said some seconds after the hang-up, when late events have come in."""

    call: CallId
    at: Instant                                   # the end itself
    outcome: Outcome
    record: CallRecord


class DeskState(StrEnum):
    """What a desk's phone is doing."""

    FREE = "free"
    RINGING = "ringing"
    BUSY = "busy"
    PAUSED = "paused"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class DeskChanged:
    """A desk's state, or the queues it serves, changed. `state` None: the desk is gone."""

    pbx: str
    desk: str                                     # endpoint, such as PJSIP/101
    at: Instant
    state: DeskState | None
    queues: frozenset[str]


@dataclass(frozen=True, slots=True)
class GapMarked:
    """For these seconds there was no trustworthy event stream. `until` None: still going on.

    `hides_at_most`: so many calls may have come and gone in it that nobody knows of; None: nobody can tell how many.
    `told_by`: the source that has told every call of it since; None: none has.
    """

    pbx: str
    since: Instant
    until: Instant | None
    reason: str
    hides_at_most: int | None = None
    told_by: Quality | None = None


@dataclass(frozen=True, slots=True)
class CallUnaccounted:
    """A call whose end, or answer, nobody saw."""

    call: CallId
    at: Instant
    reason: str


@dataclass(frozen=True, slots=True)
class ClockStepped:
    """The PBX's clock was set, by so many microseconds; open calls are told in the clock of their ring-in."""

    pbx: str
    at: Instant                                   # by the new clock
    by: int


@dataclass(frozen=True, slots=True)
class OddityNoticed:
    """The PBX was surprising in a known way; counted by `kind`."""

    pbx: str
    at: Instant
    kind: str


Fact = (CallArrived | CallAsked | CallQueued | CallMoved | CallAnswered | CallJudged | CallTransferred | CallEnded
        | DeskChanged | GapMarked | CallUnaccounted | ClockStepped | OddityNoticed)
