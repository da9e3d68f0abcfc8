"""What becomes of a call that other sources correct: its row, what each source told, and the audit. Judges nothing."""

import json
from dataclasses import dataclass, fields

from sqlite_utils import Database

from slmon.core.account import Account
from slmon.core.coverage import GapTold, joined
from slmon.core.facts import CallId, CallRecord, Outcome, Quality
from slmon.core.instant import Instant
from slmon.store.rows import record_from, record_json, text

_UNTOLD = {"steps", "caller", "quality"}        # the journey follows from the rest; a caller is nobody's business

_CORRECT = """
    INSERT INTO corrections (corrected_at, call, arrived_at, field, before, after, source)
    SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS (
        SELECT 1 FROM corrections WHERE call = ?2 AND corrected_at = ?1 AND field = ?4 AND arrived_at = ?3)"""


@dataclass(frozen=True, slots=True)
class Correction:
    """One field of one call, as it was and as it is now, in JSON. `field` call: its outcome; None before: it was not
    known, None after: it was no call."""

    call: CallId
    arrived_at: Instant
    field: str
    before: str | None
    after: str | None
    source: str


@dataclass(frozen=True, slots=True)
class Mended:
    """A call as the sources make it. `stored`: its row before, if any; `heard`: as it was heard live, if it was.

    `gone`: it was no call, and has no row any more.
    """

    record: CallRecord
    stored: CallRecord | None
    heard: CallRecord | None
    accounts: tuple[Account, ...]
    gone: bool = False

    def corrections(self) -> list[Correction]:
        """What is different now."""
        now, before = self.record, self.stored
        if before is None:
            return [Correction(now.call, now.arrived_at, "call", None, json.dumps(now.outcome), now.quality)]
        source = "+".join(each.source for each in self.accounts) or now.quality
        if self.gone:
            return [Correction(before.call, before.arrived_at, "call", json.dumps(before.outcome), None, source)]
        return [Correction(now.call, now.arrived_at, name, _json(before, name), _json(now, name), source)
                for name in (each.name for each in fields(CallRecord)) if name not in _UNTOLD
                and getattr(before, name) != getattr(now, name)]


def write_mended(db: Database, mended: Mended, at: Instant) -> None:
    """Keep what was told and what was changed; the row itself is written as any other."""
    record = mended.record
    if mended.heard is not None:
        _write_told(db, mended.heard, Quality.LIVE, record_json(mended.heard))
    for account in mended.accounts:
        write_account(db, account)
    for each in mended.corrections():
        db.execute(_CORRECT, (at, text(each.call), each.arrived_at, each.field, each.before, each.after, each.source))
    if record.outcome is not Outcome.LOST or mended.gone:
        db.execute("DELETE FROM unaccounted WHERE call = ?", (text(record.call),))


def write_account(db: Database, account: Account) -> None:
    """Keep what one source told of one call."""
    _write_told(db, account.record, account.source, account_json(account))


def write_gap_told(db: Database, told: GapTold, at: Instant) -> None:
    """Keep for which moments a source has told, together with those that were known before."""
    which = (text(told.pbx), told.source.value, told.since - 1, told.until + 1)
    before = db.execute("SELECT since, until FROM told WHERE pbx = ? AND source = ? AND until >= ? AND since <= ?",
                        which).fetchall()
    if any(since <= told.since and told.until <= until for since, until in before):
        return
    ((since, until),) = joined([(told.since, told.until), *((since, until) for since, until in before)])
    db.execute("DELETE FROM told WHERE pbx = ? AND source = ? AND until >= ? AND since <= ?", which)
    db.execute("INSERT INTO told (pbx, source, since, until, told_at) VALUES (?, ?, ?, ?, ?)",
               (*which[:2], since, until, at))


def _write_told(db: Database, record: CallRecord, source: Quality, words: str) -> None:
    db.execute("INSERT OR REPLACE INTO accounts (call, arrived_at, source, told) VALUES (?, ?, ?, ?)",
               (text(record.call), record.arrived_at, source.value, words))


def account_json(account: Account) -> str:
    """An account as one JSON text; `account_from` is its reverse."""
    return json.dumps({"source": account.source, "slack": account.slack, "whole": account.whole,
                       "no_call": account.no_call, "record": record_json(account.record)}, ensure_ascii=False)


def account_from(told: str) -> Account:
    """The account of such a text."""
    words = json.loads(told)
    return Account(Quality(words["source"]), record_from(words["record"]), words["slack"], words["whole"],
                   words.get("no_call", False))


def _json(record: CallRecord, field: str) -> str:
    value = getattr(record, field)
    if field == "transfers":
        value = [[each.kind, each.at, each.to, each.answered_at, each.ended_at, each.counts] for each in value]
    return json.dumps(value, ensure_ascii=False)
