"""Replay of a recording whose events tell no time: the file that `slmon record` writes beside it does."""

import pytest

from slmon.core.facts import CallRecord
from slmon.core.goals import Goal
from slmon.core.instant import SECOND
from slmon.core.site import Doors
from slmon.core.switchboard import Switchboard
from slmon.replay import CaptureError, Replay, replay

BEGAN = 1_795_418_000
LEG = {"Uniqueid": "a.1", "Linkedid": "a.1", "Context": "from-trunk", "Exten": "70200100", "Channel": "PJSIP/trunk-1"}


def event(name: str, **headers: object) -> bytes:
    return b"".join(f"{key}: {value}\r\n".encode() for key, value in
                    {"Event": name, "Privilege": "call,all", **headers, **LEG}.items()) + b"\r\n"


GREETING = b"Asterisk Call Manager/9.0.0\r\nResponse: Success\r\nTimestamp: 1795999999.000000\r\nPing: Pong\r\n\r\n"
READS = [(0, GREETING), (1, event("Newchannel", ChannelState=4)), (3, event("QueueCallerJoin", Queue="dagpenge")),
         (30, event("HangupRequest") + event("Hangup", Cause=16))]


@pytest.fixture
def capture(tmp_path):
    path, offset = tmp_path / "c.ami", 0
    times = []
    for seconds, data in READS:
        times.append(f"{offset} {seconds:.6f} {BEGAN + seconds:.6f}\n")
        offset += len(data)
    path.write_bytes(b"".join(data for _, data in READS))
    path.with_name("c.ami.times").write_text("".join(times))
    return path


def replayed(capture, chunk: int = 65536) -> Replay:
    doors = Doors(contexts=frozenset({"from-trunk"}))
    return replay([capture], Switchboard("pbx1", doors, lambda at: Goal(), lambda at: True), chunk=chunk)


def moments(record: CallRecord) -> list[float | None]:
    return [at and at / SECOND - BEGAN for at in (record.arrived_at, record.asked_at, record.ended_at)]


@pytest.mark.parametrize("chunk", [1, 100, 65536])
def test_each_event_has_the_time_at_which_it_was_read_however_the_file_is_read(capture, chunk):
    found = replayed(capture, chunk)
    assert found.dated
    assert [moments(record) for record in found.calls] == [[1, 3, 30]]


@pytest.mark.parametrize("chunk", [1, 65536])
def test_the_pbxs_own_time_goes_before_it(capture, chunk):
    stamped = [data.replace(b"call,all\r\n", f"call,all\r\nTimestamp: {BEGAN + 100 + seconds}.000000\r\n".encode())
               for seconds, data in READS]
    capture.write_bytes(b"".join(stamped))
    assert [moments(record) for record in replayed(capture, chunk).calls] == [[101, 103, 130]]


def test_without_any_time_none_is_made_up(capture):
    capture.with_name("c.ami.times").unlink()
    assert not replayed(capture).dated


@pytest.mark.parametrize("times", ["0 0.0 soon\n", "0 0.0\n", "\x00\n"])
def test_a_broken_list_of_times_is_named(capture, times):
    capture.with_name("c.ami.times").write_text(times)
    with pytest.raises(CaptureError, match=r"c\.ami\.times: is no list of the times of reads"):
        replayed(capture)
