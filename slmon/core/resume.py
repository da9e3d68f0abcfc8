"""Rules of going on after a restart of ours: calls that were kept open are followed again, as far as they are known."""

from collections.abc import Iterable
from dataclasses import replace

from slmon.core.call import Call, HandOver, Parking
from slmon.core.callbook import CONFIRM, LISTED_SLACK, SEAL_AFTER, SETTLE, TOGETHER, Due, Over
from slmon.core.events import LegState, StreamLost
from slmon.core.facts import CLOCK_SET, FOUND, CallRecord, Fact, Place, Quality, Step
from slmon.core.goals import judge, may_yet_be_lost
from slmon.core.hidden import CallCount
from slmon.core.instant import Instant, of_seconds
from slmon.core.resync import Resync
from slmon.core.site import Meaning
from slmon.core.steady import moved_record
from slmon.core.wiring import Leg

NOT_RUNNING = "slmon was not running"


class Resume(Resync):
    """The calls of an earlier life of this process."""

    def resume(self, records: Iterable[CallRecord], since: Instant, over: Iterable[CallRecord] = (),
               count: CallCount | None = None, reason: str = "") -> list[Fact]:
        """Open calls of an earlier life of this process, seen last at `since`; the first snapshot tells of them.

        `over`: calls that had ended, whose channels may be listed yet. `count`: the switch's last count of its calls.
        `reason`: of the gap that had begun then already. Gives the fact of the gap that began then.
        """
        self.hidden.last = count
        for record in sorted(records, key=lambda record: record.arrived_at):     # the last ones are of this boot
            self._resume(record, since)
            self.hidden.rang_in(record.arrived_at, in_gap=False)
        for record in over:
            self._over[record.call.removeprefix(f"{self.pbx}/")] = Over(record.arrived_at, since)
            self.hidden.rang_in(record.arrived_at, in_gap=False)
        self._said = []
        reasons = [*filter(None, reason.removesuffix(NOT_RUNNING).split("; ")), NOT_RUNNING]
        self._stream_lost(StreamLost(since, since, "; ".join(reasons)))
        return self._said

    @property
    def count(self) -> CallCount | None:
        """The switch's last count of its calls, by its clock."""
        last = self.hidden.last
        return last and replace(last, at=last.at + self.set_by)

    def _resume(self, record: CallRecord, since: Instant) -> None:
        set_by = sum(of_seconds(float(step.detail)) for step in record.steps if step.step == CLOCK_SET)
        if set_by:                                       # what is told of it goes on in the clock of its ring-in
            self._clock_of[record.call] = -set_by
            record = moved_record(record, set_by)
        leg = Leg(record.call.removeprefix(f"{self.pbx}/"), "", "", record.arrived_at, LegState.OTHER)
        leg.exten = record.dialled
        call = Call(record.call, self.pbx, leg, self.doors.line_of(record.dialled), record.in_hours,
                    self._goal_at(record.arrived_at), self._changed)
        call.caller = record.caller or ""
        call.excluded, call.boot, call.quality = record.excluded, record.boot, Quality.RESUMED
        call.asked_at, call.answered_at, call.answered_between = (
            record.asked_at, record.answered_at, record.answered_between)
        call.clock_stepped = set_by != 0
        call.connecting_since, call.unsure_since = record.connecting_since, record.unsure_since
        call.talking_at, call.steps = record.talking_at, list(record.steps)
        call.queues, call.desks = list(record.queues), list(record.desks)
        if any(step.step == FOUND for step in record.steps):
            call.arrived_slack = LISTED_SLACK
        call.hand_overs = [HandOver(each.kind, each.at, each.to, None, each.counts, since - each.at > TOGETHER,
                                    each.answered_at, None, each.ended_at) for each in record.transfers]
        for hand_over in call.hand_overs:
            if not hand_over.told:                       # it may yet turn out to be a parking, or come to nothing
                self._due(hand_over.at + CONFIRM, Due.HAND_OVER, call, hand_over)
        if not record.was_heard:
            call.told_until = record.last_moment
        call.place = Place.TALKING if call.is_answered else Place.MENU if call.asked_at is None else Place.WAITING
        self._boot = record.boot or self._boot
        found = None if may_yet_be_lost(record) else judge(record, call.goal, record.arrived_at)
        call.verdict = found[0] if found else None
        self.calls[call.id] = call
        self._by_leg[leg.id] = self._by_link[leg.id] = call
        self.wiring.add(leg)
        leg.call = leg.met = call
        if call.asked_at is not None and call.verdict is None:
            self._due(max(call.arrived_at + call.goal.target + 1, call.asked_at) + SETTLE, Due.JUDGE, call)
        self._walk_again(call, record.steps)
        untaken = bool(record.transfers) and record.transfers[-1].answered_at is None
        if call.is_answered and (untaken or call.parking is not None):
            call.place = Place.PASSED_ON
        if record.ended_at is not None:
            self._resume_ended(call, record, record.ended_at)

    def _walk_again(self, call: Call, steps: Iterable[Step]) -> None:
        """Where the member has come to, by the journey so far."""
        meanings = {each.value: each for each in Meaning}
        desk = ""
        for step in steps:
            if step.step in {"answered", "talk"}:
                call.parking, desk = None, step.detail
            elif step.step == "parked":
                call.parking = Parking(step.at, desk, step.detail)
            if step.step in {"queue", "ring", "talk"}:
                call.meaning = None
            call.meaning = meanings.get(step.step, call.meaning)

    def _resume_ended(self, call: Call, record: CallRecord, ended_at: Instant) -> None:
        """The member had hung up; only the sealing was to come."""
        call.ended_at, call.ended_by, call.place = ended_at, record.ended_by, Place.GONE
        call.outcome = record.outcome                    # that it was lost no rule could tell again
        call.leg.ended_at = ended_at
        call.ended_before = True
        self._over[call.leg.id] = Over(call.arrived_at, ended_at)
        self._due(ended_at + SEAL_AFTER, Due.SEAL, call)
