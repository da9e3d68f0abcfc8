"""Cases in which a figure would come out wrong, each told in as few events as it takes."""

from dataclasses import replace
from datetime import timedelta

from slmon.config import load
from slmon.core import events as ev
from slmon.core.events import LegState, SnapshotCaller, SnapshotLeg, SnapshotTaken
from slmon.core.facts import (
    CallEnded,
    CallId,
    CallJudged,
    CallMoved,
    CallRecord,
    CallTransferred,
    EndedBy,
    GapMarked,
    Outcome,
    Place,
    Quality,
    Step,
    Transfer,
    TransferKind,
    Verdict,
)
from slmon.core.goals import Goal
from slmon.core.instant import SECOND
from slmon.core.retold import retold
from slmon.core.site import Doors, Line, LineKind, Meaning
from slmon.core.switchboard import Switchboard
from slmon.daemon import Daemon, host_now
from slmon.simulator.house import config_text
from slmon.store.calls import CallStore

TEN = 1_795_424_400 * SECOND
DOORS = Doors(contexts=frozenset({"from-trunk"}), meanings={"survey": Meaning.SURVEY, "vm": Meaning.VOICEMAIL},
              lines=(Line("1", "Main"), Line("999", "Survey", LineKind.SURVEY)))


class Pbx:
    """A PBX told by hand: seconds after ten o'clock, and what happens to which leg."""

    def __init__(self, board=None):
        self.board = board or Switchboard("p", DOORS, lambda at: Goal(), lambda at: True)
        self.facts = []
        self.linked = {}

    def tell(self, event):
        self.facts += self.board.apply(event)
        return self

    def until(self, second):
        self.facts += self.board.advance(at(second))
        return self

    def leg(self, second, name, channel, state=LegState.DOWN, linked=None, context="desk", exten="s"):
        self.linked[name] = linked or name
        return self.tell(ev.LegStarted(at(second), name, self.linked[name], channel, state, context, exten, ""))

    def member(self, second, name="T", exten="1"):
        return self.leg(second, name, "PJSIP/trunk-" + name, LegState.RING, context="from-trunk", exten=exten)

    def desk_calls(self, second, name, channel, exten):
        return self.leg(second, name, channel, LegState.RING, exten=exten)

    def queue(self, second, queue, name="T"):
        return self.tell(ev.QueueJoined(at(second), name, self.linked[name], queue, "queues", queue))

    def leaves_queue(self, second, queue, name="T"):
        return self.tell(ev.QueueLeft(at(second), name, self.linked[name], queue))

    def rings(self, second, dest, channel, by="T"):
        self.leg(second, dest, channel, linked=self.linked[by])
        return self.tell(ev.DialStarted(at(second), by, self.linked[by], dest, self.linked[dest], channel))

    def picks_up(self, second, dest, by="T"):
        self.up(second, dest)
        return self.tell(ev.DialEnded(at(second), by, self.linked[by], dest, self.linked[dest], "", "ANSWER"))

    def up(self, second, name, context="desk"):
        return self.tell(ev.LegStateChanged(at(second), name, self.linked[name], LegState.UP, context, "s"))

    def enters(self, second, bridge, *names):
        for name in names:
            self.tell(ev.BridgeEntered(at(second), name, self.linked[name], bridge, False, "desk", "s"))
        return self

    def leaves(self, second, bridge, *names):
        for name in names:
            self.tell(ev.BridgeLeft(at(second), name, self.linked[name], bridge))
        return self

    def answered(self, second, dest="A", channel="PJSIP/101-1", bridge="b1", rung=None):
        """T is rung through to a desk that picks up at `second`."""
        self.rings(second - 1 if rung is None else rung, dest, channel)
        return self.picks_up(second, dest).enters(second + .001, bridge, "T", dest)

    def blind(self, second, by, to, transferee="T"):
        return self.tell(ev.BlindTransferred(at(second), True, by, self.linked[by], transferee, self.linked[transferee],
                                             "desk", to))

    def attended(self, second, first, aside, target, transferee="T"):
        link = self.linked
        return self.tell(ev.AttendedTransferred(at(second), True, first, link[first], aside, link[aside], transferee,
                                                link[transferee], target, link[target], "", "Bridge"))

    def wants_off(self, second, name):
        return self.tell(ev.HangupRequested(at(second), name, self.linked[name]))

    def ends(self, second, *names, context="desk"):
        for name in names:
            self.tell(ev.LegEnded(at(second), name, self.linked[name], context, "s", 16))
        return self

    def hangs_up(self, second, *names):
        for name in names:
            self.wants_off(second, name).ends(second + .001, name)
        return self

    def lost(self, second, since):
        return self.tell(ev.StreamLost(at(second), at(since), "cut"))

    def listed(self, second, *legs, callers=None):
        return self.tell(SnapshotTaken(at(second), legs, callers, (), ()))

    def records(self):
        self.facts += self.board.finish()
        return [fact.record for fact in self.facts if isinstance(fact, CallEnded)]

    def record(self):
        (record,) = self.records()
        return record

    def verdicts(self):
        return [fact.verdict for fact in self.facts if isinstance(fact, CallJudged)]

    def transfers(self):
        return [fact.kind.value for fact in self.facts if isinstance(fact, CallTransferred)]


