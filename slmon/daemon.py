"""Wiring only: links, switchboards, scoreboard, store and web, in one task group. No call rule, no page."""

import asyncio
import contextlib
import gc
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog

import slmon
from slmon.access import guarded, stands_for_many
from slmon.ami.state import LinkState
from slmon.backfill.mender import Mender
from slmon.config import Config, Pbx
from slmon.core.board import Day, Snapshot
from slmon.core.facts import CallEnded, CallId, CallRecord, CallUnaccounted, Fact, GapMarked
from slmon.core.goals import Goals
from slmon.core.hidden import CallCount
from slmon.core.hours import Hours
from slmon.core.instant import Instant, from_datetime
from slmon.core.scoreboard import Scoreboard
from slmon.core.switchboard import Switchboard
from slmon.loop_errors import LoopErrors
from slmon.metrics import Labels, Metrics
from slmon.privacy import CallerKey
from slmon.store.calls import CallStore
from slmon.store.history import History
from slmon.store.schema import StoreError
from slmon.watch import Watch
from slmon.web.app import House, make_app, serve
from slmon.web.board import Keeping
from slmon.web.door import limits_for
from slmon.web.visits import Visits

HEARD_EVERY_SECONDS = 5.0        # so far back at most a restart has to look for what it missed
PURGE_EVERY_SECONDS = 3600.0
MOST_DOORS = 100                 # endpoints

log = structlog.get_logger(__name__)


class StartError(Exception):
    """The daemon cannot start; the message names the place and the cure."""


def host_now() -> Instant:
    """The host's clock."""
    return from_datetime(datetime.now(UTC))


def _told_until(record: CallRecord, heard_until: Instant) -> Instant:
    """Up to when is known what happened to a call: a log may have told more than was heard."""
    return heard_until if record.was_heard else max(heard_until, record.last_moment)


