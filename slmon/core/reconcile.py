"""One call from what several sources tell of it. Pure; the order and the number of tellings make no difference.

What was heard live in seconds that were watched is never changed. Where the stream of events had a gap, the better
source wins field by field, and where a moment is known only roughly, intervals meet.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from slmon.core.account import BEGINNING, END, Account, Span, within
from slmon.core.facts import SAME_CALL, UNHEARD, WHOLE_SECONDS, CallId, CallRecord, Outcome, Quality, Step
from slmon.core.merging import BEST, LISTED, Merging, is_found


def reconciled(live: Iterable[CallRecord], accounts: Iterable[Account], spans: Sequence[Span]) -> list[CallRecord]:
    """Every call once, in order of arrival: those heard live, mended, and those that only the accounts know."""
    told: dict[CallId, list[Account]] = defaultdict(list)
    for account in accounts:
        told[account.record.call].append(account)
    calls: list[CallRecord] = []
    known: dict[CallId, list[CallRecord]] = defaultdict(list)
    for record in live:
        of_it = [each for each in told.get(record.call, ()) if _same_call(record, each)]
        found = mended(record, of_it, spans)
        known[record.call].append(record if found is None else found)
        if found is not None:
            calls.append(found)
    for call, of_it in told.items():
        unknown = [each for each in of_it if not any(_same_call(record, each) for record in known[call])]
        for group in _by_time(unknown):
            added = added_call(group, spans)
            if added is not None:
                calls.append(added)
    return sorted(calls, key=lambda record: (record.arrived_at, record.call))


def mended(live: CallRecord, accounts: Iterable[Account], spans: Sequence[Span]) -> CallRecord | None:
    """A call that was heard live, with what the accounts know of the gaps it went through.

    None: it was no call. Only a list had told of it, which shows a member's channel and one that the switch has rung
    through the trunk alike.
    """
    if not touched(live, spans):
        return live
    told = _sources(each for each in accounts if not each.no_call or is_found(live))
    if not told:
        return live
    if _is_no_call(told):
        return None
    found = Merging(live, told, spans).call()
    same = replace(found, quality=live.quality)
    return live if same == live else replace(found, quality=Quality.MIXED)


def added_call(accounts: Iterable[Account], spans: Sequence[Span]) -> CallRecord | None:
    """A call that nobody heard live, if it rang in while nobody listened; None if it did not, or no source tells."""
    told = _sources(accounts)
    first = next((told[source] for source in BEST if source in told and told[source].whole), None)
    if first is None or _is_no_call(told):
        return None
    if not within((first.record.arrived_at, first.record.arrived_at + first.slack), spans):
        return None
    base = replace(first.record, quality=first.source)
    others = {source: each for source, each in told.items() if each is not first}
    record = _closed(_rough(base, first.slack))
    if first.source is not Quality.CEL:                  # nothing else tells of every hand-over
        record = replace(record, steps=(Step(record.arrived_at, UNHEARD), *record.steps))
    if not others:
        return record
    found = Merging(record, others, ((BEGINNING, END),), first).call()
    same = replace(found, quality=record.quality)
    return record if same == record else replace(found, quality=Quality.MIXED)


def best_accounts(record: CallRecord, accounts: Iterable[Account]) -> list[Account]:
    """Of all that was ever told of this call, what counts: one account a source, in the order of their worth."""
    told = _sources(each for each in accounts if each.record.call == record.call and _same_call(record, each))
    return [told[source] for source in BEST if source in told]


def touched(record: CallRecord, spans: Sequence[Span], slack: int = 0) -> bool:
    """Whether a part of the call went unheard. Its moments may be up to `slack` later than told."""
    ended_at = END if record.ended_at is None else record.ended_at + slack
    return any(since <= ended_at and record.arrived_at - LISTED <= until for since, until in spans)


def _is_no_call(told: dict[Quality, Account]) -> bool:
    return any(each.no_call for each in told.values())


def _same_call(record: CallRecord, account: Account) -> bool:
    return abs(account.record.arrived_at - record.arrived_at) < SAME_CALL


def _by_time(accounts: list[Account]) -> list[list[Account]]:
    """Accounts of one id as groups of one call each."""
    groups: list[list[Account]] = []
    for each in sorted(accounts, key=_order):
        if groups and each.record.arrived_at - groups[-1][0].record.arrived_at < SAME_CALL:
            groups[-1].append(each)
        else:
            groups.append([each])
    return groups


def _order(account: Account) -> tuple[int, str, bool, int, str, str]:
    record = account.record                              # whose repr leaves its journey out
    return record.arrived_at, account.source, account.whole, account.slack, repr(record), repr(record.steps)


def _sources(accounts: Iterable[Account]) -> dict[Quality, Account]:
    """One account a source: the one that knows the end, was told most exactly, and from the ring-in."""
    best: dict[Quality, Account] = {}
    for each in sorted(accounts, key=_order):
        before = best.get(each.source)
        if before is None or _worth(each) > _worth(before):
            best[each.source] = each
    return best


def _worth(account: Account) -> tuple[bool, bool, bool, int, int, int]:
    record = account.record
    return (not account.no_call, account.whole, record.outcome not in (None, Outcome.LOST), -account.slack,
            record.ended_at or 0, len(record.steps))


def _closed(record: CallRecord) -> CallRecord:
    """A call that is over has an outcome, if only that nobody can tell."""
    if record.answered_at is not None or record.answered_between is not None:
        return replace(record, outcome=Outcome.ANSWERED)
    return replace(record, outcome=Outcome.LOST) if record.ended_at is not None and record.outcome is None else record


def _rough(record: CallRecord, slack: int) -> CallRecord:
    """A record of whole seconds on its own: both ring-in and pick-up may be later than told."""
    if not slack:
        return record
    told = [field for field in ("arrived_at", "asked_at", "ended_at", "transfers") if getattr(record, field)]
    record = replace(record, steps=(Step(record.arrived_at, WHOLE_SECONDS, " ".join(told)), *record.steps))
    if record.answered_at is None:
        return record
    low, high = record.answered_at - slack, record.answered_at + slack
    return replace(record, answered_at=None, answered_between=(max(low, record.arrived_at), high))
