"""What other pages of the house show: frame, badge, feed, snippets, boards in turns; and how it is counted."""

import re
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from access_house import Client, access, guarded, log_in, token
from web_house import HOUR, NINE, Scene, days_of, house_of, tally

from slmon.core.board import Day, LinkState
from slmon.core.goals import Goal, Goals
from slmon.core.hours import Hours, Phase
from slmon.core.instant import SECOND
from slmon.core.scoreboard import Scoreboard
from slmon.core.site import View
from slmon.metrics import Labels, Metrics
from slmon.store.calls import CallStore
from slmon.web.app import House, make_app
from slmon.web.badge import GREEN, GREY, RED
from slmon.web.rooms import Role

Visit = Callable[[House], Awaitable[Client]]
NO_BREAK = "\u00a0"
ATOM = "{http://www.w3.org/2005/Atom}"
EVIL = '"><script>alert(1)</script>\'&lt;]]>'
GONE = (LinkState("pbx1", True, NINE, NINE + HOUR), LinkState("pbx2", False, NINE, NINE + HOUR))


@pytest.fixture
def visit(aiohttp_client: Any) -> Visit:
    async def open_house(house: House) -> Client:
        client: Client = await aiohttp_client(make_app(house))
        return client
    return open_house


async def text_of(client: Client, path: str, **more: Any) -> str:
    response = await client.get(path, **more)
    assert response.status == 200
    return await response.text()


# -- the badge

@pytest.mark.parametrize(("scene", "says", "colour"), [
    (Scene(), f"✓ 82,5{NO_BREAK}% (175 af 212) kl. 13.42", GREEN),
    (Scene(today=tally(100, 90)), f"▼ 52,6{NO_BREAK}% (100 af 190) kl. 13.42", RED),
    (Scene(today=tally(3, 0)), f"100,0{NO_BREAK}% (3 af 3) kl. 13.42", GREY),
    (Scene(today=tally(0, 0)), "ingen opkald endnu", GREY),
    (Scene(links=GONE), "ingen aktuelle tal", GREY),
    (Scene(links=()), "ingen aktuelle tal", GREY),
    (Scene(links=(LinkState("pbx1", True, NINE, NINE),)), "ingen aktuelle tal", GREY),
    (Scene(links=(LinkState("pbx1", True, NINE, None),)), "ingen aktuelle tal", GREY),
    (Scene(phase=Phase.CLOSED), "telefonerne er lukket", GREY),
    (Scene(phase=Phase.HOLIDAY, holiday="Langfredag"), "telefonerne er lukket", GREY)])
async def test_a_badge_says_the_share_or_why_there_is_none_and_is_green_only_when_live(
        visit: Visit, scene: Scene, says: str, colour: str) -> None:
    response = await (await visit(house_of(scene.but()))).get("/badge/odense.svg")
    assert response.content_type == "image/svg+xml"
    assert response.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert response.headers["Cache-Control"] == "no-store"
    svg = ElementTree.fromstring(await response.read())
    texts = [each.text for each in svg.iter("{http://www.w3.org/2000/svg}text")]
    assert texts == ["Inden 20 sek. i dag", says]
    assert [each.get("fill") for each in svg.iter("{http://www.w3.org/2000/svg}rect")] == [colour]


async def test_a_badge_speaks_the_language_of_its_address(visit: Visit) -> None:
    badge = await text_of(await visit(house_of(Scene())), "/badge/odense.svg?lang=en")
    assert "Within 20 s today: ✓ 82.5% (175 of 212) at 13:42" in badge


# -- the feed

async def entries(client: Client, path: str = "/feed/odense.atom") -> list[ElementTree.Element]:
    return ElementTree.fromstring(await text_of(client, path)).findall(f"{ATOM}entry")


def words_of(entry: ElementTree.Element, name: str) -> str:
    return entry.findtext(f"{ATOM}{name}") or ""


