"""The wallboard in a real browser, which it is made for: what it shows, and that it never lies about being live."""

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.base import AXE_SCRIPT
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize, async_playwright, expect
from web_house import HOUR, NINE, Scene, house_of, tally

from slmon.core.board import Breach, LinkState
from slmon.core.facts import GapMarked, Quality
from slmon.core.goals import Goal
from slmon.core.hours import Phase
from slmon.core.instant import SECOND
from slmon.core.site import View
from slmon.web.app import STREAMS, House, make_app, serve
from slmon.web.board import Keeping
from slmon.web.goals import Day

CHROMIUM = Path(os.environ.get("SLMON_CHROMIUM", "/usr/bin/chromium"))
pytestmark = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not CHROMIUM.exists() and os.environ.get("CI") != "true",
                       reason="there is no /usr/bin/chromium: apt install chromium"),
]
NO_BREAK = "\u00a0"
TV = {"width": 1920, "height": 1080}
SIZES = [(3840, 2160), (1920, 1080), (1366, 768), (1280, 1024), (820, 1180), (390, 844), (844, 390), (420, 240)]
DOWN = (LinkState("pbx1", False, NINE + 102 * 60 * SECOND, NINE + 102 * 60 * SECOND, "connection reset"),)
NO_CALLS = {"today": tally(0, 0), "half": tally(0, 0)}


def gap(since: int, until: int | None, hides: int | None, told_by: Quality | None = None) -> GapMarked:
    """A gap from so many minutes after nine to so many."""
    end = None if until is None else NINE + until * 60 * SECOND
    return GapMarked("pbx1", NINE + since * 60 * SECOND, end, "connection reset", hides, told_by)


