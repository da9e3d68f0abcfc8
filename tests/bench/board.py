"""How soon a caseworker sees what the PBX told: from an event on the wire to changed text in a real Chromium.

    python tests/bench/board.py [--boards 200] [--events 1000] [--probes 100]

A simulated PBX tells so many events a second, in calls of twenty, while so many boards are open; one of them is a real
browser's, of a quiet queue's view. Into that queue members ring and hang up, one at a time: each is a sample, from just
before the event is written to the moment the text has changed. Beside it stands a forwarder that parses nothing: the
bytes it reads it writes to every page as they come, and the page looks for the queue's name. It is measured with all
the boards open, and with the one alone, which is what wire and browser cost by themselves.
"""

import argparse
import asyncio
import contextlib
import math
import multiprocessing
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiohttp import web
from playwright.async_api import Page, async_playwright

sys.path.insert(0, str(Path(__file__).parents[1]))

from running import SECRET, configured, host_now, slmon, until

from slmon.simulator.channels import Channel
from slmon.simulator.pbx import Pbx
from slmon.simulator.plan import Rate
from slmon.simulator.server import Account, AmiServer, LiveDay
from slmon.web.server import serve

QUEUE, VIEW = "efterløn", "efterloen"      # the quiet one
TICK_SECONDS = 0.01
MARK = 250.0                                # milliseconds that the 99th percentile must stay under
HOLDS = 7                                   # a call's events: 6, and two for each hold
FORWARDED = """<!doctype html><title>forwarder</title><p id="mood">-</p><script>
new EventSource("/stream/efterloen").onmessage = ({ data }) => {
  const at = data.lastIndexOf("Queue: efterl");
  if (at < 0) return;
  const event = data.slice(data.lastIndexOf("Event: ", at), at);
  document.getElementById("mood").textContent = event.startsWith("Event: QueueCallerJoin") ? "waiting" : "nobody";
};</script>"""
WATCH = """() => { window.turns = []; const mood = document.getElementById('mood');
  new MutationObserver(() => turns.push([performance.timeOrigin + performance.now(), mood.textContent]))
    .observe(mood, { childList: true, characterData: true, subtree: true }); }"""


class Load:
    """Calls one after another in another queue: in, held and taken back some times, and gone."""

    def __init__(self, pbx: Pbx) -> None:
        self._pbx = pbx
        self._events = self._endless()
        self.told = 0

    def _endless(self) -> Iterator[None]:
        pbx = self._pbx
        while True:
            member = pbx.channel("PJSIP/trunk", 4, "70200100", "from-trunk", "10100110")
            yield
            caller = pbx.join("dagpenge", member)
            yield
            for _ in range(HOLDS):
                pbx.hold(member, True)
                yield
                pbx.hold(member, False)
                yield
            pbx.abandon("dagpenge", caller)
            yield
            pbx.leave_queue("dagpenge", caller)
            yield
            pbx.hangup_request(member)
            yield
            pbx.hangup(member)
            yield

    async def run(self, a_second: float) -> None:
        """Tell so many events a second, for ever."""
        began = time.monotonic()
        while True:
            while self.told < (time.monotonic() - began) * a_second:
                next(self._events)
                self.told += 1
            await asyncio.sleep(TICK_SECONDS)


def open_boards(port: int, count: int) -> None:
    """Open streams and read them for ever: a process of its own."""
    async def board() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /stream/alle HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        while await reader.read(1 << 20):
            pass

    async def boards() -> None:
        await asyncio.gather(*(board() for _ in range(count)))

    asyncio.run(boards())


@contextlib.contextmanager
def boards_open(address: str, count: int) -> Iterator[None]:
    """So many boards in another process."""
    reading = multiprocessing.get_context("spawn").Process(
        target=open_boards, args=(int(address.rstrip("/").rpartition(":")[2]), count), daemon=True)
    reading.start()
    yield
    reading.terminate()
    reading.join()


@contextlib.asynccontextmanager
async def forwarder(pbx_port: int) -> AsyncIterator[str]:
    """What the PBX says, to every page that listens; nothing is looked at."""
    pages: set[web.StreamResponse] = set()

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        pages.add(response)
        await asyncio.Event().wait()
        return response

    async def page(_: web.Request) -> web.Response:
        return web.Response(text=FORWARDED, content_type="text/html")

    async def forward() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", pbx_port)
        writer.write(f"Action: Login\r\nUsername: slmon\r\nSecret: {SECRET}\r\n\r\n".encode())
        while said := await reader.read(65536):
            event = b"data: " + said.replace(b"\r\n", b"\ndata: ") + b"\n\n"
            for each in list(pages):
                try:
                    await each.write(event)
                except ConnectionResetError:
                    pages.discard(each)

    app = web.Application()
    app.router.add_get("/stream/{view}", stream)
    app.router.add_get("/", page)
    forwarding = asyncio.create_task(forward())
    async with serve(app, "127.0.0.1", 0) as url:
        yield url
    forwarding.cancel()


