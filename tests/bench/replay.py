"""How fast a capture becomes call records, beside what others need for bare parsing of the same bytes.

    python -m pip install -e '.[bench]'
    python tests/bench/replay.py [--rounds N] [CAPTURE]

One process, one core, interleaved rounds; processor time, the best round of each, and the ratio. Without a capture a
simulated day of six hours is made first. slmon goes the whole way: bytes, messages, events, calls, verdicts, records.
The others only split the bytes at empty lines and make their message object of every block; no rule, no state.
"""

import argparse
import gc
import gzip
import lzma
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from slmon.core.goals import Goal
from slmon.core.instant import SECOND
from slmon.core.site import Doors, Meaning
from slmon.core.switchboard import Switchboard
from slmon.replay import replay

START = 1_795_417_200 * SECOND
DOORS = Doors(contexts=frozenset({"from-trunk"}), meanings={"vm": Meaning.VOICEMAIL, "koe-exit": Meaning.CALLBACK})
GOAL = Goal()


def slmon(path: Path, _: bytes) -> int:
    """The capture's calls, judged and sealed."""
    switchboard = Switchboard("pbx1", DOORS, lambda at: GOAL, lambda at: True)
    return len(replay([path], switchboard).calls)


def panoramisk(_: Path, data: bytes) -> int:
    """panoramisk's message of every block."""
    from panoramisk.message import Message

    read = Message.from_line
    return sum(read(block.decode("utf-8", "replace")) is not None for block in data.split(b"\r\n\r\n"))


def asterisk_ami(_: Path, data: bytes) -> int:
    """asterisk-ami's event of every block that is one."""
    from asterisk.ami import Event

    return sum(Event.read(block.decode("utf-8", "replace")) is not None
               for block in data.split(b"\r\n\r\n") if block.startswith(b"Event: "))


def simulated() -> bytes:
    """A made-up day with every right, as the lab's recordings have."""
    from slmon.simulator.day import render_day

    rights = {"system", "call", "agent", "user", "cdr", "dialplan", "dtmf", "reporting", "test"}
    return render_day(1, START, hours=6.0, per_minute=8.0, rights=rights).stream


def unpacked(path: Path) -> bytes:
    """The bytes of a capture."""
    opened = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    with opened(path, "rb") as file:
        return bytes(file.read())


def timed(run: Callable[[Path, bytes], int], path: Path, data: bytes) -> float:
    """Seconds of processor time."""
    gc.collect()
    began = time.process_time()
    run(path, data)
    return time.process_time() - began


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("capture", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    words = parser.parse_args()
    data = unpacked(words.capture) if words.capture else simulated()
    events = data.count(b"Event: ")
    runs = {"slmon, to the final calls": slmon, "asterisk-ami, bare parse": asterisk_ami,
            "panoramisk, bare parse": panoramisk}
    with tempfile.NamedTemporaryFile(suffix=".ami") as file:
        file.write(data)
        file.flush()
        path = Path(file.name)
        print(f"{len(data) / 1e6:.1f} MB, {events:,} events, {slmon(path, data):,} calls; Python "
              f"{sys.version.split()[0]}; best of {words.rounds} interleaved rounds, processor time")
        best: dict[str, float] = {}
        for _ in range(words.rounds):
            for name, run in runs.items():
                best[name] = min(best.get(name, float("inf")), timed(run, path, data))
    ours = best["slmon, to the final calls"]
    for name, seconds in best.items():
        ratio = seconds / ours
        print(f"{name:28s} {seconds:7.3f} s  {events / seconds:11,.0f} events/s   slmon is {ratio:5.2f} x as fast")


if __name__ == "__main__":
    main()
