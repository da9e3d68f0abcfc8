"""What the tests of a link stand on: a simulated PBX on a port, a link that is followed, a proxy that stalls."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field

from slmon.ami.connect import PbxAccess
from slmon.ami.link import Link
from slmon.ami.state import LinkState, LinkStatus
from slmon.ami.timing import Timing
from slmon.core.events import Event
from slmon.core.instant import Instant
from slmon.simulator.plan import Rate
from slmon.simulator.server import Account, AmiServer, LiveDay, running_day

NOON: Instant = 1_795_417_130_000_000
SECRET = "rigtig-hemmelig"
ACCOUNTS = {"slmon": Account(SECRET), "blind": Account(SECRET, reporting=False),
            "caller": Account(SECRET, originate=True),
            "deaf": Account(SECRET, read=frozenset({"agent"})), "queueless": Account(SECRET, read=frozenset({"call"})),
            "all": Account(SECRET, read=frozenset({"system", "call", "agent", "dialplan", "user", "dtmf"}))}

QUICK = Timing(connect=2.0, banner=0.4, action=2.0, ping_every=0.1, silence=3.0, patience=30.0, reread=0.05,
               count_every=0.1, look_around=0.2, quick=(0.02, 0.1), slow=(0.02, 0.1), relist=(0.02, 0.1))


def busy_pbx(speed: float = 1.0) -> AmiServer:
    """A PBX in the middle of its day."""
    return AmiServer(running_day(7, NOON), ACCOUNTS, speed=speed)


def idle_pbx(**options: object) -> AmiServer:
    """A PBX on which nobody rings."""
    day = LiveDay(7, NOON, Rate(1e-9, NOON), desks=False)
    return AmiServer(day, ACCOUNTS, **options)   # type: ignore[arg-type]


@dataclass(eq=False)
class Followed:
    """A link that runs, and all it said."""

    link: Link
    events: list[Event] = field(default_factory=list)
    states: list[LinkState] = field(default_factory=list)
    read: bytearray = field(default_factory=bytearray)
    read_at: float = 0.0                                      # the last of it, by the loop's clock
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def until(self, holds: Callable[[], object], seconds: float = 20.0) -> None:
        """Wait until something holds; it is looked at whenever the link says something."""
        async with asyncio.timeout(seconds):
            while not holds():
                self.changed.clear()
                await self.changed.wait()

    async def until_status(self, status: LinkStatus) -> LinkState:
        """Wait until the link stands so."""
        await self.until(lambda: self.link.state.status is status)
        return self.link.state

    def of(self, kind: type[Event]) -> list[Event]:
        """The events of one kind, so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def note(self, said: object) -> None:
        """Something was said."""
        if isinstance(said, list):
            self.events += said
        elif isinstance(said, bytes):
            self.read += said
            self.read_at = asyncio.get_running_loop().time()
        elif isinstance(said, LinkState):
            self.states.append(said)
        self.changed.set()


def access(port: int, username: str = "slmon", secret: str = SECRET, **others: object) -> PbxAccess:
    """How to log in to a simulated PBX."""
    return PbxAccess("pbx1", "127.0.0.1", port, username, secret, **others)   # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def following(to: PbxAccess, timing: Timing = QUICK) -> AsyncIterator[Followed]:
    """A link that runs for as long as the test looks at it."""
    followed = Followed(None)   # type: ignore[arg-type]
    followed.link = Link(to, followed.note, followed.note, followed.note, timing,
                         asyncio.get_running_loop().time)
    running = asyncio.create_task(followed.link.run())
    try:
        yield followed
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running


class Proxy:
    """Passes bytes between a link and a PBX, until told to hold them."""

    def __init__(self, port: int) -> None:
        self._to = port
        self._open = asyncio.Event()
        self._open.set()
        self._back = asyncio.Event()
        self._back.set()
        self._writers: list[asyncio.StreamWriter] = []
        self.seconds_a_kib = 0.0
        self.connections = 0
        self.port = 0

    def stall(self) -> None:
        """From now on nothing comes through, and nobody is told."""
        self._open.clear()
        self._back.clear()

    def stall_back(self) -> None:
        """From now on nothing of what the PBX says comes through."""
        self._back.clear()

    def flow(self) -> None:
        """What was held goes on."""
        self._open.set()
        self._back.set()

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        except OSError:
            writer.transport.abort()               # no PBX there
            return
        self._writers += [writer, far_writer]
        ways = [asyncio.create_task(self._pass(reader, far_writer, self._open)),
                asyncio.create_task(self._pass(far_reader, writer, self._back))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:                       # one end is gone, so the other has nobody to talk to
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.transport.abort()
            far_writer.transport.abort()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, is_open: asyncio.Event) -> None:
        while data := await reader.read(1024 if self.seconds_a_kib else 65536):
            await is_open.wait()
            await asyncio.sleep(self.seconds_a_kib * len(data) / 1024)
            writer.write(data)
        writer.close()


@contextlib.asynccontextmanager
async def port_that_says(said: bytes) -> AsyncIterator[tuple[int, bytearray]]:
    """A port with something else behind it: what it says on connecting, and what it was told."""
    told = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        while data := await reader.read(4096):
            told.extend(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], told
    finally:
        server.close()


def frames(stream: bytes) -> Iterator[dict[str, str]]:
    """The messages of a stream, header by header, for tests that look at the wire."""
    for frame in stream.decode().split("\r\n\r\n"):
        headers = dict(line.split(": ", 1) for line in frame.split("\r\n") if ": " in line)
        if headers:
            yield headers
