"""A small switch, played at random beside the switchboard that listens to it: what is said of a call is what it did.

Where every word of the switch is heard, the records are the model's to the microsecond. Where the link is lost, the
switch restarts, its clock is set, slmon is killed, or words are told twice, late knowledge may be less, and never
wrong. Where words are swallowed and nobody knows, nothing is ever told as better than it was.
"""

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from telling import (
    DOORS,
    Told,
    answers,
    apart,
    calls_inside,
    consults,
    cut_off,
    hands_over,
    hangs_up,
    instant,
    joins,
    leaves,
    listed,
    lost,
    picks_up,
    ringing,
    rings,
    runs,
    seen,
    stops_ringing,
    together,
    transfers,
)

from slmon.core import events as ev
from slmon.core.events import LegState
from slmon.core.facts import (
    CallAnswered,
    CallArrived,
    CallAsked,
    CallEnded,
    CallJudged,
    CallRecord,
    CallTransferred,
    Fact,
    OddityNoticed,
    Outcome,
    Quality,
    Verdict,
)
from slmon.core.goals import Goal
from slmon.core.switchboard import Switchboard

TARGET = Goal().answer_seconds
START = 1_000_000.0
ONCE = (CallArrived, CallAsked, CallAnswered, CallEnded)
UNANSWERED = {Outcome.ABANDONED, Outcome.TURNED_AWAY, Outcome.LEFT_MENU, Outcome.VOICEMAIL}
SHORT_WHILE = st.sampled_from([0.05, 0.3, 1.0, 3.0, 7.0, 19.0, 40.0, 200.0])
AMONG = st.integers(0, 1000)


@dataclass(eq=False)
class Phone:
    """A desk's leg that rings or talks."""

    leg: str
    desk: str
    since: float
    picked_up_at: float | None = None


@dataclass(eq=False)
class Played:
    """A member's call as it really went. Times are seconds of the clock on the wall, which nobody sets."""

    leg: str
    arrived_at: float
    ahead: float                                     # the switch's clock at the ring-in
    asked_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    outcome: Outcome = Outcome.LEFT_MENU
    transfers: int = 0
    queue: str = ""
    queued_at: float = 0.0
    rung: bool = False
    ringing: list[Phone] = field(default_factory=list)
    talking: Phone | None = None
    bridge: str = ""
    passed_on: bool = False

    @property
    def met(self) -> bool:
        return self.answered_at is not None and self.answered_at - self.arrived_at <= TARGET + 1e-9

    @property
    def verdict(self) -> Verdict | None:
        if self.asked_at is None:
            return None
        return Verdict.MET if self.met else Verdict.MISSED

    def asked(self, at: float) -> None:
        if self.asked_at is None:
            self.asked_at = at
        if self.answered_at is None:
            self.outcome = Outcome.ABANDONED


def one(calls: list[Played], number: int) -> Played:
    return calls[number % len(calls)]


