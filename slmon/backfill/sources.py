"""What the logs of one PBX tell of calls that were not watched from end to end. Knows files; has no rule."""

import gzip
import lzma
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import tzinfo
from functools import partial
from itertools import islice
from pathlib import Path

from slmon.backfill import cdr, cel
from slmon.backfill.cdr import cdr_accounts, cdr_moment
from slmon.backfill.cel import cel_accounts, cel_moment, is_cel
from slmon.backfill.cel_form import KNOWN, Forms
from slmon.backfill.files import SourceError, beginnings, lines_of, once, refuse_moved, rotated
from slmon.backfill.queue_log import is_queue_log, queue_log_accounts, queue_log_moment
from slmon.backfill.tables import TableReader, Tables
from slmon.core.account import BEGINNING, END, LONGEST_CALL, Account, Span
from slmon.core.coverage import Coverage, GapTold, joined, told_of
from slmon.core.facts import CallId, CallRecord, Quality
from slmon.core.instant import SECOND, Instant
from slmon.core.merging import is_found
from slmon.core.reconcile import touched
from slmon.core.switchboard import Switchboard

HEAD = 100                         # lines to know a log by
BEFORE = 26 * 3600 * SECOND        # longer than any call, and a time zone


__all__ = ["SourceError", "Sources", "Told", "gathered"]

NO_TABLES = Tables()
_CURES = {"CEL": "give another, or set cel_format of the [[pbx]] to what cel_custom.conf has behind =>, and no "
                 "dateformat in cel.conf",
          "queue_log": "give another",
          "CDR": "give another, or set loguniqueid = yes in cdr.conf"}


@dataclass(frozen=True, slots=True)
class Sources:
    """The log files of one PBX, in any order, each as often as one likes; for a kind without files, its table."""

    cel: tuple[Path, ...] = ()
    queue_log: tuple[Path, ...] = ()
    cdr: tuple[Path, ...] = ()
    tables: Tables = NO_TABLES
    cel_forms: Forms = field(default_factory=lambda: KNOWN)

    def __bool__(self) -> bool:
        return bool(self.files) or self.tables != NO_TABLES

    @property
    def files(self) -> tuple[Path, ...]:
        """All of them."""
        return *self.cel, *self.queue_log, *self.cdr

    def with_rotated(self, since: Instant) -> "Sources":
        """These, and what they were called before, as far as it was written to since then."""
        def all_of(paths: tuple[Path, ...]) -> tuple[Path, ...]:
            return tuple(each for path in paths for each in rotated(path, since))

        return replace(self, cel=all_of(self.cel), queue_log=all_of(self.queue_log), cdr=all_of(self.cdr))

    @property
    def size(self) -> int:
        """Bytes to be read, as they lie on the disk."""
        return sum(path.stat().st_size for path in self.files if path.is_file())


@dataclass(slots=True)
class Told:
    """What the logs told."""

    accounts: list[Account] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)    # lines that are none of the format, by kind of log
    said: list[str] = field(default_factory=list)            # what was found out about the logs, in words
    cel: Coverage = field(default_factory=Coverage)
    cdr: Coverage = field(default_factory=Coverage)

    def of_gaps(self, pbx: str, spans: Sequence[Span]) -> tuple[GapTold, ...]:
        """Of which moments of the spans a log has told every call."""
        return tuple(each for source, coverage in ((Quality.CEL, self.cel), (Quality.CDR, self.cdr))
                     for covered in coverage.spans for each in told_of(pbx, spans, covered, source))


