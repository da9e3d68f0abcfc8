"""How much the boards are used, and what was refused: numbers only, nothing of a person. Knows no request's content."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

REASONS = ("connections", "address", "memory", "slow", "boards", "malformed", "host", "origin", "role", "login",
           "busy")
"""Why a request was refused: too many connections in all or from one address, too little memory left for one more, a
question that took too long to come, too many boards, what is no HTTP, a foreign name, another site's form, no role for
it, a login that failed, too much at once."""


class Kind(StrEnum):
    """What a board was opened on."""

    WALL = "wall"          # a page on a screen
    PHONE = "phone"
    EMBED = "embed"        # a frame of the intranet
    KIOSK = "kiosk"        # a screen with an address of its own, or several views in turns


@dataclass(slots=True)
class Visits:
    """Counts since the process began. `open` tells how many boards each view has open now."""

    seen: Counter[tuple[str, str]] = field(default_factory=Counter)       # by view and kind
    refused: Counter[str] = field(default_factory=Counter)
    open: Callable[[], Mapping[str, int]] = dict

    def saw(self, view: str, kind: Kind) -> None:
        """A board was opened."""
        self.seen[view, kind] += 1

    def refuse(self, reason: str) -> None:
        """A request was refused."""
        self.refused[reason] += 1
