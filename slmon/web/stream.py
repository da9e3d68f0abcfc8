"""Push each view's newest picture to its browsers. Knows sockets and time, not what is in a picture.

A picture is encoded once and written to all; a browser that is behind gets the newest when it has caught up,
never what it missed. Chunks are framed here: going through the response's own writer costs twice the time.
"""

import asyncio
import contextlib
import socket
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog
from aiohttp import web

from slmon.web.door import give_up_after

BEAT_SECONDS = 2.0          # so often at least a browser hears something; it calls itself stale after 6
COALESCE_SECONDS = 0.1      # a view at once when it was quiet, then at most so often
LOOK_SECONDS = 0.01         # so long at least from one look at all views to the next
LOOKING_SHARE = 5.0         # and so many times as long as a look worked, up to COALESCE_SECONDS, where views are many
BEHIND_SECONDS = 10.0       # a browser that reads nothing for so long is dropped
SEND_BUFFER = 64 * 1024     # what the kernel may hold for a browser that does not read: some tens of pictures
RIGHT_SECONDS = 30.0        # so often a stream is asked whether it still may: a login ends, a kiosk's last day passes
OF_ONE_ADDRESS = 100        # boards that one house may have open, whatever proxy it comes through
BATCH = 250                 # browsers written to before the event loop gets its turn

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Picture:
    """What a view shows, encoded. `drawn` tells whether anything but the time changed."""

    drawn: bytes
    event: bytes


class TooManyBrowsers(Exception):
    """A cap is reached: of all "boards", or of those of one "address"."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(eq=False, slots=True)
class Browser:
    """One open stream."""

    transport: asyncio.Transport
    gone: asyncio.Future[None]
    chunked: bool = True
    listening: bool = False            # the head of the response is sent
    behind_since: float | None = None

    def offer(self, event: bytes, now: float) -> None:
        """Write the event unless the browser has not read the last one; drop it when that lasts too long."""
        if self.transport.is_closing():
            self.leave()
        elif not self.listening:
            return
        elif self.transport.get_write_buffer_size() == 0:
            self.behind_since = None
            self.transport.write(_chunk(event) if self.chunked else event)
        elif self.behind_since is None:
            self.behind_since = now
        elif now - self.behind_since >= BEHIND_SECONDS:
            self.transport.abort()
            self.leave()

    def leave(self) -> None:
        """End the stream's request."""
        if not self.gone.done():
            self.gone.set_result(None)


@dataclass(slots=True)
class _Audience:
    browsers: set[Browser] = field(default_factory=set)
    drawn: bytes = b""
    sent_at: float = float("-inf")
    greeting: bytes = b""              # what a browser that just came is sent
    greeting_at: float = float("-inf")


class Streams:
    """The open boards of all views, and the one task that feeds them."""

    def __init__(self, draw: Callable[[str], Picture], changed: asyncio.Event, at_most: int) -> None:
        self._draw = draw
        self._changed = changed
        self._at_most = at_most
        self._audiences: dict[str, _Audience] = {}
        self._of: Counter[str] = Counter()          # browsers by whose they are
        self._failing: set[str] = set()
        self._closed = False

    @property
    def open(self) -> int:
        """How many boards are open."""
        return sum(len(audience.browsers) for audience in self._audiences.values())

    def open_by_view(self) -> dict[str, int]:
        """How many boards of each view are open; views without any are left out."""
        return {view: len(audience.browsers) for view, audience in self._audiences.items()}

    async def feed(self) -> None:
        """Send pictures for ever: of a view at once after quiet, then coalesced, and a beat when nothing changes."""
        look_within = BEAT_SECONDS
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(look_within):
                    await self._changed.wait()
            self._changed.clear()
            began = time.thread_time()          # work, not the time that a busy machine makes us wait
            shown = [await self._send(view) for view in list(self._audiences)]
            look_within = BEAT_SECONDS if all(shown) else COALESCE_SECONDS
            worked = time.thread_time() - began
            await asyncio.sleep(min(COALESCE_SECONDS, max(LOOK_SECONDS, LOOKING_SHARE * worked)))

    async def follow(self, view: str, request: web.Request, whose: str = "",
                     may_stay: Callable[[], bool] = lambda: True) -> web.StreamResponse:
        """Stream the view to a browser until it leaves, may not stay or the house closes. `whose`; "": anybody's.

        Raises TooManyBrowsers at a cap.
        """
        transport = request.transport
        if self._closed or self.open >= self._at_most or transport is None:
            raise TooManyBrowsers("boards")
        if whose and self._of[whose] >= OF_ONE_ADDRESS:
            raise TooManyBrowsers("address")
        response = web.StreamResponse(headers={
            "Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        browser = Browser(transport, asyncio.get_running_loop().create_future())
        audience = self._audiences.setdefault(view, _Audience())
        audience.browsers.add(browser)
        self._of[whose] += 1
        try:
            _bound_kernel_buffers(transport)
            await response.prepare(request)
            browser.chunked = "Transfer-Encoding" in response.headers
            await response.write(self._greeting(view, audience))   # takes the headers with it
            browser.listening = True
            while not browser.gone.done():
                await asyncio.wait([browser.gone], timeout=RIGHT_SECONDS)
                if not may_stay():
                    browser.leave()
        except ConnectionResetError:
            pass   # a closed tab, not an error
        finally:
            audience.browsers.discard(browser)
            self._of[whose] -= 1
            if not self._of[whose]:
                del self._of[whose]
            if not audience.browsers and self._audiences.get(view) is audience:
                del self._audiences[view]
        return response

    def close(self) -> None:
        """End every stream now and take no new one."""
        self._closed = True
        for audience in self._audiences.values():
            for browser in list(audience.browsers):
                browser.leave()

    async def _send(self, view: str) -> bool:
        """Send the view's picture if it is news. False: it was sent a moment ago, look again soon."""
        audience = self._audiences.get(view)
        if audience is None or not audience.browsers:
            return True
        now = asyncio.get_running_loop().time()
        if now - audience.sent_at < COALESCE_SECONDS:
            return False
        picture = self._drawn(view)
        if picture is None or (picture.drawn == audience.drawn and now - audience.sent_at < BEAT_SECONDS):
            return True
        audience.drawn, audience.sent_at = picture.drawn, now
        for index, browser in enumerate(list(audience.browsers)):
            browser.offer(picture.event, now)
            if index % BATCH == BATCH - 1:
                await asyncio.sleep(0)
        return True

    def _greeting(self, view: str, audience: _Audience) -> bytes:
        now = asyncio.get_running_loop().time()
        if now - audience.greeting_at >= COALESCE_SECONDS:   # a storm of new browsers costs one picture
            picture = self._drawn(view)
            audience.greeting = b": no picture yet\n\n" if picture is None else picture.event
            audience.greeting_at = now
        return audience.greeting

    def _drawn(self, view: str) -> Picture | None:
        try:
            picture = self._draw(view)
        except Exception:
            # Without a beat its browsers call themselves stale, which is true; the other views go on.
            if view not in self._failing:
                self._failing.add(view)
                log.exception("no picture of a view", view=view)
            return None
        self._failing.discard(view)
        return picture


def _chunk(event: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(event), event)


def _bound_kernel_buffers(transport: asyncio.Transport) -> None:
    sock = transport.get_extra_info("socket")
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
    give_up_after(transport, BEHIND_SECONDS)
