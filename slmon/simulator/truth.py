"""What really happened to each simulated call, written down by those who played it, never read from AMI."""

from dataclasses import dataclass, field

from slmon.core.facts import CallId, CallRecord, EndedBy, Outcome, Transfer, TransferKind
from slmon.core.instant import Instant, seconds_between


@dataclass(frozen=True, slots=True)
class TrueTransfer:
    """A caseworker handed the call over."""

    kind: TransferKind
    at: Instant
    to: str


@dataclass(slots=True)
class TrueCall:
    """One member call as it was played."""

    uniqueid: str                              # of the member's channel
    caller: str
    dialled: str
    line: str                                  # the number's name
    arrived_at: Instant
    queues: list[str] = field(default_factory=list)
    asked_at: Instant | None = None
    answered_at: Instant | None = None         # the phone was picked up by who then got the member
    ended_at: Instant | None = None
    outcome: Outcome = Outcome.LEFT_MENU       # what it is if nothing else happens any more
    ended_by: EndedBy | None = None
    transfers: list[TrueTransfer] = field(default_factory=list)
    desks: list[str] = field(default_factory=list)

    @property
    def queue(self) -> str | None:
        """The first queue."""
        return self.queues[0] if self.queues else None

    @property
    def transferred(self) -> bool:
        """Whether a caseworker handed it over."""
        return bool(self.transfers)

    @property
    def answer_seconds(self) -> float | None:
        """From ring-in to pick-up; None: never."""
        return None if self.answered_at is None else seconds_between(self.arrived_at, self.answered_at)

    def asked(self, at: Instant) -> None:
        """From here on the member waits for a human."""
        if self.asked_at is None:
            self.asked_at, self.outcome = at, Outcome.ABANDONED

    def talked_with(self, desk: str) -> None:
        """A desk has the member; the same one twice is one."""
        if desk not in self.desks:
            self.desks.append(desk)

    def met(self, outcome: Outcome) -> None:
        """The call came to this, unless a human had answered it before."""
        if self.answered_at is None:
            self.outcome = outcome


def told(call: TrueCall, pbx: str) -> CallRecord:
    """The call as slmon records it, ended or still open."""
    over = call.ended_at is not None
    return CallRecord(
        CallId(f"{pbx}/{call.uniqueid}"), pbx, call.arrived_at, call.line, call.dialled, queues=tuple(call.queues),
        asked_at=call.asked_at, answered_at=call.answered_at, talking_at=call.answered_at, ended_at=call.ended_at,
        outcome=call.outcome if over else None, ended_by=call.ended_by if over else None,
        transfers=tuple(Transfer(each.kind, each.at, each.to) for each in call.transfers), desks=tuple(call.desks))
