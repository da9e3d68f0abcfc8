"""What the web shows and whom it asks, in one type. The daemon fills it; tests fill it by hand. Knows no page."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from slmon.core.board import Snapshot
from slmon.core.site import View
from slmon.web.access import Access
from slmon.web.board import Keeping
from slmon.web.goals import History
from slmon.web.visits import Visits


@dataclass(frozen=True, slots=True)
class House:
    """What the web shows and whom it asks. The daemon fills it; tests fill it by hand."""

    name: str
    zone: ZoneInfo
    views: Sequence[View]                                  # at least one; the first is the front page
    snapshot: Callable[[str], Snapshot]                    # of a view, now
    changed: asyncio.Event                                 # set whenever a snapshot may have changed; cleared here
    history: History                                       # the days of a view
    metrics: Callable[[str], tuple[bytes, str]]            # for an Accept header: text and its content type
    ready: Callable[[], str | None] = lambda: None         # None, or in words what is not up yet
    keeping: Callable[[], Keeping] = Keeping               # how it goes with the store
    language: str = "da"
    demo: bool = False
    hosts: Collection[str] = ()                            # names this server is called by, beside localhost
    frame_ancestors: Collection[str] = ()                  # who may show it in a frame, beside itself
    browsers_at_most: int = 500
    silent_after_seconds: float = 600.0                    # open and no event for so long: not live; 0: never
    visits: Visits = field(default_factory=Visits)         # counted here
    url: str | None = None                                 # as people type it, with a slash at its end
    access: Access | None = None                           # None: all see all
    note: Callable[[str, str], None] = lambda who, what: None   # keep that somebody did something
    ended_sessions: str = ""                               # those that were logged out, as they were kept
    keep_ended_sessions: Callable[[str], None] = lambda text: None

    def view(self, name: str | None) -> View | None:
        """The view of that name; without a name the front page's; None when there is none such."""
        if name is None:
            return self.views[0]
        return next((view for view in self.views if view.name == name), None)
