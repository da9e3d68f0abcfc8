"""Tell a switchboard what a switch would, in few words. Times are seconds; a desk's leg has the desk's number."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from slmon.core import events as ev
from slmon.core.events import Event, LegState, ParkChange
from slmon.core.facts import CallEnded, CallId, CallJudged, CallRecord, Fact
from slmon.core.goals import Goal
from slmon.core.instant import SECOND, Instant
from slmon.core.site import Doors, Line, LineKind, Meaning
from slmon.core.switchboard import Switchboard

Told = list[Event]

DOORS = Doors(
    contexts=frozenset({"from-trunk"}),
    meanings={"vm": Meaning.VOICEMAIL, "callback": Meaning.CALLBACK, "closed": Meaning.CLOSED,
              "survey": Meaning.SURVEY},
    machines=("PJSIP/900", "SIP/fax"),
    lines=(Line("70200100", "Hovednummer"), Line("702021XX", "Direkte", LineKind.DIRECT),
           Line("70200199", "Lukket", LineKind.CLOSED), Line("70200198", "Test", LineKind.TEST),
           Line("70200197", "Måling", LineKind.SURVEY), Line("799", "Måling", LineKind.SURVEY)))
LONG_AFTER = 3700.0


def instant(seconds: float) -> Instant:
    """Seconds as an instant."""
    return round(seconds * SECOND)


@dataclass
class House:
    """A switchboard and all that it said."""

    board: Switchboard
    facts: list[Fact] = field(default_factory=list)

    def hear(self, *told: Iterable[Event]) -> "House":
        """More is told."""
        for event in (event for each in told for event in each):
            self.facts += self.board.apply(event)
        return self

    def wait(self, until: float) -> "House":
        """Time goes by, and nothing is told."""
        self.facts += self.board.advance(instant(until))
        return self

    def of(self, *kinds: type) -> list:
        """The facts of these kinds, in order."""
        return [fact for fact in self.facts if isinstance(fact, kinds)]

    def calls(self) -> list[CallRecord]:
        """Every call that ended."""
        return [fact.record for fact in self.of(CallEnded)]

    def call(self, leg: str = "c1") -> CallRecord:
        """What is known of the member call that came in by this leg."""
        name = CallId(f"pbx1/{leg}")
        found = [fact.record for fact in self.of(CallEnded) if fact.call == name] or [self.board.record(name)]
        assert found[-1] is not None, f"there is no call {leg}"
        return found[-1]

    def verdict(self, leg: str = "c1") -> str | None:
        """The verdict on it; None: there is none. There is never more than one."""
        found = [fact.verdict.value for fact in self.of(CallJudged) if fact.call == f"pbx1/{leg}"]
        assert len(found) <= 1
        return found[0] if found else None

    def judged_at(self, leg: str = "c1") -> float:
        """When the verdict fell, in seconds."""
        return next(fact.at / SECOND for fact in self.of(CallJudged) if fact.call == f"pbx1/{leg}")


def during(*told: Iterable[Event], doors: Doors = DOORS, goal: Goal | None = None,
           is_open: Callable[[Instant], bool] = lambda at: True) -> House:
    """What is known when this has been told, and no later."""
    return House(Switchboard("pbx1", doors, lambda at: goal or Goal(), is_open)).hear(*told)


def after(*told: Iterable[Event], doors: Doors = DOORS, goal: Goal | None = None,
          is_open: Callable[[Instant], bool] = lambda at: True) -> House:
    """What is known when this has been told, and long after."""
    house = during(*told, doors=doors, goal=goal, is_open=is_open)
    house.wait(house.board.told_until / SECOND + LONG_AFTER)
    house.facts += house.board.finish()
    return house


# -- the member


def ringing(call: str = "c1", at: float = 100.0, to: str = "70200100", context: str = "from-trunk",
            channel: str = "", state: LegState = LegState.RING, linked: str = "", caller: str = "20304050") -> Told:
    """A member rings in."""
    channel = channel or f"PJSIP/trunk-{call}"
    return [ev.LegStarted(instant(at), call, linked or call, channel, state, context, to, caller)]


def state(leg: str, at: float, to: LegState, context: str = "from-trunk", linked: str = "") -> Told:
    """A leg's line changes."""
    return [ev.LegStateChanged(instant(at), leg, linked or leg, to, context, "s")]


