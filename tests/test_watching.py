"""The daemon's own wiring, without a PBX: what it does when the store cannot be read, or an event means nothing."""

import contextlib
import sqlite3
from typing import NamedTuple

import pytest
from recorded import NAMES, recording

from slmon.ami.state import Complaint, LinkStatus
from slmon.ami.translate import REPLAYED, Translator
from slmon.ami.wire import AmiStream, Message
from slmon.config import load
from slmon.core.events import HangupRequested, LegEnded, LegStarted, LegState, QueueJoined, StreamLost
from slmon.core.facts import CallEnded, CallId, CallRecord, GapMarked, OddityNoticed, Step
from slmon.core.instant import SECOND
from slmon.daemon import Daemon, host_now
from slmon.simulator.house import config_text
from slmon.watch import Watch


class Unheard(NamedTuple):
    """No switchboard has a rule for this."""

    at: int


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "slmon.toml"
    path.write_text(config_text("127.0.0.1", 1, "slmon", "kun-til-denne-test"), encoding="utf-8")
    return load(path)


@pytest.fixture
async def daemon(config):
    daemon = Daemon(config)
    yield daemon
    for watch in daemon.watches:
        watch.close()
    daemon.store.close()


async def test_a_store_that_cannot_be_read_is_a_hole_in_the_day_and_no_end(config):
    with contextlib.closing(sqlite3.connect(config.store.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        daemon = Daemon(config)
        daemon.restore()
        midnight = daemon.hours.midnight(daemon.hours.day_of(host_now()))
        assert daemon.snapshot("alle").gap_seconds_today == pytest.approx((host_now() - midnight) / SECOND, abs=10)
        other.execute("ROLLBACK")
    daemon.store.put_note("heard pbx1", "1")
    assert daemon.store.close()
    assert daemon.store.gaps(0, host_now()) == []          # it was heard then; only what was kept could not be read


async def test_an_event_that_cannot_be_understood_is_counted_and_a_gap_until_all_is_listed(daemon):
    (watch,) = daemon.watches
    now = host_now()
    watch._on_events([Unheard(now)])
    assert daemon.scoreboard.totals.oddities == {("pbx1", "not_understood"): 1}
    assert daemon.store.flush()
    assert [(gap.since, gap.until) for gap in daemon.store.gaps(0, now + SECOND)] == [(now, None)]


async def test_what_fell_due_before_an_event_that_cannot_be_understood_is_kept(daemon):
    (watch,) = daemon.watches
    rang_in = host_now()
    watch._on_events([
        LegStarted(rang_in, "1.1", "1.1", "PJSIP/trunk-1", LegState.RING, "from-trunk", "10100100", ""),
        LegEnded(rang_in + SECOND, "1.1", "1.1", "from-trunk", "10100100", 16)])
    facts = watch._understood(Unheard(rang_in + 60 * SECOND))
    assert [type(fact) for fact in facts] == [CallEnded, OddityNoticed, GapMarked]


HELD_BACK = {"BlindTransfer", "AttendedTransfer"}


def events_of(name, without=()):
    stream = AmiStream(REPLAYED)
    items = [item for capture in recording(name).captures for item in stream.feed(capture)]
    return Translator().translate(item for item in items if not (isinstance(item, Message) and item.name in without))


@pytest.mark.parametrize("name", ["transfers", "freepbx-transfers-min"])
async def test_that_transfers_are_held_back_is_seen_by_the_calls_and_said_with_the_cure(config, name):
    for without, said in ((), set()), (HELD_BACK, {Complaint.NO_TRANSFERS}):
        watch = Watch(config.pbx[0], recording(name).board(), lambda watch, facts: None, lambda watch, state: None)
        watch.link._set(LinkStatus.UP, "")
        watch._on_events(events_of(name, without))
        watch._hand_on(watch.switchboard.finish())
        watch.close()
        assert watch.link.state.complaints == said


@pytest.mark.parametrize("name", NAMES)
def test_where_all_is_told_no_transfer_is_missed(name):
    board = recording(name).board()
    facts = [fact for event in events_of(name) for fact in board.apply(event)] + board.finish()
    assert sum(isinstance(fact, OddityNoticed) and fact.kind == "untold_transfer" for fact in facts) == 0


async def test_the_last_event_is_the_pbxs_own_word_and_not_a_tick_of_ours(daemon):
    (watch,) = daemon.watches
    rang_in = host_now()
    daemon.scoreboard.link_changed("pbx1", rang_in, True)
    watch._on_events([
        LegStarted(rang_in, "1.1", "1.1", "PJSIP/trunk-1", LegState.RING, "from-trunk", "10100100", "")])
    daemon._take(watch, watch.switchboard.advance(rang_in + 5 * SECOND))
    (link,) = daemon.scoreboard.links(rang_in + 5 * SECOND)
    assert link.last_event_at == rang_in


async def test_after_a_kill_before_the_first_note_open_calls_are_followed_from_their_last_moment(daemon):
    rang_in = host_now() - 10 * SECOND
    daemon.store.save(CallRecord(CallId("pbx1/1.1"), "pbx1", rang_in, dialled="10100100", asked_at=rang_in + SECOND,
                                 steps=(Step(rang_in + 2 * SECOND, "ring", "PJSIP/101"),)))
    daemon.store.flush()
    daemon.restore()
    (watch,) = daemon.watches
    assert [call.id for call in watch.switchboard.calls.values()] == ["pbx1/1.1"]
    daemon.store.flush()
    assert [gap.since for gap in daemon.store.gaps(0, host_now())] == [rang_in + 2 * SECOND]


async def test_what_fell_due_while_the_link_was_down_is_told_when_it_is_up_without_an_event(daemon):
    (watch,) = daemon.watches
    rang_in = host_now() - 60 * SECOND
    watch._on_events([
        LegStarted(rang_in, "1.1", "1.1", "PJSIP/trunk-1", LegState.RING, "from-trunk", "10100100", ""),
        LegEnded(rang_in + SECOND, "1.1", "1.1", "from-trunk", "10100100", 16)])
    watch._tick()
    assert watch.switchboard.calls                         # not up: nobody knows
    assert watch._timer is None
    watch.link._set(LinkStatus.UP, "")
    assert watch._timer is not None                        # it looks again, as far as is heard


async def test_a_call_whose_end_was_heard_is_sealed_while_the_link_is_gone_and_no_other(daemon):
    (watch,) = daemon.watches
    at = host_now() - 60 * SECOND
    watch._on_events([
        LegStarted(at, "1.1", "1.1", "PJSIP/trunk-1", LegState.RING, "from-trunk", "10100100", ""),
        LegStarted(at, "1.2", "1.2", "PJSIP/trunk-2", LegState.RING, "from-trunk", "10100100", ""),
        QueueJoined(at, "1.2", "1.2", "dagpenge", "from-trunk", "10100100"),
        HangupRequested(at + SECOND, "1.1", "1.1"), LegEnded(at + SECOND, "1.1", "1.1", "from-trunk", "10100100", 16),
        StreamLost(at + 4 * SECOND, at + 4 * SECOND, "cut")])
    watch.link._set(LinkStatus.SLOW, "no answer")
    watch._tick()
    assert {"pbx1/1.1", "pbx1/1.2"} == set(watch.switchboard.calls)      # more may come of a PBX that is only slow
    watch.link._set(LinkStatus.DOWN, "the PBX closed the connection")
    assert watch._timer is not None
    watch._tick()
    assert {"pbx1/1.2"} == set(watch.switchboard.calls)
    assert watch._timer is None
    daemon.store.flush()
    ended, waiting = daemon.store.since(0)
    assert (ended.outcome, ended.ended_by, ended.ended_at) == ("left_menu", "member", at + SECOND)
    assert (waiting.outcome, waiting.ended_at) == (None, None)
    assert watch.switchboard.calls["pbx1/1.2"].verdict is None


async def test_history_is_asked_for_no_day_that_is_not_kept(daemon):
    today = daemon.hours.day_of(host_now())
    days = await daemon._days("alle", today.replace(year=1901, day=1), today)
    assert len(days) == daemon.config.privacy.keep_calls_days + 1
