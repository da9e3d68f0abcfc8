"""Log in with a name and a password, and out again. Tells nobody which of them was wrong, or whether a name exists."""

import asyncio

from aiohttp import web
from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from slmon.web.access import SESSION, Access, Reception, User, Visitor
from slmon.web.guard import VISITOR, Busy, page
from slmon.web.house import House
from slmon.web.pages import Pages
from slmon.web.signing import Signing
from slmon.web.tries import Tries

CHECKS_AT_ONCE = 2         # each takes 64 MiB and some hundredths of a second
CHECKS_WAITING = 20
BODY_SECONDS = 10.0
LONGEST = 1024             # of a name or a password
SAME_ORIGIN = {"Referrer-Policy": "same-origin"}     # with no-referrer a browser says of a form that it is from nowhere


class Login:
    """The login page, and what it does."""

    def __init__(self, house: House, access: Access, signing: Signing, reception: Reception, pages: Pages) -> None:
        self._house = house
        self._access = access
        self._signing = signing
        self._reception = reception
        self._pages = pages
        self._tries = Tries()
        self._checking = asyncio.Semaphore(CHECKS_AT_ONCE)
        self._waiting = 0
        self._hasher = PasswordHasher()
        self._decoy = next((user.password for user in access.users if user.password), "") or self._hasher.hash("x")

    async def show(self, request: web.Request) -> web.Response:
        """The form; for one who is logged in, the way out."""
        return self._page(request, request.query.get("next", "/"))

    async def enter(self, request: web.Request) -> web.Response:
        """Let in who knows a name and its password."""
        name, password, onward = await _form(request)
        if not await self._tries.one_more(self._reception.address(request), name):
            self._house.visits.refuse("login")
            self._house.note(self._known(name), "login refused: too many tries")
            return self._page(request, onward, "too_many", 429, {"Retry-After": "60"})
        if self._waiting >= CHECKS_WAITING:
            raise Busy
        user = await self._checked(name, password)
        if user is None:
            self._house.visits.refuse("login")
            self._house.note(self._known(name), "login refused")
            return self._page(request, onward, "wrong", 401)
        await self._tries.was_good(name)
        self._house.note(user.name, "login")
        response = web.Response(status=303, headers={"Location": self._onward(onward), "Cache-Control": "no-store"})
        response.set_cookie(SESSION, self._signing.session(user.name, user.password), path="/", httponly=True,
                            samesite="Lax", secure=self._encrypted(request), max_age=int(self._access.session_seconds))
        return response

    async def leave(self, request: web.Request) -> web.Response:
        """End the session, in every place where its cookie was copied to."""
        visitor: Visitor = request[VISITOR]
        if visitor.session:
            self._signing.end(visitor.session)
            self._house.note(visitor.name, "logout")
        response = web.Response(status=303, headers={"Location": "./login", "Cache-Control": "no-store"})
        response.del_cookie(SESSION, path="/", httponly=True, samesite="Lax", secure=self._encrypted(request))
        return response

    async def _checked(self, name: str, password: str) -> User | None:
        """The user, if the password is his. It takes as long for a name that nobody has."""
        user = self._access.user(name)
        real = user is not None and bool(user.password)
        hashed = user.password if user is not None and real else self._decoy
        if len(password) > LONGEST:
            return None
        self._waiting += 1
        try:
            async with self._checking:
                fits = await asyncio.to_thread(self._fits, hashed, password)
        finally:
            self._waiting -= 1
        return user if real and fits else None

    def _fits(self, hashed: str, password: str) -> bool:
        try:
            return self._hasher.verify(hashed, password)
        except (Argon2Error, InvalidHashError):
            return False

    def _known(self, name: str) -> str:
        """The name for the books, if there is such a user: what else was typed may be a password."""
        return name if self._access.user(name) is not None else "unknown"

    def _page(self, request: web.Request, onward: str, wrong: str = "", status: int = 200,
              headers: dict[str, str] | None = None) -> web.Response:
        visitor: Visitor = request[VISITOR]
        html = self._pages.login(request.path, request.query, name=visitor.name, role=visitor.role.word,
                                 session=bool(visitor.session), wrong=wrong, onward=onward if _ours(onward) else "/")
        return page(html, status, {**SAME_ORIGIN, **(headers or {})})

    @staticmethod
    def _onward(path: str) -> str:
        """Where to go after the login: a page of ours, from where the login page is."""
        return "./" + (path.lstrip("/") if _ours(path) else "")

    def _encrypted(self, request: web.Request) -> bool:
        return self._reception.encrypted(request) or (self._house.url or "").startswith("https:")


async def _form(request: web.Request) -> tuple[str, str, str]:
    """What was typed: name, password, and where to go on to. A form that is none is the sender's mistake, not ours."""
    if request.content_type != "application/x-www-form-urlencoded" or "Content-Encoding" in request.headers:
        raise web.HTTPUnsupportedMediaType
    try:
        async with asyncio.timeout(BODY_SECONDS):
            form = await request.post()
    except TimeoutError:
        raise web.HTTPRequestTimeout from None
    except (ValueError, LookupError):
        raise web.HTTPBadRequest from None
    return str(form.get("name", "")), str(form.get("password", "")), str(form.get("next", "/"))


def _ours(path: str) -> bool:
    return path.startswith("/") and path.isascii() and path.isprintable() and len(path) <= LONGEST
