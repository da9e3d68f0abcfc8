"""Prometheus text from the scoreboard's totals and state. Names and labels are a contract; nothing is counted here.

Labels `pbx`, `line` and `queue` carry configured names only: any other name is `_other`, and a call without line
(its number is in no configured line) or without queue has "". Numbers, desks and members are never a label.

Children stand at 0 from the start, for a counter that appears at 1 is invisible to `increase()`. All combinations of
PBX, line and queue are made while they are at most MOST_CHILDREN; with more, only the lines without queue, and the
others appear at 0 when the first call with those names rings in or joins the queue, before anything is counted.
"""

import platform
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import accumulate, product
from typing import TypeVar

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from slmon.core.counted import Names
from slmon.core.facts import DeskState, Outcome, Place, TransferKind, Verdict
from slmon.core.goals import Goals
from slmon.core.hours import Hours
from slmon.core.instant import SECOND, Instant, seconds_between
from slmon.core.scoreboard import Scoreboard
from slmon.web.visits import REASONS, Kind, Visits

OTHER = "_other"
NONE = ""
MOST_CHILDREN = 200
CALL = ("pbx", "line", "queue")
Key = TypeVar("Key")
ODDITIES = ("clock_stepped_back", "clock_stepped_forward", "never_hung_up", "not_understood", "stuck_channel",
            "unannounced_leg", "untold_transfer")
UNACCOUNTED_REASONS = ("lost", "too_many")


@dataclass(frozen=True, slots=True)
class Labels:
    """The configured names, and the kinds that the code can tell: what may stand in a label."""

    pbxes: tuple[str, ...]
    lines: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    oddities: tuple[str, ...] = ODDITIES
    unaccounted: tuple[str, ...] = UNACCOUNTED_REASONS

    def of(self, names: Names) -> Names:
        """A call's names as labels."""
        pbx, line, queue = names
        return _known(pbx, self.pbxes), _known(line, self.lines), _known(queue, self.queues)

    def from_the_start(self) -> list[Names]:
        """The children that exist before any call."""
        lines = (NONE, *self.lines) if self.lines else (OTHER,)     # without lines every number is its own
        everything = list(product(self.pbxes, lines, (NONE, *self.queues, OTHER)))
        return everything if len(everything) <= MOST_CHILDREN else list(product(self.pbxes, lines, (NONE,)))


