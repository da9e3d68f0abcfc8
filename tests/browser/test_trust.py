"""The board cannot lie: what is stale says so in words, and what was lost comes back by itself."""

import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from access_house import PASSWORD, access, guarded, token
from ami_server import Proxy
from browsing import BROWSER_MARKS, OUTSIDE, SIZES, Visit, gap, mood, scenes
from playwright.async_api import Browser, expect
from running import SECRET, Slmon, configured, host_now, slmon, until
from web_house import HOUR, NINE, Scene, house_of, tally

from slmon.core.board import LinkState
from slmon.core.facts import GapMarked, Quality
from slmon.simulator.plan import Rate
from slmon.simulator.server import Account, AmiServer, LiveDay
from slmon.web.app import STREAMS, make_app, serve
from slmon.web.board import Keeping

pytestmark = BROWSER_MARKS


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
    (Keeping(not_since=NINE + 4 * HOUR, set_aside=True), "gemmer ikke( siden 13.00)?"),
    (Keeping(set_aside=True), "hul")])
async def test_a_board_whose_calls_are_not_kept_says_so(visit: Visit, keeping: Keeping, words: str) -> None:
    scene = Scene(gaps={3: 240.0}, marks=(gap(102, 106, 7),))
    page = await visit(house_of(scene, keeping=lambda: keeping))
    for width, height in SIZES:
        await page.set_viewport_size({"width": width, "height": height})
        told = re.compile(f"^{words}.* · (1 besked|2 beskeder) mere$|mangler$")
        await expect(page.locator("#notice")).to_contain_text(told)
        await expect(page.locator("#hours")).to_be_hidden()
        assert await page.evaluate(OUTSIDE) == [], (width, height)


async def test_a_board_whose_link_keeps_calls_back_says_so_first(visit: Visit) -> None:
    links = (LinkState("pbx1", True, NINE, NINE + 6 * HOUR, "calls come in elsewhere", whole=False),)
    page = await visit(house_of(Scene(links=links, gaps={3: 240.0}, marks=(gap(102, 106, 7),))))
    await expect(page.locator("#notice")).to_contain_text(re.compile("^tal mangler, se loggen"))


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


async def test_a_gap_that_a_log_has_filled_is_none_of_those_that_hide_calls(visit: Visit) -> None:
    marks = gap(30, 40, 2, Quality.CEL), gap(102, 107, None), gap(150, 155, 9, Quality.CDR)
    page = await visit(house_of(Scene(gaps={3: 300.0}, marks=marks)))
    await expect(page.locator("#notice")).to_have_attribute(
        "title", "hul i data 10.42–10.47: ukendt hvor mange opkald · 2 huller i data 9.30–11.35, udfyldt")


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


