"""Rules of what never ends: legs that the switch lists no more though nobody said so, and those that hang on it."""

from itertools import takewhile

from slmon.core.call import Call
from slmon.core.callbook import DISORDER, CallBook
from slmon.core.events import SnapshotLeg
from slmon.core.facts import SAME_CALL
from slmon.core.instant import SECOND, Instant
from slmon.core.wiring import Leg

ROUNDS = 2                           # lists that a leg is missing from before it is taken for gone
STUCK_AFTER = 4 * 3600 * SECOND      # nothing was heard of a call for so long: its channel hangs, nobody talks
FORGOTTEN_AFTER = 24 * 3600 * SECOND     # where the switch gives no lists
LINGERING = 60 * SECOND              # so long a channel may outlive its call: the dialplan has things to do


class Audit(CallBook):
    """What is kept held against the switch's own list of its channels."""

    def stuck(self) -> int:
        """How many channels hang on the switch though their calls are long over, by its last list."""
        return sum(self.now - over.since > LINGERING for over in self._over.values())

    def _audit(self, legs: tuple[SnapshotLeg, ...], at: Instant) -> None:
        """The switch listed all its channels, and no gap was before it."""
        listed = {each.leg for each in legs}
        for leg in tuple(self.wiring.legs.values()):
            if leg.id in listed:
                leg.listed_at, leg.unlisted = at, 0
            elif leg.ended_at is None and leg.started_at < at - DISORDER:
                leg.unlisted += 1
                if leg.unlisted >= ROUNDS:
                    self._reap(leg, at)
        self._let_go_of_over(legs)
        for call in tuple(self.calls.values()):
            if call.ended_at is None and at - call.stirred_at > STUCK_AFTER:
                self._odd("stuck_channel", at)
                self._lost_sight_of(call, call.stirred_at)

    def _let_go_of_over(self, legs: tuple[SnapshotLeg, ...]) -> None:
        """What the switch lists no more is not remembered."""
        listed = {each.leg for each in legs}
        self._over = {leg_id: over for leg_id, over in self._over.items() if leg_id in listed}

    def _reap(self, leg: Leg, at: Instant) -> None:
        """It is gone, and its hang-up was never told."""
        self._odd("never_hung_up", at)
        call = self._by_leg.get(leg.id)
        if call is not None and call.ended_at is None:
            self._lost_sight_of(call, max(call.stirred_at, leg.listed_at))
        self._gone(leg, at)

    def _lost_sight_of(self, call: Call, at: Instant) -> None:
        """The call was alive at that instant; nobody saw its end."""
        self._lose(call, at)
        call.ended_by = None

    def _forget_old(self, now: Instant) -> None:
        """Let go of legs of which nothing was heard for a day, and which are no call's."""
        begun = now - FORGOTTEN_AFTER
        for leg in list(takewhile(lambda leg: leg.started_at < begun, self.wiring.legs.values())):    # oldest first
            if leg.listed_at < begun and leg.id not in self._by_leg:
                self.wiring.forget(leg)

    def _was_over(self, listed: SnapshotLeg) -> bool:
        """Whether the call of a leg that the switch lists yet is over: the member is gone, the channel lingers."""
        over = self._over.get(listed.leg)
        return over is not None and abs(listed.started_at - over.arrived_at) < SAME_CALL
