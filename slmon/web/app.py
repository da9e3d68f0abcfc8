"""The application of a house: which address leads where, who may go there, and what stands before them all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from slmon.web import board
from slmon.web.guard import Guard, security_headers
from slmon.web.house import House
from slmon.web.pages import Pages
from slmon.web.past import Past
from slmon.web.rooms import VIEW, Role, Rooms
from slmon.web.scrape import Scrape
from slmon.web.server import serve
from slmon.web.static import static_files
from slmon.web.stream import Picture, Streams
from slmon.web.wall import Wall

__all__ = ["STREAMS", "House", "make_app", "serve"]

BODY_AT_MOST = 16 * 1024
STREAMS = web.AppKey("STREAMS", Streams)


def make_app(house: House) -> web.Application:
    """The application of a house; run it with `serve` or a runner of your own."""
    static = static_files()
    pages = Pages(house.name, house.zone, house.language, static.version, house.silent_after_seconds, house.demo)

    def draw(view: str) -> Picture:
        return board.picture(house.snapshot(view), static.version, house.keeping())

    streams = Streams(draw, house.changed, house.browsers_at_most)
    guard = Guard(frozenset(house.hosts), security_headers(house.frame_ancestors), pages)
    app = web.Application(middlewares=[guard.let_in], client_max_size=BODY_AT_MOST)
    app[STREAMS] = streams
    app.on_response_prepare.append(guard.sign)
    _feed(app, streams)
    wall, past = Wall(house, pages, streams), Past(house, pages)
    rooms = Rooms()
    rooms.get("/", wall.show, Role.VIEWER)
    rooms.get(f"/board/{VIEW}", wall.show, Role.VIEWER)
    rooms.get(f"/stream/{VIEW}", wall.stream, Role.VIEWER, head=False)
    rooms.get("/goals", past.show, Role.MANAGER)
    rooms.get(f"/goals/{VIEW}", past.show, Role.MANAGER)
    rooms.get("/static/{version}/{file}", static.show, Role.ANYONE)
    rooms.get("/metrics", Scrape(house.metrics).show, Role.OPS)
    _health(rooms, house)
    rooms.add_to(app.router)
    return app


def _health(rooms: Rooms, house: House) -> None:
    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="slmon is healthy.\n")

    async def ready(_: web.Request) -> web.Response:
        missing = house.ready()
        if missing is None:
            return web.Response(text="slmon is ready.\n")
        return web.Response(status=503, text=f"slmon is not ready: {missing}\n")

    rooms.get("/-/healthy", healthy, Role.ANYONE)
    rooms.get("/-/ready", ready, Role.ANYONE)


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
