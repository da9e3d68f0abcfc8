"""One connection to a PBX: bytes in, core events out at once; actions out, their replies matched. Never waits."""

import asyncio
import re
from collections.abc import Callable
from itertools import count
from typing import Protocol

from slmon.ami.actions import Action, Response, action, spoken
from slmon.ami.snapshot import LISTS
from slmon.ami.translate import VOCABULARY, Translator
from slmon.ami.wire import AmiStream, Banner, Damaged, Item, Message, Reply
from slmon.core.events import Event
from slmon.core.instant import Instant

BANNER = "Asterisk Call Manager/"

CALL_EVENTS = frozenset({"Newchannel", "Newstate", "Hangup", "DialBegin", "DialEnd", "BridgeEnter"})
AGENT_EVENTS = frozenset({"QueueCallerJoin", "QueueCallerLeave", "QueueMemberStatus", "QueueMemberPause"})
"""What the rights `call` and `agent` let through on any busy day; lists never name these."""

_UNANSWERED = 100             # actions whose answers may be yet to come, though nobody waits any more
MOST_TIMELESS = 10_000        # messages held while no time was told: after that none will be
MOST_MEMBERS = 20_000         # phones in queues
_LIST_AT_MOST = 6             # times as long as an answer may take, for as long as its items come

_STAMP = re.compile(r"(\d{1,11})\.(\d{6})", re.ASCII)


class LinkLost(Exception):
    """The connection is of no use any more; says why, in words."""


class NotAmi(LinkLost):
    """What answers there is no AMI."""


class Listener(Protocol):
    """Who is told what a connection says, while it is being read: it must be quick."""

    def on_bytes(self, data: bytes) -> None:
        """Bytes as they came."""

    def on_events(self, events: list[Event], last: Instant | None) -> None:
        """What they tell; `last`: the last time that was told with them, None where none was."""

    def on_stamp(self, at: Instant, asked_at: float) -> None:
        """The PBX's clock stood at `at`: it was asked for it, at `asked_at` by ours."""

    def on_listed(self) -> None:
        """All channels were listed: what came before is known again."""

    def on_reload(self) -> None:
        """The PBX has read its configuration again."""

    def on_damage(self) -> None:
        """Some of the stream is lost."""