def joins(call: str = "c1", at: float = 101.0, queue: str = "dagpenge", leg: str = "") -> Told:
    """It waits in a queue."""
    return [ev.QueueJoined(instant(at), leg or call, call, queue, "queue", "s")]


def leaves(call: str = "c1", at: float = 101.0, queue: str = "dagpenge") -> Told:
    """It waits in the queue no more."""
    return [ev.QueueLeft(instant(at), call, call, queue)]


def runs(leg: str, at: float, application: str, context: str = "from-trunk", exten: str = "s",
         linked: str = "") -> Told:
    """A leg runs a dialplan application; a login with few rights does not hear of it."""
    return [ev.DialplanRan(instant(at), leg, linked or leg, context, exten, application, "")]


def hangs_up(leg: str, at: float, context: str = "from-trunk") -> Told:
    """Whoever is at the far end hangs up."""
    return [ev.HangupRequested(instant(at), leg, leg), *cut_off(leg, at + 0.001, context)]


def cut_off(leg: str, at: float, context: str = "from-trunk") -> Told:
    """The switch ends a leg."""
    return [ev.LegEnded(instant(at), leg, leg, context, "s", 16)]


# -- desks


def rings(call: str = "c1", at: float = 101.0, desk: str = "101", leg: str = "", by: str = "",
          channel: str = "") -> Told:
    """A desk's phone rings for the call. `by`: the leg that dials, if it is not the member's."""
    leg = leg or desk
    return [ev.LegStarted(instant(at), leg, call, channel or f"PJSIP/{desk}-{leg}", LegState.DOWN, "desks", "s", ""),
            ev.DialStarted(instant(at), by or call, call, leg, call, f"PJSIP/{desk}-{leg}"),
            *state(leg, at, LegState.RINGING, "desks", linked=call)]


def picks_up(call: str = "c1", at: float = 110.0, desk: str = "101", leg: str = "", by: str = "") -> Told:
    """A ringing phone is picked up."""
    leg = leg or desk
    return [*state(leg, at, LegState.UP, "desks", linked=call), dial_ended(call, at, leg, "ANSWER", by)]


def dial_ended(call: str, at: float, leg: str, status: str, by: str = "") -> Event:
    """The ringing of a leg ends."""
    return ev.DialEnded(instant(at), by or call, call, leg, call, f"PJSIP/{leg}", status)


def stops_ringing(call: str = "c1", at: float = 110.0, desk: str = "101", leg: str = "",
                  status: str = "CANCEL") -> Told:
    """A phone rings no more."""
    return [dial_ended(call, at, leg or desk, status), *cut_off(leg or desk, at)]


def together(at: float, *legs: str, bridge: str = "", holding: bool = False, context: str = "from-trunk") -> Told:
    """These legs are in one bridge."""
    name = bridge or "+".join(sorted(legs))
    return [ev.BridgeEntered(instant(at), leg, "", name, holding, context, "s") for leg in legs]


def apart(at: float, *legs: str, bridge: str) -> Told:
    """These legs leave the bridge."""
    return [ev.BridgeLeft(instant(at), leg, leg, bridge) for leg in legs]


def answers(call: str = "c1", at: float = 110.0, desk: str = "101", leg: str = "", bridge: str = "talk") -> Told:
    """A ringing phone is picked up and gets the member at once."""
    return picks_up(call, at, desk, leg) + together(at + 0.001, leg or desk, call, bridge=bridge)


def rung_and_answered(call: str = "c1", rung_at: float = 101.0, at: float = 110.0, desk: str = "101",
                      leg: str = "", bridge: str = "talk") -> Told:
    """A desk rings and answers."""
    return rings(call, rung_at, desk, leg) + answers(call, at, desk, leg, bridge)


def answered_call(call: str = "c1", at: float = 100.0, desk: str = "101", bridge: str = "talk") -> Told:
    """A call that a desk answers ten seconds after the ring-in."""
    return (ringing(call, at) + joins(call, at + 1) + rung_and_answered(call, at + 2, at + 10, desk, bridge=bridge)
            + leaves(call, at + 10.001))


