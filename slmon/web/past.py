"""The address of the goals page: a view's days and weeks."""

from aiohttp import web

from slmon.core.instant import as_datetime
from slmon.web.goals import goals_page
from slmon.web.guard import page
from slmon.web.house import House
from slmon.web.pages import Pages
from slmon.web.period import Kind, around, period_of
from slmon.web.wall import asked_view


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
