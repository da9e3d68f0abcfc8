"""The backfill of a daemon that runs: after each gap, and when asked. Reads beside the event loop; has no call rule."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from slmon.backfill.cel_form import forms_of
from slmon.backfill.mend import Findings, look, unheard
from slmon.backfill.sources import SourceError, Sources
from slmon.backfill.spool import Answer, Question, Spool
from slmon.backfill.tables import Tables
from slmon.config import Config, Pbx
from slmon.core.facts import CallRecord, GapMarked
from slmon.core.instant import Instant
from slmon.core.switchboard import Switchboard
from slmon.privacy import CallerKey
from slmon.store.calls import CallStore
from slmon.store.merging import merge
from slmon.store.schema import StoreError

LOOK_EVERY_SECONDS = 1.0
SETTLED_SECONDS = 10.0         # so long after a gap the PBX has written of it
AGAIN_SECONDS = 60.0           # while calls that went through the gap are still going on,
LONGEST_PAUSE_SECONDS = 3600.0     # or the logs cannot be read, or do not reach to the gap's end yet: ever more slowly,
GIVE_UP_SECONDS = 24 * 3600.0      # and at last no more; `slmon backfill` can still be asked

IsToldOf = Callable[[list[CallRecord], list[GapMarked], list[CallRecord]], None]
"""Calls that are another now, gaps that were read of, and what is stored no more, for it was no call."""

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Due:
    """A pass to be made."""

    at: float                  # of the loop's clock
    since: Instant             # where the first gap began that it is for
    until: Instant             # and where the last one ended
    first_at: float            # when the first pass was due
    pause: float               # until the next one


class Mender:
    """Mends the store of one daemon."""

    def __init__(self, config: Config, store: CallStore, key: CallerKey | None, boards: dict[str, Switchboard],
                 now: Callable[[], Instant], mended: IsToldOf) -> None:
        """`boards`: the live switchboard of each PBX."""
        self._config = config
        self._store = store
        self._key = key
        self._boards = boards
        self._now = now
        self._mended = mended
        self._spool = Spool(config.store.path)
        self._due: dict[str, _Due] = {}
        self._pbxes = {pbx.name: pbx for pbx in config.pbx}

    def gap_ended(self, pbx: str, since: Instant, until: Instant) -> None:
        """That PBX is heard again; its logs tell what happened meanwhile."""
        if not sources_of(self._pbxes[pbx]):
            return
        at = asyncio.get_running_loop().time() + SETTLED_SECONDS
        before = self._due.get(pbx)
        self._due[pbx] = _Due(at, since if before is None else min(since, before.since), until, at,
                              AGAIN_SECONDS)

    async def run(self) -> None:
        """Until cancelled."""
        try:
            self._spool.prepare()
        except OSError as error:
            log.error("slmon backfill cannot ask this slmon", reason=error.strerror or str(error))
            return
        while True:
            await asyncio.sleep(LOOK_EVERY_SECONDS)
            try:
                for name, question in self._spool.questions():
                    self._spool.reply(name, await self._answer(question))
            except OSError as error:
                log.error("a question of slmon backfill or merge cannot be answered",
                          reason=error.strerror or str(error))
            for pbx, due in tuple(self._due.items()):
                if asyncio.get_running_loop().time() >= due.at:
                    await self._after_gap(pbx, due)

    async def _answer(self, question: Question | None) -> Answer:
        pbx = None if question is None else self._pbxes.get(question.pbx)
        try:
            if question is not None and question.database is not None:
                return await self._merged(question.database, question.dry_run)
            if question is None or pbx is None:
                return Answer(error="the slmon that runs knows no such [[pbx]]; restart it")
            sources = replace(question.sources, cel_forms=forms_of(pbx.cel_format))
            found = await self._pass(pbx, sources, None, question.dry_run)
        except (SourceError, StoreError) as error:
            return Answer(error=str(error))
        except Exception:                                # a mistake of ours: it must not end the listening
            log.exception("a question of slmon backfill or merge could not be answered")
            return Answer(error="the slmon that runs met a mistake of its own; its log tells which")
        return Answer(found.corrected, found.added, found.lost, found.unread, found.said, removed=found.removed,
                      left_alone=found.left_alone)

    async def _merged(self, database: Path, dry_run: bool) -> Answer:
        """What another database made of this one; the boards know."""
        followed = frozenset(call for board in self._boards.values() for call in board.calls)
        await asyncio.to_thread(self._store.flush, AGAIN_SECONDS)
        found = await asyncio.to_thread(merge, self._store, database, self._now(), followed.__contains__, dry_run)
        if not dry_run:
            self._mended(found.records, found.gaps, [])
        return Answer(found.corrected, found.added, unread=found.unread, said=found.words())

    async def _after_gap(self, pbx: str, due: _Due) -> None:
        del self._due[pbx]
        try:
            found = await self._pass(self._pbxes[pbx], sources_of(self._pbxes[pbx]).with_rotated(due.since), due.since)
            told = await asyncio.to_thread(self._all_told, pbx, due)
        except (SourceError, StoreError, OSError) as error:
            log.error("what happened in a gap cannot be read", pbx=pbx, reason=str(error))
            told = False
        except Exception:                                # as above
            log.exception("what happened in a gap could not be understood", pbx=pbx)
            told = False
        else:
            for words in found.said:
                log.info("what the PBX's logs are", pbx=pbx, found=words)
            if found.corrected or found.added or found.removed:
                log.info("the PBX's logs told of a gap", pbx=pbx, corrected=found.corrected, added=found.added,
                         removed=found.removed)
        going_on = any(call.arrived_at <= due.until for call in self._boards[pbx].calls.values())
        now = asyncio.get_running_loop().time()
        if going_on or (not told and now - due.first_at < GIVE_UP_SECONDS):
            due.at, due.pause = now + due.pause, due.pause if going_on else min(due.pause * 2, LONGEST_PAUSE_SECONDS)
            self._due.setdefault(pbx, due)

    def _all_told(self, pbx: str, due: _Due) -> bool:
        """Whether a log has told of all the gaps, as far as those that are set up ever can."""
        sources = sources_of(self._pbxes[pbx])
        if not (sources.cel or sources.cdr or sources.tables.cel or sources.tables.cdr):
            return True                                  # queue_log tells of no call by itself
        return all(gap.told_by is not None for gap in self._store.gaps(due.since, due.until) if gap.pbx == pbx)

    async def _pass(self, pbx: Pbx, sources: Sources, since: Instant | None, dry_run: bool = False) -> Findings:
        followed = self._boards[pbx.name].calls
        found = await asyncio.to_thread(self._look, pbx, sources, since, frozenset(followed))
        found.calls = [each for each in found.calls if each.record.call not in followed]
        if not dry_run:
            await asyncio.to_thread(found.keep, self._store, self._now())
            await asyncio.to_thread(self._store.flush, AGAIN_SECONDS)
            self._mended([each.record for each in found.calls if each.stored != each.record],
                         await asyncio.to_thread(self._gaps_told, found),
                         [each.record for each in found.calls if each.gone])
        return found

    def _gaps_told(self, found: Findings) -> list[GapMarked]:
        """The gaps from the first to the last of which these findings tell, each with what is known of it now."""
        told = found.covered
        if not told:
            return []
        pbxes = {each.pbx for each in told}
        gaps = self._store.gaps(min(each.since for each in told), max(each.until for each in told) + 1)
        return [gap for gap in gaps if gap.pbx in pbxes]

    def _look(self, pbx: Pbx, sources: Sources, since: Instant | None, followed: frozenset[str]) -> Findings:
        self._store.flush(AGAIN_SECONDS)                 # what was heard is on disk before it is compared
        hours = self._config.phone_hours()
        board = Switchboard(pbx.name, self._config.doors(pbx), self._config.phone_goals(hours).goal_at, hours.is_open)
        spans = unheard(self._store, pbx.name, None, since)
        if not spans:
            return Findings()
        return look(self._store, board, hours.is_open, self._config.site.zone, sources, spans, self._key,
                    followed.__contains__)


def sources_of(pbx: Pbx) -> Sources:
    """The logs that slmon.toml names for a PBX, maybe none."""
    cel, queue_log, cdr = (() if path is None else (path,) for path in (pbx.cel_file, pbx.queue_log_file, pbx.cdr_file))
    tables = Tables(pbx.database_file, pbx.cel_table, pbx.queue_log_table, pbx.cdr_table)
    return Sources(cel, queue_log, cdr, tables, forms_of(pbx.cel_format))
