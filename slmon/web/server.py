"""Listen on an address and serve an application there. Knows sockets and limits; knows no page."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestPayloadError

from slmon.web.door import Doorkeeper, Limits, limits_for

IDLE_SECONDS = 30.0            # between two questions of a connection
ACCEPTED_AT_ONCE = 10          # connections a turn of the loop; a storm of them must not keep the PBX's events waiting
WAITING_AT_MOST = 1024         # that the kernel holds until they are accepted
UNREAD_BODY_SECONDS = 0.2      # a body that nobody wants is drained so long, that its sender may read the answer


@contextlib.asynccontextmanager
async def serve(app: web.Application, host: str, port: int, limits: Limits | None = None,
                refused: Callable[[str], None] = lambda why: None) -> AsyncIterator[str]:
    """Serve while the context lasts; yields the address, with the real port where `port` is 0.

    `refused` is told why, for each connection that is sent away. Raises OSError when the address is taken or not ours.
    """
    loop = asyncio.get_running_loop()
    runner = web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    listening: asyncio.Server | None = None
    try:
        assert runner.server is not None
        server = runner.server
        door = Doorkeeper(lambda: _Conversation(server, loop, refused), limits or limits_for(500), refused)
        listening = await loop.create_server(door, host, port, reuse_address=True, backlog=ACCEPTED_AT_ONCE)
        _let_wait(listening)
        at = listening.sockets[0].getsockname()
        yield f"http://{'[' + at[0] + ']' if ':' in at[0] else at[0]}:{at[1]}/"
    finally:
        if listening is not None:
            listening.close()
        await runner.cleanup()


def _let_wait(listening: asyncio.Server) -> None:
    """Let the kernel hold more connections than the loop accepts at once; asyncio has one number for both."""
    if sys.platform != "win32":                # whose loop accepts one at a time
        for each in listening.sockets:
            with socket.fromfd(each.fileno(), each.family, each.type) as same:
                same.listen(WAITING_AT_MOST)


class _Conversation(web.RequestHandler):
    """One connection. Of what is no HTTP neither log nor answer tells: it may hold a cookie or a kiosk's address."""

    __slots__ = ("_refused",)

    def __init__(self, server: web.Server, loop: asyncio.AbstractEventLoop, refused: Callable[[str], None]) -> None:
        super().__init__(server, loop=loop, access_log=None, keepalive_timeout=IDLE_SECONDS,  # type: ignore[arg-type]
                         lingering_time=UNREAD_BODY_SECONDS, auto_decompress=False)
        self._refused = refused

    def handle_error(self, request: web.BaseRequest, status: int = 500, exc: BaseException | None = None,
                     message: str | None = None) -> web.StreamResponse:
        if not isinstance(exc, HttpProcessingError | ConnectionError):
            return super().handle_error(request, status, exc, message)
        if isinstance(exc, HttpProcessingError):       # else who asked has gone, which is no error
            self._refused("malformed")
        answer = web.Response(status=400, text="slmon did not understand this request.\n", headers={"Server": "slmon"})
        answer.force_close()
        return answer

    def log_exception(self, *words: Any, **more: Any) -> None:
        if not isinstance(more.get("exc_info"), RequestPayloadError):
            super().log_exception(*words, **more)
