"""What the browser tests stand on: scenes in every state, pages that are watched, and what on them has no room."""

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect
from web_house import HOUR, NINE, Scene, tally

from slmon.core.board import LinkState
from slmon.core.facts import GapMarked, Quality
from slmon.core.hours import Phase
from slmon.core.instant import SECOND

CHROMIUM = Path(os.environ.get("SLMON_CHROMIUM", "/usr/bin/chromium"))
BROWSER_MARKS = [
    pytest.mark.browser,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.skipif(not CHROMIUM.exists() and os.environ.get("CI") != "true",
                       reason="there is no /usr/bin/chromium: apt install chromium"),
]
TV = {"width": 1920, "height": 1080}
SIZES = [(3840, 2160), (1920, 1080), (1366, 768), (1280, 1024), (820, 1180), (390, 844), (844, 390), (420, 240)]
DOWN = (LinkState("pbx1", False, NINE + 102 * 60 * SECOND, NINE + 102 * 60 * SECOND, "connection reset"),)
NO_CALLS = {"today": tally(0, 0), "half": tally(0, 0)}

Visit = Callable[..., Awaitable[Page]]


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
