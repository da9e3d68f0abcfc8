"""The simulated PBX: like a real one on the wire, true to itself, and a day worth looking at."""

import asyncio
import re
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from ami_server import NOON, SECRET, busy_pbx, frames, idle_pbx

from slmon.ami.translate import VOCABULARY, Translator
from slmon.ami.wire import AmiStream
from slmon.config import load
from slmon.core.facts import CallEnded, CallRecord, Outcome, TransferKind
from slmon.core.goals import Goal
from slmon.core.instant import SECOND
from slmon.core.site import Doors, Line, Meaning
from slmon.core.switchboard import Switchboard
from slmon.simulator import lists
from slmon.simulator.day import RenderedDay, render_day
from slmon.simulator.history import history
from slmon.simulator.house import DEMO, config_text
from slmon.simulator.server import running_day

SHAPES = Path(__file__).parent / "recordings" / "shapes.txt"
UNRECORDED = {"ParkedCall", "UnParkedCall"}        # written from Asterisk's source; no recording has parked calls
ALL_RIGHTS = frozenset({"system", "call", "agent", "dialplan", "user", "dtmf"})
DOORS = Doors(frozenset({"from-trunk"}), meanings={"vm": Meaning.VOICEMAIL, "koe-exit": Meaning.CALLBACK,
                                                  "lukket": Meaning.CLOSED},
              lines=tuple(Line(number.pattern, number.name, number.kind) for number in DEMO.numbers))


@cache
def a_day() -> RenderedDay:
    return render_day(5, NOON, hours=2.0, rights=ALL_RIGHTS)


@cache
def its_records() -> dict[str, CallRecord]:
    """What slmon itself makes of the day's stream."""
    switchboard = Switchboard("pbx1", DOORS, lambda _: Goal(), lambda _: True)
    events = Translator().translate(AmiStream(VOCABULARY).feed(a_day().stream))
    facts = [fact for event in events for fact in switchboard.apply(event)] + switchboard.finish()
    return {fact.call.partition("/")[2]: fact.record for fact in facts if isinstance(fact, CallEnded)}


def test_the_same_seed_is_the_same_day_to_the_byte():
    assert render_day(3, NOON, hours=0.2) == render_day(3, NOON, hours=0.2)


def test_another_seed_is_another_day():
    assert render_day(3, NOON, hours=0.2) != render_day(4, NOON, hours=0.2)


def test_every_message_has_the_headers_of_a_real_one_in_their_order():
    real = {tuple(re.split(r":? ", line)) for line in SHAPES.read_text().splitlines()}
    lists_of_a_busy_pbx = b"".join(
        lists.answer(running_day(5, NOON).pbx, name, {"ActionID": "1"}) or b""
        for name in ("CoreShowChannels", "Status", "QueueStatus", "DeviceStateList"))
    told = {(headers["Event"], *[name for name in headers if name != "Event"])
            for headers in frames(a_day().stream + lists_of_a_busy_pbx) if "Event" in headers}
    assert {shape for shape in told if shape not in real and shape[0] not in UNRECORDED} == set()


def test_time_never_runs_back():
    stamps = [headers["Timestamp"] for headers in frames(a_day().stream) if "Timestamp" in headers]
    assert stamps == sorted(stamps)


def test_every_channel_is_announced_once_and_hung_up_once():
    counts = Counter((headers["Uniqueid"], headers["Event"]) for headers in frames(a_day().stream)
                     if headers.get("Event") in ("Newchannel", "Hangup"))
    assert set(counts.values()) == {1}
    assert len({channel for channel, _ in counts}) * 2 == len(counts)


def test_who_enters_a_bridge_leaves_it_before_it_is_gone():
    inside: dict[str, set[str]] = {}
    for headers in frames(a_day().stream):
        match headers.get("Event"):
            case "BridgeCreate":
                inside[headers["BridgeUniqueid"]] = set()
            case "BridgeEnter":
                inside[headers["BridgeUniqueid"]].add(headers["Uniqueid"])
            case "BridgeLeave":
                inside[headers["BridgeUniqueid"]].remove(headers["Uniqueid"])
            case "BridgeDestroy":
                assert inside.pop(headers["BridgeUniqueid"]) == set()
    assert inside == {}