def at(second):
    return TEN + round(second * SECOND)


def listed_leg(name, channel, started, bridge="", linked=None, state=LegState.UP, context="desk", application="x"):
    return SnapshotLeg(name, linked or name, channel, state, context, "1", "", bridge, application, at(started))


# -- judged when it falls due, not later


def test_one_who_waits_when_slmon_begins_is_missed_when_the_target_passes():
    waiting = listed_leg("T", "PJSIP/trunk-1", 0, context="from-trunk")
    pbx = Pbx().listed(5, waiting, callers=(SnapshotCaller("T", "q", at(1)),)).until(60)
    assert pbx.verdicts() == [Verdict.MISSED]


def test_one_who_waited_before_a_restart_is_missed_when_the_target_passes():
    before = Pbx().member(0).queue(1, "q")
    after = Pbx()
    after.facts += after.board.resume([before.board.record("p/T")], at(5))
    after.listed(7, listed_leg("T", "PJSIP/trunk-1", 0), callers=(SnapshotCaller("T", "q", at(1)),)).until(60)
    assert after.verdicts() == [Verdict.MISSED]


# -- a restart of slmon


def test_a_restart_leaves_the_moment_at_which_a_transfer_was_taken():
    before = Pbx().member(0).queue(1, "q").answered(5).blind(30, "A", "102").leaves(30, "b1", "A", "T")
    before.hangs_up(30.1, "A").rings(30.2, "B", "PJSIP/102-1").picks_up(33, "B").enters(33.001, "b2", "T", "B")
    after = Pbx()
    after.facts += after.board.resume([before.board.record("p/T")], at(40))
    after.listed(50, listed_leg("T", "PJSIP/trunk-T", 0, "b2"), listed_leg("B", "PJSIP/102-1", 30, "b2", "T"))
    after.linked = before.linked
    (transfer,) = after.hangs_up(60, "T").record().transfers
    assert transfer.answered_at == at(33)


def test_one_who_had_hung_up_just_before_a_restart_is_not_lost():
    before = Pbx().member(0).queue(1, "q").hangs_up(12, "T")
    after = Pbx()
    after.facts += after.board.resume([before.board.record("p/T")], at(13))
    record = after.listed(15).until(30).record()
    assert (record.outcome, record.ended_by, record.ended_at) == (Outcome.ABANDONED, EndedBy.MEMBER, at(12))


def test_one_who_had_left_for_voicemail_just_before_a_restart_got_a_machine():
    before = Pbx().member(0).queue(1, "q").ends(12, "T", context="vm")
    after = Pbx()
    after.facts += after.board.resume([before.board.record("p/T")], at(13))
    assert after.listed(15).until(30).record().outcome is Outcome.VOICEMAIL


# -- a restart of the PBX


