"""One PBX: connect, TLS, log in, snapshot, ping, come back. Hands on core events; knows no rule about calls."""

import asyncio
import contextlib
import math
import os
import random
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

import structlog

from slmon.ami import actions
from slmon.ami.actions import Action, Response
from slmon.ami.clock import PbxClock
from slmon.ami.conversation import Conversation, LinkLost, NotAmi
from slmon.core.events import Event, SnapshotTaken, StreamLost
from slmon.core.instant import Instant, from_datetime, of_seconds, seconds_between

log = structlog.get_logger()

_LATE_SECONDS = 2.0
_CERTIFICATE_DAYS = 21
_DAMAGES = 20                          # in a minute: this is no stream to follow
_LISTING_AT_MOST = 100.0               # so many times as long as a list takes, none is asked for again
_LASTED = 60.0                         # seconds after which a connection was a good one, and back-off starts anew


@dataclass(frozen=True, slots=True)
class PbxAccess:
    """Where a PBX is and how to log in. Shows no secret in its repr."""

    name: str
    host: str
    port: int
    username: str
    secret: str = field(repr=False)
    tls: bool = False
    ca_file: Path | None = None
    server_name: str | None = None
    prove_secret: bool = True          # by MD5, so that the secret is never on the wire; False: say it


@dataclass(frozen=True, slots=True)
class Timing:
    """How long the link waits, in seconds."""

    connect: float = 5.0                         # each address
    banner: float = 10.0
    action: float = 10.0
    ping_every: float = 5.0
    silence: float = 9.5                         # without a byte, though pinged: no longer trusted
    patience: float = 40.0                       # without a byte: given up
    reread: float = 2.0                          # after a reload of the PBX
    count_every: float = 5.0                     # between looks at how many calls the PBX has handled
    look_around: float = 60.0                    # between looks at the channels, and at what the rights let through
    quick: tuple[float, float] = (0.5, 5.0)      # back-off of lost links, first and longest
    slow: tuple[float, float] = (2.0, 60.0)      # of refusals: login, certificate, no AMI
    relist: tuple[float, float] = (0.5, 60.0)    # of lists that do not complete, as just after a PBX start


class LinkStatus(StrEnum):
    """How a link stands."""

    CONNECTING = "connecting"          # the first attempt is under way
    UP = "up"
    SLOW = "slow"                      # connected, and the PBX answers late or not at all
    DOWN = "down"
    REFUSED = "refused"                # login, certificate, or no AMI: will hardly mend itself


class Complaint(StrEnum):
    """What a link that is up lacks, and the cure."""

    NO_LISTS = "the PBX refuses its lists: give the user write = reporting"
    NOT_READY = "the PBX does not list its channels"
    NO_QUEUES = "the PBX does not answer QueueStatus"
    NO_DEVICES = "the PBX does not answer DeviceStateList"
    NO_CALLS = "the PBX handles calls and tells none: give the user read = call,agent, and no event filter"
    NO_AGENTS = "the PBX tells nothing of its queues: give the user read = call,agent, and no event filter"
    NO_TIMESTAMPS = "events come without a time: set timestampevents = yes in manager.conf"
    SLOW_ANSWERS = "the PBX answers late"
    LATE_EVENTS = "events come late"
    CERTIFICATE_ENDS = "the PBX's certificate ends within three weeks: renew it"


@dataclass(frozen=True, slots=True)
class LinkState:
    """How a link stands. `since`: monotonic, when it last came up or ceased to be up."""

    status: LinkStatus
    since: float
    reason: str = ""
    complaints: frozenset[Complaint] = frozenset()

    @property
    def is_up(self) -> bool:
        """Whether what goes on in the PBX is known."""
        return self.status is LinkStatus.UP


