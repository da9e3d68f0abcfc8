"""Days that the simulated house has behind it, as records only: invented in one go, alike to its live days."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

from slmon.core.facts import CallId, CallRecord, EndedBy, Outcome, Quality, Step, Transfer, TransferKind
from slmon.core.instant import SECOND, Instant, as_datetime, from_datetime, of_seconds
from slmon.simulator.calls import GREETING_SECONDS, MENU_SECONDS
from slmon.simulator.house import DEMO, VOICEMAIL_KEY, Door, House, Number
from slmon.simulator.plan import Happening, MemberRings, Rate, day

ZONE = ZoneInfo("Europe/Copenhagen")
OPENS, HOURS = time(9), 6.0
WEEKDAYS = (1.25, 1.1, 1.0, 0.95, 0.8)         # Mondays are busy, Fridays are not
_SHAPE = 0.854                                 # the mean of the day's curve, against its nominal rate

_KINDS = {Happening.BLIND_DESK: TransferKind.BLIND, Happening.BLIND_QUEUE: TransferKind.BLIND,
          Happening.BLIND_VOICEMAIL: TransferKind.BLIND, Happening.ATTENDED: TransferKind.ATTENDED,
          Happening.PARK: TransferKind.PARK}


def history(seed: int, until: Instant, days: int, per_day: float = 420.0, house: House = DEMO) -> Iterator[CallRecord]:
    """Ended calls of the working days among the `days` before `until`'s, then of `until`'s own up to `until`.

    In order of ring-in; the same arguments, the same calls. `until`'s own day is told whatever weekday and hour it is,
    for a demo that is tried on a Sunday.
    """
    today = as_datetime(until).astimezone(ZONE).date()
    for back in range(days, 0, -1):
        when = today - timedelta(days=back)
        if when.weekday() < len(WEEKDAYS):
            opens_at = from_datetime(datetime.combine(when, OPENS, ZONE))
            yield from _day(seed, opens_at, when, back / max(days, 1), per_day * WEEKDAYS[when.weekday()], house)
    midnight = from_datetime(datetime.combine(today, time(), ZONE))
    opens_at = max(midnight, until - of_seconds(HOURS / 2 * 3600))
    for record in _day(seed, opens_at, today, 0.0, per_day, house):
        if record.ended_at is not None and record.ended_at < until:
            yield record


def _day(seed: int, opens_at: Instant, when: date, age: float, calls: float, house: House) -> Iterator[CallRecord]:
    """One day. `age` 1: the oldest; since then the house has got a little better, with bad days in between."""
    mood = Random(f"history {seed} {when}")
    rate = Rate(calls / HOURS / 60 / _SHAPE, opens_at, HOURS)
    pressure = (0.75 + 0.35 * age) * mood.lognormvariate(0.0, 0.22) * calls / 420.0
    numbers = {number.pattern: number for number in house.numbers}
    for count, rings in enumerate(day(mood.getrandbits(32), opens_at, house, rate, desks=False)):
        assert isinstance(rings, MemberRings)
        number = numbers.get(rings.number) or numbers[rings.number[:-2] + "XX"]
        # Earlier on, more was handed over.
        passed_on = rings.happening not in _KINDS and Random(rings.seed + 1).random() < 0.035 * age
        wishes = replace(rings, happening=Happening.BLIND_DESK) if passed_on else rings
        now_pressure = pressure * rate.at(rings.at) / rate.per_minute / _SHAPE
        yield _Past(house, number, wishes, Random(rings.seed), now_pressure, count).record()


@dataclass(slots=True)
class _Past:
    """One call that is over."""

    house: House
    number: Number
    plan: MemberRings
    random: Random
    pressure: float                            # 1: as many calls as there are people for
    count: int

    def record(self) -> CallRecord:
        """What became of it."""
        plan = self.plan
        call = CallId(f"{self.house.system}/{self.house.system}-{plan.at // SECOND}.{self.count}")
        record = CallRecord(call, self.house.system, plan.at, self.number.name, plan.number, quality=Quality.LIVE)
        before = self._before_asking()
        if self.number.door is Door.CLOSED:
            return self._over(record, min(6.5, plan.patience), Outcome.CLOSED, EndedBy.PBX)
        if plan.patience <= before:
            return self._over(record, plan.patience, Outcome.LEFT_MENU, EndedBy.MEMBER)
        if self.number.door is Door.MENU and plan.key == VOICEMAIL_KEY:
            return self._over(record, before + self.random.uniform(5, 25), Outcome.VOICEMAIL, EndedBy.MEMBER)
        queue = self._queue()
        asked = replace(record, asked_at=self._at(before), queues=(queue,) if queue else ())
        return self._asked(asked, before, before + self._wait(queue), queue)

    def _before_asking(self) -> float:
        menu = self.plan.key_after if self.plan.key else MENU_SECONDS
        return {Door.MENU: GREETING_SECONDS + menu, Door.QUEUE: GREETING_SECONDS}.get(self.number.door, 0.0)

    def _queue(self) -> str | None:
        if self.number.door is Door.QUEUE:
            return self.number.leads_to
        if self.number.door is not Door.MENU:
            return None
        return next((queue.name for queue in self.house.queues if queue.key and queue.key == self.plan.key),
                    "medlemskab")

    def _wait(self, queue: str | None) -> float:
        """From asking to the pick-up, were the member patient for ever."""
        ring = 1.2 + self.random.lognormvariate(0.9, 0.55)
        if queue is None:
            return ring if self.random.random() < 0.62 else math.inf          # busy or away: voicemail
        waits = self.random.random() < 0.22 * self.pressure ** 1.5
        rings_again = self.random.random() < 0.07
        return ring + (self.random.expovariate(1 / (24 * self.pressure)) if waits else 0) + 10 * rings_again

    def _asked(self, record: CallRecord, before: float, answered: float, queue: str | None) -> CallRecord:
        plan = self.plan
        gives_up = max(plan.patience, before + 0.5)
        if answered == math.inf:
            away = self.random.choice([0.2, 15.0])
            if gives_up < away:
                return self._over(record, gives_up, Outcome.ABANDONED, EndedBy.MEMBER)
            return self._over(record, away + self.random.uniform(5, 25), Outcome.VOICEMAIL, EndedBy.MEMBER)
        if queue and plan.callback_after is not None and before + plan.callback_after < min(answered, gives_up):
            return self._over(record, before + plan.callback_after + 1.5, Outcome.CALLBACK, EndedBy.PBX)
        if gives_up < answered:
            return self._over(record, gives_up, Outcome.ABANDONED, EndedBy.MEMBER)
        if queue and answered - before > self.house.queue(queue).patience:
            record = replace(record, queues=(queue, "overløb"))
        return self._talk(record, answered, queue)

    def _talk(self, record: CallRecord, answered: float, queue: str | None) -> CallRecord:
        desk = self._desk(queue)
        end = answered + self.plan.talk
        transfers: tuple[Transfer, ...] = ()
        desks = [f"PJSIP/{desk}"]
        kind = _KINDS.get(self.plan.happening)
        if kind is not None:
            colleague = self.random.choice([each.number for each in self.house.desks if each.number != desk])
            at, taken, end = end, end + 4.0, end + 4.0 + self.plan.talk_on
            transfers = (Transfer(kind, self._at(at), colleague, self._at(taken), self._at(end)),)
            desks.append(f"PJSIP/{colleague}")
        ended_by = EndedBy.MEMBER if self.plan.member_ends else EndedBy.DESK
        talked = replace(record, answered_at=self._at(answered), talking_at=self._at(answered + 0.004),
                         transfers=transfers, desks=tuple(desks))
        return self._over(talked, end, Outcome.ANSWERED, ended_by)

    def _desk(self, queue: str | None) -> str:
        if queue is not None:
            return self.random.choice(self.house.queue(queue).desks)
        if self.number.door is Door.DESK:
            return self.plan.number[5:]
        return self.random.choice(self.number.leads_to.split(","))

    def _over(self, record: CallRecord, seconds: float, outcome: Outcome, by: EndedBy) -> CallRecord:
        over = replace(record, ended_at=self._at(seconds), outcome=outcome, ended_by=by)
        return replace(over, steps=tuple(_journey(over)))

    def _at(self, seconds: float) -> Instant:
        return self.plan.at + of_seconds(seconds)


def _journey(record: CallRecord) -> Iterator[Step]:
    yield Step(record.arrived_at, "arrived", record.line or "")
    if record.asked_at is not None and record.queue is not None:
        yield Step(record.asked_at, "queue", record.queue)
    if record.answered_at is not None:
        yield Step(record.answered_at, "answered", record.desks[0])
    for transfer in record.transfers:
        yield Step(transfer.at, f"transfer {transfer.kind}", transfer.to or "")
    if record.ended_at is not None and record.ended_by is not None:
        yield Step(record.ended_at, "ended", record.ended_by)
