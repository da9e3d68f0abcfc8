"""The metrics page, rendered at most a few times a second whoever asks. Knows no metric."""

import time
from collections.abc import Callable

from aiohttp import web

KEPT_SECONDS = 0.5     # a scrape storm costs one rendering
KEPT = 4               # by what is accepted; Prometheus asks in one way

Render = Callable[[str], tuple[bytes, str]]


class Scrape:
    """`/metrics`, kept for a moment for each way of asking."""

    def __init__(self, render: Render) -> None:
        self._render = render
        self._kept: dict[str, tuple[float, bytes, str]] = {}

    async def show(self, request: web.Request) -> web.Response:
        """The metrics as the Accept header will have them; as plain text where too many ways are asked at once."""
        body, content_type = self._fresh(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    def _fresh(self, accept: str) -> tuple[bytes, str]:
        now = time.monotonic()
        self._kept = {each: kept for each, kept in self._kept.items() if now - kept[0] < KEPT_SECONDS}
        if accept not in self._kept and len(self._kept) >= KEPT:
            accept = ""
        if accept not in self._kept:
            self._kept[accept] = now, *self._render(accept)
        return self._kept[accept][1:]