class Refused(LinkLost):
    """Trying again soon will not help."""


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
    ) -> None:
        self.access = access
        self._tell_events = on_events
        self.on_bytes = on_bytes
        self.state = LinkState(LinkStatus.CONNECTING, time.monotonic())
        self.certificate_ends_at: Instant | None = None
        self._on_state = on_state
        self._timing = timing or Timing()
        self._clock = PbxClock(time.monotonic)
        self._pinged_at = time.monotonic()
        self._heard_at = time.monotonic()
        self._trusted = True                                  # no gap is open
        self._listed_here = False                             # this connection has listed the channels
        self._tls: ssl.SSLContext | None = None
        self._conversation: Conversation | None = None        # while logged in
        self._relist, self._reread = asyncio.Event(), asyncio.Event()
        self._ping_soon = asyncio.Event()
        self._damages: deque[float] = deque(maxlen=_DAMAGES)      # when, monotonic
        self._processed: int | None = None                    # calls, as the PBX counts them

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
        return self.now() - of_seconds(time.monotonic() - self._conversation.heard_at)

    def ping_soon(self) -> None:
        """Ask for a sign of life now: somebody has to know whether up to now all was heard."""
        self._ping_soon.set()

    def resync(self) -> None:
        """Ask for all lists again, soon."""
        self._relist.set()

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
        pause = 0.0
        while True:
            conversation: Conversation | None = None
            began = time.monotonic()
            try:
                conversation = await self._connect()
                await self._one_connection(conversation)
            except asyncio.CancelledError:
                if conversation is not None:
                    conversation.close(farewell=True)
                raise
            except LinkLost as lost:
                refused = isinstance(lost, Refused | NotAmi)
                first, longest = self._timing.slow if refused else self._timing.quick
                fresh = not pause or time.monotonic() - began > _LASTED
                pause = first if fresh else min(max(pause, first) * 2, longest)
                self._heard_at = conversation.heard_at if conversation else self._heard_at
                self._lose(LinkStatus.REFUSED if refused else LinkStatus.DOWN, str(lost))
            finally:
                self._conversation = None
                if conversation is not None:
                    conversation.close()
            # Jitter, so that fifty PBXes that come back together are not all logged in to together.
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))

    # ---- what a conversation tells while it reads

    def on_events(self, events: list[Event], last: Instant | None) -> None:
        """Hand them on, and say where the PBX's clock was set in between."""
        if last is not None:
            events = self._clock.heard(events, last)
        if events:
            self._tell_events(events)

    def on_stamp(self, at: Instant) -> None:
        """The PBX's clock stood at `at`."""
        was_set = self._clock.answered(at, self._pinged_at, self._timing.ping_every)
        if was_set is not None:
            self._tell_events([was_set])

    def on_listed(self) -> None:
        """All channels were listed: a gap ends here."""
        self._trusted = self._listed_here = True

    def on_reload(self) -> None:
        """The PBX has read its configuration again: the queues may be others."""
        self._reread.set()

    def on_damage(self, reason: str) -> None:
        """Some of the stream is lost; the translator has said so to the core."""
        self._damages.append(time.monotonic())
        self._relist.set()

    # ---- connecting

    async def _connect(self) -> Conversation:
        loop, access = asyncio.get_running_loop(), self.access
        tls = self._tls_context() if access.tls else None
        tried: list[str] = []
        for address in await self._addresses():
            try:
                async with asyncio.timeout(self._timing.connect):
                    transport, conversation = await loop.create_connection(
                        lambda: Conversation(self, time.monotonic), address, access.port, ssl=tls,
                        server_hostname=(access.server_name or access.host) if tls else None)
            except TimeoutError:
                tried.append(f"{address} does not answer")
            except ssl.SSLError as error:
                raise Refused(_tls_in_words(error, access)) from None
            except OSError as error:
                tried.append(f"{address}: {_os_in_words(error)}")
            except ValueError:
                raise Refused(f"server_name {access.server_name or access.host} is no host name") from None
            else:
                _give_up_unheard(transport, self._timing.silence)
                self._note_certificate(transport)
                return conversation
        raise LinkLost("; ".join(tried))

    async def _addresses(self) -> list[str]:
        """All addresses of the host, the system's order; looked up in a thread."""
        access = self.access
        try:
            async with asyncio.timeout(self._timing.connect):
                found = await asyncio.get_running_loop().getaddrinfo(
                    access.host, access.port, type=socket.SOCK_STREAM)
        except TimeoutError:
            raise LinkLost(f"looking up {access.host} takes too long") from None
        except (socket.gaierror, UnicodeError):
            raise LinkLost(f"{access.host} has no address") from None
        return list(dict.fromkeys(str(address[0]) for *_, address in found))

    def _tls_context(self) -> ssl.SSLContext:
        if self._tls is None:
            try:
                self._tls = ssl.create_default_context(cafile=self.access.ca_file)
            except OSError as error:
                reason = (error.strerror or "holds no certificate").lower()
                raise Refused(f"ca_file {self.access.ca_file}: {reason}") from None
        return self._tls

    def _note_certificate(self, transport: asyncio.Transport) -> None:
        certificate = transport.get_extra_info("peercert")
        if certificate:
            self.certificate_ends_at = ssl.cert_time_to_seconds(certificate["notAfter"]) * 10**6

    def _certificate_days(self) -> float:
        if self.certificate_ends_at is None:
            return math.inf
        return seconds_between(from_datetime(datetime.now(UTC)), self.certificate_ends_at) / 86400

    # ---- one connection's life

    async def _one_connection(self, conversation: Conversation) -> None:
        """From the banner to the loss, which it raises."""
        await conversation.greeted(self._timing.banner)
        await self._log_in(conversation)
        self._conversation = conversation
        self._processed, self._listed_here = None, False
        self._damages.clear()
        self._relist.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                for script in (self._until_lost, self._ping, self._watch, self._keep_listed, self._reread_queues,
                               self._keep_counting, self._look_around):
                    tasks.create_task(script(conversation), name=f"{self.access.name} {script.__name__}")
        except BaseExceptionGroup as several:
            lost = several.subgroup(LinkLost)
            raise (lost.exceptions[0] if lost else several) from None

    async def _log_in(self, conversation: Conversation) -> None:
        access = self.access
        if access.prove_secret:
            offered = await self._ask(conversation, "Challenge", actions.challenge())
            if offered.is_error():
                raise Refused(f"the PBX refuses a login by MD5: {_message(offered)}")
            login = actions.login_with_proof(access.username, access.secret, offered.keys.get("Challenge", ""))
        else:
            login = actions.login_with_secret(access.username, access.secret)
        answer = await self._ask(conversation, "Login", login)
        if answer.status != "Success":
            raise Refused(f"login of {access.username} refused: {_message(answer)}")

    async def _ask(self, conversation: Conversation, name: str, said: Action) -> Response:
        try:
            return await conversation.ask(said, self._timing.action)
        except TimeoutError:
            raise LinkLost(f"no answer to {name} within {self._timing.action:g} s") from None

    async def _until_lost(self, conversation: Conversation) -> None:
        raise LinkLost(await asyncio.shield(conversation.lost))   # others look at it when this is cancelled

    async def _ping(self, conversation: Conversation) -> None:
        while True:
            began = self._pinged_at = time.monotonic()
            try:
                await conversation.ask(actions.action("Ping"), self._timing.action)
                self._complain(Complaint.SLOW_ANSWERS, False)
            except TimeoutError:
                self._complain(Complaint.SLOW_ANSWERS, True)
            self._complain(Complaint.LATE_EVENTS, self.lag_seconds > _LATE_SECONDS)
            self._complain(Complaint.CERTIFICATE_ENDS, self._certificate_days() < _CERTIFICATE_DAYS)
            self._ping_soon.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, began + self._timing.ping_every - time.monotonic())):
                    await self._ping_soon.wait()

    async def _watch(self, conversation: Conversation) -> None:
        """Silence: distrust it, and at last give up. Whoever speaks again is asked for everything."""
        silence, patience = self._timing.silence, self._timing.patience
        while True:
            self._heard_at = conversation.heard_at
            silent = time.monotonic() - self._heard_at
            if silent >= patience:
                raise LinkLost(f"no answer for {silent:.0f} s")
            if silent >= silence:
                self._lose(LinkStatus.SLOW, f"no answer since {silence:g} s")
            elif self.state.status is LinkStatus.SLOW:
                self._relist.set()
            if len(self._damages) == _DAMAGES and self._damages[0] > time.monotonic() - 60:
                raise Refused(f"{_DAMAGES} damaged messages in a minute")
            await asyncio.sleep(min(max(silence - silent, silence / 20), silence / 4))

    async def _reread_queues(self, conversation: Conversation) -> None:
        while True:
            await self._reread.wait()
            await asyncio.sleep(self._timing.reread)
            self._reread.clear()
            await self._listed(conversation, "QueueStatus", Complaint.NO_QUEUES)

    async def _keep_counting(self, conversation: Conversation) -> None:
        """How many calls the PBX has handled: what a gap may hide is told by the count before it."""
        while True:
            await asyncio.sleep(self._timing.count_every)
            if self._trusted:
                await self._listed(conversation, "CoreStatus", Complaint.NOT_READY)

    async def _look_around(self, conversation: Conversation) -> None:
        """Whether what is kept still goes on, and whether the rights let through what the PBX does."""
        took = 0.0
        while True:
            await asyncio.sleep(max(self._timing.look_around, took * _LISTING_AT_MOST))
            began = time.monotonic()
            if self._trusted:
                await self._listed(conversation, "CoreShowChannels", Complaint.NOT_READY)
            took = time.monotonic() - began
            self._complain(Complaint.NO_AGENTS, conversation.members_stirred > 5 and not conversation.agents_heard)
            self._complain(Complaint.NO_TIMESTAMPS, conversation.undated)

    # ---- the lists

    async def _keep_listed(self, conversation: Conversation) -> None:
        """List everything when it is asked for; again and again while the PBX does not know its own lists yet."""
        first, longest = self._timing.relist
        pause = first
        while True:
            await self._relist.wait()
            self._relist.clear()
            complete = await self._list_all(conversation)
            if self._trusted and self._listed_here:
                self._set(LinkStatus.UP, "")
            pause = first if complete else min(pause * 2, longest)
            await asyncio.sleep(pause)
            if not complete:
                self._relist.set()

    async def _list_all(self, conversation: Conversation) -> bool:
        """All lists; on a new connection the channels last, which make one snapshot of all. False: not all came."""
        started = await self._listed(conversation, "CoreStatus", Complaint.NOT_READY)
        again = self._listed_here                # then the channels first, for queues tell of channels that are known
        channels = again and await self._listed(conversation, "CoreShowChannels", Complaint.NOT_READY)
        queues = await self._listed(conversation, "QueueStatus", Complaint.NO_QUEUES)
        devices = await self._listed(conversation, "DeviceStateList", Complaint.NO_DEVICES)
        if not again:
            channels = await self._listed(conversation, "CoreShowChannels", Complaint.NOT_READY)
        if Complaint.NO_LISTS in self.state.complaints and not (self._trusted and self._listed_here):
            # No source can tell what is going on: what was open is lost, and what comes is known from here on.
            self._tell_events([SnapshotTaken(self.now(), (), None, (), ())])
            self.on_listed()
        return started and queues and devices and channels

    async def _listed(self, conversation: Conversation, name: str, otherwise: Complaint) -> bool:
        """Ask for one list. True: it came, or it will never come."""
        try:
            answer = await conversation.ask(actions.action(name), self._timing.action, whole_list=name != "CoreStatus")
        except TimeoutError:
            self._complain(Complaint.SLOW_ANSWERS, True)
            return False
        denied = answer.is_error() and "denied" in _message(answer).lower()
        self._complain(otherwise, answer.is_error() and not denied)
        if denied or name == "CoreShowChannels":
            self._complain(Complaint.NO_LISTS, denied)
        if name == "CoreStatus" and not answer.is_error():
            self._compare(conversation, answer)
        return denied or not answer.is_error()

    def _compare(self, conversation: Conversation, status: Response) -> None:
        """The PBX's own count of calls against what it tells."""
        count = status.keys.get("CoreProcessedCalls", "")
        processed = int(count) if count.isascii() and count.isdigit() else 0
        handled = self._processed is not None and processed > self._processed
        self._processed = processed
        if handled or conversation.calls_heard:
            self._complain(Complaint.NO_CALLS, not conversation.calls_heard)

    # ---- how it stands

    def _lose(self, status: LinkStatus, reason: str) -> None:
        """It is not trusted any more: the core hears of it once, the state says why."""
        if self._trusted:
            self._trusted = False
            now = self.now()
            since = now - of_seconds(time.monotonic() - self._heard_at)
            self._tell_events([StreamLost(now, since, reason)])
        self._set(status, reason)

    def _complain(self, complaint: Complaint, holds: bool) -> None:
        complaints = self.state.complaints
        if holds is not (complaint in complaints):
            if holds:
                log.warning(f"pbx link: {complaint}", pbx=self.access.name)
            self._tell(LinkState(self.state.status, self.state.since, self.state.reason,
                                 complaints | {complaint} if holds else complaints - {complaint}))

    def _set(self, status: LinkStatus, reason: str) -> None:
        before, now = self.state, time.monotonic()
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
        self._tell(LinkState(status, since, reason, before.complaints if is_up else frozenset()))

    def _tell(self, state: LinkState) -> None:
        self.state = state
        self._on_state(state)


def _message(answer: Response) -> str:
    text = str(answer.keys.get("Message", "no reason given"))
    return "".join(char if char.isprintable() else "?" for char in text[:120])


def _give_up_unheard(transport: asyncio.Transport, seconds: float) -> None:
    """Let the kernel end a connection whose far end has not even acknowledged our bytes: half open."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        transport.get_extra_info("socket").setsockopt(
            socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def _os_in_words(error: OSError) -> str:
    return (os.strerror(error.errno) if error.errno else str(error)).lower()


def _tls_in_words(error: ssl.SSLError, access: PbxAccess) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate of {access.host} refused: {error.verify_message.lower()}"
    if error.reason == "WRONG_VERSION_NUMBER":
        return f"port {access.port} speaks no TLS"
    return f"TLS with {access.host} failed: {(error.reason or str(error)).lower().replace('_', ' ')}"
