"""Ask a PBX for its lists on one connection: all of them at first and after a gap, some of them now and then.

What an action was answered is looked at here, and what is amiss is complained of; what the lists hold goes the way of
all events.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from slmon.ami import actions
from slmon.ami.actions import Response, message
from slmon.ami.conversation import Conversation
from slmon.ami.state import Complaint
from slmon.ami.timing import Timing

_QUICK = 1.0                           # seconds that a list takes at most where there is time for one more
_LISTING_AT_MOST = 100.0               # so many times as long as a list takes, none is asked for again


class Listed(Protocol):
    """Whose lists they are."""

    @property
    def is_trusted(self) -> bool:
        """Whether no gap is open."""

    def complain(self, complaint: Complaint, holds: bool) -> None:
        """Something is amiss, or is no longer."""

    def on_unlisted(self) -> None:
        """The PBX will never list its channels: what goes on there is known from here on at most."""

    def on_known(self) -> None:
        """What goes on is known."""


class Lists:
    """The lists of one connection."""

    def __init__(self, conversation: Conversation, timing: Timing, link: Listed,
                 monotonic: Callable[[], float]) -> None:
        self._conversation = conversation
        self._timing = timing
        self._link = link
        self._monotonic = monotonic
        self._all, self._queues = asyncio.Event(), asyncio.Event()      # are wanted
        self._all.set()
        self._too_long: set[str] = set()                      # lists that did not come in time, and can be done without
        self._refused = False                                 # the login may not ask for them
        self._processed: int | None = None                    # calls, as the PBX counts them
        self.channels_listed = False                          # on this connection

    def want_all(self) -> None:
        """Ask for all of them again, soon."""
        self._all.set()

    def want_queues(self) -> None:
        """Ask for the queues again, as soon as the PBX has them ready."""
        self._queues.set()

    async def keep(self) -> None:
        """List everything when it is asked for; again and again while the PBX does not know its own lists yet."""
        first, longest = self._timing.relist
        pause = first
        while True:
            await self._all.wait()
            self._all.clear()
            complete = await self._list_all()
            if self._link.is_trusted and self.channels_listed:
                self._link.on_known()
            pause = first if complete else min(pause * 2, longest)
            await asyncio.sleep(pause)
            if not complete:
                self._all.set()

    async def reread_queues(self) -> None:
        """After a reload of the PBX the queues may be others."""
        while True:
            await self._queues.wait()
            await asyncio.sleep(self._timing.reread)
            self._queues.clear()
            await self._ask("QueueStatus", Complaint.NO_QUEUES)

    async def keep_counting(self) -> None:
        """How many calls the PBX has handled: what a gap may hide is told by the count before it."""
        while True:
            await asyncio.sleep(self._timing.count_every)
            if self._link.is_trusted:
                await self._ask("CoreStatus", Complaint.NOT_READY)

    async def look_around(self) -> None:
        """Whether what is kept still goes on, and whether the rights let through what the PBX does."""
        conversation, took = self._conversation, 0.0
        while True:
            await asyncio.sleep(max(self._timing.look_around, took * _LISTING_AT_MOST))
            began = self._monotonic()
            if self._link.is_trusted:
                await self._ask("CoreShowChannels", Complaint.NOT_READY)
            took = self._monotonic() - began
            self._link.complain(Complaint.NO_AGENTS, conversation.members_stirred > 5 and not conversation.agents_heard)
            self._link.complain(Complaint.NO_TIMESTAMPS, conversation.undated)

    async def _list_all(self) -> bool:
        """All lists; on a new connection the channels last, which make one snapshot of all. False: not all came."""
        started = await self._ask("CoreStatus", Complaint.NOT_READY)
        again = self.channels_listed             # then the channels first, for queues tell of channels that are known
        if await self._asked_beside("BridgeList"):       # which only park: the channels' list puts all in them together
            await self._asked_beside("Status")           # what a channel came in by: theirs has what it is doing now
        channels = again and await self._ask("CoreShowChannels", Complaint.NOT_READY)
        queues = await self._ask("QueueStatus", Complaint.NO_QUEUES)
        devices = await self._ask("DeviceStateList", Complaint.NO_DEVICES)
        if not again:
            channels = await self._ask("CoreShowChannels", Complaint.NOT_READY)
        if self._refused and not (self._link.is_trusted and self.channels_listed):
            self._link.on_unlisted()
        return started and queues and devices and channels

    async def _asked_beside(self, name: str) -> bool:
        """Ask for a list that makes another one better. True: there is time for one more.

        Not every PBX tells, nor in time; what took too long is not asked again, for the others must not wait for it.
        """
        if name in self._too_long:
            return False
        asked_at = self._monotonic()
        try:
            await self._conversation.ask(actions.action(name), self._timing.action, whole_list=True)
        except TimeoutError:
            self._too_long.add(name)
        return self._monotonic() - asked_at < _QUICK

    async def _ask(self, name: str, otherwise: Complaint) -> bool:
        """Ask for one list. True: it came, or it will never come."""
        try:
            answer = await self._conversation.ask(
                actions.action(name), self._timing.action, whole_list=name != "CoreStatus")
        except TimeoutError:
            self._link.complain(Complaint.SLOW_ANSWERS, True)
            return False
        denied = answer.is_error() and "denied" in message(answer).lower()
        self._link.complain(otherwise, answer.is_error() and not denied)
        if denied or name == "CoreShowChannels":
            self._refused = denied
            self._link.complain(Complaint.NO_LISTS, denied)
        if name == "CoreStatus" and not answer.is_error():
            self._compare(answer)
        return denied or not answer.is_error()

    def _compare(self, status: Response) -> None:
        """The PBX's own count of calls against what it tells."""
        count = status.keys.get("CoreProcessedCalls", "")
        processed = int(count) if count.isascii() and count.isdigit() else 0
        handled = self._processed is not None and processed > self._processed
        self._processed = processed
        if handled or self._conversation.calls_heard:
            self._link.complain(Complaint.NO_CALLS, not self._conversation.calls_heard)
