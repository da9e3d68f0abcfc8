"""Whole days of a simulated house: played live, rendered at once, or only told as records of the past."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from slmon.core.facts import CallRecord
from slmon.core.instant import Instant
from slmon.simulator import lists
from slmon.simulator.calls import member_rings
from slmon.simulator.clockwork import Clockwork, Script
from slmon.simulator.desks import desk_pauses, desk_rings
from slmon.simulator.house import DEMO, House
from slmon.simulator.pbx import Pbx
from slmon.simulator.plan import DeskPauses, DeskRings, MemberRings, Planned, Rate, day
from slmon.simulator.truth import TrueCall, told

LEAST_RIGHTS = frozenset({"call", "agent"})


class LiveDay:
    """A PBX with a day going on in it; time passes only in `clock.run`. Without `desks`, only members ring."""

    def __init__(self, seed: int, start: Instant, rate: Rate, house: House = DEMO, desks: bool = True) -> None:
        self.start = start
        self.clock = Clockwork(start)
        self.pbx = Pbx(house, self.clock, seed)
        self.truth: list[TrueCall] = []
        self._numbers = {number.pattern: number for number in house.numbers}
        self.clock.start(self._follow(day(seed, start, house, rate, desks)))

    def records(self) -> Iterator[CallRecord]:
        """What has happened so far, open calls too, as one who listened all the time would have it."""
        return (told(call, self.pbx.house.system) for call in self.truth)

    def _follow(self, plan: Iterator[Planned]) -> Script[None]:
        for planned in plan:
            yield (planned.at - self.clock.now) / 1e6
            self.clock.start(self._script(planned))

    def _script(self, planned: Planned) -> Script[None]:
        match planned:
            case MemberRings():
                pattern = planned.number if planned.number in self._numbers else planned.number[:-2] + "XX"
                return member_rings(self.pbx, planned, self._numbers[pattern], self.truth)
            case DeskRings():
                return desk_rings(self.pbx, planned)
            case DeskPauses():
                return desk_pauses(self.pbx, planned)


@dataclass(slots=True)
class RenderedDay:
    """A day's AMI stream, as one connection from the PBX's start would have read it, and what really happened."""

    stream: bytes
    truth: list[TrueCall] = field(repr=False)


def render_day(seed: int, start: Instant, hours: float = 6.0, per_minute: float = 8.0,
               rights: frozenset[str] = LEAST_RIGHTS, house: House = DEMO) -> RenderedDay:
    """A whole day at once, in virtual time, until the last call is over. The same arguments, the same bytes."""
    played = LiveDay(seed, start, Rate(per_minute, start, hours), house)
    frames = [_opening(played.pbx)]
    played.pbx.listeners.append(lambda privilege, _, frame: frames.append(frame) if privilege in rights else None)
    played.clock.run()
    frames.append(lists.reply("bye", "Goodbye", "Message: Thanks for all the fish."))
    return RenderedDay(b"".join(frames), played.truth)


def _opening(pbx: Pbx) -> bytes:
    asked = ["CoreSettings", "CoreStatus", "CoreShowChannels", "QueueStatus", "DeviceStateList"]
    answers = [lists.answer(pbx, name, {"ActionID": f"start-{name.lower()}"}) or b"" for name in asked]
    banner = f"Asterisk Call Manager/{lists.AMI_VERSION}\r\n".encode()
    return banner + lists.reply("login", "Success", "Message: Authentication accepted") + b"".join(answers)
