"""Rules of asking for a human: phones that ring for a member, queues, and what the dialplan does with a leg."""

from slmon.core import events as ev
from slmon.core.answers import Answers
from slmon.core.call import MAX_STEPS, Call
from slmon.core.callbook import SETTLE, VOICEMAIL_APPLICATIONS, Due
from slmon.core.facts import CallAsked, CallQueued, Place
from slmon.core.handovers import HandOvers
from slmon.core.instant import Instant
from slmon.core.site import Meaning
from slmon.core.wiring import Leg

_ASKING = frozenset({"Queue", "Dial", "RetryDial"})          # these may refuse without any event of their own
_SENDING_AWAY = frozenset({"Busy", "Congestion"})
# What makes whoever picked up press a key before the call is theirs ("press 1 to accept").
_ASKING_KEYS = frozenset({"Read", "ReadExten", "BackGround", "Background", "WaitExten", "WaitDigit", "AGI", "EAGI",
                          "PrivacyManager", "Authenticate", "VMAuthenticate"})


class Asking(HandOvers, Answers):
    """Whether the member waits for a human, or has come through something else."""

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
        announced = self._sees_dialplan and dest.up_at is not None and dest.key_asked_at is None
        dest.picked_up_at = dest.up_at if announced and dest.rung else event.at
        dialler = self.wiring.legs.get(event.leg)
        if dialler is not None and dialler.call is not None and not self._is_human(dialler):
            dest.call = dialler.call                     # somebody else picked it up
        call = dest.call
        if call is not None and not dest.is_pipe and not call.is_answered and call.ended_at is None:
            self._asked(call, event.at)
            self._connecting(call, dest, event.at)

    def _picked_up(self, event: ev.PickedUp) -> None:
        leg, target = self.wiring.legs.get(event.leg), self.wiring.legs.get(event.target)
        if leg is None:
            return
        call = self._call_behind(target, event.target_linked)
        if call is not None:
            leg.call = call
            leg.picked_up_at = leg.picked_up_at or event.at
            call.step(event.at, "pickup", leg.endpoint)

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

    def _queue_left(self, event: ev.QueueLeft) -> None:
        call = self._by_leg.get(event.leg) or self._through_pipe(event.leg)
        if call is not None and call.queued_in == event.queue:
            call.queued_in = None
            call.queue_left_at = event.at

    def _through_pipe(self, leg_id: str) -> Call | None:
        """The call whose member stands behind a pipe that goes on in its stead. A desk's own consultation is none."""
        leg = self.wiring.legs.get(leg_id)
        if leg is None or not leg.is_pipe or leg.call is None or leg.call.id not in self.calls:
            return None
        return leg.call if leg.met is leg.call or not leg.call.is_answered else None

    def _dialplan_ran(self, event: ev.DialplanRan) -> None:
        self._sees_dialplan = True
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
        elif event.application in VOICEMAIL_APPLICATIONS:
            call.meaning = Meaning.VOICEMAIL
            call.step(event.at, Meaning.VOICEMAIL.value, event.context)
        elif event.application in _SENDING_AWAY:
            call.sent_away = True

    def _desk_ran(self, leg: Leg, event: ev.DialplanRan) -> None:
        """The dialplan does something with a leg that is not the member's."""
        call = leg.call
        if call is None:
            return
        if leg.is_pipe and event.application in VOICEMAIL_APPLICATIONS:
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
