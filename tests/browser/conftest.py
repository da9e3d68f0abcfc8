"""A Chromium for each module of browser tests, and pages in it that must have been quiet."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest_asyncio
from browsing import CHROMIUM, TV, Trouble, Visit, a_context, watch
from playwright.async_api import Browser, Page, ViewportSize, async_playwright

from slmon.web.app import House, make_app, serve


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--headless=new", "--disable-dev-shm-usage"])
        yield browser
        await browser.close()


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