async def test_a_feed_has_each_day_that_is_over_in_words_newest_first(visit: Visit) -> None:
    days = await entries(await visit(house_of(Scene())))
    assert words_of(days[0], "title") == (
        f"Kreds Odense, fredag den 20. november 2026: 82,2{NO_BREAK}% inden 20 sek. (171 af 208)")
    assert len(days) == len(await days_of("", date(2026, 10, 24), date(2026, 11, 22)))
    holed = next(entry for entry in days if "19. november" in words_of(entry, "title"))
    said = words_of(holed, "content")
    assert "3 opkald er uafklarede." in said
    assert "I 4 min. blev intet hørt fra telefonanlægget." in said
    assert re.search(r"Målet på 80.% blev (ikke )?nået\.", words_of(days[0], "content"))


async def test_a_days_entry_is_the_same_one_whoever_reads_it_wherever(visit: Visit) -> None:
    here = await entries(await visit(house_of(Scene())))
    there = await entries(await visit(house_of(Scene(), url="https://tavle.example.dk/")), "/feed/odense.atom?lang=en")
    assert [words_of(each, "id") for each in here] == [words_of(each, "id") for each in there]
    assert len({words_of(each, "id") for each in here}) == len(here)
    link = there[0].find(f"{ATOM}link")
    assert link is not None
    assert link.get("href") == "https://tavle.example.dk/goals/odense?period=2026-11-20"
    assert words_of(here[0], "updated") == "2026-11-21T00:00:00+01:00"


async def test_a_feed_gives_no_verdict_on_few_calls_and_passes_over_days_without_any(visit: Visit) -> None:
    async def few(view: str, first: date, last: date) -> list[Day]:
        return [Day(date(2026, 11, 18), Goal(), tally(3, 1)), Day(date(2026, 11, 19), Goal(), tally(0, 0))]
    days = await entries(await visit(house_of(Scene(), history=few)))
    assert [words_of(each, "content") for each in days] == [
        f"75,0{NO_BREAK}% af opkaldene blev besvaret inden for 20 sekunder (3 af 4)."]


# -- the page to copy from, and foreign names everywhere

async def test_the_share_page_has_all_there_is_to_copy(visit: Visit) -> None:
    page = await text_of(await visit(house_of(Scene(), url="https://tavle.example.dk/")), "/share/odense")
    for address in ("embed/odense", "badge/odense.svg", "feed/odense.atom", "board/odense"):
        assert f"https://tavle.example.dk/{address}" in page
    assert '<svg' in page
    assert "kun på denne maskine" not in page
    assert "kun på denne maskine" in await text_of(await visit(house_of(Scene())), "/share/odense")


async def test_what_is_framed_elsewhere_gets_in_by_a_kiosks_address_and_a_phone_does_not(visit: Visit) -> None:
    client = await visit(guarded())
    await log_in(client, "manager")
    page = await text_of(client, "/share/odense")
    assert f"kiosk/{token()}/embed/odense" in page
    assert f"kiosk/{token()}/board" not in page
    other = await text_of(client, "/share/syd")
    assert "kiosk/" not in other.replace("kiosk?views", "")
    assert "Adresserne kræver login" in other
    everyone = await visit(guarded(access(anonymous=Role.VIEWER)))
    await log_in(everyone, "manager")
    assert token() not in await text_of(everyone, "/share/odense")


async def test_names_are_text_in_badge_feed_share_and_turns(visit: Visit) -> None:
    views = [View(EVIL, EVIL), View("b", EVIL)]
    client = await visit(house_of({EVIL: Scene(), "b": Scene()}, views=views, url="https://tavle.example.dk/"))
    for path in ("/badge/b.svg", "/feed/b.atom", "/share/b", "/share", "/kiosk", "/embed/b", f"/kiosk?theme={EVIL}"):
        response = await client.get(path)
        assert response.status == 200, path
        assert "<script>alert" not in await response.text(), path
    ElementTree.fromstring(await text_of(client, "/feed/b.atom"))


async def test_a_view_in_no_header_can_end_it(visit: Visit) -> None:
    client = await visit(house_of(Scene()))
    for path in ("/badge/x%0d%0aSet-Cookie:a=b.svg", "/feed/%0d%0a.atom", "/kiosk?views=%0d%0aX:y", "/share/%0a"):
        response = await client.get(path)
        assert response.status == 404
        assert "Set-Cookie" not in response.headers


