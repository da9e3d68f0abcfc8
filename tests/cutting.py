"""A stream of events that is lost for a while: what was heard of it, and what the logs make of that.

    python tests/cutting.py [--logs cel queue_log cdr] [--seed S] [--cuts N] [FOLDER ...]

Of each recording in FOLDER (events.ami, truth by the whole stream) N times: the stream is lost for some random spans,
each ends with the switch's list of what is going on; then each log alone, and each pair of them, mends what was heard.
What is told otherwise than it was is printed. Exit code 0: nothing was.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from random import Random

from slmon.ami.translate import REPLAYED, Translator
from slmon.ami.wire import AmiStream
from slmon.backfill.sources import Sources, gathered
from slmon.config import Config, load
from slmon.core import events as ev
from slmon.core.account import Span, unwatched, within
from slmon.core.events import Event, LegState
from slmon.core.facts import FOUND, UNHEARD, CallEnded, CallRecord, Fact, GapMarked, Outcome, Quality
from slmon.core.instant import SECOND, Instant
from slmon.core.reconcile import reconciled
from slmon.core.switchboard import Switchboard
from slmon.packed import opened

NEAR = SECOND // 20
LOGS = {"cel": ("cel.csv", "cel.csv.xz"), "queue_log": ("queue_log", "queue_log.xz"),
        "cdr": ("Master.csv", "Master.csv.xz")}
IN_VAIN = frozenset({Outcome.ABANDONED, Outcome.TURNED_AWAY})    # who hangs up while the dialplan says good-bye


def events_of(captures: Iterable[bytes]) -> list[Event]:
    """What consecutive connections tell; where one ends the stream is lost."""
    events: list[Event] = []
    for data in captures:
        if events:
            events.append(ev.StreamLost(events[-1].at, events[-1].at, "connection ended"))
        translator = Translator()
        events += translator.translate(AmiStream(REPLAYED).feed(data)) or translator.release()
    return events


@dataclass(slots=True)
class _Leg:
    """One channel as the switch would list it."""

    leg: str
    linked: str
    channel: str
    state: LegState
    context: str
    exten: str
    caller: str
    started_at: Instant
    bridge: str = ""
    application: str = ""


@dataclass(slots=True)
class Listing:
    """What the switch would list if it were asked now, by all that it has told."""

    legs: dict[str, _Leg] = field(default_factory=dict)
    callers: dict[str, tuple[str, Instant]] = field(default_factory=dict)

    def hear(self, event: Event) -> None:
        """Take an event in."""
        if isinstance(event, ev.SwitchBooted | ev.SnapshotTaken):
            return
        leg = self.legs.get(getattr(event, "leg", ""))
        if leg is not None:
            leg.linked = getattr(event, "linked", "") or leg.linked
            leg.context = getattr(event, "context", "") or leg.context
            leg.exten = getattr(event, "exten", "") or leg.exten
        match event:
            case ev.LegStarted():
                self.legs[event.leg] = _Leg(event.leg, event.linked, event.channel, event.state, event.context,
                                            event.exten, event.caller, event.at)
            case ev.LegStateChanged(state=state) if leg is not None:
                leg.state = state
            case ev.DialStarted(dest=dest) if dest in self.legs:
                self.legs[dest].application = "AppDial"
                self.legs[dest].linked = event.dest_linked or self.legs[dest].linked
            case ev.BridgeEntered(bridge=bridge) if leg is not None:
                leg.bridge = bridge
            case ev.BridgeLeft() if leg is not None:
                leg.bridge = ""
            case ev.QueueJoined(leg=who, queue=queue):
                self.callers[who] = queue, event.at
            case ev.QueueLeft(leg=who):
                self.callers.pop(who, None)
            case ev.DialplanRan(application=application) if leg is not None:
                leg.application = application
            case ev.LegRenamed(channel=channel) if leg is not None:
                leg.channel = channel
            case ev.LegEnded(leg=who):
                self.legs.pop(who, None)
                self.callers.pop(who, None)
            case _:
                pass

    def taken(self, at: Instant) -> ev.SnapshotTaken:
        """The lists, asked for at that moment: ages in whole seconds, cut off."""
        def age(since: Instant) -> Instant:
            return at - max(at - since, 0) // SECOND * SECOND

        legs = tuple(ev.SnapshotLeg(each.leg, each.linked, each.channel, each.state, each.context, each.exten,
                                    each.caller, each.bridge, each.application, age(each.started_at))
                     for each in self.legs.values())
        callers = tuple(ev.SnapshotCaller(leg, queue, age(since)) for leg, (queue, since) in self.callers.items())
        return ev.SnapshotTaken(at, legs, callers, (), ())


@dataclass(slots=True)
class Heard:
    """What was made of a stream."""

    calls: list[CallRecord]
    spans: tuple[Span, ...]


def heard(board: Switchboard, events: Sequence[Event], cuts: Iterable[Span] = ()) -> Heard:
    """The calls of the events but for those within the cuts, each of which ends with a list."""
    listing, found = Listing(), []
    gaps: dict[Instant, Instant | None] = {}

    def tell(facts: Iterable[Fact]) -> None:
        for fact in facts:
            if isinstance(fact, CallEnded):
                found.append(fact.record)
            elif isinstance(fact, GapMarked):
                gaps[fact.since] = fact.until

    left, in_cut, last = sorted(cuts), False, events[0].at
    for event in events:
        if in_cut and event.at > left[0][1]:
            tell(board.apply(listing.taken(left.pop(0)[1])))
            in_cut = False
        while not in_cut and left and left[0][1] < event.at:
            left.pop(0)                                  # nothing was said meanwhile
        if not in_cut and left and event.at >= left[0][0]:
            tell(board.apply(ev.StreamLost(left[0][0], last, "cut")))
            in_cut = True
        listing.hear(event)
        if not in_cut:
            tell(board.apply(event))
            last = event.at
    tell(board.finish())
    calls = found + [call.record() for call in board.calls.values()]
    calls.sort(key=lambda record: (record.arrived_at, record.call))
    return Heard(calls, unwatched(gaps.items(), events[0].at, events[-1].at))


def random_cuts(chance: Random, events: Sequence[Event]) -> list[Span]:
    """Some spans that do not touch, from a blink to most of a call."""
    begin, end = events[0].at + SECOND, events[-1].at - 5 * SECOND
    cuts: list[Span] = []
    for at in sorted(chance.uniform(begin, end) for _ in range(chance.randint(1, 6))):
        since = int(at)
        until = since + int(min(chance.expovariate(1 / 8), 40) * SECOND) + 1000
        if (not cuts or since > cuts[-1][1] + SECOND) and until < end:
            cuts.append((since, until))
    return cuts


def wrong(truth: Iterable[CallRecord], records: Iterable[CallRecord], spans: Sequence[Span]) -> Iterator[str]:
    """In what the records are otherwise than the truth; what they do not tell is not wrong."""
    told = {record.call: record for record in records}
    for true in truth:
        record = told.pop(true.call, None)
        if record is None:
            if not _within_a_gap(true, spans):
                yield f"{true.call}: missing"
            continue
        yield from (f"{true.call} ({record.quality}): {what}" for what in differs(true, record, spans))
    yield from (f"{call}: invented" for call in told)


def _within_a_gap(true: CallRecord, spans: Sequence[Span]) -> bool:
    return within((true.arrived_at - SECOND, true.arrived_at + SECOND), spans)


def differs(true: CallRecord, record: CallRecord, spans: Sequence[Span], late: int = 0) -> Iterator[str]:
    """Everything told of this call that cannot be. Lists came up to `late` after what they tell."""
    listed = late if record.quality is Quality.RESUMED or _is_listed(record) or record.answered_between else 0
    if record.outcome in (None, Outcome.LOST):
        if record.answer_bounds is not None:
            yield "neither answered nor not"
        return
    if record.outcome is not true.outcome and not {record.outcome, true.outcome} <= IN_VAIN:
        yield f"outcome {record.outcome}, really {true.outcome}"
        return
    if record.answered_between is not None:
        low, high = record.answered_between
        slack = NEAR + listed + abs(record.arrived_at - true.arrived_at)
        if true.answered_at is None or (low or 0) - slack > true.answered_at or (
                high is not None and high + slack < true.answered_at):
            yield f"answered in {_off(low, true.answered_at)} .. {_off(high, true.answered_at)} of when it was"
        (early, latest), seconds = record.answer_bounds or (None, None), true.answer_seconds or 0.0
        near = (NEAR + listed) / SECOND
        if (early is not None and early > seconds + near) or (latest is not None and latest < seconds - near):
            yield f"answered after {record.answer_bounds} s, really {seconds}"
    elif record.answered_at is not None and _far(record.answered_at, true.answered_at):
        yield f"answered {_off(record.answered_at, true.answered_at)} of when it was"
    for name in ("arrived_at", "asked_at", "ended_at"):
        really, said = getattr(true, name), getattr(record, name)
        after = SECOND if name in record.whole_seconds else 0
        early = SECOND + listed if record.quality is Quality.RESUMED or _is_listed(record) else 0
        if said is not None and name != "arrived_at":    # in a gap: no later, or no earlier, than it is said to be
            stretches = [(since, until) for since, until in spans if since <= said and record.arrived_at <= until]
            early = max([early, *(said - since for since, _ in stretches if name == "asked_at")])
            after = max([after, *(until - said for _, until in stretches if name == "ended_at")])
        if said is None and name == "asked_at" and record.quality is not Quality.LIVE:
            continue                                     # nobody tells
        if (really is None) != (said is None) or (really is not None and not (
                said - early - NEAR <= really <= said + after + early + NEAR)):
            yield f"{name} {_off(said, really)} of when it was"
    if not _is_part(record.queues, true.queues):
        yield f"queues {record.queues}, really {true.queues}"
    if record.line not in (None, true.line):
        yield f"line {record.line}, really {true.line}"
    if record.transferred is not true.transferred and not record.transfer_untold:
        yield f"transferred {record.transferred}, really {true.transferred}"
    if any(step.step == UNHEARD for step in record.steps):
        return                                           # how often, and how, nobody tells
    if [each.kind for each in record.transfers] != [each.kind for each in true.transfers]:
        yield (f"hand-overs {[(each.kind.value, each.at, each.to) for each in record.transfers]}, "
               f"really {[(each.kind.value, each.at, each.to) for each in true.transfers]}")


def _is_listed(record: CallRecord) -> bool:
    return any(step.step == FOUND for step in record.steps)


def _is_part(some: Sequence[str], every: Sequence[str]) -> bool:
    left = iter(every)
    return all(each in left for each in some)


def _far(one: Instant, two: Instant | None) -> bool:
    return two is None or abs(one - two) > NEAR


def _off(said: Instant | None, really: Instant | None) -> str:
    return f"{said} for {really}" if None in (said, really) else f"{(said - really) / SECOND:+.3f} s"  # type: ignore[operator]


class House:
    """A recording, or a day, and its logs."""

    def __init__(self, config: Config, events: Sequence[Event], logs: dict[str, tuple[Path, ...]]) -> None:
        self.config = config
        self.events = events
        self.logs = logs
        self.truth = heard(self.board(), events).calls

    def board(self) -> Switchboard:
        """A fresh one."""
        hours = self.config.phone_hours()
        return Switchboard("pbx1", self.config.doors(self.config.pbx[0]), self.config.phone_goals(hours).goal_at,
                           hours.is_open)

    def mended(self, found: Heard, kinds: Iterable[str]) -> list[CallRecord]:
        """What these logs make of what was heard."""
        told = gathered(Sources(**{kind: self.logs[kind] for kind in kinds}), self.board(),
                        self.config.phone_hours().is_open, self.config.site.zone, found.calls, found.spans)
        since, until = self.events[0].at, self.events[-1].at
        return [record for record in reconciled(found.calls, told.accounts, found.spans)
                if since <= record.arrived_at <= until]


def recorded(folder: Path) -> House:
    """The recording in that folder."""
    captures = sorted(folder.glob("events*.ami*"), key=lambda path: (len(path.name), path.name))
    config = folder / "slmon.toml"
    logs = {kind: tuple(folder / name for name in names if (folder / name).exists()) for kind, names in LOGS.items()}
    return House(load(config if config.exists() else folder.parent / "slmon.toml", {}),
                 events_of(opened(path).read() for path in captures), logs)


def main() -> int:
    """Print what is wrong."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", type=Path)
    parser.add_argument("--logs", nargs="*", choices=LOGS)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--cuts", type=int, default=10)
    words = parser.parse_args()
    kinds = [words.logs] if words.logs is not None else [
        each for many in range(4) for each in combinations(LOGS, many)]
    total: Counter[str] = Counter()
    for folder in words.folders:
        house = recorded(folder)
        for number in range(words.cuts):
            chance = Random(f"{words.seed} {number} {folder.name}")
            cuts = random_cuts(chance, house.events)
            found = heard(house.board(), house.events, cuts)
            for of in kinds:
                name = "+".join(of) or "none"
                calls = house.mended(found, of)
                total[f"{name} calls"] += len(calls)
                total[f"{name} lost"] += sum(each.outcome is Outcome.LOST for each in calls)
                total[f"{name} missing"] += len(house.truth) - len(calls)
                for each in wrong(house.truth, calls, found.spans):
                    total[f"{name} WRONG"] += 1
                    print(f"{folder.name} cut {number} {name}: {each}")
    for name, count in sorted(total.items()):
        print(f"{count:6} {name}")
    return int(any(name.endswith("WRONG") for name in total))


if __name__ == "__main__":
    sys.exit(main())
