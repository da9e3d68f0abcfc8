"""The web server: pages, streams, headers, words. Real snapshots, real sockets."""

import asyncio
import json
import re
import socket
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import date
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, ClientTimeout, web
from aiohttp.test_utils import TestClient
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from web_house import NINE, Scene, house_of, tally

from slmon.core import facts as f
from slmon.core.board import Snapshot
from slmon.core.facts import CallId, GapMarked, Place, Verdict
from slmon.core.goals import Goal, Goals
from slmon.core.hours import Hours, Schedule, week
from slmon.core.instant import SECOND
from slmon.core.scoreboard import Scoreboard
from slmon.core.site import View
from slmon.web import board
from slmon.web.app import STREAMS, House, make_app, serve
from slmon.web.goals import GAPS_AT_MOST, Day
from slmon.web.past import QUESTIONS_AT_MOST
from slmon.web.period import Kind, period_of
from slmon.web.stream import Browser
from slmon.web.words import LANGUAGES, decimals_that_tell, words

Client = TestClient[web.Request, web.Application]
Visit = Callable[[House], Awaitable[Client]]
WEB = Path(board.__file__).parent
NO_BREAK = "\u00a0"


@pytest.fixture
def visit(aiohttp_client: Any) -> Visit:
    async def open_house(house: House) -> Client:
        client: Client = await aiohttp_client(make_app(house))
        return client
    return open_house


def figures(snapshot: Snapshot) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(board.picture(snapshot, "v").event.removeprefix(b"data: "))["figures"]
    return found


async def pictures(client: Client, view: str = "odense") -> AsyncIterator[dict[str, Any]]:
    async with client.get(f"/stream/{view}") as response:
        async for line in response.content:
            if line.startswith(b"data: "):
                yield json.loads(line[6:])


async def text_of(client: Client, path: str, status: int = 200) -> str:
    response = await client.get(path)
    assert response.status == status
    return await response.text()


# -- pictures