def forward_for_ever(pbx_port: int, said: "multiprocessing.Queue[str]") -> None:
    """The forwarder as a process of its own, as slmon is."""
    async def run() -> None:
        async with forwarder(pbx_port) as url:
            said.put(url)
            await asyncio.Event().wait()

    asyncio.run(run())


@contextlib.contextmanager
def forwarder_process(pbx_port: int) -> Iterator[str]:
    """The forwarder's address, while it runs."""
    context = multiprocessing.get_context("spawn")
    said = context.Queue()
    process = context.Process(target=forward_for_ever, args=(pbx_port, said), daemon=True)
    process.start()
    yield said.get(timeout=30)
    process.terminate()
    process.join()


async def sampled(page: Page, pbx: Pbx, probes: int) -> list[float]:
    """Milliseconds from each probe's event to the text that it changed."""
    await page.evaluate(WATCH)
    milliseconds: list[float] = []
    for _ in range(probes):
        member = pbx.channel("PJSIP/trunk", 4, "70200101", "from-trunk", "10100130")
        milliseconds.append(await _changed(page, partial(pbx.join, QUEUE, member)))
        milliseconds.append(await _changed(page, partial(_go, pbx, member)))
    return milliseconds


def _go(pbx: Pbx, member: Channel) -> None:
    pbx.leave_queue(QUEUE, pbx.queues[QUEUE].callers[0])
    pbx.hangup_request(member)
    pbx.hangup(member)


async def _changed(page: Page, tell: Callable[[], object]) -> float:
    await asyncio.sleep(random.uniform(0.3, 0.7))         # in step with nothing
    known = len(await page.evaluate("turns"))
    at = time.time() * 1000
    tell()
    await until(lambda: _more_than(page, known))
    return float((await page.evaluate("turns"))[known][0]) - at


async def _more_than(page: Page, known: int) -> bool:
    return len(await page.evaluate("turns")) > known


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; milliseconds."""

    name: str
    boards: int
    found: list[float]          # sorted

    @property
    def median(self) -> float:
        """Half are quicker."""
        return statistics.median(self.found)

    @property
    def p99(self) -> float:
        """One of a hundred is slower."""
        return self.found[max(0, math.ceil(len(self.found) * 0.99) - 1)]

    def __str__(self) -> str:
        """As it is printed."""
        return (f"{self.name:24s} {self.boards:4d} boards   median {self.median:7.1f}   p99 {self.p99:7.1f}   "
                f"most {self.found[-1]:7.1f}   of {len(self.found)} samples")


async def measure(name: str, url: str, page_path: str, pbx: Pbx, boards: int, probes: int) -> Row:
    """Open the boards, and probe."""
    with boards_open(url, boards - 1):
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = await browser.new_page(viewport={"width": 1920, "height": 1080})
            await page.goto(url + page_path)
            await asyncio.sleep(5)                        # all are open, and the demo of a start is over
            found = sorted(await sampled(page, pbx, probes))
            await browser.close()
    return Row(name, boards, found)


async def run(boards: int, events: float, probes: int) -> None:
    """Print the table."""
    day = LiveDay(4, host_now(), Rate(1e-9, host_now()), desks=False)
    async with AmiServer(day, {"slmon": Account(SECRET)}) as server:
        load = Load(day.pbx)
        loading = asyncio.create_task(load.run(events))
        began = time.monotonic()
        rows = []
        with tempfile.TemporaryDirectory() as folder:
            async with slmon("run", "--config", configured(Path(folder), server.port)) as running:
                rows.append(await measure("slmon", await running.address(), f"board/{VIEW}", day.pbx, boards, probes))
        for count in (boards, 1):
            with forwarder_process(server.port) as url:
                rows.append(await measure("forwarder, no parsing", url, "", day.pbx, count, probes))
        told = load.told / (time.monotonic() - began)
        loading.cancel()
    print(f"{told:,.0f} events/s on the wire; from event to changed text in Chromium, milliseconds")
    print(*rows, sep="\n")
    ours, theirs = rows[0], rows[1]
    print(f"slmon to the forwarder with as many boards: median {ours.median / theirs.median:.1f} times, "
          f"p99 {ours.p99 / theirs.p99:.1f} times; p99 {'under' if ours.p99 < MARK else 'NOT UNDER'} {MARK:.0f} ms")


def main() -> None:
    """Read the words."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--boards", type=int, default=200)
    parser.add_argument("--events", type=float, default=1000.0)
    parser.add_argument("--probes", type=int, default=100)
    words = parser.parse_args()
    asyncio.run(run(words.boards, words.events, words.probes))


if __name__ == "__main__":
    main()
