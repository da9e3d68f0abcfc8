"""What the event loop complains of by itself, as log lines; that no files are left is not said a hundred times."""

import asyncio
import time
from typing import Any

import structlog

QUIET_SECONDS = 60.0

log = structlog.get_logger(__name__)


class LoopErrors:
    """The exception handler of an event loop."""

    def __init__(self) -> None:
        self._said_at = float("-inf")

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what the loop tells."""
        if "socket.accept()" in context.get("message", ""):
            if time.monotonic() - self._said_at >= QUIET_SECONDS:
                self._said_at = time.monotonic()
                log.error("no files are left for new connections: browsers wait, PBXes and database go on",
                          cure="raise LimitNOFILE, or look who connects so often")
            return
        error = context.get("exception")
        log.error("the event loop complains", message=str(context.get("message", "")), exc_info=error)