def test_a_call_that_came_after_the_boot_is_not_lost_when_the_boot_gets_its_name():
    pbx = Pbx().tell(ev.SwitchBooted(at(0), "monday", None)).member(1, "old").lost(20, 10)
    pbx.tell(ev.SwitchBooted(at(20), "", at(15))).member(21).queue(21.1, "q")
    pbx.tell(ev.SwitchBooted(at(21.2), "tuesday", None))
    pbx.listed(21.3, listed_leg("T", "PJSIP/trunk-T", 21)).answered(25).hangs_up(40, "T")
    assert [record.outcome for record in pbx.records()] == [Outcome.LOST, Outcome.ANSWERED]


def test_a_call_that_came_before_the_boot_was_named_is_not_lost_where_least_rights_show_no_boot():
    pbx = Pbx().tell(ev.SwitchBooted(at(0), "monday", None)).member(1, "old").lost(20, 10)
    pbx.member(21).queue(21.1, "q").tell(ev.SwitchBooted(at(21.2), "tuesday", None))
    pbx.listed(21.3, listed_leg("T", "PJSIP/trunk-T", 21)).answered(25).hangs_up(40, "T")
    assert [record.outcome for record in pbx.records()] == [Outcome.LOST, Outcome.ANSWERED]


# -- what a list can tell


def test_calls_under_way_are_known_although_one_came_in_before_they_were_listed():
    pbx = Pbx().member(10, "new")
    pbx.listed(10.1, listed_leg("T", "PJSIP/trunk-T", 0, context="from-trunk"),
               listed_leg("new", "PJSIP/trunk-new", 10, context="from-trunk", state=LegState.RING),
               callers=(SnapshotCaller("T", "q", at(1)),))
    assert set(pbx.board.calls) == {"p/T", "p/new"}


def test_the_desk_that_a_list_shows_need_not_be_the_first_that_answered():
    """Answered by one and passed on to another before slmon began: nobody can say that it took ten minutes."""
    pbx = Pbx().listed(660, listed_leg("T", "PJSIP/trunk-T", 0, "b2", context="from-trunk"),
                       listed_leg("B", "PJSIP/102-1", 600, "b2", "T", application="AppDial"))
    pbx.linked = {"T": "T", "B": "T"}
    assert pbx.hangs_up(700, "T").verdicts() == [Verdict.UNDECIDED]


def test_nor_may_it_be_the_first_that_answered_in_a_gap():
    pbx = Pbx().member(0).queue(1, "q").lost(5, 5)
    pbx.listed(50, listed_leg("T", "PJSIP/trunk-T", 0, "b2"),
               listed_leg("B", "PJSIP/102-1", 40, "b2", "T", application="AppDial"))
    pbx.linked = {"T": "T", "B": "T"}
    assert pbx.hangs_up(60, "T").verdicts() == [Verdict.UNDECIDED]


def test_who_was_being_connected_when_the_link_went_and_waits_when_it_is_back_is_waiting():
    pbx = Pbx().member(0).queue(1, "q").rings(2, "A", "PJSIP/101-1").picks_up(3, "A").lost(30, 4)
    pbx.listed(30, listed_leg("T", "PJSIP/trunk-T", 0), callers=(SnapshotCaller("T", "q", at(1)),)).until(31)
    moves = [fact.place for fact in pbx.facts if isinstance(fact, CallMoved)]
    assert moves == [Place.WAITING, Place.CONNECTING, Place.WAITING]
    assert pbx.verdicts() == [Verdict.MISSED]


def test_one_who_had_hung_up_when_the_link_went_is_not_lost_though_the_channel_lived_on():
    pbx = Pbx().member(0).queue(1, "q").rings(2, "A", "PJSIP/101-1").picks_up(3, "A").wants_off(4, "T").lost(5, 5)
    record = pbx.listed(7).until(30).record()
    assert (record.outcome, record.ended_by) == (Outcome.ABANDONED, EndedBy.MEMBER)


# -- passed on, or not