class Daemon:
    """Everything that runs, of one configuration."""

    def __init__(self, config: Config, demo: bool = False) -> None:
        """Raises StartError when the store cannot be used."""
        self.config = config
        self.hours: Hours = config.phone_hours()
        self.goals: Goals = config.phone_goals(self.hours)
        self.scoreboard = Scoreboard(self.hours, self.goals, config.groups, [pbx.name for pbx in config.pbx],
                                     minimum_group=1 if config.privacy.person_figures else config.privacy.minimum_group)
        self.changed = asyncio.Event()
        self.linked = asyncio.Event()                # a link came up for the first time
        self._views = {view.name: view for view in config.views}
        self._demo = demo
        key = config.caller_key
        try:
            self.store = CallStore(config.store.path, None if key is None else CallerKey(
                key.get_secret_value(), config.privacy.key_id), spool=config.store.spool)
        except StoreError as error:
            raise StartError(str(error)) from None
        self._noted_doors: dict[str, int] = {}
        self._history = History(self.store, self.hours, self.goals)
        self._reading = asyncio.Lock()               # one reader of history at a time
        self.watches = [self._watch(pbx) for pbx in config.pbx]
        self._mender = Mender(config, self.store, None if key is None else CallerKey(
            key.get_secret_value(), config.privacy.key_id),
            {watch.name: watch.switchboard for watch in self.watches}, host_now, self._was_mended)
        self.visits = Visits()
        self.metrics = Metrics(
            self.scoreboard, self.hours, self.goals,
            Labels(tuple(pbx.name for pbx in config.pbx), tuple(dict.fromkeys(line.name for line in config.lines)),
                   tuple(sorted({queue for view in config.views for queue in view.queues})),
                   tuple(self._views)),
            self.now, slmon.__version__, store_pending=lambda: self.store.pending,
            event_lag_seconds=self._lag_seconds, stuck_channels=self._stuck_channels, visits=self.visits)

    # -- before the first event

    def _watch(self, pbx: Pbx) -> Watch:
        switchboard = Switchboard(pbx.name, self.config.doors(pbx), self.goals.goal_at, self.hours.is_open)
        return Watch(pbx, switchboard, self._take, self._link_changed)

    def restore(self) -> None:
        """Today's figures as they were, and the calls that were open: handed to the switchboards to be followed."""
        now = host_now()
        today = self.hours.midnight(self.hours.day_of(now))
        try:
            self._restore(today, now)
        except StoreError as error:              # locked, or the disk is full: listen all the same, and show the hole
            self._say_not_shown(today, now, str(error))
        else:
            if self.store.spooled:
                self._say_not_shown(today, now, f"{self.store.spooled} things of before wait to be saved")

    def _say_not_shown(self, today: Instant, now: Instant, reason: str) -> None:
        log.error("today's earlier calls are not all shown", reason=reason)
        for watch in self.watches:
            self.scoreboard.record(GapMarked(watch.name, today, now, "what was kept cannot be read"), retold=True)

    def _restore(self, today: Instant, now: Instant) -> None:
        records = list(self.store.since(today))
        heard = {watch.name: self.store.heard_until(watch.name) for watch in self.watches}
        for record in records:
            self.scoreboard.restore(record, _told_until(record, heard.get(record.pbx) or record.arrived_at))
        reasons: dict[str, str] = {}                 # of gaps that had begun when slmon ended, and go on
        for gap in self.store.gaps(today, now):
            if gap.until is None:                    # nobody is left to end it; what lasts is marked anew, see `resume`
                last = heard.get(gap.pbx)
                if gap.since == last:
                    reasons[gap.pbx] = gap.reason
                gap = replace(gap, until=now if last is None else max(gap.since, last))
                self.store.mark_gap(gap)
            self.scoreboard.record(gap, retold=True)
        for fact in self.store.unaccounted(today, now):
            self.scoreboard.record(fact, retold=True)
        for watch in self.watches:
            watch.switchboard.doors_seen.update((self.store.note(f"doors {watch.name}") or "").splitlines())
            since = heard[watch.name]
            if since is not None:
                open_calls = self.store.open_calls(watch.name)
                over = [record for record in records if record.pbx == watch.name and record.outcome is not None]
                for record in open_calls:
                    if record.arrived_at < today:            # over midnight: still on the board
                        self.scoreboard.restore(record, _told_until(record, since))
                facts = watch.switchboard.resume(open_calls, since, over, self._count(watch.name),
                                                  reasons.get(watch.name, ""))
                self._take(watch, facts)

    def _count(self, pbx: str) -> CallCount | None:
        """How many calls the PBX had handled when it last said so to an earlier life of this daemon."""
        at, _, rest = (self.store.note(f"count {pbx}") or "").partition(" ")
        handled, _, boot = rest.partition(" ")
        return CallCount(int(at), boot, int(handled)) if boot else None

    async def _seed_last_days(self) -> None:
        """What the last day with calls came to, beside today's; reading it must not keep the links waiting."""
        now = host_now()
        today = self.hours.day_of(now)
        for view in self.config.views:
            try:
                async with self._reading:
                    last = await asyncio.to_thread(self._history.last_day, view, today, now)
            except StoreError as error:
                log.error("the last day is not shown", reason=str(error))
                return
            if last is not None:
                self.scoreboard.seed_last_day(view, self.hours.midnight(last.date), last.tally)
                self.changed.set()

    # -- while events come

    def now(self) -> Instant:
        """The PBX's clock, of the first one that is up; else the host's."""
        return next((watch.link.now() for watch in self.watches if watch.link.state.is_up), host_now())

    def snapshot(self, view: str) -> Snapshot:
        """What a view's board shows now."""
        return self.scoreboard.snapshot(self._views[view], self.now())

    def _take(self, watch: Watch, facts: list[Fact]) -> None:
        """Count the facts, keep the calls that they are about, tell the boards."""
        if watch.last_event_at is not None:
            self.scoreboard.heard(watch.name, watch.last_event_at)
        self._note_doors(watch)
        touched: dict[CallId, None] = {}
        for fact in facts:
            self.scoreboard.record(fact)
            if isinstance(fact, CallEnded):
                touched.pop(fact.call, None)
                self.store.save(fact.record)
            elif isinstance(fact, GapMarked):
                self.store.mark_gap(fact)
                if fact.until is not None:
                    self._mender.gap_ended(fact.pbx, fact.since, fact.until)
            elif isinstance(fact, CallUnaccounted):
                self.store.mark_unaccounted(fact)
            else:
                call = getattr(fact, "call", None)
                if call is not None:
                    touched[call] = None
        touched.update(dict.fromkeys(watch.switchboard.changed_calls()))   # what no fact says is kept as soon
        for call in touched:
            record = watch.switchboard.record(call)
            if record is not None:
                self.store.save(record)
        if facts:
            self.changed.set()

    def _was_mended(self, records: list[CallRecord], gaps: list[GapMarked], gone: list[CallRecord]) -> None:
        """Backfill knows better: the board and the pages of past days count these calls anew, and the gaps too."""
        now = self.now()
        today = self.hours.day_of(now)
        for record in records:
            day = self.hours.day_of(record.arrived_at)
            self._history.forget(day)
            if day == today:
                self.scoreboard.restore(record, now)
        for record in gone:
            self._history.forget(self.hours.day_of(record.arrived_at))
            self.scoreboard.take_away(record)
        for gap in gaps:
            self._history.forget(self.hours.day_of(gap.since))
            if gap.until is None or self.hours.day_of(gap.until) == today:
                self.scoreboard.record(gap, retold=True)
        if records or gaps or gone:
            self.changed.set()

    def _link_changed(self, watch: Watch, state: LinkState) -> None:
        complaints = map(state.said, sorted(state.complaints))
        words = "; ".join(dict.fromkeys([*([state.reason] if state.reason else []), *complaints]))
        if state.is_up:
            self.linked.set()
            self._note_heard()                                   # a kill may come before the next one is due
        self.scoreboard.link_changed(watch.name, watch.link.now(), state.is_up, words, state.is_whole)
        self.changed.set()

    def _lag_seconds(self, pbx: str) -> float:
        return next((watch.link.lag_seconds for watch in self.watches if watch.name == pbx), 0.0)

    def _stuck_channels(self, pbx: str) -> int:
        return next((watch.switchboard.stuck() for watch in self.watches if watch.name == pbx), 0)

    def _ready(self) -> str | None:
        return None if self.store.trouble is None else f"not saving: {self.store.trouble}"

    def _keeping(self) -> Keeping:
        return Keeping(self.store.not_saving_since, self.store.set_aside is not None)

    async def _keep_noting(self) -> None:
        while True:
            await asyncio.sleep(HEARD_EVERY_SECONDS)
            await asyncio.to_thread(self.store.look_aside)
            self._note_heard()

    def _note_heard(self) -> None:
        for watch in self.watches:
            until = watch.link.heard_until
            if until is not None:
                self.store.put_note(f"heard {watch.name}", str(until))
                count = watch.switchboard.count
                self.store.put_note(f"count {watch.name}",
                                    "" if count is None else f"{count.at} {count.handled} {count.boot}")

    def _note_doors(self, watch: Watch) -> None:
        """Who rings in while slmon is down is known by its door, when slmon is back."""
        doors = watch.switchboard.doors_seen
        if len(doors) != self._noted_doors.get(watch.name, 0):
            self._noted_doors[watch.name] = len(doors)
            self.store.put_note(f"doors {watch.name}", "\n".join(sorted(doors)[:MOST_DOORS]))

    async def _purge(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):      # of two clocks the slower one: the host's may be years ahead
                await asyncio.wait_for(self.linked.wait(), PURGE_EVERY_SECONDS)
            self.store.purge(self.config.privacy.keep_calls_days, min(host_now(), self.now()))
            await asyncio.sleep(PURGE_EVERY_SECONDS)

    async def _days(self, view: str, first: date, last: date) -> list[Day]:
        now = self.now()
        today = self.hours.day_of(now)
        last = min(last, today)                                  # of days to come there is nothing to say,
        first = max(first, today - timedelta(days=self.config.privacy.keep_calls_days))    # nor of days let go of
        async with self._reading:
            found = await asyncio.to_thread(self._history.days, self._views[view], first, last, now)
            if self.store.trouble is not None:                   # calls of these days may be still to be written
                for day in found:
                    self._history.forget(day.date)
            return found

    # -- running

    def house(self) -> House:
        """What the web shows."""
        house = House(
            name=self.config.site.name, zone=self.config.site.zone, views=self.config.views, snapshot=self.snapshot,
            changed=self.changed, metrics=self.metrics.render, history=self._days, ready=self._ready,
            keeping=self._keeping, language=self.config.site.language, demo=self._demo, visits=self.visits)
        return guarded(house, self.config, self.store, host_now)

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """The web server is up, and its address known. Raises StartError when the address cannot be had."""
        listen = self.config.web.listen
        async with contextlib.AsyncExitStack() as stack:
            try:
                url = await stack.enter_async_context(serve(
                    make_app(self.house()), listen.host, listen.port,
                    limits_for(self.config.web.browsers_at_most, stands_for_many(self.config)), self.visits.refuse))
            except OSError as error:
                number = error.errno or 0                        # below 0: no address, said by getaddrinfo
                why = os.strerror(number) if number > 0 else error.strerror or str(error)
                raise StartError(f"[web] listen: {listen} cannot be used: {why.lower()}; "
                                 "stop what uses it, or choose another port") from None
            yield url

    async def run(self, started: Callable[[str], None] = lambda url: None,
                  beside: Iterable[Callable[[], Coroutine[Any, Any, None]]] = (),
                  reload: Callable[[], bool] = lambda: False) -> bool:
        """Run until SIGTERM or SIGINT. `started` is told the wallboard's address; `beside` runs with it.

        On SIGHUP `reload` is asked whether there is another configuration to run with; gives whether that ended it.
        """
        stop = asyncio.Event()
        anew = False

        def hung_up() -> None:
            nonlocal anew
            if reload():
                anew = True
                stop.set()

        loop = asyncio.get_running_loop()
        loop.set_exception_handler(LoopErrors())
        for number, done in (("SIGTERM", stop.set), ("SIGINT", stop.set), ("SIGHUP", hung_up)):
            with contextlib.suppress(NotImplementedError, AttributeError):       # Windows has none
                loop.add_signal_handler(getattr(signal, number), done)
        try:
            self.restore()
            async with self.serving() as url, asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(watch.link.run(), name=f"link {watch.name}") for watch in self.watches]
                running.append(tasks.create_task(self._keep_noting(), name="note when heard"))
                running.append(tasks.create_task(self._purge(), name="purge"))
                running.append(tasks.create_task(self._mender.run(), name="backfill"))
                running.append(tasks.create_task(self._seed_last_days(), name="last days"))
                running += [tasks.create_task(each(), name="beside") for each in beside]
                gc.freeze()                                      # what is there now stays: a look at it is a pause
                started(url)
                await stop.wait()
                self._note_heard()                               # before the links end: what comes after is not heard
                for task in running:
                    task.cancel()
            return anew
        finally:
            for watch in self.watches:
                watch.close()
            await asyncio.to_thread(self.store.close)