def test_a_picture_shows_what_the_scoreboard_counted() -> None:
    hours = Hours([Schedule(week({day: [(540, 900)] for day in range(5)}))])
    scoreboard = Scoreboard(hours, Goals([(date.min, Goal(minimum_calls=1))], hours.day_of), pbxes=["pbx1"])
    answered, waiting = CallId("pbx1/1.0"), CallId("pbx1/2.0")
    late = NINE + 600 * SECOND
    for fact in (f.CallArrived(answered, NINE, "Hovednummer", True, None), f.CallAsked(answered, NINE + SECOND),
                 f.CallAnswered(answered, NINE + 5 * SECOND, NINE + 5 * SECOND, (5.0, 5.0)),
                 f.CallJudged(answered, NINE + 5 * SECOND, Verdict.MET),
                 f.CallMoved(answered, NINE + 5 * SECOND, Place.TALKING),
                 f.CallArrived(waiting, late, "Hovednummer", True, None), f.CallAsked(waiting, late + SECOND),
                 f.CallMoved(waiting, late + SECOND, Place.WAITING)):
        scoreboard.record(fact)
    shown = figures(scoreboard.snapshot(View("all", "Alle"), late + 7 * SECOND))
    assert shown["waiting"] == [late // 1000]
    assert (shown["today"]["part"], shown["today"]["of"], shown["today"]["verdict"]) == (1, 1, "kept")
    assert shown["day"][0][1:4] == [1, 0, 0]


def test_time_going_by_is_not_a_new_picture() -> None:
    scene = Scene()
    one = board.picture(scene.snapshot(""), "v")
    scene.at += SECOND
    other = board.picture(scene.snapshot(""), "v")
    assert one.drawn == other.drawn
    assert one.event != other.event


def test_a_picture_tells_since_when_nothing_is_saved_and_that_earlier_calls_are_set_aside() -> None:
    troubled = board.picture(Scene().snapshot(""), "v", board.Keeping(NINE, set_aside=True)).drawn
    assert json.loads(troubled)["not_saving_since"] == NINE // 1000
    assert json.loads(troubled)["set_aside"] is True
    assert (figures(Scene().snapshot(""))["not_saving_since"], figures(Scene().snapshot(""))["set_aside"]) == (
        None, False)


def test_desks_that_may_not_be_shown_are_none_and_not_zero() -> None:
    assert figures(Scene(desks=(0, 0, 0)).snapshot(""))["desks"] is not None
    assert figures(Scene(desks=None).snapshot(""))["desks"] is None


def test_a_picture_is_one_line_whatever_a_name_holds() -> None:
    scene = Scene(holiday="Lang\u2028fredag\r\ndata: {}\n\n</script>")
    event = board.picture(scene.snapshot(""), "v").event
    assert event.isascii()
    assert event.count(b"\n") == 2


@pytest.mark.parametrize(("share", "decimals"), [(0.8254, 1), (0.7996, 2), (0.8, 1), (0.79996, 3), (None, 1)])
def test_a_share_has_the_decimals_that_show_on_which_side_of_the_goal_it_is(share: float, decimals: int) -> None:
    assert decimals_that_tell(share, 0.80) == decimals


# -- the stream

async def test_a_browser_gets_the_picture_at_once_and_the_next_on_a_change(visit: Visit) -> None:
    scene = Scene()
    house = house_of(scene)
    async with aclosing(pictures(await visit(house))) as stream:
        assert (await anext(stream))["figures"]["waiting"] == []
        scene.waits = (3.0,)
        house.changed.set()
        async for picture in stream:
            if picture["figures"]["waiting"]:
                break


async def test_a_browser_hears_a_beat_when_nothing_changes(visit: Visit) -> None:
    async with aclosing(pictures(await visit(house_of(Scene())))) as stream:
        first, second, third = [await anext(stream) for _ in range(3)]
    assert first["figures"] == second["figures"] == third["figures"]
    assert first["time"]["at"] < second["time"]["at"] < third["time"]["at"]


async def test_a_storm_of_changes_becomes_few_pictures_and_the_last_one_is_the_newest(visit: Visit) -> None:
    scene = Scene()
    house = house_of(scene)
    seen = 0
    async with aclosing(pictures(await visit(house))) as stream:
        await anext(stream)

        async def storm() -> None:
            for calls in range(500):
                scene.today = tally(calls, 0)
                house.changed.set()
                await asyncio.sleep(0.001)

        storming = asyncio.create_task(storm())
        async for picture in stream:
            seen += 1
            if picture["figures"]["today"]["part"] == 499:
                break
        await storming
    assert seen < 50


async def test_a_view_that_cannot_be_drawn_leaves_the_others_alone(
        visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slmon.web.stream.BEAT_SECONDS", 0.2)
    scenes = {"odense": Scene(), "broken": Scene(goal="no goal")}     # type: ignore[arg-type]
    client = await visit(house_of(scenes))
    async with client.get("/stream/broken") as broken, aclosing(pictures(client)) as stream:
        assert await broken.content.readline() == b": no picture yet\n"
        for _ in range(2):
            await anext(stream)


async def test_one_browser_too_many_is_told_when_to_come_back(visit: Visit) -> None:
    client = await visit(house_of(Scene(), browsers_at_most=1))
    async with aclosing(pictures(client)) as stream:
        await anext(stream)
        response = await client.get("/stream/odense")
    assert response.status == 503
    assert 1 <= int(response.headers["Retry-After"]) <= 60


async def test_a_browser_that_left_makes_room(visit: Visit) -> None:
    client = await visit(house_of(Scene(), browsers_at_most=1))
    for _ in range(3):
        async with aclosing(pictures(client)) as stream:
            await anext(stream)
        while client.app and client.app[STREAMS].open:      # noqa: ASYNC110 - seen at the next beat
            await asyncio.sleep(0.05)


async def test_a_browser_that_does_not_read_is_skipped_and_after_ten_seconds_dropped() -> None:
    served: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()
    server = await asyncio.start_server(lambda _, writer: served.set_result(writer), "127.0.0.1", 0)
    with socket.create_connection(server.sockets[0].getsockname()):        # connected, and never reads
        transport = (await served).transport
        browser = Browser(transport, asyncio.get_running_loop().create_future(), listening=True)
        while not transport.get_write_buffer_size():
            browser.offer(b"x" * 65536, 0.0)
        held = transport.get_write_buffer_size()
        for now in (1.0, 5.0, 10.9):
            browser.offer(b"x" * 65536, now)
        assert transport.get_write_buffer_size() == held
        assert not browser.gone.done()
        browser.offer(b"x", 11.0)
        assert browser.gone.done()
        assert transport.is_closing()
    server.close()


async def test_shutting_down_ends_open_streams_without_waiting_for_them() -> None:
    app = make_app(house_of(Scene()))
    async with ClientSession(timeout=ClientTimeout(30)) as session, asyncio.timeout(20):
        async with serve(app, "127.0.0.1", 0) as url:
            response = await session.get(url + "stream/odense")
            assert (await response.content.readline()).startswith(b"data: ")
        rest = await response.content.read()          # the stream has its end, not a broken connection
    assert rest.startswith(b"\n")


async def test_the_stream_also_speaks_to_old_clients_without_chunks(
        visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slmon.web.stream.BEAT_SECONDS", 0.2)
    client = await visit(house_of(Scene()))
    reader, writer = await asyncio.open_connection(client.server.host, client.server.port)
    writer.write(b"GET /stream/odense HTTP/1.0\r\nHost: localhost\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert b"chunked" not in head.lower()
    for _ in range(2):
        assert (await reader.readuntil(b"\n\n")).startswith(b"data: ")
    writer.close()


# -- doors and headers

@pytest.mark.parametrize("path", ["/", "/board/odense", "/goals", "/goals/odense", "/nothing", "/metrics", "/-/ready",
                                  "/stream/odense", "/static/x/board.js"])
async def test_every_answer_has_the_strict_headers(visit: Visit, path: str) -> None:
    client = await visit(house_of(Scene()))
    async with client.get(path) as response:
        policy = dict(part.split(" ", 1) for part in response.headers["Content-Security-Policy"].split("; "))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == "'self'"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "Set-Cookie" not in response.headers


async def test_the_intranet_may_be_allowed_to_frame_the_board_and_nothing_else(visit: Visit) -> None:
    client = await visit(house_of(Scene(), frame_ancestors=["https://intranet.example"]))
    framed = {path: "https://intranet.example" in (await client.get(path)).headers["Content-Security-Policy"]
              for path in ("/embed/odense", "/", "/board/odense", "/goals", "/share/odense", "/kiosk", "/nothing")}
    assert [path for path, allowed in framed.items() if allowed] == ["/embed/odense"]


@pytest.mark.parametrize(("host", "status"), [
    ("localhost:8080", 200), ("127.0.0.1", 200), ("[::1]:8080", 200), ("tavle.example", 200), ("TAVLE.example:80", 200),
    ("evil.example", 421), ("tavle.example.evil.example", 421), ("127.0.0.1.evil.example", 421), ("", 421),
    ("127.0.0.1:80@evil.example", 421), ('127.0.0.1:80"><b>', 421), ("[::1", 421), ("[::1]evil.example", 421)])
async def test_only_our_own_names_are_answered(visit: Visit, host: str, status: int) -> None:
    client = await visit(house_of(Scene(), hosts=["tavle.example"]))
    assert (await client.get("/", headers={"Host": host})).status == status


async def test_prometheus_may_ask_by_any_name(visit: Visit) -> None:
    client = await visit(house_of(Scene()))
    response = await client.get("/metrics", headers={"Host": "slmon.internal:8080"})
    assert await response.text() == "slmon_open 1\n"
    assert response.headers["Content-Type"] == "text/plain; version=0.0.4"


async def test_a_scrape_storm_costs_a_few_renderings_however_it_asks(visit: Visit) -> None:
    house, rendered = house_of(Scene()), []
    house = replace(house, metrics=lambda accept: (rendered.append(accept), (b"slmon_open 1\n", "text/plain"))[1])
    client = await visit(house)
    for number in range(200):
        response = await client.get("/metrics", headers={"Accept": f"text/x-{number % 50}"})
        assert await response.text() == "slmon_open 1\n"
    assert len(rendered) < 50


async def test_of_too_many_questions_over_the_past_some_come_back_later_and_board_and_scrape_are_served(
        visit: Visit) -> None:
    answering = asyncio.Event()

    async def slow(view: str, first: date, last: date) -> list[Day]:
        await answering.wait()
        return []
    client = await visit(house_of(Scene(), history=slow))
    asked = [asyncio.create_task(client.get(path)) for path in ("/goals", "/feed/odense.atom") * 15]
    async with asyncio.timeout(20):
        refused = [await each for each in islice(asyncio.as_completed(asked), 30 - QUESTIONS_AT_MOST)]
    assert {(each.status, "Retry-After" in each.headers) for each in refused} == {(503, True)}
    assert "Prøv igen om et øjeblik." in await refused[0].text()
    await text_of(client, "/metrics")
    async with aclosing(pictures(client)) as stream:
        await anext(stream)
    answering.set()
    assert Counter([(await each).status for each in asked]) == {200: QUESTIONS_AT_MOST, 503: len(refused)}
    await text_of(client, "/goals")


@pytest.mark.parametrize(("path", "status"), [
    ("/board/nowhere", 404), ("/stream/nowhere", 404), ("/goals/nowhere", 404), ("/goals?period=soon", 404),
    ("/goals?period=2026-W60", 404), ("/static/x/../app.py", 404), ("/static/x/%2e%2e%2fapp.py", 404), ("/nope", 404)])
async def test_an_unknown_address_says_so_in_words(visit: Visit, path: str, status: int) -> None:
    page = await text_of(await visit(house_of(Scene())), path, status)
    assert "Den side findes ikke" in page


async def test_nothing_can_be_changed_from_outside(visit: Visit) -> None:
    client = await visit(house_of(Scene()))
    for path in ("/", "/goals", "/stream/odense", "/metrics"):
        response = await client.post(path, data=b"x")
        assert response.status == 405
        assert "GET" in response.headers["Allow"]


async def test_a_stream_has_no_head_alone(visit: Visit) -> None:
    assert (await (await visit(house_of(Scene()))).head("/stream/odense")).status == 405


async def test_a_page_that_fails_says_nothing_of_why(visit: Visit) -> None:
    async def broken(view: str, first: date, last: date) -> list[Day]:
        raise RuntimeError(f"secret {view} {first} {last}")
    page = await text_of(await visit(house_of(Scene(), history=broken)), "/goals", 500)
    assert "Noget gik galt her" in page
    assert "secret" not in page


async def test_static_files_are_kept_for_good_under_their_version_only(visit: Visit) -> None:
    client = await visit(house_of(Scene()))
    address = re.findall(r'src="(static/[^"]+board\.js)"', await text_of(client, "/"))[0]
    assert "immutable" in (await client.get("/" + address)).headers["Cache-Control"]
    assert (await client.get("/static/older/board.js")).headers["Cache-Control"] == "no-store"


async def test_of_a_link_that_flapped_all_day_the_longest_gaps_are_named_and_the_others_counted(visit: Visit) -> None:
    gaps = [GapMarked("pbx1", NINE + 5 * number * SECOND, NINE + (5 * number + 1 + number % 2) * SECOND, "cut", 1)
            for number in range(2 * GAPS_AT_MOST)]

    async def history(*_: object) -> list[Day]:
        return [Day(date(2026, 11, 23), Goal(), tally(9, 3), 1.5 * len(gaps), gaps=tuple(gaps))]
    client = await visit(house_of(Scene(), history=history))
    page = await text_of(client, "/goals?period=2026-11-23")
    told = re.findall(r'<tr><th scope="row">([^<]+)</th><td>[^<]+</td><td>pbx1</td>', page)
    assert (len(told), told[0][-2:], told[1][-2:]) == (GAPS_AT_MOST, "05", "15")
    assert f"Og {GAPS_AT_MOST} kortere huller." in page
    assert "200 opkald" in page


async def test_ready_says_what_is_missing(visit: Visit) -> None:
    client = await visit(house_of(Scene(), ready=lambda: "the store is not open"))
    assert await text_of(client, "/-/ready", 503) == "slmon is not ready: the store is not open\n"
    await text_of(client, "/-/healthy")
    await text_of(await visit(house_of(Scene())), "/-/ready")


async def test_names_from_outside_are_text_in_every_page(visit: Visit) -> None:
    evil = '"><script src=//evil.example></script><img src=x onerror=alert(1)>'
    client = await visit(house_of(Scene(), views=[View(evil, evil)]))
    for path in ("/", "/goals", f"/goals?lang={evil}&theme={evil}"):
        page = await text_of(client, path)
        assert "<script src=//evil" not in page
        assert "<img" not in page


# -- the goals page

async def test_a_day_tells_its_figures_its_breaches_and_the_formula(visit: Visit) -> None:
    page = re.sub(r"[ \n]+", " ", await text_of(await visit(house_of(Scene())), "/goals?period=2026-11-23"))
    assert f"87,2{NO_BREAK}%" in page
    assert "150 af 172" in page
    assert "22 opkald over målet" in page
    assert "27,4 sek." in page
    assert "højst 20 sekunder efter at medlemmet ringede ind" in page
    for formula in ("answer_within", "answered_only", "abandons_ignored", "abandons_within_are_good",
                    "everyone_in_hours", "asterisk_sl", "asterisk_sl2"):
        assert f"<code>{formula}</code>" in page


async def test_undecided_calls_widen_the_figure_on_the_page(visit: Visit) -> None:
    page = await text_of(await visit(house_of(Scene())), "/goals?period=2026-11-19")
    assert "3 uafklarede opkald: tallet ligger mellem" in page
    assert "4 min." in page


async def test_a_week_is_the_sum_of_its_days(visit: Visit) -> None:
    page = await text_of(await visit(house_of(Scene())), "/goals?period=2026-W47&lang=en")
    assert "845 of 1,049" in page
    assert "16–22 Nov 2026" in page.replace("\u2009", "")     # newer Babel sets thin spaces around the dash


async def test_a_period_without_calls_says_so_and_shows_no_share(visit: Visit) -> None:
    page = await text_of(await visit(house_of(Scene())), "/goals?period=2025-03")
    assert "Ingen opkald i telefontiden i denne periode." in page
    assert f"0,0{NO_BREAK}%" not in page
    assert f"100,0{NO_BREAK}%" not in page


async def test_few_calls_have_a_figure_and_no_verdict(visit: Visit) -> None:
    async def few(view: str, first: date, last: date) -> list[Day]:
        return [Day(first, Goal(), tally(3, 1, answered=3))]
    page = await text_of(await visit(house_of(Scene(), history=few)), "/goals?period=2026-11-23")
    assert f"75,0{NO_BREAK}%" in page
    assert "for få opkald" in page
    assert "nået" not in page


@pytest.mark.parametrize(("answered", "longest"), [(3, "10,0 sek."), (4, "mindst 10,0 sek.")])
async def test_the_longest_wait_is_at_least_so_where_another_is_known_roughly(
        visit: Visit, answered: int, longest: str) -> None:
    async def rough(view: str, first: date, last: date) -> list[Day]:
        return [Day(date(2026, 11, 23), Goal(), replace(tally(3, 0, answered=answered), longest_answer_seconds=10.0,
                                                        answer_seconds=Counter({10.0: 3})))]
    page = await text_of(await visit(house_of(Scene(), history=rough)), "/goals?period=2026-11-23")
    assert re.findall(r"Længste svartid</dt><dd>(.*?)</dd>", page) == [longest]


@pytest.mark.parametrize(("text", "kind", "first", "last"), [
    ("2026-11-23", Kind.DAY, "2026-11-23", "2026-11-23"), ("2026-W53", Kind.WEEK, "2026-12-28", "2027-01-03"),
    ("2028-02", Kind.MONTH, "2028-02-01", "2028-02-29"), ("2026-Q4", Kind.QUARTER, "2026-10-01", "2026-12-31"),
    ("2026", Kind.YEAR, "2026-01-01", "2026-12-31"), ("2026-12-30..2027-01-02", Kind.SPAN, "2026-12-30", "2027-01-02")])
def test_a_period_is_read_as_it_is_written(text: str, kind: Kind, first: str, last: str) -> None:
    period = period_of(text)
    assert (period.kind, str(period.first), str(period.last), period.name) == (kind, first, last, text)
    assert period.before().after() == period


@pytest.mark.parametrize("text", ["", "2026-13", "2026-W54", "2026-Q5", "2026-02-30", "2026-1", "9999", "x..y", "²026",
                                  "2026-11-23..2026-11-22", "2020-01-01..2026-01-01", "2026-11-23\n"])
def test_what_is_no_period_is_refused(text: str) -> None:
    with pytest.raises(ValueError):     # noqa: PT011 - fromisoformat has words of its own
        period_of(text)


# -- words

def extracted() -> set[str]:
    found = extract_from_dir(
        str(WEB), [("**.py", "python"), ("templates/**.html", "jinja2"), ("static/**.js", "javascript")],
        keywords={"_": None, "gettext": None, "ngettext": (1, 2)},
        options_map={"static/**.js": {"parse_template_string": "true"}})
    return {message if isinstance(message, str) else message[0] for _, _, message, _, _ in found}


def test_every_text_has_its_danish_words_and_no_danish_words_are_left_over() -> None:
    catalogue = read_po(BytesIO((WEB / "locale" / "da.po").read_bytes()), locale="da")
    known = {message.id if isinstance(message.id, str) else message.id[0] for message in catalogue if message.id}
    assert extracted() - {""} == known
    assert all(message.string and (isinstance(message.string, str) or all(message.string))
               for message in catalogue if message.id)


def test_danish_words_take_the_same_values_as_the_english() -> None:
    speak = words("da")
    for text, danish in speak.texts.items():
        assert sorted(re.findall(r"%\(\w+\)s", text)) == sorted(re.findall(r"%\(\w+\)s", danish)), text


@pytest.mark.parametrize(("language", "share", "count"), [
    ("da", f"82,5{NO_BREAK}%", "1.049"), ("en", "82.5%", "1,049")])
def test_figures_are_written_as_the_language_writes_them(language: str, share: str, count: str) -> None:
    assert words(language).share(0.8254) == share
    assert words(language).count(1049) == count
    assert words(language).share(None) == "–"


async def test_a_page_speaks_the_language_of_the_site_or_of_the_address(visit: Visit) -> None:
    client = await visit(house_of(Scene(), language="en"))
    assert '<html lang="en"' in await text_of(client, "/")
    assert '<html lang="da"' in await text_of(client, "/?lang=da")
    assert '<html lang="en"' in await text_of(client, "/?lang=tlh")
    assert set(LANGUAGES) == {"da", "en"}


def test_the_font_is_ours_and_its_licence_lies_beside_it() -> None:
    assert (WEB / "static" / "inter.woff2").read_bytes().startswith(b"wOF2")
    assert "SIL Open Font License" in (WEB / "static" / "inter-OFL.txt").read_text()


async def test_beside_each_figure_stands_how_many_calls_a_gap_of_its_period_may_hide(visit: Visit) -> None:
    client = await visit(house_of(Scene()))
    text = await (await client.get("/goals?period=2026-11-19&lang=en")).text()
    assert text.count("at most 7 calls are missing here") == 2
    assert "at most 7 calls came and went unseen" in text
    week = await (await client.get("/goals?period=2026-W47&lang=en")).text()
    assert "(at most 7 calls)" in week
    other = await (await client.get("/goals?period=2026-11-20&lang=en")).text()
    assert "missing here" not in other
