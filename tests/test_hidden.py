"""How many calls a gap may hide at most, by the switch's own count of the calls it has handled."""

import pytest
from telling import during, hangs_up, instant, listed, lost, ringing, seen

from slmon.core import events as ev
from slmon.core.facts import GapMarked, Quality
from slmon.core.gaps import hidden_at_most
from slmon.core.goals import Goals
from slmon.core.hidden import CallCount
from slmon.core.hours import Hours
from slmon.core.instant import SECOND
from slmon.core.scoreboard import Scoreboard
from slmon.core.site import View
from slmon.store.calls import CallStore

MONDAY = 1_795_420_800 * SECOND          # nine o'clock


def gap(since, until, hides=None, told_by=None, pbx="pbx1"):
    """Seconds after nine."""
    return GapMarked(pbx, MONDAY + since * SECOND, MONDAY + until * SECOND, "link down", hides, told_by)


@pytest.mark.parametrize(("gaps", "hidden"), [
    ([], 0), ([gap(0, 9, 3), gap(20, 30, 4)], 7), ([gap(0, 9, 3), gap(20, 30)], None),
    ([gap(0, 9, 3), gap(20, 30, told_by=Quality.CEL)], 3), ([gap(0, 9, 3, Quality.CDR)], 0)])
def test_gaps_hide_together_what_each_hides_but_for_those_that_a_log_has_told(gaps, hidden):
    assert hidden_at_most(gaps) == hidden


def test_the_board_tells_what_todays_gaps_hide_and_forgets_it_when_a_log_has_told():
    hours = Hours((), "Europe/Copenhagen")
    board = Scoreboard(hours, Goals((), hours.day_of), pbxes=["pbx1"])
    now = MONDAY + 3600 * SECOND
    board.record(gap(-86400, -86000, 9))
    board.record(gap(10, 20, 5))
    assert board.snapshot(View("all", "Alle"), now).gaps_today.hidden_at_most == 5
    seconds = board.gap_seconds_total("pbx1", now)
    board.record(gap(10, 20, 5, Quality.CEL), retold=True)
    assert board.snapshot(View("all", "Alle"), now).gaps_today.hidden_at_most == 0
    assert board.gap_seconds_total("pbx1", now) == seconds
    assert board.totals.hidden["pbx1"] == 14


def test_what_a_gap_hides_is_kept(tmp_path):
    store = CallStore(tmp_path / "slmon.db")
    store.mark_gap(gap(10, 20, 5))
    store.mark_gap(gap(30, 40))
    store.flush()
    assert [each.hides_at_most for each in store.gaps(MONDAY, MONDAY + 60 * SECOND)] == [5, None]
    store.close()


def counted(at, handled, boot="monday"):
    return [ev.CallsCounted(instant(at), boot, handled)]


def hidden(house):
    """Of the last gap that ended."""
    return [gap.hides_at_most for gap in house.of(GapMarked) if gap.until is not None][-1]


def test_what_the_count_grew_by_in_a_gap_may_be_calls_that_nobody_knows_of():
    assert hidden(during(counted(100, 7), lost(110, 105), counted(130, 10), listed(131))) == 3


def test_a_count_that_did_not_grow_hides_nothing():
    assert hidden(during(counted(100, 7), lost(110, 105), counted(130, 7), listed(131))) == 0


def test_members_who_were_heard_since_the_last_count_are_no_secret():
    assert hidden(during(counted(100, 7), ringing("c1", 103), ringing("c2", 104), lost(110, 105), counted(130, 10),
                         listed(131, seen("c1", 103), seen("c2", 104)))) == 1


def test_a_member_who_rang_in_unheard_and_is_still_there_is_no_secret():
    assert hidden(during(counted(100, 7), lost(110, 105), counted(130, 9), listed(131, seen("c1", 115)))) == 1


def test_a_member_who_rings_in_after_the_new_count_was_told_hides_nobody_else():
    assert hidden(during(counted(100, 7), lost(110, 105), counted(130, 9), ringing("c1", 130.5),
                         listed(131, seen("c1", 130.5)))) == 2


def test_one_who_rang_in_as_the_count_was_told_may_be_in_it_already():
    assert hidden(during(ringing("c1", 99.9), counted(100, 7), ringing("c2", 100.1), lost(110, 105), counted(130, 8),
                         listed(131, seen("c1", 99.9), seen("c2", 100.1)))) == 1


def test_a_second_gap_counts_from_the_end_of_the_first():
    house = during(counted(100, 7), lost(110, 105), counted(130, 9), listed(131))
    assert hidden(house.hear(lost(140, 135), counted(150, 10), listed(151))) == 1


def test_after_a_restart_of_the_switch_nobody_can_tell():
    assert hidden(during(counted(100, 7), lost(110, 105), counted(130, 9, "tuesday"), listed(131))) is None


def test_without_a_count_on_both_sides_nobody_can_tell():
    assert hidden(during(lost(110, 105), counted(130, 9), listed(131))) is None
    assert hidden(during(counted(100, 7), lost(110, 105), listed(131))) is None


def test_after_the_clock_was_set_nobody_can_tell():
    assert hidden(during(counted(1000, 7), hangs_up("x", 500), lost(510, 505), counted(530, 9), listed(531))) is None


def test_a_gap_of_our_own_is_counted_from_what_was_kept():
    before = during(ringing("c1", 90), ringing("c2", 103), hangs_up("c2", 104)).wait(120)
    house = during()
    house.facts += house.board.resume([before.call("c1")], instant(105), [before.call("c2")],
                                      CallCount(instant(100), "monday", 7))
    assert hidden(house.hear(counted(130, 12), listed(131, seen("c1", 90)))) == 4
