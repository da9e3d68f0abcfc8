"""Merge what another database of slmon's holds into the present one: one call one row, the better of two stays.

Knows which of two rows of a call is the better; done again, it changes nothing more.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from slmon.core.facts import SAME_CALL, CallId, CallRecord, GapMarked, Outcome, Quality
from slmon.core.instant import SECOND, Instant, as_datetime, from_datetime
from slmon.store.calls import CallStore
from slmon.store.mending import Mended
from slmon.store.salvage import Salvage, salvaging
from slmon.store.schema import BROKEN

CONTINUED = 10 * SECOND            # a daemon that goes on with a new database has noted that it hears within this
RECENT = 48 * 3600 * SECOND        # calls of before are told by one of each day
UNREADABLE = "cannot be read in a damaged database"
BETWEEN = "nobody knows whether slmon was listening"
FLUSH_SECONDS = 600.0

_HEARD = (Quality.LIVE, Quality.MIXED)
_WORTH = (Quality.NONE, Quality.CDR, Quality.QUEUE_LOG, Quality.CEL, Quality.RESUMED)


@dataclass(slots=True)
class Merged:
    """What came of it; with a dry run, what would."""

    added: int = 0
    corrected: int = 0
    known: int = 0                                             # already, as well or better
    left_alone: int = 0                                        # for they are being heard at this moment
    unread: dict[str, int] = field(default_factory=dict)       # rows by table; of calls at most so many
    gaps: list[GapMarked] = field(default_factory=list)        # that nobody knew of
    records: list[CallRecord] = field(default_factory=list)    # that are another now: the recent ones, and one a day

    def words(self) -> tuple[str, ...]:
        """What else came of it, for people."""
        said = [f"{self.known:,} calls were known as well or better"] if self.known else []
        if self.left_alone:
            said.append(f"{self.left_alone:,} calls are going on, and are left as slmon hears them")
        if calls := self.unread.get("calls"):
            said.append(f"at most {calls:,} calls cannot be read")
        said += [f"not all of the table {table} can be read" for table in sorted(self.unread) if table != "calls"]
        for gap in self.gaps:
            if gap.reason in (UNREADABLE, BETWEEN):
                since, until = (f"{as_datetime(at):%Y-%m-%d %H:%M:%S}" for at in (gap.since, gap.until or gap.since))
                said.append(f"a gap of {gap.pbx} from {since} to {until} UTC: {gap.reason}")
        if self.gaps:
            said.append(f"{len(self.gaps):,} gaps; slmon backfill reads in the PBX's logs what happened in them")
        return tuple(said)


def merge(store: CallStore, path: Path, at: Instant, followed: Callable[[CallId], bool] = lambda call: False,
          dry_run: bool = False) -> Merged:
    """Take what the file holds and the store does not. `followed` calls are being heard yet. Not for the event loop.

    Raises StoreError.
    """
    with salvaging(path) as found:
        return _Merging(store, found, at, followed, dry_run).merged(_set_aside_at(path))


def better(one: CallRecord, two: CallRecord) -> bool:
    """Whether the first row of a call tells more of it than the second: its end, from the better source, and later."""
    return _worth(one) > _worth(two)


def _worth(record: CallRecord) -> tuple[bool, int, bool, bool, Instant, bool]:
    quality = len(_WORTH) if record.quality in _HEARD else _WORTH.index(record.quality)
    return (record.outcome not in (None, Outcome.LOST), quality, record.ended_at is not None,
            record.answered_at is not None or record.answered_between is None, record.last_moment,
            record.quality is Quality.MIXED)


def _set_aside_at(path: Path) -> Instant | None:
    """When it was set aside, by its name; None: it was not."""
    stamp = re.search(rf"{re.escape(BROKEN)}(\d{{8}}T\d{{6}})Z", path.name)
    return None if stamp is None else from_datetime(datetime.strptime(stamp[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC))


class _Merging:
    def __init__(self, store: CallStore, found: Salvage, at: Instant, followed: Callable[[CallId], bool],
                 dry_run: bool) -> None:
        self._store = store
        self._found = found
        self._at = at
        self._followed = followed
        self._dry_run = dry_run
        self._done = Merged()
        self._heard: dict[str, Instant] = {}                   # until when the other database has something
        self._began: dict[str, Instant | None] = {}            # from when on the present one has
        self._days: set[int] = set()

    def merged(self, set_aside_at: Instant | None) -> Merged:
        for pbx, until in self._found.heard_until().items():
            self._hear(pbx, until)
        for portion in self._found.calls():
            self._calls(portion)
            if not self._dry_run:
                self._store.flush(FLUSH_SECONDS)
        self._gaps([*self._known_gaps(), *self._unread(), *self._between(set_aside_at)])
        if not self._dry_run:
            self._others()
            self._store.flush(FLUSH_SECONDS)
        self._done.unread = dict(self._found.unread)
        return self._done

    def _calls(self, portion: list[CallRecord]) -> None:
        if not portion:
            return
        arrivals = [record.arrived_at for record in portion]
        present: dict[CallId, list[CallRecord]] = {}
        for record in self._store.between(min(arrivals) - SAME_CALL, max(arrivals) + SAME_CALL):
            present.setdefault(record.call, []).append(record)
        for record in portion:
            if record.was_heard or record.pbx not in self._heard:
                self._hear(record.pbx, record.last_moment)
            self._call(record, next((each for each in present.get(record.call, ())
                                     if abs(each.arrived_at - record.arrived_at) < SAME_CALL), None))

    def _hear(self, pbx: str, until: Instant) -> None:
        if pbx not in self._heard:                             # before anything of it is merged
            self._began[pbx] = self._store.first_moment(pbx)
        self._heard[pbx] = max(self._heard.get(pbx, until), until)

    def _call(self, record: CallRecord, before: CallRecord | None) -> None:
        if self._followed(record.call):
            self._done.left_alone += 1
            return
        if before is not None and not better(record, before):
            self._done.known += 1
            return
        if before is None:
            self._done.added += 1
        else:
            self._done.corrected += 1
        day = record.arrived_at // (24 * 3600 * SECOND)
        if day not in self._days or self._at - record.arrived_at < RECENT:
            self._days.add(day)
            self._done.records.append(record)
        if not self._dry_run:
            heard, accounts = self._found.told(record)
            self._store.mend(Mended(record, before, heard, accounts), self._at)

    def _gaps(self, gaps: list[GapMarked]) -> None:
        known = {(gap.pbx, gap.since) for gap in self._store.gaps(min((gap.since for gap in gaps), default=0),
                                                                  self._at)}
        for gap in gaps:
            if (gap.pbx, gap.since) not in known:
                known.add((gap.pbx, gap.since))
                self._done.gaps.append(gap)
                if not self._dry_run:
                    self._store.mark_gap(gap)

    def _known_gaps(self) -> list[GapMarked]:
        """Its gaps; one that was going on ended, at the latest, where it has nothing more to tell."""
        return [gap if gap.until is not None else
                replace(gap, until=max(gap.since, self._heard.get(gap.pbx, gap.since))) for gap in self._found.gaps()]

    def _unread(self) -> list[GapMarked]:
        """Where calls could not be read, the PBX's logs may tell of them."""
        return [GapMarked(pbx, min(since, until), max(since, until), UNREADABLE)
                for first, last in self._found.holes for pbx, heard in self._heard.items()
                for since, until in [(first if first is not None else last or heard, last if last is not None
                                      else max(heard, first or heard))]]

    def _between(self, set_aside_at: Instant | None) -> list[GapMarked]:
        """From where the other database ends to where the present one begins nobody may have listened."""
        gaps = []
        for pbx, until in self._heard.items():
            begins = min((each for each in (self._began[pbx], set_aside_at) if each is not None), default=self._at)
            if begins - until > CONTINUED:
                gaps.append(GapMarked(pbx, until, begins, BETWEEN))
        return gaps

    def _others(self) -> None:
        for told in self._found.moments_told():
            self._store.mark_told(told, told.told_at or self._at)
        for fact in self._found.unaccounted():
            if any(each.outcome is Outcome.LOST for each in self._store.named(fact.call)):
                self._store.mark_unaccounted(fact)
        for who, what, at in self._found.audit():
            self._store.audit(who, what, at)
