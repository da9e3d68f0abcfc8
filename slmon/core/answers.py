"""Rules of answering: a phone was picked up, its person and the member came together, and at which moment it was.

A call is answered when a phone with a person at it hears the member; dialling only tells when that phone was picked up.
"""

from slmon.core import events as ev
from slmon.core.call import Call
from slmon.core.callbook import PASSED_ON_SOONEST, SETTLE, CallBook, Due
from slmon.core.facts import CONNECTING, Place, Quality
from slmon.core.instant import SECOND, Instant
from slmon.core.wiring import Leg

ACCEPTED_BY_KEY = SECOND // 4       # so soon after the key the member hears the desk, if the key accepted the call


class Answers(CallBook):
    """Who picked up for a call, and when it is answered by that."""

    _sees_dialplan = False       # this login is told what the dialplan does

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

    def _unseen_pick_up(self, call: Call, desk: Leg, at: Instant) -> tuple[Instant, Instant] | None:
        """Between when the phone was picked up, where nobody was told the moment, or this may not be the first one."""
        if call.unsure_since is not None:
            return call.unsure_since, self._pick_up(call, desk, at)
        if self._listed_since is None and call.unheard_since is not None and (
                desk.started_at - call.unheard_since >= PASSED_ON_SOONEST):      # rung since, and maybe not the first
            return min(call.unheard_since, call.connecting_since or at), self._pick_up(call, desk, at)
        if desk.picked_up_at is not None and desk.call is call:
            if self._listed_since is not None:
                return desk.picked_up_at, at             # by a key, or only announced to?
            return self._announced_unseen(desk, at)
        if self._listed_since is None:
            return desk.up_between if desk.call is call else None
        # Whoever is there now need not have been the first: it may have been answered and passed on unseen.
        unheard_of = self._listed_since == at or call.found_at == at     # not even known to have waited before
        since = self._listed_since if call.connecting_since is None else min(self._listed_since, call.connecting_since)
        return (call.arrived_at if unheard_of else since), at

    def _announced_unseen(self, desk: Leg, at: Instant) -> tuple[Instant, Instant] | None:
        """Where nobody saw its line go up, before its dialling ended: was it announced to, or asked for a key?"""
        accepted = desk.key_at is not None and at - desk.key_at <= ACCEPTED_BY_KEY
        return None if desk.up_between is None or accepted else (desk.up_between[0], at)

    def _line_up(self, leg: Leg, at: Instant) -> None:
        """A phone was picked up, or the switch answered. An announcement to the desk may come before DialEnded."""
        leg.up_at = at
        call = leg.call
        if leg.rung and self._sees_dialplan and call is not None and call.asked_at is not None:
            self._connecting(call, leg, at)

    def _key_pressed(self, event: ev.KeyPressed) -> None:
        leg = self.wiring.legs.get(event.leg)
        if leg is not None and leg.rung:
            leg.key_at = event.at

    def _connecting(self, call: Call, leg: Leg, at: Instant) -> None:
        open_call = not call.is_answered and call.ended_at is None
        if open_call and call.connecting is None and self._is_human(leg) and not leg.is_gone:
            call.connecting, call.connecting_since = leg, max(at, call.arrived_at)
            call.step(call.connecting_since, CONNECTING, leg.endpoint)
            self._move(call, Place.CONNECTING, at)

    def _not_connected(self, call: Call, at: Instant) -> None:
        """The phone that had been picked up is gone again: the member still waits."""
        call.connecting = None
        if self._gap_since is None:                      # else they may have come together, and nobody heard
            call.not_connected(at)
        if not call.is_answered and call.ended_at is None:
            self._move(call, Place.WAITING, at)
            self._due(at + SETTLE, Due.JUDGE, call)