def test_an_attended_transfer_told_before_the_desks_second_leg_has_left_is_a_transfer():
    pbx = Pbx().member(0).queue(1, "q").answered(5).desk_calls(10, "A2", "PJSIP/101-2", "102")
    pbx.rings(10, "B", "PJSIP/102-1", by="A2").picks_up(12, "B", by="A2").enters(12, "b2", "A2", "B")
    pbx.attended(15, "A", "A2", "B").leaves(15.001, "b1", "T").enters(15.001, "b2", "T")
    pbx.leaves(15.002, "b2", "A2").leaves(15.002, "b1", "A").hangs_up(15.003, "A", "A2").hangs_up(40, "T")
    record = pbx.record()
    assert pbx.transfers() == ["attended"]
    assert record.transfers[0].answered_at is not None


def test_a_transfer_to_the_survey_is_none_though_told_after_the_member_has_come_there():
    pbx = Pbx().member(0).queue(1, "q").answered(5).leaves(30, "b1", "T")
    pbx.up(30.001, "T", context="survey").blind(30.002, "A", "990").hangs_up(30.1, "A").hangs_up(50, "T")
    assert pbx.transfers() == []
    assert not pbx.record().transferred


def test_a_desk_that_got_the_member_back_from_the_survey_can_pass_it_on():
    pbx = Pbx().member(0).queue(1, "q").answered(5).blind(30, "A", "990").leaves(30, "b1", "T", "A")
    pbx.up(30.1, "T", context="survey").hangs_up(30.2, "A").answered(60, "B", "PJSIP/102-1", "b2")
    pbx.blind(90, "B", "103").leaves(90, "b2", "T", "B").hangs_up(90.1, "B").hangs_up(120, "T").until(125)
    assert pbx.transfers() == ["blind"]


def three_way():
    pbx = Pbx().member(0).queue(1, "q").answered(5).rings(10, "B", "PJSIP/102-1", by="A")
    return pbx.picks_up(12, "B", by="A").enters(12, "b1", "B")


def test_the_maker_of_a_conference_who_comes_back_has_not_left_it():
    pbx = three_way().leaves(20, "b1", "A").enters(21, "b1", "A").until(25)
    pbx.hangs_up(40, "B").hangs_up(60, "A", "T")
    assert pbx.transfers() == []


def test_the_maker_of_a_conference_who_asks_somebody_else_meanwhile_has_not_left_it():
    pbx = three_way().leaves(20, "b1", "A").until(30).enters(31, "b1", "A").until(40)
    pbx.hangs_up(41, "B").hangs_up(60, "A", "T")
    assert pbx.transfers() == []


def test_the_helper_who_leaves_as_soon_as_the_maker_of_the_conference_is_back_has_passed_nothing_on():
    pbx = three_way().leaves(20, "b1", "A").until(30).enters(30.5, "b1", "A").hangs_up(30.7, "B").until(40)
    pbx.hangs_up(60, "A", "T")
    assert pbx.transfers() == []


def test_the_maker_of_a_conference_who_leaves_it_twice_has_passed_the_call_on_once():
    pbx = three_way().leaves(20, "b1", "A").until(23).enters(23.2, "b1", "A").hangs_up(23.4, "A").until(40)
    assert pbx.transfers() == ["conference"]


def test_the_maker_of_a_conference_who_never_comes_back_has_left_it():
    pbx = three_way().leaves(20, "b1", "A").until(30).hangs_up(40, "T", "B").hangs_up(41, "A")
    assert pbx.record().transferred


def test_a_desk_that_takes_the_call_over_to_its_other_line_has_not_passed_it_on():
    pbx = Pbx().member(0).queue(1, "q").answered(5).desk_calls(20, "A2", "PJSIP/101-2", "*8").enters(21, "b1", "A2")
    pbx.hangs_up(22, "A").until(30).hangs_up(60, "A2", "T")
    assert pbx.transfers() == []


# -- when it ended


def test_the_member_is_gone_when_the_member_hangs_up_and_not_when_the_announcement_is_over():
    pbx = Pbx().member(0).queue(1, "q").rings(2, "A", "PJSIP/101-1").picks_up(17, "A")
    record = pbx.wants_off(18, "T").ends(23, "A", "T").record()
    assert (record.outcome, record.ended_at) == (Outcome.ABANDONED, at(18))


