"""Who is together with whom: legs, the pipes between them, the bridges they stand in. Knows nothing of calls' rules."""

from collections.abc import Callable
from enum import Enum, auto
from typing import TYPE_CHECKING

from slmon.core.events import LegId, LegState
from slmon.core.instant import Instant

if TYPE_CHECKING:
    from slmon.core.call import Call

# Channels that the switch makes for itself: recorders, announcers, spies, stand-ins. Nobody speaks there.
_SERVICES = frozenset({"CBRec", "CBAnn", "Recorder", "Announcer", "Surrogate", "Snoop", "Message", "MulticastRTP",
                       "Bridge", "Parked", "AsyncGoto", "Media", "ConfBridgeRecorder", "MixMonitor"})


class LegKind(Enum):
    """What stands at the far end of a leg."""

    PHONE = auto()      # a person, or a machine that pretends to be one
    PIPE = auto()       # one half of a Local channel: the other half is elsewhere in the switch
    SERVICE = auto()    # the switch itself


_KINDS = {"Local": LegKind.PIPE, **dict.fromkeys(_SERVICES, LegKind.SERVICE)}


def kind_of(channel: str) -> LegKind:
    """What stands at the far end of a channel of that name."""
    return _KINDS.get(channel.partition("/")[0], LegKind.PHONE)


class Leg:
    """One channel, as far as it is known."""

    __slots__ = ("bridge", "call", "caller_unrung", "channel", "context", "dial_answered", "ended_at", "endpoint",
                 "exten", "hung_up_at", "id", "key_asked_at", "key_at", "kind", "linked", "listed_at", "machine", "met",
                 "pair", "parked", "picked_up_at", "rung", "started_at", "state", "unlisted", "up_at", "up_between")

    def __init__(self, leg: LegId, channel: str, linked: LegId, started_at: Instant, state: LegState) -> None:
        self.id = leg
        self.channel = channel
        self.linked = linked
        self.started_at = started_at
        self.state = state
        self.context = ""
        self.exten = ""
        self.kind = kind_of(channel)
        name, dash, _ = channel.rpartition("-")
        self.endpoint = name if dash else channel
        self.bridge: str | None = None            # never a holding bridge: there nobody hears anybody
        self.pair: Leg | None = None
        self.call: Call | None = None             # the call on whose behalf it exists
        self.met: Call | None = None              # the last call with whose member it was connected
        self.caller_unrung: str | None = None     # announced as Down: it comes in, if it rings by itself
        self.rung = False                         # somebody dialled it
        self.dial_answered = False
        self.up_at: Instant | None = None         # when its line went up
        self.up_between: tuple[Instant, Instant] | None = None   # where nobody saw it go up
        self.picked_up_at: Instant | None = None  # when the dialling of it ended with an answer
        self.key_asked_at: Instant | None = None  # when whoever picked up was asked to press a key
        self.key_at: Instant | None = None        # when whoever picked up last pressed one
        self.hung_up_at: Instant | None = None    # when its far end hung up
        self.ended_at: Instant | None = None
        self.parked = False
        self.machine: bool | None = None          # what the configuration calls it, once asked
        self.listed_at: Instant = 0               # when the switch last had it in its list of channels
        self.unlisted = 0                         # in how many lists since then it was missing

    @property
    def is_pipe(self) -> bool:
        """Whether it is one half of a Local channel."""
        return self.kind is LegKind.PIPE

    @property
    def is_gone(self) -> bool:
        """Whether nobody is at the far end any more."""
        return self.ended_at is not None or self.hung_up_at is not None


class Wiring:
    """All legs of one switch and what connects them."""

    def __init__(self) -> None:
        self.legs: dict[LegId, Leg] = {}
        self.bridges: dict[str, dict[LegId, Leg]] = {}

    def __len__(self) -> int:
        return len(self.legs)

    def add(self, leg: Leg) -> None:
        """A leg was announced."""
        self.legs[leg.id] = leg

    def pair(self, one: Leg, two: Leg) -> None:
        """Two legs are one pipe."""
        one.pair, two.pair = two, one

    def enter(self, leg: Leg, bridge: str) -> None:
        """A leg came into a bridge, out of any other."""
        if leg.bridge is not None and leg.bridge != bridge:
            self.leave(leg)
        leg.bridge = bridge
        self.bridges.setdefault(bridge, {})[leg.id] = leg

    def leave(self, leg: Leg) -> Leg | None:
        """A leg left its bridge; one of those who stay in it."""
        bridge, leg.bridge = leg.bridge, None
        if bridge is None:
            return None
        inside = self.bridges.get(bridge)
        if inside is None:
            return None                                  # of an earlier run of the switch
        inside.pop(leg.id, None)
        if inside:
            return next(iter(inside.values()))
        del self.bridges[bridge]
        return None

    def forget(self, leg: Leg) -> None:
        """A leg is over and nobody asks for it any more."""
        self.leave(leg)
        if leg.pair is not None:
            leg.pair.pair = None
            leg.pair = None
        if self.legs.get(leg.id) is leg:
            del self.legs[leg.id]

    def reached_from(self, leg: Leg, ends: Callable[[Leg], bool] | None = None) -> list[Leg]:
        """Every leg that hears `leg`, itself included: through its bridge, and through pipes into other bridges.

        Nothing is looked for beyond legs that `ends`.
        """
        found = [leg]
        seen = {leg.id}
        bridges = self.bridges
        for each in found:
            if each.bridge is None or (ends is not None and each is not leg and ends(each)):
                continue
            for key, other in bridges[each.bridge].items():
                if key not in seen:
                    seen.add(key)
                    found.append(other)
            pair = each.pair
            # A pipe carries sound only when both its halves are somewhere.
            if pair is not None and pair.bridge is not None and pair.id not in seen:
                seen.add(pair.id)
                found.append(pair)
        return found
