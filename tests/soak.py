"""A busy house at ten times its speed, with faults all the time; then the stored day is held against what was played.

    python tests/soak.py [--minutes M] [--times X] [--kills N] [--seed S] [--logs cel queue_log] [--keep FOLDER]

The simulated PBX and the daemon as a process of its own, over TCP through a proxy. Faults, in random order: the link
cut, the link held half open, garbage in the stream, the PBX killed and started again, the daemon killed (kill -9) and
started again, the daemon held (SIGSTOP), browsers that never read, a storm of scrapes. Then `slmon backfill` reads the
PBX's CEL (or its queue_log, or both), and the day is compared, field by field, as closely as each is said to be known.
Exit code 0: no difference; calls of which nobody can tell are counted, and each of them went through a gap.
"""

import argparse
import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from ami_server import Proxy
from cutting import differs
from running import SECRET, Slmon, configured, host_now, slmon, until

from slmon.core.facts import CallRecord, Outcome, Verdict
from slmon.core.goals import Goal, judge
from slmon.core.instant import SECOND, Instant, of_seconds
from slmon.core.reconcile import touched
from slmon.simulator.cel import CelLog
from slmon.simulator.plan import Rate
from slmon.simulator.queue_log import QueueLog
from slmon.simulator.server import STANDSTILL, Account, AmiServer, LiveDay
from slmon.simulator.truth import told
from slmon.store.reader import CallReader

PER_MINUTE = 8.0                       # members who ring in a busy hour
TALKS_END_AFTER = 40 * 60 * SECOND     # what began earlier is over
ON_THE_WAY = 0.1                       # seconds that a list may take, while the house lives through `times` as many
SOME_KINDS = 4                         # of faults, however slow the machine
GOAL = Goal()
LOGS = {"cel": ("--cel", "cel.csv"), "queue_log": ("--queue-log", "queue_log")}


@dataclass(slots=True)
class Found:
    """What the comparison gave."""

    wrong: list[str] = field(default_factory=list)
    unknown: int = 0                   # of which nobody can tell
    died: int = 0                      # and of these, calls that died with the PBX
    unheard: int = 0                   # which came and went in a gap, and no log told of them
    untold: int = 0                    # answered calls of which nobody can tell whether they were handed over
    calls: int = 0


