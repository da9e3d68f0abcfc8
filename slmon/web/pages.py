"""Render the pages: templates and words. Knows what a page needs; knows no sockets and counts nothing."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined

from slmon.core.site import View
from slmon.web.words import LANGUAGES, Words, words

THEMES = ("dark", "light")
CHOICES = ("lang", "theme")     # what an address may choose, and links carry on


@dataclass(frozen=True)
class Pages:
    """The pages of one house."""

    house: str
    zone: ZoneInfo
    language: str
    version: str
    silent_after_seconds: float
    demo: bool
    _environments: dict[str, Environment] = field(default_factory=dict)

    def board(self, view: View, views: Sequence[View], path: str, query: Mapping[str, str]) -> str:
        """The wallboard of a view; its figures come by the stream."""
        return self._render("board.html", path, query, view=view, views=views, board=json.dumps({
            "stream": self._root(path) + "stream/" + quote(view.name, safe=""),
            "zone": self.zone.key, "version": self.version, "silent_after": self.silent_after_seconds}))

    def problem(self, status: int, path: str, query: Mapping[str, str]) -> str:
        """The page of an HTTP error, in words."""
        return self._render("problem.html", path, query, status=status)

    def _render(self, template: str, path: str, query: Mapping[str, str], **values: object) -> str:
        language = query.get("lang", "")
        speak = words(language if language in LANGUAGES else self.language)
        theme = query.get("theme", "")
        root = self._root(path)
        chosen = urlencode({name: query[name] for name in CHOICES if name in query})
        return self._environment(speak).get_template(template).render(
            w=speak, house=self.house, demo=self.demo, root=root, static=f"{root}static/{self.version}/",
            theme=theme if theme in THEMES else "", chosen=f"?{chosen}" if chosen else "", **values)

    @staticmethod
    def _root(path: str) -> str:
        """The way up from a page to the front, so that the pages also live below a proxy's path."""
        return "../" * (path.count("/") - 1)

    def _environment(self, speak: Words) -> Environment:
        if speak.language not in self._environments:
            self._environments[speak.language] = _environment(speak)
        return self._environments[speak.language]


def _environment(speak: Words) -> Environment:
    environment = Environment(
        loader=PackageLoader("slmon.web"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.i18n"])
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        speak.gettext, speak.ngettext, newstyle=True)
    environment.filters["quoted"] = lambda text: quote(text, safe="")
    return environment
