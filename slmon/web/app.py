"""The web server: wallboard, goals page, streams, metrics, health. Wires pages to what it is handed; no globals."""

import asyncio
import contextlib
import hashlib
import ipaddress
import mimetypes
import random
import time
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from zoneinfo import ZoneInfo

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

import slmon
from slmon.core.board import Snapshot
from slmon.core.instant import as_datetime
from slmon.core.site import View
from slmon.web import board
from slmon.web.board import Keeping
from slmon.web.goals import History, goals_page
from slmon.web.pages import Pages
from slmon.web.period import Kind, around, period_of
from slmon.web.stream import Picture, Streams, TooManyBrowsers

METRICS_KEPT_SECONDS = 0.5     # a scrape storm costs one rendering
METRICS_KEPT = 4               # by what is accepted; Prometheus asks in one way
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class House:
    """What the web shows and whom it asks. The daemon fills it; tests fill it by hand."""

    name: str
    zone: ZoneInfo
    views: Sequence[View]                                  # at least one; the first is the front page
    snapshot: Callable[[str], Snapshot]                    # of a view, now
    changed: asyncio.Event                                 # set whenever a snapshot may have changed; cleared here
    history: History                                       # the days of a view
    metrics: Callable[[str], tuple[bytes, str]]            # for an Accept header: text and its content type
    ready: Callable[[], str | None] = lambda: None         # None, or in words what is not up yet
    keeping: Callable[[], Keeping] = Keeping               # how it goes with the store
    language: str = "da"
    demo: bool = False
    hosts: Collection[str] = ()                            # names this server is called by, beside localhost
    frame_ancestors: Collection[str] = ()                  # who may show it in a frame, beside itself
    browsers_at_most: int = 500
    silent_after_seconds: float = 600.0                    # open and no event for so long: not live; 0: never


STREAMS = web.AppKey("STREAMS", Streams)


def make_app(house: House) -> web.Application:
    """The application of a house; run it with `serve` or a runner of your own."""
    static = _static_files()
    version = _version(static)
    pages = Pages(house.name, house.zone, house.language, version, house.silent_after_seconds, house.demo)
    views = {view.name: view for view in house.views}

    def draw(view: str) -> Picture:
        return board.picture(house.snapshot(view), version, house.keeping())

    streams = Streams(draw, house.changed, house.browsers_at_most)

    def view_of(request: web.Request) -> View:
        name = request.match_info.get("view")
        view = house.views[0] if name is None else views.get(name)
        if view is None:
            raise web.HTTPNotFound
        return view

    async def show_board(request: web.Request) -> web.Response:
        return _page(pages.board(view_of(request), house.views, request.path, request.query))

    async def show_goals(request: web.Request) -> web.Response:
        view = view_of(request)
        now = house.snapshot(view.name)
        today = as_datetime(now.at).astimezone(house.zone).date()
        asked = request.query.get("period")
        try:
            period = period_of(asked) if asked else around(today, Kind.WEEK)
        except ValueError:
            raise web.HTTPNotFound from None
        page = await goals_page(view.name, period, today, now.goal, house.history)
        return _page(pages.goals(page, view, house.views, request.path, request.query))

    async def stream(request: web.Request) -> web.StreamResponse:
        view = view_of(request)
        try:
            return await streams.follow(view.name, request)
        except TooManyBrowsers:
            again = str(random.randint(5, 20))   # spread: they all come back at the same time otherwise
            return web.Response(status=503, headers={"Retry-After": again}, text="Too many boards are open.\n")

    async def static_file(request: web.Request) -> web.Response:
        name = request.match_info["file"]
        if name not in static:
            raise web.HTTPNotFound
        fresh = request.match_info["version"] == version
        return web.Response(body=static[name], content_type=_content_type(name), charset=_charset(name), headers={
            "Cache-Control": "public, max-age=31536000, immutable" if fresh else "no-store"})

    async def healthy(_: web.Request) -> web.Response:
        return web.Response(text="slmon is healthy.\n")

    async def ready(_: web.Request) -> web.Response:
        missing = house.ready()
        if missing is None:
            return web.Response(text="slmon is ready.\n")
        return web.Response(status=503, text=f"slmon is not ready: {missing}\n")

    async def feed(_: web.Application) -> AsyncIterator[None]:
        feeding = asyncio.create_task(streams.feed(), name="web streams")
        yield
        feeding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await feeding

    async def close_streams(_: web.Application) -> None:
        streams.close()

    guard = _Guard(frozenset(house.hosts), _security_headers(house.frame_ancestors), pages)
    app = web.Application(middlewares=[guard.let_in], client_max_size=16 * 1024)
    app[STREAMS] = streams
    app.on_response_prepare.append(guard.sign)
    app.on_shutdown.append(close_streams)      # else an open stream holds the shutdown for a minute
    app.cleanup_ctx.append(feed)
    app.router.add_get("/", show_board)
    app.router.add_get("/board/{view:[^/]+}", show_board)
    app.router.add_get("/goals", show_goals)
    app.router.add_get("/goals/{view:[^/]+}", show_goals)
    app.router.add_get("/stream/{view:[^/]+}", stream, allow_head=False)
    app.router.add_get("/static/{version}/{file}", static_file)
    app.router.add_get("/metrics", _Metrics(house.metrics).show)
    app.router.add_get("/-/healthy", healthy)
    app.router.add_get("/-/ready", ready)
    return app


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


