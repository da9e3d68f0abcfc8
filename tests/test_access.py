"""Who may see what: every address for every role, and what people try who should see nothing."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import date
from typing import Any

import pytest
import structlog
import time_machine
from access_house import (
    HASH,
    HERE,
    KEY,
    PASSWORD,
    TOKEN,
    USERS,
    VIEWS,
    Client,
    access,
    guarded,
    log_in,
    origin,
    token,
)
from aiohttp import web
from argon2 import PasswordHasher
from web_house import COPENHAGEN, Scene, house_of
from yarl import URL

from slmon.web.access import SESSION, Kiosk, User
from slmon.web.app import House, make_app
from slmon.web.login import Login
from slmon.web.rooms import Role
from slmon.web.signing import Signing
from slmon.web.tries import BY_ADDRESS, FOR_USER, Tries

Visit = Callable[[House], Awaitable[Client]]

ROLES = {                     # every address there is, and from which role on it is shown
    "/": Role.VIEWER, "/board/{view}": Role.VIEWER, "/stream/{view}": Role.VIEWER, "/embed/{view}": Role.VIEWER,
    "/badge/{view}.svg": Role.VIEWER, "/feed/{view}.atom": Role.VIEWER, "/kiosk": Role.VIEWER,
    "/kiosk/{token}/": Role.VIEWER, "/kiosk/{token}/board/{view}": Role.VIEWER,
    "/kiosk/{token}/stream/{view}": Role.VIEWER, "/kiosk/{token}/embed/{view}": Role.VIEWER,
    "/kiosk/{token}/badge/{view}.svg": Role.VIEWER, "/kiosk/{token}/feed/{view}.atom": Role.VIEWER,
    "/goals": Role.MANAGER, "/goals/{view}": Role.MANAGER, "/share": Role.MANAGER, "/share/{view}": Role.MANAGER,
    "/metrics": Role.OPS,
    "/static/{version}/{file}": Role.ANYONE, "/-/healthy": Role.ANYONE, "/-/ready": Role.ANYONE,
    "/login": Role.ANYONE, "/logout": Role.ANYONE}
OPEN_ONLY_BY_POST = {"/logout"}


@pytest.fixture
def visit(aiohttp_client: Any) -> Visit:
    async def open_house(house: House) -> Client:
        client: Client = await aiohttp_client(make_app(house))
        return client
    return open_house


def patterns() -> set[str]:
    return {route.resource.canonical for route in make_app(guarded()).router.routes() if route.resource is not None}


def address(pattern: str, a_token: str = "none", view: str = "odense") -> str:
    return pattern.format(view=view, token=a_token, version="x", file="board.js")


async def open_raw(client: Client) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(client.server.host, client.server.port)


async def status_of(client: Client, path: str, **more: Any) -> int:
    async with client.get(path, allow_redirects=False, **more) as response:
        return response.status


# -- every address, every role

async def test_every_address_has_a_role_in_this_table() -> None:
    assert patterns() == set(ROLES)


@pytest.mark.parametrize("role", Role)
async def test_a_role_sees_what_is_its_own_and_no_more(visit: Visit, role: Role) -> None:
    client = await visit(guarded())
    if role is not Role.ANYONE:
        assert (await log_in(client, role.word))[0] == 303
    seen = {pattern for pattern in patterns() - OPEN_ONLY_BY_POST if "{token}" not in pattern
            and await status_of(client, address(pattern)) == 200}
    assert seen == {pattern for pattern, wanted in ROLES.items()
                    if wanted <= role and "{token}" not in pattern and pattern not in OPEN_ONLY_BY_POST}


async def test_a_kiosk_sees_boards_of_its_own_views_and_nothing_else(visit: Visit) -> None:
    client = await visit(guarded())
    for pattern in (each for each in ROLES if "{token}" in each):
        assert await status_of(client, address(pattern, token())) == 200, pattern
        if "{view}" in pattern:
            assert await status_of(client, address(pattern, token(), "syd")) == 404, pattern
    for pattern in ("/", "/board/{view}", "/goals", "/metrics", "/share"):
        assert await status_of(client, address(pattern)) == 401, pattern


async def test_an_address_that_nobody_gave_a_role_is_shown_to_nobody(aiohttp_client: Any) -> None:
    app = make_app(house_of(Scene()))
    async def shown(_: web.Request) -> web.Response:
        return web.Response(text="shown")
    app.router.add_get("/forgotten", shown)
    app.router.add_get("/forgotten/{view}", shown)
    client = await aiohttp_client(app)
    assert await status_of(client, "/forgotten") == 404
    assert await status_of(client, "/forgotten/odense") == 404


async def test_a_house_without_access_is_open_and_has_no_login(visit: Visit) -> None:
    client = await visit(house_of(Scene()))
    for pattern, role in ROLES.items():
        closed = "{token}" in pattern or pattern in ("/login", "/logout")
        assert await status_of(client, address(pattern)) == (404 if closed else 200), (pattern, role)


async def test_boards_may_be_open_to_all_and_the_rest_not(visit: Visit) -> None:
    client = await visit(guarded(access(anonymous=Role.VIEWER)))
    assert await status_of(client, "/") == 200
    assert await status_of(client, "/goals") == 401


@pytest.mark.parametrize("path", [
    "//goals", "/./goals", "/goals/", "/%67oals", "/board/../goals", "/board/%2e%2e/goals", "/board/odense/../../goals",
    "/goals/odense%2f", "/goals/%00", "/GOALS", "/goals;a=b", "/goals%20", "/static/x/..%2f..%2fgoals", "/kiosk//goals",
    "/kiosk/x/goals/odense", "/kiosk/../goals", "/kiosk/%2e%2e/goals", "/ｇoals", "/goals\u2215odense"])
async def test_no_spelling_of_an_address_leads_around_the_guard(visit: Visit, path: str) -> None:
    client = await visit(guarded())
    reader, writer = await open_raw(client)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.split(b" ", 2)[1] in (b"400", b"401", b"404"), answer[:200]
    assert b"af medlemmernes" not in answer


# -- kiosks

@pytest.mark.parametrize("forged", [
    "", "tv-odense", "tv-odense.", "tv-odense.AAAA", ".", "..", "tv-odense." + "A" * 43, "x" * 5000, "%00", "%ff",
    token("tv-syd"), token(key=b"x" * 40), token()[:-1], token().replace("tv-odense", "tv-odense2"),
    token().swapcase(), token() + "=", "ｔv-odense" + token()[9:]])
async def test_a_forged_kiosk_address_shows_nothing(visit: Visit, forged: str) -> None:
    client = await visit(guarded())
    assert await status_of(client, f"/kiosk/{forged}/board/odense") in (400, 401, 404)


async def test_a_kiosk_taken_out_of_the_configuration_shows_nothing_any_more(visit: Visit) -> None:
    client = await visit(guarded(access(kiosks=[Kiosk("tv-syd", ("syd",))])))
    assert await status_of(client, f"/kiosk/{token()}/") == 404
    assert await status_of(client, f"/kiosk/{token('tv-syd')}/") == 200


@pytest.mark.parametrize(("now", "status"), [("2026-11-23T22:59:00+00:00", 200), ("2026-11-23T23:01:00+00:00", 404)])
async def test_a_kiosk_shows_its_boards_to_the_end_of_its_last_day(visit: Visit, now: str, status: int) -> None:
    client = await visit(guarded(access(kiosks=[Kiosk("tv-odense", ("odense",), until=date(2026, 11, 23))])))
    with time_machine.travel(now):
        assert await status_of(client, f"/kiosk/{token()}/") == status


async def test_another_key_ends_every_kiosk_address(visit: Visit) -> None:
    client = await visit(guarded(access(key=bytes(reversed(KEY)))))
    assert await status_of(client, f"/kiosk/{token()}/") == 404


async def test_a_kiosks_page_asks_for_its_stream_by_its_own_way(visit: Visit) -> None:
    client = await visit(guarded())
    page = await (await client.get(f"/kiosk/{token()}/")).text()
    stream = re.findall(r"&#34;stream&#34;: &#34;([^&]+)&#34;", page)[0]
    async with client.get(URL(f"/kiosk/{token()}/").join(URL(stream))) as response:
        assert response.status == 200
        assert (await response.content.readline()).startswith(b"data: ")


async def test_a_kiosk_of_several_views_shows_them_in_turns(visit: Visit) -> None:
    client = await visit(guarded(access(kiosks=[Kiosk("tv", ("syd", "odense"), 30.0)])))
    page = await (await client.get(f"/kiosk/{token('tv')}/")).text()
    boards = re.findall(r"&#34;address&#34;: &#34;([^&]+)", page)
    assert [re.findall(r"board/(\w+)", each)[0] for each in boards] == ["syd", "odense"]
    assert "&#34;seconds&#34;: 30.0" in page
    assert all(f"kiosk/{token('tv')}/" in each for each in boards)


# -- sessions

async def test_a_login_leads_back_to_where_one_wanted_to_go(visit: Visit) -> None:
    client = await visit(guarded())
    asked = await client.get("/goals/odense?period=2026-W47", headers={"Accept": "text/html"}, allow_redirects=False)
    assert (asked.status, asked.headers["Location"]) == (303, "../login?next=/goals/odense%3Fperiod%3D2026-W47")
    form = await (await client.get("/goals/odense?period=2026-W47", headers={"Accept": "text/html"})).text()
    onward = re.findall(r'name="next" value="([^"]+)"', form)[0]
    assert await log_in(client, "manager", onward=onward) == (303, "./goals/odense?period=2026-W47")
    assert await status_of(client, "/goals/odense?period=2026-W47") == 200


@pytest.mark.parametrize("onward", [
    "https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", "/javascript:alert(1)",
    "/x\r\nSet-Cookie: a=b", "/x\nLocation: //evil.example", "/ø", "", "x" * 5000])
async def test_a_login_leads_to_no_page_but_ours(visit: Visit, onward: str) -> None:
    client = await visit(guarded())
    status, location = await log_in(client, "manager", onward=onward)
    assert status == 303
    assert location.startswith("./")
    assert client.make_url("/login").join(URL(location)).host == client.host
    assert "\r" not in location
    assert "\n" not in location


async def test_the_cookie_is_kept_from_scripts_other_sites_and_the_clear(visit: Visit) -> None:
    client = await visit(guarded(url="https://tavle.example.dk/"))
    response = await client.post("/login", data={"name": "viewer", "password": PASSWORD}, headers=origin(client),
                                 allow_redirects=False)
    cookie = response.cookies[SESSION]
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"], cookie["path"]) == (True, True, "Lax", "/")
    assert int(cookie["max-age"]) == 12 * 3600
    assert PASSWORD not in str(cookie)
    assert HASH not in str(cookie)


@pytest.mark.parametrize("spoil", [
    lambda cookie: cookie[:-9] + ("A" if cookie[-9] != "A" else "B") + cookie[-8:], lambda cookie: "x" + cookie,
    lambda cookie: cookie.rsplit(".", 1)[0], lambda cookie: "", lambda cookie: "." * 5,
    lambda cookie: Signing(b"x" * 40, COPENHAGEN).session("ops", HASH), lambda cookie: token("ops"),
    lambda cookie: Signing(KEY, COPENHAGEN).session("nobody", HASH),
    lambda cookie: Signing(KEY, COPENHAGEN).session("ops", "another password's hash")])
async def test_a_cookie_that_is_not_ours_is_nobody(visit: Visit, spoil: Callable[[str], str]) -> None:
    client = await visit(guarded())
    good = Signing(KEY, COPENHAGEN).session("ops", HASH)
    assert await status_of(client, "/metrics", headers={"Cookie": f"{SESSION}={good}"}) == 200
    assert await status_of(client, "/metrics", headers={"Cookie": f"{SESSION}={spoil(good)}"}) == 401


async def test_a_session_ends_with_its_time_its_user_and_its_password(visit: Visit) -> None:
    cookie = {"Cookie": f"{SESSION}={Signing(KEY, COPENHAGEN).session('ops', HASH)}"}
    client = await visit(guarded(access(session_seconds=3600)))
    assert await status_of(client, "/metrics", headers=cookie) == 200
    with time_machine.travel(time.time() + 3700):
        assert await status_of(client, "/metrics", headers=cookie) == 401
    other = PasswordHasher(1, 8, 1).hash("en helt anden")
    for users in ([], [User("ops", Role.OPS, other)], [User("ops", Role.OPS)]):
        gone = await visit(guarded(access(users=users)))
        assert await status_of(gone, "/metrics", headers=cookie) == 401


async def test_a_logout_ends_the_session_wherever_its_cookie_was_copied_to_and_after_a_restart(visit: Visit) -> None:
    kept: list[str] = []
    client = await visit(guarded(keep_ended_sessions=kept.append))
    await log_in(client, "ops")
    copied = {"Cookie": f"{SESSION}={client.session.cookie_jar.filter_cookies(client.make_url('/'))[SESSION].value}"}
    assert await status_of(client, "/metrics", headers=copied) == 200
    response = await client.post("/logout", headers=origin(client), allow_redirects=False)
    assert response.status == 303
    assert await status_of(client, "/metrics", headers=copied) == 401
    later = await visit(guarded(ended_sessions=kept[-1]))
    assert await status_of(later, "/metrics", headers=copied) == 401


# -- streams that are open when the right to them ends

async def rest_of_stream(client: Client, path: str, end: Callable[[], Awaitable[object]]) -> bytes:
    """What a stream still sends after its right has ended; it has to end."""
    async with client.get(path) as response, asyncio.timeout(10):
        assert (await response.content.readline()).startswith(b"data: ")
        await end()
        return await response.content.read()


async def test_an_open_stream_ends_with_its_login(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slmon.web.stream.RIGHT_SECONDS", 0.05)
    client = await visit(guarded())
    await log_in(client, "viewer")
    await rest_of_stream(client, "/stream/odense", lambda: client.post("/logout", headers=origin(client)))
    await log_in(client, "viewer")
    with time_machine.travel(time.time()) as clock:
        async def half_a_day_passes() -> None:
            clock.shift(13 * 3600)
        await rest_of_stream(client, "/stream/odense", half_a_day_passes)


async def test_a_kiosks_open_stream_ends_with_its_last_day_and_another_goes_on(
        visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slmon.web.stream.RIGHT_SECONDS", 0.05)
    kiosks = [Kiosk("tv-odense", ("odense",), until=date(2026, 11, 23)), Kiosk("tv-syd", ("odense",))]
    client = await visit(guarded(access(kiosks=kiosks)))
    with time_machine.travel("2026-11-23T22:00:00+00:00") as clock:
        async def the_day_is_over() -> None:
            clock.shift(2 * 3600)
        async with client.get(f"/kiosk/{token('tv-syd')}/stream/odense") as other:
            await rest_of_stream(client, f"/kiosk/{token()}/stream/odense", the_day_is_over)
            for _ in range(2):                # the second one comes after that
                assert (await other.content.readline()).startswith(b"data: ")
                await other.content.readline()


# -- logins

async def test_a_wrong_name_and_a_wrong_password_are_answered_alike(visit: Visit) -> None:
    client = await visit(guarded())
    answers = []
    for name, password in (("viewer", "wrong"), ("nobody", "wrong"), ("", ""), ("viewer", "x" * 2000)):
        response = await client.post("/login", data={"name": name, "password": password}, headers=origin(client))
        answers.append((response.status, await response.text()))
    assert {status for status, _ in answers} == {401}
    assert len({text for _, text in answers}) == 1
    assert "Navnet eller adgangskoden er forkert." in answers[0][1]


async def test_a_name_that_nobody_has_is_checked_as_long_as_one_that_is_known(visit: Visit,
                                                                              monkeypatch: pytest.MonkeyPatch) -> None:
    checked: list[str] = []
    real = Login._fits
    monkeypatch.setattr(Login, "_fits", lambda login, hashed, password: (
        checked.append(hashed), real(login, hashed, password))[1])
    client = await visit(guarded(access(users=[*USERS, User("by proxy", Role.OPS)])))
    for name in ("viewer", "nobody", "by proxy"):
        assert (await log_in(client, name, "wrong"))[0] == 401
    assert checked == [HASH] * 3


async def test_no_password_fits_a_user_of_the_proxy(visit: Visit) -> None:
    client = await visit(guarded(access(users=[*USERS, User("by proxy", Role.OPS)])))
    assert (await log_in(client, "by proxy", PASSWORD))[0] == 401       # the decoy's own
    assert (await log_in(client, "nobody", PASSWORD))[0] == 401


async def test_trying_passwords_is_stopped_and_the_right_one_too(visit: Visit) -> None:
    client = await visit(guarded())
    statuses = [(await log_in(client, "ops", f"try {number}"))[0] for number in range(FOR_USER.amount + 2)]
    assert statuses == [401] * FOR_USER.amount + [429] * 2
    assert (await log_in(client, "ops"))[0] == 429
    assert (await log_in(client, "viewer"))[0] == 303                   # the others are not locked out with it


async def test_one_address_may_try_so_many_names_and_no_more() -> None:
    tries = Tries()
    found = [await tries.one_more("192.0.2.7", f"user {number}") for number in range(BY_ADDRESS.amount + 1)]
    assert found == [True] * BY_ADDRESS.amount + [False]
    assert await tries.one_more("192.0.2.8", "user")
    one_house = [await tries.one_more(f"2001:db8::{number:x}", f"user {number}") for number in range(30)]
    assert not all(one_house)


async def test_a_good_login_forgets_the_bad_ones_before(visit: Visit) -> None:
    client = await visit(guarded())
    for _ in range(3):
        for number in range(3):
            await log_in(client, "viewer", f"wrong {number}")
        assert (await log_in(client, "viewer"))[0] == 303


@pytest.mark.parametrize(("body", "kind", "status"), [
    (b"x" * 20_000, "application/x-www-form-urlencoded", 413), (b"{}", "application/json", 415),
    (b"--x\r\nbad", "multipart/form-data; boundary=x", 415), (b"", "application/x-www-form-urlencoded", 401),
    (b"name=%ff%fe&password=%00", "application/x-www-form-urlencoded", 401),
    (b"name=x", "application/x-www-form-urlencoded; charset=klingon", 400)])
async def test_a_form_that_is_none_is_no_mistake_of_ours(visit: Visit, body: bytes, kind: str, status: int) -> None:
    client = await visit(guarded())
    response = await client.post("/login", data=body, headers={**origin(client), "Content-Type": kind})
    assert response.status == status


# -- changes from elsewhere

@pytest.mark.parametrize("sent", [
    {}, {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": ""}, {"Origin": "http://localhost.evil.example"},
    {"Origin": "file://"}, {"Origin": "http://"}, {"Origin": "http://[::1"}, {"Referer": "http://localhost/login"}])
@pytest.mark.parametrize("path", ["/login", "/logout"])
async def test_no_other_page_can_send_our_forms(visit: Visit, path: str, sent: dict[str, str]) -> None:
    client = await visit(guarded())
    response = await client.post(path, data={"name": "ops", "password": PASSWORD}, headers=sent, allow_redirects=False)
    assert response.status == 403
    assert "Set-Cookie" not in response.headers


async def test_the_login_page_lets_the_browser_say_where_its_form_is_from(visit: Visit) -> None:
    client = await visit(guarded())
    assert (await client.get("/login")).headers["Referrer-Policy"] == "same-origin"
    assert (await client.get("/-/healthy")).headers["Referrer-Policy"] == "no-referrer"


async def test_a_form_through_the_proxys_name_is_ours(visit: Visit) -> None:
    client = await visit(guarded(hosts=["tavle.example"]))
    for host, sender, status in (("tavle.example", "https://tavle.example", 303), ("127.0.0.1:1", "https://tavle.example",
                                 303), ("tavle.example", "https://tavle.example.evil.example", 403)):
        response = await client.post("/login", data={"name": "ops", "password": PASSWORD}, allow_redirects=False,
                                     headers={"Host": host, "Origin": sender})
        assert response.status == status


# -- the proxy

async def test_the_proxy_tells_the_user_and_his_role(visit: Visit) -> None:
    client = await visit(guarded(access(proxy=HERE)))
    for headers, status in (({"X-Remote-User": "anna", "X-Remote-Role": "ops"}, 200),
                            ({"X-Remote-User": "anna", "X-Remote-Role": "manager"}, 403),
                            ({"X-Remote-User": "ops"}, 200), ({"X-Remote-User": "anna"}, 403),
                            ({"X-Remote-User": "anna", "X-Remote-Role": "root"}, 403),
                            ({"X-Remote-Role": "ops"}, 401), ({"X-Remote-User": " "}, 401),
                            ({"X-Remote-User": "a" * 200, "X-Remote-Role": "ops"}, 401)):
        assert await status_of(client, "/metrics", headers=headers) == status, headers


async def test_nobody_but_the_proxy_tells_who_he_is(visit: Visit) -> None:
    client = await visit(guarded())               # its proxy is at another address
    for header in ("X-Remote-User", "x-remote-user", "X-REMOTE-USER", "X_Remote_User"):
        assert await status_of(client, "/metrics", headers={header: "ops", "X-Remote-Role": "ops"}) == 401
    forwarded = {"X-Forwarded-For": "192.0.2.1", "X-Remote-User": "ops", "X-Remote-Role": "ops"}
    assert await status_of(client, "/metrics", headers=forwarded) == 401


async def test_behind_the_proxy_one_client_may_have_so_many_boards_and_others_have_theirs(
        visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slmon.web.stream.OF_ONE_ADDRESS", 2)
    client = await visit(guarded(access(proxy=HERE, anonymous=Role.VIEWER)))
    async with AsyncExitStack() as boards:
        async def opened(*forwarded: str) -> tuple[int, bool]:
            headers = {"X-Forwarded-For": ", ".join(forwarded)} if forwarded else {}
            response = await boards.enter_async_context(client.get("/stream/odense", headers=headers))
            return response.status, "Retry-After" in response.headers

        assert [await opened(f"198.51.100.{number}", "192.0.2.7") for number in range(3)] == [
            (200, False), (200, False), (503, True)]          # what a client says of itself tells nobody apart
        assert await opened("192.0.2.8") == (200, False)
        assert [await opened() for _ in range(3)] == [(200, False)] * 3      # the proxy tells of no client


async def test_a_user_told_twice_is_nobody(visit: Visit) -> None:
    client = await visit(guarded(access(proxy=HERE)))
    reader, writer = await open_raw(client)
    writer.write(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nX-Remote-User: anna\r\nX-Remote-User: ops\r\n"
                 b"Connection: close\r\n\r\n")
    assert b" 401 " in (await reader.read()).splitlines()[0]
    writer.close()


# -- Prometheus

@pytest.mark.parametrize(("sent", "status"), [
    (f"Bearer {TOKEN}", 200), (f"bearer {TOKEN}", 200), (f"Basic {TOKEN}", 401), (f"Bearer {TOKEN[:-1]}", 401),
    ("Bearer ", 401), ("Bearer", 401), ("", 401), (f"Bearer {TOKEN}x", 401), ("Bearer é", 401)])
async def test_prometheus_has_a_token_for_the_metrics_alone(visit: Visit, sent: str, status: int) -> None:
    client = await visit(guarded())
    assert await status_of(client, "/metrics", headers={"Authorization": sent}) == status
    assert await status_of(client, "/goals", headers={"Authorization": sent}) == 401


async def test_no_token_configured_is_not_an_empty_token(visit: Visit) -> None:
    client = await visit(guarded(access(scrape_token=b"")))
    assert await status_of(client, "/metrics", headers={"Authorization": "Bearer "}) == 401


async def test_prometheus_may_be_known_by_its_address(visit: Visit) -> None:
    assert await status_of(await visit(guarded(access(scrapers=HERE.networks))), "/metrics") == 200
    assert await status_of(await visit(guarded(access(scrapers=HERE.networks))), "/goals") == 401


# -- the books, and what is in none

async def test_logins_and_looks_at_the_past_are_in_the_books(visit: Visit) -> None:
    books: list[tuple[str, str]] = []
    client = await visit(guarded(note=lambda who, what: books.append((who, what))))
    await log_in(client, "manager", "wrong")
    await log_in(client, "min hemmelige kode", "x")
    await log_in(client, "manager")
    for path in ("/goals/odense?period=2026-W47", "/goals", "/share/syd", "/goals/nowhere", "/metrics", "/"):
        await status_of(client, path)
    await client.post("/logout", headers=origin(client))
    assert books == [("manager", "login refused"), ("unknown", "login refused"), ("manager", "login"),
                     ("manager", "goals odense 2026-W47"), ("manager", "goals"), ("manager", "share syd"),
                     ("manager", "logout")]


async def test_no_secret_is_in_a_log_a_metric_or_a_page(visit: Visit) -> None:
    async def broken(view: str, first: date, last: date) -> list[Any]:
        raise RuntimeError("broken")
    house = guarded(history=broken)
    client = await visit(house)
    with structlog.testing.capture_logs() as logs:
        await log_in(client, "ops")
        await status_of(client, "/goals")
        await status_of(client, f"/kiosk/{token()}/feed/odense.atom")            # fails, and is logged
        await status_of(client, f"/kiosk/{token()}x/board/odense")
    said = repr(logs) + repr(house.access) + repr(house.visits)
    assert "a page failed" in said
    assert "/kiosk/{token}/feed/{view}.atom" in said
    for secret in (PASSWORD, HASH, TOKEN, token(), KEY.hex(), repr(KEY), KEY.decode("latin-1")):
        assert secret not in said
    assert house.visits.refused["role"] == 1
    assert [view.name for view in VIEWS] == ["odense", "syd"]
