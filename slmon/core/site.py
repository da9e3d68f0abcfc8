"""What a house knows about its PBX and events cannot tell: doors, numbers, groups, and what contexts mean."""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache


class LineKind(StrEnum):
    """What a dialled number is for."""

    MAIN = "main"
    DIRECT = "direct"
    CLOSED = "closed"
    TEST = "test"
    SURVEY = "survey"


class Meaning(StrEnum):
    """What being in a dialplan context says about a call."""

    VOICEMAIL = "voicemail"
    CALLBACK = "callback"
    CLOSED = "closed"
    SURVEY = "survey"


@cache
def pattern(text: str) -> re.Pattern[str]:
    """The regular expression of a number or endpoint pattern: X is one digit, `.` is the rest (one or more)."""
    parts = {"X": "[0-9]", ".": ".+"}
    return re.compile("".join(parts.get(char, re.escape(char)) for char in text))


@dataclass(frozen=True, slots=True)
class Line:
    """A number that members dial."""

    number: str
    name: str
    kind: LineKind = LineKind.MAIN

    def has(self, dialled: str) -> bool:
        """Whether the dialled number is this line's; a leading + is no difference."""
        return pattern(self.number.lstrip("+")).fullmatch(dialled.lstrip("+")) is not None


@dataclass(frozen=True, slots=True)
class Group:
    """Desks that belong together."""

    name: str
    desks: tuple[str, ...]

    def has(self, desk: str) -> bool:
        """Whether an endpoint such as `PJSIP/101` is one of the group's desks."""
        return any(pattern(each).fullmatch(desk) for each in self.desks)


@dataclass(frozen=True, slots=True)
class View:
    """What one wallboard shows; one that names nothing shows everything."""

    name: str
    title: str
    queues: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether the view has no limits."""
        return not (self.queues or self.lines or self.groups)

    def has_call(self, line: str | None, queue: str | None) -> bool:
        """Whether a call belongs here: its line or its first queue is listed."""
        return self.everything or line in self.lines or queue in self.queues


@dataclass(frozen=True, slots=True)
class Doors:
    """Where member calls come in, and what this dialplan's contexts and endpoints are, of one PBX."""

    contexts: frozenset[str] = frozenset()
    trunks: tuple[str, ...] = ()
    meanings: dict[str, Meaning] = field(default_factory=dict)
    machines: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()

    def line_of(self, dialled: str) -> Line | None:
        """The first configured line that has the number; without any lines, the number is its own line."""
        if not self.lines:
            return Line(dialled, dialled)
        return next((line for line in self.lines if line.has(dialled)), None)

    def is_machine(self, endpoint: str) -> bool:
        """Whether an endpoint that picks up is configured to be no human."""
        return any(pattern(each).fullmatch(endpoint) for each in self.machines)

    def is_trunk(self, endpoint: str) -> bool:
        """Whether an endpoint is one of the inbound trunks."""
        return any(pattern(each).fullmatch(endpoint) for each in self.trunks)
