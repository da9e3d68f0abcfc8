"""What counts as a call, an answer, an outcome, a hand-over: one sentence a rule."""

import pytest
from telling import (
    after,
    answered_call,
    answers,
    apart,
    calls_inside,
    consults,
    cut_off,
    dial_ended,
    during,
    fetches,
    hands_over,
    hangs_up,
    instant,
    joins,
    leaves,
    listed,
    lost,
    parks,
    picks_up,
    pipe,
    ringing,
    rings,
    rung_and_answered,
    runs,
    seen,
    seen_desk,
    state,
    stops_ringing,
    together,
    transfers,
)

from slmon.core import events as ev
from slmon.core.events import LegState, ParkChange
from slmon.core.facts import (
    CallAnswered,
    CallArrived,
    CallAsked,
    CallEnded,
    CallJudged,
    CallMoved,
    CallQueued,
    CallTransferred,
    CallUnaccounted,
    EndedBy,
    GapMarked,
    OddityNoticed,
    Outcome,
    Place,
    TransferKind,
)
from slmon.core.goals import Goal
from slmon.core.instant import SECOND
from slmon.core.site import Doors


def kinds(house, call="c1"):
    """The kinds of hand-over of a call that count."""
    return [each.kind for each in house.call(call).transfers if each.counts]


def places(house, call="c1"):
    """Where the member was, one after the other."""
    return [fact.place for fact in house.of(CallMoved) if fact.call == f"pbx1/{call}"]


# -- what is a call


def test_a_leg_that_rings_in_at_the_door_is_a_call():
    call = during(ringing("c1", at=100, to="70200100")).call()
    assert (call.arrived_at, call.line, call.dialled) == (instant(100), "Hovednummer", "70200100")


def test_a_leg_that_rings_in_elsewhere_is_none():
    assert during(ringing(context="desks")).of(CallArrived) == []


def test_a_trunk_can_be_the_door():
    doors = Doors(trunks=("PJSIP/trunk",))
    assert len(during(ringing("c1", context="anything"), doors=doors).of(CallArrived)) == 1
    assert during(ringing("c1", context="anything", channel="PJSIP/101-1"), doors=doors).of(CallArrived) == []


def test_a_leg_announced_as_down_that_rings_a_moment_later_is_a_call_from_its_announcement():
    call = during(ringing(state=LegState.DOWN, at=100), state("c1", 100.001, LegState.RING)).call()
    assert call.arrived_at == instant(100)
    assert call.caller == "20304050"


def test_a_leg_that_the_switch_dials_through_the_trunk_is_no_call():
    told = [*ringing("out", 100, to="s", state=LegState.DOWN),
            ev.DialStarted(instant(100), "", "", "out", "out", "PJSIP/trunk-out"),
            *state("out", 101, LegState.RINGING), *state("out", 105, LegState.UP)]
    assert after(told, joins("out", 106)).of(CallArrived, CallAnswered, CallQueued) == []


def test_a_dialled_leg_that_is_told_to_ring_is_still_no_call():
    told = [*ringing("out", 100, state=LegState.DOWN, linked="101"),
            ev.DialStarted(instant(100), "101", "101", "out", "101", "PJSIP/trunk-out"),
            *state("out", 101, LegState.RING)]
    assert during(calls_inside("101", 99, "101", "20304050"), told).of(CallArrived) == []


def test_a_pipe_into_the_door_is_no_call():
    assert during(ringing(channel="Local/70200100@from-trunk-0;2")).of(CallArrived) == []


def test_a_desk_that_walks_through_the_door_inside_is_no_call():
    told = [*calls_inside("101", 100, "101", "70200100"), *state("101", 101, LegState.UP, "from-trunk")]
    assert after(told, joins("101", 102)).of(CallArrived, CallQueued) == []


def test_calls_inside_and_out_create_nothing():
    inside = after(consults("101a", 100, "101", "102", answered_at=105), hangs_up("101a", 120), cut_off("102", 120))
    assert inside.facts == []


@pytest.mark.parametrize("told", [
    joins("x"), leaves("x"), [dial_ended("x", 110, "101", "ANSWER")], together(110, "x", "101"), hangs_up("x", 120),
    state("x", 101, LegState.UP), runs("x", 101, "Queue"), transfers("x", 130, "101", "102"), parks("x", 130, "101"),
    [ev.PickedUp(instant(101), "101", "101", "x", "x")], [ev.HoldChanged(instant(101), "x", "x", True)],
    [ev.DialStarted(instant(101), "x", "x", "101", "x", "PJSIP/101-1")],
    [ev.LocalPaired(instant(101), "x;1", "x", "x;2", "x", "desks", "s")],
], ids=lambda told: type(told[0]).__name__)
def test_a_leg_that_was_never_announced_creates_and_answers_nothing(told):
    assert [fact for fact in after(told).facts if not isinstance(fact, OddityNoticed)] == []


def test_a_leg_without_an_id_is_nobody():
    house = during(ringing(""), ringing("c1"), rings("c1", by=""), answers("c1"))
    assert [fact.call for fact in house.of(CallArrived)] == ["pbx1/c1"]
    assert len(house.board.wiring) == 2
    assert house.of(OddityNoticed)[0].kind == "unannounced_leg"


@pytest.mark.parametrize("forged", [
    rings(desk="forged")[1:2], [dial_ended("c1", 109, "forged", "ANSWER")], together(110, "forged", "c1"),
    [ev.LocalPaired(instant(109), "forged", "c1", "c1", "c1", "desks", "s")],
], ids=lambda forged: type(forged[0]).__name__)
def test_an_unannounced_leg_is_counted_as_odd_and_answers_nobody(forged):
    house = during(ringing(), joins(), forged)
    assert [fact.kind for fact in house.of(OddityNoticed)] == ["unannounced_leg"]
    house.hear(picks_up(at=110, desk="forged"), together(110, "forged", "c1"), hangs_up("c1", 120)).wait(200)
    assert house.call().outcome is Outcome.ABANDONED


def test_the_same_id_within_the_hour_is_the_same_call_told_twice():
    assert len(after(ringing(at=100), ringing(at=200)).of(CallArrived)) == 1


def test_the_same_id_more_than_an_hour_later_is_another_call():
    house = after(ringing(at=100), hangs_up("c1", 110), ringing(at=3800), hangs_up("c1", 3820))
    assert [call.arrived_at for call in house.calls()] == [instant(100), instant(3800)]