def test_a_call_through_a_queue_tells_what_a_recorded_one_told():
    call = next(call for call in a_day().truth
                if call.queues == ["dagpenge"] and call.answer_seconds and call.answer_seconds < 9
                and call.desks not in (["PJSIP/104"], ["PJSIP/207"]) and not call.transfers)
    story = [headers["Event"] for headers in frames(a_day().stream)
             if call.uniqueid in (headers.get("Uniqueid"), headers.get("Linkedid"))]
    wanted = ["Newchannel", "QueueCallerJoin", "Newchannel", "AgentCalled", "DialBegin", "DialState", "DialEnd",
              "QueueCallerLeave", "AgentConnect", "BridgeEnter", "BridgeEnter", "BridgeLeave", "BridgeLeave",
              "Hangup", "Hangup"]
    assert [event for event in story if event in wanted] == wanted


@pytest.mark.parametrize("moment", ["arrived_at", "asked_at", "answered_at", "ended_at"])
def test_slmon_finds_each_moment_where_it_was(moment):
    for call in a_day().truth:
        really, found = getattr(call, moment), getattr(its_records()[call.uniqueid], moment)
        assert (really is None) == (found is None), call
        assert really is None or abs(really - found) < 0.1 * SECOND, call


@pytest.mark.parametrize("what", ["outcome", "line", "transferred"])
def test_slmon_finds_what_became_of_each_call(what):
    really = {call.uniqueid: getattr(call, what) for call in a_day().truth}
    assert {uniqueid: getattr(record, what) for uniqueid, record in its_records().items()} == really


def test_calls_that_are_no_member_calls_are_not_in_the_truth():
    inbound = {headers["Uniqueid"] for headers in frames(a_day().stream) if headers.get("Event") == "Newchannel"
               and headers["Context"] == "from-trunk" and headers["ChannelState"] == "4"}
    others = {headers["Uniqueid"] for headers in frames(a_day().stream) if headers.get("Event") == "Newchannel"
              and headers["Uniqueid"] == headers["Linkedid"]} - inbound
    assert inbound == {call.uniqueid for call in a_day().truth}
    assert len(others) > 50


def test_a_day_has_something_of_everything():
    outcomes = {call.outcome for call in a_day().truth}
    assert outcomes == set(Outcome) - {Outcome.LOST}
    assert {transfer.kind for call in a_day().truth for transfer in call.transfers} == {
        TransferKind.BLIND, TransferKind.ATTENDED, TransferKind.PARK}
    told = Counter(headers.get("Event") for headers in frames(a_day().stream))
    assert all(told[event] for event in ("Pickup", "Hold", "ParkedCall", "LocalBridge", "QueueMemberPause",
                                         "AgentRingNoAnswer", "QueueCallerAbandon", "UserEvent"))


def test_most_calls_are_answered_in_time_and_some_are_not():
    asked = [call for call in a_day().truth if call.asked_at]
    answered = [call for call in asked if call.answer_seconds is not None]
    within = sum(call.answer_seconds <= 20 for call in answered)
    assert 0.75 < within / len(asked) < 0.95
    assert 0.08 < sum(call.transferred for call in answered) / len(answered) < 0.15


def test_the_demo_begins_in_the_middle_of_a_day():
    day = running_day(1, NOON)
    waiting = sum(len(queue.callers) for queue in day.pbx.queues.values())
    talking = sum(call.answered_at is not None and call.ended_at is None for call in day.truth)
    before = len(day.truth)
    day.clock.run(NOON + 600 * SECOND)
    assert waiting + talking > 5
    assert 60 <= len(day.truth) - before <= 100


def test_the_demo_has_a_configuration_that_slmon_reads(tmp_path):
    path = tmp_path / "slmon.toml"
    path.write_text(config_text("127.0.0.1", 5038, "slmon", SECRET), encoding="utf-8")
    config = load(path)
    assert config.site.name == "Eksempel A-kasse"
    assert len(config.view) == 4