# -- several boards in turns

@pytest.mark.parametrize(("query", "boards", "seconds"), [
    ("", ["odense", "syd"], 20.0), ("?views=syd,odense&seconds=45", ["syd", "odense"], 45.0),
    ("?views=syd,odense&seconds=nan", ["syd", "odense"], 5.0), ("?seconds=1e999", ["odense", "syd"], 3600.0),
    ("?seconds=-3", ["odense", "syd"], 5.0), ("?seconds=x", ["odense", "syd"], 20.0)])
async def test_boards_take_turns_as_the_address_asks(
        visit: Visit, query: str, boards: list[str],
                                                      seconds: float) -> None:
    views = [View("odense", "Odense"), View("syd", "Syd")]
    page = await text_of(await visit(house_of({"odense": Scene(), "syd": Scene()}, views=views)), f"/kiosk{query}")
    assert re.findall(r"board/(\w+)\?", page) == boards
    assert f"&#34;seconds&#34;: {seconds}," in page


async def test_turns_of_one_view_are_its_board_and_of_an_unknown_one_nothing(visit: Visit) -> None:
    client = await visit(house_of(Scene()))
    assert 'data-board="' in await text_of(client, "/kiosk?views=odense")
    assert (await client.get("/kiosk?views=odense,nowhere")).status == 404


# -- how it is counted

async def test_boards_are_counted_by_what_they_are_opened_on_and_nobody_is(visit: Visit) -> None:
    house = house_of(Scene())
    client = await visit(house)
    phone = {"User-Agent": "Mozilla/5.0 (iPhone) Mobile/15E148"}
    for path, headers in (("/", {}), ("/board/odense", {}), ("/board/odense", phone),
                          ("/board/odense", {"Sec-CH-UA-Mobile": "?1"}), ("/board/odense?kiosk=1", phone),
                          ("/embed/odense", phone), ("/kiosk?views=odense", {}), ("/board/odense?kiosk=1&turn=1", {}),
                          ("/board/nowhere", {})):
        response = await client.get(path, headers=headers)
        assert "Set-Cookie" not in response.headers
        await client.head(path, headers=headers)          # as a board looks whether its page still stands
    assert {kind: count for (_, kind), count in house.visits.seen.items()} == {
        "wall": 2, "phone": 2, "kiosk": 2, "embed": 1}


async def test_open_boards_are_a_metric_of_their_view(visit: Visit) -> None:
    house = house_of(Scene())
    client = await visit(house)
    async with client.get("/stream/odense") as response:
        await response.content.readline()
        page = metrics_of(house)
        assert 'slmon_boards_open{view="odense"} 1.0' in page
    assert 'slmon_board_views_total{kind="wall",view="odense"} 0.0' in page
    assert 'slmon_web_refused_total{reason="boards"} 0.0' in page


def metrics_of(house: House) -> str:
    hours = Hours()
    goals = Goals([], hours.day_of)
    metrics = Metrics(Scoreboard(hours, goals, pbxes=["pbx1"]), hours, goals, Labels(("pbx1",), views=("odense",)),
                      lambda: NINE, "1.0", visits=house.visits)
    return metrics.render()[0].decode()


def test_what_was_done_is_kept_in_the_store_and_goes_with_the_calls(tmp_path: Path) -> None:
    store = CallStore(tmp_path / "slmon.db")
    store.audit("leder", "goals odense 2026-W47", NINE)
    store.audit("leder", "login", NINE - 500 * 24 * HOUR)
    store.flush()
    asked = "SELECT at, who, what FROM audit ORDER BY at"
    with store._asking() as connection:
        assert [tuple(row) for row in connection.execute(asked)] == [
            (NINE - 500 * 24 * HOUR, "leder", "login"), (NINE, "leder", "goals odense 2026-W47")]
    store.purge(400, NINE + SECOND)
    store.flush()
    with store._asking() as connection:
        assert [row["what"] for row in connection.execute(asked)] == ["goals odense 2026-W47"]
    store.close()