# -- what the store says of a call under way is what the boards have counted


def test_a_transfer_to_a_desk_that_rings_is_said_though_nobody_has_taken_it():
    pbx = Pbx().member(0).queue(1, "q").answered(5).blind(30, "A", "102").leaves(30, "b1", "A", "T")
    pbx.hangs_up(30.1, "A").rings(30.2, "B", "PJSIP/102-1").until(32)
    assert (pbx.transfers(), pbx.board.record("p/T").transferred) == (["blind"], True)


def resumed(before, second=40):
    after = Pbx()
    after.linked = before.linked
    after.facts += after.board.resume([before.board.record("p/T")], at(second))
    return after


def parked():
    before = Pbx().member(0).queue(1, "q").answered(5).leaves(30, "b1", "T")
    before.tell(ev.Parked(at(30), ev.ParkChange.PARKED, "T", "T", "PJSIP/101", "701", "")).hangs_up(30.5, "A")
    return resumed(before).listed(45, listed_leg("T", "PJSIP/trunk-T", 0))


def test_one_who_was_parked_before_a_restart_and_is_fetched_by_another_desk_was_passed_on():
    pbx = parked().desk_calls(50, "B", "PJSIP/102-1", "701").enters(51, "b2", "T", "B").hangs_up(60, "T")
    assert pbx.transfers() == ["park"]


def test_one_who_was_parked_before_a_restart_and_is_fetched_back_was_not():
    pbx = parked().desk_calls(50, "A2", "PJSIP/101-2", "701").enters(51, "b2", "T", "A2").hangs_up(60, "T")
    assert pbx.transfers() == []


def places(facts):
    return [fact.place for fact in facts if isinstance(fact, CallMoved)]


def test_one_who_is_parked_talks_with_nobody_after_a_restart_either():
    pbx = parked()
    assert places(retold(pbx.board.record("p/T"), Goal(), at(45)))[-1] is Place.PASSED_ON
    pbx.desk_calls(50, "B", "PJSIP/102-1", "701").enters(51, "b2", "T", "B")
    assert places(pbx.facts) == [Place.TALKING]


def test_one_who_is_taken_after_a_restart_talks_again():
    before = Pbx().member(0).queue(1, "q").answered(5).blind(30, "A", "102").leaves(30, "b1", "A", "T")
    after = resumed(before).listed(45, listed_leg("T", "PJSIP/trunk-T", 0)).answered(50, "B", "PJSIP/102-1", "b2")
    assert places(after.facts) == [Place.TALKING]


def test_one_who_spoke_to_voicemail_when_slmon_began_anew_got_a_machine():
    before = Pbx().member(0).queue(1, "q").leaves_queue(30, "q").up(30, "T", context="vm")
    after = resumed(before).listed(45, listed_leg("T", "PJSIP/trunk-T", 0, context="vm"))
    assert after.hangs_up(60, "T").record().outcome is Outcome.VOICEMAIL


def house(tmp_path):
    path = tmp_path / "slmon.toml"
    path.write_text(config_text("127.0.0.1", 1, "slmon", "kun-til-denne-test"), encoding="utf-8")
    return load(path)


async def test_a_day_that_was_looked_at_while_nothing_could_be_saved_is_counted_anew(tmp_path, monkeypatch):
    daemon = Daemon(house(tmp_path))
    yesterday = daemon.hours.midnight(daemon.hours.day_of(host_now()) - timedelta(days=1)) + 12 * 3600 * SECOND
    day = daemon.hours.day_of(yesterday)
    with monkeypatch.context() as full:
        full.setattr(CallStore, "trouble", "the disk is full")
        (before,) = await daemon._days("alle", day, day)
    call = CallRecord(CallId("pbx1/1"), "pbx1", yesterday, outcome=Outcome.LEFT_MENU, ended_at=yesterday + 1)
    daemon.store.save(call)
    assert daemon.store.flush()
    (after,) = await daemon._days("alle", day, day)
    daemon.store.close()
    assert (before.tally.calls, after.tally.calls) == (0, 1)


