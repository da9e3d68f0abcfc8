"""Rules of not knowing: gaps, restarts of the switch, and what its lists tell after them."""

from collections.abc import Collection, Iterable

from slmon.core.call import Call
from slmon.core.callbook import (
    LISTED_SLACK,
    PASSED_ON_SOONEST,
    SEAL_AFTER,
    SETTLE,
    VOICEMAIL_APPLICATIONS,
    CallBook,
    Due,
)
from slmon.core.events import (
    CallsCounted,
    LegId,
    LegState,
    SnapshotCaller,
    SnapshotLeg,
    SnapshotTaken,
    StreamLost,
    SwitchBooted,
    SwitchStopping,
)
from slmon.core.facts import (
    FOUND,
    UNHEARD,
    CallAsked,
    CallId,
    CallQueued,
    EndedBy,
    GapMarked,
    Outcome,
    Place,
    Quality,
)
from slmon.core.hidden import CallCount
from slmon.core.instant import SECOND, Instant, seconds_between
from slmon.core.site import Meaning
from slmon.core.wiring import Leg

_PARK = "Park"
_RUNG = frozenset({"AppDial", "AppDial2", "AppQueue"})       # what the switch says a dialled leg is doing


class Resync(CallBook):
    """What is left of the calls when the stream of events was not whole."""

    _gap_reason = ""
    _listed_once = False
    _hides_who_met = False       # the switch's lists name nobody at the other side of who is together with a desk

    # -- the switch goes down and comes back

    def _stream_lost(self, event: StreamLost) -> None:
        if self._gap_since is None:
            self._gap_set_by = self.set_by
            self._gap_since, self._gap_reason = event.since, event.reason
            self._say(GapMarked(self.pbx, event.since, None, event.reason))
            if not event.goes_on:
                for call in self.calls.values():
                    call.unheard_since = max(event.since, call.told_until)

    def _close_gap(self, at: Instant) -> None:
        if self._gap_since is not None:
            self._say(GapMarked(self.pbx, self._gap_since, at, self._gap_reason, self.hidden.gap_over()))
            for call in self.calls.values():
                call.unheard_since = None
                if call.ended_at is None and call.arrived_at < at:
                    since = max(self._gap_since, call.arrived_at, call.told_until)
                    call.step(since, UNHEARD, f"{seconds_between(since, at):.6f}")
            self._gap_since = None
        for call in self._held_back.values():
            self._due(at + SETTLE, Due.JUDGE, call)
        self._held_back.clear()
        for call in self._held_unsealed.values():
            self._due(at, Due.SEAL, call)
        self._held_unsealed.clear()

    def _switch_booted(self, event: SwitchBooted) -> None:
        another = bool(event.boot) and self._boot is not None and event.boot != self._boot
        gap = self._gap_since
        same = bool(event.boot) and event.boot == self._boot
        if not same and event.booted_at is not None and gap is not None and event.booted_at > gap - SECOND:
            another = True                               # it was started after we last heard of it
        if another:
            for call in self.calls.values():
                if self._may_be_cut_off(call):
                    call.outcome = Outcome.LOST
            self._switch_died(self.now if gap is None else gap)
        self._boot = event.boot or self._boot

    def _calls_counted(self, event: CallsCounted) -> None:
        self.hidden.counted(CallCount(*event), self._gap_since is not None)

    def _switch_died(self, at: Instant) -> None:
        """Every leg of the earlier run is gone, and nobody said so. What rang in after `at` is of this run."""
        for call in tuple(self.calls.values()):
            if call.ended_at is None and call.arrived_at <= at:
                self._lose(call, at)
        for leg in tuple(self.wiring.legs.values()):
            if leg.started_at <= at:
                self.wiring.forget(leg)
        self._over.clear()

    def _switch_stopping(self, event: SwitchStopping) -> None:
        for call in self.calls.values():
            hung_up_now = call.ended_at is not None and event.at - call.ended_at <= SEAL_AFTER
            if hung_up_now and call.ended_by is EndedBy.PBX:      # else a phone was heard to hang up
                call.ended_by = EndedBy.PBX
                if not call.is_answered:
                    call.outcome = Outcome.LOST

    def _lose(self, call: Call, at: Instant) -> None:
        """The call was alive at `at`, and nothing is known after it."""
        call.leg.hung_up_at = None
        self._end(call, max(at, call.arrived_at, call.asked_at or 0, call.talking_at or 0))
        call.ended_by = EndedBy.PBX if call.is_answered else None
        if not call.is_answered:
            call.outcome = Outcome.LOST

    def _lose_leg(self, leg: Leg) -> None:
        """Its id was given to another leg: the earlier one is long gone."""
        call = self._by_leg.get(leg.id)
        if call is not None:
            if call.ended_at is None:
                self._lose(call, call.known_waiting_at or call.talking_at or call.arrived_at)
            self._seal(call)
        self.wiring.forget(leg)

    # -- the switch lists what is going on

    def _snapshot_taken(self, event: SnapshotTaken) -> None:
        self._said += self.desks.listed(event.members, event.devices, event.at)
        if event.legs is not None:
            self._channels_listed(event.legs, event.at, event.whole)
        if event.callers is not None:
            self._queues_listed(event.callers)

    def _channels_listed(self, legs: tuple[SnapshotLeg, ...], at: Instant, whole: bool) -> None:
        seen_last = self._gap_since
        if seen_last is None and self._listed_once:
            if whole:
                self._audit(legs, at)                    # nothing was missed; events tell the rest
            return
        self._listed_once = True
        self._take_stock(legs, at, seen_last)
        self._close_gap(at)                              # what was held back is judged after what is said here

    def _take_stock(self, legs: tuple[SnapshotLeg, ...], at: Instant, seen_last: Instant | None) -> None:
        """What was missed, as far as what is there now tells of it."""
        if seen_last is not None:
            self._forget_unlisted({each.leg for each in legs}, at, seen_last)
            for call in self.calls.values():
                if call.ended_at is None:
                    call.quality = Quality.RESUMED       # what was done with it in the gap nobody heard
        for each in sorted(legs, key=lambda each: each.leg not in self._by_leg):   # known members show the doors
            self._list_leg(each, at, seen_last)
        listed = [self.wiring.legs[each.leg] for each in legs]
        self._pair_pipes(listed)
        for each in legs:
            self._rung_unseen(each)
        for each, leg in zip(legs, listed, strict=True):
            leg.listed_at = at
            leg.parked = leg.parked or each.application == _PARK
            if leg.bridge is not None and leg.bridge != each.bridge:
                self.wiring.leave(leg)
            if each.bridge:
                self.wiring.enter(leg, each.bridge)
        self._together_since(listed, at, seen_last)
        if seen_last is not None:
            self._doubt_who_waits({each.leg: each for each in legs}, at, seen_last)
        for each in legs:
            self._at_voicemail(each)
            self._picked_up_unseen(each)
        self._let_go_of_over(legs)

    def _forget_unlisted(self, listed: set[LegId], at: Instant, seen_last: Instant) -> None:
        """What was there and is no longer has ended while nobody listened."""
        for leg in [each for each in self.wiring.legs.values() if each.id not in listed and each.ended_at is None]:
            call = self._by_leg.get(leg.id)
            if call is not None:
                if call.ended_at is None:                # else its member had hung up before the leg did
                    last = max(seen_last, call.told_until)
                    call.step(last, UNHEARD)
                    self._lose(call, last)
                    call.ended_by = None
            elif leg.call is not None and leg.call.connecting is leg:
                self._not_connected(leg.call, at)
            leg.ended_at = at
            self.wiring.forget(leg)

    def _list_leg(self, listed: SnapshotLeg, at: Instant, seen_last: Instant | None) -> None:
        leg = self.wiring.legs.get(listed.leg)
        if leg is None:
            leg = Leg(listed.leg, listed.channel, listed.linked, listed.started_at, listed.state)
            leg.context, leg.exten = listed.context, listed.exten
            self.wiring.add(leg)
            if listed.linked != listed.leg:
                leg.call = self._by_link.get(listed.linked)
            leg.rung = listed.application in _RUNG
            if listed.state is LegState.UP:
                leg.up_between = leg.started_at - SECOND, at     # its age is told in whole seconds, cut off
            if self._came_in(leg, listed):
                self._arrived_unseen(leg, listed)
        elif not leg.channel:                            # ours from before the restart
            again = Leg(leg.id, listed.channel, listed.linked, leg.started_at, listed.state)
            again.call = again.met = leg.call
            again.exten = leg.exten
            self.wiring.add(again)
            if leg.call is not None and leg.call.leg is leg:
                leg.call.leg = again
                self._door_seen(again)
                self._tie(leg.call, listed.linked)
        elif listed.state is LegState.UP and leg.state is not LegState.UP and seen_last is not None:
            leg.state, leg.up_between = LegState.UP, (max(leg.started_at, seen_last), at)    # picked up unseen

    def _came_in(self, leg: Leg, listed: SnapshotLeg) -> bool:
        """Whether a member is there whom nobody saw come in, and not the channel of one who is gone."""
        rang_in = (listed.linked == listed.leg and listed.state in {LegState.RING, LegState.UP} and not leg.rung
                   and listed.dialled != "")
        at_a_door = self._is_door(leg, listed.context) or leg.endpoint in self.doors_seen
        return rang_in and at_a_door and not self._was_over(listed)

    def _arrived_unseen(self, leg: Leg, listed: SnapshotLeg) -> None:
        """The switch tells its age in whole seconds, cut off."""
        leg.started_at -= LISTED_SLACK
        if listed.dialled:
            leg.exten = listed.dialled
        elif not self._is_door(leg, listed.context):
            leg.exten = ""                               # it is somewhere else by now: what was dialled is not known
        self._arrive(leg, listed.caller)
        call = self._by_leg.get(leg.id)
        if call is not None:
            call.quality = Quality.RESUMED
            call.arrived_slack = LISTED_SLACK
            call.found_at = self.now
            call.step(self.now, FOUND)

    def _rung_unseen(self, listed: SnapshotLeg) -> None:
        """A desk's phone that was dialled while nobody listened: the member has asked for a human."""
        leg = self.wiring.legs[listed.leg]
        call = leg.call or self._by_link.get(listed.linked)
        if not leg.rung or leg.is_pipe or call is None or call.leg is leg or call.ended_at is not None:
            return
        leg.call = call
        if call.asked_at is None and self._is_human(leg):
            self._asked(call, max(leg.started_at, call.arrived_at))

    def _picked_up_unseen(self, listed: SnapshotLeg) -> None:
        """A desk that has picked up and is not with the member: announced to, it may be, since before the target.

        One that is rung through a pipe is together with the pipe's near end by then, and with nobody else.
        """
        leg = self.wiring.legs[listed.leg]
        if leg.rung and leg.up_between is not None and leg.call is not None and all(
                each is leg or each.is_pipe for each in self.wiring.reached_from(leg)):
            self._connecting(leg.call, leg, leg.up_between[0])

    def _at_voicemail(self, listed: SnapshotLeg) -> None:
        """A member at a mailbox, directly or behind a pipe, whom nobody heard come there."""
        leg = self.wiring.legs[listed.leg]
        call = self._by_leg.get(leg.id) or (leg.call if leg.is_pipe else None)
        if call is not None and not call.is_answered and listed.application in VOICEMAIL_APPLICATIONS:
            call.meaning = Meaning.VOICEMAIL
            call.step(self.now, Meaning.VOICEMAIL.value, listed.context)

    def _pair_pipes(self, listed: Iterable[Leg]) -> None:
        """The halves of a pipe share a name; nobody says again that they belong together."""
        halves = {leg.channel: leg for leg in listed if leg.is_pipe}
        for name, one in halves.items():
            two = halves.get(name[:-1] + "2") if name.endswith(";1") else None
            if two is not None and one.pair is None:
                self.wiring.pair(one, two)

    def _together_since(self, listed: Collection[Leg], at: Instant, seen_last: Instant | None) -> None:
        """Who hears whom now; since when, nobody can tell."""
        self._listed_since = at if seen_last is None else seen_last
        for leg in listed:
            call = self._by_leg.get(leg.id)
            if call is not None and call.is_answered and call.holder is None:
                call.holder = self._had_it(call, listed)
            if call is not None and leg.bridge is not None:
                first = not call.is_answered
                self._regroup(leg, at)
                if first and len(call.company) > 1:
                    call.holder = None                   # which of them had it first nobody heard
            elif call is not None and call.company:
                self._company(call, {}, at)
            if call is not None and call.is_answered and not call.company:
                self._due(at, Due.APART, call)
        self._listed_since = None

    def _had_it(self, call: Call, listed: Iterable[Leg]) -> Leg | None:
        """The leg of the desk that had the call before a restart of ours, though it may be asking somebody else now."""
        desk = call.desks[-1 if call.hand_overs else 0] if call.desks else None
        return next((leg for leg in listed if leg.call is call and leg.endpoint == desk and self._is_human(leg)), None)

    def _doubt_who_waits(self, listed: dict[LegId, SnapshotLeg], at: Instant, seen_last: Instant) -> None:
        """Who waits now may have been answered in the gap, passed on, and be waiting again."""
        self._doubted.clear()
        there = [(call, listed[call.leg.id]) for call in self.calls.values() if call.leg.id in listed]
        self._hides_who_met |= any(bool(call.company) and each.met_nobody for call, each in there)
        ringing_since = self._ringing_since(listed, at)
        for call, each in there:
            since = max(seen_last, call.arrived_at, call.told_until)
            if call.connecting_since is not None:
                since = min(since, call.connecting_since)
            if not (call.is_answered or call.ended_at is not None or call.unsure_since is not None
                    or self._surely_unanswered(call, each)
                    or ringing_since.get(call.id, at) - since < PASSED_ON_SOONEST):
                self._doubted[call.id] = since
                call.doubt(since)
            if call.connecting is None and not call.is_answered:
                call.not_connected(at)

    def _surely_unanswered(self, call: Call, listed: SnapshotLeg) -> bool:
        if listed.state is not LegState.UP:
            return True                                  # whom somebody has talked to, the switch has answered
        if listed.met_nobody and not listed.bridge and not self._hides_who_met:    # in one, it is with somebody
            return True
        meaning = self.doors.meanings.get(listed.context)
        return meaning is not None and meaning is call.meaning and call.found_at is None     # it was there before

    def _ringing_since(self, listed: Iterable[LegId], at: Instant) -> dict[CallId, Instant]:
        """Since when a phone rings for a call without a break."""
        since: dict[CallId, Instant] = {}
        for leg in (self.wiring.legs[each] for each in listed):
            if leg.call is not None and leg.rung and leg.state is not LegState.UP:
                since[leg.call.id] = min(leg.started_at, since.get(leg.call.id, at))
        return since

    def _queues_listed(self, callers: tuple[SnapshotCaller, ...]) -> None:
        for caller in callers:
            call = self._by_leg.get(caller.leg)
            since = None if call is None else self._doubted.get(call.id)
            if call is not None and since is not None and caller.joined_at - since < PASSED_ON_SOONEST:
                call.trust()                             # it has waited in this queue from the gap's beginning on
            if call is None or call.is_answered or call.ended_at is not None:
                continue
            call.queued_in = caller.queue
            if caller.queue not in call.queues:
                call.queues.append(caller.queue)
                self._say(CallQueued(call.id, caller.joined_at, caller.queue))
            if call.asked_at is not None:
                call.asked_at = max(min(call.asked_at, caller.joined_at), call.arrived_at)     # rung later than queued
            else:
                call.asked_at = max(caller.joined_at, call.arrived_at)
                self._say(CallAsked(call.id, call.asked_at))
                self._move(call, Place.WAITING, call.asked_at)
                self._due(max(call.arrived_at + call.goal.target + 1, call.asked_at) + SETTLE, Due.JUDGE, call)
