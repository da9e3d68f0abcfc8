"""The address of the goals page: a view's days and weeks; and how much of the past may be asked at once."""

from collections.abc import Sequence
from datetime import date

from aiohttp import web

from slmon.core.board import Day
from slmon.core.instant import as_datetime
from slmon.web.goals import History, goals_page
from slmon.web.guard import Busy, page
from slmon.web.house import House
from slmon.web.pages import Pages
from slmon.web.period import Kind, around, period_of
from slmon.web.wall import asked_view

QUESTIONS_AT_MOST = 20     # one is answered after the other, so the last waits for all


def few_at_once(history: History, at_most: int = QUESTIONS_AT_MOST) -> History:
    """The same past, of which so many questions may be open; one more raises Busy."""
    asked = 0

    async def ask(view: str, first: date, last: date) -> Sequence[Day]:
        nonlocal asked
        if asked >= at_most:
            raise Busy
        asked += 1
        try:
            return await history(view, first, last)
        finally:
            asked -= 1

    return ask


class Past:
    """What has been, of a house."""

    def __init__(self, house: House, pages: Pages) -> None:
        self._house = house
        self._pages = pages

    async def show(self, request: web.Request) -> web.Response:
        """A view's figures for a period; this week's without one."""
        house, view = self._house, asked_view(self._house, request)
        now = house.snapshot(view.name)
        today = as_datetime(now.at).astimezone(house.zone).date()
        asked = request.query.get("period")
        try:
            period = period_of(asked) if asked else around(today, Kind.WEEK)
        except ValueError:
            raise web.HTTPNotFound from None
        found = await goals_page(view.name, period, today, now.goal, house.history)
        return page(self._pages.goals(found, view, house.views, request.path, request.query))
