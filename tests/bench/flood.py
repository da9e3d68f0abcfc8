"""What ten thousand browsers cost the calls: from an event on the PBX's wire to the board, in quiet and in the flood.

    python tests/bench/flood.py [--browsers N] [--samples N]

Three processes: the daemon; the flood; and here the simulated PBX with one board that reads. The flood opens so many
connections one after another, as fast as it can, some hundreds at a time; half ask for a stream and never read it, one
of ten keeps its headers back, the others ask for pages; `/metrics` is asked for all the time.

The time to the board holds all that keeps three processes waiting on one machine, and the pause that a board makes
between two pictures. So it is also measured inside the daemon: from an event's own time to when it is counted; and by a
meter that wants its turn every 5 ms, how late the turn came, which is also for want of a processor, and how long the
daemon's own thread worked since the last one, which is the longest that an event waited for us alone.
"""

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from running import SECRET, configured, host_now, python, until

from slmon.config import Config, Need, load
from slmon.core.facts import Fact
from slmon.core.instant import SECOND, Instant
from slmon.daemon import Daemon
from slmon.simulator.plan import Rate
from slmon.simulator.server import Account, AmiServer, LiveDay
from slmon.watch import Watch

EVENT = ("Event: {name}\r\nPrivilege: call,all\r\nTimestamp: {at}\r\nChannel: PJSIP/trunk-{number}\r\n"
         "ChannelState: 4\r\nCallerIDNum: \r\nContext: from-trunk\r\nExten: 10100110\r\nUniqueid: {number}.1\r\n"
         "Linkedid: {number}.1\r\nQueue: dagpenge\r\nCause: 16\r\n\r\n")
METER_SECONDS = 0.005
AT_ONCE = 800                # connections of the flood
IN_STEP = 50                 # of them opened together
MARK = 50.0                  # milliseconds that the flood may cost


# -- inside the daemon

class Metered(Daemon):
    """The daemon, and what it notes: each moment in seconds, with milliseconds, and which event it was."""

    def __init__(self, config: Config) -> None:
        super().__init__(config)
        self.notes: dict[str, list[tuple[float, float, Instant]]] = {"counted": [], "worked": [], "late": []}
        self._last: Instant | None = None

    def _take(self, watch: Watch, facts: list[Fact]) -> None:
        super()._take(watch, facts)
        if watch.last_event_at is not None and watch.last_event_at != self._last:      # else no event, a timer
            self._last = watch.last_event_at
            self._note("counted", (host_now() - self._last) / SECOND, self._last)

    async def meter(self) -> None:
        """Until cancelled."""
        while True:
            due, worked = time.monotonic() + METER_SECONDS, time.thread_time()
            await asyncio.sleep(METER_SECONDS)
            self._note("late", time.monotonic() - due)
            self._note("worked", time.thread_time() - worked)

    def _note(self, what: str, seconds: float, event: Instant = 0) -> None:
        self.notes[what].append((time.monotonic(), seconds * 1000, event))


async def metered(config: Path, notes: Path) -> None:
    """Run the daemon with its meter; its notes are written at the end."""
    daemon = Metered(load(config, need=Need.ALL))
    await daemon.run(lambda url: print(url, flush=True), beside=[daemon.meter])
    await asyncio.to_thread(notes.write_text, json.dumps(daemon.notes))


# -- the flood

def flood(port: int, browsers: int, answers: Any) -> None:
    """A process of its own: so many browsers, and Prometheus. Real ones take no time of this machine's processors."""
    os.nice(19)
    asyncio.run(_flood(port, browsers, answers))


async def _flood(port: int, browsers: int, answers: Any) -> None:
    said: Counter[str] = Counter()
    open_now: list[asyncio.StreamWriter] = []

    async def browser(number: int) -> None:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            path = "/stream/alle" if number % 2 else random.choice(["/", "/goals", "/badge/alle.svg", "/board/alle"])
            kept_back = number % 10 == 0
            writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n".encode() + b"\r\n" * (not kept_back))
            open_now.append(writer)
            if not kept_back:
                async with asyncio.timeout(10):
                    said[(await reader.read(12))[9:].decode() or "closed"] += 1
            return
        said["closed"] += 1

    async def scrapes() -> None:
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                await reader.read(-1)
                writer.close()
            await asyncio.sleep(0.01)

    scraping = asyncio.create_task(scrapes())
    for first in range(0, browsers, IN_STEP):
        await asyncio.gather(*(browser(number) for number in range(first, first + IN_STEP)))
        for writer in open_now[:-AT_ONCE]:
            writer.transport.abort()
        del open_now[:-AT_ONCE]
    scraping.cancel()
    answers.put(said)


