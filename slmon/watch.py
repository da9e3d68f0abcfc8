"""One PBX in the daemon: its link, its switchboard, and the timer for what falls due between events. No call rule."""

import asyncio
from collections.abc import Callable

import structlog

from slmon.ami.connect import PbxAccess
from slmon.ami.link import Link
from slmon.ami.state import Complaint, LinkState, LinkStatus
from slmon.config import Pbx
from slmon.core.events import ClockSet, Event, StreamLost
from slmon.core.facts import CallTransferred, Fact, OddityNoticed, TransferKind
from slmon.core.instant import SECOND, Instant
from slmon.core.switchboard import Switchboard

UNTOLD = 3                       # calls that more than one desk had, and no transfer was ever told: it is filtered
ASK_AGAIN_SECONDS = 0.25         # for a sign of life, when a verdict waits for it

_TOLD = frozenset({TransferKind.BLIND, TransferKind.ATTENDED})

log = structlog.get_logger(__name__)


class Watch:
    """One PBX: its link, its switchboard, and the timer for what falls due between events."""

    def __init__(self, pbx: Pbx, switchboard: Switchboard, take: Callable[["Watch", list[Fact]], None],
                 on_state: Callable[["Watch", LinkState], None]) -> None:
        self.name = pbx.name
        self.switchboard = switchboard
        self.link = Link(access_of(pbx), self._on_events, self._state_changed)
        self.last_event_at: Instant | None = None
        self._take = take
        self._on_state = on_state
        self._timer: asyncio.TimerHandle | None = None
        self._untold, self._transfers_told = 0, False

    def _on_events(self, events: list[Event]) -> None:
        facts: list[Fact] = []
        for event in events:
            facts += self._understood(event)
            if not isinstance(event, StreamLost | ClockSet):     # those are our own words
                self.last_event_at = event.at
        self._hand_on(facts)
        self._set_timer()

    def _hand_on(self, facts: list[Fact]) -> None:
        for fact in facts:
            if isinstance(fact, CallTransferred) and fact.kind in _TOLD:
                self._transfers_told = True
            elif isinstance(fact, OddityNoticed) and fact.kind == "untold_transfer":
                self._untold += 1
        if self.link.state.is_up:
            self.link.complain(Complaint.NO_TRANSFERS, self._untold >= UNTOLD and not self._transfers_told)
            unnamed = self.switchboard.elsewhere.doors_unnamed
            self.link.complain(Complaint.NO_DOOR, bool(unnamed), unnamed)
        self._take(self, facts)

    def _understood(self, event: Event) -> list[Fact]:
        """What follows from the event. A mistake of ours must not stop the listening: it is told, counted, resynced."""
        facts: list[Fact] = []
        try:
            if not isinstance(event, StreamLost | ClockSet):     # those say themselves up to when all was heard
                facts += self.switchboard.advance(event.at)  # by itself, so that what fell due before is not lost
            facts += self.switchboard.apply(event)
        except Exception:
            log.exception("an event could not be understood", pbx=self.name, kind=type(event).__name__)
            facts.append(OddityNoticed(self.name, event.at, "not_understood"))
            facts += self.switchboard.apply(StreamLost(event.at, event.at, "an event could not be understood"))
            self.link.resync()
        return facts

    def _state_changed(self, state: LinkState) -> None:
        self._on_state(self, state)
        self._set_timer()          # up: what fell due was passed over; down: what is over is sealed

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self.switchboard.next_seal() if self._is_gone else self.switchboard.next_deadline()
        if due is not None:
            wait = (due - self.link.now()) / SECOND
            if wait <= 0:
                self.link.ping_soon()                  # due, and not known yet to be heard up to there
                wait = ASK_AGAIN_SECONDS
            self._timer = asyncio.get_running_loop().call_later(wait, self._tick)

    def _tick(self) -> None:
        """Something may have fallen due, and no event said so: go as far as is heard, and nothing is judged beyond."""
        self._timer = None
        heard_until = self.link.heard_until
        if heard_until is None and not self._is_gone:
            return
        try:
            self._hand_on(self.switchboard.seal_ended(self.link.now()) if heard_until is None
                          else self.switchboard.advance(heard_until))
        finally:
            self._set_timer()

    @property
    def _is_gone(self) -> bool:
        """Whether no event of before can come any more; of a PBX that is only slow there may be some under way."""
        return self.link.state.status in {LinkStatus.DOWN, LinkStatus.REFUSED}

    def close(self) -> None:
        """No more ticks."""
        if self._timer is not None:
            self._timer.cancel()


def access_of(pbx: Pbx) -> PbxAccess:
    """What the link needs of a PBX's configuration."""
    secret = pbx.secret.get_secret_value() if pbx.secret is not None else ""
    return PbxAccess(pbx.name, pbx.host, pbx.port, pbx.username, secret, pbx.tls, pbx.ca_file, pbx.server_name)