class Switch(RuleBasedStateMachine):
    """The switch, heard without fault."""

    down = False                                     # nobody hears it

    def __init__(self) -> None:
        super().__init__()
        self.at = START                              # on the wall
        self.ahead = 0.0                             # the switch's clock, of the wall's
        self.calls: list[Played] = []
        self.facts: list[Fact] = []
        self.verdicts: dict[str, set[Verdict]] = {}
        self.legs = 0
        self.board = self.new_board()
        self.tell(self.all_that_is_there(first=True))

    def new_board(self) -> Switchboard:
        return Switchboard("pbx1", DOORS, lambda at: Goal(), lambda at: True)

    # -- telling

    @property
    def clock(self) -> float:
        return round(self.at + self.ahead, 6)

    def tell(self, told: Told) -> None:
        for event in told:
            self.take(self.board.apply(event))
        self.at = max(self.at, self.at + 0.01)       # no two things at once

    def take(self, facts: list[Fact]) -> None:
        self.facts += facts
        for fact in facts:
            if isinstance(fact, CallJudged):
                self.verdicts.setdefault(fact.call, set()).add(fact.verdict)

    def new_leg(self) -> str:
        self.legs += 1
        return f"{self.legs}"

    @property
    def waiting(self) -> list[Played]:
        return [call for call in self.open if call.talking is None]

    @property
    def rung_for(self) -> list[Played]:
        return [call for call in self.waiting if call.ringing]

    @property
    def at_rest(self) -> list[Played]:
        """In the dialplan, of which the next thing is to be heard."""
        return [call for call in self.waiting if not call.ringing and not call.queue]

    @property
    def talking(self) -> list[Played]:
        return [call for call in self.open if call.talking is not None]

    @property
    def open(self) -> list[Played]:
        return [call for call in self.calls if call.ended_at is None]

    # -- what happens on the switch

    @rule(at_once=st.booleans())
    @precondition(lambda self: len(self.open) < 4)
    def rings_in(self, at_once: bool) -> None:
        call = Played(self.new_leg(), self.at, self.ahead)
        self.calls.append(call)
        self.tell(ringing(call.leg, self.clock))
        if at_once:
            self.rings_for(call, "101")

    @rule(seconds=SHORT_WHILE)
    def time_passes(self, seconds: float) -> None:
        self.at = round(self.at + seconds, 6)
        self.told_the_time()

    def told_the_time(self) -> None:
        self.take(self.board.advance(instant(self.clock)))

    @rule(number=AMONG, queue=st.sampled_from(["dagpenge", "overløb"]))
    @precondition(lambda self: self.at_rest)
    def joins_queue(self, number: int, queue: str) -> None:
        call = one(self.at_rest, number)
        call.queue, call.queued_at = queue, self.at
        call.asked(self.at)
        self.tell(joins(call.leg, self.clock, queue))

    @rule(number=AMONG, desk=st.sampled_from(["101", "102", "103"]))
    @precondition(lambda self: self.waiting)
    def desk_rings(self, number: int, desk: str) -> None:
        call = one(self.waiting, number)
        if len(call.ringing) < 3:
            self.rings_for(call, desk)

    def rings_for(self, call: Played, desk: str) -> None:
        phone = Phone(self.new_leg(), desk, self.at)
        call.ringing.append(phone)
        call.rung = True
        call.asked(self.at)
        self.tell(rings(call.leg, self.clock, desk, phone.leg))

    @rule(number=AMONG, announced=st.sampled_from([0.0, 0.0, 1.5]))
    @precondition(lambda self: self.rung_for)
    def desk_answers(self, number: int, announced: float) -> None:
        call = one(self.rung_for, number)
        phone = call.ringing.pop(number % len(call.ringing))
        call.bridge = f"b{phone.leg}"
        phone.picked_up_at = self.at
        if announced and call.queue:
            self.tell(picks_up(call.leg, self.clock, phone.desk, phone.leg))
            self.at = round(self.at + announced, 6)
            self.tell(together(self.clock, phone.leg, call.leg, bridge=call.bridge))
        else:
            self.tell(answers(call.leg, self.clock, phone.desk, phone.leg, call.bridge))
        if call.queue:
            self.tell(leaves(call.leg, self.clock, call.queue))
            call.queue = ""
        if call.answered_at is None:
            call.answered_at = phone.picked_up_at
        call.outcome, call.talking, call.passed_on = Outcome.ANSWERED, phone, False
        self.stop_ringing(call)

    @rule(number=AMONG)
    @precondition(lambda self: self.rung_for)
    def nobody_answers(self, number: int) -> None:
        self.stop_ringing(one(self.rung_for, number))

    def stop_ringing(self, call: Played) -> None:
        for phone in call.ringing:
            self.tell(stops_ringing(call.leg, self.clock, phone.desk, phone.leg))
        call.ringing.clear()

    @rule(number=AMONG)
    @precondition(lambda self: self.waiting)
    def queue_gives_up(self, number: int) -> None:
        call = one(self.waiting, number)
        if call.queue and not call.ringing:
            self.tell(leaves(call.leg, self.clock, call.queue))
            call.queue = ""

    @rule(number=AMONG)
    @precondition(lambda self: self.at_rest)
    def goes_to_voicemail(self, number: int) -> None:
        call = one(self.at_rest, number)
        if call.answered_at is None:
            call.outcome = Outcome.VOICEMAIL
        self.tell(runs(call.leg, self.clock, "VoiceMail", "vm", "u900"))

    @rule(number=AMONG)
    @precondition(lambda self: self.talking)
    def passed_on_blind(self, number: int) -> None:
        call = one(self.talking, number)
        assert call.talking is not None
        self.tell(transfers(call.leg, self.clock, call.talking.leg, "102")
                  + apart(self.clock, call.talking.leg, call.leg, bridge=call.bridge)
                  + cut_off(call.talking.leg, self.clock))
        call.talking, call.bridge, call.passed_on = None, "", True
        call.transfers += 1
        self.at = round(self.at + 1.5, 6)

    @rule(number=AMONG)
    @precondition(lambda self: self.talking)
    def passed_on_after_asking(self, number: int) -> None:
        call = one(self.talking, number)
        assert call.talking is not None
        own, colleague = self.new_leg(), Phone(self.new_leg(), "103", self.at)
        self.tell(consults(own, self.clock, call.talking.desk, colleague.desk, colleague.leg, self.clock + 2))
        self.at = round(self.at + 4, 6)
        self.tell(together(self.clock, colleague.leg, bridge=call.bridge)
                  + hands_over(call.leg, self.clock, call.talking.leg, own, colleague.leg)
                  + apart(self.clock, call.talking.leg, bridge=call.bridge)
                  + cut_off(call.talking.leg, self.clock) + cut_off(own, self.clock))
        call.talking = colleague
        call.transfers += 1
        self.at = round(self.at + 1.5, 6)

    @rule()
    def desk_calls_desk(self) -> None:
        leg = self.new_leg()
        self.tell(calls_inside(leg, self.clock, "105", "106"))
        self.at = round(self.at + 1, 6)
        self.tell(hangs_up(leg, self.clock, "desks"))

    @rule(number=AMONG)
    @precondition(lambda self: self.open)
    def member_hangs_up(self, number: int) -> None:
        call = one(self.open, number)
        self.end(call, hangs_up(call.leg, self.clock))

    @rule(number=AMONG)
    @precondition(lambda self: self.talking)
    def desk_hangs_up(self, number: int) -> None:
        call = one(self.talking, number)
        assert call.talking is not None
        self.tell(hangs_up(call.talking.leg, self.clock, "desks"))
        call.talking = None
        self.end(call, cut_off(call.leg, self.clock))

    @rule(number=AMONG)
    @precondition(lambda self: self.waiting)
    def switch_ends_the_call(self, number: int) -> None:
        call = one(self.waiting, number)
        if not call.passed_on:
            if call.outcome is Outcome.ABANDONED:
                call.outcome = Outcome.TURNED_AWAY
            self.end(call, cut_off(call.leg, self.clock))

    def end(self, call: Played, told: Told) -> None:
        call.ended_at = self.at
        self.tell(told)
        self.stop_ringing(call)
        if call.talking is not None:
            self.tell(cut_off(call.talking.leg, self.clock))
            call.talking = None
        call.queue = ""

    @rule()
    def lists_its_channels(self) -> None:
        self.tell(self.all_that_is_there())

    def all_that_is_there(self, first: bool = False) -> Told:
        told, callers = [], []
        for call in self.open:
            up = call.asked_at is not None
            context = "queue" if call.queue else "from-trunk"
            told.append(seen(call.leg, self.listed_since(call.arrived_at), call.bridge,
                             state=LegState.UP if up else LegState.RING, context=context, met_nobody=not call.rung))
            for phone in [*call.ringing, *([call.talking] if call.talking else [])]:
                talks = phone is call.talking
                told.append(seen(phone.leg, self.listed_since(phone.since), call.bridge if talks else "", call.leg,
                                 f"PJSIP/{phone.desk}-{phone.leg}", LegState.UP if talks else LegState.RINGING,
                                 "desks", "AppDial"))
            if call.queue:
                callers.append(ev.SnapshotCaller(call.leg, call.queue, instant(self.listed_since(call.queued_at))))
        return listed(self.clock, *told, callers=callers)

    def listed_since(self, at: float) -> float:
        """The age is told in whole seconds, cut off."""
        return self.clock - (self.at - at) // 1

    # -- what always holds

    @invariant()
    def each_is_said_once(self) -> None:
        told = Counter((type(fact), fact.call) for fact in self.facts if isinstance(fact, ONCE))
        assert [key for key, times in told.items() if times > 1] == []

    @invariant()
    def no_call_is_invented_and_none_lost(self) -> None:
        played = {f"pbx1/{call.leg}" for call in self.calls}
        arrived = {fact.call for fact in self.facts if isinstance(fact, CallArrived)}
        ended = {fact.call for fact in self.facts if isinstance(fact, CallEnded)}
        assert arrived <= played
        assert arrived == ended | self.board.calls.keys()
        assert not ended & self.board.calls.keys()

    @invariant()
    def met_is_only_what_was_answered_in_time(self) -> None:
        played = {f"pbx1/{call.leg}": call for call in self.calls}
        for call, verdicts in self.verdicts.items():
            assert Verdict.MET not in verdicts or played[call].met, (call, played[call])

    @invariant()
    def moments_are_in_order(self) -> None:
        for record in self.board.open_records():
            in_order(record)

    @invariant()
    def what_is_known_agrees_with_what_was(self) -> None:
        records = [fact.record for fact in self.facts if isinstance(fact, CallEnded)]
        played = {f"pbx1/{call.leg}": call for call in self.calls}
        for record in [*records, *self.board.open_records()]:
            self.agrees(record, played[record.call])

    def agrees(self, record: CallRecord, call: Played) -> None:
        assert [record.arrived_at, record.asked_at, record.answered_at] == [
            None if each is None else instant(each) for each in (call.arrived_at, call.asked_at, call.answered_at)]
        assert len(record.transfers) == call.transfers
        assert record.answered_between is None
        if record.ended_at is not None and record.outcome is not None:
            assert (record.outcome, record.ended_at) == (call.outcome, instant(call.ended_at or 0))

    # -- the end

    def teardown(self) -> None:
        for call in self.open:
            self.end(call, hangs_up(call.leg, self.clock))
        for _ in range(5):
            self.at = round(self.at + 3600, 6)
            self.tell(self.all_that_is_there())
            self.told_the_time()
        self.each_is_said_once()
        self.no_call_is_invented_and_none_lost()
        self.met_is_only_what_was_answered_in_time()
        self.what_is_known_agrees_with_what_was()
        self.verdicts_are_right()
        self.nothing_is_kept()

    def verdicts_are_right(self) -> None:
        for call in self.calls:
            assert self.verdicts.get(f"pbx1/{call.leg}", set()) == ({call.verdict} if call.verdict else set()), call
        assert Counter(fact.kind for fact in self.facts if isinstance(fact, OddityNoticed)) == {}
        firsts = [fact.call for fact in self.facts if isinstance(fact, CallTransferred) and fact.first]
        assert sorted(firsts) == sorted(f"pbx1/{call.leg}" for call in self.calls if call.transfers)

    def nothing_is_kept(self) -> None:
        board = self.board
        kept = {"calls": board.calls, "legs": board.wiring.legs, "bridges": board.wiring.bridges,
                "by leg": board._by_leg, "by link": board._by_link, "deadlines": board._deadlines,
                "over": board._over, "held back": board._held_back,
                "ended legs": board._ended_legs, "clocks": board._clock_of}
        assert {name: dict(each) if isinstance(each, dict) else list(each) for name, each in kept.items() if each} == {}


