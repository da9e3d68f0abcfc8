"""A house with [access] for the tests: its users, kiosks, proxy, and a browser that is logged in."""

import asyncio
from ipaddress import ip_network
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestClient
from argon2 import PasswordHasher
from web_house import COPENHAGEN, Scene, house_of

from slmon.core.site import View
from slmon.web.access import Access, Kiosk, Proxy, User
from slmon.web.house import House
from slmon.web.rooms import Role
from slmon.web.signing import Signing

Client = TestClient[web.Request, web.Application]
KEY = bytes(range(40))
PASSWORD = "tre ord på en linje"
HASH = PasswordHasher(1, 8, 1).hash(PASSWORD)         # quick, for tests
TOKEN = "prometheus-token-0123456789"
VIEWS = [View("odense", "Kreds Odense"), View("syd", "Kreds Syd")]
USERS = [User(role.word, role, HASH) for role in (Role.VIEWER, Role.MANAGER, Role.OPS)]
ELSEWHERE = Proxy((ip_network("192.0.2.0/24"),), "X-Remote-User", "X-Remote-Role")
HERE = Proxy((ip_network("127.0.0.1"),), "X-Remote-User", "X-Remote-Role")


def access(**choices: Any) -> Access:
    """Users of each role, one kiosk for Odense; nothing for anybody else."""
    return Access(**{"key": KEY, "users": USERS, "kiosks": [Kiosk("tv-odense", ("odense",))],
                     "scrape_token": TOKEN.encode(), "proxy": ELSEWHERE, **choices})


def guarded(what: Access | None = None, **choices: Any) -> House:
    """A house of two views."""
    return house_of({"odense": Scene(), "syd": Scene()}, views=VIEWS, access=what or access(), **choices)


def token(name: str = "tv-odense", key: bytes = KEY) -> str:
    """A kiosk's token."""
    return Signing(key, COPENHAGEN).kiosk(name)


def origin(client: Client) -> dict[str, str]:
    """What a browser says when a form of our own pages is sent."""
    return {"Origin": str(client.make_url("/")).rstrip("/")}


async def log_in(client: Client, name: str, password: str = PASSWORD, onward: str = "/") -> tuple[int, str]:
    """Send the login form: the status, and where it leads."""
    response = await client.post("/login", data={"name": name, "password": password, "next": onward},
                                 headers=origin(client), allow_redirects=False)
    await response.read()
    return response.status, response.headers.get("Location", "")


async def told(books: list[tuple[str, str]], count: int) -> list[tuple[str, str]]:
    """The first entries of the books, when there are so many."""
    async with asyncio.timeout(10):
        while len(books) < count:      # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return books[:count]
