"""One PBX: connect, log in, list, ping, come back. Hands on core events; knows no rule about calls."""

import asyncio
import contextlib
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from slmon.ami import actions
from slmon.ami.actions import Action, Response, message
from slmon.ami.clock import PbxClock
from slmon.ami.connect import PbxAccess, Port, Refused
from slmon.ami.conversation import Conversation, LinkLost, NotAmi
from slmon.ami.lists import Lists
from slmon.ami.state import Complaint, LinkState, LinkStatus
from slmon.ami.timing import BackOff, Timing
from slmon.core.events import Event, SnapshotTaken, StreamLost
from slmon.core.instant import Instant, from_datetime, of_seconds, seconds_between

log = structlog.get_logger()

_LATE_SECONDS = 2.0
_CERTIFICATE_DAYS = 21
_DAMAGES = 20                          # in a minute: this is no stream to follow


def _no_tap(_: bytes) -> None:
    """Nobody records."""


class Link:
    """The link to one PBX, for as long as `run` runs.

    `on_events` gets core events while they are being read, so it must be quick; `on_state` is told each change;
    `on_bytes` gets what was read, as it came.
    """

    def __init__(
        self,
        access: PbxAccess,
        on_events: Callable[[list[Event]], None],
        on_state: Callable[[LinkState], None],
        on_bytes: Callable[[bytes], None] = _no_tap,
        timing: Timing | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.access = access
        self._tell_events = on_events
        self.on_bytes = on_bytes
        self._monotonic = monotonic
        self.state = LinkState(LinkStatus.CONNECTING, monotonic())
        self._on_state = on_state
        self._timing = timing or Timing()
        self._port = Port(access, self._timing.connect, self._timing.silence)
        self._clock = PbxClock(monotonic)
        self._heard_at = monotonic()
        self.is_trusted = True                                # no gap is open
        self._conversation: Conversation | None = None        # while logged in
        self._lists: Lists | None = None                      # of the last one that was logged in
        self._ping_soon = asyncio.Event()
        self._damages: deque[float] = deque(maxlen=_DAMAGES)      # when, monotonic

    def now(self) -> Instant:
        """The PBX's clock: its last word about it and the monotonic time since. Before any word, the host's."""
        now = self._clock.now
        return from_datetime(datetime.now(UTC)) if now is None else now

    @property
    def lag_seconds(self) -> float:
        """How far the last event was behind the PBX's clock when it came."""
        return self._clock.lag_seconds

    @property
    def heard_until(self) -> Instant | None:
        """The PBX's clock at its last byte: up to then all is known. None while the link is not up."""
        if self._conversation is None or not self.state.is_up:
            return None
        return self.now() - of_seconds(self._monotonic() - self._conversation.heard_at)

    def ping_soon(self) -> None:
        """Ask for a sign of life now: somebody has to know whether up to now all was heard."""
        self._ping_soon.set()

    def resync(self) -> None:
        """Ask for all lists again, soon."""
        if self._lists is not None:
            self._lists.want_all()

    async def rights_too_many(self) -> frozenset[str]:
        """Harmful actions that the PBX would let this login say. LinkLost, TimeoutError: could not be asked."""
        if self._conversation is None:
            raise LinkLost("not connected")
        answer = await self._conversation.ask(actions.action("ListCommands"), self._timing.action)
        # What needs no right at all (`Priv: <none>`) is open to every login and no matter of this one's rights.
        return frozenset(name for name, words in answer.keys.items()
                         if name in actions.HARMFUL and "<none>" not in words)

    async def run(self) -> None:
        """Keep the link, until cancelled."""
        back_off = BackOff()
        while True:
            conversation: Conversation | None = None
            began = self._monotonic()
            try:
                conversation = await self._port.connect(lambda: Conversation(self, self._monotonic))
                await self._one_connection(conversation)
            except asyncio.CancelledError:
                if conversation is not None:
                    conversation.close(farewell=True)
                raise
            except LinkLost as lost:
                refused = isinstance(lost, Refused | NotAmi)
                back_off.failed(self._timing.slow if refused else self._timing.quick, self._monotonic() - began)
                self._heard_at = conversation.heard_at if conversation else self._heard_at
                self._lose(LinkStatus.REFUSED if refused else LinkStatus.DOWN, str(lost))
            finally:
                self._conversation = None
                if conversation is not None:
                    conversation.close()
            await asyncio.sleep(back_off.pause)

    # ---- what a conversation tells while it reads

    def on_events(self, events: list[Event], last: Instant | None) -> None:
        """Hand them on, and say where the PBX's clock was set in between."""
        if last is not None:
            events = self._clock.heard(events, last)
        if events:
            self._tell_events(events)

    def on_stamp(self, at: Instant, asked_at: float) -> None:
        """The PBX's clock stood at `at`, some time after it was asked for it."""
        was_set = self._clock.answered(at, asked_at, self._timing.ping_every)
        if was_set is not None:
            self._tell_events([was_set])

    def on_listed(self) -> None:
        """All channels were listed: a gap ends here."""
        self.is_trusted = True
        if self._lists is not None:
            self._lists.channels_listed = True

    def on_reload(self) -> None:
        """The PBX has read its configuration again: the queues may be others."""
        if self._lists is not None:
            self._lists.want_queues()

    def on_damage(self) -> None:
        """Some of the stream is lost; the translator has said so to the core."""
        self._damages.append(self._monotonic())
        self.resync()

    # ---- what its lists tell

    def on_known(self) -> None:
        """What goes on in the PBX is known."""
        self._set(LinkStatus.UP, "")

    def on_unlisted(self) -> None:
        """No source can tell what is going on: what was open is lost, and what comes is known from here on."""
        self._tell_events([SnapshotTaken(self.now(), (), None, (), ())])
        self.on_listed()

    def complain(self, complaint: Complaint, holds: bool, unnamed: tuple[str, ...] = ()) -> None:
        """Something is amiss with a link that is up, or is no longer. `unnamed`: the contexts of NO_DOOR."""
        state = self.state
        if holds is not (complaint in state.complaints):
            changed = replace(state, unnamed=unnamed or state.unnamed,
                              complaints=state.complaints | {complaint} if holds else state.complaints - {complaint})
            if holds:
                log.warning(f"pbx link: {changed.said(complaint)}", pbx=self.access.name)
            self._tell(changed)

    # ---- one connection's life

    async def _one_connection(self, conversation: Conversation) -> None:
        """From the banner to the loss, which it raises."""
        await conversation.greeted(self._timing.banner)
        await self._log_in(conversation)
        self._conversation = conversation
        lists = self._lists = Lists(conversation, self._timing, self, self._monotonic)
        self._damages.clear()
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, script in (
                    ("lost", self._until_lost(conversation)), ("ping", self._ping(conversation)),
                    ("silence", self._watch(conversation)), ("lists", lists.keep()),
                    ("queues", lists.reread_queues()), ("count", lists.keep_counting()),
                    ("look", lists.look_around()),
                ):
                    tasks.create_task(script, name=f"{self.access.name} {name}")
        except BaseExceptionGroup as several:
            lost = several.subgroup(LinkLost)
            raise (lost.exceptions[0] if lost else several) from None

    async def _log_in(self, conversation: Conversation) -> None:
        access = self.access
        if access.prove_secret:
            offered = await self._ask(conversation, "Challenge", actions.challenge())
            if offered.is_error():
                raise Refused(f"the PBX refuses a login by MD5: {message(offered)}")
            login = actions.login_with_proof(access.username, access.secret, offered.keys.get("Challenge", ""))
        else:
            login = actions.login_with_secret(access.username, access.secret)
        answer = await self._ask(conversation, "Login", login)
        if answer.status != "Success":
            raise Refused(f"login of {access.username} refused: {message(answer)}")

    async def _ask(self, conversation: Conversation, name: str, said: Action) -> Response:
        try:
            return await conversation.ask(said, self._timing.action)
        except TimeoutError:
            raise LinkLost(f"no answer to {name} within {self._timing.action:g} s") from None

    async def _until_lost(self, conversation: Conversation) -> None:
        raise LinkLost(await asyncio.shield(conversation.lost))   # others look at it when this is cancelled

    async def _ping(self, conversation: Conversation) -> None:
        while True:
            began = self._monotonic()
            try:
                await conversation.ask(actions.action("Ping"), self._timing.action)
                self.complain(Complaint.SLOW_ANSWERS, False)
            except TimeoutError:
                self.complain(Complaint.SLOW_ANSWERS, True)
            self.complain(Complaint.LATE_EVENTS, self.lag_seconds > _LATE_SECONDS)
            self.complain(Complaint.CERTIFICATE_ENDS, self._certificate_days() < _CERTIFICATE_DAYS)
            self._ping_soon.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, began + self._timing.ping_every - self._monotonic())):
                    await self._ping_soon.wait()

    async def _watch(self, conversation: Conversation) -> None:
        """Silence: distrust it, and at last give up. Whoever speaks again is asked for everything."""
        silence, patience = self._timing.silence, self._timing.patience
        while True:
            self._heard_at = conversation.heard_at
            silent = self._monotonic() - self._heard_at
            if silent >= patience:
                raise LinkLost(f"no answer for {silent:.0f} s")
            if silent >= silence:
                self._lose(LinkStatus.SLOW, f"no answer since {silence:g} s")
            elif self.state.status is LinkStatus.SLOW:
                self.resync()
            if len(self._damages) == _DAMAGES and self._damages[0] > self._monotonic() - 60:
                raise Refused(f"{_DAMAGES} damaged messages in a minute")
            await asyncio.sleep(min(max(silence - silent, silence / 20), silence / 4))

    # ---- how it stands

    def _lose(self, status: LinkStatus, reason: str) -> None:
        """It is not trusted any more: the core hears of it once, the state says why."""
        if self.is_trusted:
            self.is_trusted = False
            now = self.now()
            since = now - of_seconds(self._monotonic() - self._heard_at)
            self._tell_events([StreamLost(now, since, reason)])
        self._set(status, reason)

    def _certificate_days(self) -> float:
        if self._port.certificate_ends_at is None:
            return math.inf
        return seconds_between(from_datetime(datetime.now(UTC)), self._port.certificate_ends_at) / 86400

    def _set(self, status: LinkStatus, reason: str) -> None:
        before, now = self.state, self._monotonic()
        if (before.status, before.reason) == (status, reason):
            return
        is_up = status is LinkStatus.UP
        lasted = f"{now - before.since:.0f} s"
        if is_up and not before.is_up:
            was_there = before.status is not LinkStatus.CONNECTING
            log.info(f"pbx link back after {lasted}" if was_there else "pbx link up", pbx=self.access.name)
        elif before.is_up:
            log.warning(f"pbx link lost after {lasted}: {reason}", pbx=self.access.name)
        else:
            log.warning(f"pbx link down: {reason}", pbx=self.access.name)
        since = now if is_up is not before.is_up else before.since
        self._tell(replace(before, status=status, since=since, reason=reason,
                           complaints=before.complaints if is_up else frozenset()))

    def _tell(self, state: LinkState) -> None:
        self.state = state
        self._on_state(state)