def test_an_id_that_comes_again_ends_the_call_that_nobody_saw_end():
    house = after(ringing(at=100), joins(at=101), ringing(at=3800), hangs_up("c1", 3820))
    assert [call.outcome for call in house.calls()] == [Outcome.LOST, Outcome.LEFT_MENU]


def test_an_excluded_line_is_told_as_such_and_never_judged():
    house = after(ringing(to="70200198"), joins(), rung_and_answered(at=150), hangs_up("c1", 160))
    assert house.call().excluded == "test"
    assert house.verdict() is None


def test_a_number_that_is_no_line_has_none():
    assert during(ringing(to="88888888")).call().line is None


def test_two_switches_with_the_same_ids_are_two_calls():
    assert during(ringing()).call().call == "pbx1/c1"


# -- asking


def test_a_greeting_is_inside_the_wait_and_asks_for_nobody():
    house = during(ringing(at=100), state("c1", 100.1, LegState.UP)).wait(190)
    assert house.call().asked_at is None
    assert house.verdict() is None


def test_the_first_queue_is_the_asking():
    house = during(ringing(), joins(at=105, queue="dagpenge"), leaves(at=130), joins(at=131, queue="overløb"))
    assert house.call().asked_at == instant(105)
    assert house.call().queues == ("dagpenge", "overløb")
    assert len(house.of(CallAsked)) == 1


def test_the_first_ringing_of_a_desk_is_the_asking():
    assert during(ringing(), rings(at=103)).call().asked_at == instant(103)


def test_ringing_behind_a_pipe_is_asking_too():
    house = during(ringing(), pipe("c1", 102, "p1"), rings(at=103, by="p1;2"))
    assert house.call().asked_at == instant(103)


def test_a_machine_that_rings_is_no_asking():
    assert during(ringing(), rings(at=103, desk="900")).call().asked_at is None


def test_a_queue_that_lets_nobody_in_was_asked_all_the_same():
    house = after(ringing(), runs("c1", 101, "Queue"), runs("c1", 102, "Playback"), cut_off("c1", 105))
    assert house.call().asked_at == instant(101)
    assert house.call().outcome is Outcome.TURNED_AWAY
    assert house.verdict() == "missed"


def test_a_queue_that_is_told_of_a_few_ms_before_the_ring_in_was_asked_at_the_ring_in():
    house = after(ringing(at=100), runs("c1", 99.99, "Queue"), cut_off("c1", 105))
    assert house.call().asked_at == instant(100)


def test_a_queue_that_is_joined_at_once_was_asked_at_the_join():
    house = during(ringing(), runs("c1", 101, "Queue"), runs("c1", 101, "Queue"), joins(at=101.5))
    assert house.call().asked_at == instant(101.5)


# -- answered


def test_answered_is_the_pick_up_of_the_phone_that_gets_the_member():
    call = after(ringing(at=100), joins(at=101), rings(at=102), picks_up(at=107),
                 together(111, "101", "c1"), hangs_up("c1", 130)).call()
    assert (call.answered_at, call.talking_at) == (instant(107), instant(111))
    assert call.answer_seconds == 7.0
    assert call.desks == ("PJSIP/101",)


def test_a_pick_up_alone_is_no_answer():
    house = during(ringing(), joins(), rings(), picks_up(at=110))
    assert house.of(CallAnswered) == []
    assert house.call().answered_at is None
    assert places(house) == [Place.WAITING, Place.CONNECTING]


def test_connecting_does_not_breach():
    house = during(ringing(at=100), joins(), rings(), picks_up(at=119)).wait(125)
    assert house.verdict() is None
    house.hear(together(126, "101", "c1"))
    assert house.verdict() == "met"


def test_gone_between_pick_up_and_bridge_is_not_answered():
    house = after(ringing(at=100), joins(), rings(), picks_up(at=110), hangs_up("c1", 112), hangs_up("101", 113))
    assert house.call().outcome is Outcome.ABANDONED
    assert house.verdict() == "missed"


def test_a_phone_that_was_picked_up_and_is_gone_leaves_the_member_waiting():
    house = during(ringing(at=100), joins(), rings(), picks_up(at=110), hangs_up("101", 112))
    assert places(house)[-1] is Place.WAITING
    house.wait(121)
    assert house.verdict() == "missed"


def test_a_bridge_of_a_millisecond_after_the_desk_hung_up_is_no_answer():
    house = after(ringing(), joins(), rings(), [ev.HangupRequested(instant(108), "101", "c1")], picks_up(at=109),
                  together(109.001, "101", "c1", bridge="b"), cut_off("101", 109.002), cut_off("c1", 109.003))
    assert house.of(CallAnswered) == []
    assert house.call().outcome is Outcome.TURNED_AWAY


def test_a_bridge_after_the_member_hung_up_is_no_answer():
    house = after(ringing(), joins(), rings(), picks_up(at=108), [ev.HangupRequested(instant(110), "c1", "c1")],
                  together(112, "101", "c1", bridge="b"), cut_off("101", 113), cut_off("c1", 113))
    assert house.of(CallAnswered) == []
    assert house.call().outcome is Outcome.ABANDONED


def test_a_talk_of_a_tenth_of_a_second_is_an_answer():
    house = after(ringing(), joins(), rung_and_answered(at=110), hangs_up("c1", 110.1))
    assert house.call().outcome is Outcome.ANSWERED


@pytest.mark.parametrize("told", [
    state("c1", 102, LegState.UP),                                          # Answer()
    together(102, "c1", bridge="music", holding=True),
    together(102, "c1", bridge="room"),
    runs("c1", 102, "VoiceMail", "from-trunk"),
    pipe("c1", 102, "vm1", "vm") + together(103, "vm1;1", "c1") + [dial_ended("c1", 103, "vm1;1", "ANSWER")],
    ringing("rec", 102, context="-", channel="CBAnn/room-1") + together(102, "c1", "rec"),
    ringing("rec", 102, context="-", channel="Recorder/1") + together(102, "c1", "rec"),
    ringing("c2", 102) + together(102, "c1", "c2"),                          # another member
], ids=["answer", "holding", "alone", "voicemail", "pipe", "announcer", "recorder", "member"])
def test_what_is_no_human_answers_nothing(told):
    assert after(ringing(), told, hangs_up("c1", 140)).of(CallAnswered) == []


def test_a_desk_in_the_same_holding_bridge_hears_nobody():
    house = after(ringing(), joins(), rings(), picks_up(at=110), together(111, "101", "c1", holding=True))
    assert house.of(CallAnswered) == []


