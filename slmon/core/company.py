"""Rules of who hears a member: legs in one bridge, pipes between bridges, machines that end the way."""

from slmon.core import events as ev
from slmon.core.asking import Asking
from slmon.core.call import Call
from slmon.core.instant import Instant
from slmon.core.site import Meaning
from slmon.core.wiring import Leg, LegKind


class Company(Asking):
    """The desks that are together with each member."""

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

    def _hold_changed(self, event: ev.HoldChanged) -> None:
        leg = self.wiring.legs.get(event.leg)
        if leg is not None and leg.met is not None and leg.met.is_answered:
            leg.met.step(event.at, "hold" if event.held else "resume", leg.endpoint)
