"""Mend the stored calls of one PBX with what its logs tell. Knows the store and the files; which source is believed is
the core's to say."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import tzinfo

from slmon.backfill.sources import Sources, gathered
from slmon.core.account import BEGINNING, END, LONGEST_CALL, Account, Span, unwatched
from slmon.core.coverage import GapTold
from slmon.core.facts import SAME_CALL, CallId, CallRecord, Outcome
from slmon.core.instant import Instant
from slmon.core.reconcile import best_accounts, reconciled, touched
from slmon.core.switchboard import Switchboard
from slmon.privacy import CallerKey, kept_caller
from slmon.store.calls import CallStore
from slmon.store.mending import Mended
from slmon.store.reader import CallReader


@dataclass(slots=True)
class Findings:
    """What the logs make of the stored calls; nothing is changed yet."""

    calls: list[Mended] = field(default_factory=list)    # with those of which more is told, and nothing changes
    unread: dict[str, int] = field(default_factory=dict)
    told: list[Account] = field(default_factory=list)    # of nobody's call, as long as no other source knows it
    lost: int = 0                        # calls of which no source can tell either
    said: tuple[str, ...] = ()           # what was found out about the logs, in words
    left_alone: int = 0                  # calls that are told of, and followed yet
    covered: tuple[GapTold, ...] = ()    # the moments of gaps of which a log has told every call

    def keep(self, store: CallStore, at: Instant) -> None:
        """Change the stored calls so, and keep what was told. Never waits."""
        for mended in self.calls:
            store.mend(mended, at)
        for account in self.told:
            store.keep_account(account)
        for told in self.covered:
            store.mark_told(told, at)

    @property
    def added(self) -> int:
        """How many calls nobody knew of."""
        return sum(each.stored is None for each in self.calls)

    @property
    def corrected(self) -> int:
        """How many stored calls are changed."""
        return sum(each.stored not in (None, each.record) for each in self.calls)

    @property
    def removed(self) -> int:
        """How many stored ones are no calls."""
        return sum(each.gone for each in self.calls)


def unheard(store: CallReader, pbx: str, heard_until: Instant | None, first: Instant | None = None) -> tuple[Span, ...]:
    """When that PBX was not listened to, as the store tells: before all that is kept, in its gaps, and since.

    `heard_until` None: it still is. `first`: leave out what was before that.
    """
    gaps = [(gap.since, gap.until) for gap in store.gaps(BEGINNING, END) if gap.pbx == pbx]
    began_at = store.first_moment(pbx)
    if began_at is None:
        return ((BEGINNING, END),)
    spans = unwatched(gaps, began_at, END if heard_until is None else max(heard_until, began_at))
    return tuple((since, until) for since, until in spans if since < END and (first is None or since >= first))


def look(store: CallReader, board: Switchboard, is_open: Callable[[Instant], bool], zone: tzinfo, sources: Sources,
         spans: tuple[Span, ...], key: CallerKey | None, followed: Callable[[CallId], bool],
         progress: Callable[[int], None] = lambda read: None) -> Findings:
    """What is to be changed. `board`: fresh, of this PBX; `followed` calls are being heard yet, and left alone.

    Raises SourceError, StoreError.
    """
    stored = _stored(store, board.pbx, spans)
    heard, told = _told_before(store, board.pbx, spans)
    known = {each.record.call for each in told}          # mended before: as it was heard, or nobody had heard it
    live = [_like(record, heard) or record for record in stored if record.call not in known or _like(record, heard)]
    found = gathered(sources, board, is_open, zone, live, spans, progress)
    known_accounts = set(told)
    told += [replace(each, record=replace(each.record, caller=kept_caller(each.record.caller, key)))
             for each in found.accounts]
    settled = [record for record in live if not followed(record.call)]
    left_alone = {each.record.call for each in told if followed(each.record.call)}
    told = [each for each in told if not followed(each.record.call)]
    calls = reconciled(settled, told, spans)
    findings = Findings(unread=dict(found.unread), said=tuple(found.said), left_alone=len(left_alone),
                        covered=found.of_gaps(board.pbx, spans))
    rows, bases = _by_call(stored), _by_call(settled)
    accounts: dict[CallId, list[Account]] = defaultdict(list)
    for each in told:
        accounts[each.record.call].append(each)
    for record in calls:
        before = _like(record, rows)
        base = _like(record, bases)
        if base is not None and not touched(base, spans):
            continue
        findings.lost += record.outcome is Outcome.LOST
        best = tuple(best_accounts(record, accounts[record.call]))
        if before != record or not known_accounts.issuperset(best):
            findings.calls.append(Mended(record, before, base, best))
    findings.calls += _gone(settled, calls, rows, accounts)
    calls_of_some = {record.call for record in calls}
    since = min((since for since, _ in spans if since > BEGINNING), default=END)
    findings.told = [each for each in told if each not in known_accounts and each.record.call not in calls_of_some
                     and each.record.arrived_at >= since - LONGEST_CALL]
    return findings


def _gone(settled: Iterable[CallRecord], calls: Iterable[CallRecord], rows: dict[CallId, list[CallRecord]],
          accounts: dict[CallId, list[Account]]) -> Iterator[Mended]:
    """What is stored and was no call."""
    left = _by_call(calls)
    for heard in settled:
        stored = _like(heard, rows)
        if stored is not None and _like(heard, left) is None:
            yield Mended(stored, stored, heard, tuple(best_accounts(heard, accounts[heard.call])), gone=True)


def _by_call(records: Iterable[CallRecord]) -> dict[CallId, list[CallRecord]]:
    found: dict[CallId, list[CallRecord]] = defaultdict(list)
    for record in records:
        found[record.call].append(record)
    return found


def _like(record: CallRecord, of: dict[CallId, list[CallRecord]]) -> CallRecord | None:
    return next((each for each in of.get(record.call, ()) if _same(each, record)), None)


def _stored(store: CallReader, pbx: str, spans: Iterable[Span]) -> list[CallRecord]:
    """Every stored call that may have gone through one of the spans, and its neighbours."""
    return [record for begin, end in _windows(spans) for record in store.between(begin, end) if record.pbx == pbx]


def _windows(spans: Iterable[Span]) -> list[Span]:
    """When calls rang in that may have gone through the spans; none twice."""
    windows: list[Span] = []
    for since, until in spans:
        begin, end = max(since - LONGEST_CALL, BEGINNING), min(until + SAME_CALL, END)
        if windows and begin <= windows[-1][1]:
            windows[-1] = windows[-1][0], max(end, windows[-1][1])
        else:
            windows.append((begin, end))
    return windows


def _told_before(store: CallReader, pbx: str, spans: Iterable[Span]
                 ) -> tuple[dict[CallId, list[CallRecord]], list[Account]]:
    """What was told of these spans' calls before, and how they had been heard."""
    heard: list[CallRecord] = []
    told: list[Account] = []
    calls: set[CallId] = set()
    for begin, end in _windows(spans):
        calls |= {call for call in store.mended(begin, end) if call.startswith(f"{pbx}/")}
    for call in sorted(calls):
        before, accounts = store.accounts(call)
        heard += before
        told += accounts
    return _by_call(heard), told


def _same(one: CallRecord, two: CallRecord) -> bool:
    return one.call == two.call and abs(one.arrived_at - two.arrived_at) < SAME_CALL
