"""What ten thousand browsers cost the calls: from an event on the PBX's wire to the board, in quiet and in the flood.

    python tests/bench/flood.py [--browsers N] [--samples N]

The daemon as a process of its own, the simulated PBX, and one board that reads. In the flood so many connections are
opened one after another that ask for a stream and never read it, slow headers among them, and `/metrics` is asked for
all the time. Times in milliseconds, from one run.
"""

import argparse
import asyncio
import contextlib
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median, quantiles

sys.path.insert(0, str(Path(__file__).parent.parent))

from running import SECRET, Slmon, configured, host_now, slmon, until

from slmon.core.instant import SECOND
from slmon.simulator.plan import Rate
from slmon.simulator.server import Account, AmiServer, LiveDay

EVENT = ("Event: {name}\r\nPrivilege: call,all\r\nTimestamp: {at}\r\nChannel: PJSIP/trunk-{number}\r\n"
         "ChannelState: 4\r\nCallerIDNum: \r\nContext: from-trunk\r\nExten: 10100110\r\nUniqueid: {number}.1\r\n"
         "Linkedid: {number}.1\r\nQueue: dagpenge\r\n\r\n")


class Bench:
    """One run."""

    def __init__(self, server: AmiServer, running: Slmon, port: int) -> None:
        self._server, self._running, self._port = server, running, port
        self._number = 0
        self.answers: Counter[str] = Counter()

    async def sample(self, samples: int) -> list[float]:
        """Milliseconds from the event to the board, each time."""
        found = []
        async with self._running.stream() as figures:
            before = await anext(figures)
            for _ in range(samples):
                began = time.perf_counter()
                self._ring_in()
                while len((now := await anext(figures))["waiting"]) <= len(before["waiting"]):
                    pass
                found.append((time.perf_counter() - began) * 1000)
                before = now
                await asyncio.sleep(0.3)                 # the board is drawn at most four times a second
        return found

    def _ring_in(self) -> None:
        self._number += 1
        seconds, micros = divmod(host_now(), SECOND)
        self._server.send("".join(EVENT.format(name=name, at=f"{seconds}.{micros:06}", number=self._number)
                                  for name in ("Newchannel", "QueueCallerJoin")).encode())

    async def flood(self, browsers: int) -> None:
        """One connection after another; all stay open for as long as they are let."""
        writers: list[asyncio.StreamWriter] = []
        for number in range(browsers):
            with contextlib.suppress(OSError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(b"GET /stream/alle HTTP/1.1\r\nHost: localhost\r\n" + b"\r\n" * bool(number % 10))
                writers.append(writer)
                if number % 100 == 0:
                    with contextlib.suppress(asyncio.TimeoutError, OSError):
                        async with asyncio.timeout(1):
                            self.answers[(await reader.read(12))[9:12].decode() or "closed"] += 1
            if len(writers) > 800:
                writers.pop(0).transport.abort()
        for writer in writers:
            writer.transport.abort()

    async def scrapes(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                await reader.read(-1)
                writer.close()
            await asyncio.sleep(0.01)


def said(name: str, times: list[float]) -> float:
    """Print a line; the 99th percentile."""
    worst = quantiles(times, n=100)[98]
    print(f"{name:10} {len(times):4} events: median {median(times):7.1f} ms, 99th percentile {worst:7.1f} ms")
    return worst


async def run(browsers: int, samples: int) -> None:
    """Measure and print."""
    day = LiveDay(1, host_now(), Rate(1e-9), desks=False)
    with tempfile.TemporaryDirectory() as folder:
        async with AmiServer(day, {"slmon": Account(SECRET)}) as server, \
                slmon("run", "--config", configured(Path(folder), server.port)) as running:
            async def up() -> float:
                return (await running.metrics())["slmon_pbx_up"]
            await until(up, 1.0)
            port = int((await running.address()).rstrip("/").rpartition(":")[2])
            bench = Bench(server, running, port)
            quiet = await bench.sample(samples)
            flood = asyncio.create_task(bench.flood(browsers))
            scrapes = asyncio.create_task(bench.scrapes())
            flooded = await bench.sample(samples)
            scrapes.cancel()
            rest = flood.done()
            await flood
            metrics = await running.metrics()
    one, two = said("quiet", quiet), said("flood", flooded)
    print(f"{browsers:,} browsers (over before the last sample: {rest}); of every hundredth: "
          f"{dict(bench.answers)}; reconnects of the PBX's link: {metrics['slmon_pbx_reconnects_total']:.0f}")
    print(f"the flood costs {median(flooded) - median(quiet):+.1f} ms in the median, {two - one:+.1f} ms at the 99th "
          "percentile")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--browsers", type=int, default=10_000)
    parser.add_argument("--samples", type=int, default=60)
    words = parser.parse_args()
    asyncio.run(run(words.browsers, words.samples))


if __name__ == "__main__":
    main()
