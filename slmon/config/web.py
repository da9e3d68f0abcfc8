"""The shape of what slmon.toml says of the web: where it listens, and who may see what. Knows no other section."""

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from slmon.addresses import is_loopback
from slmon.config.section import Section
from slmon.config.words import Day, File, Header, HostName, Name, Network, Origin, Password, Seconds, Slug, Url, Whole


class Listen(Section):
    """An address to listen on."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host == "localhost" or is_loopback(self.host)

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def listen_of(value: object) -> Listen | None:
    """The address in `127.0.0.1:8080`, `[::1]:8080` or `:8080` (every address); None when it is none."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]*):([0-9]{1,5})", value) if isinstance(value, str) else None
    if not found or int(found[2]) > 65535:
        return None
    return Listen(host=found[1].strip("[]") or "0.0.0.0", port=int(found[2]))


def _listen(value: object) -> Listen:
    listen = value if isinstance(value, Listen) else listen_of(value)
    if listen is None:
        raise ValueError("must be an address and a port such as 127.0.0.1:8080 or [::1]:8080")
    return listen


class Web(Section):
    """[web]"""

    listen: Annotated[Listen, BeforeValidator(_listen)] = Listen(host="127.0.0.1", port=8080)
    hosts: tuple[HostName, ...] = ()                  # names that a reverse proxy lets through
    frame_ancestors: tuple[Origin, ...] = ()          # who may show the boards in a frame
    silent_after_seconds: Annotated[Seconds, Field(ge=0)] = 600.0
    url: Url | None = None                            # as people type it; None: as it was asked for
    browsers_at_most: Annotated[Whole, Field(ge=1)] = 500


class Proxy(Section):
    """A reverse proxy before slmon, and what it is believed."""

    addresses: tuple[Network, ...] = Field(description='where it asks from, such as ["127.0.0.1"]', min_length=1)
    user_header: Header | None = None                 # None: it tells of no user
    role_header: Header | None = None
    role: Literal["viewer", "manager", "ops"] = "viewer"   # of a user of whom neither header nor [[user]] tells one


class Access(Section):
    """[access]: who may see what. Absent: all see all, and only this machine can."""

    key_file: File | None = None
    anonymous: Literal["viewer"] | None = None
    session_hours: Annotated[Seconds, Field(gt=0)] = 12.0
    proxy: Proxy | None = None
    scrapers: tuple[Network, ...] = ()
    scrape_token_file: File | None = None


class UserTable(Section):
    """[[user]]: one who may log in."""

    name: Name = Field(description="what is typed in to log in")
    role: Literal["viewer", "manager", "ops"] = Field(description="viewer, manager or ops")
    password: Password | None = None                  # None: by the proxy only


class KioskTable(Section):
    """[[kiosk]]: a TV, or a frame elsewhere, that shows boards without a login by an address of its own."""

    name: Slug = Field(description="a word for it, such as tv-odense")
    views: tuple[Slug, ...] = Field(description='what it shows, such as ["odense"]', min_length=1)
    seconds: Annotated[Seconds, Field(ge=5)] = 20.0   # of each view, where it shows several
    until: Day | None = None
