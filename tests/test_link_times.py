"""A link as it is shipped, by the clock: how soon a fault is seen, how often it tries again, how soon all is known."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from itertools import pairwise

from ami_server import ACCOUNTS, NOON, Followed, Proxy, access, busy_pbx, following, idle_pbx
from in_no_time import in_no_time

from slmon.ami.connect import PbxAccess
from slmon.ami.state import LinkStatus
from slmon.ami.timing import Timing
from slmon.core.events import ClockSet, SnapshotTaken, StreamLost, SwitchBooted
from slmon.core.instant import SECOND, of_seconds
from slmon.simulator.server import STANDSTILL, Account, AmiServer, running_day

LONG = 20 * 60.0


def clock() -> float:
    return asyncio.get_running_loop().time()


@contextlib.asynccontextmanager
async def shipped(to: PbxAccess) -> AsyncIterator[Followed]:
    """A link with the times that everybody has."""
    async with following(to, Timing()) as followed:
        yield followed


async def when(followed: Followed, holds: Callable[[], object]) -> float:
    """Wait for it as long as it takes; the clock then."""
    await followed.until(holds, 3600.0)
    return clock()


def connects_to(pbx: AmiServer) -> list[float]:
    """When the PBX was connected to, from now on."""
    found: list[float] = []
    opened = pbx.opened

    def note(session) -> None:
        found.append(clock())
        opened(session)
    pbx.opened = note      # type: ignore[method-assign]
    return found


# -- row 1: nobody speaks any more


@in_no_time
async def test_a_dead_connection_is_seen_within_ten_seconds_and_the_gap_begins_at_the_last_byte():
    async with busy_pbx() as pbx, Proxy(pbx.port) as proxy, shipped(access(proxy.port)) as followed:
        await when(followed, lambda: followed.link.state.is_up)
        await asyncio.sleep(33.3)
        proxy.stall()
        seen_at = await when(followed, lambda: followed.of(StreamLost))
        (lost,) = followed.of(StreamLost)
        assert 9.5 <= seen_at - followed.read_at <= 10
        assert abs((lost.at - lost.since) / SECOND - (seen_at - followed.read_at)) < 1e-5
        given_up_at = await when(followed, lambda: followed.link.state.status is LinkStatus.DOWN)
        assert 40 <= given_up_at - followed.read_at < 43


@in_no_time
async def test_what_comes_late_after_a_stall_sets_no_clock_and_everything_is_listed_again_on_the_same_session():
    for way in Proxy.stall, Proxy.stall_back:
        async with busy_pbx() as pbx, Proxy(pbx.port) as proxy, shipped(access(proxy.port)) as followed:
            await when(followed, lambda: followed.link.state.is_up)
            await asyncio.sleep(60)
            way(proxy)
            await asyncio.sleep(28)
            assert followed.link.state.status is LinkStatus.SLOW
            proxy.flow()
            came_back_at = clock()
            up_at = await when(followed, lambda: followed.link.state.is_up)
            assert up_at - came_back_at < 10
            await asyncio.sleep(30)
            assert (followed.of(ClockSet), len(followed.of(StreamLost)), pbx.logins) == ([], 1, 1)


# -- row 2: late answers


@in_no_time
async def test_a_pbx_that_answers_after_thirty_seconds_is_slow_all_the_time_and_gets_no_second_session():
    async with idle_pbx() as pbx, Proxy(pbx.port) as proxy, shipped(access(proxy.port)) as followed:
        await when(followed, lambda: followed.link.state.is_up)
        await asyncio.sleep(60)
        pbx.faults.reply_delay = 30.0
        late_at = clock()
        slow_at = await when(followed, lambda: followed.link.state.status is LinkStatus.SLOW)
        assert slow_at - late_at <= 10
        lists = len(followed.of(SnapshotTaken))
        await asyncio.sleep(300)
        told = {state.status for state in followed.states if state.since >= late_at}
        assert told == {LinkStatus.SLOW}
        assert followed.link.state.since == slow_at
        assert (pbx.logins, proxy.connections, followed.of(ClockSet)) == (1, 1, [])
        assert len(followed.of(SnapshotTaken)) == lists       # of what comes so late nobody knows of when it is
        pbx.faults.reply_delay = 0.0
        await when(followed, lambda: followed.link.state.is_up)


@in_no_time
async def test_lists_are_waited_for_as_long_as_more_of_them_comes():
    async with busy_pbx(speed=STANDSTILL) as pbx, Proxy(pbx.port) as proxy:
        proxy.seconds_a_kib = 1.5
        async with shipped(access(proxy.port)) as followed:
            assert await when(followed, lambda: followed.link.state.is_up) > 3 * Timing().action
            (snapshot,) = [event for event in followed.of(SnapshotTaken) if event.legs is not None]
            assert {leg.leg for leg in snapshot.legs} == set(pbx.day.pbx.channels)
            assert pbx.logins == 1
            assert times_asked(pbx, b"Status") == 0          # what can be done without does not hold it up


# -- rows 3 and 4: it will not have us


def back_off(connected_at: list[float], takes: float = 0.0) -> None:
    """The pauses grow to a minute and stay there, no two alike."""
    pauses = [after - before - takes for before, after in pairwise(connected_at)]
    assert pauses[0] >= 1
    assert max(pauses) <= 60
    assert min(pauses[6:]) >= 30
    assert len(set(pauses)) == len(pauses) > 15


@in_no_time
async def test_a_refused_login_is_tried_ever_less_often_and_the_right_secret_is_taken_within_a_minute():
    async with idle_pbx() as pbx:
        pbx._accounts = {"slmon": Account("another-secret")}
        connected_at = connects_to(pbx)
        async with shipped(access(pbx.port)) as followed:
            await asyncio.sleep(LONG)
            assert followed.link.state.reason == "login of slmon refused: Authentication failed"
            back_off(connected_at)
            pbx._accounts = ACCOUNTS
            right_at = clock()
            assert await when(followed, lambda: followed.link.state.is_up) - right_at <= 60


@in_no_time
async def test_a_silent_port_is_left_after_ten_seconds_told_nothing_and_tried_ever_less_often():
    async with idle_pbx() as pbx:
        pbx.faults.banner = b""
        connected_at = connects_to(pbx)
        async with shipped(access(pbx.port)) as followed:
            assert await when(followed, lambda: followed.link.state.status is LinkStatus.REFUSED) == 10
            await asyncio.sleep(LONG)
            back_off(connected_at, takes=10.0)
            assert pbx.received == []


# -- rows 8 and 9: the PBX goes on


@in_no_time
async def test_a_cut_connection_is_a_gap_from_the_last_byte_and_mends_itself_in_a_second():
    async with idle_pbx() as pbx, shipped(access(pbx.port)) as followed:
        await when(followed, lambda: followed.link.state.is_up)
        await asyncio.sleep(33.3)
        pbx.cut()
        cut_at = await when(followed, lambda: followed.of(StreamLost))
        (lost,) = followed.of(StreamLost)
        assert abs((lost.at - lost.since) / SECOND - (cut_at - followed.read_at)) < 1e-5 < cut_at - followed.read_at
        assert await when(followed, lambda: followed.link.state.is_up) - cut_at <= 1
        assert type(followed.events[-1]) is SnapshotTaken


@in_no_time
async def test_after_a_reload_the_queues_are_read_again_after_two_seconds():
    async with idle_pbx() as pbx, shipped(access(pbx.port)) as followed:
        await when(followed, lambda: followed.link.state.is_up)
        await asyncio.sleep(10)
        already = len(followed.of(SnapshotTaken))
        pbx.send(b"Event: Reload\r\nPrivilege: system,all\r\nModule: app_queue\r\nStatus: 0\r\n\r\n")
        told_at = clock()
        assert 2 <= await when(followed, lambda: len(followed.of(SnapshotTaken)) > already) - told_at < 2.1
        assert followed.of(SnapshotTaken)[-1].callers is not None


# -- rows 11 and 12: lists


def times_asked(pbx: AmiServer, name: bytes) -> int:
    return sum(said.startswith(b"Action: " + name) for said in pbx.received)


@in_no_time
async def test_a_list_that_takes_long_is_asked_for_no_more_often_than_a_hundredth_of_the_time():
    async with idle_pbx() as pbx, shipped(access(pbx.port)) as followed:
        await when(followed, lambda: followed.link.state.is_up)
        before = times_asked(pbx, b"CoreShowChannels")
        await asyncio.sleep(121)
        assert times_asked(pbx, b"CoreShowChannels") - before == 2
        pbx.faults.reply_delay = 3.0
        before = times_asked(pbx, b"CoreShowChannels")
        await asyncio.sleep(60 + 290)
        assert times_asked(pbx, b"CoreShowChannels") - before == 1


@in_no_time
async def test_which_bridges_only_park_and_what_came_in_by_which_number_is_asked_before_the_channels():
    async with idle_pbx() as pbx, shipped(access(pbx.port)) as followed:
        await when(followed, lambda: followed.link.state.is_up)
        asked = [said.split(b"\r\n")[0] for said in pbx.received]
        assert asked.index(b"Action: BridgeList") < asked.index(b"Action: CoreShowChannels")
        assert asked.index(b"Action: Status") < asked.index(b"Action: CoreShowChannels")


@in_no_time
async def test_after_a_damaged_message_everything_is_listed_again_within_a_second():
    async with busy_pbx() as pbx, shipped(access(pbx.port)) as followed:
        await when(followed, lambda: followed.link.state.is_up)
        await asyncio.sleep(10)
        already = len(followed.of(SnapshotTaken))
        pbx.send(b"Event: Newchannel\r\nPrivilege: call,all\r\nUniqueid: 1.1\r\nUniqueid: 2.2\r\n\r\n")
        sent_at = clock()
        assert await when(followed, lambda: len(followed.of(SnapshotTaken)) == already + 3) - sent_at <= 1
        assert [lost.reason for lost in followed.of(StreamLost)] == ["header Uniqueid twice in one event"]
        assert {bool(event.members) for event in followed.of(SnapshotTaken)[already:]} == {True, False}
        assert pbx.logins == 1


# -- rows 7 and 11: back again


@in_no_time
async def test_a_pbx_that_comes_back_is_followed_within_thirty_seconds_though_it_lists_nothing_at_first():
    async with busy_pbx() as pbx, shipped(access(pbx.port)) as followed:
        await when(followed, lambda: followed.link.state.is_up)
        await pbx.stop()
        await when(followed, lambda: followed.link.state.status is LinkStatus.DOWN)
        await asyncio.sleep(LONG)
        pbx.reboot(running_day(8, NOON + of_seconds(LONG)))
        pbx.faults.unknown_actions = {"corestatus", "coreshowchannels", "queuestatus", "devicestatelist"}
        await pbx.start()
        back_at = clock()
        await asyncio.sleep(19)
        assert not followed.link.state.is_up
        pbx.faults.unknown_actions = set()
        assert await when(followed, lambda: followed.link.state.is_up) - back_at <= 30
        assert len({event.boot for event in followed.of(SwitchBooted)}) == 2


@in_no_time
async def test_a_pbx_that_is_back_before_we_have_looked_is_another_boot_and_its_gap_is_a_second():
    async with busy_pbx() as pbx, shipped(access(pbx.port)) as followed:
        await when(followed, lambda: followed.link.state.is_up)
        await pbx.stop()
        pbx.reboot(running_day(8, NOON + 40 * SECOND))
        await pbx.start()
        back_at = clock()
        await when(followed, lambda: pbx.logins == 2 and followed.link.state.is_up)
        assert clock() - back_at < 1
        boots = [event.boot for event in followed.of(SwitchBooted)]
        assert len(set(boots)) == 2
