"""Render the pages: templates and words. Knows what a page needs; knows no sockets and counts nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from slmon.core.facts import Outcome
from slmon.core.instant import Instant, as_datetime
from slmon.core.site import View
from slmon.web.goals import GoalsPage
from slmon.web.period import Kind, around
from slmon.web.words import LANGUAGES, Words, words

THEMES = ("dark", "light")
CHOICES = ("lang", "theme")     # what an address may choose, and links carry on


def _(text: str) -> str:
    """Mark a text for the catalogue; it is translated where it is shown."""
    return text


PERIODS = ((_("Today"), Kind.DAY), (_("This week"), Kind.WEEK), (_("This month"), Kind.MONTH),
           (_("This year"), Kind.YEAR))

OUTCOMES = {
    Outcome.ANSWERED: _("answered"), Outcome.ABANDONED: _("abandoned"), Outcome.VOICEMAIL: _("voicemail"),
    Outcome.CALLBACK: _("asked to be rung back"), Outcome.TURNED_AWAY: _("turned away"),
    Outcome.LEFT_MENU: _("left in the menu"), Outcome.CLOSED: _("closed"), Outcome.LOST: _("lost"),
    None: _("not over yet")}

FORMULA_WORDS = {
    "answer_within": _("Official: answered in time / all that asked for a person"),
    "answered_only": _("Answered in time / answered"),
    "abandons_ignored": _("Answered in time / all but those who gave up in time"),
    "abandons_within_are_good": _("Answered in time or given up in time / all"),
    "everyone_in_hours": _("Answered in time / everyone who rang in hours, menu included"),
    "asterisk_sl": _("Asterisk's ServicelevelPerf: from queue join, of the answered"),
    "asterisk_sl2": _("Asterisk's ServicelevelPerf2: from queue join, of all")}


@dataclass(frozen=True)
class Pages:
    """The pages of one house."""

    house: str
    zone: ZoneInfo
    language: str
    version: str
    silent_after_seconds: float
    demo: bool

    def __post_init__(self) -> None:
        """Compile the house's templates now, not while the first visitor and the PBXes wait."""
        _environment(self.language)

    def board(self, view: View, views: Sequence[View], path: str, query: Mapping[str, str], door: str = "") -> str:
        """The wallboard of a view; its figures come by the stream. `door`: a kiosk's own way in, `kiosk/.../`."""
        return self._render("board.html", path, query, view=view, views=views, board=json.dumps({
            "stream": self._root(path) + door + "stream/" + quote(view.name, safe=""),
            "zone": self.zone.key, "version": self.version, "silent_after": self.silent_after_seconds}))

    def goals(self, page: GoalsPage, view: View, views: Sequence[View], path: str, query: Mapping[str, str]) -> str:
        """The goals page of a view for a period; without any code in the browser."""
        speak = self._speak(query)

        def keep(period: str) -> str:
            return urlencode({"period": period, **_chosen(query)})

        def local(at: Instant) -> datetime:
            return as_datetime(at).astimezone(self.zone)

        periods = [(speak.gettext(name), around(page.today, kind)) for name, kind in PERIODS]
        return self._render(
            "goals.html", path, query, page=page, view=view, views=views, keep=keep, local=local, periods=periods,
            here=path.rpartition("/")[2],
            outcome=lambda name: speak.gettext(OUTCOMES.get(name, "–")),
            formula=lambda name: speak.gettext(FORMULA_WORDS.get(name, "")))

    def turns(self, views: Sequence[View], seconds: float, path: str, query: Mapping[str, str], door: str = "") -> str:
        """Boards of several views, one after another."""
        root = self._root(path) + door
        chosen = urlencode({**_chosen(query), "kiosk": "1", "turn": "1"})
        boards = [{"title": view.title, "address": f"{root}board/{quote(view.name, safe='')}?{chosen}"}
                  for view in views]
        return self._render("kiosk.html", path, query, turns=json.dumps({
            "boards": boards, "seconds": seconds, "version": self.version}))

    def share(self, path: str, query: Mapping[str, str], **values: object) -> str:
        """What to put into the intranet, to copy."""
        return self._render("share.html", path, query, **values)

    def words(self, query: Mapping[str, str]) -> Words:
        """The language that an address asks for, else the house's."""
        return self._speak(query)

    def login(self, path: str, query: Mapping[str, str], **values: object) -> str:
        """The form to log in with, or for one who is logged in the way out."""
        return self._render("login.html", path, query, **values)

    def problem(self, status: int, path: str, query: Mapping[str, str]) -> str:
        """The page of an HTTP error, in words."""
        return self._render("problem.html", path, query, status=status)

    def _render(self, template: str, path: str, query: Mapping[str, str], **values: object) -> str:
        speak = self._speak(query)
        theme = query.get("theme", "")
        root = self._root(path)
        chosen = urlencode(_chosen(query))
        return _environment(speak.language).get_template(template).render(
            w=speak, house=self.house, demo=self.demo, root=root, static=f"{root}static/{self.version}/",
            theme=theme if theme in THEMES else "", chosen=f"?{chosen}" if chosen else "", **values)

    def _speak(self, query: Mapping[str, str]) -> Words:
        language = query.get("lang", "")
        return words(language if language in LANGUAGES else self.language)

    @staticmethod
    def _root(path: str) -> str:
        """The way up from a page to the front, so that the pages also live below a proxy's path."""
        return "../" * (path.count("/") - 1)


def _chosen(query: Mapping[str, str]) -> dict[str, str]:
    return {name: query[name] for name in CHOICES if name in query}


@cache
def _environment(language: str) -> Environment:
    speak = words(language)
    environment = Environment(
        loader=PackageLoader("slmon.web"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.i18n"])
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        speak.gettext, speak.ngettext, newstyle=True)
    environment.filters["quoted"] = lambda text: quote(text, safe="")
    for name in environment.list_templates():
        environment.get_template(name)
    return environment
