"""What the tests of whole processes stand on: slmon as people start it, what it says, and its pages."""

import asyncio
import contextlib
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from slmon.core.instant import Instant, from_datetime
from slmon.simulator.house import config_text

SECRET = "rigtig-hemmelig-kode"
DEADLINE_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.05


def host_now() -> Instant:
    """The host's clock."""
    return from_datetime(datetime.now(UTC))


async def until(found: Callable[[], Awaitable[Any]], wanted: object = True, seconds: float = DEADLINE_SECONDS) -> None:
    """Look again and again until what is found is what is wanted; at the deadline the difference is the failure."""
    last = None
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (last := await found()) != wanted:   # noqa: ASYNC110 (another process sets no event)
                await asyncio.sleep(LOOK_EVERY_SECONDS)
    assert last == wanted, f"in the end it was {last!r}, not {wanted!r}"


class Slmon:
    """A process of slmon, and a browser of our own to look at it with."""

    def __init__(self, process: asyncio.subprocess.Process, web: aiohttp.ClientSession) -> None:
        self._web = web
        self.process = process
        self.said = ""
        self._since = 0
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stdout is not None
        while part := await self.process.stdout.read(65536):
            self.said += part.decode()

    async def address(self) -> str:
        """Where it says its wallboard is."""
        async def found() -> bool:
            return self._address() is not None or self.process.returncode is not None
        await until(found)
        address = self._address()
        assert address is not None, f"no address; it said: {self.said}"
        return address

    def _address(self) -> str | None:
        match = re.search(r"http://127\.0\.0\.1:[0-9]+/", self.said[self._since:])
        return match[0] if match else None

    def forget_address(self) -> None:
        """It has started anew in its own place: what it says last counts."""
        self._since = self.said.rindex("\n", 0, self.said.rindex("slmon is up"))

    async def page(self, path: str) -> tuple[int, str]:
        """Status and text of a page."""
        async with self._web.get(await self.address() + path) as response:
            return response.status, await response.text()

    async def metrics(self) -> Counter[str]:
        """Each metric, summed over its children; those with a kind of their own by that too."""
        _, text = await self.page("metrics")
        sums: Counter[str] = Counter()
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                sums[sample.name] += sample.value
                for label in ("outcome", "verdict", "kind"):
                    if label in sample.labels:
                        sums[f"{sample.name} {sample.labels[label]}"] += sample.value
        return sums

    @contextlib.asynccontextmanager
    async def stream(self, view: str = "alle") -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """An open board: its figures as they come."""
        async with self._web.get(await self.address() + f"stream/{view}") as response:
            yield _figures(response.content)

    async def board(self, view: str = "alle") -> dict[str, Any]:
        """What a board that opens now is told first."""
        async with self.stream(view) as figures:
            return await anext(figures)

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self.process.send_signal(number)

    async def ended(self, seconds: float = DEADLINE_SECONDS) -> int:
        """Wait for its end; the exit code."""
        async with asyncio.timeout(seconds):
            code = await self.process.wait()
            await self._reading
        return code


async def _figures(content: aiohttp.StreamReader) -> AsyncIterator[dict[str, Any]]:
    async for line in content:
        if line.startswith(b"data: "):
            yield json.loads(line[6:])["figures"]


def slmon(*arguments: object, **environment: str) -> contextlib.AbstractAsyncContextManager[Slmon]:
    """`slmon <arguments>`, ended at the latest when the context ends."""
    return python("-m", "slmon", *arguments, **environment)


@contextlib.asynccontextmanager
async def python(*arguments: object, **environment: str) -> AsyncIterator[Slmon]:
    """The same of any program that says its address as slmon does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, *map(str, arguments), stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, env={**os.environ, **environment})
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE_SECONDS)) as web:
        running = Slmon(process, web)
        try:
            yield running
        finally:
            if process.returncode is None:
                process.terminate()
            with contextlib.suppress(TimeoutError):
                await running.ended(seconds=10)
            if process.returncode is None:
                process.kill()
                await running.ended()


def configured(folder: Path, port: int, more: str = "") -> Path:
    """A slmon.toml of the simulated house in the folder; it is noon there, so no test runs over midnight."""
    text = config_text("127.0.0.1", port, "slmon", SECRET).replace("Europe/Copenhagen", zone_where_it_is_noon())
    path = folder / "slmon.toml"
    path.write_text(f'{text}\n[web]\nlisten = "127.0.0.1:0"\n{more}', encoding="utf-8")
    return path


def zone_where_it_is_noon() -> str:
    """The time zone in which it is between twelve and one now."""
    ahead = 12 - datetime.now(UTC).hour
    return f"Etc/GMT{-ahead:+d}" if ahead else "Etc/GMT"          # Etc/GMT-2 is two hours ahead of Greenwich


def lines_with(words: str, said: str) -> list[str]:
    """The lines that hold these words."""
    return [line for line in said.splitlines() if words in line]
