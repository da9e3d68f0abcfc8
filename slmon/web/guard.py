"""Every request's door: only names that are ours, only our headers out, errors in words. Knows no page's content."""

import ipaddress
from collections.abc import Collection
from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from slmon.web.pages import Pages

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Guard:
    """Stands before all handlers of an application."""

    hosts: frozenset[str]
    headers: dict[str, str]
    pages: Pages

    @web.middleware
    async def let_in(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer, or say in words why not."""
        if not self._for_us(request):
            return web.Response(status=421, text="slmon does not answer to this name. Add it to [web] hosts.\n")
        try:
            return await handler(request)
        except web.HTTPException as error:
            allow = {name: value for name, value in error.headers.items() if name == "Allow"}
            return page(self.pages.problem(error.status, request.path, request.query), error.status, allow)
        except ConnectionResetError:
            raise
        except Exception:
            log.exception("a page failed", page=pattern_of(request))
            return page(self.pages.problem(500, request.path, request.query), 500)

    async def sign(self, _: web.Request, response: web.StreamResponse) -> None:
        """Put our headers on every answer."""
        response.headers.update(self.headers)

    def _for_us(self, request: web.Request) -> bool:
        """Whether the Host is ours. A page elsewhere can point its own name at our address, but not an address."""
        host = request.headers.get("Host")
        if host is None or request.path.startswith("/-/") or request.path == "/metrics":
            return True   # machines ask there, by whatever name; no page
        name = without_port(host).lower().rstrip(".")
        return name == "localhost" or name in self.hosts or _is_address(name)


def page(html: str, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A page that no browser keeps."""
    return web.Response(text=html, status=status, content_type="text/html",
                        headers={"Cache-Control": "no-store", **(headers or {})})


def pattern_of(request: web.Request) -> str:
    """The address as it was declared, `/board/{view}`: what stands in its braces is never logged."""
    resource = request.match_info.route.resource
    return "" if resource is None else resource.canonical


def without_port(host: str) -> str:
    """The name or address in a Host header."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host if host.count(":") == 1 else host


def security_headers(frame_ancestors: Collection[str]) -> dict[str, str]:
    """What every answer carries."""
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


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