def test_a_member_fetched_from_a_holding_bridge_is_answered():
    house = after(ringing(at=100), together(101, "c1", bridge="hold", holding=True),
                  calls_inside("101", 108, "101", "*4"),
                  apart(109, "c1", bridge="hold"), together(109, "c1", "101"), hangs_up("c1", 120))
    assert house.call().answer_seconds == 9.0


def test_a_desk_on_the_list_of_machines_is_no_human_and_is_voicemail():
    house = after(ringing(), rings(desk="900"), answers(desk="900"), hangs_up("c1", 140))
    assert house.of(CallAnswered) == []
    assert house.call().outcome is Outcome.VOICEMAIL


def test_a_mobile_in_a_machine_context_behind_a_pipe_is_no_human():
    house = after(ringing(), joins(), pipe("c1", 102, "m1", "vm"), rings(at=102, desk="555", by="m1;2"),
                  picks_up(at=110, desk="555", by="m1;2"), together(110, "555", "m1;2"), together(110.1, "m1;1", "c1"),
                  hangs_up("c1", 140))
    assert house.call().outcome is Outcome.VOICEMAIL


def test_the_desk_behind_a_pipe_answers():
    house = after(ringing(at=100), joins(), pipe("c1", 102, "p1"), rings(at=102, by="p1;2"),
                  picks_up(at=108, by="p1;2"), together(108, "101", "p1;2"), together(108.1, "p1;1", "c1"),
                  hangs_up("c1", 140))
    assert house.call().answer_seconds == 8.0
    assert house.call().desks == ("PJSIP/101",)


def test_a_pipe_that_is_optimised_away_is_no_second_answer_and_no_transfer():
    house = after(ringing(at=100), joins(), pipe("c1", 102, "p1"), rings(at=102, by="p1;2"),
                  picks_up(at=108, by="p1;2"), together(108, "101", "p1;2", bridge="a"),
                  together(108.1, "p1;1", "c1", bridge="b"), together(108.3, "101", bridge="b"),
                  cut_off("p1;1", 108.3), cut_off("p1;2", 108.3), hangs_up("c1", 140))
    assert house.call().answer_seconds == 8.0
    assert house.call().desks == ("PJSIP/101",)
    assert house.call().transfers == ()


def test_ring_all_is_one_answer():
    desks = [f"{number}" for number in range(101, 111)]
    house = after(ringing(), *(rings(desk=desk) for desk in desks), stops_ringing(at=110, desk="102"),
                  picks_up(at=110), *(stops_ringing(at=110, desk=desk) for desk in desks[3:]),
                  hangs_up("103", 110), together(110.001, "101", "c1"), hangs_up("c1", 140))
    assert house.call().desks == ("PJSIP/101",)
    assert house.call().answer_seconds == 10.0
    assert len(house.of(CallAnswered)) == 1
    assert [fact.place for fact in house.of(CallMoved)] == [
        Place.WAITING, Place.CONNECTING, Place.TALKING, Place.GONE]      # the nine others change nothing


def test_a_desk_that_does_not_answer_and_rings_again_is_one_wait():
    house = after(ringing(at=100), joins(at=101), rings(at=102), stops_ringing(at=115, status="NOANSWER"),
                  rung_and_answered(rung_at=120, at=124, leg="101b"), hangs_up("c1", 150))
    assert house.call().answer_seconds == 24.0
    assert len(house.of(CallArrived)) == 1
    assert kinds(house) == []


def test_overflow_into_a_second_queue_is_one_call_from_its_ring_in():
    house = after(ringing(at=100), joins(at=101, queue="dagpenge"), rings(at=102), stops_ringing(at=110),
                  leaves(at=110, queue="dagpenge"), joins(at=111, queue="overløb"),
                  rung_and_answered(rung_at=112, at=118, desk="102"), hangs_up("c1", 150))
    assert house.call().queue == "dagpenge"
    assert house.call().answer_seconds == 18.0
    assert [call.outcome for call in house.calls()] == [Outcome.ANSWERED]


def test_a_phone_that_forwards_is_no_transfer():
    house = after(ringing(at=100), joins(), rings(at=102), pipe("c1", 103, "f1"), stops_ringing(at=103),
                  rings(at=104, desk="102", by="f1;2"), picks_up(at=109, desk="102", by="f1;2"),
                  together(109, "102", "f1;2"), together(109.1, "f1;1", "c1"), hangs_up("c1", 140))
    assert house.call().answer_seconds == 9.0
    assert kinds(house) == []


def test_a_pick_up_of_somebody_elses_phone_is_the_answer():
    house = after(ringing(at=100), joins(), rings(at=102, desk="101"), calls_inside("102", 106, "102", "*8"),
                  [ev.PickedUp(instant(108), "102", "102", "101", "c1")], cut_off("101", 108),
                  together(111, "102", "c1"), hangs_up("c1", 140))
    assert house.call().answer_seconds == 8.0
    assert house.call().desks == ("PJSIP/102",)
    assert kinds(house) == []


def test_a_pick_up_under_dial_is_the_answer_too():
    house = after(ringing(at=100), rings(at=102, desk="101"), calls_inside("102", 106, "102", "*8"),
                  [dial_ended("c1", 108, "102", "ANSWER"), ev.PickedUp(instant(108), "102", "102", "101", "c1")],
                  cut_off("101", 108), together(108.1, "102", "c1"), hangs_up("c1", 140))
    assert house.call().answer_seconds == 8.0


def test_a_pick_up_that_only_the_end_of_the_ringing_tells_of_is_the_answer_too():
    house = after(ringing(at=100), rings(at=102, desk="101"), calls_inside("102", 106, "102", "*8"),
                  [dial_ended("c1", 108, "102", "ANSWER")], cut_off("101", 108), together(108.2, "102", "c1"),
                  hangs_up("c1", 140))
    assert house.call().answer_seconds == 8.0


def test_a_phone_that_was_picked_up_for_somebody_else_answers_when_it_gets_the_member():
    house = after(ringing(at=100), joins(), consults("103", 102, "103", to="102", answered_at=105),
                  together(112, "102", "c1"), hangs_up("c1", 140))
    assert house.call().answer_seconds == 12.0


def test_an_announcement_of_a_queue_to_the_desk_does_not_move_the_answer():
    house = after(ringing(at=100), joins(), rings(at=102), picks_up(at=108), leaves(at=112), together(112, "101", "c1"))
    assert house.call().answer_seconds == 8.0


def test_an_announcement_by_dial_counts_from_the_line_going_up_where_the_login_sees_the_dialplan():
    house = after(ringing(at=100), runs("c1", 101, "Dial"), rings(at=102), runs("101", 102, "AppDial", linked="c1"),
                  state("101", 108, LegState.UP, "desks", "c1"), [dial_ended("c1", 111, "101", "ANSWER")],
                  together(111, "101", "c1"), hangs_up("c1", 140))
    assert house.call().answer_seconds == 8.0


