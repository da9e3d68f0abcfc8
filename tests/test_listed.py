"""What a list after a gap tells of a call, and what it does not, where the dialplan is an odd one."""

import pytest
from telling import (
    Told,
    answered_call,
    answers,
    apart,
    calls_inside,
    dial_ended,
    during,
    fetches,
    hands_over,
    hangs_up,
    instant,
    joins,
    listed,
    lost,
    pipe,
    ringing,
    rings,
    runs,
    seen,
    seen_desk,
    state,
    together,
)
from test_killed import carried_on

from slmon.core.events import KeyPressed, LegState, StreamLost
from slmon.core.facts import Outcome, TransferKind

UP = LegState.UP


def desk_listed(state: LegState, bridge: str = "", since: float = 103.0):
    """The desk's phone 101 as the list has it."""
    return seen("101", since, bridge, "c1", "PJSIP/101-101", state, "desks", "AppDial")


def put_through(at: float) -> Told:
    """The dialling of 101 ends with an answer, and the member is there at once."""
    return [dial_ended("c1", at, "101", "ANSWER"), *together(at, "101", "c1", bridge="talk")]


# -- nobody named at the other side


@pytest.mark.parametrize(("bridge", "bounds"), [("b1", (5, 22)), ("", (22, 22))])
def test_who_stands_in_a_bridge_has_met_somebody_though_the_list_names_nobody(bridge, bounds):
    """Parked by a consultation, the member is told that nobody is at the other side any more."""
    there = seen("c1", 100, bridge, state=UP, met_nobody=True)
    house = during(ringing(), joins(at=101), lost(110, 105), listed(116, there), rings(at=121), answers(at=122))
    assert house.call().answer_bounds == bounds


# -- what it came in by


@pytest.mark.parametrize(("dialled", "line", "excluded"), [
    ("70200100", "Hovednummer", None), ("70200198", "Test", "test"), (None, None, None)])
def test_who_rang_in_unheard_and_is_elsewhere_by_now_came_in_by_the_number_that_the_list_tells(dialled, line, excluded):
    there = seen("c1", 108, state=UP, context="queue", dialled=dialled)
    house = during(ringing("c0", 100, channel="PJSIP/trunk-c0"), lost(110, 105), listed(116, there))
    found = house.board.record("pbx1/c1")
    assert (found.dialled, found.line, found.excluded) == (dialled or "", line, excluded)


def test_who_is_at_the_door_yet_has_the_number_that_it_came_in_by_and_not_the_one_it_is_at():
    house = during(lost(110, 105), listed(116, seen("c1", 108, state=UP, dialled="70200199")))
    assert house.board.record("pbx1/c1").line == "Lukket"


@pytest.mark.parametrize(("dialled", "calls"), [("", 0), (None, 1), ("70200100", 1)])
def test_whom_the_switch_has_rung_itself_through_the_trunk_in_a_gap_is_no_member(dialled, calls):
    called_back = seen("c1", 108, state=UP, context="queue", application="Queue", dialled=dialled)
    house = during(ringing("c0", 100, channel="PJSIP/trunk-c0"), hangs_up("c0", 101), lost(110, 105),
                   listed(116, called_back))
    assert sum(call == "pbx1/c1" for call in house.board.calls) == calls


# -- before the lists have come


def test_who_is_gone_before_the_lists_have_come_may_have_been_answered_in_the_gap():
    house = during(ringing(), rings(at=102), lost(110, 105), hangs_up("c1", 112), listed(113)).wait(130)
    assert (house.call().outcome, house.verdict()) == (Outcome.LOST, "undecided")


def test_who_is_gone_after_a_single_damaged_message_was_heard_all_the_time():
    house = during(ringing(), rings(at=102), [StreamLost(instant(105), instant(105), "damaged", goes_on=True)],
                   hangs_up("c1", 112), listed(113)).wait(130)
    assert house.call().outcome is Outcome.ABANDONED


@pytest.mark.parametrize(("rung_at", "bounds"), [(102, (12, 12)), (111, (5, 12))])
def test_a_pick_up_before_the_lists_have_come_is_the_first_only_of_a_phone_that_rang_all_the_time(rung_at, bounds):
    ring, gap = rings(at=rung_at), lost(110, 105)
    house = during(ringing(), joins(at=101), *((ring, gap) if rung_at < 105 else (gap, ring)), answers(at=112))
    assert house.call().answer_bounds == bounds


# -- announced to, or asked for a key


def test_a_phone_picked_up_in_a_gap_and_put_through_after_it_may_have_been_announced_to():
    told = [ringing(), joins(at=101), lost(110, 105), listed(106, seen("c1", 100, state=UP), desk_listed(UP))]
    assert during(*told, put_through(108)).call().answer_bounds == (2, 8)
    accepted = during(*told, [KeyPressed(instant(107.9), "101")], put_through(108))
    assert accepted.call().answer_bounds == (8, 8)


