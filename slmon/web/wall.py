"""The wallboard's addresses: a view's page and its stream."""

import random

from aiohttp import web

from slmon.core.site import View
from slmon.web.guard import page
from slmon.web.house import House
from slmon.web.pages import Pages
from slmon.web.stream import Streams, TooManyBrowsers


class Wall:
    """Boards of a house."""

    def __init__(self, house: House, pages: Pages, streams: Streams) -> None:
        self._house = house
        self._pages = pages
        self._streams = streams

    async def show(self, request: web.Request) -> web.Response:
        """The page; its figures come by the stream."""
        view = asked_view(self._house, request)
        return page(self._pages.board(view, self._house.views, request.path, request.query))

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """The pictures, for as long as the browser stays."""
        view = asked_view(self._house, request)
        try:
            return await self._streams.follow(view.name, request)
        except TooManyBrowsers:
            return busy("Too many boards are open.\n")


def asked_view(house: House, request: web.Request) -> View:
    """The view in the address; HTTPNotFound when there is none such."""
    view = house.view(request.match_info.get("view"))
    if view is None:
        raise web.HTTPNotFound
    return view


def busy(text: str) -> web.Response:
    """Not now: come back later, and not all in the same moment."""
    return web.Response(status=503, headers={"Retry-After": str(random.randint(5, 20))}, text=text)
