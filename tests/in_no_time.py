"""A loop on which nobody waits: where there is nothing to read, its clock goes on to what is due next.

With real sockets, so that an hour of a link as it is shipped takes a moment, and its times are exact.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

A_MOMENT = 0.001             # seconds really waited for bytes that are on their way between two sockets


class _Selector(selectors.DefaultSelector):    # type: ignore[misc,valid-type]
    """Looks for bytes, and does not wait for them."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[Any]:
        ready: list[Any] = super().select(timeout if timeout is None else min(timeout, A_MOMENT))
        if not ready and timeout is not None:
            self.now += timeout
        return ready


class InNoTime(asyncio.SelectorEventLoop):
    """Its seconds go by when nothing else does."""

    def __init__(self) -> None:
        self._clock = _Selector()
        super().__init__(self._clock)

    def time(self) -> float:
        """The seconds gone by; no real clock's."""
        return self._clock.now


def in_no_time(test: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """The test, run on such a loop."""
    def run() -> None:
        with asyncio.Runner(loop_factory=InNoTime) as runner:
            runner.run(test())
    run.__doc__ = test.__doc__
    return run
