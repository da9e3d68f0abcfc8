"""Let connections in: so many at most, of one address fewer, and none that keeps its question back. Knows no page.

A connection that is one too many is told to come back later, and gets no further; one that does not say whom it wants
in time is closed, and so is one that takes none of its answer. aiohttp has no limit on these.
"""

import asyncio
import contextlib
import random
import socket
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from slmon.addresses import is_loopback, network_of
from slmon.web.memory import MemoryRoom

try:
    import resource
except ImportError:                        # Windows
    resource = None                        # type: ignore[assignment]

HEADER_SECONDS = 10.0      # from connecting to the end of the first headers
UNREAD_SECONDS = 30.0      # so long an answer may lie in the kernel with nothing of it taken
SPARE_FILES = 128          # for the PBXes, the database, its logs
SPARE_BYTES = 32 << 20     # of memory, likewise
PARTING_SECONDS = 1.0
PARTING_AT_MOST = 50       # more than these at once are not told why
OTHERS = 200               # connections besides boards


@dataclass(frozen=True, slots=True)
class Limits:
    """Connections at once. `trusted` addresses stand for many people: only the whole counts for them."""

    at_most: int
    of_one_address: int = 100
    header_seconds: float = HEADER_SECONDS
    unread_seconds: float = UNREAD_SECONDS
    trusted: Callable[[str], bool] = lambda address: False


def limits_for(boards: int, trusted: Callable[[str], bool] = lambda address: False) -> Limits:
    """So that this many boards can be open, and the files of this process still suffice for the rest."""
    wanted = boards + OTHERS
    if resource is not None:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft != resource.RLIM_INFINITY:
            wanted = min(wanted, max(soft - SPARE_FILES, 10))
    return Limits(wanted, trusted=trusted)


class Doorkeeper:
    """Makes the protocol of each connection: the house's own, behind a door."""

    def __init__(self, inside: Callable[[], asyncio.Protocol], limits: Limits,
                 refused: Callable[[str], None] = lambda why: None) -> None:
        """`refused` is told why, for each connection that is sent away."""
        self.limits = limits
        self._inside = inside
        self._refused = refused
        self._room = MemoryRoom()
        self._of: Counter[str] = Counter()
        self.parting = 0                       # connections that are being told to go

    def __call__(self) -> asyncio.Protocol:
        """A door for a connection that is about to come."""
        return _Door(self)

    @property
    def open(self) -> int:
        """How many connections there are."""
        return self._of.total()

    def enter(self, address: str) -> asyncio.Protocol | None:
        """The room behind the door; None: one too many."""
        alone = not self.limits.trusted(address) and not is_loopback(address)
        if self.open >= self.limits.at_most:
            self._refused("connections")
            return None
        left = self._room.left()
        if left is not None and left < SPARE_BYTES:            # Python without memory ends anywhere, calls and all
            self._refused("memory")
            return None
        whose = network_of(address)
        if alone and self._of[whose] >= self.limits.of_one_address:
            self._refused("address")
            return None
        self._of[whose] += 1
        return self._inside()

    def slow(self) -> None:
        """A connection kept its question back."""
        self._refused("slow")

    def left(self, address: str) -> None:
        """A connection is gone."""
        whose = network_of(address)
        self._of[whose] -= 1
        if self._of[whose] <= 0:
            del self._of[whose]


class _Door(asyncio.Protocol):
    """Passes everything through; closes when the first headers take too long."""

    def __init__(self, keeper: Doorkeeper) -> None:
        self._keeper = keeper
        self._inner: asyncio.Protocol | None = None
        self._address = ""
        self._patience: asyncio.TimerHandle | None = None
        self._tail = b""
        self._parts = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        peer = transport.get_extra_info("peername")
        self._address = str(peer[0]) if peer else ""
        self._inner = self._keeper.enter(self._address)
        if self._inner is None:
            self._send_away(transport)
            return
        self._patience = asyncio.get_running_loop().call_later(
            self._keeper.limits.header_seconds, self._too_slow, transport)
        give_up_after(transport, self._keeper.limits.unread_seconds)
        self._inner.connection_made(transport)

    def _send_away(self, transport: asyncio.Transport) -> None:
        """Say why, and give time to read it: a connection closed on an unread question is reset, and nothing read."""
        if self._keeper.parting >= PARTING_AT_MOST:
            transport.abort()
            return
        self._keeper.parting += 1
        self._parts = True
        transport.write(_come_back_later())
        transport.write_eof()
        self._patience = asyncio.get_running_loop().call_later(PARTING_SECONDS, transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._inner is None:
            return                             # what is asked is not read
        if self._patience is not None:
            seen = self._tail + data
            self._tail = seen[-3:]
            if b"\r\n\r\n" in seen or b"\n\n" in seen:
                self._patience.cancel()
                self._patience = None
        self._inner.data_received(data)

    def eof_received(self) -> bool | None:
        return None if self._inner is None else self._inner.eof_received()

    def pause_writing(self) -> None:
        if self._inner is not None:
            self._inner.pause_writing()

    def resume_writing(self) -> None:
        if self._inner is not None:
            self._inner.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._keeper.parting -= self._parts
        if self._inner is not None:
            self._keeper.left(self._address)
            self._inner.connection_lost(exc)

    def _too_slow(self, transport: asyncio.Transport) -> None:
        self._patience = None
        self._keeper.slow()
        transport.abort()


def give_up_after(transport: asyncio.Transport, seconds: float) -> None:
    """Let the kernel end the connection when for so long nothing that was sent is taken: gone, asleep, or not reading.

    Linux only; a window that stays shut counts too, see `tcp(7)`, TCP_USER_TIMEOUT.
    """
    sock = transport.get_extra_info("socket")
    if sock is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(seconds * 1000))


def _come_back_later() -> bytes:
    text = b"Too many connections.\n"
    return (b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: %d\r\nContent-Type: text/plain; charset=utf-8\r\n"
            b"Content-Length: %d\r\nConnection: close\r\n\r\n%b" % (random.randint(5, 20), len(text), text))
