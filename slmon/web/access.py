"""Who is asking, and as what: proxy, session, kiosk, Prometheus or nobody known. Knows no page and opens no room."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date

from aiohttp import web

from slmon.addresses import Network, address_of, is_in, is_loopback, network_of
from slmon.web.rooms import Role
from slmon.web.signing import Signing

SESSION = "slmon_session"
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class User:
    """One who may log in. `password` is an argon2 hash; "" where only the proxy may tell of him."""

    name: str
    role: Role
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Kiosk:
    """A screen without a login, and what it may show."""

    name: str
    views: tuple[str, ...]
    seconds: float = 20.0
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Proxy:
    """A reverse proxy before us, and the headers that it alone may send."""

    networks: tuple[Network, ...] = ()
    user_header: str | None = None
    role_header: str | None = None
    role: Role = Role.VIEWER


@dataclass(frozen=True, slots=True)
class Access:
    """Who may see what in a house; a house without it is open to all who reach it."""

    key: bytes = field(default=b"", repr=False)
    users: Sequence[User] = ()
    kiosks: Sequence[Kiosk] = ()
    anonymous: Role = Role.ANYONE
    session_seconds: float = 12 * 3600.0
    proxy: Proxy = Proxy()
    scrapers: tuple[Network, ...] = ()
    scrape_token: bytes = field(default=b"", repr=False)

    def user(self, name: str) -> User | None:
        """The user of that name."""
        return next((user for user in self.users if user.name == name), None)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks: by which name, and what may be shown."""

    name: str
    role: Role
    kiosk: Kiosk | None = None                 # shows its own views only; all others see every view of the house
    session: str = ""                          # the session's id, where there is one

    def may_enter(self, role: Role, view: str | None) -> bool:
        """Whether what wants this role may be shown, of this view."""
        return self.role >= role and (view is None or self.kiosk is None or view in self.kiosk.views)


NOBODY = Visitor("", Role.ANYONE)
EVERYTHING = Visitor("", Role.OPS)


class Reception:
    """Tells who a request comes from."""

    def __init__(self, access: Access | None, signing: Signing | None) -> None:
        self._access = access
        self._signing = signing

    def visitor(self, request: web.Request) -> Visitor:
        """Who asks. With a kiosk's address the kiosk, whoever else it might be; in an open house anybody is all."""
        if self._access is None:
            return EVERYTHING if "token" not in request.match_info else NOBODY
        if "token" in request.match_info:
            return self._kiosk(request.match_info["token"], self._access)
        known = self._by_proxy(request, self._access) or self._by_session(request, self._access)
        return known or Visitor("", self._access.anonymous)

    def scrapes(self, request: web.Request) -> bool:
        """Whether this is Prometheus, by its address or its token."""
        if self._access is None:
            return True
        if is_in(self.address(request), self._access.scrapers):
            return True
        kind, _, token = request.headers.get("Authorization", "").partition(" ")
        return (bool(self._access.scrape_token) and kind.lower() == "bearer"
                and hmac.compare_digest(token.strip().encode(), self._access.scrape_token))

    def address(self, request: web.Request) -> str:
        """Where the request comes from; through the proxy, as the proxy says."""
        peer = peer_of(request)
        if not self.by_proxy(request):
            return peer
        hops = ",".join(request.headers.getall("X-Forwarded-For", [])).split(",")
        for hop in reversed([hop.strip() for hop in hops]):
            if address_of(hop) is None:
                break
            peer = hop
            if not is_in(hop, self._proxy.networks):
                break
        return peer

    def household(self, request: web.Request) -> str:
        """Who shares out what one house may have: the client's network; "" where an address stands for many houses."""
        address = self.address(request)
        return "" if is_loopback(address) or is_in(address, self._proxy.networks) else network_of(address)

    def by_proxy(self, request: web.Request) -> bool:
        """Whether it comes through the proxy, so that its headers can be believed."""
        return is_in(peer_of(request), self._proxy.networks)

    def encrypted(self, request: web.Request) -> bool:
        """Whether the browser asked over TLS."""
        told = request.headers.getall("X-Forwarded-Proto", []) if self.by_proxy(request) else []
        return request.secure or told == ["https"]

    @property
    def _proxy(self) -> Proxy:
        return Proxy() if self._access is None else self._access.proxy

    def _kiosk(self, token: str, access: Access) -> Visitor:
        name = None if self._signing is None else self._signing.kiosk_of(token)
        kiosk = next((kiosk for kiosk in access.kiosks if kiosk.name == name), None)
        if kiosk is None or self._signing is None or self._signing.is_over(kiosk.until):
            return NOBODY
        return Visitor(f"kiosk {kiosk.name}", Role.VIEWER, kiosk)

    def _by_proxy(self, request: web.Request, access: Access) -> Visitor | None:
        proxy = access.proxy
        if proxy.user_header is None or not self.by_proxy(request):
            return None
        name = _only(request, proxy.user_header)
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            return None
        if proxy.role_header is not None and (word := _only(request, proxy.role_header)):
            return Visitor(name, _role(word))
        user = access.user(name)
        return Visitor(name, proxy.role if user is None else user.role)

    def _by_session(self, request: web.Request, access: Access) -> Visitor | None:
        cookie = request.cookies.get(SESSION)
        if cookie is None or self._signing is None:
            return None
        session = self._signing.session_of(cookie, access.session_seconds)
        user = None if session is None else access.user(session.user)
        if session is None or user is None or not self._signing.fits(session, user.password):
            return None
        return Visitor(user.name, user.role, session=session.id)


def peer_of(request: web.Request) -> str:
    """The address at the other end of the connection."""
    peer = None if request.transport is None else request.transport.get_extra_info("peername")
    return str(peer[0]) if peer else ""


def _only(request: web.Request, header: str) -> str:
    """The header's value; "" where it stands twice, for then nobody knows whose it is."""
    values = request.headers.getall(header, [])
    return values[0].strip() if len(values) == 1 else ""


def _role(word: str) -> Role:
    return next((role for role in Role if role.word == word.lower()), Role.ANYONE)