class Soak:
    """One run."""

    def __init__(self, folder: Path, seed: int, minutes: float, times: float, logs: Collection[str] = ("cel",)) -> None:
        self.random = Random(seed)
        self.counted: Counter[str] = Counter()
        self._folder, self._seed, self._times = folder, seed, times
        self._played = minutes / 60 * times                        # hours of the house
        self._start = host_now() - of_seconds(minutes * 60 * times) - TALKS_END_AFTER
        self._logs = logs
        self._cel_file = (folder / "cel.csv").open("ab", buffering=0)
        self._queue_log = (folder / "queue_log").open("ab", buffering=0)
        self._cel = CelLog(self._cel_file.write)
        self._days = [self._day(self._start, self._played)]
        self._stack = contextlib.AsyncExitStack()
        self._daemon: Slmon | None = None

    def _day(self, start: Instant, hours: float) -> LiveDay:
        day = LiveDay(self._seed + len(getattr(self, "_days", ())), start, Rate(PER_MINUTE, start, hours))
        day.pbx.listeners.append(self._cel)
        QueueLog(day.pbx, self._queue_log.write)
        return day

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Soak"]:
        """The PBX, the proxy and the daemon are up."""
        async with AmiServer(self._days[0], {"slmon": Account(SECRET)}, speed=STANDSTILL) as self.server, \
                Proxy(self.server.port) as self.proxy:
            self.config = configured(self._folder, self.proxy.port)
            try:
                await self._start_daemon()
                self.server.go_on(self._times)
                yield self
            finally:
                await self._stack.aclose()
                self._cel_file.close()
                self._queue_log.close()

    async def _start_daemon(self) -> None:
        self._daemon = await self._stack.enter_async_context(slmon("run", "--config", self.config))
        await self.listening()

    @property
    def daemon(self) -> Slmon:
        """The daemon that runs now."""
        assert self._daemon is not None
        return self._daemon

    async def listening(self) -> None:
        """Until the daemon hears the PBX."""
        async def up() -> float:
            return (await self.daemon.metrics())["slmon_pbx_up"]
        await until(up, 1.0, seconds=60)

    # -- faults

    async def cut(self) -> None:
        """Our connection is reset; the PBX goes on."""
        self.server.cut()

    async def half_open(self) -> None:
        """Nothing comes through for some seconds, and nobody is told."""
        self.proxy.stall()
        await asyncio.sleep(self.random.uniform(0.5, 3))
        self.proxy.flow()

    async def garbage(self) -> None:
        """Bytes that are no messages, and an event cut in the middle."""
        noise = self.random.randbytes(self.random.randrange(20, 4000)).replace(b"\n", b" ")
        self.server.send(b"Event: Newchannel\r\nPrivilege: call,all\r\nUniq" + noise + b"\r\n\r\n")

    async def pbx_killed(self) -> None:
        """The PBX dies with all its calls, and is back after a while."""
        self.server.catch_up()
        at = self.server.day.clock.now
        for call in self.server.day.truth:
            if call.ended_at is None:
                call.ended_at, call.ended_by = at, None
                call.outcome = Outcome.ANSWERED if call.answered_at is not None else Outcome.LOST
        self._cel.died()
        await self.server.stop()
        await asyncio.sleep(self.random.uniform(0.2, 1.5))
        back_at = at + of_seconds(2 * self._times)
        left = max(0.0, self._played - (back_at - self._start) / (3600 * SECOND))
        self._days.append(self._day(back_at, max(left, 0.001)))
        self.server.reboot(self._days[-1])
        await self.server.start()

    async def daemon_killed(self) -> None:
        """kill -9, and started again at once, or a little later."""
        self.daemon.signal(signal.SIGKILL)
        await self.daemon.ended()
        if self.random.random() < 0.5:
            await asyncio.sleep(self.random.uniform(0.1, 2))
        await self._start_daemon()

    async def held(self) -> None:
        """The daemon stands still for a while."""
        self.daemon.signal(signal.SIGSTOP)
        await asyncio.sleep(self.random.uniform(0.3, 2))
        self.daemon.signal(signal.SIGCONT)

    async def deaf_browsers(self) -> None:
        """Browsers that ask for a stream and never read it."""
        address = await self.daemon.address()
        port = int(address.rstrip("/").rpartition(":")[2])
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET /stream/alle HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self._stack.callback(writer.transport.abort)

    async def scrapes(self) -> None:
        """A hundred scrapes at once."""
        await asyncio.gather(*(self.daemon.page("metrics") for _ in range(100)))

    async def faults(self, seconds: float) -> None:
        """One after another, for so long, and each kind once at least before any comes again."""
        kinds: dict[str, tuple[Callable[[], Awaitable[None]], int]] = {
            "link cut": (self.cut, 3), "link half open": (self.half_open, 2), "garbage": (self.garbage, 2),
            "PBX killed": (self.pbx_killed, 1), "daemon killed": (self.daemon_killed, 4), "daemon held": (self.held, 2),
            "deaf browsers": (self.deaf_browsers, 1), "scrapes": (self.scrapes, 1)}
        coming = self.random.sample(list(kinds), len(kinds))
        ends_at = time.monotonic() + seconds
        while time.monotonic() < ends_at or len(self.counted) < SOME_KINDS:
            await asyncio.sleep(self.random.uniform(0.3, 2.0))
            name = coming.pop() if coming else self.random.choices(list(kinds), [each for _, each in kinds.values()])[0]
            self.counted[name] += 1
            await kinds[name][0]()

    async def kills(self, times: int) -> None:
        """kill -9 at random moments, so many times."""
        for _ in range(times):
            await asyncio.sleep(self.random.expovariate(1.0))
            self.counted["daemon killed"] += 1
            await self.daemon_killed()

    # -- the end

    async def to_the_end(self) -> None:
        """All calls come to their end and are kept; then the daemon stops, and the logs are read."""
        await self.listening()
        await self.server.fast_forward(max(self.server.day.clock.now, self._start + of_seconds(self._played * 3600))
                                       + TALKS_END_AFTER)
        assert all(call.ended_at is not None for day in self._days for call in day.truth)

        async def kept() -> float:
            return (await self.daemon.metrics())["slmon_store_pending"]
        await self.listening()
        await until(kept, 0.0)
        self.daemon.signal(signal.SIGTERM)
        await self.daemon.ended()
        files = [word for log in self._logs for word in (LOGS[log][0], self._folder / LOGS[log][1])]
        async with slmon("backfill", "--config", self.config, *files) as mending:
            assert await mending.ended(120) == 0, mending.said
        async with slmon("backfill", "--config", self.config, *files) as again:
            assert await again.ended(120) == 0
            self.again = again.said

    def compared(self) -> Found:
        """The stored calls against those that were played."""
        store = CallReader(self._folder / "slmon.db")
        records = list(store.since(0))
        gaps = [(gap.since, gap.until or host_now()) for gap in store.gaps(0, 1 << 62)]
        truth = {each.call: each for each in (told(call, "pbx1") for day in self._days for call in day.truth)}
        found = Found(calls=len(truth))
        by_call = {record.call: record for record in records}
        seen = Counter(record.call for record in records)
        found.wrong += [f"{call} is there {times} times" for call, times in seen.items() if times > 1]
        found.wrong += [f"{call} is no call" for call in seen if call not in truth]
        for call, true in truth.items():
            record = by_call.get(call)
            went_through_a_gap = touched(true, gaps)
            if record is None and went_through_a_gap and "cel" not in self._logs:
                found.unheard += 1                     # came and went in a gap, and queue_log names no call by itself
            elif record is None:
                found.wrong.append(f"{call} is missing")
            else:
                if true.ended_by is None:              # when the PBX died, its last words alone tell
                    true = replace(true, ended_at=record.ended_at)
                late = of_seconds(ON_THE_WAY * self._times)
                wrong = [*differs(true, record, gaps, late), *_judged_otherwise(true, record)]
                if _is_vague(true, record):
                    found.unknown += 1
                    found.died += true.outcome is Outcome.LOST
                    wrong += [] if went_through_a_gap else ["unknown, and went through no gap"]
                found.untold += record.transfer_untold
                found.wrong += [f"{call} ({record.quality}): {each}" for each in wrong]
        return found


