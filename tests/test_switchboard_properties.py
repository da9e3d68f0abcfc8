"""Whatever order, loss or repetition of events: the switchboard raises nothing and contradicts itself nowhere."""

from collections import Counter
from functools import cache
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recorded import NAMES, recording

from slmon.ami.translate import REPLAYED, Translator
from slmon.ami.wire import AmiStream
from slmon.core.events import Event, LegStarted, StreamLost
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
)
from slmon.core.goals import Goal, judge
from slmon.core.instant import SECOND
from slmon.core.switchboard import Switchboard

ONCE = (CallArrived, CallAsked, CallAnswered, CallJudged, CallEnded)
DAYS = ["smoke-min", "older", "announced-queue", "pickup-min", "parking-min", "conference-min", "attended-min",
        "reconnect"]
SHORT = Goal(answer_seconds=2.0)               # so that a short day has some of each verdict


@cache
def day(name: str) -> tuple[Event, ...]:
    """What the recording tells."""
    told: list[Event] = []
    for number, data in enumerate(recording(name).captures):
        if number:
            told.append(StreamLost(told[-1].at, told[-1].at, "connection ended"))
        told += Translator().translate(AmiStream(REPLAYED).feed(data))
    return tuple(told)


def board_of(name: str, goal: Goal = SHORT) -> Switchboard:
    config = recording(name).config
    return Switchboard("pbx1", config.doors(config.pbx[0]), lambda at: goal, lambda at: True)


def facts_of(board: Switchboard, told) -> list[Fact]:
    facts = [fact for event in told for fact in board.apply(event)]
    return facts + board.advance(board.told_until + 60 * SECOND) + board.finish()


def disturbed(told, how: str, random) -> list[Event]:
    """The events of a day that went wrong."""
    told = list(told)
    match how:
        case "lost":
            return [event for event in told if random.random() > 0.2]
        case "twice":
            return [event for event in told for _ in range(random.choice((1, 1, 2, 3)))]
        case "twice, and later":
            places = [(number + random.choice((0, random.uniform(0, 6))), event)
                      for number, event in enumerate(told) for _ in range(2)]
            return [event for _, event in sorted(places, key=lambda each: each[0])]
        case "a little out of order":
            return [event for _, event in sorted(enumerate(told), key=lambda each: each[0] + random.uniform(-6, 6))]
        case "in any order":
            return random.sample(told, len(told))
        case "backwards":
            return told[::-1]
        case "clocks that jump":
            return [event._replace(at=event.at + random.choice((0, 0, 0, 3600, -3600)) * SECOND) for event in told]
        case _:
            begin = random.randrange(len(told))
            return told[begin:begin + random.randrange(len(told))]


WRONGS = ["lost", "twice", "twice, and later", "a little out of order", "a piece of it"]
WRONG_CLOCKS = ["in any order", "backwards", "clocks that jump"]


def contradictions(facts: list[Fact], records: list[CallRecord]) -> list[str]:
    """Where the facts contradict each other; empty when they do not."""
    wrong = []
    for kind in ONCE:
        counted = Counter(fact.call for fact in facts if type(fact) is kind)
        wrong += [f"{call}: {kind.__name__} {number} times" for call, number in counted.items() if number > 1]
    arrived = {fact.call for fact in facts if isinstance(fact, CallArrived)}
    answered = {fact.call for fact in facts if isinstance(fact, CallAnswered)}
    asked = {fact.call for fact in facts if isinstance(fact, CallAsked)}
    wrong += [f"{call}: answered and never asked" for call in answered - asked]
    wrong += [f"{fact.call}: {type(fact).__name__} before it arrived" for fact in facts
              if getattr(fact, "call", None) and fact.call not in arrived]
    for record in records:
        if record.transfers and record.call not in answered:
            wrong.append(f"{record.call}: handed over and never answered")
        if (record.answered_at is not None or record.answered_between is not None) != (record.call in answered):
            wrong.append(f"{record.call}: the fact and the record differ")
    firsts = Counter(fact.call for fact in facts if isinstance(fact, CallTransferred) and fact.first)
    return wrong + [f"{call}: handed over for the first time {number} times"
                    for call, number in firsts.items() if number > 1]


def out_of_order(records: list[CallRecord]) -> list[str]:
    """Records whose moments are not one after the other."""
    wrong = []
    for record in records:
        moments = [record.arrived_at, record.answered_at, record.talking_at, record.ended_at]
        if not all(earlier <= later for earlier, later in pairwise(each for each in moments if each is not None)):
            wrong.append(f"{record.call}: {moments}")
        if record.asked_at is not None and record.asked_at < record.arrived_at:
            wrong.append(f"{record.call}: asked before it arrived")
    return wrong


