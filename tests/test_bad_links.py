"""Faults of links as a whole: from the bytes of a PBX on a port to what is said of its calls."""

import asyncio
import contextlib
from dataclasses import replace

import pytest
from ami_server import NOON, QUICK, Followed, Proxy, access, busy_pbx, following, idle_pbx
from telling import DOORS, House

from slmon.ami.state import LinkStatus
from slmon.core.events import LegEnded, LegStarted, SnapshotTaken, StreamLost
from slmon.core.facts import CallArrived, CallEnded, GapMarked, OddityNoticed
from slmon.core.goals import Goal
from slmon.core.instant import SECOND
from slmon.core.switchboard import Switchboard
from slmon.simulator.server import AmiServer

FLOOD, SLICE = 5000, 250


def told_of(followed: Followed) -> House:
    """What is said of the calls, by all that the link has told so far."""
    return House(Switchboard("pbx1", DOORS, lambda at: Goal(), lambda at: True)).hear(followed.events)


def really(pbx: AmiServer) -> set[str]:
    """The member calls that were played."""
    return {f"pbx1/{call.uniqueid}" for call in pbx.day.truth}


def ringing_in(leg: str, name: str = "Bo") -> bytes:
    return (f"Event: Newchannel\r\nPrivilege: call,all\r\nTimestamp: {NOON // SECOND}.5\r\n"
            f"Channel: PJSIP/trunk-{leg}\r\nChannelState: 4\r\nCallerIDNum: 20304050\r\nCallerIDName: {name}\r\n"
            f"Context: from-trunk\r\nExten: 70200100\r\nUniqueid: {leg}\r\nLinkedid: {leg}\r\n\r\n").encode()


def hung_up(leg: str) -> bytes:
    return (f"Event: Hangup\r\nPrivilege: call,all\r\nTimestamp: {NOON // SECOND}.6\r\nContext: from-trunk\r\n"
            f"Exten: 70200100\r\nUniqueid: {leg}\r\nLinkedid: {leg}\r\nCause: 16\r\n\r\n").encode()


# -- row 11: many at once


async def test_fifty_pbxes_that_come_back_together_are_all_followed_again_each_by_one_session():
    async with contextlib.AsyncExitStack() as stack:
        pbxes = [await stack.enter_async_context(idle_pbx()) for _ in range(50)]
        links = [await stack.enter_async_context(following(access(pbx.port))) for pbx in pbxes]
        for followed in links:
            await followed.until_status(LinkStatus.UP)
        for pbx in pbxes:
            await pbx.stop()
        for followed in links:
            await followed.until_status(LinkStatus.DOWN)
        for pbx in pbxes:
            await pbx.start()
        for pbx, followed in zip(pbxes, links, strict=True):
            await followed.until_status(LinkStatus.UP)
            assert pbx.logins == 2
            assert len([event for event in followed.of(SnapshotTaken) if event.legs is not None]) < 10
    came_back = [followed.link.state.since for followed in links]
    assert came_back != sorted(came_back)              # each paused as long as chance would have it


async def test_a_pbx_that_floods_keeps_no_other_one_waiting():
    async with idle_pbx() as loud, idle_pbx() as quiet, following(access(loud.port)) as flooded, \
            following(access(quiet.port)) as followed:
        await flooded.until_status(LinkStatus.UP)
        await followed.until_status(LinkStatus.UP)
        many = [b"".join(ringing_in(f"flood-{begin + number}") for number in range(SLICE))
                for begin in range(0, FLOOD, SLICE)]
        heard_before = []
        for number, frame in enumerate(many):
            quiet.send(ringing_in(f"call-{number}"))
            loud.send(frame)
            before = len(flooded.of(LegStarted))
            await followed.until(lambda: len(followed.of(LegStarted)) > len(heard_before))
            heard_before.append(len(flooded.of(LegStarted)) - before)
        await flooded.until(lambda: len(flooded.of(LegStarted)) == FLOOD)
        assert max(heard_before) <= 2 * SLICE
        assert [event.leg for event in followed.of(LegStarted)] == [f"call-{number}" for number in range(len(many))]


# -- rows 12 and 13: cut off


async def test_who_reads_too_slowly_is_cut_off_marks_the_gap_and_invents_no_call():
    pbx = busy_pbx(speed=4000)
    async with pbx, Proxy(pbx.port) as proxy, following(access(proxy.port), replace(QUICK, silence=60)) as followed:
        await followed.until(lambda: followed.of(LegStarted))
        proxy.stall()
        async with asyncio.timeout(60):
            await pbx.empty.wait()                     # the PBX has had enough
        pbx.go_on(1.0)
        proxy.flow()
        await followed.until(lambda: pbx.logins == 2 and followed.link.state.is_up)
        lost = followed.of(StreamLost)
        house = told_of(followed)
    assert len(lost) == 1
    assert house.of(GapMarked)[-1].until is not None
    assert {fact.call for fact in house.of(CallArrived)} <= really(pbx)
    assert len(house.of(CallArrived)) > 5