def test_a_phone_behind_a_pipe_picked_up_in_a_gap_is_connecting_too():
    """Rung through a Local channel and announced to: the desk is together with the near half, the far one waits."""
    behind = [seen("101", 102, "inner", "c1", "PJSIP/101-101", UP, "desks", "AppDial"),
              seen("l;2", 102, "inner", "c1", "Local/l@desks-0;2", UP, "desks", "Dial"),
              seen("l;1", 102, "", "c1", "Local/l@desks-0;1", UP, "desks", "AppQueue"), seen("c1", 100, state=UP)]
    house = during(ringing(), joins(at=101), lost(104, 103), listed(105, *behind))
    assert house.call().connecting_since <= instant(103)
    talking = [seen("101", 102, "talk", "c1", "PJSIP/101-101", UP, "desks", "AppDial"),
               seen("c1", 100, "talk", state=UP)]
    low, high = carried_on(house, 106).hear(listed(109, *talking)).call().answer_bounds
    assert low <= 3
    assert high >= 5


def test_a_phone_picked_up_in_a_gap_is_connecting_and_breaches_nothing():
    told = [ringing(), joins(at=101), lost(119, 118),
            listed(119, seen("c1", 100, state=UP), desk_listed(UP, since=117))]
    house = during(*told)
    assert house.wait(121).verdict() is None
    assert house.hear(put_through(122)).verdict() == "undecided"
    assert during(*told, hangs_up("101", 121, "desks")).wait(122).verdict() == "missed"


def test_a_phone_that_began_to_ring_in_a_gap_answers_when_it_is_picked_up_and_not_after_the_announcement():
    house = during(ringing(), runs("c1", 100.1, "Dial"), lost(110, 105),
                   listed(106, seen("c1", 100), desk_listed(LegState.RINGING)),
                   state("101", 108, UP, "desks", linked="c1"), put_through(111))
    assert house.call().answer_bounds == (8, 8)


# -- a mailbox


def test_who_is_at_a_mailbox_behind_a_pipe_got_a_machine():
    there = [seen("c1", 100, "b1", state=UP), seen("p;1", 102, "b1", "c1", "Local/p@desks-0;1", UP, "desks"),
             seen("p;2", 102, "", "c1", "Local/p@desks-0;2", UP, "desks", "VoiceMail")]
    house = during(ringing(), pipe("c1", 102, "p"), lost(110, 109), listed(110.2, *there), hangs_up("c1", 120))
    assert house.wait(140).call().outcome is Outcome.VOICEMAIL


def test_who_may_have_been_passed_on_to_a_mailbox_is_not_said_to_have_met_nobody_else():
    there = seen("c1", 100, state=UP, application="VoiceMail")
    house = during(ringing(), joins(at=101), lost(110, 105), listed(116, there), hangs_up("c1", 120))
    assert house.wait(140).call().outcome is Outcome.LOST


# -- parked, and in conference


def test_a_member_handed_over_to_a_leg_that_was_parked_unheard_is_parked():
    there = [seen("c1", 100, "talk", state=UP), seen_desk("101", 102, "talk", "c1"),
             seen("d2", 116, "", "", "PJSIP/101-d2", UP, "desks", "Park")]
    house = during(answered_call(), lost(120, 115), listed(121, *there), hands_over("c1", 122, "101", "d2", "x"),
                   hangs_up("101", 122, "desks"), hangs_up("d2", 122, "desks"), fetches("c1", 125, "103", "d3"),
                   hangs_up("c1", 140)).wait(160)
    assert [each.kind for each in house.call().transfers] == [TransferKind.PARK]


def consulting() -> Told:
    """Desk 101 has answered, holds the member, and asks 102."""
    return [*answered_call(), *apart(115, "101", bridge="talk"), *calls_inside("d2", 116, "102", "102")]


def test_after_a_restart_the_desk_that_asks_another_still_has_the_call():
    there = [seen("c1", 100, "talk", state=UP), seen_desk("101", 102, "asked", "c1"),
             seen("102", 116, "asked", "c1", "PJSIP/102-102", UP, "desks", "AppDial")]
    again = carried_on(during(consulting()), 117).hear(
        listed(118, *there), together(120, "102", "c1", bridge="talk"), together(120.5, "101", bridge="talk"),
        hangs_up("102", 125, "desks")).wait(128)
    again.hear(hangs_up("c1", 130)).wait(150)
    assert again.call().transfers == ()


def test_of_two_desks_that_a_list_shows_with_the_member_at_once_none_is_known_to_have_made_the_conference():
    for first, second in (("101", "102"), ("102", "101")):
        house = during(ringing(), joins(at=101), lost(110, 105), listed(
            120, seen("c1", 100, "b", state=UP), seen_desk("101", 106, "b", "c1"), seen_desk("102", 110, "b", "c1")),
            hangs_up(first, 125, "desks"), hangs_up(second, 130, "desks"), hangs_up("c1", 130.1)).wait(150)
        assert house.call().transfers == ()