def gathered(sources: Sources, board: Switchboard, is_open: Callable[[Instant], bool], zone: tzinfo,
             live: Sequence[CallRecord], spans: Sequence[Span],
             progress: Callable[[int], None] = lambda read: None) -> Told:
    """What the logs tell of calls that went, wholly or partly, through the spans. `board`: fresh, of this PBX.

    Raises SourceError.
    """
    told = Told()
    before = beginnings(path for path in sources.files if path.is_file())
    _refuse_foreign(sources)

    def wanted(record: CallRecord) -> bool:
        return touched(record, spans, SECOND)

    def lines(paths: Iterable[Path], moment: Callable[[bytes], Instant | None]) -> Iterator[bytes]:
        return once([_lines(path, progress, since, moment) for path in paths], moment)

    since = min((since for since, _ in spans), default=BEGINNING) - BEFORE

    pbx, doors = board.pbx, board.doors
    known = {record.call: record.arrived_at for record in live}
    doubtful = {record.call for record in live if is_found(record)}      # a list alone has told of them
    tables = sources.tables
    reader = TableReader(tables.database_file or Path(), _windows(spans), pbx, zone, known, progress, told.said)
    if sources.cel:
        moment = partial(cel_moment, forms=sources.cel_forms)
        told.accounts += cel_accounts(lines(sources.cel, moment), board, wanted, _counting(told, "CEL"), told.cel,
                                      doubtful, sources.cel_forms)
    elif tables.cel is not None:
        told.accounts += cel.accounts_of(reader.cel(tables.cel), board, wanted, told.cel, doubtful)
    known.update((each.record.call, each.record.arrived_at) for each in told.accounts)
    if sources.cdr:
        told.accounts += cdr_accounts(lines(sources.cdr, cdr_moment), pbx, doors, is_open, zone, known, wanted,
                                      _counting(told, "CDR"), told.cdr)
    elif tables.cdr is not None:
        told.accounts += cdr.accounts_of(reader.cdr(tables.cdr), pbx, doors, is_open, zone, known, wanted, told.cdr)
    if sources.queue_log or tables.queue_log is not None:
        asked_for = {record.call for record in live if wanted(record)} | {each.record.call for each in told.accounts}
        short = [span for span in spans if span[0] > BEGINNING]

        def in_question(call: CallId, at: Instant) -> bool:
            return call in asked_for or any(since <= at + SECOND and at <= until for since, until in short)

        logged = (lines(sources.queue_log, queue_log_moment) if sources.queue_log
                  else reader.queue_log(str(tables.queue_log)))
        told.accounts += queue_log_accounts(logged, pbx, doors, in_question, _counting(told, "queue_log"))
    refuse_moved(before)
    return told


def _windows(spans: Sequence[Span]) -> tuple[Span, ...]:
    """When what calls did that went through the spans was written; none twice."""
    return joined((max(since - BEFORE, BEGINNING), min(until + LONGEST_CALL, END)) for since, until in spans)


def _counting(told: Told, kind: str) -> Callable[[bytes], None]:
    def count(line: bytes) -> None:
        if line.strip():
            told.unread[kind] += 1

    return count


def _refuse_foreign(sources: Sources) -> None:
    """A file of which nothing can be read is another one than was meant, and no quiet day."""
    for kind, paths, is_one in (("CEL", sources.cel, partial(is_cel, forms=sources.cel_forms)),
                                ("queue_log", sources.queue_log, is_queue_log),
                                ("CDR", sources.cdr, lambda line: cdr_moment(line) is not None)):
        for path in dict.fromkeys(paths):
            lines = _lines(path, lambda read: None, 0, lambda line: None)
            head = list(islice((line for line in lines if line.strip()), HEAD))
            if head and not any(map(is_one, head)):
                raise SourceError(f"{path}: is no {kind} that slmon knows: none of its first {len(head)} lines can be "
                                  f"read as one; {_CURES[kind]}")


def _lines(path: Path, progress: Callable[[int], None], since: Instant,
           moment: Callable[[bytes], Instant | None]) -> Iterator[bytes]:
    try:
        yield from lines_of(path, progress, since if since > 0 else None, moment)
    except (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error) as error:
        raise SourceError(f"{path}: cannot be unpacked: {error}; copy it again") from None
    except OSError as error:
        raise SourceError(f"{path}: {(error.strerror or str(error)).lower()}") from None
