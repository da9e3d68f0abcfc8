"""A day's plan: who rings when, what they want, how patient they are, what their caseworker will do. Pure.

The plan holds wishes. What comes of them (who picks up, after how long) depends on the house: see calls.py.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from heapq import merge
from operator import attrgetter
from random import Random

from slmon.core.instant import SECOND, Instant, of_seconds
from slmon.simulator.house import VOICEMAIL_KEY, Door, House, Number


@dataclass(frozen=True, slots=True)
class Rate:
    """Member calls a minute. Without `hours` steady, in slow waves; else a day of so many hours from `start` on."""

    per_minute: float
    start: Instant = 0
    hours: float | None = None

    @property
    def until(self) -> Instant | None:
        """When the last member rings in; None: it never ends."""
        return None if self.hours is None else self.start + of_seconds(self.hours * 3600)

    @property
    def most(self) -> float:
        """More than it ever is."""
        return self.per_minute * 2

    def at(self, instant: Instant) -> float:
        """The rate at an instant: a peak in the first third of the day, a dip at lunch, a second and lower peak."""
        seconds = (instant - self.start) / SECOND
        if self.hours is None:
            return self.per_minute * (1 + 0.16 * math.sin(seconds / 420 * math.tau)
                                      + 0.08 * math.sin(seconds / 67 * math.tau))
        part = seconds / 3600 / self.hours
        return self.per_minute * (0.45 + 0.9 * math.exp(-((part - 0.25) / 0.16) ** 2)
                                  + 0.6 * math.exp(-((part - 0.72) / 0.14) ** 2))


class Happening(StrEnum):
    """What the caseworker does with an answered call."""

    SOLVED = "solved"
    HOLD = "hold"
    CONSULT = "consult"                  # asks a colleague and takes the member back
    PARK_AND_BACK = "park_and_back"
    BLIND_DESK = "blind_desk"
    BLIND_QUEUE = "blind_queue"
    BLIND_VOICEMAIL = "blind_voicemail"
    ATTENDED = "attended"
    PARK = "park"                        # parks, a colleague fetches


TRANSFERS = frozenset({Happening.BLIND_DESK, Happening.BLIND_QUEUE, Happening.BLIND_VOICEMAIL,
                       Happening.ATTENDED, Happening.PARK})

_HAPPENINGS = {Happening.SOLVED: 0.74, Happening.HOLD: 0.09, Happening.CONSULT: 0.04, Happening.PARK_AND_BACK: 0.01,
               Happening.BLIND_DESK: 0.040, Happening.BLIND_QUEUE: 0.025, Happening.BLIND_VOICEMAIL: 0.005,
               Happening.ATTENDED: 0.042, Happening.PARK: 0.008}


@dataclass(frozen=True, slots=True)
class MemberRings:
    """A member rings in."""

    at: Instant
    caller: str
    name: str
    number: str
    door: Door
    key: str                             # pressed in the menu; empty: none, the menu decides
    key_after: float                     # seconds into the menu
    patience: float                      # seconds from ring-in until the member hangs up, unless answered
    callback_after: float | None         # seconds in the queue after which the callback key is pressed
    happening: Happening
    talk: float                          # seconds with the first caseworker
    talk_on: float                       # seconds with the next one
    member_ends: bool
    picked_up_by_colleague: bool         # at a direct number that nobody answers
    seed: int                            # of what the house does with it


@dataclass(frozen=True, slots=True)
class DeskRings:
    """A caseworker rings a colleague, or somebody outside. No member call."""

    at: Instant
    desk: str
    to: str
    outside: bool
    answered_after: float | None
    talk: float


@dataclass(frozen=True, slots=True)
class DeskPauses:
    """A caseworker takes a break from the queues."""

    at: Instant
    desk: str
    seconds: float


Planned = MemberRings | DeskRings | DeskPauses


def day(seed: int, start: Instant, house: House, rate: Rate, desks: bool = True) -> Iterator[Planned]:
    """All that is planned from `start` until the rate ends, in order. The same seed gives the same plan.

    Without `desks`, only members ring.
    """
    end = math.inf if rate.until is None else rate.until
    streams: list[Iterator[Planned]] = [_members(Random(f"members {seed}"), start, end, house, rate)]
    if desks:
        streams.append(_desk_calls(Random(f"desks {seed}"), start, end, house))
        streams.append(_pauses(Random(f"pauses {seed}"), start, end, house))
    return merge(*streams, key=attrgetter("at"))


def _times(random: Random, start: Instant, end: float, mean_seconds: float) -> Iterator[Instant]:
    at = start
    while (at := at + of_seconds(random.expovariate(1 / mean_seconds))) < end:
        yield at


def _members(random: Random, start: Instant, end: float, house: House, rate: Rate) -> Iterator[MemberRings]:
    shares = [number.share for number in house.numbers]
    for at in _times(random, start, end, 60 / rate.most):
        if random.random() * rate.most < rate.at(at):          # thinning: Lewis and Shedler 1979
            yield _member(random, at, house, random.choices(house.numbers, shares)[0])


def _member(random: Random, at: Instant, house: House, number: Number) -> MemberRings:
    return MemberRings(
        at=at,
        caller=f"10{random.randrange(10**6):06}",    # no Danish number starts with 1
        name=random.choice(_NAMES) if random.random() < 0.15 else "<unknown>",
        number=_dialled(random, number, house),
        door=number.door,
        key=random.choices(["1", "2", "3", VOICEMAIL_KEY, ""], [0.52, 0.26, 0.15, 0.01, 0.06])[0],
        key_after=0.6 + random.random() * 2.2,
        patience=_patience(random),
        callback_after=random.uniform(12, 30) if random.random() < 0.15 else None,
        happening=random.choices(list(_HAPPENINGS), list(_HAPPENINGS.values()))[0],
        talk=min(15 + random.lognormvariate(4.62, 0.7), 900.0),
        talk_on=min(10 + random.lognormvariate(3.8, 0.6), 600.0),
        member_ends=random.random() < 0.6,
        picked_up_by_colleague=random.random() < 0.3,
        seed=random.getrandbits(32),
    )


def _patience(random: Random) -> float:
    # A few hang up in the greeting; most wait a minute or more.
    return random.uniform(1.5, 7.0) if random.random() < 0.02 else 12 + random.expovariate(1 / 75)


def _dialled(random: Random, number: Number, house: House) -> str:
    if number.door is not Door.DESK:
        return number.pattern
    group = number.pattern[5]                        # 101021XX: the desks 1XX
    desk = random.choice([desk.number for desk in house.desks if desk.number[0] == group])
    return number.pattern[:-2] + desk[1:]


def _desk_calls(random: Random, start: Instant, end: float, house: House) -> Iterator[DeskRings]:
    numbers = [desk.number for desk in house.desks]
    for at in _times(random, start, end, 40):
        desk, colleague = random.sample(numbers, 2)
        outside = random.random() < 0.6
        answered_after = random.uniform(2, 9) if random.random() < 0.8 else None
        to = f"10{random.randrange(10**6):06}" if outside else colleague
        yield DeskRings(at, desk, to, outside, answered_after, 10 + random.expovariate(1 / 50))


def _pauses(random: Random, start: Instant, end: float, house: House) -> Iterator[DeskPauses]:
    for at in _times(random, start, end, 75):
        yield DeskPauses(at, random.choice(house.desks).number, random.uniform(60, 420))


_NAMES = ("Søren Ærø", "Åse Øst", "Member 7", "O'Neill", "Jürgen Groß", "Test Testesen", "Event: Hangup")
