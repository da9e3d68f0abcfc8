"""The wallboard's addresses: a view's page, alone, framed or in turns with others, and its stream."""

from urllib.parse import quote

from aiohttp import web

from slmon.core.site import View
from slmon.web.access import Reception
from slmon.web.guard import VISITOR, content_policy, page, retry_later
from slmon.web.house import House
from slmon.web.pages import Pages
from slmon.web.rooms import Role
from slmon.web.stream import Streams, TooManyBrowsers
from slmon.web.visits import Kind

USUAL_SECONDS, LEAST_SECONDS, MOST_SECONDS = 20.0, 5.0, 3600.0      # of one view's turn
MOST_TURNS = 50


class Wall:
    """Boards of a house."""

    def __init__(self, house: House, pages: Pages, streams: Streams, reception: Reception) -> None:
        self._house = house
        self._pages = pages
        self._reception = reception
        self._streams = streams

    async def show(self, request: web.Request) -> web.Response:
        """The page; its figures come by the stream."""
        view = asked_view(self._house, request)
        if "turn" not in request.query:                  # one of several that take turns was counted with them
            self._saw(view, _kind(request), request)
        return self._board(view, request)

    async def embed(self, request: web.Request) -> web.Response:
        """The same page for a frame elsewhere: the only one that others may frame."""
        view = asked_view(self._house, request)
        self._saw(view, Kind.EMBED, request)
        response = self._board(view, request)
        response.headers["Content-Security-Policy"] = content_policy(self._house.frame_ancestors)
        return response

    async def turns(self, request: web.Request) -> web.Response:
        """Boards of several views, one after another; of one view its board."""
        views, seconds = self._in_turns(request)
        for view in views:
            self._saw(view, Kind.KIOSK, request)
        if len(views) == 1:
            return self._board(views[0], request)
        return page(self._pages.turns(views, seconds, request.path, request.query, door_of(request)))

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """The pictures, for as long as the browser stays and may."""
        view = asked_view(self._house, request)

        def may_stay() -> bool:
            return self._reception.visitor(request).may_enter(Role.VIEWER, view.name)

        try:
            return await self._streams.follow(view.name, request, self._reception.household(request), may_stay)
        except TooManyBrowsers as error:
            self._house.visits.refuse(error.reason)
            return web.Response(status=503, text="Too many boards are open.\n", headers=retry_later())

    def _saw(self, view: View, kind: Kind, request: web.Request) -> None:
        if request.method == "GET":                      # by HEAD a board looks whether its page still stands
            self._house.visits.saw(view.name, kind)

    def _board(self, view: View, request: web.Request) -> web.Response:
        return page(self._pages.board(view, self._house.views, request.path, request.query, door_of(request)))

    def _in_turns(self, request: web.Request) -> tuple[list[View], float]:
        """The views and how long each stays: the kiosk's own, or those in the address, or all."""
        kiosk = request[VISITOR].kiosk
        if kiosk is not None:
            names, seconds = list(kiosk.views), kiosk.seconds
        else:
            names = [name for name in request.query.get("views", "").split(",") if name]
            seconds = _seconds(request.query.get("seconds", ""))
        views = [view for name in names if (view := self._house.view(name)) is not None]
        if len(views) < len(names):
            raise web.HTTPNotFound
        return views[:MOST_TURNS] or list(self._house.views)[:MOST_TURNS], seconds


def asked_view(house: House, request: web.Request) -> View:
    """The view in the address; HTTPNotFound when there is none such."""
    view = house.view(request.match_info.get("view"))
    if view is None:
        raise web.HTTPNotFound
    return view


def door_of(request: web.Request) -> str:
    """A kiosk's own way in, from the front page: `kiosk/<token>/`; "" for all others."""
    token = request.match_info.get("token")
    return "" if token is None else f"kiosk/{quote(token, safe='')}/"


def _kind(request: web.Request) -> Kind:
    if "kiosk" in request.query or "token" in request.match_info:
        return Kind.KIOSK
    told = request.headers.get("Sec-CH-UA-Mobile")
    phone = told == "?1" if told is not None else "Mobi" in request.headers.get("User-Agent", "")
    return Kind.PHONE if phone else Kind.WALL


def _seconds(text: str) -> float:
    try:
        asked = float(text)
    except ValueError:
        return USUAL_SECONDS
    return min(asked, MOST_SECONDS) if asked >= LEAST_SECONDS else LEAST_SECONDS      # NaN is no more than the least
