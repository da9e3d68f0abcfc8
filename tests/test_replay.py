"""Captures as files: packed, several, cut, without times, or no captures at all."""

import gzip
import lzma
import re
from pathlib import Path

import pytest
from recorded import capture_files, recording, replayed, told

from slmon.core.facts import GapMarked, Outcome
from slmon.core.instant import SECOND
from slmon.replay import CaptureError, Replay, replay

NAME = "menu-min"


def capture() -> bytes:
    return recording(NAME).captures[0]


def replay_of(*paths: Path, name: str = NAME, say=lambda fact: None) -> Replay:
    return replay(paths, recording(name).board(), say)


def undated(data: bytes) -> bytes:
    return re.sub(rb"Timestamp: [^\r]*\r\n", b"", data)


def times_of(data: bytes, begin: float) -> str:
    """A read every 1000 bytes, one a second."""
    return "".join(f"{offset} {number}.0 {begin + number}\n" for number, offset in enumerate(range(0, len(data), 1000)))


@pytest.mark.parametrize(("suffix", "packed"), [("", bytes), (".xz", lzma.compress), (".gz", gzip.compress)])
def test_a_packed_capture_is_the_same_as_a_plain_one(suffix, packed, tmp_path):
    path = tmp_path / f"events.ami{suffix}"
    path.write_bytes(packed(capture()))
    assert replay_of(path) == replayed(recording(NAME), tmp_path)


def test_captures_of_two_connections_are_one_day_with_a_gap_between_them():
    gaps = []
    found = replay_of(*capture_files("reconnect"), name="reconnect", say=gaps.append)
    assert len([gap for gap in gaps if isinstance(gap, GapMarked) and gap.until is not None]) == 1
    assert len({record.call for record in found.calls}) == len(found.calls) == 95


def test_only_the_second_connection_tells_what_it_can():
    found = replay_of(capture_files("reconnect")[1], name="reconnect")
    whole = {record.call for record in replay_of(*capture_files("reconnect"), name="reconnect").calls}
    assert 0 < len(found.calls) < 95
    assert {record.call for record in found.calls} <= whole


def test_a_call_that_is_open_at_the_end_is_told_without_an_end(tmp_path):
    cut = capture().rfind(b"Event: Hangup\r\n")
    found = replayed(recording(NAME), tmp_path, [capture()[:cut]])
    assert [record.outcome for record in found.calls if record.ended_at is None] != []


def test_a_capture_that_ends_in_a_message_is_counted(tmp_path):
    assert replayed(recording(NAME), tmp_path, [capture()[:-40]]).cut == 1
    assert replayed(recording(NAME), tmp_path).cut == 0


def test_a_packed_file_that_was_cut_is_read_as_far_as_it_goes(tmp_path):
    path = tmp_path / "events.ami.xz"
    path.write_bytes(capture_files("smoke")[0].read_bytes()[:20_000])
    found = replay_of(path, name="smoke")
    assert len(found.not_whole) == 1
    assert found.calls != []


@pytest.mark.parametrize(("name", "data", "words"), [
    ("web.ami", b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\n<html>", "is no capture of an AMI connection"),
    ("events.ami.xz", b"not packed at all", "cannot be unpacked"),
    ("events.ami.gz", b"not packed at all", "cannot be unpacked"),
    ("events.ami.gz", gzip.compress(b"Asterisk Call Manager/9\r\n")[:10] + b"\xff" * 40, "cannot be unpacked"),
    ("events.ami.xz", lzma.compress(b"Asterisk Call Manager/9\r\n" * 999)[:40], "ends before anything can be read"),
], ids=["web page", "no xz", "no gz", "broken gz", "cut xz"])
def test_what_is_no_capture_is_said_with_its_name_and_a_cure(name, data, words, tmp_path):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(CaptureError, match=words) as raised:
        replay_of(path)
    assert str(raised.value).startswith(str(path))


@pytest.mark.parametrize("path", ["missing.ami", "missing.ami.xz", "missing.ami.gz", "."])
def test_a_file_that_is_not_there_is_said_so(path, tmp_path):
    with pytest.raises(CaptureError):
        replay_of(tmp_path / path)


def test_an_empty_capture_is_an_empty_day(tmp_path):
    found = replayed(recording(NAME), tmp_path, [b""])
    assert (found.calls, found.dated) == ([], False)


# -- times


def test_a_capture_without_times_tells_the_calls_and_that_it_knows_no_times(tmp_path):
    found = replayed(recording(NAME), tmp_path, [undated(capture())])
    usual = replayed(recording(NAME), tmp_path)
    assert not found.dated
    assert sorted(record.call for record in found.calls) == sorted(record.call for record in usual.calls)


def test_the_times_beside_a_recording_are_used_where_the_pbx_told_none(tmp_path):
    path = tmp_path / "events.ami"
    path.write_bytes(undated(capture()))
    (tmp_path / "events.ami.times").write_text(times_of(capture(), 1_795_439_000.0))
    found = replay_of(path)
    assert found.dated
    assert all(abs(record.arrived_at / SECOND - 1_795_439_000) < 1000 for record in found.calls)


def test_the_times_of_the_pbx_are_better_than_those_beside_the_recording(tmp_path):
    path = tmp_path / "events.ami.xz"
    path.write_bytes(lzma.compress(capture()))
    (tmp_path / "events.ami.times").write_text(times_of(capture(), 5.0))
    assert told(replay_of(path)) == told(replayed(recording(NAME), tmp_path))


@pytest.mark.parametrize("text", ["0 0.0 once\n", "0 0.0\n", "0 0.0 nan\n", "0 0.0 inf\n", "x 0.0 1.0\n"])
def test_times_beside_a_recording_that_cannot_be_read_are_said_so(text, tmp_path):
    path = tmp_path / "events.ami"
    path.write_bytes(undated(capture()))
    (tmp_path / "events.ami.times").write_text(text)
    with pytest.raises(CaptureError, match=r"events\.ami\.times"):
        replay_of(path)


def test_times_whose_last_line_was_cut_are_used_up_to_it(tmp_path):
    path = tmp_path / "events.ami"
    path.write_bytes(undated(capture()))
    (tmp_path / "events.ami.times").write_text(times_of(capture(), 1_795_439_000.0)[:-12])
    assert all(record.arrived_at / SECOND > 1_795_438_000 for record in replay_of(path).calls)


def test_a_message_without_a_time_takes_that_of_the_one_before_it(tmp_path):
    hangups = re.compile(rb"(Event: Hangup\r\n(?:[^\r\n]+\r\n)*?)Timestamp: [^\r]*\r\n")
    found = replayed(recording(NAME), tmp_path, [hangups.sub(rb"\1", capture())])
    usual = replayed(recording(NAME), tmp_path)
    assert [record.outcome for record in found.calls] == [record.outcome for record in usual.calls]
    assert all(record.ended_at is not None for record in found.calls if record.outcome is not Outcome.LOST)
