"""Events and time → facts: what the legs of one PBX say about member calls. Pure; raises on no event order.

The question behind every rule is who hears the member. The rules stand floor upon floor: `answers` and `handovers`,
`asking` for a human, `company` that a member has, `legs` that come and go; beside them `resync`, `resume` and `audit`,
for what nobody heard.
"""

from collections.abc import Callable
from heapq import heapify

from slmon.core import events as ev
from slmon.core.audit import Audit
from slmon.core.callbook import DISORDER, SEAL_AFTER, Due
from slmon.core.events import Event
from slmon.core.facts import Fact
from slmon.core.goals import Goal
from slmon.core.instant import Instant
from slmon.core.legs import Legs
from slmon.core.resume import Resume
from slmon.core.site import Doors
from slmon.core.steady import moved_event


class Switchboard(Legs, Resume, Audit):
    """One PBX's calls.

    `goal_at` and `is_open` say what holds at an instant. The same events give the same facts, however often
    `advance` is called between them.
    """

    def __init__(
        self,
        pbx: str,
        doors: Doors,
        goal_at: Callable[[Instant], Goal],
        is_open: Callable[[Instant], bool],
    ) -> None:
        super().__init__(pbx, doors, goal_at, is_open)
        self._rules: dict[type[Event], Callable[..., None]] = {
            ev.LegStarted: self._leg_started,
            ev.LegStateChanged: self._leg_state_changed,
            ev.HangupRequested: self._hangup_requested,
            ev.LegEnded: self._leg_ended,
            ev.DialStarted: self._dial_started,
            ev.DialEnded: self._dial_ended,
            ev.BridgeEntered: self._bridge_entered,
            ev.BridgeLeft: self._bridge_left,
            ev.LocalPaired: self._local_paired,
            ev.QueueJoined: self._queue_joined,
            ev.QueueLeft: self._queue_left,
            ev.DialplanRan: self._dialplan_ran,
            ev.KeyPressed: self._key_pressed,
            ev.PickedUp: self._picked_up,
            ev.BlindTransferred: self._blind_transferred,
            ev.AttendedTransferred: self._attended_transferred,
            ev.Parked: self._parked,
            ev.HoldChanged: self._hold_changed,
            ev.LegRenamed: self._leg_renamed,
            ev.DeviceChanged: self._device_changed,
            ev.MemberChanged: self._member_changed,
            ev.SwitchBooted: self._switch_booted,
            ev.CallsCounted: self._calls_counted,
            ev.ClockSet: self._clock_set,
            ev.SwitchStopping: self._switch_stopping,
            ev.StreamLost: self._stream_lost,
            ev.SnapshotTaken: self._snapshot_taken,
        }

    def apply(self, event: Event) -> list[Fact]:
        """The facts that follow from one event, after those that fell due before it."""
        said: list[Fact] = []
        self._said = said
        if self.set_by:
            event = moved_event(event, -self.set_by)
        at = event.at
        if type(event) is ev.StreamLost:
            at = max(min(at, event.since), self.now)     # beyond that nothing was heard, and nothing fell due
        elif type(event) is ev.ClockSet and abs(at - self.now) > DISORDER:    # else an event has told of it before
            at = event.was
        if at > self.now:
            self.now = at
            if self._deadlines and self._deadlines[0][0] <= at:
                self._run_deadlines(at)
            if self._forget_next <= at:
                self._forget_legs(at)
        elif at < self.now - DISORDER:
            self._clock_was_set(at - self.now)
            event = moved_event(event, self.now - at)
        self._rules[type(event)](event)
        return self._by_the_clocks(said)

    def advance(self, now: Instant) -> list[Fact]:
        """The facts that fell due by `now`, though no event said so."""
        said: list[Fact] = []
        self._said = said
        now -= self.set_by
        if now > self.now:
            self.now = now
            self._run_deadlines(now)
            self._forget_legs(now)
        return self._by_the_clocks(said)

    def next_seal(self) -> Instant | None:
        """When `seal_ended` has something to do next."""
        ended = (call.ended_at for call in self.calls.values()
                 if call.ended_at is not None and not self._may_be_cut_off(call))
        first = min(ended, default=None)
        return None if first is None else first + SEAL_AFTER + self.set_by

    def seal_ended(self, now: Instant) -> list[Fact]:
        """Seal whose end was heard long enough before `now`, where the stream is gone: no event can change them.

        Nothing else falls due: of all the others nobody knows what happened since.
        """
        said: list[Fact] = []
        self._said = said
        by = now - self.set_by
        sealed = {call.id for call in self.calls.values()
                  if call.ended_at is not None and call.ended_at + SEAL_AFTER <= by}
        due = sorted((each for each in self._deadlines if each[3].id in sealed), key=lambda each: each[:2])
        self._deadlines = [each for each in self._deadlines if each[3].id not in sealed]
        heapify(self._deadlines)
        for at, _, what_is_due, call, what in due:
            self._fire(at, what_is_due, call, what)
        return self._by_the_clocks(said)

    def finish(self) -> list[Fact]:
        """No more events will come: seal what has ended. Calls still open stay open; their end is unknown."""
        said: list[Fact] = []
        self._said = said
        self._run_deadlines(self.now)
        waiting, self._deadlines = sorted(self._deadlines, key=lambda each: each[:2]), []
        for at, _, due, call, what in waiting:
            if call.ended_at is not None or due is Due.HAND_OVER:
                self._fire(at, due, call, what)
        return self._by_the_clocks(said)

    def _clock_set(self, event: ev.ClockSet) -> None:
        """Unless an event has told of it already."""
        by = event.at - self.now
        if abs(by) > DISORDER:
            self._clock_was_set(by)

    def _device_changed(self, event: ev.DeviceChanged) -> None:
        self._said += self.desks.device_changed(event)

    def _member_changed(self, event: ev.MemberChanged) -> None:
        self._said += self.desks.member_changed(event)
