"""Listen on an address and serve an application there. Knows sockets and limits; knows no page."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from aiohttp import web

from slmon.web.door import Doorkeeper, Limits, limits_for


@contextlib.asynccontextmanager
async def serve(app: web.Application, host: str, port: int, limits: Limits | None = None,
                refused: Callable[[str], None] = lambda why: None) -> AsyncIterator[str]:
    """Serve while the context lasts; yields the address, with the real port where `port` is 0.

    `refused` is told why, for each connection that is sent away. Raises OSError when the address is taken or not ours.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=30.0)
    await runner.setup()
    listening: asyncio.Server | None = None
    try:
        assert runner.server is not None
        door = Doorkeeper(runner.server, limits or limits_for(500), refused)
        listening = await asyncio.get_running_loop().create_server(door, host, port, reuse_address=True)
        at = listening.sockets[0].getsockname()
        yield f"http://{'[' + at[0] + ']' if ':' in at[0] else at[0]}:{at[1]}/"
    finally:
        if listening is not None:
            listening.close()
        await runner.cleanup()
