"""What twenty thousand calls at once cost: throughput and memory with so many open already, beside none.

    python tests/bench/open_calls.py [--calls N] [--rounds N]

The way from bytes to facts and tallies, as the daemon walks it, over one simulated hour. Before it, N members have rung
in and wait in a queue, with a desk's phone ringing for each. Interleaved rounds in one process; the best round counts.
"""

import argparse
import gc
import time
import tracemalloc

from slmon.ami.translate import VOCABULARY, Translator
from slmon.ami.wire import AmiStream
from slmon.core import events as ev
from slmon.core.callbook import MOST_LEGS
from slmon.core.goals import Goals
from slmon.core.hours import Hours
from slmon.core.instant import SECOND
from slmon.core.scoreboard import Scoreboard
from slmon.core.site import Doors, View
from slmon.core.switchboard import Switchboard

START = 1_795_417_200 * SECOND
DOORS = Doors(contexts=frozenset({"from-trunk"}))
HOURS = Hours((), "Europe/Copenhagen")
GOALS = Goals((), HOURS.day_of)
CHUNK = 64 * 1024


class House:
    """A switchboard, and a scoreboard with one view."""

    def __init__(self) -> None:
        self.board = Switchboard("pbx1", DOORS, GOALS.goal_at, HOURS.is_open)
        self.scores = Scoreboard(HOURS, GOALS, pbxes=["pbx1"])
        self.scores.snapshot(View("all", "Alle"), START)

    def fill(self, calls: int) -> None:
        """So many members wait, each with a phone that rings for them."""
        for number in range(calls):
            at = START - 100 * SECOND + number * (60 * SECOND // max(calls, 1))
            call, desk = f"early-{number}", f"ringing-{number}"
            for event in (
                    ev.LegStarted(at, call, call, f"PJSIP/trunk-{number:08x}", ev.LegState.RING, "from-trunk",
                                  "70200100", "20304050"),
                    ev.QueueJoined(at, call, call, "dagpenge", "queue", "s"),
                    ev.LegStarted(at, desk, call, f"PJSIP/{number}-{number:08x}", ev.LegState.DOWN, "desks", "s", ""),
                    ev.DialStarted(at, call, call, desk, call, f"PJSIP/{number}-{number:08x}")):
                self._tell(event)
        for fact in self.board.advance(START):
            self.scores.record(fact)
        if len(self.board.calls) < calls:
            raise SystemExit(f"so many cannot be followed at once: with their phones they are over {MOST_LEGS:,} legs")

    def _tell(self, event: ev.Event) -> None:
        for fact in self.board.apply(event):
            self.scores.record(fact)

    def hear(self, data: bytes) -> float:
        """Seconds of processor time that the bytes take."""
        stream, translator = AmiStream(VOCABULARY), Translator()
        gc.collect()
        began = time.process_time()
        for offset in range(0, len(data), CHUNK):
            for event in translator.translate(stream.feed(data[offset:offset + CHUNK])):
                self._tell(event)
        return time.process_time() - began


def simulated() -> bytes:
    """A made-up busy hour."""
    from slmon.simulator.day import render_day

    return render_day(1, START, hours=1.0, per_minute=30.0).stream


def memory_of(calls: int) -> int:
    """Bytes that so many open calls take, with their phones."""
    gc.collect()
    tracemalloc.start()
    house = House()
    house.fill(calls)
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return size


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    words = parser.parse_args()
    data = simulated()
    events = data.count(b"Event: ")
    best: dict[int, float] = {}
    for _ in range(words.rounds):
        for calls in (0, words.calls):
            house = House()
            house.fill(calls)
            best[calls] = min(best.get(calls, float("inf")), house.hear(data))
    print(f"{len(data) / 1e6:.1f} MB, {events:,} events; best of {words.rounds} interleaved rounds, processor time")
    for calls, seconds in best.items():
        print(f"{calls:>9,} calls open before: {seconds:6.3f} s  {events / seconds:11,.0f} events/s  "
              f"{best[0] / seconds:5.2f} of the throughput without")
    print(f"memory: {memory_of(words.calls) / words.calls:,.0f} bytes a waiting call with its ringing phone")


if __name__ == "__main__":
    main()
