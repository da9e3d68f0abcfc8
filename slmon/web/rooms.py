"""Where each address leads, and which role may go there. A room without a role cannot be made."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import IntEnum

from aiohttp import web

Show = Callable[[web.Request], Awaitable[web.StreamResponse]]
VIEW = "{view:[^/]+}"


class Role(IntEnum):
    """Who may see what; each may also see what those before it may."""

    ANYONE = 0     # health, static files: what tells nothing of the house
    VIEWER = 1     # boards
    MANAGER = 2    # the past, and what leaves the house
    OPS = 3        # metrics

    @property
    def word(self) -> str:
        """As slmon.toml has it."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Room:
    """One address."""

    method: str
    path: str
    show: Show
    role: Role
    head: bool = True          # whether its head alone may be asked for
    noted: str = ""            # what the books say of one who was here; "": nothing


@dataclass(frozen=True, slots=True)
class Rooms:
    """All addresses of an application."""

    rooms: list[Room] = field(default_factory=list)

    def get(self, path: str, show: Show, role: Role, *, head: bool = True, noted: str = "") -> None:
        """Something to look at."""
        self.rooms.append(Room("GET", path, show, role, head, noted))

    def post(self, path: str, show: Show, role: Role) -> None:
        """Something that changes something."""
        self.rooms.append(Room("POST", path, show, role))

    def add_to(self, router: web.UrlDispatcher) -> dict[tuple[str, str], Room]:
        """Make the routes; which room each method and pattern leads to."""
        found: dict[tuple[str, str], Room] = {}
        for room in self.rooms:
            for method in ("GET", "HEAD") if room.method == "GET" and room.head else (room.method,):
                route = router.add_route(method, room.path, room.show)
                assert route.resource is not None
                found[method, route.resource.canonical] = room
        return found