async def test_a_gap_in_which_slmon_was_stopped_does_not_go_on_for_ever(tmp_path):
    config = house(tmp_path)
    now = host_now()
    began = now - 60 * SECOND
    before = Daemon(config)
    before.store.mark_gap(GapMarked("pbx1", began, None, "link down"))
    before.store.put_note("heard pbx1", str(began - SECOND))
    before.store.close()
    after = Daemon(config)
    after.restore()
    for fact in after.watches[0].switchboard.apply(SnapshotTaken(now, (), (), (), ())):
        after.scoreboard.record(fact)
    shown = after.scoreboard.snapshot(after.config.views[0], now + 3600 * SECOND)
    after.store.close()
    assert shown.gap_seconds_today <= 65
    (gap,) = after.store.gaps(0, now)                    # which goes on until the PBX is heard
    assert (gap.since, gap.until, gap.reason) == (began, None, "link down; slmon was not running")


def test_what_was_heard_in_a_gap_that_was_open_when_slmon_was_killed_ends_it_not(tmp_path):
    config = house(tmp_path)
    began = host_now() - 3600 * SECOND
    before = Daemon(config)
    before.store.mark_gap(GapMarked("pbx1", began, None, "damaged"))
    before.store.put_note("heard pbx1", str(began + SECOND))     # the link was up
    before.store.close()
    after = Daemon(config)
    after.restore()
    seconds = after.scoreboard.gap_seconds_total("pbx1", began + 3600 * SECOND)
    after.store.close()
    assert [(gap.since, gap.until) for gap in after.store.gaps(0, host_now())] == [(began, None)]
    assert seconds == 3600                               # and the metric goes on


def test_a_call_in_the_clock_of_before_it_was_set_back_tells_not_until_when_slmon_heard(tmp_path):
    now = host_now()
    before = Daemon(house(tmp_path))
    ahead = now + 3500 * SECOND
    before.store.save(CallRecord(CallId("pbx1/1"), "pbx1", ahead - 60 * SECOND, asked_at=ahead - 59 * SECOND,
                                 ended_at=ahead, outcome=Outcome.ABANDONED, ended_by=EndedBy.MEMBER))
    before.store.save(CallRecord(CallId("pbx1/2"), "pbx1", now - 10 * SECOND, asked_at=now - SECOND))
    before.store.put_note("heard pbx1", str(now - 2 * SECOND))
    before.store.close()
    assert before.store.heard_until("pbx1") == now - SECOND


def test_what_a_log_told_of_open_calls_between_two_lives_is_known(tmp_path):
    heard_until = host_now() - 100 * SECOND

    def at(second):
        return heard_until + second * SECOND
    waits = CallRecord(CallId("pbx1/1"), "pbx1", at(2), dialled="10100100", asked_at=at(3), queues=("dagpenge",),
                       quality=Quality.CEL, steps=(Step(at(3), "queue", "dagpenge"), Step(at(45), "ring", "PJSIP/101")))
    talks = replace(waits, call=CallId("pbx1/2"), answered_at=at(10), talking_at=at(10), desks=("PJSIP/101",),
                    transfers=(Transfer(TransferKind.BLIND, at(40), "102", at(45)),), steps=(Step(at(45), "talk", ""),))
    before = Daemon(house(tmp_path))
    for record in waits, talks:
        before.store.save(record)
    before.store.put_note("heard pbx1", str(heard_until))
    before.store.close()
    after = Daemon(house(tmp_path))
    after.restore()
    assert after.snapshot("alle").today.missed == 1      # who was seen waiting for 43 s
    (watch,) = after.watches
    after._take(watch, watch.switchboard.apply(SnapshotTaken(at(60), (), (), (), ())))
    after._take(watch, watch.switchboard.advance(at(80)))
    after.store.close()
    ended = {record.call: record for record in after.store.since(0)}
    assert ended["pbx1/2"].ended_at == ended["pbx1/2"].transfers[0].ended_at == at(45)
    assert [step.at for step in ended["pbx1/1"].steps if step.step == "unheard"] == [at(45)]
    assert after.snapshot("alle").today.missed == 1