def test_a_phone_that_must_accept_first_answers_when_it_accepts():
    house = after(ringing(at=100), runs("c1", 101, "Dial"), rings(at=102),
                  state("101", 108, LegState.UP, "desks", "c1"), runs("101", 108, "Read", "screen", linked="c1"),
                  [ev.KeyPressed(instant(111), "101"), dial_ended("c1", 111.002, "101", "ANSWER")],
                  together(111.003, "101", "c1"), hangs_up("c1", 140))
    assert house.call().answer_seconds == pytest.approx(11.0, abs=0.01)


def test_a_phone_that_is_asked_to_accept_is_not_connecting():
    house = during(ringing(at=100), joins(), rings(at=102), picks_up(at=108), runs("101", 108, "Read", linked="c1"))
    assert places(house)[-1] is Place.WAITING


def test_a_mobile_that_never_accepts_is_no_answer():
    house = after(ringing(at=100), rings(at=102), state("101", 108, LegState.UP, "desks", "c1"),
                  stops_ringing(at=115, status="CONTINUE"), rung_and_answered(rung_at=116, at=119, desk="102"),
                  hangs_up("c1", 140))
    assert house.call().answer_seconds == 19.0


def test_a_desk_that_rings_a_few_ms_before_the_ring_in_is_told_makes_no_wait_negative():
    house = after(ringing(at=100.01), rings(at=100), answers(at=100.005), hangs_up("c1", 160))
    call = house.call()
    assert call.asked_at == call.answered_at == call.talking_at == call.arrived_at == instant(100.01)


def test_with_a_bridge_told_before_the_pick_up_the_bridge_is_the_answer():
    house = after(ringing(at=100), rings(at=102), together(110, "101", "c1"), picks_up(at=110.002), hangs_up("c1", 140))
    assert house.call().answer_seconds == 10.0


# -- the verdict


def test_an_answer_on_the_twentieth_second_is_within_target():
    house = after(ringing(at=100), joins(), rung_and_answered(at=120), hangs_up("c1", 140))
    assert house.call().answer_seconds == 20.0
    assert house.verdict() == "met"


def test_an_answer_a_microsecond_later_is_not():
    house = after(ringing(at=100), joins(), rung_and_answered(at=120.000001), hangs_up("c1", 140))
    assert house.verdict() == "missed"


def test_a_wait_is_missed_when_the_target_has_passed():
    house = during(ringing(at=100), joins()).wait(120)
    assert house.verdict() is None
    house.wait(121)
    assert house.verdict() == "missed"
    assert house.judged_at() == 120.000001


def test_an_answer_that_is_told_a_little_late_was_still_in_time():
    house = during(ringing(at=100), joins(), rings()).wait(120.1).hear(answers(at=119.999))
    assert house.verdict() == "met"


def test_a_long_menu_is_missed_on_asking():
    house = during(ringing(at=100), joins(at=122)).wait(123)
    assert house.verdict() == "missed"
    assert house.judged_at() == 122.0


def test_the_verdict_is_once_and_for_all():
    house = after(ringing(at=100), joins(), rings(at=119), picks_up(at=130), together(131, "101", "c1"),
                  transfers("c1", 140, "101", "102"), hangs_up("c1", 150))
    assert [fact.verdict.value for fact in house.of(CallJudged)] == ["missed"]
    assert house.call().outcome is Outcome.ANSWERED


def test_hanging_up_unanswered_is_missed_at_once():
    house = after(ringing(at=100), joins(), hangs_up("c1", 105))
    assert house.verdict() == "missed"
    assert house.judged_at() == 105.0


def test_a_short_abandon_has_no_verdict_where_the_house_says_so():
    told = ringing(at=100), joins(), hangs_up("c1", 104.9)
    assert after(*told, goal=Goal(short_abandon_seconds=5)).verdict() is None
    assert after(*told, goal=Goal(short_abandon_seconds=4)).verdict() == "missed"


def test_a_call_out_of_hours_is_not_judged():
    house = after(answered_call(), hangs_up("c1", 130), is_open=lambda at: False)
    assert house.verdict() is None
    assert house.call().in_hours is False


def test_a_call_belongs_to_the_opening_hours_of_its_ring_in():
    house = after(answered_call(at=100), hangs_up("c1", 130), is_open=lambda at: at < instant(101))
    assert house.verdict() == "met"


def test_a_menu_leaver_is_not_judged():
    house = after(ringing(at=100), hangs_up("c1", 160))
    assert house.verdict() is None


# -- outcomes and who ended it


MENU = ringing(at=100)
WAITED = ringing(at=100) + joins(at=101)
OUTCOMES = {
    "answered": (answered_call() + hangs_up("c1", 140), Outcome.ANSWERED, EndedBy.MEMBER),
    "the desk hung up": (answered_call() + hangs_up("101", 140) + cut_off("c1", 140.01),
                         Outcome.ANSWERED, EndedBy.DESK),
    "the member gave up": (WAITED + hangs_up("c1", 110), Outcome.ABANDONED, EndedBy.MEMBER),
    "the time was up": (WAITED + leaves(at=110) + cut_off("c1", 111), Outcome.TURNED_AWAY, EndedBy.PBX),
    "the member left the menu": (MENU + hangs_up("c1", 110), Outcome.LEFT_MENU, EndedBy.MEMBER),
    "the dialplan ended the menu": (MENU + cut_off("c1", 110), Outcome.LEFT_MENU, EndedBy.PBX),
    "closed": (MENU + runs("c1", 101, "Playback", "closed") + cut_off("c1", 110), Outcome.CLOSED, EndedBy.PBX),
    "closed, and left": (MENU + runs("c1", 101, "Playback", "closed") + hangs_up("c1", 103),
                         Outcome.CLOSED, EndedBy.MEMBER),
    "closed by context": (MENU + cut_off("c1", 110, "closed"), Outcome.CLOSED, EndedBy.PBX),
    "a closed line": (ringing(to="70200199") + cut_off("c1", 110), Outcome.CLOSED, EndedBy.PBX),
    "closed while waiting": (WAITED + runs("c1", 110, "Playback", "closed") + cut_off("c1", 115),
                             Outcome.TURNED_AWAY, EndedBy.PBX),
    "busy tone": (WAITED + leaves(at=110) + runs("c1", 110, "Busy") + hangs_up("c1", 115),
                  Outcome.TURNED_AWAY, EndedBy.MEMBER),
    "busy line": (WAITED + leaves(at=110) + state("c1", 110, LegState.BUSY) + hangs_up("c1", 110.1),
                  Outcome.TURNED_AWAY, EndedBy.MEMBER),
    "voicemail after a wait": (WAITED + runs("c1", 110, "Goto", "vm") + hangs_up("c1", 130),
                               Outcome.VOICEMAIL, EndedBy.MEMBER),
    "voicemail by context": (WAITED + hangs_up("c1", 130, "vm"), Outcome.VOICEMAIL, EndedBy.MEMBER),
    "voicemail by application": (MENU + runs("c1", 101, "VoiceMail") + hangs_up("c1", 130),
                                 Outcome.VOICEMAIL, EndedBy.MEMBER),
    "callback": (WAITED + cut_off("c1", 130, "callback"), Outcome.CALLBACK, EndedBy.PBX),
    "back from voicemail": (WAITED + runs("c1", 110, "Goto", "vm") + joins("c1", 120, "overløb") + hangs_up("c1", 130),
                            Outcome.ABANDONED, EndedBy.MEMBER),
    "voicemail after a talk": (answered_call() + transfers("c1", 120, "101", "vm") + hangs_up("101", 120)
                               + hangs_up("c1", 140, "vm"), Outcome.ANSWERED, EndedBy.MEMBER),
}