def records_of(board: Switchboard, facts: list[Fact]) -> list[CallRecord]:
    return [fact.record for fact in facts if isinstance(fact, CallEnded)] + [
        call.record() for call in board.calls.values()]


@pytest.mark.parametrize("how", WRONGS)
@settings(max_examples=30, deadline=None)
@given(st.sampled_from(DAYS), st.integers(0, 10**6))
def test_no_disturbance_makes_it_raise_or_contradict_itself(how, name, seed):
    board = board_of(name)
    told = disturbed(day(name), how, Random(seed))
    facts = facts_of(board, told)
    assert contradictions(facts, records_of(board, facts)) == []
    assert out_of_order(records_of(board, facts)) == []


@pytest.mark.parametrize("how", WRONG_CLOCKS)
@settings(max_examples=30, deadline=None)
@given(st.sampled_from(DAYS[:-1]), st.integers(0, 10**6))
def test_no_clock_makes_it_raise_or_say_a_thing_twice(how, name, seed):
    board = board_of(name)
    facts = facts_of(board, disturbed(day(name), how, Random(seed)))
    assert contradictions(facts, records_of(board, facts)) == []


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DAYS), st.sampled_from(WRONGS + WRONG_CLOCKS), st.integers(0, 10**6))
def test_no_disturbance_invents_a_call(name, how, seed):
    announced = {f"pbx1/{event.leg}" for event in day(name) if isinstance(event, LegStarted)}
    usual = {fact.call for fact in facts_of(board_of(name), day(name)) if isinstance(fact, CallArrived)}
    found = {fact.call for fact in facts_of(board_of(name), disturbed(day(name), how, Random(seed)))
             if isinstance(fact, CallArrived)}
    assert found <= (usual if name != "reconnect" else usual | announced)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DAYS), st.integers(0))
def test_time_told_in_between_changes_no_fact(name, seed):
    board, ticked, random = board_of(name), [], Random(seed)
    for event, after in pairwise((*day(name), day(name)[-1])):
        ticked += board.apply(event)
        while random.random() < 0.3:
            ticked += board.advance(random.randint(event.at, max(event.at, after.at)))
    ticked += board.advance(board.told_until + 60 * SECOND) + board.finish()
    assert counted(ticked) == counted(facts_of(board_of(name), day(name)))


def counted(facts: list[Fact]) -> Counter[str]:
    return Counter(repr(fact) for fact in facts)


def test_waiting_from_deadline_to_deadline_is_as_good_as_any_tick():
    board, facts = board_of("smoke-min"), []
    for event in day("smoke-min"):
        while (due := board.next_deadline()) is not None and due < event.at:
            facts += board.advance(due)
        facts += board.apply(event)
    facts += board.advance(board.told_until + 60 * SECOND) + board.finish()
    assert counted(facts) == counted(facts_of(board_of("smoke-min"), day("smoke-min")))


@pytest.mark.parametrize("goal", [Goal(), SHORT, Goal(answer_seconds=5.0, short_abandon_seconds=3.0)])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in {"restart", "reconnect"}])
def test_the_verdict_told_is_the_one_that_follows_from_the_record(name, goal):
    board = board_of(name, goal)
    facts = facts_of(board, day(name))
    told = {fact.call: (fact.verdict, fact.at) for fact in facts if isinstance(fact, CallJudged)}
    for record in records_of(board, facts):
        assert told.get(record.call) == judge(record, goal, board.told_until), record


@pytest.mark.parametrize("name", NAMES)
def test_the_facts_of_a_real_day_contradict_each_other_nowhere(name):
    board = board_of(name)
    facts = facts_of(board, day(name))
    assert contradictions(facts, records_of(board, facts)) == []
    assert out_of_order(records_of(board, facts)) == []


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_odd_about_a_real_day(name):
    facts = facts_of(board_of(name), day(name))
    assert Counter(fact.kind for fact in facts if isinstance(fact, OddityNoticed)) == {}


@pytest.mark.parametrize("name", NAMES)
def test_legs_of_a_day_that_is_over_are_let_go_of(name):
    board = board_of(name)
    facts_of(board, day(name))
    ended = [leg for leg in board.wiring.legs.values() if leg.ended_at is not None]
    assert ended == []