def pipe(call: str, at: float, name: str, context: str = "desks") -> Told:
    """A Local channel on the call's behalf: `name;1` and `name;2`."""
    one, two = f"{name};1", f"{name};2"
    return [ev.LegStarted(instant(at), one, call, f"Local/{name}@{context}-0;1", LegState.DOWN, context, name, ""),
            ev.LegStarted(instant(at), two, call, f"Local/{name}@{context}-0;2", LegState.RING, context, name, ""),
            ev.LocalPaired(instant(at), one, call, two, call, context, name),
            ev.DialStarted(instant(at), call, call, one, call, f"Local/{name}@{context}-0;1")]


# -- passing on


def transfers(call: str, at: float, by: str, to: str, succeeded: bool = True, leg: str = "",
              context: str = "internal") -> Told:
    """A desk passes the member on, unannounced."""
    return [ev.BlindTransferred(instant(at), succeeded, by, call, leg or call, call, context, to)]


def hands_over(call: str, at: float, by: str, by_second: str, to: str, succeeded: bool = True,
               destination: str = "Bridge") -> Told:
    """A desk puts the member together with somebody it has consulted."""
    return [ev.AttendedTransferred(instant(at), succeeded, by, call, by_second, by_second, call, call, to, by_second,
                                   f"PJSIP/{to}", destination)]


def calls_inside(leg: str, at: float, desk: str, to: str) -> Told:
    """A desk rings somebody inside."""
    return [ev.LegStarted(instant(at), leg, leg, f"PJSIP/{desk}-{leg}", LegState.RING, "desks", to, desk)]


def consults(by: str, at: float, desk: str = "101", to: str = "102", to_leg: str = "",
             answered_at: float | None = None) -> Told:
    """A desk rings a colleague by a second leg `by`, who answers."""
    to_leg = to_leg or to
    told = calls_inside(by, at, desk, to)
    told += [
        ev.LegStarted(instant(at), to_leg, by, f"PJSIP/{to}-{to_leg}", LegState.DOWN, "desks", "s", ""),
        ev.DialStarted(instant(at), by, by, to_leg, by, f"PJSIP/{to}-{to_leg}")]
    if answered_at is not None:
        told += [ev.DialEnded(instant(answered_at), by, by, to_leg, by, f"PJSIP/{to}-{to_leg}", "ANSWER"),
                 *together(answered_at, by, to_leg, bridge=f"consult-{by}")]
    return told


def parks(call: str, at: float, by: str, space: str = "701") -> Told:
    """The member is put in a parking space."""
    return [ev.Parked(instant(at), ParkChange.PARKED, call, call, by, space, ""),
            *together(at, call, bridge="lot", holding=True)]


def fetches(call: str, at: float, desk: str, leg: str, space: str = "701") -> Told:
    """A desk fetches the member from the space."""
    return [*calls_inside(leg, at, desk, space),
            ev.Parked(instant(at), ParkChange.RETRIEVED, call, call, "", space, leg),
            *together(at + 0.2, call, leg, bridge=f"fetched-{leg}")]


# -- not knowing


def lost(at: float, since: float, reason: str = "link down") -> Told:
    """There is no stream of events from `since` on."""
    return [ev.StreamLost(instant(at), instant(since), reason)]


def listed(at: float, *legs: ev.SnapshotLeg, callers: Iterable[ev.SnapshotCaller] = ()) -> Told:
    """The switch tells all that goes on."""
    return [ev.SnapshotTaken(instant(at), legs, tuple(callers), (), ())]


def seen(leg: str, since: float, bridge: str = "", linked: str = "", channel: str = "",
         state: LegState = LegState.RING, context: str = "from-trunk", application: str = "",
         met_nobody: bool = False, dialled: str | None = None) -> ev.SnapshotLeg:
    """One leg of the list."""
    return ev.SnapshotLeg(leg, linked or leg, channel or f"PJSIP/trunk-{leg}", state, context, "70200100", "20304050",
                          bridge, application, instant(since), met_nobody, dialled)


def seen_desk(desk: str, since: float, bridge: str, linked: str) -> ev.SnapshotLeg:
    """A desk of the list, up for the call `linked`."""
    return seen(desk, since, bridge, linked, f"PJSIP/{desk}-{desk}", LegState.UP, "desks", "AppDial")
