"""What a kill of slmon must not make better than it was: all that is known is kept, and what is rough stays rough."""

import pytest
from telling import (
    DOORS,
    House,
    answered_call,
    answers,
    cut_off,
    during,
    hangs_up,
    instant,
    joins,
    listed,
    lost,
    parks,
    ringing,
    rings,
    runs,
    seen,
    transfers,
)

from slmon.core import events as ev
from slmon.core.facts import CallJudged, CallTransferred, Outcome, Verdict
from slmon.core.goals import Goal
from slmon.core.retold import retold
from slmon.core.switchboard import Switchboard


def carried_on(house, since):
    """Another life of the same switchboard, from what was kept."""
    again = House(Switchboard("pbx1", DOORS, lambda at: Goal(), lambda at: True))
    again.facts += again.board.resume(house.board.open_records(), instant(since))
    return again


def test_a_ring_in_that_a_list_told_stays_rough_after_a_restart():
    house = during(lost(100, 100), listed(110, seen("c1", 108)), joins(at=111))
    again = carried_on(house, 112).hear(listed(113, seen("c1", 108)), rings(at=114),
                                           answers(at=127.4), hangs_up("c1", 160))
    again.wait(170)
    assert again.call().answer_bounds == (pytest.approx(19.4), pytest.approx(20.4))
    assert again.verdict() == "undecided"


def test_a_hand_over_that_no_fact_tells_yet_is_to_be_kept():
    house = during(answered_call())
    house.board.changed_calls()
    house.hear(transfers("c1", 130, "101", "102"))
    assert house.board.changed_calls() == ["pbx1/c1"]
    assert house.board.changed_calls() == []


def test_what_the_dialplan_does_with_a_member_is_to_be_kept():
    house = during(ringing(), joins())
    house.board.changed_calls()
    house.hear(runs("c1", 110, "VoiceMail", "vm"))
    assert house.board.changed_calls() == ["pbx1/c1"]


def test_a_hand_over_of_the_last_second_before_a_restart_is_told_after_it():
    house = during(answered_call(), transfers("c1", 130, "101", "102"))
    again = carried_on(house, 130.4).hear(listed(133, seen("c1", 100)), rings(at=134, desk="102"), hangs_up("c1", 150))
    again.wait(170)
    assert [fact.kind.value for fact in again.of(CallTransferred)] == ["blind"]
    assert again.call().transferred


def test_a_hand_over_that_a_restart_interrupts_and_that_was_the_way_to_park_is_none():
    house = during(answered_call(), transfers("c1", 130, "101", "700"))
    again = carried_on(house, 130.4).hear(listed(130.9, seen("c1", 100)), parks("c1", 131, "PJSIP/101"),
                                            hangs_up("c1", 150))
    again.wait(170)
    assert not again.call().transferred


@pytest.mark.parametrize(("boot", "outcome", "verdict"), [
    ("tuesday", Outcome.LOST, "undecided"), ("monday", Outcome.TURNED_AWAY, "missed")])
@pytest.mark.parametrize(("ended_at", "killed_at", "link_back_at"), [
    (103, 103.8, 104.5), (103, 103.8, 140), (119.5, 122, 140)])
def test_whom_the_switch_cut_off_just_before_a_kill_was_lost_if_it_has_started_anew_since(
        ended_at, killed_at, link_back_at, boot, outcome, verdict):
    house = during([ev.SwitchBooted(instant(90), "monday", None)], ringing("c1", 100), joins(at=101),
                   cut_off("c1", ended_at))
    again = carried_on(house, killed_at)
    again.facts += again.board.seal_ended(instant(link_back_at))
    assert again.board.next_seal() is None               # the clock has nothing to do until the link is back
    again.wait(link_back_at)
    again.hear([ev.SwitchBooted(instant(link_back_at), boot, None)], listed(link_back_at)).wait(link_back_at + 10)
    assert (again.call().outcome, again.verdict()) == (outcome, verdict)


@pytest.mark.parametrize("stops", [True, False])
def test_whom_the_switch_cuts_off_is_judged_when_it_is_known_that_it_was_not_stopping(stops):
    house = during(ringing("c1", 100), joins(at=101), cut_off("c1", 103)).wait(104.9)
    assert house.verdict() is None
    house.hear([ev.SwitchStopping(instant(105))] if stops else []).wait(120)
    assert house.verdict() == ("undecided" if stops else "missed")


def test_whom_the_switch_cut_off_in_this_life_before_a_link_was_lost_is_sealed_though_it_stays_down():
    house = during([ev.SwitchBooted(instant(50), "monday", None)], ringing("c1", 100), joins(at=101), lost(103, 102),
                   listed(104, seen("c1", 100)), cut_off("c1", 110), lost(112, 112))
    house.facts += house.board.seal_ended(instant(600))
    assert (house.call().outcome, house.board.calls) == (Outcome.TURNED_AWAY, {})


def test_a_board_that_starts_anew_does_not_say_yet_that_whom_the_switch_cut_off_was_missed():
    house = during(ringing("c1", 100), joins(at=101), cut_off("c1", 103))
    waited_long = during(ringing("c1", 100), joins(at=101), cut_off("c1", 130))

    def verdicts(of):
        return [fact.verdict for fact in retold(of.board.record("pbx1/c1"), Goal(), instant(140))
                if isinstance(fact, CallJudged)]
    assert (verdicts(house), verdicts(waited_long)) == ([], [Verdict.MISSED])


def test_who_hung_up_just_before_a_kill_gave_up_whatever_became_of_the_switch():
    house = during([ev.SwitchBooted(instant(90), "monday", None)], ringing("c1", 100), joins(at=101),
                   hangs_up("c1", 103))
    again = carried_on(house, 103.8)
    assert again.board.next_seal() == instant(108)
    again.hear([ev.SwitchBooted(instant(140), "tuesday", None)], listed(140)).wait(150)
    assert again.call().outcome is Outcome.ABANDONED


def test_a_kill_just_after_a_restart_of_the_switch_does_not_take_the_calls_since_for_those_before():
    house = during([ev.SwitchBooted(instant(90), "monday", None)], ringing("c1", 100), lost(103, 102),
                   [ev.SwitchBooted(instant(104), "tuesday", None)], listed(104), ringing("c2", 105))
    again = carried_on(house, 105.5).hear([ev.SwitchBooted(instant(107), "tuesday", None)],
                                          listed(107, seen("c2", 105)))
    again.wait(120)
    assert [call.call for call in again.calls()] == ["pbx1/c1"]
    assert again.call("c2").ended_at is None
