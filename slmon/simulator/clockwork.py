"""Virtual time: scripts that wait run in order, at any speed. Knows nothing of telephones.

A script is a generator that yields the seconds it sleeps.
"""

import heapq
from collections.abc import Callable, Generator
from itertools import count
from typing import Any, TypeVar

from slmon.core.instant import Instant, of_seconds

Result = TypeVar("Result")
Script = Generator[float, None, Result]


class Clockwork:
    """Runs scripts in virtual time. The same scripts give the same order, always."""

    def __init__(self, start: Instant) -> None:
        self.now = start
        self._due: list[tuple[Instant, int, Callable[..., None], tuple[Any, ...]]] = []
        self._number = count()

    @property
    def next_at(self) -> Instant | None:
        """When something happens next; None: nothing will."""
        return self._due[0][0] if self._due else None

    def after(self, seconds: float, action: Callable[..., None], *words: Any) -> None:
        """Do this in so many seconds."""
        at = self.now + max(0, of_seconds(seconds))
        heapq.heappush(self._due, (at, next(self._number), action, words))

    def start(self, script: Script[None]) -> None:
        """Let a script begin, now."""
        self.after(0.0, self._go_on, script)

    def run(self, until: Instant | None = None) -> None:
        """All that happens up to `until` (included); without it, until nothing is left to happen."""
        while self._due and (until is None or self._due[0][0] <= until):
            self.now, _, action, words = heapq.heappop(self._due)
            action(*words)
        if until is not None:
            self.now = max(self.now, until)

    def _go_on(self, script: Script[None]) -> None:
        seconds = next(script, None)
        if seconds is not None:
            self.after(seconds, self._go_on, script)