class Metrics:
    """The `/metrics` page."""

    def __init__(self, scoreboard: Scoreboard, hours: Hours, goals: Goals, labels: Labels, now: Callable[[], Instant],
                 version: str, *, store_pending: Callable[[], int] = lambda: 0,
                 event_lag_seconds: Callable[[str], float] = lambda pbx: 0.0,
                 stuck_channels: Callable[[str], int] = lambda pbx: 0,
                 visits: Visits | None = None,
                 registry: CollectorRegistry | None = None) -> None:
        """`store_pending`: calls not written yet. `event_lag_seconds`: of a PBX, event's own time to receipt.
        `stuck_channels`: of a PBX, channels that outlive their calls."""
        self._registry = registry or CollectorRegistry()
        for collector in (GCCollector, PlatformCollector, ProcessCollector):
            collector(registry=self._registry)
        self._registry.register(_Calls(scoreboard, labels))
        self._registry.register(_Now(scoreboard, labels, hours, goals, now))
        self._registry.register(_House(scoreboard, labels, now, version, store_pending, event_lag_seconds,
                                       stuck_channels))
        self._registry.register(_Web(visits or Visits(), labels))

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The page and its content type: OpenMetrics where the Accept header asks for it, else Prometheus text."""
        try:
            encoder, content_type = choose_encoder(accept)
        except (TypeError, ValueError):          # the library trips over versions that are no numbers
            encoder, content_type = choose_encoder("")
        return encoder(self._registry), content_type


class _Calls(Collector):
    """What calls did since the process began."""

    def __init__(self, scoreboard: Scoreboard, labels: Labels) -> None:
        self._totals = scoreboard.totals
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        """Every counter of calls, and the answer times."""
        totals = self._totals
        children = _children(self._labels, totals.names)
        judged = self._summed(totals.judged)
        offered = _sums((names, count) for (names, verdict), count in judged.items() if verdict != Verdict.UNDECIDED)
        yield _by_kind("slmon_calls", "Member calls that have ended, in opening hours or not, by outcome.",
                       "outcome", children, Outcome, self._summed(totals.ended))
        yield _by_kind("slmon_calls_judged", "Verdicts on calls that rang in in opening hours: met, missed, undecided.",
                       "verdict", children, Verdict, judged)
        yield _plain("slmon_calls_offered", "Calls judged met or missed: what the service level is a share of.",
                     children, offered)
        yield _plain("slmon_calls_answered", "Calls answered by a human, of those that rang in in opening hours.",
                     children, self._summed_plain(totals.answered))
        yield _plain("slmon_calls_transferred", "Distinct answered calls that were handed over; over answered it is "
                     "the transfer rate.", children, self._summed_plain(totals.transferred))
        yield _by_kind("slmon_transfers", "Hand-overs, several a call possible, by kind.", "kind", children,
                       TransferKind, self._summed(totals.transfers))
        unaccounted = self._summed(totals.unaccounted)
        yield _by_kind("slmon_calls_unaccounted", "Calls whose end or answer nobody saw, by reason.", "reason",
                       children, sorted({*self._labels.unaccounted, *(kind for _, kind in unaccounted)}), unaccounted)
        yield self._answer_seconds(children)

    def _answer_seconds(self, children: Iterable[Names]) -> Metric:
        family = HistogramMetricFamily(
            "slmon_answer_seconds", "Seconds from ring-in to pick-up of calls that rang in in opening hours; "
            "one bucket ends exactly at the target.", labels=CALL)
        bounds = [*map(str, self._totals.bounds), "+Inf"]      # 20.0 is written "20.0", as Prometheus will have it
        counts = {each: [0] * len(bounds) for each in children}
        seconds = dict.fromkeys(counts, 0.0)
        for names, answers in self._totals.answers.items():
            child = self._labels.of(names)
            counts[child] = [sum(pair) for pair in zip(counts[child], answers.buckets, strict=True)]
            seconds[child] += answers.seconds
        for child, buckets in counts.items():
            family.add_metric(child, list(zip(bounds, accumulate(buckets), strict=True)), seconds[child])
        return family

    def _summed(self, counter: Mapping[tuple[Names, str], int]) -> Counter[tuple[Names, str]]:
        return _sums(((self._labels.of(names), kind), count) for (names, kind), count in counter.items())

    def _summed_plain(self, counter: Mapping[Names, int]) -> Counter[Names]:
        return _sums((self._labels.of(names), count) for names, count in counter.items())


class _Now(Collector):
    """What goes on at this moment, and the goals of today."""

    def __init__(self, scoreboard: Scoreboard, labels: Labels, hours: Hours, goals: Goals, now: Callable[[], Instant]
                 ) -> None:
        self._scoreboard = scoreboard
        self._labels = labels
        self._hours = hours
        self._goals = goals
        self._now = now

    def collect(self) -> Iterator[Metric]:
        """Waiting, talking, desks, opening, goals."""
        now = self._now()
        yield from self._calls(now)
        yield from self._desks()
        yield GaugeMetricFamily("slmon_open", "1 in opening hours, else 0.", value=int(self._hours.is_open(now)))
        goal = self._goals.goal_at(now)
        yield GaugeMetricFamily("slmon_goal_answer_seconds", "Within how many seconds from ring-in a call shall be "
                                "answered.", value=goal.answer_seconds)
        yield GaugeMetricFamily("slmon_goal_answer_share", "Which share of the offered calls shall be answered within.",
                                value=goal.answer_share)
        bounds = GaugeMetricFamily("slmon_goal_transfer_share", "Transfer rate: good is below the one bound, too much "
                                   "above the ceiling.", labels=["bound"])
        bounds.add_metric(["good"], goal.transfer_good)
        bounds.add_metric(["ceiling"], goal.transfer_ceiling)
        yield bounds

    def _calls(self, now: Instant) -> Iterator[Metric]:
        waiting: Counter[Names] = Counter()
        talking: Counter[Names] = Counter()
        longest: dict[Names, float] = {}
        for call in self._scoreboard.open_calls():
            child = self._labels.of(call.names)
            if call.place is Place.WAITING:
                waiting[child] += 1
                longest[child] = max(longest.get(child, 0.0), seconds_between(call.arrived_at + call.clock_by, now))
            talking[child] += int(call.place is Place.TALKING)
        children = _children(self._labels, self._scoreboard.totals.names | {*waiting, *talking})
        for name, text, values in (
                ("slmon_waiting_calls", "Members who wait for a human now.", waiting),
                ("slmon_longest_wait_seconds", "Longest wait of a member who waits now, from ring-in; 0 when nobody "
                 "waits.", longest),
                ("slmon_talking_calls", "Members who talk with a caseworker now.", talking)):
            family = GaugeMetricFamily(name, text, labels=CALL)
            for child in children:
                family.add_metric(child, values.get(child, 0))
            yield family

    def _desks(self) -> Iterator[Metric]:
        family = GaugeMetricFamily("slmon_desks", "Desks by configured group (\"\": in none) and state; no group of "
                                   "fewer desks than the site's minimum.", labels=["group", "state"])
        for group, states in self._scoreboard.desks_by_group().items():
            for state in DeskState:
                family.add_metric([group, state.value], states[state])
        yield family


class _House(Collector):
    """Whether the data flows."""

    def __init__(self, scoreboard: Scoreboard, labels: Labels, now: Callable[[], Instant], version: str,
                 store_pending: Callable[[], int], event_lag_seconds: Callable[[str], float],
                 stuck_channels: Callable[[str], int]) -> None:
        self._scoreboard = scoreboard
        self._labels = labels
        self._now = now
        self._version = version
        self._store_pending = store_pending
        self._event_lag_seconds = event_lag_seconds
        self._stuck_channels = stuck_channels

    def collect(self) -> Iterator[Metric]:
        """Links, gaps, oddities, store, build."""
        yield from self._links()
        yield self._oddities()
        yield GaugeMetricFamily("slmon_store_pending", "Calls that are not written to the store yet.",
                                value=self._store_pending())
        yield InfoMetricFamily("slmon_build", "Which slmon this is.",
                               value={"version": self._version, "python": platform.python_version()})

    def _links(self) -> Iterator[Metric]:
        now, scoreboard = self._now(), self._scoreboard
        links = {link.pbx: link for link in scoreboard.links(now)}
        up = GaugeMetricFamily("slmon_pbx_up", "1 while the PBX's event stream is up.", labels=["pbx"])
        last = GaugeMetricFamily("slmon_pbx_last_event_timestamp_seconds", "The PBX's own time of its last event, as "
                                 "Unix time; 0 when there was none.", labels=["pbx"])
        lag = GaugeMetricFamily("slmon_event_lag_seconds", "From an event's own time to its receipt.", labels=["pbx"])
        gap = CounterMetricFamily("slmon_pbx_gap_seconds", "Seconds without a trustworthy event stream.",
                                  labels=["pbx"])
        back = CounterMetricFamily("slmon_pbx_reconnects", "How often the link came back.", labels=["pbx"])
        hidden = CounterMetricFamily("slmon_pbx_gap_calls_at_most", "Calls that gaps may hide at most, by the PBX's "
                                     "own count of calls.", labels=["pbx"])
        uncounted = CounterMetricFamily("slmon_pbx_gaps_uncounted", "Gaps of which nobody can tell how many calls they "
                                        "may hide.", labels=["pbx"])
        stuck = GaugeMetricFamily("slmon_pbx_stuck_channels", "Channels that hang on the PBX though their calls are "
                                  "long over.", labels=["pbx"])
        for pbx in self._labels.pbxes:
            link = links.get(pbx)
            hidden.add_metric([pbx], scoreboard.totals.hidden[pbx])
            uncounted.add_metric([pbx], scoreboard.totals.uncounted_gaps[pbx])
            stuck.add_metric([pbx], self._stuck_channels(pbx))
            up.add_metric([pbx], int(link is not None and link.up))
            last.add_metric([pbx], (link.last_event_at or 0) / SECOND if link is not None else 0)
            lag.add_metric([pbx], self._event_lag_seconds(pbx))
            gap.add_metric([pbx], scoreboard.gap_seconds_total(pbx, now))
            back.add_metric([pbx], scoreboard.totals.reconnects[pbx])
        yield from (up, last, lag, gap, hidden, uncounted, back, stuck)

    def _oddities(self) -> Metric:
        """The kinds are words of our own code, so they are few whatever a PBX sends."""
        told = _sums(((_known(pbx, self._labels.pbxes), kind), count)
                     for (pbx, kind), count in self._scoreboard.totals.oddities.items())
        family = CounterMetricFamily("slmon_pbx_oddities", "Surprises of a known kind in the event stream.",
                                     labels=["pbx", "kind"])
        for pbx, kind in sorted({*product(self._labels.pbxes, self._labels.oddities), *told}):
            family.add_metric([pbx, kind], told[pbx, kind])
        return family


class _Web(Collector):
    """How much the boards are used, and what was refused. No person, no address."""

    def __init__(self, visits: Visits, labels: Labels) -> None:
        self._visits = visits
        self._labels = labels

    def collect(self) -> Iterator[Metric]:
        """Boards open now, boards opened, requests refused."""
        visits, views = self._visits, self._labels.views
        opened = visits.open()
        boards = GaugeMetricFamily("slmon_boards_open", "Boards that are open now.", labels=["view"])
        seen = CounterMetricFamily("slmon_board_views", "How often a board was opened, by what it was opened on.",
                                   labels=["view", "kind"])
        for view in views:
            boards.add_metric([view], opened.get(view, 0))
            for kind in Kind:
                seen.add_metric([view, kind], visits.seen[view, kind])
        refused = CounterMetricFamily("slmon_web_refused", "Requests and connections that were refused, by reason.",
                                      labels=["reason"])
        for reason in REASONS:
            refused.add_metric([reason], visits.refused[reason])
        yield from (boards, seen, refused)


def _known(name: str, configured: tuple[str, ...]) -> str:
    return name if name in configured or name == NONE else OTHER


def _children(labels: Labels, seen: Iterable[Names]) -> list[Names]:
    return sorted({*labels.from_the_start(), *map(labels.of, seen)})


def _sums(counts: Iterable[tuple[Key, int]]) -> Counter[Key]:
    total: Counter[Key] = Counter()
    for key, count in counts:
        total[key] += count
    return total


def _plain(name: str, text: str, children: Iterable[Names], counts: Counter[Names]) -> Metric:
    family = CounterMetricFamily(name, text, labels=CALL)
    for child in children:
        family.add_metric(child, counts[child])
    return family


def _by_kind(name: str, text: str, label: str, children: Iterable[Names], kinds: Iterable[str],
             counts: Counter[tuple[Names, str]]) -> Metric:
    family = CounterMetricFamily(name, text, labels=(*CALL, label))
    for child, kind in product(children, kinds):
        family.add_metric((*child, kind), counts[child, kind])
    return family