def _verdict(record: CallRecord) -> Verdict | None:
    judged = judge(record, GOAL, record.ended_at or host_now())
    return judged and judged[0]


def _is_vague(true: CallRecord, record: CallRecord) -> bool:
    """Whether something that counts is said to be unknown."""
    return (record.answered_between is not None or record.outcome in (None, Outcome.LOST)
            or Verdict.UNDECIDED in {_verdict(record), _verdict(true)})


def _judged_otherwise(true: CallRecord, record: CallRecord) -> list[str]:
    really, said = _verdict(true), _verdict(record)
    unknown = said is Verdict.UNDECIDED or (said is None and record.outcome in (None, Outcome.LOST))
    return [] if unknown or said is really else [f"verdict {said}, really {really}"]


async def soak(folder: Path, seed: int, minutes: float, times: float, kills: int,
               logs: Collection[str] = ("cel",)) -> tuple[Soak, Found]:
    """Run it, and compare."""
    run = Soak(folder, seed, minutes, times, logs)
    async with run.running():
        if kills:
            await run.kills(kills)
        else:
            await run.faults(minutes * 60)
        await run.to_the_end()
    return run, run.compared()


def main() -> int:
    """Print the table; 0 when nothing differs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=5.0)
    parser.add_argument("--times", type=float, default=10.0)
    parser.add_argument("--kills", type=int, default=0, help="only kill -9, so many times")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--logs", nargs="+", choices=LOGS, default=["cel"], help="what backfill reads")
    parser.add_argument("--keep", type=Path, help="an empty folder for configuration, database and CEL")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = words.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        run, found = asyncio.run(soak(folder, words.seed, words.minutes, words.times, words.kills, words.logs))
    for name, times in sorted(run.counted.items()):
        print(f"{times:5} x {name}")
    for each in found.wrong:
        print(f"wrong: {each}")
    print(f"{found.calls} calls, {len(found.wrong)} wrong; of {found.unknown} nobody can tell, {found.died} of these "
          f"died with the PBX; of {found.unheard} nobody has heard, and of {found.untold} nobody can tell whether they "
          f"were handed over")
    return int(bool(found.wrong))


if __name__ == "__main__":
    sys.exit(main())
