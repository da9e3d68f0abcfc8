"""The open calls and their clock: ties between legs and calls, deadlines, and the facts said so far.

The ground that the switchboard's rules stand on; it has the rules of judging and ending, and none of what legs do.
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from heapq import heappop, heappush

from slmon.core.call import Call
from slmon.core.desks import Desks
from slmon.core.elsewhere import Elsewhere
from slmon.core.events import LegId, SnapshotLeg
from slmon.core.facts import (
    CLOCK_SET,
    CallAnswered,
    CallArrived,
    CallEnded,
    CallId,
    CallJudged,
    CallMoved,
    CallRecord,
    CallUnaccounted,
    ClockStepped,
    DeskChanged,
    Fact,
    GapMarked,
    OddityNoticed,
    Outcome,
    Place,
    Quality,
)
from slmon.core.goals import Goal, judge, may_yet_be_lost
from slmon.core.hidden import HiddenCalls
from slmon.core.instant import SECOND, Instant
from slmon.core.outcomes import ended_by, outcome_of
from slmon.core.site import Doors, Meaning
from slmon.core.steady import moved_fact, moved_record
from slmon.core.wiring import Leg, LegKind, Wiring

SETTLE = SECOND // 4            # events of different legs run a few ms out of order: nothing is judged sooner
DISORDER = 2 * SECOND           # further back than events of different legs ever are: the clock was set
SEAL_AFTER = 5 * SECOND         # a transfer can be told of after the hang-up
FORGET_AFTER = 10 * SECOND      # a leg that ended
LISTED_SLACK = SECOND // 2      # a list tells an age in whole seconds, cut off: half a second either way
TOGETHER = 2 * SECOND           # a transfer, the parking it meant, and the going of the desk are told this near
CONFIRM = SECOND                # the park extension shows only after the transfer to it
MOST_LEGS = 50_000              # at once, ended ones of the last seconds among them
MOST_DOORS = 1000               # endpoints: a trunk is one, a peer without a name is one for each address
MOST_LINKS = 1000               # ids that the switch ties one call to
PASSED_ON_SOONEST = SECOND + SECOND // 2     # nobody picks up, hears what it is about, and passes the call on in less
VOICEMAIL_APPLICATIONS = frozenset({"VoiceMail", "Voicemail", "MiniVM", "MinivmRecord"})
MOST_OVER = 10_000              # legs that outlive their calls, remembered; the switch's list lets go of them


class Due(IntEnum):
    """What a deadline is for."""

    JUDGE = 0
    HAND_OVER = 1
    CONFERENCE = 2
    APART = 3
    SEAL = 4


@dataclass(frozen=True, slots=True)
class Over:
    """A call that is over though the switch was not heard to end its leg."""

    arrived_at: Instant
    since: Instant


Deadline = tuple[Instant, int, Due, Call, object]


class CallBook(ABC):
    """Calls, legs and deadlines of one PBX."""

    def __init__(
        self,
        pbx: str,
        doors: Doors,
        goal_at: Callable[[Instant], Goal],
        is_open: Callable[[Instant], bool],
    ) -> None:
        self.pbx = pbx
        self.doors = doors
        self._named_machine = lru_cache(4096)(doors.is_machine)
        self._line_of = lru_cache(4096)(doors.line_of)
        self.wiring = Wiring()
        self.desks = Desks(pbx)
        self.calls: dict[CallId, Call] = {}
        self._changed: dict[CallId, None] = {}        # calls of whom more is known than was asked for
        self.now: Instant = 0                         # by the steady clock, see slmon.core.steady
        self.set_by = 0                               # microseconds that the switch's clock is ahead of it
        self._clock_of: dict[CallId, int] = {}        # and was when a call rang in, where it was not 0
        self.doors_seen: set[str] = set()             # endpoints that members came in through
        self.elsewhere = Elsewhere()
        self.hidden = HiddenCalls()
        self._goal_at = goal_at
        self._is_open = is_open
        self._by_leg: dict[LegId, Call] = {}
        self._by_link: dict[LegId, Call] = {}
        self._deadlines: list[Deadline] = []
        self._serial = 0
        self._ended_legs: deque[tuple[Instant, Leg]] = deque()
        self._forget_next: Instant = 0
        self._look_for_old_at: Instant = 0
        self._said: list[Fact] = []
        self._boot: str | None = None
        self._gap_since: Instant | None = None
        self._gap_set_by = 0
        self._listed_since: Instant | None = None     # while a snapshot is read: what was seen last before it
        self._doubted: dict[CallId, Instant] = {}     # of the last list: who may have been answered since, unheard
        self._held_back: dict[CallId, Call] = {}      # calls to judge when the gap is over
        self._held_unsealed: dict[CallId, Call] = {}  # and to seal
        self._over: dict[LegId, Over] = {}            # member legs whose call is over and that may live on

    @property
    def told_until(self) -> Instant:
        """Up to when all is told, by the switch's clock."""
        return self.now + self.set_by

    def record(self, call: CallId) -> CallRecord | None:
        """What is known of an open or unsealed call; None for any other."""
        found = self.calls.get(call)
        if found is None:
            return None
        by = self._clock_of.get(call, 0)
        return moved_record(found.record(), by) if by else found.record()

    def open_records(self) -> list[CallRecord]:
        """What is known of every open or unsealed call."""
        return [record for call in self.calls if (record := self.record(call)) is not None]

    def changed_calls(self) -> list[CallId]:
        """The open calls of which more is known since this was asked last, though no fact may have said so."""
        if not self._changed:                            # asked after every read, and most tell nothing of a call
            return []
        changed = list(self._changed)
        self._changed.clear()
        return changed

    def next_deadline(self) -> Instant | None:
        """When `advance` has something to do, if no event comes before."""
        return self._deadlines[0][0] + self.set_by if self._deadlines else None

    # -- time

    def _due(self, at: Instant, due: Due, call: Call, what: object = None) -> None:
        self._serial += 1
        heappush(self._deadlines, (at, self._serial, due, call, what))

    def _run_deadlines(self, now: Instant) -> None:
        while self._deadlines and self._deadlines[0][0] <= now:
            at, _, due, call, what = heappop(self._deadlines)
            self._fire(at, due, call, what)

    def _fire(self, at: Instant, due: Due, call: Call, what: object) -> None:
        if due is Due.JUDGE:
            if may_yet_be_lost(call):
                return                                   # it is judged when it is sealed
            if self._gap_since is None or at - SETTLE <= self._gap_since:
                self._judge(call, at - SETTLE)
            elif self.calls.get(call.id) is call:
                self._held_back[call.id] = call          # it may have been answered while nobody listened
        elif due is Due.SEAL:
            if self._may_be_cut_off(call):
                self._held_unsealed[call.id] = call
            else:
                self._seal(call)

    def _may_be_cut_off(self, call: Call) -> bool:
        """Whether the switch hung up on the member as the last thing that an earlier life of this process heard."""
        return (self._gap_since is not None and call.ended_before and may_yet_be_lost(call)
                and call.ended_at is not None and self._gap_since - call.ended_at <= SEAL_AFTER)

    def _clock_was_set(self, by: int) -> None:
        """Somebody set the switch's clock. By how much is known well enough to go on, and not to judge by it.

        It may be our own clock that stood still: what the open calls have waited is not told by two clocks.
        """
        self.set_by += by
        if by < 0:
            self._odd("clock_stepped_back", self.now)
        else:
            self._odd("clock_stepped_forward", self.now)
        self._say(ClockStepped(self.pbx, self.now, by))
        self.hidden.lost_count()
        for call in self.calls.values():
            if call.ended_at is None:
                call.clock_stepped = True
                call.step(self.now, CLOCK_SET, f"{by / SECOND:+.6f}")

    def _by_the_clocks(self, said: list[Fact]) -> list[Fact]:
        """The facts as the switch's clock has them: of a call, in the clock of its ring-in."""
        if not self.set_by and not self._clock_of:
            return said
        return [self._by_its_clock(fact) for fact in said]

    def _by_its_clock(self, fact: Fact) -> Fact:
        if isinstance(fact, CallArrived) and self.set_by:
            self._clock_of[fact.call] = self.set_by      # an id that is given again has another clock from here on
        moved = moved_fact(fact, self._clock_told(fact))
        if isinstance(fact, CallEnded):
            self._clock_of.pop(fact.call, None)
        return moved

    def _clock_told(self, fact: Fact) -> int:
        """By how much the clock that the fact is told in is ahead of the steady one."""
        match fact:
            case DeskChanged() | OddityNoticed() | ClockStepped():
                return self.set_by
            case GapMarked():
                return self._gap_set_by                  # both its ends: of its beginning
            case _:
                return self._clock_of.get(fact.call, 0)

    def _forget_legs(self, now: Instant) -> None:
        ended = self._ended_legs
        self._forget_next = now + SECOND                 # now and then is often enough
        if now >= self._look_for_old_at:
            self._look_for_old_at = now + 3600 * SECOND
            self._forget_old(now)
        while ended and ended[0][0] <= now - FORGET_AFTER:
            _, leg = ended.popleft()
            if leg.ended_at is not None and (leg.call is None or leg.call.leg is not leg):
                self.wiring.forget(leg)

    # -- ties

    def _door_seen(self, leg: Leg) -> None:
        """Members come in through this endpoint."""
        if len(self.doors_seen) < MOST_DOORS:
            self.doors_seen.add(leg.endpoint)

    def _tie(self, call: Call, link: LegId) -> None:
        """The switch names the member's call by this id as well."""
        if link and link not in call.links and len(call.links) < MOST_LINKS:
            call.links.add(link)
            self._by_link.setdefault(link, call)

    def _relink(self, leg: Leg, linked: str) -> None:
        """The switch names the leg by another id from now on, silently: the older of two calls wins."""
        leg.linked = linked
        call = self._by_leg.get(leg.id)
        if call is not None:
            self._tie(call, linked)

    def _call_behind(self, leg: Leg | None, linked: LegId) -> Call | None:
        """The call on whose behalf a leg acts: its own, else the one that its linked id belongs to."""
        if leg is not None and leg.call is not None:
            return leg.call
        if leg is not None and leg.linked == leg.id:
            return None
        return self._by_link.get(linked)

    def _is_member(self, leg: Leg) -> bool:
        return leg.id in self._by_leg

    def _is_human(self, leg: Leg) -> bool:
        return leg.kind is LegKind.PHONE and leg.id not in self._by_leg and not self._is_machine(leg)

    def _is_machine(self, leg: Leg) -> bool:
        """Whether configuration calls what stands there, or behind this pipe, no human."""
        known = leg.machine
        if known is None:
            known = self._named_machine(leg.endpoint) or (
                leg.is_pipe and self.doors.meanings.get(leg.context) is Meaning.VOICEMAIL)
            leg.machine = known
        return known

    # -- facts about calls

    def _say(self, fact: Fact) -> None:
        self._said.append(fact)

    def _odd(self, kind: str, at: Instant) -> None:
        self._said.append(OddityNoticed(self.pbx, at, kind))

    def _move(self, call: Call, place: Place, at: Instant) -> None:
        if call.place is not place and call.place is not Place.GONE:
            call.place = place
            self._said.append(CallMoved(call.id, at, place))

    def _judge(self, call: Call, now: Instant) -> None:
        """Say the verdict, once, if there is one by now."""
        if call.verdict is not None:
            return
        found = judge(call, call.goal, now)
        if found is not None:
            call.verdict, at = found
            self._said.append(CallJudged(call.id, at, call.verdict))

    def _answered(self, call: Call, at: Instant) -> None:
        """Member and caseworker are together: say it, and judge."""
        call.talking_at = at
        call.connecting = None
        self._said.append(CallAnswered(call.id, at, call.answered_at, call.answer_bounds))
        self._move(call, Place.TALKING, at)
        self._judge(call, at)

    def _end(self, call: Call, at: Instant) -> None:
        """The member is gone."""
        if call.ended_at is not None:
            return
        if call.unheard_since is not None and not call.is_answered:
            call.doubt(max(call.unheard_since, call.arrived_at))     # it may be a talk that is over
        ended_at = call.ended_at = max(at, call.arrived_at, call.answered_at or 0, call.talking_at or 0)
        call.ended_by = ended_by(call, at)
        for hand_over in call.hand_overs:
            if hand_over.ended_at is None:
                hand_over.ended_at = max(ended_at, hand_over.at)
        call.step(ended_at, "ended", call.ended_by.value)
        self._move(call, Place.GONE, at)
        for hand_over in call.hand_overs:
            self._due(at + CONFIRM, Due.HAND_OVER, call, hand_over)
        if call.verdict is None:
            self._due(at + SECOND, Due.JUDGE, call)
        self._due(at + SEAL_AFTER, Due.SEAL, call)

    def _seal(self, call: Call) -> None:
        """Nothing can change the call any more: say its outcome and let it go."""
        if call.id not in self.calls or self.calls[call.id] is not call or call.ended_at is None:
            return
        if call.asked_at is None and call.ask_tried_at is not None:
            call.asked_at = max(call.ask_tried_at, call.arrived_at)      # the queue refused it: it asked all the same
        call.outcome = call.outcome or outcome_of(call)
        self._judge(call, call.ended_at)
        if call.went_on and not call.hand_overs and call.quality is Quality.LIVE:
            self._odd("untold_transfer", call.ended_at)
        if call.outcome is Outcome.LOST or call.ended_by is None:
            self._said.append(CallUnaccounted(call.id, call.ended_at, "lost"))
        self._said.append(CallEnded(call.id, call.ended_at, call.outcome, call.record()))
        self._drop(call)

    def _drop(self, call: Call) -> None:
        del self.calls[call.id]
        self._changed.pop(call.id, None)
        self._held_back.pop(call.id, None)
        self._by_leg.pop(call.leg.id, None)
        for link in call.links:
            if self._by_link.get(link) is call:
                del self._by_link[link]
        call.company.clear()
        self._ended_legs.append((self.now, call.leg))
        if call.leg.ended_at is None:
            call.leg.ended_at = call.ended_at
            self._over[call.leg.id] = Over(call.arrived_at, self.now)
            if len(self._over) > MOST_OVER:
                del self._over[next(iter(self._over))]
        call.leg.call = None

    # -- rules that stand further up

    @abstractmethod
    def _is_door(self, leg: Leg, context: str) -> bool:
        """Whether a leg that rings in here is a member."""

    @abstractmethod
    def _lose(self, call: Call, at: Instant) -> None:
        """The call was alive at `at`, and nothing is known after it."""

    @abstractmethod
    def _gone(self, leg: Leg, at: Instant) -> None:
        """A leg is no more."""

    @abstractmethod
    def _was_over(self, listed: SnapshotLeg) -> bool:
        """Whether the call of a leg that the switch lists yet is over."""

    @abstractmethod
    def _let_go_of_over(self, legs: tuple[SnapshotLeg, ...]) -> None:
        """What the switch lists no more is not remembered."""

    @abstractmethod
    def _forget_old(self, now: Instant) -> None:
        """Let go of legs of which nothing was heard for a day, and which are no call's."""

    @abstractmethod
    def _audit(self, legs: tuple[SnapshotLeg, ...], at: Instant) -> None:
        """The switch listed all its channels, and no gap was before it."""

    @abstractmethod
    def _arrive(self, leg: Leg, caller: str) -> None:
        """A member rang in."""

    @abstractmethod
    def _regroup(self, leg: Leg, at: Instant) -> None:
        """Somebody came or went: who hears a member now?"""

    @abstractmethod
    def _company(self, call: Call, humans: dict[LegId, Leg], at: Instant) -> None:
        """These desks, and nobody else, hear the member from now on."""

    @abstractmethod
    def _asked(self, call: Call, at: Instant) -> None:
        """The member waits for a human from here on."""

    @abstractmethod
    def _connecting(self, call: Call, leg: Leg, at: Instant) -> None:
        """A phone was picked up for the call, and is not put through yet."""

    @abstractmethod
    def _not_connected(self, call: Call, at: Instant) -> None:
        """The phone that had been picked up is gone again: the member still waits."""