@pytest.mark.parametrize("case", OUTCOMES)
def test_every_call_has_one_outcome_and_somebody_who_ended_it(case):
    told, outcome, ended_by = OUTCOMES[case]
    house = after(told)
    assert [(call.outcome, call.ended_by) for call in house.calls()] == [(outcome, ended_by)]


def test_a_call_ends_when_its_member_hangs_up_and_not_when_an_announcement_is_over():
    house = after(ringing(at=100), joins(), rings(), picks_up(at=105), [ev.HangupRequested(instant(107), "c1", "c1")],
                  cut_off("101", 112), cut_off("c1", 112))
    assert house.call().ended_at == instant(107)


def test_a_member_who_hung_up_in_an_announcement_to_the_desk_waits_no_more():
    house = during(ringing(at=100), joins(), rings(), picks_up(at=101), [ev.HangupRequested(instant(102), "c1", "c1")],
                   goal=Goal(short_abandon_seconds=3))
    assert places(house)[-1] is Place.GONE
    house.wait(200)
    assert house.verdict() is None


def test_a_call_is_told_as_ended_once_whether_the_hangup_comes_once_or_twice():
    assert len(after(answered_call(), hangs_up("c1", 140), hangs_up("c1", 140.5)).of(CallEnded)) == 1


def test_a_call_that_has_ended_is_sealed_some_seconds_later():
    house = during(answered_call(), hangs_up("c1", 140))
    house.wait(144)
    assert house.of(CallEnded) == []
    house.wait(146)
    assert len(house.of(CallEnded)) == 1


def test_an_open_call_is_told_of_and_not_ended():
    house = during(answered_call())
    house.facts += house.board.finish()
    assert house.of(CallEnded) == []
    assert house.call().outcome is Outcome.ANSWERED
    assert house.call().ended_at is None


def test_a_leg_is_forgotten_some_time_after_its_end():
    house = after(answered_call(), hangs_up("101", 139), hangs_up("c1", 140), ringing("c2", 4000))
    assert len(house.board.wiring) == 1


def test_a_leg_is_in_one_bridge_at_a_time_though_nobody_said_that_it_left():
    house = after(answered_call(), rings(at=120, desk="102"), together(130, "102", "c1", bridge="b2"),
                  hangs_up("c1", 140), hangs_up("101", 140), hangs_up("102", 140))
    assert house.board.wiring.bridges == {}


# -- hand-overs


def test_a_blind_transfer_counts_and_is_answered_by_whom_it_reaches():
    house = after(answered_call(), transfers("c1", 130, "101", "102"), apart(130, "101", "c1", bridge="talk"),
                  cut_off("101", 130), rung_and_answered(rung_at=131, at=135, desk="102", bridge="b2"),
                  hangs_up("c1", 150))
    [transfer] = house.call().transfers
    assert (transfer.kind, transfer.to, transfer.counts) == (TransferKind.BLIND, "102", True)
    assert (transfer.at, transfer.answered_at, transfer.ended_at) == (instant(130), instant(135), instant(150))
    assert house.call().desks == ("PJSIP/101", "PJSIP/102")
    assert [fact.first for fact in house.of(CallTransferred)] == [True]


def test_a_blind_transfer_that_nobody_answers_counts_too():
    house = after(answered_call(), transfers("c1", 130, "101", "102"), cut_off("101", 130), hangs_up("c1", 140))
    assert kinds(house) == [TransferKind.BLIND]
    assert house.call().transfers[0].answered_at is None


def test_a_failed_transfer_is_none():
    house = after(answered_call(), transfers("c1", 130, "101", "102", succeeded=False), hangs_up("c1", 140))
    assert house.call().transfers == ()


def test_a_blind_transfer_told_after_the_hangup_still_counts():
    house = after(answered_call(), cut_off("101", 130), hangs_up("c1", 130.5), transfers("c1", 135.4, "101", "102"))
    assert kinds(house) == [TransferKind.BLIND]


def test_a_transfer_told_twice_is_one():
    told = transfers("c1", 130, "101", "102")
    house = after(answered_call(), told, told, cut_off("101", 130), hangs_up("c1", 140))
    assert len(house.call().transfers) == len(house.of(CallTransferred)) == 1


def test_a_second_transfer_is_told_and_is_not_the_first():
    house = after(answered_call(), transfers("c1", 130, "101", "102"), cut_off("101", 130),
                  rung_and_answered(rung_at=131, at=135, desk="102", bridge="b2"), transfers("c1", 140, "102", "103"),
                  cut_off("102", 140), hangs_up("c1", 150))
    assert [fact.first for fact in house.of(CallTransferred)] == [True, False]


def test_the_member_who_was_passed_on_is_shown_as_such():
    house = during(answered_call(), transfers("c1", 130, "101", "102"), apart(130, "c1", "101", bridge="talk"),
                   hangs_up("101", 130)).wait(133)
    assert places(house)[-1] is Place.PASSED_ON


def test_nothing_before_the_first_answer_counts():
    house = after(ringing(), joins(), rings(), transfers("c1", 105, "101", "102"), stops_ringing(at=105),
                  rung_and_answered(rung_at=106, at=110, desk="102"), hangs_up("c1", 140))
    assert house.call().transfers == ()