def in_order(record: CallRecord) -> None:
    moments = [record.arrived_at, record.answered_at, record.talking_at, record.ended_at]
    known = [each for each in moments if each is not None]
    assert known == sorted(known), record
    assert record.asked_at is None or record.asked_at >= record.arrived_at, record
    for hand_over in record.transfers:
        assert hand_over.at >= record.arrived_at
        assert hand_over.ended_at is None or hand_over.ended_at >= hand_over.at


class Disturbed(Switch):
    """The same switch, and everything that can go wrong between it and whoever listens."""

    def __init__(self) -> None:
        self.down = self.twice = self.untold = self.swallowing = False
        self.boot = 1
        self.heard_until = 0                         # where it is down: the last that was told before
        self.booted_at = START - 1000
        super().__init__()

    def tell(self, told: Told) -> None:
        if not self.down:
            for event in told:
                if self.swallowing and not isinstance(event, ev.SwitchBooted):
                    self.swallowing = False
                    continue
                self.take(self.board.apply(event))
                if self.twice:
                    self.take(self.board.apply(event))
        self.twice = False
        self.at = round(self.at + 0.01, 6)

    @rule()
    @precondition(lambda self: not self.down)
    def link_is_lost(self) -> None:
        self.down, self.heard_until = True, instant(self.clock)
        self.take(self.board.apply(*lost(self.clock, self.clock)))

    @rule()
    @precondition(lambda self: self.down)
    def link_is_back(self) -> None:
        self.down = False
        self.tell([ev.SwitchBooted(instant(self.clock), f"boot {self.boot}", instant(self.booted_at + self.ahead))])
        self.tell(self.all_that_is_there())

    @rule(seconds=st.sampled_from([0.5, 5.0, 60.0]))
    def switch_restarts(self, seconds: float) -> None:
        if not self.down:
            self.link_is_lost()
        for call in self.open:
            call.ended_at, call.queue, call.talking = self.at, "", None
            call.ringing.clear()
            call.outcome = Outcome.LOST if call.answered_at is None else call.outcome
        self.at = round(self.at + seconds, 6)
        self.boot += 1
        self.booted_at = self.at

    @rule()
    def is_told_twice(self) -> None:
        self.twice = True

    @rule()
    def a_word_is_swallowed(self) -> None:
        self.swallowing = self.untold = True

    @rule(by=st.sampled_from([-3600.0, -30.0, 30.0, 3600.0]))
    @precondition(lambda self: not self.down)
    def clock_is_set(self, by: float) -> None:
        was = self.clock
        self.ahead += by
        self.tell([ev.ClockSet(instant(self.clock), instant(was))])

    @rule(seconds=st.sampled_from([0.0, 1.0, 30.0]))
    def listener_is_killed(self, seconds: float) -> None:
        since = self.heard_until if self.down else instant(self.clock)
        ended = [fact.record for fact in self.facts if isinstance(fact, CallEnded)]
        kept = self.board.open_records()
        self.board = self.new_board()
        self.take(self.board.resume(kept, since, ended))
        self.down, self.heard_until = True, since
        self.at = round(self.at + seconds, 6)

    # -- what still holds

    def agrees(self, record: CallRecord, call: Played) -> None:
        in_order(record)
        if self.untold:
            return
        off = abs(record.arrived_at - instant(call.arrived_at + call.ahead))
        assert off <= (500_000 if record.quality is Quality.RESUMED else 0)
        if record.answered_at is not None:
            assert call.answered_at is not None
            assert abs(record.answered_at - instant(call.answered_at + call.ahead)) <= 1000
        if record.answered_between is not None:
            low, high = record.answered_between
            assert call.answered_at is not None
            really = instant(call.answered_at + call.ahead)
            assert low is None or low <= really + off
            assert high is None or really <= high + off
        if record.outcome is Outcome.ANSWERED:
            assert call.answered_at is not None
        if record.outcome in UNANSWERED:
            assert call.answered_at is None

    def verdicts_are_right(self) -> None:
        if self.untold:
            return
        for call in self.calls:
            told = self.verdicts.get(f"pbx1/{call.leg}", set())
            assert Verdict.MISSED not in told or not call.met, call
            assert len(told) <= 1, call

    def teardown(self) -> None:
        self.swallowing = False
        if self.down:
            self.link_is_back()
        super().teardown()


CALM = settings(deadline=None, derandomize=True, max_examples=100, stateful_step_count=50,
                suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])

TestHeardWithoutFault = Switch.TestCase
TestHeardWithoutFault.settings = CALM
TestDisturbed = Disturbed.TestCase
TestDisturbed.settings = CALM
