"""The files that pages are made of, read once and served under their version. No path ever comes from a request."""

import hashlib
import mimetypes
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable

from aiohttp import web

import slmon

FOR_GOOD = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True)
class Static:
    """All static files by name: a handful."""

    contents: dict[str, bytes]
    version: str               # changes with the files, the templates, the words and slmon itself

    async def show(self, request: web.Request) -> web.Response:
        """One file; kept for good by browsers under its own version only."""
        name = request.match_info["file"]
        if name not in self.contents:
            raise web.HTTPNotFound
        fresh = request.match_info["version"] == self.version
        return web.Response(body=self.contents[name], content_type=_content_type(name), charset=_charset(name),
                            headers={"Cache-Control": FOR_GOOD if fresh else "no-store"})


def static_files() -> Static:
    """The files as they are installed."""
    folder: Traversable = files("slmon.web").joinpath("static")
    contents = {entry.name: entry.read_bytes() for entry in folder.iterdir() if entry.is_file()}
    return Static(contents, _version(contents))


def _version(contents: dict[str, bytes]) -> str:
    digest = hashlib.sha256(slmon.__version__.encode())
    for name in sorted(contents):
        digest.update(name.encode() + b"\0" + contents[name])
    for folder in ("templates", "locale"):
        for entry in sorted(files("slmon.web").joinpath(folder).iterdir(), key=lambda each: each.name):
            digest.update(entry.read_bytes())
    return digest.hexdigest()[:12]


def _content_type(name: str) -> str:
    known = {"js": "text/javascript", "css": "text/css", "woff2": "font/woff2", "svg": "image/svg+xml"}
    return known.get(name.rpartition(".")[2]) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _charset(name: str) -> str | None:
    return "utf-8" if name.endswith((".js", ".css", ".svg", ".txt")) else None