def test_a_transfer_to_a_survey_line_does_not_count():
    house = after(answered_call(), transfers("c1", 130, "101", "799"), cut_off("101", 130),
                  hangs_up("c1", 140, "survey"))
    assert not house.call().transferred
    assert house.of(CallTransferred) == []


def test_a_transfer_into_a_survey_context_does_not_count():
    house = after(answered_call(), transfers("c1", 130, "101", "88"), cut_off("101", 130),
                  hangs_up("c1", 140, "survey"))
    assert not house.call().transferred
    assert house.of(CallTransferred) == []


def test_a_survey_after_the_desk_hung_up_is_no_transfer():
    house = after(answered_call(), hangs_up("101", 130), runs("c1", 131, "Playback", "survey"), hangs_up("c1", 140))
    assert house.call().transfers == ()


def test_an_attended_transfer_counts_and_was_answered_when_the_colleague_got_the_member():
    house = after(answered_call(), consults("101b", 120, to="102", answered_at=125),
                  hands_over("c1", 130, "101", "101b", "102"), together(130.001, "102", bridge="talk"),
                  cut_off("101", 130.01), cut_off("101b", 130.01), hangs_up("c1", 150))
    [transfer] = house.call().transfers
    assert (transfer.kind, transfer.to) == (TransferKind.ATTENDED, "102")
    assert house.call().desks == ("PJSIP/101", "PJSIP/102")
    assert transfer.ended_at == instant(150)


def test_an_attended_transfer_told_after_the_colleague_came_is_the_same():
    house = after(answered_call(), consults("101b", 120, to="102", answered_at=125),
                  together(130, "102", bridge="talk"), hands_over("c1", 130.003, "101", "101b", "102"),
                  cut_off("101", 130.01), cut_off("101b", 130.01), hangs_up("c1", 150))
    assert kinds(house) == [TransferKind.ATTENDED]
    assert house.call().transfers[0].answered_at is not None


def test_a_consultation_without_hand_over_is_no_transfer():
    house = after(answered_call(), [ev.HoldChanged(instant(119), "101", "c1", True)],
                  consults("101b", 120, to="102", answered_at=125), hangs_up("102", 130), cut_off("101b", 130),
                  [ev.HoldChanged(instant(131), "101", "c1", False)], hangs_up("c1", 150))
    assert house.call().transfers == ()
    assert house.call().desks == ("PJSIP/101",)


def test_a_hand_over_while_the_colleague_still_rings_counts():
    house = after(answered_call(), consults("101b", 120, to="102"), hands_over("c1", 124, "101", "101b", "102"),
                  cut_off("101", 124), cut_off("101b", 124),
                  picks_up("c1", 130, "102"), together(130, "102", bridge="talk"), hangs_up("c1", 150))
    assert kinds(house) == [TransferKind.ATTENDED]


def test_a_hand_over_that_nobody_took_and_that_rings_back_is_none():
    house = after(answered_call(), consults("101b", 120, to="102"), hands_over("c1", 124, "101", "101b", "102"),
                  apart(124, "101", bridge="talk"), stops_ringing("c1", 140, "102"), cut_off("101b", 140),
                  rings("c1", 141, leg="101c"), picks_up("c1", 143, leg="101c"), together(143, "101c", bridge="talk"),
                  hangs_up("c1", 160))
    assert house.call().transfers == ()


def test_a_failed_attended_transfer_is_none():
    house = after(answered_call(), consults("101b", 120, to="102", answered_at=125),
                  hands_over("c1", 130, "101", "101b", "102", succeeded=False), hangs_up("c1", 150))
    assert house.call().transfers == ()


def test_a_colleague_who_passes_the_consultation_on_has_not_passed_the_member_on():
    told = [ev.BlindTransferred(instant(130), True, "102", "101b", "101b", "101b", "internal", "103")]
    house = after(answered_call(), consults("101b", 120, to="102", answered_at=125), told, hangs_up("c1", 150))
    assert house.call().transfers == ()


def test_parking_and_fetching_by_another_desk_counts():
    house = after(answered_call(), apart(130, "c1", bridge="talk"), parks("c1", 130, "PJSIP/101"), cut_off("101", 131),
                  fetches("c1", 140, "102", "102"), hangs_up("c1", 160))
    [transfer] = house.call().transfers
    assert (transfer.kind, transfer.to) == (TransferKind.PARK, "PJSIP/102")


def test_parking_and_fetching_by_the_same_desk_does_not_count():
    house = after(answered_call(), apart(130, "c1", bridge="talk"), parks("c1", 130, "PJSIP/101"), cut_off("101", 131),
                  fetches("c1", 140, "101", "101b"), hangs_up("c1", 160))
    assert house.call().transfers == ()


@pytest.mark.parametrize("transfer_at", [129.999, 130.001])
def test_a_blind_transfer_that_is_the_way_to_park_is_none(transfer_at):
    told = parks("c1", 130, "PJSIP/101") + transfers("c1", transfer_at, "101", "700")
    told.sort(key=lambda event: event.at)
    house = after(answered_call(), apart(129.9, "c1", bridge="talk"), told, cut_off("101", 131),
                  fetches("c1", 140, "101", "101b"), hangs_up("c1", 160))
    assert house.call().transfers == ()


def test_a_parked_member_who_gives_up_was_not_handed_over():
    house = after(answered_call(), apart(130, "c1", bridge="talk"), parks("c1", 130, "PJSIP/101"), cut_off("101", 131),
                  [ev.Parked(instant(140), ParkChange.GAVE_UP, "c1", "c1", "PJSIP/101", "701", "")],
                  hangs_up("c1", 140))
    assert house.call().transfers == ()


def test_a_parked_member_who_comes_back_to_the_desk_was_not_handed_over():
    house = after(answered_call(), apart(130, "c1", bridge="talk"), parks("c1", 130, "PJSIP/101"), cut_off("101", 131),
                  [ev.Parked(instant(150), ParkChange.TIMED_OUT, "c1", "c1", "PJSIP/101", "701", "")],
                  rung_and_answered(rung_at=150, at=152, leg="101b", bridge="back"), hangs_up("c1", 160))
    assert house.call().transfers == ()


def test_two_parked_members_do_not_hear_each_other():
    house = after(answered_call("c1", 100, "101", "t1"), answered_call("c2", 100.5, "102", "t2"),
                  parks("c1", 130, "PJSIP/101"), parks("c2", 130, "PJSIP/102"),
                  cut_off("101", 131), cut_off("102", 131),
                  fetches("c1", 140, "101", "101b"), fetches("c2", 140, "102", "102b"),
                  hangs_up("c1", 160), hangs_up("c2", 160))
    assert [call.desks for call in house.calls()] == [("PJSIP/101",), ("PJSIP/102",)]
    assert kinds(house, "c1") == kinds(house, "c2") == []


