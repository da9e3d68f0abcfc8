"""Listen on an address and serve an application there. Knows sockets and limits; knows no page."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web


@contextlib.asynccontextmanager
async def serve(app: web.Application, host: str, port: int) -> AsyncIterator[str]:
    """Serve while the context lasts; yields the address, with the real port where `port` is 0.

    Raises OSError when the address is taken or not ours.
    """
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0, keepalive_timeout=30.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, reuse_address=True)
        await site.start()
        at = runner.addresses[0]
        yield f"http://{'[' + at[0] + ']' if ':' in at[0] else at[0]}:{at[1]}/"
    finally:
        await runner.cleanup()