# -- the board

class Bench:
    """One run."""

    def __init__(self, server: AmiServer, port: int) -> None:
        self._server, self._port = server, port
        self._number = 0
        self.told = {0}                  # the moments of the events

    async def samples(self) -> AsyncIterator[float]:
        """Milliseconds from the event to the board, for ever; a moment after the last change, in step with nothing."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(b"GET /stream/alle HTTP/1.1\r\nHost: localhost\r\n\r\n")

        async def waits() -> bool:
            while not (line := await reader.readline()).startswith(b"data: "):
                assert line, "the board was closed"
            return bool(json.loads(line[6:])["figures"]["waiting"])

        await waits()
        while True:
            self._number += 1
            began = time.perf_counter()
            self._tell("Newchannel", "QueueCallerJoin")
            while not await waits():
                pass
            took = (time.perf_counter() - began) * 1000
            self._tell("QueueCallerAbandon", "QueueCallerLeave", "Hangup")
            while await waits():
                pass
            yield took
            await asyncio.sleep(random.uniform(0.15, 0.3))      # the board is drawn at most ten times a second

    def _tell(self, *names: str) -> None:
        at = host_now()
        self.told.add(at)
        seconds, micros = divmod(at, SECOND)
        self._server.send("".join(EVENT.format(name=name, at=f"{seconds}.{micros:06}", number=self._number)
                                  for name in names).encode())


@contextlib.contextmanager
def flooding(port: int, browsers: int) -> Iterator[Any]:
    """The flood as a process of its own; yields where it tells at its end what was answered."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=flood, args=(port, browsers, answers), daemon=True)
    process.start()
    yield answers
    process.terminate()
    process.join()


def said(name: str, times: list[float]) -> float:
    """Print a line; the 99th percentile."""
    worst = quantiles(times, n=100)[98]
    print(f"{name:42} {len(times):6}: median {median(times):6.1f} ms, 99th percentile {worst:6.1f} ms, "
          f"most {max(times):6.1f} ms")
    return worst


async def run(browsers: int, samples: int) -> None:
    """Measure and print."""
    day = LiveDay(1, host_now(), Rate(1e-9), desks=False)
    quiet: list[float] = []
    flooded: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        notes = Path(folder) / "turns.json"
        async with AmiServer(day, {"slmon": Account(SECRET)}) as server, \
                python(__file__, "--inside", configured(Path(folder), server.port), "--notes", notes) as running:
            async def up() -> float:
                return (await running.metrics())["slmon_pbx_up"]
            await until(up, 1.0)
            port = int((await running.address()).rstrip("/").rpartition(":")[2])
            began = time.monotonic()
            bench = Bench(server, port)
            times = aiter(bench.samples())
            while len(quiet) < samples:
                quiet.append(await anext(times))
            flood_began = time.monotonic()
            with flooding(port, browsers) as answers:
                told: Counter[str] | None = None
                while told is None:
                    flooded.append(await anext(times))
                    if not answers.empty():
                        told = answers.get()
            ended = time.monotonic()
            metrics = await running.metrics()
        inside: dict[str, list[tuple[float, float, Instant]]] = json.loads(notes.read_text())

    def told_inside(what: str, since: float, until: float) -> list[float]:
        return [milliseconds for at, milliseconds, event in inside[what]
                if since <= at <= until and event in bench.told]

    phases = (("quiet", began, flood_began, quiet), ("flood", flood_began, ended, flooded))
    boards = [said(f"{name}: from the wire to the board", times) for name, _, _, times in phases]
    events = [said(f"{name}: from the wire to counted", told_inside("counted", since, till))
              for name, since, till, _ in phases]
    for name, since, till, _ in phases:
        said(f"{name}: a turn in the daemon came late by", told_inside("late", since, till))
        said(f"{name}: of that the daemon's own work", told_inside("worked", since, till))
    print(f"{browsers:,} browsers in {ended - flood_began:.0f} s; answered: {dict(told)}; "
          f"reconnects of the PBX's link: {metrics['slmon_pbx_reconnects_total']:.0f}")
    print(f"at the 99th percentile the flood costs {events[1] - events[0]:+.1f} ms until an event is counted, "
          f"{'within' if events[1] - events[0] < MARK else 'NOT WITHIN'} {MARK:.0f} ms; "
          f"{boards[1] - boards[0]:+.1f} ms until the board shows it")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--browsers", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--notes", type=Path, help=argparse.SUPPRESS)
    words = parser.parse_args()
    asyncio.run(run(words.browsers, words.samples) if words.inside is None else metered(words.inside, words.notes))


if __name__ == "__main__":
    main()