def three_way():
    return (answered_call() + consults("101b", 120, to="102", answered_at=125)
            + hands_over("c1", 127, "101", "101", "102", destination="Threeway") + together(127, "102", bridge="talk"))


def test_a_conference_counts_when_its_maker_leaves():
    house = after(three_way(), apart(135, "101", bridge="talk"), hangs_up("101", 135), hangs_up("c1", 150))
    assert kinds(house) == [TransferKind.CONFERENCE]
    assert house.call().transfers[0].to == "PJSIP/102"


def test_a_conference_whose_guest_leaves_first_is_no_hand_over():
    house = after(three_way(), apart(135, "102", bridge="talk"), hangs_up("102", 135), hangs_up("c1", 150))
    assert house.call().transfers == ()


def test_a_conference_that_the_member_leaves_is_no_hand_over():
    house = after(three_way(), hangs_up("c1", 135), hangs_up("101", 140))
    assert house.call().transfers == ()


def test_a_conference_that_ends_for_all_at_once_is_no_hand_over():
    house = after(three_way(), hangs_up("101", 135), hangs_up("102", 135.01), cut_off("c1", 135.02))
    assert house.call().transfers == ()


def test_hold_is_no_hand_over():
    house = after(answered_call(), [ev.HoldChanged(instant(120), "101", "c1", True)],
                  [ev.HoldChanged(instant(125), "101", "c1", False)], hangs_up("c1", 140))
    assert house.call().transfers == ()
    assert [step.step for step in house.call().steps if step.step in {"hold", "resume"}] == ["hold", "resume"]


def test_a_member_who_transfers_the_desk_hands_nothing_over():
    told = [ev.BlindTransferred(instant(130), True, "c1", "c1", "101", "c1", "internal", "102")]
    assert after(answered_call(), told, hangs_up("c1", 140)).call().transfers == ()


# -- not knowing


def test_a_gap_is_told_when_it_begins_and_when_it_is_over():
    house = during(ringing(), lost(at=110, since=105), listed(115, seen("c1", 100)))
    assert [gap.since for gap in house.of(GapMarked)] == [instant(105), instant(105)]
    assert [gap.until for gap in house.of(GapMarked)] == [None, instant(115)]


def test_nothing_is_judged_inside_a_gap():
    house = during(ringing(at=100), joins(), lost(at=110, since=110)).wait(200)
    assert house.verdict() is None


def test_a_target_that_passed_before_the_gap_is_judged():
    house = during(ringing(at=100), joins()).wait(130).hear(lost(at=131, since=131))
    assert house.verdict() == "missed"


def test_a_call_that_is_found_waiting_after_the_gap_goes_on():
    house = during(ringing(at=100), joins(), lost(at=110, since=105),
                   listed(115, seen("c1", 100), callers=[ev.SnapshotCaller("c1", "dagpenge", instant(101))]))
    house.hear(rung_and_answered(rung_at=116, at=118), hangs_up("c1", 130)).wait(200)
    assert house.call().answer_seconds == 18.0
    assert house.verdict() == "met"


def test_a_call_that_is_found_waiting_beyond_the_target_is_missed():
    house = during(ringing(at=100), joins(), lost(at=110, since=105), listed(130, seen("c1", 100))).wait(131)
    assert house.verdict() == "missed"


def test_an_answer_in_a_gap_is_an_interval():
    house = during(ringing(at=100), joins(), lost(at=110, since=105),
                   listed(115, seen("c1", 100, "b"), seen_desk("101", 104, "b", "c1"))).wait(116)
    low, high = house.call().answer_bounds
    assert 4 <= low <= 5
    assert high == 15.0
    assert house.verdict() == "met"


def test_an_interval_over_the_target_is_undecided():
    house = during(ringing(at=100), joins(), lost(at=116, since=115),
                   listed(130, seen("c1", 100, "b"), seen_desk("101", 102, "b", "c1"))).wait(131)
    assert house.verdict() == "undecided"


def test_the_desk_that_is_found_after_a_gap_need_not_have_been_the_first():
    house = during(ringing(at=100), joins(), lost(at=119, since=118),
                   listed(150, seen("c1", 100, "b"), seen_desk("101", 140, "b", "c1"))).wait(151)
    assert house.verdict() == "undecided"


def test_a_call_gone_after_the_gap_is_lost_and_undecided():
    house = during(ringing(at=100), joins(), lost(at=110, since=105), listed(115)).wait(200)
    assert house.call().outcome is Outcome.LOST
    assert house.verdict() == "undecided"
    assert [fact.reason for fact in house.of(CallUnaccounted)] == ["lost"]


def test_a_call_that_was_answered_and_is_gone_after_the_gap_stays_answered():
    house = during(answered_call(), lost(at=130, since=125), listed(135)).wait(200)
    assert house.call().outcome is Outcome.ANSWERED
    assert house.verdict() == "met"


def test_a_member_who_came_in_the_gap_is_found_with_a_ring_in_to_the_second():
    house = during(ringing("c0", at=90), lost(at=110, since=100), listed(115, seen("c0", 90), seen("c9", 105)))
    assert abs(house.call("c9").arrived_at - instant(105)) <= SECOND


def test_a_desk_found_in_the_list_is_no_member():
    house = during(lost(at=10, since=0.001), listed(115, seen("101", 105, channel="PJSIP/101-1", context="desks")))
    assert house.of(CallArrived) == []


def test_another_boot_ends_what_was_going_on():
    house = during([ev.SwitchBooted(instant(50), "monday", None)], ringing("c1", 100), joins(),
                   answered_call("c2", 100), lost(at=120, since=115),
                   [ev.SwitchBooted(instant(125), "tuesday", None)], listed(126, seen("c1", 125))).wait(200)
    assert house.calls()[0].outcome is Outcome.LOST
    assert house.verdict("c1") == "undecided"
    assert (house.call("c2").outcome, house.call("c2").ended_at) == (Outcome.ANSWERED, instant(115))


def test_the_same_boot_again_ends_nothing():
    house = during([ev.SwitchBooted(instant(50), "monday", None)], ringing("c1", 100), joins(), lost(at=120, since=115),
                   [ev.SwitchBooted(instant(125), "monday", None)], listed(126, seen("c1", 100))).wait(200)
    assert house.call("c1").ended_at is None
    assert house.call("c1").boot == "monday"


