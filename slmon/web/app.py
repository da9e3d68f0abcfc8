"""The application of a house: which address leads where, who may go there, and what stands before them all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import replace

from aiohttp import web

from slmon.web import board
from slmon.web.access import Reception
from slmon.web.guard import Guard, security_headers
from slmon.web.house import House
from slmon.web.intranet import Intranet
from slmon.web.login import Login
from slmon.web.pages import Pages
from slmon.web.past import Past, few_at_once
from slmon.web.rooms import VIEW, Role, Rooms
from slmon.web.scrape import Scrape
from slmon.web.server import serve
from slmon.web.signing import Signing
from slmon.web.static import static_files
from slmon.web.stream import Picture, Streams
from slmon.web.wall import Wall

__all__ = ["STREAMS", "House", "make_app", "serve"]

BODY_AT_MOST = 16 * 1024
KIOSK = "/kiosk/{token}"
STREAMS = web.AppKey("STREAMS", Streams)


def make_app(house: House) -> web.Application:
    """The application of a house; run it with `serve` or a runner of your own."""
    house = replace(house, history=few_at_once(house.history))
    static = static_files()
    pages = Pages(house.name, house.zone, house.language, static.version, house.silent_after_seconds, house.demo)

    def draw(view: str) -> Picture:
        return board.picture(house.snapshot(view), static.version, house.keeping())

    streams = Streams(draw, house.changed, house.browsers_at_most)
    house.visits.open = streams.open_by_view
    access = house.access
    signing = Signing(access.key, house.zone, house.ended_sessions, house.keep_ended_sessions) \
        if access is not None and access.key else None
    reception = Reception(access, signing)
    rooms = Rooms()
    _boards(rooms, Wall(house, pages, streams, reception))
    _intranet(rooms, Intranet(house, pages, reception, signing))
    _past(rooms, Past(house, pages))
    _machines(rooms, house)
    rooms.get("/static/{version}/{file}", static.show, Role.ANYONE)
    can_log_in = _login(rooms, house, pages, reception, signing)
    app = web.Application(client_max_size=BODY_AT_MOST)
    app[STREAMS] = streams
    guard = Guard(frozenset(house.hosts), security_headers(), pages, reception, house.visits.refuse,
                  house.note if access is not None else lambda who, what: None, can_log_in,
                  rooms.add_to(app.router))
    app.middlewares.append(guard.let_in)
    app.on_response_prepare.append(guard.sign)
    _feed(app, streams)
    return app


def _boards(rooms: Rooms, wall: Wall) -> None:
    rooms.get("/", wall.show, Role.VIEWER)
    rooms.get("/kiosk", wall.turns, Role.VIEWER)
    rooms.get(f"{KIOSK}/", wall.turns, Role.VIEWER)
    for door in ("", KIOSK):
        rooms.get(f"{door}/board/{VIEW}", wall.show, Role.VIEWER)
        rooms.get(f"{door}/stream/{VIEW}", wall.stream, Role.VIEWER, head=False)
        rooms.get(f"{door}/embed/{VIEW}", wall.embed, Role.VIEWER)


def _intranet(rooms: Rooms, intranet: Intranet) -> None:
    for door in ("", KIOSK):
        rooms.get(f"{door}/badge/{VIEW}.svg", intranet.badge, Role.VIEWER)
        rooms.get(f"{door}/feed/{VIEW}.atom", intranet.feed, Role.VIEWER)
    rooms.get("/share", intranet.share, Role.MANAGER, noted="share")
    rooms.get(f"/share/{VIEW}", intranet.share, Role.MANAGER, noted="share {view}")


def _past(rooms: Rooms, past: Past) -> None:
    rooms.get("/goals", past.show, Role.MANAGER, noted="goals{period}")
    rooms.get(f"/goals/{VIEW}", past.show, Role.MANAGER, noted="goals {view}{period}")


def _machines(rooms: Rooms, house: House) -> None:
    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="slmon is healthy.\n")

    async def ready(_: web.Request) -> web.Response:
        missing = house.ready()
        if missing is None:
            return web.Response(text="slmon is ready.\n")
        return web.Response(status=503, text=f"slmon is not ready: {missing}\n")

    rooms.get("/-/healthy", healthy, Role.ANYONE)
    rooms.get("/-/ready", ready, Role.ANYONE)
    rooms.get("/metrics", Scrape(house.metrics).show, Role.OPS)


def _login(rooms: Rooms, house: House, pages: Pages, reception: Reception, signing: Signing | None) -> bool:
    """Whether there is anybody who can log in."""
    access = house.access
    if access is None or signing is None or not any(user.password for user in access.users):
        return False
    login = Login(house, access, signing, reception, pages)
    rooms.get("/login", login.show, Role.ANYONE)
    rooms.post("/login", login.enter, Role.ANYONE)
    rooms.post("/logout", login.leave, Role.ANYONE)
    return True


def _feed(app: web.Application, streams: Streams) -> None:
    """Pictures are sent while the application runs; its end ends every stream."""
    async def feeding(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(streams.feed(), name="web streams")
        yield
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def close(_: web.Application) -> None:
        streams.close()

    app.cleanup_ctx.append(feeding)
    app.on_shutdown.append(close)      # else an open stream holds the shutdown for a minute