def scenes() -> dict[str, Scene]:
    return {
        "odense": Scene(),
        "calm": Scene(waits=(4.0, 2.0)),
        "attention": Scene(waits=(15.1, 9.0)),
        "alarm": Scene(waits=(27.0, 18.0, 12.0, 3.0)),
        "rush": Scene(waits=tuple(range(1, 200, 9)), desks=(0, 38, 14)),
        "few": Scene(today=tally(6, 2, answered=7, transferred=1), half=tally(2, 1)),
        "empty": Scene(at=NINE, **NO_CALLS),
        "missed": Scene(today=tally(15, 97, 3, answered=110, transferred=29), gaps={3: 240.0},
                        marks=(gap(102, 106, 7),)),
        "closed": Scene(at=NINE - 2 * HOUR, phase=Phase.CLOSED, opens_at=NINE, **NO_CALLS),
        "evening": Scene(at=NINE + 9 * HOUR, phase=Phase.CLOSED, opens_at=NINE + 24 * HOUR),
        "soon": Scene(at=NINE - HOUR // 5, phase=Phase.OPENING_SOON, opens_at=NINE, **NO_CALLS),
        "holiday": Scene(phase=Phase.HOLIDAY, holiday="Langfredag", opens_at=NINE + 96 * HOUR, hours=(), **NO_CALLS),
        "down": Scene(links=DOWN),
        "silent": Scene(links=(LinkState("pbx1", True, NINE, NINE + HOUR),)),
        "always": Scene(hours=((NINE - 9 * HOUR, NINE + 15 * HOUR),), waits=(3.0,)),
    }


@dataclass
class Trouble:
    """What a page must not do, as far as it did it."""

    said: list[str] = field(default_factory=list)
    asked_elsewhere: list[str] = field(default_factory=list)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--headless=new", "--disable-dev-shm-usage"])
        yield browser
        await browser.close()


Visit = Callable[..., Awaitable[Page]]


@pytest_asyncio.fixture(loop_scope="module")
async def visit(chromium: Browser) -> AsyncIterator[Visit]:
    """Open a page of a house; at the end it must have been quiet."""
    trouble = Trouble()
    async with AsyncExitStack() as stack:
        async def open_page(house: House | str, path: str = "", size: ViewportSize = TV, **choices: Any) -> Page:
            url = house if isinstance(house, str) else await stack.enter_async_context(
                serve(make_app(house), "127.0.0.1", 0))
            context = await stack.enter_async_context(a_context(chromium, viewport=size, **choices))
            page = await context.new_page()
            watch(page, url, trouble)
            await page.goto(url + path)
            return page
        yield open_page
    assert trouble == Trouble()


@asynccontextmanager
async def a_context(chromium: Browser, **choices: Any) -> AsyncIterator[BrowserContext]:
    context = await chromium.new_context(**choices)
    yield context
    await context.close()


def watch(page: Page, url: str, trouble: Trouble) -> None:
    page.on("pageerror", lambda error: trouble.said.append(str(error)))
    page.on("console", lambda line: trouble.said.append(line.text)
            if line.type in ("error", "warning") and "Failed to load resource" not in line.text
            and "ERR_" not in line.text else None)
    page.on("request", lambda request: trouble.asked_elsewhere.append(request.url)
            if not request.url.startswith((url, "data:")) else None)


async def mood(page: Page, *kinds: str) -> None:
    await expect(page.locator("html")).to_have_attribute(
        "data-mood", re.compile(f"^({'|'.join(kinds)})$"), timeout=30_000)


async def settled(page: Page) -> None:
    await expect(page.locator("html")).not_to_have_attribute("data-mood", "opening", timeout=30_000)


OUTSIDE = """() => {
  const seen = (element) => {
    const style = getComputedStyle(element);
    return style.visibility !== 'hidden' && style.display !== 'none' && element.getClientRects().length > 0;
  };
  const wrong = [];
  const root = document.scrollingElement;
  if (root.scrollWidth > innerWidth || root.scrollHeight > innerHeight) wrong.push('the page scrolls');
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode, element = text.parentElement;
    if (!text.textContent.trim() || !seen(element) || element.closest('.heard, noscript')) continue;
    if (element.closest('.whose a')) continue;      // a long title ends in three dots
    const range = document.createRange();
    range.selectNodeContents(text);
    const box = range.getBoundingClientRect();
    const room = (element.closest('section') ?? document.body).getBoundingClientRect();
    for (let each = element; each && each !== document.body; each = each.parentElement) {
      if (getComputedStyle(each).overflowY === 'hidden' && each.scrollHeight > each.clientHeight * 1.12 + 2) {
        wrong.push(`${text.textContent.trim()} is cut off in ${each.tagName}.${each.className}`);
      }
    }
    const slack = 1 + box.height * 0.12;            // a line is higher than its letters
    if (box.left < room.left - 1 || box.right > room.right + 1 || box.top < room.top - slack
        || box.bottom > room.bottom + slack || box.right > innerWidth || box.bottom > innerHeight + slack) {
      wrong.push(`${text.textContent.trim()}: ${[box.left, box.top, box.right, box.bottom].map(Math.round)} not in `
        + [room.left, room.top, room.right, room.bottom].map(Math.round));
    }
  }
  return wrong;
}"""


# -- how it looks

@pytest.mark.parametrize(("width", "height", "language"), [
    *((*size, "da") for size in SIZES), (1920, 1080, "en"), (390, 844, "en"), (420, 240, "en")])
async def test_nothing_scrolls_or_is_cut_off_in_any_state(visit: Visit, width: int, height: int, language: str) -> None:
    page = await visit(house_of(scenes()), size={"width": width, "height": height})
    wrong = {}
    for view in scenes():
        await page.goto(page.url.split("board")[0] + f"board/{view}?lang={language}")
        await settled(page)
        await page.evaluate("document.fonts.ready")
        found = await page.evaluate(OUTSIDE)
        if found:
            wrong[view] = found
    assert not wrong


HOURS_UNDER_THE_DAY = """() => [...document.querySelectorAll('.hour')].map(
  (hour) => hour.getBoundingClientRect()).map(({ left, right }) => [left, right])"""


@pytest.mark.parametrize("half", range(4))
async def test_the_hours_under_the_day_keep_apart_in_a_house_that_never_closes(visit: Visit, half: int) -> None:
    at = NINE + 6 * HOUR + half * HOUR // 2
    page = await visit(house_of(Scene(at=at, hours=((NINE - 9 * HOUR, NINE + 15 * HOUR),))))
    await settled(page)
    await page.evaluate("document.fonts.ready")
    hours = await page.evaluate(HOURS_UNDER_THE_DAY)
    assert len(hours) >= 2
    assert all(right < left for (_, right), (left, _) in pairwise(hours)), hours


SIZES_OF_TEXT = """() => {
  const sizes = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const text = walker.currentNode, element = text.parentElement;
    if (!text.textContent.trim() || !element.getClientRects().length || element.closest('.heard, noscript')) continue;
    sizes.push([text.textContent.trim(), parseFloat(getComputedStyle(element).fontSize) / innerHeight]);
  }
  return sizes;
}"""


@pytest.mark.parametrize("size", [(1920, 1080), (3840, 2160), (1366, 768)])
@pytest.mark.parametrize("waits", [(17.0, 3.0), (200.0, 3.0), (2000.0, 3.0), ()])
async def test_everything_can_be_read_across_the_room(
        visit: Visit, size: tuple[int, int], waits: tuple[float, ...]) -> None:
    page = await visit(house_of(Scene(waits=waits)), size={"width": size[0], "height": size[1]})
    await mood(page, "attention", "alarm", "rest")
    share = dict(await page.evaluate(SIZES_OF_TEXT))
    hero = await page.evaluate("parseFloat(getComputedStyle(digits).fontSize) / innerHeight")
    assert hero >= 0.35
    assert min(share.values()) >= 0.0599
    for figure in (f"82,5{NO_BREAK}%", f"12,2{NO_BREAK}%", f"76,5{NO_BREAK}%", "4", "7", str(len(waits))):
        assert share[figure] >= 0.11


CONTRAST = """() => {
  const channel = (value) => (value /= 255) <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const light = (colour) => { const [r, g, b] = colour.match(/[\\d.]+/g).map(Number);
    return 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b); };
  const ground = (element) => { while (element) { const colour = getComputedStyle(element).backgroundColor;
    if (!/, 0\\)$/.test(colour)) return colour; element = element.parentElement; } return 'rgb(255, 255, 255)'; };
  return [...document.querySelectorAll('.figure, .digits')].filter((each) => each.textContent).map((each) => {
    const [one, other] = [light(getComputedStyle(each).color), light(ground(each))];
    return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05); });
}"""


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("view", ["odense", "calm", "attention", "alarm", "down"])
async def test_figures_stand_out_seven_to_one(visit: Visit, theme: str, view: str) -> None:
    page = await visit(house_of(scenes()), f"board/{view}?theme={theme}")
    await settled(page)
    assert min(await page.evaluate(CONTRAST)) >= 7


async def violations(page: Page) -> list[str]:
    await page.evaluate(AXE_SCRIPT)
    found = await page.evaluate("""axe.run(document, {runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa',
      'best-practice']}).then(({violations}) => violations.map((each) =>
        each.id + ': ' + each.nodes.map((node) => node.html).join(' | ')))""")
    return list(found)


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_axe_finds_nothing_on_the_board_in_any_state(visit: Visit, theme: str) -> None:
    page = await visit(house_of(scenes()), f"?theme={theme}", bypass_csp=True)
    for view in scenes():
        await page.goto(page.url.split("board")[0].split("?")[0] + f"board/{view}?theme={theme}")
        await settled(page)
        assert await violations(page) == [], view


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("period", ["2026-W47", "2026-11-23", "2025-03"])
async def test_axe_finds_nothing_on_the_goals_page(visit: Visit, theme: str, period: str) -> None:
    page = await visit(house_of(Scene()), f"goals?period={period}&theme={theme}", bypass_csp=True)
    assert await violations(page) == []


# -- what it says

@pytest.mark.parametrize(("view", "words"), [
    ("odense", ["Ingen venter", f"82,5{NO_BREAK}%", "(175 af 212)", f"Målet 80{NO_BREAK}% nås", "0", "venter", "live",
                f"12,2{NO_BREAK}%", "(23 af 188)", "Omstillet i dag", "telefontid 9–15", "ledige", "i samtale"]),
    ("attention", ["Tag telefonen", "sekunder", "2", "venter"]),
    ("alarm", ["Over 20 sek.", "sek. over"]),
    ("few", ["For få opkald endnu", f"75,0{NO_BREAK}%", "(6 af 8)"]),
    ("empty", ["–", "ingen opkald"]),
    ("missed", [f"Under målet 80{NO_BREAK}%", "hul: højst 7 opkald · 3 uafklarede", f"Over loftet 15{NO_BREAK}%"]),
    ("closed", ["Telefonerne åbner kl. 9.00", f"Fredag: 84,1{NO_BREAK}% inden 20 sek. (175 af 208), 12,2"]),
    ("evening", ["Telefonerne åbner i morgen kl. 9.00", f"I dag: 82,5{NO_BREAK}% inden 20 sek. (175 af 212)"]),
    ("soon", ["Telefonerne åbner om 12 min.", "kl. 9.00 · 4 er klar ved telefonen"]),
    ("holiday", ["Lukket: Langfredag", "Telefonerne åbner fredag kl. 9.00"]),
    ("always", ["døgnåbent"]),
])
async def test_each_state_has_its_own_words(visit: Visit, view: str, words: list[str]) -> None:
    page = await visit(house_of(scenes()), f"board/{view}")
    for text in words:
        await expect(page.locator("body")).to_contain_text(text)


async def test_the_board_speaks_english_too(visit: Visit) -> None:
    page = await visit(house_of(Scene()), "?lang=en")
    for text in ("Nobody waiting", "82.5%", "(175 of 212)", "Transferred today", "phone hours 9–15", "13:42"):
        await expect(page.locator("body")).to_contain_text(text)


async def test_a_closed_house_shows_no_red_figures(visit: Visit) -> None:
    page = await visit(house_of(scenes()), "board/closed")
    await expect(page.locator("#message-title")).to_be_visible()
    await expect(page.locator("#today")).to_be_hidden()
    await expect(page.locator("#now")).to_be_hidden()


async def test_a_member_who_still_waits_after_closing_is_seen(visit: Visit) -> None:
    late = Scene(at=NINE + 6 * HOUR + SECOND, phase=Phase.CLOSED, opens_at=NINE + 24 * HOUR, waits=(4.0,))
    page = await visit(house_of(late))
    await mood(page, "calm")
    await expect(page.locator("#digits")).to_be_visible()


# -- that it lives

async def test_the_wait_counts_on_by_itself_into_attention_and_alarm(visit: Visit) -> None:
    page = await visit(house_of(Scene(waits=(13.0,))))
    for kind in ("calm", "attention", "alarm"):
        await mood(page, kind)
    await expect(page.locator("#unit")).to_contain_text("sek. over")


async def test_a_new_member_is_a_dot_and_an_answer_takes_it_away(visit: Visit) -> None:
    scene = Scene()
    house = house_of(scene)
    page = await visit(house)
    await mood(page, "rest")
    scene.at, scene.waits = scene.now(), (2.0, 1.0)
    scene.started = Scene().started
    house.changed.set()
    await expect(page.locator("#dots svg")).to_have_count(2)
    scene.waits = ()
    house.changed.set()
    await expect(page.locator("#dots svg")).to_have_count(0)
    await mood(page, "rest")


async def test_digits_keep_still_for_two_seconds(visit: Visit) -> None:
    scene = Scene()
    house = house_of(scene)
    page = await visit(house)
    await mood(page, "rest")
    await page.evaluate("""() => { window.turned = []; new MutationObserver(() => turned.push(performance.now()))
      .observe(document.getElementById('within-n'), {childList: true, characterData: true, subtree: true}); }""")
    for calls in range(1, 60):
        scene.today = tally(175 + calls, 37, answered=188, transferred=23)
        house.changed.set()
        await page.wait_for_timeout(100)
    turned = await page.evaluate("turned")
    assert len(turned) >= 2
    assert min(later - earlier for earlier, later in pairwise(turned)) >= 1900


async def test_the_clock_is_the_servers_even_where_the_browsers_own_is_wrong(visit: Visit) -> None:
    page = await visit(house_of(Scene(waits=(5.0,))), "nothing")
    await page.add_init_script("const now = Date.now; Date.now = () => now() - 5 * 3600e3")
    await page.goto(page.url.replace("nothing", ""))
    await expect(page.locator("#clock")).to_have_text("13.42")
    assert 5 <= int(await page.locator("#digits").inner_text()) < 60


async def test_a_screen_reader_hears_of_changes_of_state_only(visit: Visit) -> None:
    page = await visit(house_of(Scene(waits=(10.0,))))
    await mood(page, "calm")
    await page.evaluate("""() => { window.spoken = []; const said = document.getElementById('said');
      new MutationObserver(() => spoken.push(said.textContent)).observe(said, {childList: true, subtree: true}); }""")
    await expect(page.locator("#digits")).to_have_text("13")
    assert await page.evaluate("spoken") == []
    await mood(page, "attention")
    assert await page.evaluate("spoken") == ["Tag telefonen"]


# -- that it cannot lie

GREEN = """() => [...document.querySelectorAll('#wall *, footer *')].filter((each) => each.getClientRects().length
  && (each.textContent.trim() || each instanceof SVGGeometryElement)).filter((each) => {
    const style = getComputedStyle(each);
    const colours = each instanceof SVGGeometryElement ? [style.fill, style.stroke] : [style.color];
    return colours.some((colour) => { const [r, g, b, a] = (colour.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
      return a !== 0 && g > r + 40 && g > b + 30; }); }).map((each) => each.outerHTML.slice(0, 120))"""


async def test_no_connection_to_the_pbx_is_said_in_words_and_live_counts_go(visit: Visit) -> None:
    page = await visit(house_of(scenes()), "board/down?theme=dark")
    await expect(page.locator("#message-title")).to_have_text("Ingen forbindelse til telefonanlægget siden 10.42")
    await expect(page.locator("#message-more")).to_have_text("Tallene er fra 10.42.")
    await expect(page.locator("#now")).to_be_hidden()
    await expect(page.locator("#live")).to_have_text("ikke live")
    for live in ("free", "busy", "paused", "half-figure"):
        await expect(page.locator(f"#{live}")).to_have_text("–")
    assert await page.evaluate(GREEN) == []


async def test_one_pbx_of_several_that_is_gone_is_named(visit: Visit) -> None:
    links = (LinkState("nord", True, NINE, NINE), LinkState("<b>syd", False, NINE + HOUR, NINE, ""))
    page = await visit(house_of(Scene(links=links)))
    await expect(page.locator("#message-title")).to_have_text(
        "Ingen forbindelse til telefonanlægget <b>syd siden 10.00")


async def test_a_pbx_that_says_nothing_while_open_is_not_live(visit: Visit) -> None:
    page = await visit(house_of(scenes()), "board/silent")
    await expect(page.locator("#message-title")).to_have_text("Intet hørt fra telefonanlægget siden 10.00")


@pytest.mark.parametrize(("keeping", "words"), [
    (Keeping(not_since=NINE + 4 * HOUR, set_aside=True), "gemmer ikke siden 13.00"),
    (Keeping(set_aside=True), "hul")])
async def test_a_board_whose_calls_are_not_kept_says_so(visit: Visit, keeping: Keeping, words: str) -> None:
    scene = Scene(gaps={3: 240.0}, marks=(gap(102, 106, 7),))
    page = await visit(house_of(scene, keeping=lambda: keeping))
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        await expect(page.locator("#notice")).to_contain_text(re.compile(f"^{words}.* \\+[12]$|mangler$"))
        await expect(page.locator("#hours")).to_be_hidden()
        assert await page.evaluate(OUTSIDE) == [], (width, height)


@pytest.mark.parametrize(("marks", "words"), [
    ((gap(102, 107, 7),), "hul i data 10.42–10.47: højst 7 opkald ukendte"),
    ((gap(102, 102, 1),), "hul i data 10.42: højst 1 opkald ukendt"),
    ((gap(102, 107, None),), "hul i data 10.42–10.47: ukendt hvor mange opkald"),
    ((gap(102, 107, None), gap(150, 152, 3)), "2 huller i data 10.42–11.32: ukendt hvor mange opkald"),
    ((gap(102, 107, 4), gap(150, None, 3)), "2 huller i data siden 10.42: højst 7 opkald ukendte")])
async def test_a_gap_of_today_says_what_it_may_hide(visit: Visit, marks: tuple[GapMarked, ...], words: str) -> None:
    page = await visit(house_of(Scene(gaps={3: 300.0}, marks=marks)))
    await expect(page.locator("#notice")).to_have_attribute("title", words)
    await expect(page.locator("#notice")).to_have_attribute("data-calm", "false")
    await expect(page.locator("#notice")).to_contain_text(re.compile("^(2 )?hul"))


@pytest.mark.parametrize(("mark", "words"), [
    (gap(102, 107, 7, Quality.CEL), "hul 10.42–10.47, udfyldt"),
    (gap(102, 107, 0), "hul 10.42–10.47, ingen opkald mangler")])
async def test_a_gap_that_hides_no_call_alarms_nobody(visit: Visit, mark: GapMarked, words: str) -> None:
    page = await visit(house_of(Scene(gaps={3: 300.0}, marks=(mark,))))
    await expect(page.locator("#notice")).to_have_attribute("title", words.replace("hul", "hul i data"))
    await expect(page.locator("#notice")).to_have_attribute("data-calm", "true")


async def test_calls_whose_end_nobody_saw_are_on_the_board(visit: Visit) -> None:
    page = await visit(house_of(Scene(unaccounted=2, today=tally(175, 37, 3, answered=188, transferred=23))))
    await expect(page.locator("#notice")).to_have_text("3 uafklarede · 2 uden slutning")
    await expect(page.locator("#notice")).to_have_attribute("title", "3 uafklarede · 2 opkald uden kendt slutning")


async def test_a_closed_house_still_says_what_is_not_saved(visit: Visit) -> None:
    page = await visit(house_of(scenes(), keeping=lambda: Keeping(not_since=NINE)), "board/evening")
    await expect(page.locator("#notice")).to_have_text("gemmer ikke siden 9.00")


async def test_when_the_server_goes_the_board_says_so_and_when_it_is_back_it_lives_again(
        chromium: Browser, visit: Visit) -> None:
    scene = Scene(waits=(3.0,))
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(serve(make_app(house_of(scene)), "127.0.0.1", 0))
        port = int(re.findall(r":(\d+)/", url)[0])
        page = await visit(url, "?theme=dark")
        await mood(page, "calm")
    await mood(page, "stale")
    await expect(page.locator("#message-title")).to_have_text("Ingen forbindelse til serveren siden 13.42")
    await expect(page.locator("#digits")).to_be_hidden()
    assert await page.evaluate(GREEN) == []
    async with serve(make_app(house_of(Scene())), "127.0.0.1", port):
        await mood(page, "rest")
        await expect(page.locator("#live")).to_have_text("live")


async def test_an_error_page_instead_of_the_stream_does_not_end_it(chromium: Browser, visit: Visit) -> None:
    async with serve(make_app(house_of(Scene(), browsers_at_most=0)), "127.0.0.1", 0) as url:
        port = int(re.findall(r":(\d+)/", url)[0])
        page = await visit(url)                          # 503, from which a native EventSource never comes back
        await mood(page, "stale")
        await expect(page.locator("#message-title")).to_have_text("Ingen forbindelse til serveren")
    async with serve(make_app(house_of(Scene())), "127.0.0.1", port):
        await mood(page, "rest")


HIDE = """hidden => { Object.defineProperty(document, 'hidden', {configurable: true, get: () => hidden});
  document.dispatchEvent(new Event('visibilitychange')); }"""


async def test_a_hidden_tab_lets_go_of_its_stream_so_that_a_tenth_tab_still_loads(visit: Visit) -> None:
    app = make_app(house_of(Scene()))
    async with serve(app, "127.0.0.1", 0) as url:
        first = await visit(url)
        tabs = [first]
        await mood(first, "rest")
        for _ in range(9):
            await tabs[-1].evaluate(HIDE, True)
            tabs.append(await first.context.new_page())
            await tabs[-1].goto(url)
            await mood(tabs[-1], "rest")
        await tabs[-1].evaluate(HIDE, True)
        await first.evaluate(HIDE, False)
        await mood(first, "rest")
        while app[STREAMS].open > 1:
            await first.wait_for_timeout(100)


async def test_a_board_of_an_older_version_loads_itself_anew(visit: Visit) -> None:
    page = await visit(house_of(Scene()), "nothing")
    loads = 0

    async def older_the_first_time(route: Any) -> None:
        nonlocal loads
        loads += 1
        response = await route.fetch()
        body = await response.text()
        version = re.findall(r"static/([0-9a-f]{12})/", body)[0]
        old = body.replace(f"version&#34;: &#34;{version}", "version&#34;: &#34;older")
        assert old != body
        await route.fulfill(response=response, body=old if loads == 1 else body)

    await page.clock.install()
    await page.route("**/board/odense", older_the_first_time)
    await page.goto(page.url.replace("nothing", "board/odense"))
    await mood(page, "rest")
    await page.clock.fast_forward(30_000)
    await expect(page.locator("body")).not_to_have_attribute("data-board", re.compile("older"), timeout=30_000)
    await mood(page, "rest")
    assert loads == 2


# -- that it is safe

EVIL = '"><img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>${7*7}{{7*7}}'


async def test_names_cannot_become_code_on_the_board_or_the_goals_page(visit: Visit) -> None:
    async def history(*_: object) -> list[Day]:
        return [Day(date(2026, 11, 23), Goal(), tally(9, 3), breaches=(Breach(NINE, EVIL, EVIL, None, EVIL),))]

    scene = Scene(links=(LinkState(EVIL, False, NINE, NINE), LinkState("b", True, NINE, NINE)))
    house = house_of(scene, views=[View(EVIL, EVIL)], history=history)
    page = await visit(house)
    await expect(page.locator("#message-title")).to_contain_text(EVIL)
    goals = await page.locator(".whose a").get_attribute("href")
    await page.goto(f"{page.url}{goals}?period=2026-11-23")
    await expect(page.locator(".breaches")).to_contain_text(EVIL)
    assert await page.title() != "owned"
    assert await page.locator("img").count() == 0


async def test_the_policy_stops_what_would_get_in_all_the_same(chromium: Browser) -> None:
    async with serve(make_app(house_of(Scene())), "127.0.0.1", 0) as url, a_context(chromium) as context:
        page = await context.new_page()
        await page.goto(url)
        blocked = await page.evaluate("""new Promise((done) => {
          document.addEventListener('securitypolicyviolation', (event) => done(event.violatedDirective));
          const script = document.createElement('script'); script.textContent = 'document.title = "owned"';
          document.head.append(script); })""")
        assert blocked.startswith("script-src")
        assert await page.title() != "owned"


# -- the goals page

async def test_the_goals_page_needs_no_code_and_fits_a_phone(visit: Visit) -> None:
    page = await visit(house_of(Scene()), "goals?period=2026-11", size={"width": 390, "height": 844},
                       java_script_enabled=False)
    await expect(page.locator("h1")).to_have_text("Kreds Odense · november 2026")
    await page.get_by_role("link", name="Uge 47").first.click()
    await expect(page.locator("h1")).to_have_text("Kreds Odense · Uge 47")


async def test_the_goals_page_does_not_scroll_sideways_on_a_phone(visit: Visit) -> None:
    page = await visit(house_of(Scene()), "goals?period=2026-11", size={"width": 390, "height": 844})
    assert await page.evaluate("document.scrollingElement.scrollWidth") <= 390


async def test_a_week_prints_on_one_page(visit: Visit) -> None:
    page = await visit(house_of(Scene()), "goals?period=2026-W47")
    printed = await page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
