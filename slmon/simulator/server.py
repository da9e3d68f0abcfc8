"""The simulated PBX on a TCP port: logins, rights, real-time pacing, and the faults that tests ask for."""

import asyncio
import contextlib
import hashlib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType

from slmon.core.instant import SECOND, Instant, of_seconds
from slmon.simulator import lists
from slmon.simulator.day import LEAST_RIGHTS, LiveDay
from slmon.simulator.plan import Rate

BANNER = f"Asterisk Call Manager/{lists.AMI_VERSION}\r\n".encode()
WARM_UP_SECONDS = 25 * 60
STANDSTILL = 1e-9                # a speed at which no time goes by
FAST_FORWARD_STEP = 2 * SECOND
_MOST_UNREAD = 1 << 20           # bytes; a client that leaves more unread is cut off, as `writetimeout` does
_CHALLENGE = "364152207"
_NEED_REPORTING = frozenset({"coresettings", "corestatus", "coreshowchannels", "devicestatelist", "status"})


@dataclass(frozen=True, slots=True)
class Account:
    """An AMI user. `read`: the classes of events it sees; `reporting`: whether it may ask for lists.

    `originate`: it may make calls too, which nobody needs who only looks.
    """

    secret: str
    read: frozenset[str] = LEAST_RIGHTS
    reporting: bool = True
    originate: bool = False


@dataclass(slots=True)
class Faults:
    """What is wrong with the PBX; tests set it, at any time."""

    banner: bytes = BANNER
    mute: bool = False                                       # takes everything in, says nothing more
    reply_delay: float = 0.0                                 # seconds
    unknown_actions: set[str] = field(default_factory=set)   # lower case: answered as just after a start
    challenge: bool = True                                   # offers MD5


def fresh_day(seed: int, start: Instant, per_minute: float = 7.8) -> LiveDay:
    """A day that begins at `start`, without a call yet."""
    return LiveDay(seed, start, Rate(per_minute, start))


def running_day(seed: int, now: Instant, per_minute: float = 7.8) -> LiveDay:
    """A day that has been going on for a while at `now`: calls are waiting and talking."""
    day = fresh_day(seed, now - of_seconds(WARM_UP_SECONDS), per_minute)
    day.clock.run(now)
    return day


class AmiServer:
    """Speaks AMI for a day. Virtual time begins where the day's clock stands, and goes `speed` times as fast."""

    def __init__(self, day: LiveDay, accounts: Mapping[str, Account], *, host: str = "127.0.0.1", port: int = 0,
                 speed: float = 1.0, tls: ssl.SSLContext | None = None) -> None:
        self.day = day
        self.faults = Faults()
        self.logins = 0
        self.received: list[bytes] = []                      # what clients said, whole actions
        self.empty = asyncio.Event()                         # no client is there
        self._accounts = accounts
        self._host, self._port, self._speed, self._tls = host, port, speed, tls
        self._server: asyncio.Server | None = None
        self._sessions: set[Session] = set()
        self._pacing: asyncio.Task[None] | None = None
        self._began, self._began_at = 0.0, 0                 # on the loop's clock, and on the day's
        day.pbx.listeners.append(self._heard)

    async def __aenter__(self) -> "AmiServer":
        await self.start()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        await self.stop()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return self._port

    async def start(self) -> None:
        """Open the port, and let time go by."""
        self._server = await asyncio.get_running_loop().create_server(
            lambda: Session(self), self._host, self._port, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]
        self._began, self._began_at = asyncio.get_running_loop().time(), self.day.clock.now
        self._pacing = asyncio.create_task(self._pace(), name="simulated day")

    async def stop(self) -> None:
        """Close everything, without a word. `start` opens the same port again."""
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()
        if self._pacing is not None:
            self._pacing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._pacing

    def reboot(self, day: LiveDay) -> None:
        """Another run of the PBX: the old calls died with the old one. For use between `stop` and `start`."""
        self.day = day
        day.pbx.listeners.append(self._heard)

    def catch_up(self) -> None:
        """Let happen what is due by now."""
        passed = asyncio.get_running_loop().time() - self._began
        self.day.clock.run(self._began_at + of_seconds(passed * self._speed))

    async def fast_forward(self, until: Instant) -> None:
        """Let happen at once, and heard by whoever is logged in, what happens up to `until`; then go on as before."""
        clock = self.day.clock
        while clock.now < until:
            clock.run(min(until, clock.now + FAST_FORWARD_STEP))
            self._began, self._began_at = asyncio.get_running_loop().time(), clock.now
            await asyncio.sleep(0)           # whoever listens gets a turn

    def go_on(self, speed: float) -> None:
        """From now on time goes by so fast."""
        self.catch_up()
        self._began, self._began_at, self._speed = asyncio.get_running_loop().time(), self.day.clock.now, speed

    def cut(self) -> None:
        """Reset all connections; the PBX goes on."""
        for session in list(self._sessions):
            session.abort()

    def send(self, frame: bytes) -> None:
        """Send these bytes to all who are logged in, whatever they are."""
        for session in self._sessions:
            session.send(frame)

    def account(self, name: str) -> Account | None:
        """The account of that name."""
        return self._accounts.get(name)

    def opened(self, session: "Session") -> None:
        """A client is there."""
        self._sessions.add(session)
        self.empty.clear()

    def closed(self, session: "Session") -> None:
        """A client is gone."""
        self._sessions.discard(session)
        if not self._sessions:
            self.empty.set()

    def _heard(self, privilege: str, name: str, frame: bytes) -> None:
        for session in list(self._sessions):
            session.event(privilege, frame)

    async def _pace(self) -> None:
        while True:
            self.catch_up()
            clock = self.day.clock
            pause = 1.0 if clock.next_at is None else (clock.next_at - clock.now) / 1e6 / self._speed
            await asyncio.sleep(min(max(pause, 0.002), 1.0))