def test_a_switch_that_runs_for_less_time_than_the_gap_is_another_one():
    house = during(ringing("c1", 100), joins(), lost(at=120, since=115),
                   [ev.SwitchBooted(instant(125), "", instant(118))], listed(126, seen("c1", 124))).wait(200)
    assert [(call.outcome, call.ended_at) for call in house.calls()] == [(Outcome.LOST, instant(115))]


def test_ids_of_an_earlier_boot_are_never_matched():
    house = during([ev.SwitchBooted(instant(50), "monday", None)], answered_call("c1", 100), lost(at=120, since=115),
                   [ev.SwitchBooted(instant(5010), "tuesday", None)], listed(5011, seen("c1", 5000)),
                   hangs_up("c1", 5020)).wait(5040)
    assert [(call.outcome, call.boot, call.ended_at) for call in house.calls()] == [
        (Outcome.ANSWERED, "monday", instant(115)), (Outcome.LEFT_MENU, "tuesday", instant(5020))]


def test_hangups_just_before_the_switch_stops_are_the_switch():
    house = after(ringing("c1", 100), joins(), cut_off("c1", 110), [ev.SwitchStopping(instant(110.5))])
    assert house.call().outcome is Outcome.LOST
    assert house.call().ended_by is EndedBy.PBX


def test_who_hung_up_before_the_switch_stopped_did_so():
    house = after(ringing("c1", 100), joins(), hangs_up("c1", 110), [ev.SwitchStopping(instant(110.5))])
    assert house.call().outcome is Outcome.ABANDONED


def test_a_desk_that_hung_up_before_the_switch_stopped_did_so_too():
    house = after(answered_call(), hangs_up("101", 130), cut_off("c1", 130.01), [ev.SwitchStopping(instant(133.3))])
    assert house.call().ended_by is EndedBy.DESK


def test_a_stop_takes_no_verdict_back():
    house = after(ringing("c1", 100), joins(at=101), cut_off("c1", 130), [ev.SwitchStopping(instant(130.5))])
    assert house.verdict() == "missed"


def test_calls_of_an_earlier_life_are_carried_on():
    before = during(ringing(at=100), joins(at=101)).call()
    house = during()
    house.facts += house.board.resume([before], instant(105))
    house.hear(listed(110, seen("c1", 100), callers=[ev.SnapshotCaller("c1", "dagpenge", instant(101))]),
               rung_and_answered(rung_at=111, at=114), hangs_up("c1", 130)).wait(200)
    assert house.call().answer_seconds == 14.0
    assert house.verdict() == "met"
    assert house.call().quality == "resumed"
    assert house.of(CallArrived) == []


def test_a_call_of_an_earlier_life_that_is_gone_is_lost():
    before = during(ringing(at=100), joins(at=101)).call()
    house = during()
    house.facts += house.board.resume([before], instant(105))
    house.hear(listed(110)).wait(200)
    assert house.call().outcome is Outcome.LOST
    assert house.verdict() == "undecided"


# -- more than once, late, never


def test_every_event_twice_is_the_same_call():
    told = answered_call() + transfers("c1", 130, "101", "102") + cut_off("101", 130) + rung_and_answered(
        rung_at=131, at=135, desk="102", bridge="b2") + hangs_up("c1", 150)
    once, twice = after(told), after([event for event in told for _ in range(2)])
    assert [call.transfers for call in twice.calls()] == [call.transfers for call in once.calls()]
    assert len(twice.of(CallAnswered, CallJudged, CallEnded)) == 3


def test_a_hangup_that_never_comes_leaves_the_call_open():
    assert after(answered_call()).of(CallEnded) == []


def test_time_told_by_no_event_judges_as_events_do():
    told = ringing(at=100) + joins()
    by_tick, by_event = during(told).wait(121), during(told).hear(ringing("c2", at=121))
    assert by_tick.of(CallJudged) == by_event.of(CallJudged)


def test_the_next_deadline_says_when_there_is_something_to_judge():
    house = during(ringing(at=100), joins())
    assert house.board.next_deadline() == pytest.approx(instant(120), abs=SECOND)
    house.wait(200)
    assert house.board.next_deadline() is None


def test_a_house_without_lines_takes_every_number_for_a_line():
    assert during(ringing(to="12345678"), doors=Doors(frozenset({"from-trunk"}))).call().line == "12345678"


def test_after_a_restart_of_ours_the_door_is_known_by_a_call_that_was_kept():
    before = during(ringing(at=100), joins(at=101)).call()
    house = during()
    house.facts += house.board.resume([before], instant(105))
    house.hear(listed(110, seen("new", 107, channel="PJSIP/trunk-2", context="koe", state=LegState.UP),
                      seen("c1", 100, channel="PJSIP/trunk-1", context="koe", state=LegState.UP)))
    assert {call.leg.id for call in house.board.calls.values()} == {"c1", "new"}


def test_nothing_falls_due_in_the_silence_before_a_loss_is_noticed():
    house = during(ringing(at=100), joins(at=101), lost(130, since=115))
    assert house.verdict() is None


def test_a_call_found_in_a_list_though_it_rang_in_before_the_gap_is_not_said_to_have_waited_until_then():
    house = during(lost(150, since=150), listed(
        155, seen("c1", 100, bridge="b", state=LegState.UP), seen_desk("101", 108, "b", "c1"))).wait(160)
    assert house.call().answer_bounds == (0.0, 56.0)
    assert house.verdict() == "undecided"


def test_a_phone_that_was_picked_up_in_a_gap_and_gets_the_member_after_it_was_picked_up_in_the_gap():
    told = ringing(), joins(), rings(at=102), lost(105, since=105), listed(
        112, seen("c1", 100), seen("101", 102, linked="c1", channel="PJSIP/101-101", state=LegState.UP,
                                   context="desks", application="AppQueue"))
    house = after(*told, together(112.7, "101", "c1", bridge="talk"), leaves(at=112.7), hangs_up("c1", 150))
    assert (house.call().answered_at, house.call().answered_between) == (None, (instant(105), instant(112)))


def test_a_switch_of_the_same_boot_is_the_same_though_it_began_just_before_the_gap():
    booted = [ev.SwitchBooted(instant(99.8), "boot 1", instant(99.8))]
    again = [ev.SwitchBooted(instant(103), "boot 1", instant(99.8))]
    house = during(booted, ringing(), lost(100.3, since=100.3), again, listed(103.1, seen("c1", 100)))
    assert house.of(CallArrived, CallEnded) == house.of(CallArrived)
    assert len(house.of(CallArrived)) == 1
