"""The wallboard in a real browser, which it is made for: how it looks, what it says, and that it is safe."""

import re
from datetime import date
from itertools import pairwise

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from browsing import BROWSER_MARKS, OUTSIDE, SIZES, Visit, a_context, mood, scenes, settled
from playwright.async_api import Browser, Page, expect
from web_house import HOUR, NINE, Scene, house_of, tally

from slmon.core.board import Breach, LinkState
from slmon.core.goals import Goal
from slmon.core.hours import Phase
from slmon.core.instant import SECOND
from slmon.core.site import View
from slmon.web.app import make_app, serve
from slmon.web.goals import Day

pytestmark = BROWSER_MARKS
NO_BREAK = "\u00a0"


# -- how it looks

FRAMES = "new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))"


@pytest.mark.parametrize("language", ["da", "en"])
async def test_nothing_scrolls_or_is_cut_off_in_any_state(visit: Visit, language: str) -> None:
    page = await visit(house_of(scenes()), "board/odense")
    wrong = {}
    for view in scenes():
        await page.goto(page.url.partition("board/")[0] + f"board/{view}?lang={language}")
        await settled(page)
        await page.evaluate("document.fonts.ready")
        for width, height in SIZES:
            await page.set_viewport_size({"width": width, "height": height})
            await page.evaluate(FRAMES)
            if found := await page.evaluate(OUTSIDE):
                wrong[view, width, height] = found
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


@pytest.mark.parametrize("waits", [(17.0, 3.0), (200.0, 3.0), (2000.0, 3.0), ()])
async def test_everything_can_be_read_across_the_room(visit: Visit, waits: tuple[float, ...]) -> None:
    page = await visit(house_of(Scene(waits=waits)))
    await mood(page, "attention", "alarm", "rest")
    for width, height in ((1920, 1080), (3840, 2160), (1366, 768)):
        await page.set_viewport_size({"width": width, "height": height})
        await page.evaluate(FRAMES)
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
async def test_figures_stand_out_seven_to_one(visit: Visit, theme: str) -> None:
    page = await visit(house_of(scenes()), f"board/odense?theme={theme}")
    for view in ("odense", "calm", "attention", "alarm", "down", "missed"):
        await page.goto(page.url.replace(page.url.rpartition("board/")[2], f"{view}?theme={theme}"))
        await settled(page)
        assert min(await page.evaluate(CONTRAST)) >= 7, view


# The themes differ in their colours alone, so one of them is looked at with all rules.
RULES = {"dark": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
         "light": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}


async def violations(page: Page, theme: str) -> list[str]:
    await page.evaluate(AXE_SCRIPT)
    found = await page.evaluate("""(rules) => axe.run(document, {runOnly: rules}).then(({violations}) => violations.map(
        (each) => each.id + ': ' + each.nodes.map((node) => node.html).join(' | ')))""", RULES[theme])
    return list(found)


@pytest.mark.parametrize("theme", ["dark", "light"])
async def test_axe_finds_nothing_on_the_board_in_any_state(visit: Visit, theme: str) -> None:
    page = await visit(house_of(scenes()), f"?theme={theme}", bypass_csp=True)
    for view in scenes():
        await page.goto(page.url.split("board")[0].split("?")[0] + f"board/{view}?theme={theme}")
        await settled(page)
        assert await violations(page, theme) == [], view


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("period", ["2026-W47", "2026-11-23", "2025-03"])
async def test_axe_finds_nothing_on_the_goals_page(visit: Visit, theme: str, period: str) -> None:
    page = await visit(house_of(Scene()), f"goals?period={period}&theme={theme}", bypass_csp=True)
    assert await violations(page, theme) == []


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
