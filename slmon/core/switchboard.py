"""Events and time → facts: what the legs of one PBX say about member calls. Pure; raises on no event order.

The question behind every rule is who hears the member: legs in one bridge, pipes between bridges. A call is answered
when a phone with a person at it hears the member; dialling only tells when that phone was picked up.
"""

from collections.abc import Callable

from slmon.core import events as ev
from slmon.core.audit import Audit
from slmon.core.call import MAX_STEPS, Call
from slmon.core.callbook import CONFIRM, DISORDER, MOST_LEGS, SAME_ID_AGAIN, SETTLE, CallBook, Due
from slmon.core.events import Event, LegState
from slmon.core.facts import CONNECTING, CallArrived, CallAsked, CallId, CallQueued, Fact, Place, Quality
from slmon.core.goals import Goal
from slmon.core.handovers import HandOvers
from slmon.core.instant import SECOND, Instant
from slmon.core.resync import Resync
from slmon.core.site import Doors, LineKind, Meaning
from slmon.core.steady import moved_event
from slmon.core.wiring import Leg, LegKind

_VOICEMAIL_APPLICATIONS = frozenset({"VoiceMail", "Voicemail", "MiniVM", "MinivmRecord"})
ACCEPTED_BY_KEY = SECOND // 4       # so soon after the key the member hears the desk, if the key accepted the call
_ASKING = frozenset({"Queue", "Dial", "RetryDial"})          # these may refuse without any event of their own
_SENDING_AWAY = frozenset({"Busy", "Congestion"})
# What makes whoever picked up press a key before the call is theirs ("press 1 to accept").
_ASKING_KEYS = frozenset({"Read", "ReadExten", "BackGround", "Background", "WaitExten", "WaitDigit", "AGI", "EAGI",
                          "PrivacyManager", "Authenticate", "VMAuthenticate"})


