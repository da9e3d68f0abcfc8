"""What other pages of the house may show: a badge, a feed, and the page that tells how to put them there."""

from datetime import timedelta
from urllib.parse import quote, urlsplit

import segno
from aiohttp import web
from markupsafe import Markup

from slmon.addresses import is_loopback
from slmon.core.instant import as_datetime
from slmon.core.site import View
from slmon.web.access import Reception
from slmon.web.badge import badge, drawn
from slmon.web.feed import TYPE, feed
from slmon.web.guard import page
from slmon.web.house import House
from slmon.web.pages import Pages
from slmon.web.rooms import Role
from slmon.web.signing import Signing
from slmon.web.wall import asked_view

FEED_DAYS = 30


class Intranet:
    """What is shown elsewhere, of a house."""

    def __init__(self, house: House, pages: Pages, reception: Reception, signing: Signing | None) -> None:
        self._house = house
        self._pages = pages
        self._reception = reception
        self._signing = signing

    async def badge(self, request: web.Request) -> web.Response:
        """Today's share as a small picture; pages of any site may show it, who sees it is for the guard."""
        view = asked_view(self._house, request)
        speak = self._pages.words(request.query)
        shown = badge(self._house.snapshot(view.name), self._house.zone, self._house.silent_after_seconds, speak)
        return web.Response(body=drawn(shown), content_type="image/svg+xml", headers={
            "Cache-Control": "no-store", "Cross-Origin-Resource-Policy": "cross-origin"})

    async def feed(self, request: web.Request) -> web.Response:
        """The days of the last month, each in a sentence."""
        view = asked_view(self._house, request)
        now = as_datetime(self._house.snapshot(view.name).at).astimezone(self._house.zone)
        days = await self._house.history(view.name, now.date() - timedelta(days=FEED_DAYS), now.date())
        body = feed(self._house.name, view, days, now, self._front(request), self._pages.words(request.query))
        return web.Response(body=body, content_type=TYPE, charset="utf-8", headers={"Cache-Control": "no-store"})

    async def share(self, request: web.Request) -> web.Response:
        """Addresses and snippets to copy, and a QR code for a phone."""
        view = asked_view(self._house, request)
        front, name = self._front(request), quote(view.name, safe="")
        door, wanted = self._door(view)
        title = self._pages.words(request.query).gettext("Wallboard") + f" · {view.title}"
        phone = f"{front}board/{name}"
        qr = segno.make(phone, error="m", micro=False).svg_inline(border=4, scale=6, dark="#000", light="#fff")
        return page(self._pages.share(
            request.path, request.query, view=view, views=self._house.views, title=title, phone=phone, qr=Markup(qr),
            frame=f"{front}{door}embed/{name}", badge=f"{front}{door}badge/{name}.svg",
            feed=f"{front}{door}feed/{name}.atom", board=f"{front}board/{name}", wanted=wanted,
            only_here=_is_of_this_machine(front), framed_by=list(self._house.frame_ancestors)))

    def _front(self, request: web.Request) -> str:
        """The address of the front page, as people reach it."""
        if self._house.url is not None:
            return self._house.url
        return f"{'https' if self._reception.encrypted(request) else 'http'}://{request.host}/"

    def _door(self, view: View) -> tuple[str, str]:
        """The way in for pages where nobody is logged in, and what is missing for that: a kiosk's address, or ""."""
        access = self._house.access
        if access is None or access.anonymous >= Role.VIEWER:
            return "", ""
        kiosk = next((each for each in access.kiosks if view.name in each.views), None)
        if kiosk is None or self._signing is None:
            return "", "kiosk"
        return f"kiosk/{quote(self._signing.kiosk(kiosk.name), safe='')}/", ""


def _is_of_this_machine(front: str) -> bool:
    name = urlsplit(front).hostname or ""
    return name == "localhost" or is_loopback(name)
