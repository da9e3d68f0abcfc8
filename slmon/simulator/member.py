"""A member on the line: the channel, the patience, and what hangs on the channel. Knows no story."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random

from slmon.core.facts import EndedBy
from slmon.core.instant import SECOND, Instant, of_seconds
from slmon.simulator.channels import RING, Bridge, Channel
from slmon.simulator.clockwork import Script
from slmon.simulator.house import Desk
from slmon.simulator.pbx import Pbx
from slmon.simulator.plan import MemberRings
from slmon.simulator.truth import TrueCall


class MemberHungUp(Exception):
    """The member has had enough, and said so to the PBX already."""


@dataclass(slots=True)
class Service:
    """A queue put a caller through to a desk; told as AgentComplete when it is over."""

    queue: str
    caller: Channel
    rung: Channel
    desk: Desk
    held_seconds: int
    connected_at: Instant


@dataclass(slots=True)
class Pipe:
    """A kept Local channel between the member's side and a phone: what the queue bridged, and the end it runs on."""

    bridge: Bridge
    outer: Channel                     # the member's channel, or the far end of the pipe before
    one: Channel
    two: Channel
    service: Service


@dataclass(slots=True)
class Member:
    """One member's call under way. `facing` is the channel that faces a phone and runs the dialplan."""

    pbx: Pbx
    plan: MemberRings
    channel: Channel
    facing: Channel
    truth: TrueCall
    random: Random
    gives_up_at: float                 # instant; infinite while talking
    pipes: list[Pipe] = field(default_factory=list)

    @property
    def now(self) -> Instant:
        """The time."""
        return self.pbx.clock.now

    def until(self, instant: float) -> Script[None]:
        """Wait for that instant, or raise MemberHungUp at the end of the member's patience."""
        stop = min(instant, self.gives_up_at)
        if stop > self.now:
            yield (stop - self.now) / SECOND
        if self.gives_up_at <= self.now:
            self.hangs_up()

    def listen(self, seconds: float) -> Script[None]:
        """Wait so many seconds, or raise MemberHungUp."""
        yield from self.until(self.now + of_seconds(seconds))

    def hangs_up(self) -> None:
        """The member puts the phone down."""
        self.truth.ended_by = EndedBy.MEMBER
        self.pbx.hangup_request(self.channel, 127 if self.channel.state == RING else None)
        raise MemberHungUp

    def settles_down(self) -> None:
        """Nothing makes the member hang up now: a human is on the line."""
        self.gives_up_at = math.inf

    def loses_patience_in(self, seconds: float) -> None:
        """The member waits again."""
        self.gives_up_at = self.now + of_seconds(seconds)

    def gone(self) -> None:
        """The member's channel ends, and the pipes that hang on it, from the outside in."""
        for pipe in self.pipes:
            self._tear(pipe, "caller")
        self.pipes.clear()
        self.pbx.soft_hangup(self.channel)
        self.pbx.hangup(self.channel, 0 if self.truth.answered_at is None else 16)
        self.truth.ended_at = self.now

    def let_go(self) -> None:
        """The desk or the dialplan ended it: the pipes end from the inside out, then the member's channel."""
        for pipe in reversed(self.pipes):
            self.pbx.soft_hangup(pipe.two)
            self.pbx.hangup_request(pipe.one, 16)
            self._tear(pipe, "agent")
        self.pipes.clear()
        self.pbx.soft_hangup(self.channel)
        self.pbx.hangup(self.channel)
        self.truth.ended_at = self.now

    def completed(self, service: Service, reason: str) -> None:
        """The queue's part in the call is over."""
        queue, desk = self.pbx.queues[service.queue], self.pbx.desks[service.desk.number]
        queue.completed += 1
        desk.calls_taken += 1
        desk.last_call, desk.in_queue_call = self.now // SECOND, False
        desk.wrap_up_until = self.now + of_seconds(self.random.uniform(2, 12))
        talked = (self.now - service.connected_at) // SECOND
        self.pbx.agent("AgentComplete", service.queue, service.caller, service.rung, service.desk,
                       f"HoldTime: {service.held_seconds}\r\nTalkTime: {talked}\r\nReason: {reason}\r\n")

    def colleagues(self, desk: Desk | None) -> Iterator[Desk]:
        """Desks that could take over now, in a random order."""
        others = [each for each in self.pbx.house.desks if each != desk and self.pbx.free(each.number)]
        self.random.shuffle(others)
        return iter(others)

    def _tear(self, pipe: Pipe, reason: str) -> None:
        self.completed(pipe.service, reason)
        self.pbx.leave(pipe.one)
        self.pbx.leave(pipe.outer)
        self.pbx.destroy(pipe.bridge)
        self.pbx.hangup(pipe.one)
        self.pbx.hangup(pipe.two)
