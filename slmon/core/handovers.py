"""Rules of passing a call on: transfers, parking, conferences. Only what a caseworker does after the answer counts."""

from slmon.core.call import MAX_STEPS, Call, HandOver, Parking
from slmon.core.callbook import CONFIRM, TOGETHER, CallBook, Due
from slmon.core.events import AttendedTransferred, BlindTransferred, LegId, ParkChange, Parked
from slmon.core.facts import CallTransferred, Place, TransferKind
from slmon.core.instant import SECOND, Instant
from slmon.core.site import LineKind, Meaning
from slmon.core.wiring import Leg

STAYED = SECOND // 2       # hang-ups of one conversation come within milliseconds


class HandOvers(CallBook):
    """Who has the call now, and how it came there."""

    # -- what the switch says

    def _blind_transferred(self, event: BlindTransferred) -> None:
        call = self._handed_over(event.transferee, event.transferee_linked)
        by = self.wiring.legs.get(event.transferer)
        if not event.succeeded or call is None or not self._may_hand_over(call, by):
            return
        in_survey = call.meaning is Meaning.SURVEY and not call.company         # told after the member came there
        counts = self._counts(event.exten) and not in_survey
        self._hand_over(call, HandOver(TransferKind.BLIND, event.at, event.exten, by, counts))

    def _attended_transferred(self, event: AttendedTransferred) -> None:
        if not event.succeeded or event.destination == "Threeway":
            return                                       # a conference is handed over when its maker leaves
        legs = self.wiring.legs
        first, second = legs.get(event.first), legs.get(event.second)
        calls = [self._handed_over(event.transferee, event.transferee_linked),
                 self._handed_over(event.target, event.target_linked)]
        if calls == [None, None] and not event.transferee and first is not None and first.met is not None:
            calls = [first.met if first.id in first.met.company else None]
        for call in dict.fromkeys(calls):                # two members may be put together: both are handed over
            if call is not None:
                self._attended(call, event, first, second)

    def _attended(self, call: Call, event: AttendedTransferred, first: Leg | None, second: Leg | None) -> None:
        by, aside = (second, first) if second is not None and second.met is call and second is not first and (
            first is None or first.met is not call) else (first, second)
        if not self._may_hand_over(call, by):
            return
        if (aside is not None and aside.parked) or self._is_parked(event.target):
            self._park(call, event.at, by, "")
            return
        target = self.wiring.legs.get(event.target)
        to = (aside.exten if aside is not None and aside is not by else "") or (target.exten if target else "")
        hand_over = HandOver(TransferKind.ATTENDED, event.at, to or event.target_channel or None, by, self._counts(to))
        there = next((leg for leg in call.company.values() if leg is not by), None)
        if there is not None:                            # the one consulted came to the member before this was told
            hand_over.taken_by, hand_over.answered_at = there, event.at
            call.holder = there
        self._hand_over(call, hand_over)

    def _parked(self, event: Parked) -> None:
        leg = self.wiring.legs.get(event.leg)
        call = self._handed_over(event.leg, event.linked)
        if event.change is not ParkChange.PARKED:
            if leg is not None:
                leg.parked = False
            return
        if leg is not None:
            leg.parked = True
        if call is not None and call.is_answered:
            self._park(call, event.at, call.holder, event.space)

    # -- whose call, and by whom

    def _handed_over(self, leg_id: LegId, linked: LegId) -> Call | None:
        """The call whose member stands at a leg, directly or through pipes. A desk's own leg is nobody's member."""
        leg = self.wiring.legs.get(leg_id)
        if leg is None:
            return self._by_link.get(linked) if linked else None
        call = self._by_leg.get(leg.id)
        if call is not None:
            return call
        return leg.met if leg.is_pipe and leg.met is not None and leg.met.id in self.calls else None

    def _may_hand_over(self, call: Call, by: Leg | None) -> bool:
        return call.is_answered and (by is None or not self._is_member(by))

    def _is_parked(self, leg_id: LegId) -> bool:
        leg = self.wiring.legs.get(leg_id)
        return leg is not None and leg.parked

    def _counts(self, to: str) -> bool:
        """Whether a hand-over to this number counts: not to a survey line."""
        return not any(line.kind is LineKind.SURVEY and line.has(to) for line in self.doors.lines)

    # -- what follows

    def _hand_over(self, call: Call, hand_over: HandOver) -> None:
        if any(each.at == hand_over.at and each.kind is hand_over.kind for each in call.hand_overs):
            return                                       # told twice
        if len(call.hand_overs) >= MAX_STEPS:
            return
        parking = call.parking
        if parking is not None and abs(hand_over.at - parking.at) <= TOGETHER:
            return                                       # the transfer was the way to park it
        call.hand_overs.append(hand_over)
        self._changed[call.id] = None
        self._due(hand_over.at + CONFIRM, Due.HAND_OVER, call, hand_over)

    def _confirm(self, call: Call, hand_over: HandOver) -> None:
        """Nothing took the hand-over back: say it."""
        if hand_over.told or hand_over not in call.hand_overs:
            return
        hand_over.told = True
        call.step(hand_over.at, f"transfer {hand_over.kind.value}", hand_over.to or "")
        if hand_over.counts:
            first = not any(each.told and each.counts for each in call.hand_overs if each is not hand_over)
            self._say(CallTransferred(call.id, hand_over.at, hand_over.kind, first))

    def _park(self, call: Call, at: Instant, by: Leg | None, space: str) -> None:
        call.hand_overs = [each for each in call.hand_overs if each.told or abs(each.at - at) > TOGETHER]
        call.parking = Parking(at, by.endpoint if by is not None else "", space)
        call.step(at, "parked", space)

    def _may_come_to_nothing(self, call: Call, hand_over: HandOver) -> bool:
        """Nobody has taken it yet: it may have gone to the survey, or be rung back to the desk that gave it away."""
        if hand_over.taken_by is not None or hand_over.went_on:
            return False
        if hand_over.kind is TransferKind.ATTENDED:
            return all(leg is hand_over.by for leg in call.company.values())
        return hand_over.kind is TransferKind.BLIND and Meaning.SURVEY in self.doors.meanings.values()

    def _went_on(self, call: Call) -> None:
        """A desk rings for the call, or a queue took it in: what was passed on went to people."""
        for hand_over in tuple(call.hand_overs):
            if hand_over.kind is TransferKind.BLIND:
                hand_over.went_on = True
                if self.now - hand_over.at >= CONFIRM:
                    self._confirm(call, hand_over)

    def _passed_to_survey(self, call: Call) -> None:
        for hand_over in call.hand_overs:
            if not hand_over.told:
                hand_over.counts = False

    def _joined(self, call: Call, joined: list[Leg], at: Instant) -> None:
        """Desks came to hear a member who had been answered before."""
        call.meaning = None                              # back from whatever it came through
        for leg in joined:
            if leg.is_gone:
                continue
            parking, call.parking = call.parking, None
            if parking is not None:
                if leg.endpoint != parking.by:           # hold, park and back is no hand-over
                    taken = HandOver(TransferKind.PARK, at, leg.exten or leg.endpoint, call.holder, answered_at=at,
                                     taken_by=leg)
                    taken.to = leg.endpoint
                    call.hand_overs.append(taken)
                    self._confirm(call, taken)
            else:
                self._taken(call, leg, at)
            if not call.desks or call.desks[-1] != leg.endpoint:
                if parking is None and self._was_taken_away(call):
                    call.went_on = call.went_on or all(each in joined for each in call.company.values())
                if len(call.desks) < MAX_STEPS:
                    call.desks.append(leg.endpoint)
                call.step(at, "talk", leg.endpoint)
            if self._let_go(call) or (call.away is not None and call.away[0] is leg):
                call.holder = leg
            self._move(call, Place.TALKING, at)

    def _was_taken_away(self, call: Call) -> bool:
        """Whether the desk that had the call is gone, and not by hanging up, after which the dialplan goes on."""
        holder, left_at = call.holder, call.last_company_at
        if holder is None or not holder.is_gone:
            return False
        return holder.hung_up_at is None or left_at is None or holder.hung_up_at > left_at

    def _let_go(self, call: Call) -> bool:
        """Whether the desk that had the call has it no more. One that consults somebody still has it."""
        holder = call.holder
        return holder is None or holder.is_gone or any(each.by is holder for each in call.hand_overs)

    def _taken(self, call: Call, leg: Leg, at: Instant) -> None:
        open_ones = [each for each in call.hand_overs
                     if each.taken_by is None and each.answered_at is None and each.by is not leg]
        if not open_ones:
            return
        hand_over = open_ones[-1]
        back = hand_over.by is not None and hand_over.by.endpoint == leg.endpoint
        if back and hand_over.kind is TransferKind.ATTENDED and not hand_over.told:
            if leg.started_at > hand_over.at:            # else it is the leg it consulted on, about to go
                call.hand_overs.remove(hand_over)        # nobody took it, and the switch rang the desk back
                self._changed[call.id] = None
            return
        picked_up_at = at if leg.picked_up_at is None else leg.picked_up_at
        hand_over.taken_by = leg
        hand_over.answered_at = max(hand_over.at, min(picked_up_at, at))
        if self.now - hand_over.at >= CONFIRM:
            self._confirm(call, hand_over)

    def _gone_from(self, call: Call, left: list[Leg], at: Instant) -> None:
        """Desks hear the member no more."""
        for hand_over in call.hand_overs:
            if hand_over.taken_by in left and hand_over.ended_at is None:
                hand_over.ended_at = at
                self._changed[call.id] = None
        if not call.company:
            call.last_company_at = at
            self._due(at + CONFIRM, Due.APART, call)
        elif call.holder is None and len(call.company) == 1:
            call.holder = next(iter(call.company.values()))
        elif call.holder in left:
            stayed = next(iter(call.company.values()))
            if self._listed_since is not None:
                call.holder = stayed                     # how it came to be so nobody heard
                return
            self._due(at + TOGETHER, Due.CONFERENCE, call, (call.holder, stayed, at))
            call.away = None if call.holder is None else (call.holder, at)
            call.holder = stayed

    def _left_conference(self, call: Call, now: Instant, maker: Leg, stayed: Leg, at: Instant) -> None:
        """The desk that had the call went, others stayed with the member, and no transfer says why."""
        if maker.id in call.company or (call.away is not None and call.away[0] is maker and call.away[1] != at):
            return                                       # it came back
        if not maker.is_gone and call.ended_at is None:  # it may come back: it asks somebody else
            self._due(now + TOGETHER, Due.CONFERENCE, call, (maker, stayed, at))
            return
        explained = any(abs(each.at - at) <= TOGETHER for each in call.hand_overs)
        together_until = self.now if call.company else call.last_company_at or at
        if explained or together_until - at < STAYED or stayed.endpoint == maker.endpoint:
            return
        hand_over = HandOver(TransferKind.CONFERENCE, at, stayed.endpoint, maker, answered_at=at, taken_by=stayed)
        call.hand_overs.append(hand_over)
        self._confirm(call, hand_over)

    def _fire(self, at: Instant, due: Due, call: Call, what: object) -> None:
        if due is Due.HAND_OVER and isinstance(what, HandOver):
            if call.ended_at is not None or not self._may_come_to_nothing(call, what):
                self._confirm(call, what)
        elif due is Due.CONFERENCE and isinstance(what, tuple):
            self._left_conference(call, at, *what)
        elif due is Due.APART:
            if not call.company and self._let_go(call):
                self._move(call, Place.PASSED_ON, at)
        else:
            super()._fire(at, due, call, what)
