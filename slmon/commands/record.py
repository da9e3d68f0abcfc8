"""`slmon record`: what a PBX tells, as it came, for bug reports and replay."""

import asyncio
import contextlib
import logging
import secrets
import signal
import time
from pathlib import Path
from typing import BinaryIO, TextIO

from rich.console import Console

from slmon.ami.link import Link
from slmon.ami.state import LinkState, LinkStatus
from slmon.commands.replay import pbx_of
from slmon.config import Config
from slmon.logs import set_up_logs
from slmon.scrub import Scrubber
from slmon.watch import access_of

console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def run_record(config: Config, pbx_name: str | None, out: Path, raw: bool) -> bool:
    """Record one connection until it ends or ^C; False when nothing could be recorded. Raises UnknownPbx, OSError."""
    pbx = pbx_of(config, pbx_name)
    set_up_logs(logging.ERROR)
    if out.exists():
        raise FileExistsError(17, "is there already; recordings are not overwritten, take another name", str(out))
    doors = config.doors(pbx)
    scrubber = None if raw else Scrubber(secrets.token_bytes(32), lambda number: any(
        line.has(number) for line in doors.lines))
    times = out.with_name(out.name + ".times")
    with out.open("xb") as file, times.open("x", encoding="ascii") as clock:
        recorder = _Recorder(file, clock, scrubber)
        trouble = asyncio.run(_record(Link(access_of(pbx), lambda events: None, recorder.state_changed,
                                           recorder.take), recorder))
        recorder.close()
    if not recorder.was_up:
        out.unlink()
        times.unlink()
        console.print(f"slmon: nothing was recorded: {trouble or 'the PBX said nothing'}")
        return False
    console.print(f"{out}: {recorder.written:,} bytes recorded{'' if raw else ', numbers and names replaced'}"
                  f"{f'; {trouble}' if trouble else ''}")
    return True


async def _record(link: Link, recorder: "_Recorder") -> str:
    """Until the link ends or a signal comes; why it ended, in words."""
    stop = recorder.over
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = asyncio.create_task(link.run(), name="record")
    await stop.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return recorder.trouble


class _Recorder:
    """Writes what was read, and when. A recording is one connection: its end is the recording's."""

    def __init__(self, file: BinaryIO, clock: TextIO, scrubber: Scrubber | None) -> None:
        self.written = 0
        self.over = asyncio.Event()
        self.trouble = ""
        self._file, self._clock, self._scrubber = file, clock, scrubber
        self.was_up = False

    def take(self, data: bytes) -> None:
        text = data if self._scrubber is None else self._scrubber.feed(data)
        if text and not self.over.is_set():
            self._clock.write(f"{self.written} {time.monotonic():.6f} {time.time():.6f}\n")
            self._file.write(text)
            self.written += len(text)

    def state_changed(self, state: LinkState) -> None:
        if state.is_up and not self.was_up:
            self.was_up = True
            console.print("recording; ^C ends it")
        if state.status in {LinkStatus.DOWN, LinkStatus.REFUSED}:
            self.trouble = state.reason
            self.over.set()

    def close(self) -> None:
        rest = b"" if self._scrubber is None else self._scrubber.close()
        self._file.write(rest)
        self.written += len(rest)