class _Metrics:
    def __init__(self, render: Callable[[str], tuple[bytes, str]]) -> None:
        self._render = render
        self._kept: dict[str, tuple[float, bytes, str]] = {}

    async def show(self, request: web.Request) -> web.Response:
        accept = request.headers.get("Accept", "")
        at, body, content_type = self._kept.get(accept, (float("-inf"), b"", ""))
        now = time.monotonic()
        if now - at >= METRICS_KEPT_SECONDS:
            body, content_type = self._render(accept)
            if len(self._kept) >= METRICS_KEPT:
                self._kept.clear()
            self._kept[accept] = now, body, content_type
        return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})


@dataclass(frozen=True, slots=True)
class _Guard:
    """Every request's door: only names that are ours, only our headers out, errors in words."""

    hosts: frozenset[str]
    headers: dict[str, str]
    pages: Pages

    @web.middleware
    async def let_in(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not self._for_us(request):
            return web.Response(status=421, text="slmon does not answer to this name. Add it to [web] hosts.\n")
        try:
            return await handler(request)
        except web.HTTPException as error:
            allow = {name: value for name, value in error.headers.items() if name == "Allow"}
            return _page(self.pages.problem(error.status, request.path, request.query), error.status, allow)
        except ConnectionResetError:
            raise
        except Exception:
            log.exception("a page failed", path=request.path)
            return _page(self.pages.problem(500, request.path, request.query), 500)

    async def sign(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers.update(self.headers)

    def _for_us(self, request: web.Request) -> bool:
        """Whether the Host is ours. A page elsewhere can point its own name at our address, but not an address."""
        host = request.headers.get("Host")
        if host is None or request.path.startswith("/-/") or request.path == "/metrics":
            return True   # machines ask there, by whatever name; no page
        name = _without_port(host).lower().rstrip(".")
        return name == "localhost" or name in self.hosts or _is_address(name)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host if host.count(":") == 1 else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _security_headers(frame_ancestors: Collection[str]) -> dict[str, str]:
    policy = {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
        "font-src": "'self' data:", "connect-src": "'self'", "base-uri": "'none'", "form-action": "'self'",
        "frame-ancestors": " ".join(("'self'", *frame_ancestors))}
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), screen-wake-lock=(self)",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Server": "slmon"}


def _page(html: str, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(text=html, status=status, content_type="text/html",
                        headers={"Cache-Control": "no-store", **(headers or {})})


def _static_files() -> dict[str, bytes]:
    """All static files by name: a handful, read once; no path ever comes from a request."""
    folder: Traversable = files("slmon.web").joinpath("static")
    return {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}


def _version(static: dict[str, bytes]) -> str:
    digest = hashlib.sha256(slmon.__version__.encode())
    for name in sorted(static):
        digest.update(name.encode() + b"\0" + static[name])
    for folder in ("templates", "locale"):
        for entry in sorted(files("slmon.web").joinpath(folder).iterdir(), key=lambda each: each.name):
            digest.update(entry.read_bytes())
    return digest.hexdigest()[:12]


def _content_type(name: str) -> str:
    known = {"js": "text/javascript", "css": "text/css", "woff2": "font/woff2", "svg": "image/svg+xml"}
    return known.get(name.rpartition(".")[2]) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _charset(name: str) -> str | None:
    return "utf-8" if name.endswith((".js", ".css", ".svg", ".txt")) else None