class Conversation(asyncio.Protocol):
    """The reading and speaking on one connection."""

    def __init__(self, listener: Listener, clock: Callable[[], float]) -> None:
        self._listener = listener
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._stream = AmiStream(VOCABULARY)
        self._translator = Translator()
        self._fresh: Instant | None = None           # the PBX's clock, as a reply told it last
        self._is_ami = False                         # by its banner
        self._transport: asyncio.Transport | None = None
        self._numbers = count(1)
        self._replies: dict[str, asyncio.Future[Response]] = {}
        self._completions: dict[str, asyncio.Future[None]] = {}
        self._asked_at: dict[str, float] = {}        # the actions that are not answered yet, the oldest first
        self._items_listed = 0
        self.banner: asyncio.Future[None] = self._loop.create_future()
        self.lost: asyncio.Future[str] = self._loop.create_future()
        self.heard_at = clock()                      # monotonic, of the last byte
        self.calls_heard = False                     # events of class call come
        self.agents_heard = False                    # events of class agent come
        self.members_stirred = 0                     # changes of phones that are queue members
        self.undated = False                         # the last event of class call came without Timestamp
        self._members: set[str] = set()

    # What the transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.heard_at = self._clock()

    def data_received(self, data: bytes) -> None:
        """Read, translate and pass on, at once: the PBX cuts slow readers off."""
        self.heard_at = self._clock()
        self._listener.on_bytes(data)
        self._take(self._stream.feed(data))

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone. A message that was under way tells nothing."""
        self._end(_in_words(exc) if exc else "the PBX closed the connection")

    # What the link calls

    async def greeted(self, seconds: float) -> None:
        """Wait for the banner. NotAmi: none in time, or another one; nothing has been said by then."""
        try:
            async with asyncio.timeout(seconds):
                await self.banner
        except TimeoutError:
            raise NotAmi(f"nothing on the port said `{BANNER}` within {seconds:g} s") from None

    async def ask(self, said: Action, seconds: float, whole_list: bool = False) -> Response:
        """Say an action and wait for its reply; with `whole_list`, until the list that it opens is complete too.

        LinkLost: the connection went. TimeoutError: not answered in time, or no more items came for as long. What
        comes after that is no longer believed: nobody knows of when it is.
        """
        action_id = f"slmon-{next(self._numbers)}"
        reply = self._replies[action_id] = self._loop.create_future()
        complete = self._completions[action_id] = self._loop.create_future()
        try:
            self._write(spoken(said, action_id))
            self._asked_at[action_id] = self._clock()
            if len(self._asked_at) > _UNANSWERED:
                del self._asked_at[next(iter(self._asked_at))]
            async with asyncio.timeout(seconds):
                response = await reply
            if whole_list and not response.is_error():
                await self._completed(complete, seconds)
            return response
        finally:
            self._replies.pop(action_id, None)
            self._completions.pop(action_id, None)

    async def _completed(self, complete: asyncio.Future[None], seconds: float) -> None:
        async with asyncio.timeout(_LIST_AT_MOST * seconds):
            while not complete.done():
                listed = self._items_listed
                await asyncio.wait({complete}, timeout=seconds)
                if self._items_listed == listed and not complete.done():
                    raise TimeoutError
        complete.result()

    def close(self, farewell: bool = False) -> None:
        """End the connection now; with `farewell`, say so to the PBX."""
        if self._transport is None or self._transport.is_closing():
            return
        if farewell and not self.lost.done():
            self._write(spoken(action("Logoff"), "bye"))
            self._transport.close()
        else:
            self._transport.abort()
        self._end("closed by slmon")

    # Inside

    def _write(self, frame: bytes) -> None:
        if self._transport is None or self.lost.done():
            raise LinkLost(self.lost.result() if self.lost.done() else "not connected")
        self._transport.write(frame)

    def _take(self, items: list[Item]) -> None:
        heard = [item for item in items if self._note(item)]
        if not self._is_ami:
            return
        before = self._translator.at
        events = self._translator.translate(heard, self._fresh)
        last = self._translator.at
        if self._translator.holds > MOST_TIMELESS:
            self._end("the PBX tells no time")
            return
        if events or last != before:
            self._listener.on_events(events, None if last == before else last)

    def _note(self, item: Item) -> bool:
        """See what the item is to us; False: it is of a list that nobody waits for any more."""
        if not self._is_ami:
            self._greet(item)
        elif isinstance(item, Message):
            return self._note_message(item)
        elif isinstance(item, Reply):
            self._note_reply(item)
        elif isinstance(item, Damaged):
            self._listener.on_damage()
        return True

    def _greet(self, item: Item) -> None:
        if self.banner.done():
            return                                   # another banner, or too late: nothing more is believed
        if isinstance(item, Banner) and item.text.startswith(BANNER):
            self._is_ami = True
            self.banner.set_result(None)
            return
        shown = item.text if isinstance(item, Banner) else "something else"
        self.banner.set_exception(NotAmi(f"the port is no AMI; it says `{_plain(shown)}`"))
        self.banner.exception()                      # whoever waits gets it; nobody needs to

    def _note_message(self, message: Message) -> bool:
        name, values = message
        if name in CALL_EVENTS:
            self.calls_heard = True
            self.undated = not values[0]
        elif name in AGENT_EVENTS:
            self.agents_heard = True
        elif name == "Reload":
            self._listener.on_reload()
        elif name == "DeviceStateChange" and not values[1]:
            self.members_stirred += values[2] in self._members
        elif name == "DeviceStateChange" or name in LISTS:
            return self._note_listed(name, values)
        return True

    def _note_listed(self, name: str, values: tuple[str, ...]) -> bool:
        complete = self._completions.get(values[1])
        if complete is None:
            return False
        self._items_listed += 1
        if name == "QueueMember" and len(self._members) < MOST_MEMBERS:
            self._members.add(values[4])
        elif name.endswith("Complete"):
            if name == "CoreShowChannelsComplete":
                self._listener.on_listed()
            self._fulfil(complete)
        return True

    def _note_reply(self, reply: Reply) -> None:
        headers = reply.headers
        action_id = headers.get("ActionID", "")
        stamp = _STAMP.fullmatch(headers.get("Timestamp", ""))
        asked_at = self._asked_at.pop(action_id, None)
        if stamp is not None and asked_at is not None:
            self._dated(int(stamp[1] + stamp[2]), asked_at)
        future = self._replies.get(action_id)
        if future is not None and not future.done():
            future.set_result(Response(headers.get("Response", ""), headers))

    def _dated(self, at: Instant, asked_at: float) -> None:
        """A reply told the PBX's clock: what comes without a time from here on is of this instant."""
        self._fresh = at
        if self._translator.at is not None:
            self._translator.at = at
        self._listener.on_stamp(at, asked_at)

    @staticmethod
    def _fulfil(future: "asyncio.Future[None] | None") -> None:
        if future is not None and not future.done():
            future.set_result(None)

    def _end(self, reason: str) -> None:
        if self.lost.done():
            return
        self.lost.set_result(reason)
        waiting: list[asyncio.Future[Response] | asyncio.Future[None]] = [
            *self._replies.values(), *self._completions.values(), self.banner]
        for future in waiting:
            if not future.done():
                future.set_exception(LinkLost(reason))
                future.exception()                   # whoever waits gets it; nobody needs to


def _in_words(error: Exception) -> str:
    return (error.strerror or str(error) if isinstance(error, OSError) else str(error)).lower() or type(error).__name__


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text[:60])