async def test_a_stream_that_ends_in_the_middle_of_a_hang_up_ends_no_call():
    async with idle_pbx() as pbx, following(access(pbx.port)) as followed:
        await followed.until_status(LinkStatus.UP)
        pbx.send(ringing_in("c1") + hung_up("c1")[:-40])
        await followed.until(lambda: bytes(followed.read).endswith(hung_up("c1")[:-40]))
        pbx.cut()
        await followed.until(lambda: followed.of(StreamLost))
        house = told_of(followed)
        assert followed.of(LegEnded) == []
        assert house.of(CallEnded) == []
        assert house.call("c1").ended_at is None


# -- row 15: without end


@pytest.mark.parametrize("endless", [b"x" * (3 << 20), b"X: y\r\n" * (1 << 19)], ids=["line", "headers"])
async def test_a_message_without_end_is_a_gap_and_all_is_listed_again_on_the_same_link(endless):
    async with busy_pbx() as pbx, following(access(pbx.port)) as followed:
        await followed.until_status(LinkStatus.UP)
        already = len(followed.of(SnapshotTaken))
        for begin in range(0, len(endless), 1 << 19):          # more at once, and the PBX would cut us off
            pbx.send(endless[begin:begin + (1 << 19)])
            await asyncio.sleep(0)
        pbx.send(b"\r\n\r\n" + ringing_in("after"))
        await followed.until(lambda: len(followed.of(SnapshotTaken)) > already
                             and any(event.leg == "after" for event in followed.of(LegStarted)))
        assert {lost.reason for lost in followed.of(StreamLost)} == {"message longer than 1 MiB"}
        assert pbx.logins == 1


async def test_a_stream_that_is_damaged_again_and_again_is_left_alone_for_a_while():
    async with idle_pbx() as pbx, following(access(pbx.port)) as followed:
        await followed.until_status(LinkStatus.UP)
        for _ in range(25):
            pbx.send(b"Nonsense: 1\r\n\r\n")
        state = await followed.until_status(LinkStatus.REFUSED)
        assert state.reason == "20 damaged messages in a minute"
        await followed.until_status(LinkStatus.UP)
        assert pbx.logins == 2


# -- row 14: late


async def test_an_event_that_comes_late_has_the_time_at_which_it_was():
    async with busy_pbx() as pbx, following(access(pbx.port)) as followed:
        await followed.until_status(LinkStatus.UP)
        pbx.send(ringing_in("late"))
        await followed.until(lambda: any(event.leg == "late" for event in followed.of(LegStarted)))
        [late] = [event for event in followed.of(LegStarted) if event.leg == "late"]
        assert late.at == NOON // SECOND * SECOND + SECOND // 2


# -- rows 16, 19 and 20: what names hold


NAMES = ["\0\x1b[2J", "Bo\u2028Uniqueid: 9.9", "Bo\x85Event: Hangup", "Bo\x0b\x0c\x1c", "=cmd|' /C calc'!A0",
         '"><script>', "__proto__", "Bo\r\nUniqueid: c2", "Bo\r\nContext: indefra", "Bo\r\nEvent: Hangup"]


@pytest.mark.parametrize("name", NAMES)
async def test_no_name_makes_or_ends_or_moves_another_call(name):
    async with idle_pbx() as pbx, following(access(pbx.port)) as followed:
        await followed.until_status(LinkStatus.UP)
        pbx.send(ringing_in("c1", name) + ringing_in("c2") + hung_up("c2"))
        await followed.until(lambda: followed.of(LegEnded))
        house = told_of(followed).wait(NOON / SECOND + 60)
    assert {fact.call for fact in house.of(CallArrived)} <= {"pbx1/c1", "pbx1/c2"}
    assert [fact.call for fact in house.of(CallEnded)] == ["pbx1/c2"]
    assert len(followed.of(StreamLost)) == ("\r\n" in name)        # a header twice is no message


async def test_an_event_forged_in_a_name_for_a_channel_that_nobody_announced_is_counted_and_does_nothing():
    forged = ("Bo\r\n\r\nEvent: BridgeEnter\r\nPrivilege: call,all\r\nBridgeUniqueid: b\r\nContext: agents\r\n"
              "Uniqueid: 9.9\r\nLinkedid: c2\r\n\r\nX: ")
    async with idle_pbx() as pbx, following(access(pbx.port)) as followed:
        await followed.until_status(LinkStatus.UP)
        pbx.send(ringing_in("c2") + ringing_in("c1", forged) + hung_up("c2"))
        await followed.until(lambda: followed.of(LegEnded))
        house = told_of(followed).wait(NOON / SECOND + 60)
    # The forged one, and the ring-in whose id the forgery cut off.
    assert [fact.kind for fact in house.of(OddityNoticed)] == ["unannounced_leg", "unannounced_leg"]
    assert house.call("c2").answered_at is None