async def test_a_board_whose_login_is_over_shows_the_login_and_goes_on_after_it(
        visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("slmon.web.stream.RIGHT_SECONDS", 0.1)
    page = await visit(guarded(), "login?next=/kiosk%3Fviews%3Dsyd")

    async def log_in() -> None:
        await page.get_by_label("Brugernavn").fill("viewer")
        await page.get_by_label("Adgangskode").fill(PASSWORD)
        await page.get_by_role("button", name="Log ind").click()
        await mood(page, "rest")

    await log_in()
    other = await page.context.new_page()
    await other.goto(re.sub("/kiosk.*", "/login", page.url))
    await other.get_by_role("button", name="Log ud").click()
    await expect(page.get_by_role("heading", name="Log ind")).to_be_visible()
    await log_in()
    assert "/kiosk?views=syd" in page.url


async def test_a_kiosk_that_was_taken_out_says_so_and_lives_again_when_it_is_back(visit: Visit) -> None:
    async with serve(make_app(guarded()), "127.0.0.1", 0) as url:
        port = int(re.findall(r":(\d+)/", url)[0])
        page = await visit(url, f"kiosk/{token()}/")
        await mood(page, "rest")
    async with serve(make_app(guarded(access(kiosks=[]))), "127.0.0.1", port):
        await expect(page.locator("#message-title")).to_have_text("Tavlen vises ikke længere på denne adresse",
                                                                  timeout=30_000)
        await mood(page, "stale")
        for width, height in SIZES:
            await page.set_viewport_size({"width": width, "height": height})
            assert await page.evaluate(OUTSIDE) == [], (width, height)
    async with serve(make_app(guarded()), "127.0.0.1", port):
        await mood(page, "rest")


async def test_a_house_with_too_many_boards_takes_one_in_when_it_can(chromium: Browser, visit: Visit) -> None:
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


async def test_a_board_of_an_older_version_loads_itself_anew_when_the_new_page_is_there(visit: Visit) -> None:
    page = await visit(house_of(Scene()), "nothing")
    loads, looks = 0, 0

    async def older_the_first_time(route: Any) -> None:
        nonlocal loads, looks
        if route.request.method == "HEAD":
            looks += 1
            await route.fulfill(status=502 if looks == 1 else 200)      # a proxy while slmon starts again
            return
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
    async with page.expect_response(lambda response: response.status == 502):
        await page.clock.fast_forward(30_000)
    await page.clock.fast_forward(10_000)
    await expect(page.locator("body")).not_to_have_attribute("data-board", re.compile("older"), timeout=30_000)
    await mood(page, "rest")
    assert (loads, looks) == (2, 2)


# -- that what is lost comes back

@pytest.mark.parametrize("status", [204, 404, 500, 502, 503])
async def test_no_answer_of_a_proxy_ends_the_stream(visit: Visit, status: int) -> None:
    page = await visit(house_of(Scene()), "nothing")
    await page.route("**/stream/*", lambda route: route.fulfill(status=status), times=1)
    async with page.expect_response(lambda response: response.status == status):
        await page.goto(page.url.replace("nothing", ""))
    await mood(page, "rest")


TRIES = """() => { window.tries = [];
  window.EventSource = class { constructor() { tries.push(Date.now()); setTimeout(() => this.onerror(), 1); }
    close() {} }; }"""


async def test_pauses_between_tries_grow_to_a_bound_and_no_two_boards_keep_step(visit: Visit) -> None:
    pauses = []
    for _ in range(2):
        page = await visit(house_of(Scene()), "nothing")
        await page.clock.install()
        await page.add_init_script(f"({TRIES})()")
        await page.goto(page.url.replace("nothing", ""))
        await page.clock.run_for(120_000)
        tries = await page.evaluate("tries")
        pauses.append([later - earlier for earlier, later in pairwise(tries)])
    for each in pauses:
        assert 500 <= each[0] <= 1600
        assert max(each) <= 23_000
        assert max(each) >= 7000
    assert pauses[0] != pauses[1]


async def test_a_held_board_says_so_shows_nothing_live_and_goes_on(visit: Visit) -> None:
    page = await visit(house_of(Scene(waits=(3.0,))), "?theme=dark")
    await mood(page, "calm")
    await page.keyboard.press("Space")
    await expect(page.locator("#message-title")).to_have_text("Sat på pause kl. 13.42")
    await expect(page.locator("#digits")).to_be_hidden()
    await expect(page.locator("#free")).to_have_text("–")
    assert await page.evaluate(GREEN) == []
    assert await page.evaluate(OUTSIDE) == []
    await page.keyboard.press("Space")
    await mood(page, "calm", "attention")


WAKE_LOCK = """(() => { window.asked = 0; Object.defineProperty(navigator, 'wakeLock', { value:
  { request: async (what) => { asked += what === 'screen' ? 1 : 0; throw new Error('low battery'); } } }); })()"""


async def test_the_screen_is_asked_to_stay_awake_again_whenever_the_board_is_seen_again(visit: Visit) -> None:
    page = await visit(house_of(Scene()), "nothing")
    await page.add_init_script(WAKE_LOCK)
    await page.goto(page.url.replace("nothing", ""))
    await mood(page, "rest")
    assert await page.evaluate("asked") == 1
    await page.evaluate(HIDE, True)
    await page.evaluate(HIDE, False)
    assert await page.evaluate("asked") == 2
    await mood(page, "rest")


async def test_nothing_stands_in_the_same_place_all_day(visit: Visit) -> None:
    page = await visit(house_of(Scene()), "nothing")
    await page.clock.install()
    await page.goto(page.url.replace("nothing", ""))
    places = set()
    for _ in range(8):
        await page.clock.run_for(60_000)
        places.add(await page.locator("main").evaluate("main => main.style.translate"))
    assert len(places) >= 4
    assert all(abs(float(part.removesuffix("px"))) <= 2 for place in places for part in place.split())


TONES = """(() => { window.tones = 0; const make = AudioContext.prototype.createOscillator;
  AudioContext.prototype.createOscillator = function () { tones += 1; return make.call(this); }; })()"""


async def test_a_breach_is_heard_only_where_the_address_and_a_person_ask_for_it(visit: Visit) -> None:
    scene = Scene(waits=(16.0,))
    page = await visit(house_of(scene), "nothing")
    await page.add_init_script(TONES)
    await page.goto(page.url.replace("nothing", ""))
    await expect(page.locator("#sound")).to_be_hidden()
    await page.goto(page.url + "?sound=on")
    await page.get_by_role("button", name="Lyd til").click()
    await expect(page.locator("#sound")).to_be_hidden()
    assert await page.evaluate("tones") == 2                  # how it will sound
    await mood(page, "alarm")
    await until(lambda: page.evaluate("tones"), 4)


# -- that it is so with a whole slmon, a PBX and a network that really go

@asynccontextmanager
async def quiet_pbx() -> AsyncIterator[AmiServer]:
    """A simulated PBX on which nobody rings."""
    day = LiveDay(4, host_now(), Rate(1e-9, host_now()), desks=False)
    async with AmiServer(day, {"slmon": Account(SECRET)}) as server:
        yield server


async def test_a_pbx_that_dies_is_said_and_its_return_is_seen(visit: Visit, tmp_path: Path) -> None:
    async with quiet_pbx() as server, slmon("run", "--config", configured(tmp_path, server.port)) as running:
        page = await visit(await running.address(), "board/alle")
        await mood(page, "rest")
        await server.stop()
        await mood(page, "stale")
        await expect(page.locator("#message-title")).to_contain_text("Ingen forbindelse til telefonanlægget siden ")
        await expect(page.locator("#message-more")).to_contain_text("Tallene er fra ")
        await expect(page.locator("#waiting")).to_be_hidden()
        await server.start()
        await mood(page, "rest")
        await expect(page.locator("#live")).to_have_text("live")


async def test_a_killed_daemon_is_said_and_its_return_is_seen(visit: Visit, tmp_path: Path) -> None:
    async with quiet_pbx() as server:
        config = configured(tmp_path, server.port)
        async with slmon("run", "--config", config) as running:
            address = await running.address()
            page = await visit(address, "board/alle")
            await mood(page, "rest")
            running.process.kill()
            await running.ended()
        await mood(page, "stale")
        await expect(page.locator("#message-title")).to_contain_text("Ingen forbindelse til serveren siden ")
        at = address.removeprefix("http://").rstrip("/")
        config.write_text(config.read_text().replace("127.0.0.1:0", at))
        async with slmon("run", "--config", config):
            await mood(page, "rest")


async def test_a_network_that_swallows_everything_is_noticed_and_its_return_is_seen(visit: Visit) -> None:
    served = serve(make_app(house_of(Scene(waits=(2.0,)))), "127.0.0.1", 0)
    async with served as url, Proxy(int(url.rstrip("/").rpartition(":")[2])) as cable:
        page = await visit(f"http://127.0.0.1:{cable.port}/")
        await mood(page, "calm")
        cable.stall()                                     # no end of the connection is told
        await mood(page, "stale")
        await expect(page.locator("#message-title")).to_contain_text("Ingen forbindelse til serveren siden 13.4")
        cable.flow()
        await mood(page, "calm", "attention", "alarm")


EVIL = '"><img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'


async def missed(running: Slmon) -> float:
    return (await running.metrics())["slmon_calls_judged_total missed"]


async def test_names_from_the_wire_cannot_become_code(visit: Visit, tmp_path: Path) -> None:
    async with quiet_pbx() as server, slmon("run", "--config", configured(tmp_path, server.port)) as running:
        page = await visit(await running.address(), "board/alle")
        await mood(page, "rest")
        pbx = server.day.pbx
        member = pbx.channel("PJSIP/trunk", 4, EVIL, "from-trunk", EVIL, caller_name=EVIL)
        pbx.say("agent", "QueueCallerJoin", member.text(), f"Queue: {EVIL}\r\nPosition: 1\r\nCount: 1\r\n")
        pbx.say("agent", "QueueMemberStatus", f"Queue: {EVIL}\r\nMemberName: {EVIL}\r\nInterface: PJSIP/{EVIL}\r\n"
                "StateInterface: PJSIP/101\r\nMembership: static\r\nStatus: 1\r\nPaused: 0\r\n")
        await mood(page, "calm")
        pbx.hangup_request(member)
        pbx.hangup(member)
        await mood(page, "rest")
        await until(lambda: missed(running), 1)
        await page.locator("#title").click()
        await page.get_by_role("link", name="I dag", exact=True).first.click()
        await expect(page.locator("main")).to_contain_text("1 opkald over målet")
        assert await page.title() != "owned"
        assert await page.locator("img").count() == 0
