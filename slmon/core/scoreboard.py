"""Facts become numbers: today, the last half hour and now, view by view. Tallies merge; nothing is judged here."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date

from slmon.core.board import HalfHour, LinkState, Snapshot, Waiting
from slmon.core.counted import CallFact, CountedCall
from slmon.core.facts import (
    SAME_CALL,
    CallArrived,
    CallId,
    CallRecord,
    CallUnaccounted,
    ClockStepped,
    DeskChanged,
    DeskState,
    Fact,
    GapMarked,
    OddityNoticed,
    Place,
)
from slmon.core.gaps import Gaps
from slmon.core.goals import Goals
from slmon.core.hours import HALF_HOUR, Hours
from slmon.core.instant import SECOND, Instant
from slmon.core.retold import retold
from slmon.core.sheet import Page, Sheet
from slmon.core.site import Group, View
from slmon.core.tally import Tally, bounds_with
from slmon.core.totals import Totals

MOST_CALLS = 100_000              # of a day that are counted one by one; no house has as many
KEPT = 26 * 3600 * SECOND         # a day of 25 hours and a little, for facts that come late


class Scoreboard:
    """All figures of all PBXes. Told facts by `record`, read by `snapshot` and, for Prometheus, by `totals`."""

    def __init__(self, hours: Hours, goals: Goals, groups: Iterable[Group] = (), pbxes: Iterable[str] = (),
                 minimum_group: int = 1) -> None:
        """`minimum_group`: of fewer desks than this no states are shown; 1 shows them all."""
        self._hours = hours
        self._goals = goals
        self._minimum_group = minimum_group
        self._groups = tuple(groups)
        self._groups_of: dict[str, tuple[str, ...]] = {}
        self._bounds = bounds_with(goals.targets)
        self.totals = Totals(self._bounds)
        self._latest: dict[CallId, CountedCall] = {}  # by id, which a PBX gives again after a restart
        self._kept: set[CountedCall] = set()
        self._open: set[CountedCall] = set()
        self._sheets: dict[View, Sheet] = {}
        self._desks: dict[tuple[str, str], DeskChanged] = {}
        self._links: dict[str, LinkState | None] = dict.fromkeys(pbxes)
        self._been_up: set[str] = set()
        self._gaps = Gaps()
        self._unplaced: Counter[date] = Counter()     # unaccounted calls of which nothing is known
        self._today: date | None = None

    # -- being told

    def record(self, fact: Fact, retold: bool = False) -> None:
        """Count a fact. `retold`: it happened before this process began and is in no total."""
        match fact:
            case CallArrived():
                self._arrived(fact, retold)
            case DeskChanged():
                self._desk_changed(fact)
            case GapMarked():
                self._gaps.mark(fact, retold)
                if fact.until is not None and not retold:
                    self.totals.count_hidden(fact)
            case ClockStepped():
                self._clock_stepped(fact)
            case OddityNoticed(pbx=pbx, kind=kind):
                self.totals.oddities[pbx, kind] += int(not retold)
            case _:
                self._told_of_call(fact, retold)

    def restore(self, record: CallRecord, now: Instant) -> None:
        """Tell a stored call again: after a restart, or when backfill knows better. In no total.

        `now` is up to when the call was watched, see `retold`.
        """
        self.take_away(record)
        for fact in retold(record, self._goals.goal_at(record.arrived_at), now):
            self.record(fact, retold=True)

    def take_away(self, record: CallRecord) -> None:
        """Count the call no more, but in the totals, which never go down."""
        known = self._latest.get(record.call)
        if known is not None and abs(known.arrived_at - record.arrived_at) <= SAME_CALL:
            self._forget(known)

    def link_changed(self, pbx: str, at: Instant, up: bool, reason: str = "", whole: bool = True) -> None:
        """The event stream of a PBX came up or was lost. A reconnect is counted when it comes up again."""
        known = self._links.get(pbx)
        if known is not None and (known.up, known.reason, known.whole) == (up, reason, whole):
            return
        if up and (known is None or not known.up):
            self.totals.reconnects[pbx] += int(pbx in self._been_up)
            self._been_up.add(pbx)
        before = known or LinkState(pbx, not up, at, None)
        self._links[pbx] = LinkState(pbx, up, before.since if before.up == up else at,
                                     at if up else before.last_event_at, reason, whole)

    def heard(self, pbx: str, at: Instant) -> None:
        """The PBX said something at this instant of its own clock."""
        known = self._links.get(pbx)
        if known is not None:
            self._links[pbx] = replace(known, last_event_at=at)

    def seed_last_day(self, view: View, midnight: Instant, tally: Tally) -> None:
        """What the last day with calls came to for a view, from the store."""
        self._sheet(view).seed(self._hours.day_of(midnight), tally)

    # -- being asked

    def snapshot(self, view: View, now: Instant) -> Snapshot:
        """All that the view's board shows at this moment. Its tallies are shared: read them, do not change them."""
        today = self._roll(now)
        sheet = self._sheet(view)
        page = sheet.page(today)
        hiding, filled = self._gaps.since(self._hours.midnight(today))
        places = Counter(call.place for call in self.open_calls() if view.has_call(call.line, call.queue))
        return Snapshot(
            at=now,
            opening=self._hours.opening(now),
            goal=self._goals.goal_of(today),
            today=page.today,
            last_half_hour=sheet.last_half_hour(now),
            half_hours=self._half_hours(page, now),
            waiting=self._waiting(view),
            in_menu=places[Place.MENU],
            connecting=places[Place.CONNECTING],
            talking=places[Place.TALKING],
            passed_on=places[Place.PASSED_ON],
            desks=self._desks_of(view),
            breaches=page.breaches,
            links=self.links(now),
            gap_seconds_today=self._gaps.seconds(self._hours.midnight(today), now),
            gaps_today=hiding,
            filled_today=filled,
            unaccounted_today=page.today.unaccounted + self._unplaced[today],
            last_day=page.last_day and (self._hours.midnight(page.last_day[0]), page.last_day[1]),
        )

    def open_calls(self) -> Iterator[CountedCall]:
        """The member calls that are going on, exclusions apart; hung up but not sealed is not going on."""
        return (call for call in self._open if call.place is not Place.GONE and not call.excluded)

    def links(self, now: Instant) -> tuple[LinkState, ...]:
        """Every PBX's link; one that never came up is down since it was first asked for."""
        for pbx, state in self._links.items():
            if state is None:
                self._links[pbx] = LinkState(pbx, False, now, None)
        return tuple(state for state in self._links.values() if state is not None)

    def desks_by_group(self) -> dict[str, Counter[DeskState]]:
        """How many desks of each group are in which state, "" for desks of no group; groups too small left out."""
        names = "", *(group.name for group in self._groups)
        states: dict[str, Counter[DeskState]] = {name: Counter() for name in names}
        for desk in self._known_desks():
            for group in self._groups_with(desk.desk) or ("",):
                states[group][_state(desk)] += 1
        return {group: each for group, each in states.items() if not each or each.total() >= self._minimum_group}

    def gap_seconds_total(self, pbx: str, now: Instant) -> float:
        """Seconds since the process began in which this PBX was not heard; never goes down."""
        return self._gaps.total_seconds(pbx, now)

    # -- calls

    def _arrived(self, fact: CallArrived, retold: bool) -> None:
        known = self._latest.get(fact.call)
        if known is not None and abs(fact.at - known.arrived_at) <= SAME_CALL:
            return
        if len(self._kept) >= MOST_CALLS:
            self._count_unplaced(CallUnaccounted(fact.call, fact.at, "too_many"))
            return
        call = CountedCall(fact.call, fact.at, fact.line, fact.in_hours, fact.excluded,
                           self._hours.day_of(fact.at), self._hours.half_hour(fact.at),
                           self._goals.goal_at(fact.at), self._bounds)
        self._latest[fact.call] = call
        self._kept.add(call)
        self._open.add(call)
        for sheet in self._sheets_of(call):
            sheet.put(call)
        if not retold:
            self.totals.count(call, fact)

    def _clock_stepped(self, fact: ClockStepped) -> None:
        """Who waits now has waited as long as before, whatever the clock says."""
        for call in self._open:
            if call.pbx == fact.pbx:
                call.clock_by += fact.by

    def _told_of_call(self, fact: CallFact, retold: bool) -> None:
        call = self._latest.get(fact.call)
        if call is None:
            if isinstance(fact, CallUnaccounted):
                self._count_unplaced(fact)
            return
        if call.is_news(fact):
            self._take_in(call, fact)
            if not retold:
                self.totals.count(call, fact)

    def _count_unplaced(self, fact: CallUnaccounted) -> None:
        self._unplaced[self._hours.day_of(fact.at)] += 1
        self.totals.count_unplaced(fact)

    def _take_in(self, call: CountedCall, fact: CallFact) -> None:
        """Every sheet that has the call counts it anew; one to which its first queue brings it counts it in."""
        queue_before = call.queue
        if not call.note(fact):
            return
        before, call.counted = call.counted, call.tally()
        for view, sheet in self._sheets.items():
            if view.has_call(call.line, queue_before):
                sheet.recount(call, before)
            elif view.has_call(call.line, call.queue):
                sheet.put(call)
        if call.record is not None:
            self._open.discard(call)

    def _forget(self, call: CountedCall) -> None:
        for sheet in self._sheets_of(call):
            sheet.take(call)
        del self._latest[call.call]
        self._kept.discard(call)
        self._open.discard(call)

    def _sheets_of(self, call: CountedCall) -> list[Sheet]:
        return [sheet for view, sheet in self._sheets.items() if view.has_call(call.line, call.queue)]

    def _sheet(self, view: View) -> Sheet:
        sheet = self._sheets.get(view)
        if sheet is None:
            sheet = self._sheets[view] = Sheet(view)
            for call in self._kept:
                if view.has_call(call.line, call.queue):
                    sheet.put(call)
        return sheet

    def _roll(self, now: Instant) -> date:
        """The day of `now`. When it is a new one, what is over and old is let go of."""
        today = self._hours.day_of(now)
        if today != self._today:
            self._today = today
            for sheet in self._sheets.values():
                sheet.roll(today)
            self._kept = {call for call in self._kept if call in self._open or call.arrived_at > now - KEPT}
            self._latest = {key: call for key, call in self._latest.items() if call in self._kept}
            self._gaps.roll(now - KEPT)
            self._unplaced = Counter({today: self._unplaced[today]})
        return today

    # -- desks

    def _desk_changed(self, fact: DeskChanged) -> None:
        if fact.state is None:
            self._desks.pop((fact.pbx, fact.desk), None)
        else:
            self._desks[fact.pbx, fact.desk] = fact

    def _desks_of(self, view: View) -> Counter[DeskState]:
        states = Counter(_state(desk) for desk in self._known_desks()
                         if view.everything or desk.queues.intersection(view.queues)
                         or set(self._groups_with(desk.desk)).intersection(view.groups))
        return states if states.total() >= self._minimum_group else Counter()

    def _known_desks(self) -> Iterator[DeskChanged]:
        """Phones that serve a queue or stand in a group; trunks and door phones are no desks."""
        return (desk for desk in self._desks.values() if desk.queues or self._groups_with(desk.desk))

    def _groups_with(self, desk: str) -> tuple[str, ...]:
        groups = self._groups_of.get(desk)
        if groups is None:
            groups = self._groups_of[desk] = tuple(group.name for group in self._groups if group.has(desk))
        return groups

    # -- parts of a snapshot

    def _waiting(self, view: View) -> tuple[Waiting, ...]:
        waiting = [Waiting(call.arrived_at + call.clock_by, (call.asked_at or call.arrived_at) + call.clock_by,
                           call.queue, call.line)
                   for call in self.open_calls()
                   if call.place is Place.WAITING and view.has_call(call.line, call.queue)]
        return tuple(sorted(waiting, key=lambda each: (each.arrived_at, each.asked_at)))

    def _half_hours(self, page: Page, now: Instant) -> tuple[HalfHour, ...]:
        empty = Tally()
        return tuple(
            HalfHour(start, page.half_hours.get(start, empty), self._gaps.seconds(start, min(start + HALF_HOUR, now)))
            for start in self._hours.half_hours(page.day))


def _state(desk: DeskChanged) -> DeskState:
    assert desk.state is not None     # desks that are gone are not kept
    return desk.state
