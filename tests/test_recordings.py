"""Recordings of real PBXes give the calls that their members and caseworkers saw, however the bytes come."""

import re
from pathlib import Path

import pytest
from recorded import NAMES, Recording, capture_files, differences, matched, recording, replayed, told, unknown
from typer.testing import CliRunner

from slmon.ami.translate import REPLAYED, Translator
from slmon.ami.wire import AmiStream
from slmon.cli import app
from slmon.core.facts import CallEnded, CallRecord

SMALL = ["menu-min", "machines-min", "older"]              # a byte at a time takes its time
END = b"\r\n\r\n"


def line_feeds_only(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n")


def two_line_feeds_at_the_end(data: bytes) -> bytes:
    return data.replace(END, b"\r\n\n")


def no_space_after_the_colon(data: bytes) -> bytes:
    banner, end, rest = data.partition(b"\r\n")
    return banner + end + re.sub(rb"(?m)^([^:\r\n]+): ", rb"\1:", rest)


def empty_lines_in_between(data: bytes) -> bytes:
    return data.replace(END, END + b"\r\n\r\n")


def every_event_twice(data: bytes) -> bytes:
    banner, end, rest = data.partition(b"\r\n")
    return banner + end + END.join(block for each in rest.split(END) for block in (each, each))


def as_least_rights_see_it(data: bytes) -> bytes:
    """Only events of the classes call and agent, answers and lists."""
    return END.join(block for block in data.split(END)
                    if not (found := re.search(rb"\nPrivilege: (\w+)", block)) or found[1] in {b"call", b"agent"})


@pytest.mark.parametrize("name", NAMES)
def test_every_call_is_told_as_the_sip_side_saw_it(name, tmp_path):
    found = replayed(recording(name), tmp_path)
    assert differences(recording(name).truth, found.calls) == []
    assert found.damaged == []


@pytest.mark.parametrize(("name", "vague"), [("restart", 0), ("reconnect", 2)])
def test_a_fault_leaves_no_more_calls_unknown_than_it_must(name, vague, tmp_path):
    found = replayed(recording(name), tmp_path)
    assert len(unknown(recording(name).truth, found.calls)) == vague


@pytest.mark.parametrize("name", NAMES)
def test_every_call_is_ended_once_and_in_the_order_of_the_facts(name, tmp_path):
    facts = []
    found = replayed(recording(name), tmp_path, say=facts.append)
    ended = [fact.record for fact in facts if isinstance(fact, CallEnded)]
    assert sorted(ended, key=lambda record: (record.arrived_at, record.call)) == [
        record for record in found.calls if record.ended_at is not None]


@pytest.mark.parametrize("chunk", [7, 1000, 1 << 30])
@pytest.mark.parametrize("name", NAMES)
def test_the_size_of_the_chunks_changes_nothing(name, chunk, tmp_path):
    usual = replayed(recording(name), tmp_path)
    assert replayed(recording(name), tmp_path, chunk=chunk) == usual


@pytest.mark.parametrize("name", SMALL)
def test_a_byte_at_a_time_changes_nothing(name, tmp_path):
    usual = replayed(recording(name), tmp_path)
    assert replayed(recording(name), tmp_path, chunk=1) == usual


@pytest.mark.parametrize("written", [line_feeds_only, two_line_feeds_at_the_end, no_space_after_the_colon,
                                     empty_lines_in_between])
@pytest.mark.parametrize("name", NAMES)
def test_another_way_to_write_lines_changes_nothing(name, written, tmp_path):
    usual = replayed(recording(name), tmp_path)
    otherwise = [written(data) for data in recording(name).captures]
    assert replayed(recording(name), tmp_path, otherwise) == usual


@pytest.mark.parametrize("name", NAMES)
def test_every_event_twice_gives_the_same_calls(name, tmp_path):
    usual = replayed(recording(name), tmp_path)
    twice = [every_event_twice(data) for data in recording(name).captures]
    assert told(replayed(recording(name), tmp_path, twice)) == told(usual)


@pytest.mark.parametrize("name", ["smoke", "smoke-16", "transfers", "older"])
def test_least_rights_are_enough_for_ordinary_calls(name, tmp_path):
    narrow = [as_least_rights_see_it(data) for data in recording(name).captures]
    assert differences(recording(name).truth, replayed(recording(name), tmp_path, narrow).calls) == []


@pytest.mark.parametrize("name", ["smoke", "freepbx-min", "reconnect"])
def test_the_lines_of_calls_are_the_same_bytes_each_time(name, tmp_path):
    written = []
    for number in range(2):
        out = tmp_path / f"{number}.jsonl"
        told_to = ["replay", "--config", str(Path(__file__).parent / "recordings" / name / "slmon.toml"),
                   "--calls", str(out), *map(str, capture_files(name))]
        assert CliRunner().invoke(app, told_to).exit_code == 0
        written.append(out.read_bytes())
    assert written[0] == written[1]
    assert written[0].count(b"\n") >= len([each for each in recording(name).truth if not each.never_in])


def read_from(of: Recording, data: bytes) -> list[CallRecord]:
    """The calls of bytes that begin or end anywhere, without a file in between."""
    board, stream, translator = of.board(), AmiStream(REPLAYED), Translator()
    events = translator.translate(stream.feed(data)) or translator.release()
    facts = [fact for event in events for fact in board.apply(event)] + board.finish()
    ended = [fact.record for fact in facts if isinstance(fact, CallEnded)]
    return ended + [call.record() for call in board.calls.values()]


@pytest.mark.parametrize("name", ["smoke-min", "conference-min", "freepbx-transfers-min"])
def test_to_begin_at_any_event_invents_no_call(name):
    of = recording(name)
    starts = [found.end() for found in re.finditer(END, of.captures[0])]
    for start in starts[::50]:
        _, _, invented = matched(of.truth, read_from(of, of.captures[0][start:]))
        assert invented == []


@pytest.mark.parametrize("name", ["smoke-min", "parking-min", "attended-min"])
def test_to_end_anywhere_changes_no_answer_and_invents_no_call(name):
    of = recording(name)
    whole = {record.call: record for record in read_from(of, of.captures[0])}
    size = len(of.captures[0])
    for end in range(0, size, size // 70 + 1):
        for record in read_from(of, of.captures[0][:end]):
            assert record.arrived_at == whole[record.call].arrived_at
            assert record.answered_at in (None, whole[record.call].answered_at)
            assert record.ended_at in (None, whole[record.call].ended_at)


def test_a_message_cut_in_the_middle_says_nothing(tmp_path):
    of = recording("smoke-min")
    hangup = of.captures[0].rfind(b"Event: Hangup\r\n")
    for cut in (hangup + 5, hangup + 15, hangup + 100):
        found = replayed(of, tmp_path, [of.captures[0][:cut]])
        assert found.cut == 1
        assert found.calls == replayed(of, tmp_path, [of.captures[0][:hangup]]).calls


def test_any_event_lost_costs_no_other_call_anything():
    of = recording("smoke-min")
    blocks = of.captures[0].split(END)
    usual = {record.call: record for record in read_from(of, of.captures[0])}
    for gone in range(1, len(blocks), 9):
        records = {record.call: record for record in read_from(of, END.join(blocks[:gone] + blocks[gone + 1:]))}
        differing = [call for call, record in usual.items() if records.get(call) != record]
        assert len(differing) <= 1, blocks[gone]
        assert set(records) <= set(usual)


def test_an_event_cut_and_glued_to_the_next_costs_no_other_call_anything():
    of = recording("smoke-min")
    blocks = of.captures[0].split(END)
    usual = {record.call: record for record in read_from(of, of.captures[0])}
    for cut in range(1, len(blocks) - 2, 11):
        glued = blocks[cut][:len(blocks[cut]) // 2] + blocks[cut + 1]
        records = {record.call: record for record in read_from(of, END.join([*blocks[:cut], glued, *blocks[cut + 2:]]))}
        assert set(records) <= set(usual)
        assert len([call for call, record in usual.items() if records.get(call) != record]) <= 2, glued
