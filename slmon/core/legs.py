"""Rules of legs that come and go: who rings in through a door is a member, and who hangs up is gone."""

from slmon.core import events as ev
from slmon.core.call import Call
from slmon.core.callbook import CONFIRM, MOST_LEGS, Due
from slmon.core.company import Company
from slmon.core.events import LegState
from slmon.core.facts import SAME_CALL, CallArrived, CallId
from slmon.core.instant import Instant
from slmon.core.resync import Resync
from slmon.core.site import LineKind
from slmon.core.wiring import Leg


class Legs(Company, Resync):
    """The legs of one switch, and the calls that come in with them."""

    def _leg_started(self, event: ev.LegStarted) -> None:
        if not event.leg:
            self._odd("unannounced_leg", event.at)       # elsewhere an empty id says that nobody is there
            return
        known = self.wiring.legs.get(event.leg)
        if known is not None:
            if event.at - known.started_at < SAME_CALL:
                return                                   # told twice
            self._lose_leg(known)
        if len(self.wiring) >= MOST_LEGS:                # nothing is known of it until the switch lists what is there
            self._stream_lost(ev.StreamLost(event.at, event.at, "more channels than can be followed"))
            return
        leg = Leg(event.leg, event.channel, event.linked, event.at, event.state)
        leg.context, leg.exten = event.context, event.exten
        self.wiring.add(leg)
        if event.linked != event.leg:
            leg.call = self._by_link.get(event.linked)
        if event.state is LegState.RING:
            self._rang_in(leg, event.caller)
        elif event.state is LegState.DOWN:
            leg.caller_unrung = event.caller

    def _rang_in(self, leg: Leg, caller: str) -> None:
        if self._is_door(leg, leg.context):
            self.elsewhere.member_seen()
            self._arrive(leg, caller)
        elif not self.doors_seen or leg.endpoint in self.doors_seen:      # another trunk is no mistake where one works
            self.elsewhere.rang_in(leg, caller)

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
        if event.state is LegState.RING and leg.caller_unrung is not None and not leg.rung:   # chan_sip and others
            leg.exten = leg.exten or event.exten
            self._rang_in(leg, leg.caller_unrung)
            leg.caller_unrung = None
        leg.state = event.state
        if event.state is LegState.UP and leg.up_at is None:
            self._line_up(leg, event.at)
        if leg.linked != event.linked and event.linked:
            self._relink(leg, event.linked)
        call = self._by_leg.get(leg.id)
        if call is not None:
            self._came_through(call, event.context)
            call.sent_away = call.sent_away or event.state is LegState.BUSY

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
        leg.ended_at, leg.caller_unrung = at, None
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