def test_a_running_day_tells_the_records_of_its_open_calls_too():
    records = {record.call: record for record in running_day(1, NOON).records()}
    open_calls = [record for record in records.values() if record.ended_at is None]
    assert len(records) > 100
    assert any(record.answered_at for record in open_calls)
    assert all(record.outcome is None for record in open_calls)


async def test_the_status_list_knows_what_each_member_dialled():
    async with busy_pbx() as pbx:
        said = await says(pbx.port, LOGIN, "Action: Status\nActionID: 9")
    dialled = {headers["DNID"] for headers in frames(said) if headers.get("Context") in ("koe", "menu")}
    assert dialled
    assert dialled <= {number.pattern for number in DEMO.numbers}


# ---- the days before


def test_history_ends_before_now_and_is_in_order():
    records = list(history(1, NOON, days=10))
    assert all(earlier.arrived_at <= later.arrived_at for earlier, later in pairwise(records))
    assert max(record.ended_at for record in records) < NOON
    assert len({record.call for record in records}) == len(records)


def test_history_is_like_the_live_day():
    asked = [record for record in history(1, NOON, days=30) if record.asked_at]
    answered = [record for record in asked if record.answered_at]
    assert 0.65 < sum(record.answer_seconds <= 20 for record in answered) / len(asked) < 0.9
    assert 0.08 < sum(record.transferred for record in answered) / len(answered) < 0.16


def test_history_is_the_same_for_the_same_seed():
    assert list(history(1, NOON, days=3)) == list(history(1, NOON, days=3))


def test_a_talk_of_the_past_is_told_in_order():
    for record in history(2, NOON, days=5):
        moments = [record.arrived_at, record.asked_at, record.answered_at, record.talking_at, record.ended_at]
        known = [moment for moment in moments if moment is not None]
        assert known == sorted(known)


# ---- on a port


async def says(port: int, *actions: str) -> bytes:
    """What the PBX says to these actions, until it closes or Logoff is answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for action in (*actions, "Action: Logoff"):
        writer.write(action.replace("\n", "\r\n").encode() + b"\r\n\r\n")
    async with asyncio.timeout(20):
        said = await reader.read()
    writer.close()
    return said


LOGIN = f"Action: Login\nUsername: slmon\nSecret: {SECRET}\nActionID: 1"


async def test_the_banner_comes_first_and_goodbye_last():
    async with idle_pbx() as pbx:
        said = await says(pbx.port, LOGIN)
    assert said.startswith(b"Asterisk Call Manager/11.0.0\r\nResponse: Success\r\nActionID: 1\r\n")
    assert said.endswith(b"Response: Goodbye\r\nMessage: Thanks for all the fish.\r\n\r\n")


async def test_a_wrong_secret_ends_the_connection():
    async with idle_pbx() as pbx:
        said = await says(pbx.port, LOGIN.replace(SECRET, "andet"), "Action: CoreShowChannels")
    assert said.endswith(b"Response: Error\r\nActionID: 1\r\nMessage: Authentication failed\r\n\r\n")


async def test_nothing_is_listed_before_the_login():
    async with idle_pbx() as pbx:
        said = await says(pbx.port, "Action: CoreShowChannels\nActionID: 7")
    assert b"Response: Error\r\nActionID: 7\r\nMessage: Permission denied" in said


async def test_an_unknown_action_is_refused_as_asterisk_does():
    async with idle_pbx() as pbx:
        said = await says(pbx.port, LOGIN, "Action: Originate\nActionID: 8")
    assert b"Message: Invalid/unknown command: Originate. Use Action: ListCommands to show available" in said


async def test_a_reader_that_never_reads_is_cut_off():
    async with busy_pbx(speed=2000) as pbx:
        _, writer = await asyncio.open_connection("127.0.0.1", pbx.port, limit=1024)
        writer.write(LOGIN.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        async with asyncio.timeout(60):
            await pbx.empty.wait()
        writer.close()


