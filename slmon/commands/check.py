"""`slmon check`: what is wrong with PBX rights, clock and store, and the cure. Changes nothing."""

import asyncio
import logging
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from rich.console import Console

from slmon.ami.conversation import LinkLost
from slmon.ami.link import Link
from slmon.ami.state import Complaint, LinkState, LinkStatus
from slmon.ami.timing import Timing
from slmon.commands.backfill import fresh_board
from slmon.config import Config, Pbx
from slmon.core.events import BridgeEntered, DialStarted, Event, LegEnded, LegStarted, SnapshotTaken
from slmon.core.instant import seconds_between
from slmon.core.switchboard import Switchboard
from slmon.daemon import host_now
from slmon.logs import set_up_logs
from slmon.store.reader import CallReader
from slmon.store.schema import StoreError
from slmon.store.spool import places
from slmon.watch import access_of

CLOCK_OFF_SECONDS = 2.0
FREE_BYTES = 500_000_000       # years of calls; less, and something else fills the disk
LISTEN_SECONDS = 3.0           # at least, after the lists came: for what the rights hold back
LOOK_EVERY_SECONDS = 1.0       # at what the PBX does and does not tell

console = Console(highlight=False, soft_wrap=True, markup=False)


class Level(StrEnum):
    """How bad a finding is."""

    FINE = "ok"
    DOUBT = "look"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    place: str
    words: str


def run_check(config: Config, seconds: float) -> bool:
    """Look at everything and say what is found; False when something is wrong."""
    set_up_logs(logging.ERROR)
    findings = [Finding(Level.FINE, "configuration", _in_words(config)), *_store(config), *_rules(config)]
    _say(findings)
    for pbx in config.pbx:
        found = asyncio.run(_Look(pbx, fresh_board(config, pbx), seconds).findings())
        _say(found)
        findings += found
    return not any(finding.level is Level.WRONG for finding in findings)


def _say(findings: list[Finding]) -> None:
    for finding in findings:
        console.print(f"{finding.level:>5}  {finding.place}: {finding.words}")


def _in_words(config: Config) -> str:
    counts = (f"{len(config.pbx)} PBX", f"{len(config.lines)} lines", f"{len(config.groups)} groups",
              f"{len(config.views)} views")
    return ", ".join(counts) + " are understood"


def _store(config: Config) -> Iterator[Finding]:
    path = Path(config.store.path)
    if not path.exists():
        folder = path.absolute().parent
        if folder.is_dir() and os.access(folder, os.W_OK):
            yield Finding(Level.FINE, "store", f"{path} will be made at the first run")
        else:
            yield Finding(Level.WRONG, "store", f"{folder} cannot be written to; make it, or change [store] path")
        return
    try:
        CallReader(path).check()
    except StoreError as error:
        yield Finding(Level.WRONG, "store", str(error))
        return
    yield Finding(Level.FINE, "store", f"{path} can be read")
    yield from _beside(config)


def _beside(config: Config) -> Iterator[Finding]:
    """What lies beside the database, and how much more can."""
    path = Path(config.store.path).absolute()
    for aside in sorted(path.parent.glob(f"{path.name}.broken-*")):
        if not aside.name.endswith(("-wal", "-shm")):
            yield Finding(Level.DOUBT, "store", f"{aside} was damaged and set aside; slmon merge takes in what can be "
                                                "read of it; move it away when it is done with")
    for spool in places(path, config.store.spool):
        if spool.exists() and spool.stat().st_size:
            yield Finding(Level.DOUBT, "store", f"{spool} holds what the database could not take; slmon run takes it "
                                                "in")
    free = shutil.disk_usage(path.parent).free
    if free < FREE_BYTES:
        yield Finding(Level.DOUBT, "store", f"{free // 1_000_000} MB are free where {path.name} lies; make room")


def _rules(config: Config) -> Iterator[Finding]:
    hours = config.phone_hours()
    opening = hours.opening(host_now())
    yield Finding(Level.FINE, "phone hours", f"by {config.site.timezone} the phones are {opening.phase.value} now")
    yield from _zone(config)
    if config.caller_key is None:
        yield Finding(Level.DOUBT, "privacy", "no key_file: callers are kept as unknown, which is safe; "
                                              "repeat callers cannot be told")


def _zone(config: Config) -> Iterator[Finding]:
    """A wrong zone is whole hours off, and looks right but for the hours."""
    now = datetime.now(UTC)
    there, here = now.astimezone(config.site.zone), now.astimezone()
    words = f"it is {there:%H:%M} in {config.site.timezone}"
    if there.utcoffset() == here.utcoffset():
        yield Finding(Level.FINE, "clock", words)
    else:
        yield Finding(Level.DOUBT, "clock", f"{words}, and {here:%H:%M} by this machine's own zone; if the house's "
                                            "clocks show that one, set [site] timezone")