class Switchboard(HandOvers, Resync, Audit, CallBook):
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

    # -- legs come and go

    def _leg_started(self, event: ev.LegStarted) -> None:
        if not event.leg:
            self._odd("unannounced_leg", event.at)       # elsewhere an empty id says that nobody is there
            return
        known = self.wiring.legs.get(event.leg)
        if known is not None:
            if event.at - known.started_at < SAME_ID_AGAIN:
                return                                   # told twice
            self._lose_leg(known, event.at)
        if len(self.wiring) >= MOST_LEGS:                # nothing is known of it until the switch lists what is there
            self._stream_lost(ev.StreamLost(event.at, event.at, "more channels than can be followed"))
            return
        leg = Leg(event.leg, event.channel, event.linked, event.at, event.state)
        leg.context, leg.exten = event.context, event.exten
        self.wiring.add(leg)
        if event.linked != event.leg:
            leg.call = self._by_link.get(event.linked)
        if event.state is LegState.RING and self._is_door(leg, event.context):
            self._arrive(leg, event.caller)
        elif event.state is LegState.DOWN and self._is_door(leg, event.context):
            leg.caller_at_door = event.caller

    def _is_door(self, leg: Leg, context: str) -> bool:
        """Whether a leg that rings in here is a member. A pipe never is: the switch made it."""
        doors = self.doors
        inside = context in doors.contexts or (bool(doors.trunks) and doors.is_trunk(leg.endpoint))
        return inside and not leg.is_pipe

    def _arrive(self, leg: Leg, caller: str) -> None:
        line = self._line_of(leg.exten) if leg.exten else None
        self._door_seen(leg)
        rang_in_at = leg.started_at + self.set_by
        in_hours = self._is_open(rang_in_at)
        call = Call(CallId(f"{self.pbx}/{leg.id}"), self.pbx, leg, line, in_hours, self._goal_at(rang_in_at),
                    self._changed)
        if call.id in self.calls:
            return
        call.caller = caller
        call.boot = self._boot
        if line is not None and line.kind in {LineKind.TEST, LineKind.SURVEY}:
            call.excluded = line.kind.value
        self.calls[call.id] = call
        self._by_leg[leg.id] = call
        self._by_link[leg.id] = call
        if leg.linked != leg.id:
            self._by_link.setdefault(leg.linked, call)
        leg.call = leg.met = call
        call.step(leg.started_at, "arrived", line.name if line else "")
        self.hidden.rang_in(leg.started_at, self._gap_since is not None)
        self._say(CallArrived(call.id, leg.started_at, line.name if line else None, in_hours, call.excluded))

    def _leg_state_changed(self, event: ev.LegStateChanged) -> None:
        leg = self.wiring.legs.get(event.leg)
        if leg is None:
            return
        if event.state is LegState.RING and leg.caller_at_door is not None and not leg.rung:   # chan_sip and others
            leg.context, leg.exten = leg.context, leg.exten or event.exten
            self._arrive(leg, leg.caller_at_door)
            leg.caller_at_door = None
        leg.state = event.state
        if event.state is LegState.UP and leg.up_at is None:
            self._line_up(leg, event.at)
        if leg.linked != event.linked and event.linked:
            self._relink(leg, event.linked)
        call = self._by_leg.get(leg.id)
        if call is not None:
            self._came_through(call, event.context)

    def _line_up(self, leg: Leg, at: Instant) -> None:
        """A phone was picked up, or the switch answered. An announcement to the desk may come before DialEnded."""
        leg.up_at = at
        call = leg.call
        if leg.rung and leg.shows_dialplan and call is not None and call.asked_at is not None:
            self._connecting(call, leg, at)

    def _connecting(self, call: Call, leg: Leg, at: Instant) -> None:
        open_call = not call.is_answered and call.ended_at is None
        if open_call and call.connecting is None and self._is_human(leg) and not leg.is_gone:
            call.connecting, call.connecting_since = leg, max(at, call.arrived_at)
            call.step(call.connecting_since, CONNECTING, leg.endpoint)
            self._move(call, Place.CONNECTING, at)

    def _relink(self, leg: Leg, linked: str) -> None:
        """The switch names the leg by another id from now on, silently: the older of two calls wins."""
        leg.linked = linked
        call = self._by_leg.get(leg.id)
        if call is not None:
            self._tie(call, linked)

    def _hangup_requested(self, event: ev.HangupRequested) -> None:
        leg = self.wiring.legs.get(event.leg)
        if leg is None or leg.hung_up_at is not None:
            return
        leg.hung_up_at = event.at
        if leg.call is not None and leg.call.connecting is leg:
            self._not_connected(leg.call, event.at)
        member = self._by_leg.get(leg.id)
        if member is not None:
            self._end(member, event.at)              # its channel may live on to the end of an announcement

    def _leg_ended(self, event: ev.LegEnded) -> None:
        self._over.pop(event.leg, None)
        leg = self.wiring.legs.get(event.leg)
        if leg is None or leg.ended_at is not None:
            return
        member = self._by_leg.get(leg.id)
        if member is not None:
            self._came_through(member, event.context)
        self._gone(leg, event.at)
        if leg.is_pipe and leg.pair is not None and leg.pair.met is not None:
            self._came_through(leg.pair.met, event.context)

    def _gone(self, leg: Leg, at: Instant) -> None:
        leg.ended_at, leg.caller_at_door = at, None
        self._ended_legs.append((at, leg))
        member = self._by_leg.get(leg.id)
        if member is not None:
            self._end(member, at)
        call = leg.call
        if call is not None and call.connecting is leg:
            self._not_connected(call, at)
        if leg.bridge is not None:                       # the switch said nothing of its leaving
            self._left(leg, at)
        had = leg.met
        if had is not None and had.holder is leg and not had.company:
            self._due(at + CONFIRM, Due.APART, had)

    def _leg_renamed(self, event: ev.LegRenamed) -> None:
        leg = self.wiring.legs.get(event.leg)
        if leg is not None:
            leg.channel = event.channel

    def _local_paired(self, event: ev.LocalPaired) -> None:
        one, two = self.wiring.legs.get(event.one), self.wiring.legs.get(event.two)
        if one is None or two is None:
            self._odd("unannounced_leg", event.at)
            return
        self.wiring.pair(one, two)
        call = one.call or two.call
        if call is not None:
            one.call = two.call = call

    # -- ringing

    def _dial_started(self, event: ev.DialStarted) -> None:
        dest = self.wiring.legs.get(event.dest)
        if dest is None:
            self._odd("unannounced_leg", event.at)
            return
        dest.rung = True
        dialler = self.wiring.legs.get(event.leg)
        call = self._call_behind(dialler, event.linked or event.dest_linked)
        if call is None or (dialler is not None and self._is_human(dialler)):
            return
        dest.call = call
        if dest.pair is not None:
            dest.pair.call = call
        if dialler is call.leg:
            call.ask_tried_at = None
        if dest.is_pipe or call.ended_at is not None or self.doors.is_machine(dest.endpoint):
            return
        call.step(event.at, "ring", dest.endpoint)
        if call.is_answered:
            self._went_on(call)
        else:
            self._asked(call, event.at)

    def _dial_ended(self, event: ev.DialEnded) -> None:
        dest = self.wiring.legs.get(event.dest)
        if dest is None:
            self._odd("unannounced_leg", event.at)
            return
        if event.status != "ANSWER" or dest.dial_answered:
            return
        dest.dial_answered = True
        # Announced to (Dial's A) the phone was picked up before; one that had to press a key was not, until it did.
        announced = dest.shows_dialplan and dest.up_at is not None and dest.key_asked_at is None
        dest.picked_up_at = dest.up_at if announced and dest.rung else event.at
        dialler = self.wiring.legs.get(event.leg)
        if dialler is not None and dialler.call is not None and not self._is_human(dialler):
            dest.call = dialler.call                     # somebody else picked it up
        call = dest.call
        if call is not None and not dest.is_pipe and not call.is_answered and call.ended_at is None:
            self._asked(call, event.at)
            self._connecting(call, dest, event.at)

    def _key_pressed(self, event: ev.KeyPressed) -> None:
        leg = self.wiring.legs.get(event.leg)
        if leg is not None and leg.rung:
            leg.key_at = event.at

    def _picked_up(self, event: ev.PickedUp) -> None:
        leg, target = self.wiring.legs.get(event.leg), self.wiring.legs.get(event.target)
        if leg is None:
            return
        call = self._call_behind(target, event.target_linked)
        if call is not None:
            leg.call = call
            leg.picked_up_at = leg.picked_up_at or event.at
            call.step(event.at, "pickup", leg.endpoint)

    def _not_connected(self, call: Call, at: Instant) -> None:
        """The phone that had been picked up is gone again: the member still waits."""
        call.connecting = None
        if self._gap_since is None:                      # else they may have come together, and nobody heard
            call.not_connected(at)
        if not call.is_answered and call.ended_at is None:
            self._move(call, Place.WAITING, at)
            self._due(at + SETTLE, Due.JUDGE, call)

    # -- asking for a human

    def _asked(self, call: Call, at: Instant) -> None:
        at = max(at, call.arrived_at)                    # legs tell their moments a few ms out of order
        call.known_waiting_at = at
        call.sent_away = False
        call.meaning = None                              # back from whatever it came through
        if call.asked_at is None:
            call.asked_at = at
            self._say(CallAsked(call.id, at))
            if call.place is Place.MENU:
                self._move(call, Place.WAITING, at)
            self._due(max(call.arrived_at + call.goal.target + 1, at) + SETTLE, Due.JUDGE, call)

    def _queue_joined(self, event: ev.QueueJoined) -> None:
        call = self._by_leg.get(event.leg) or self._through_pipe(event.leg)
        if call is None or call.ended_at is not None:
            return
        call.ask_tried_at = None
        told, call.queued_in = call.queued_in, event.queue
        self._tie(call, event.linked)
        if told == event.queue:
            return                                       # told twice: it has not left since
        if event.queue and len(call.queues) < MAX_STEPS:     # not every source knows which
            call.queues.append(event.queue)
            call.step(event.at, "queue", event.queue)
            self._say(CallQueued(call.id, event.at, event.queue))
        self._went_on(call)
        self._came_through(call, event.context)
        if not call.is_answered:
            self._asked(call, event.at)

    def _through_pipe(self, leg_id: str) -> Call | None:
        """The call whose member stands behind a pipe that goes on in its stead. A desk's own consultation is none."""
        leg = self.wiring.legs.get(leg_id)
        if leg is None or not leg.is_pipe or leg.call is None or leg.call.id not in self.calls:
            return None
        return leg.call if leg.met is leg.call or not leg.call.is_answered else None

    def _queue_left(self, event: ev.QueueLeft) -> None:
        call = self._by_leg.get(event.leg) or self._through_pipe(event.leg)
        if call is not None and call.queued_in == event.queue:
            call.queued_in = None
            call.queue_left_at = event.at

    def _dialplan_ran(self, event: ev.DialplanRan) -> None:
        leg = self.wiring.legs.get(event.leg)
        if leg is None:
            return
        call = self._by_leg.get(leg.id)
        if call is None:
            self._desk_ran(leg, event)
            return
        if call.ask_tried_at == event.at:
            return                                       # told twice
        if call.ask_tried_at is not None and call.asked_at is None:
            # The queue let it go on without letting it in: full, or nobody there.
            tried, call.ask_tried_at = call.ask_tried_at, None
            self._asked(call, tried)
        if leg.context != event.context or leg.exten != event.exten:
            leg.context, leg.exten = event.context, event.exten
            if not call.is_answered:
                call.step(event.at, "dialplan", f"{event.context},{event.exten}")
        self._came_through(call, event.context)
        if event.application in _ASKING and not call.is_answered:
            call.ask_tried_at = event.at
        elif event.application in _VOICEMAIL_APPLICATIONS:
            call.meaning = Meaning.VOICEMAIL
            call.step(event.at, Meaning.VOICEMAIL.value, event.context)
        elif event.application in _SENDING_AWAY:
            call.sent_away = True

    def _desk_ran(self, leg: Leg, event: ev.DialplanRan) -> None:
        """The dialplan does something with a leg that is not the member's."""
        leg.shows_dialplan = True
        call = leg.call
        if call is None:
            return
        if leg.is_pipe and event.application in _VOICEMAIL_APPLICATIONS:
            call.meaning = Meaning.VOICEMAIL
            call.step(event.at, Meaning.VOICEMAIL.value, event.context)
        elif leg.rung and event.application in _ASKING_KEYS:
            leg.key_asked_at = event.at
            if call.connecting is leg:
                self._not_connected(call, event.at)

    def _came_through(self, call: Call, context: str) -> None:
        meaning = self.doors.meanings.get(context)
        if meaning is not None and meaning is not call.meaning:
            call.meaning = meaning
            call.step(self.now, meaning.value, context)
            if meaning is Meaning.SURVEY:
                self._passed_to_survey(call)

    # -- together

    def _bridge_entered(self, event: ev.BridgeEntered) -> None:
        leg = self.wiring.legs.get(event.leg)
        if leg is None:
            self._odd("unannounced_leg", event.at)
            return
        if leg.ended_at is not None:
            return
        if leg.linked != event.linked and event.linked:
            self._relink(leg, event.linked)
        member = self._by_leg.get(leg.id)
        if member is not None:
            self._came_through(member, event.context)
        if event.holding:
            if leg.bridge is not None:
                self._left(leg, event.at)
            return
        self.wiring.enter(leg, event.bridge)
        self._regroup(leg, event.at)

    def _bridge_left(self, event: ev.BridgeLeft) -> None:
        leg = self.wiring.legs.get(event.leg)
        if leg is not None and leg.bridge == event.bridge:
            self._left(leg, event.at)

    def _left(self, leg: Leg, at: Instant) -> None:
        stayed = self.wiring.leave(leg)
        member = self._by_leg.get(leg.id)
        if member is not None and member.company:
            self._company(member, {}, at)
        if stayed is not None:
            self._regroup(stayed, at)
        if leg.pair is not None and leg.pair.bridge is not None:
            self._regroup(leg.pair, at)
        call = leg.met
        if call is not None and leg.id in call.company:
            self._company(call, {key: each for key, each in call.company.items() if key != leg.id}, at)

    def _regroup(self, leg: Leg, at: Instant) -> None:
        """Somebody came or went: who hears a member now?"""
        together = self.wiring.reached_from(leg)
        by_leg = self._by_leg
        members = [each for each in together if each.id in by_leg]
        if not members:
            return
        machines = [each for each in together if self._is_machine(each)]
        for member in members:
            call = by_leg[member.id]
            heard = self.wiring.reached_from(member, self._is_machine) if machines else together
            humans: dict[str, Leg] = {}
            for other in heard:
                if other is member:
                    continue
                other.met = call
                if machines and self._is_machine(other):
                    self._got_machine(call)
                elif other.kind is LegKind.PHONE and other.id not in by_leg:
                    humans[other.id] = other
            if humans.keys() != call.company.keys():
                self._company(call, humans, at)

    def _got_machine(self, call: Call) -> None:
        if not call.is_answered:
            if call.meaning is not Meaning.VOICEMAIL:
                call.step(self.now, Meaning.VOICEMAIL.value)
            call.meaning = Meaning.VOICEMAIL
            if call.connecting is not None:
                self._not_connected(call, self.now)

    def _company(self, call: Call, humans: dict[str, Leg], at: Instant) -> None:
        """These desks, and nobody else, hear the member from now on."""
        before, call.company = call.company, humans
        joined = [leg for key, leg in humans.items() if key not in before]
        if not call.is_answered:
            if joined:
                self._put_together(call, joined, at)
            return
        if joined:
            self._joined(call, joined, at)
        left = [leg for key, leg in before.items() if key not in humans]
        if left:
            self._gone_from(call, left, at)

    def _put_together(self, call: Call, joined: list[Leg], at: Instant) -> None:
        """Answered, if somebody is really there on both sides."""
        if call.leg.is_gone or call.ended_at is not None:
            return
        at = max(at, call.arrived_at)
        present = [leg for leg in joined if not leg.is_gone]
        if not present:
            return
        desk = min(present, key=lambda leg: self._pick_up(call, leg, at))
        picked_up_at = self._pick_up(call, desk, at)
        if call.asked_at is None:
            self._asked(call, picked_up_at)
        unseen = self._unseen_pick_up(call, desk, at)
        if call.clock_stepped:
            call.answered_between = None, None           # the clock that told its ring-in is not this one
        elif unseen is not None or call.arrived_slack:
            low, high = unseen or (picked_up_at, picked_up_at)
            call.answered_between = max(low - call.arrived_slack, call.arrived_at), high + call.arrived_slack
            call.quality = Quality.RESUMED
        else:
            call.answered_at = picked_up_at
        call.holder = desk
        call.desks.append(desk.endpoint)
        call.step(picked_up_at, "answered", desk.endpoint)
        self._answered(call, at)

    def _unseen_pick_up(self, call: Call, desk: Leg, at: Instant) -> tuple[Instant, Instant] | None:
        """Between when the phone was picked up, where nobody was told the moment, or this may not be the first one."""
        if call.unsure_since is not None:
            return call.unsure_since, self._pick_up(call, desk, at)
        if desk.picked_up_at is not None and desk.call is call:
            return None if self._listed_since is None else (desk.picked_up_at, at)   # by a key, or only announced to?
        if self._listed_since is None:
            return desk.up_between if desk.call is call else None
        # Whoever is there now need not have been the first: it may have been answered and passed on unseen.
        unheard_of = self._listed_since == at or call.found_at == at     # not even known to have waited before
        since = self._listed_since if call.connecting_since is None else min(self._listed_since, call.connecting_since)
        return (call.arrived_at if unheard_of else since), at

    def _pick_up(self, call: Call, leg: Leg, at: Instant) -> Instant:
        """When the phone was picked up for this call; one that nobody rang for it picks the call up by joining."""
        picked_up_at = leg.picked_up_at
        if leg.call is not call or picked_up_at is None:
            return at
        if leg.key_at is not None and leg.key_at >= picked_up_at and at - leg.key_at <= ACCEPTED_BY_KEY:
            return leg.key_at                            # the key put the member through: that is the acceptance
        if leg.key_asked_at is not None and leg.key_asked_at >= picked_up_at:
            return at                                    # accepted by a key, after the ringing had ended
        by_queue = call.queued_in is not None or (call.queue_left_at or 0) >= picked_up_at - SETTLE
        if at - picked_up_at > ACCEPTED_BY_KEY and not by_queue and leg.up_at != picked_up_at:
            return at                                    # only a queue announces after the ringing; others ask
        return min(max(picked_up_at, call.arrived_at), at)

    def _device_changed(self, event: ev.DeviceChanged) -> None:
        self._said += self.desks.device_changed(event)

    def _member_changed(self, event: ev.MemberChanged) -> None:
        self._said += self.desks.member_changed(event)

    def _hold_changed(self, event: ev.HoldChanged) -> None:
        leg = self.wiring.legs.get(event.leg)
        if leg is not None and leg.met is not None and leg.met.is_answered:
            leg.met.step(event.at, "hold" if event.held else "resume", leg.endpoint)


