"""Logs: what cannot be logged stops nothing."""

import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import structlog

from slmon.logs import set_up_logs
from slmon.loop_errors import LoopErrors

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")
def test_a_log_on_a_full_disk_stops_nothing():
    code = "from slmon.logs import set_up_logs; log = set_up_logs(); log.error('not saving'); print('goes on')"
    with FULL.open("w") as full:
        run = subprocess.run([sys.executable, "-c", code], stderr=full, stdout=subprocess.PIPE, text=True, check=False)
    assert run.stdout == "goes on\n"


def test_lines_that_could_not_be_logged_are_counted_in_the_next_one(monkeypatch):
    class Stream(io.StringIO):
        full = True

        def flush(self) -> None:
            if self.full:
                raise OSError(28, "No space left on device")

    stream = Stream()
    monkeypatch.setattr(sys, "stderr", stream)
    log = set_up_logs()
    try:
        log.error("one")
        stream.full = False
        log.error("two")
    finally:
        structlog.reset_defaults()
    assert "1 lines before this one could not be written\n" in stream.getvalue()


def test_that_no_files_are_left_is_said_once_a_minute(monkeypatch):
    tell, said = LoopErrors(), []
    for now in (0.0, 1.0, 59.9, 60.0, 119.0, 121.0):
        monkeypatch.setattr("slmon.loop_errors.time", SimpleNamespace(monotonic=lambda at=now: at))
        with structlog.testing.capture_logs() as lines:
            tell(None, {"message": "socket.accept() out of system resource"})
        said += [now] * len(lines)
    assert said == [0.0, 60.0, 121.0]