class Session(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, server: AmiServer) -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._unread = b""
        self._account: Account | None = None
        self._listening = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Say who we are."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.opened(self)
        self._write(self._server.faults.banner)

    def connection_lost(self, exc: Exception | None) -> None:
        """The client is gone."""
        self._server.closed(self)

    def data_received(self, data: bytes) -> None:
        """Take in whole actions; an empty line ends one."""
        self._unread += data
        while b"\r\n\r\n" in self._unread:
            frame, self._unread = self._unread.split(b"\r\n\r\n", 1)
            self._server.received.append(frame)
            headers = dict(_header(line) for line in frame.decode().split("\r\n") if ":" in line)
            delay = self._server.faults.reply_delay
            if delay:
                asyncio.get_running_loop().call_later(delay, self._act, headers)
            else:
                self._act(headers)

    def event(self, privilege: str, frame: bytes) -> None:
        """Pass on an event, if the client may see it."""
        if self._account is not None and self._listening and privilege in self._account.read:
            self._write(frame)

    def send(self, frame: bytes) -> None:
        """Pass on these bytes to a client that is logged in."""
        if self._account is not None:
            self._write(frame)

    def abort(self) -> None:
        """End the connection, now."""
        if self._transport is not None:
            self._transport.abort()

    def _write(self, frame: bytes) -> None:
        if self._transport is None or self._transport.is_closing() or self._server.faults.mute:
            return
        self._transport.write(frame)
        if self._transport.get_write_buffer_size() > _MOST_UNREAD:
            self.abort()

    def _act(self, headers: dict[str, str]) -> None:
        name, action_id = headers.get("Action", "").lower(), headers.get("ActionID", "")
        self._server.catch_up()
        match name:
            case "challenge" if self._server.faults.challenge:
                self._write(lists.reply(action_id, "Success", f"Challenge: {_CHALLENGE}"))
            case "login":
                self._log_in(headers, action_id)
            case "logoff":
                self._write(lists.reply(action_id, "Goodbye", "Message: Thanks for all the fish."))
                self._hang_up()
            case _ if self._account is None:
                self._write(lists.error(action_id, "Permission denied"))
            case "events":
                self._listening = headers.get("EventMask", "on").lower() != "off"
                self._write(lists.reply(action_id, "Success", f"Events: {'On' if self._listening else 'Off'}"))
            case _:
                self._write(self._answer(name, headers, action_id))

    def _answer(self, name: str, headers: dict[str, str], action_id: str) -> bytes:
        assert self._account is not None
        if name in _NEED_REPORTING and not self._account.reporting:
            return lists.error(action_id, "Permission denied")
        answer = None
        if name not in self._server.faults.unknown_actions:
            answer = lists.answer(self._server.day.pbx, name, headers)
        if answer is not None and not self._account.originate:
            answer = answer.replace(lists.MAY_ORIGINATE, b"")      # the PBX lists what this login may say
        return answer or lists.error(action_id, f"Invalid/unknown command: {headers.get('Action')}. "
                                                "Use Action: ListCommands to show available commands.")

    def _log_in(self, headers: dict[str, str], action_id: str) -> None:
        account = self._server.account(headers.get("Username", ""))
        if account is None or not _proves(account, headers):
            self._write(lists.error(action_id, "Authentication failed"))
            self._hang_up()
            return
        self._account = account
        self._server.logins += 1
        self._write(lists.reply(action_id, "Success", "Message: Authentication accepted"))
        if "system" in account.read:
            self._write(_fully_booted(self._server.day))

    def _hang_up(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _header(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.strip()


def _proves(account: Account, headers: dict[str, str]) -> bool:
    if headers.get("AuthType", "").upper() == "MD5":
        wanted = hashlib.md5((_CHALLENGE + account.secret).encode(), usedforsecurity=False).hexdigest()
        return headers.get("Key") == wanted
    return headers.get("Secret") == account.secret


def _fully_booted(day: LiveDay) -> bytes:
    uptime = (day.clock.now - day.pbx.booted_at) // 10**6
    return (f"Event: FullyBooted\r\nPrivilege: system,all\r\nUptime: {uptime}\r\nLastReload: {uptime}\r\n"
            "Status: Fully Booted\r\n\r\n").encode()