class _Look:
    """One PBX, looked at over a connection of our own."""

    def __init__(self, pbx: Pbx, board: Switchboard, seconds: float) -> None:
        self._pbx = pbx
        self._board = board
        self._seconds = seconds
        self._told = asyncio.Event()
        self._snapshot: SnapshotTaken | None = None
        self._state: LinkState | None = None
        self._calls_known = False                    # whether the PBX tells of calls
        self._came_in = asyncio.Event()              # somebody did, through a door or not; or it tells of no calls
        self._too_many: frozenset[str] = frozenset()

    async def findings(self) -> list[Finding]:
        """What is found within the time; sooner where somebody came in by then."""
        link = Link(access_of(self._pbx), self._hear, self._on_state, timing=Timing(look_around=LOOK_EVERY_SECONDS))
        running = asyncio.create_task(link.run(), name=f"check {self._pbx.name}")
        try:
            async with asyncio.timeout(self._seconds):
                await self._told.wait()
                if link.state.is_up:
                    self._too_many = await link.rights_too_many()
                    await asyncio.sleep(LISTEN_SECONDS)
                    await self._came_in.wait()
        except (TimeoutError, LinkLost):
            pass
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
        return list(self._found(link))

    def _hear(self, events: list[Event]) -> None:
        for event in events:
            self._board.apply(event)
            if isinstance(event, LegStarted | LegEnded | DialStarted | BridgeEntered):
                self._calls_known = True
            if self._calls_known and (self._board.doors_seen or self._board.elsewhere.heard):
                self._came_in.set()
            if isinstance(event, SnapshotTaken) and (self._snapshot is None or self._snapshot.legs is None):
                self._snapshot = event

    def _on_state(self, state: LinkState) -> None:
        self._state = state
        if state.status is not LinkStatus.CONNECTING:
            self._told.set()
        if Complaint.NO_CALLS in state.complaints:
            self._calls_known = True
            self._came_in.set()

    def _found(self, link: Link) -> Iterator[Finding]:
        pbx = self._pbx
        place = f"pbx {pbx.name} at {pbx.host}:{pbx.port}"
        state = self._state
        if state is None or state.status in {LinkStatus.DOWN, LinkStatus.REFUSED, LinkStatus.CONNECTING}:
            reason = state.reason if state is not None and state.reason else "no answer in time"
            yield Finding(Level.WRONG, place, f"{reason}; {cure_of(reason)}")
            return
        yield Finding(Level.FINE, place, "logged in, and the lists came" if self._snapshot else "logged in")
        for complaint in sorted(state.complaints):
            level = Level.DOUBT if complaint in {Complaint.NO_DEVICES, Complaint.SLOW_ANSWERS} else Level.WRONG
            yield Finding(level, place, state.said(complaint))
        yield from self._doors(place)
        if not self._calls_known:
            yield Finding(Level.DOUBT, place, "nothing happened on it meanwhile; only a call shows whether read = "
                                              "call,agent and timestampevents = yes are set, so ring in and check")
        if self._too_many:
            yield Finding(Level.DOUBT, place, f"the login may {', '.join(sorted(self._too_many))}, which slmon never "
                                              "asks for; leave the user write = reporting only")
        yield from self._clock(link, place)
        if self._snapshot is not None and self._snapshot.members:
            queues = sorted({member.queue for member in self._snapshot.members})
            yield Finding(Level.FINE, place, f"queues with members: {', '.join(queues)}")

    def _doors(self, place: str) -> Iterator[Finding]:
        """Whether members come in where `inbound` says. A phone that rings out looks like one: this may be right."""
        if self._board.doors_seen:
            yield Finding(Level.FINE, place, "calls come in through `inbound`")
        elif self._board.elsewhere.heard:
            contexts = ", ".join(self._board.elsewhere.heard)
            yield Finding(Level.DOUBT, place, f"nobody came in through `inbound` meanwhile, but through {contexts}; "
                                              "if members come in there, put it into `inbound`")

    def _clock(self, link: Link, place: str) -> Iterator[Finding]:
        off = seconds_between(host_now(), link.now())
        if abs(off) > CLOCK_OFF_SECONDS:
            yield Finding(Level.WRONG, place, f"its clock is {abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} "
                                              "this machine's; let both follow a time server")
        else:
            yield Finding(Level.FINE, place, f"its clock is within {CLOCK_OFF_SECONDS:.0f} s of this machine's")


def cure_of(reason: str) -> str:
    """Where to look when a link is down for this reason."""
    words = reason.lower()
    if "login" in words:
        return "compare username and secret with manager.conf on the PBX, and its permit= with this machine's address"
    if any(each in words for each in ("certificate", "tls", "ca_file", "server_name")):
        return "see tls, port, ca_file and server_name of this [[pbx]]"
    if "connection refused" in words:
        return "is the PBX running, and is the port the one in manager.conf?"
    return "see host and port of this [[pbx]], and the firewall between"
