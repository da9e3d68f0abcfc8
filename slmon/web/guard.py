"""Every request's door: only names that are ours, only our headers out, errors in words. Knows no page's content."""

import random
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from slmon.addresses import address_of
from slmon.web.access import Reception, Visitor
from slmon.web.pages import Pages
from slmon.web.rooms import Role, Room

SAFE = ("GET", "HEAD", "OPTIONS")
VISITOR = web.RequestKey("VISITOR", Visitor)

log = structlog.get_logger(__name__)


class Busy(Exception):
    """Too much is asked at once; the guard tells whoever asked to come back later."""


@dataclass(frozen=True, slots=True)
class Guard:
    """Stands before all rooms of an application."""

    hosts: frozenset[str]
    headers: dict[str, str]
    pages: Pages
    reception: Reception
    refused: Callable[[str], None]             # told why, each time
    note: Callable[[str, str], None]
    can_log_in: bool
    rooms: Mapping[tuple[str, str], Room]      # by method and pattern

    @web.middleware
    async def let_in(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer, or say in words why not."""
        if not self._for_us(request):
            self.refused("host")
            return web.Response(status=421, text="slmon does not answer to this name. Add it to [web] hosts.\n")
        try:
            return await self._answer(request, handler)
        except web.HTTPException as error:
            allow = {name: value for name, value in error.headers.items() if name == "Allow"}
            return page(self.pages.problem(error.status, request.path, request.query), error.status, allow)
        except Busy:
            self.refused("busy")
            return page(self.pages.problem(503, request.path, request.query), 503, retry_later())
        except ConnectionResetError:
            raise
        except Exception:
            log.exception("a page failed", page=pattern_of(request))
            return page(self.pages.problem(500, request.path, request.query), 500)

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.match_info.http_exception is not None:
            return await handler(request)              # no such address, or not by this method: it says so itself
        room = self.rooms.get((request.method, pattern_of(request)))
        if room is None:                               # nobody said who may go there
            raise web.HTTPNotFound
        visitor = self.reception.visitor(request)
        request[VISITOR] = visitor
        if request.method not in SAFE and not self._from_our_pages(request):
            self.refused("origin")
            raise web.HTTPForbidden
        if not visitor.may_enter(room.role, request.match_info.get("view")) and not (
                room.role is Role.OPS and self.reception.scrapes(request)):
            return self._show_out(request, visitor)
        response = await handler(request)
        if room.noted and response.status == 200 and request.method == "GET":
            self.note(visitor.name, room.noted.format(**request.match_info, **_period(request)))
        return response

    def _show_out(self, request: web.Request, visitor: Visitor) -> web.Response:
        self.refused("role")
        if "token" in request.match_info:
            raise web.HTTPNotFound                     # nobody learns which kiosks there are
        if visitor.name:
            raise web.HTTPForbidden
        wants_page = "text/html" in request.headers.get("Accept", "")
        if self.can_log_in and wants_page and request.method in SAFE:
            return to_login(request)
        return page(self.pages.problem(401, request.path, request.query), 401)

    def _from_our_pages(self, request: web.Request) -> bool:
        """Whether the browser says that one of our own pages asks for the change."""
        origins = request.headers.getall("Origin", [])
        try:
            asked = urlsplit(origins[0] if len(origins) == 1 else "")
        except ValueError:
            return False
        if asked.scheme not in ("http", "https"):
            return False
        return asked.netloc.lower() == request.host.lower() or (asked.hostname or "") in self.hosts

    async def sign(self, request: web.Request, response: web.StreamResponse) -> None:
        """Put our headers on every answer; a page may be stricter, or looser, in one of them."""
        for name, value in self.headers.items():
            response.headers.setdefault(name, value)
        response.headers["Server"] = "slmon"
        if not request.content.is_eof():
            response.force_close()                     # more of a body is to come, and nobody wants it
            response.headers["Connection"] = "close"

    def _for_us(self, request: web.Request) -> bool:
        """Whether the Host is ours. A page elsewhere can point its own name at our address, but not an address."""
        host = request.headers.get("Host")
        if host is None or request.path.startswith("/-/") or request.path == "/metrics":
            return True   # machines ask there, by whatever name; no page
        name = without_port(host).lower().rstrip(".")
        return name == "localhost" or name in self.hosts or address_of(name) is not None


def page(html: str, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A page that no browser keeps."""
    return web.Response(text=html, status=status, content_type="text/html",
                        headers={"Cache-Control": "no-store", **(headers or {})})


def pattern_of(request: web.Request) -> str:
    """The address as it was declared, `/board/{view}`: what stands in its braces is never logged."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def without_port(host: str) -> str:
    """The name or address in a Host header; "" where it is neither, or what follows is no port."""
    found = re.fullmatch(r"(?:\[([^\[\]]*)\]|([^:\[\]]*))(?::[0-9]*)?", host)
    return "" if found is None else found[1] or found[2] or ""


def retry_later() -> dict[str, str]:
    """Not now: come back later, and not all in the same moment."""
    return {"Retry-After": str(random.randint(5, 20))}


def to_login(request: web.Request) -> web.Response:
    """Show the way to the login page, and remember where to."""
    root = "../" * (request.rel_url.raw_path.count("/") - 1) or "./"
    asked = quote(request.path_qs, safe="/")
    return web.Response(status=303, headers={"Location": f"{root}login?next={asked}", "Cache-Control": "no-store"})


def content_policy(frame_ancestors: Collection[str] = ()) -> str:
    """What a page may load, and who may show it in a frame: ourselves, and these."""
    policy = {
        "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' data:",
        "font-src": "'self' data:", "connect-src": "'self'", "base-uri": "'none'", "form-action": "'self'",
        "frame-src": "'self'", "frame-ancestors": " ".join(("'self'", *frame_ancestors))}
    return "; ".join(f"{name} {value}" for name, value in policy.items())


def security_headers() -> dict[str, str]:
    """What every answer carries."""
    return {
        "Content-Security-Policy": content_policy(),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Permissions-Policy": "camera=(), microphone=(), geolocation=(), screen-wake-lock=(self)",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin"}


def _period(request: web.Request) -> dict[str, str]:
    period = request.query.get("period", "")
    return {"period": f" {period}" if period else ""}
