"""The things that are kept: how each is written, and as a line of text while it cannot be. Knows rows, no thread."""

import json
from collections.abc import Hashable, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import assert_never

from sqlite_utils import Database

from slmon.core.account import Account
from slmon.core.coverage import GapTold
from slmon.core.facts import SAME_CALL, CallId, CallRecord, CallUnaccounted, GapMarked, Quality
from slmon.core.instant import Instant
from slmon.store.mending import Mended, account_from, account_json, write_account, write_gap_told, write_mended
from slmon.store.rows import COLUMNS, call_row, record_from, record_json, step_rows, text, transfer_rows

PURGED_AT_ONCE = 500               # so that what is heard meanwhile does not wait for all that is old
NOT_SAVED = "could not be saved"

_FIND = ("SELECT id FROM calls WHERE call = ? AND arrived_at BETWEEN ? AND ? "
         "ORDER BY abs(arrived_at - ?) LIMIT 1")
_INSERT = f"INSERT INTO calls ({', '.join(COLUMNS)}) VALUES ({', '.join('?' * len(COLUMNS))})"
_UPDATE = f"UPDATE calls SET {', '.join(f'{column} = ?' for column in COLUMNS)} WHERE id = ?"
_MARK_GAP = ("INSERT INTO gaps (pbx, since, until, reason, hides_at_most) VALUES (?, ?, ?, ?, ?) "
             "ON CONFLICT (pbx, since) DO UPDATE SET until = excluded.until, reason = excluded.reason, "
             "hides_at_most = excluded.hides_at_most")
_OLD = (("calls", "id", "arrived_at < ? AND ended_at IS NOT NULL"), ("gaps", "pbx, since", "until < ?"),
        ("told", "pbx, source, since", "until < ?"), ("unaccounted", "call, at, reason", "at < ?"),
        ("accounts", "call, source, arrived_at", "arrived_at < ?"), ("corrections", "id", "arrived_at < ?"),
        ("audit", "at, who, what", "at < ?"))         # table, its key, and which of its rows are old
_NOTE = "INSERT INTO notes (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"


@dataclass(frozen=True, slots=True)
class Note:
    """A word under a name."""

    name: str
    value: str


@dataclass(frozen=True, slots=True)
class Deed:
    """Somebody did something with the house's figures."""

    at: Instant
    who: str
    what: str


@dataclass(frozen=True, slots=True)
class Purge:
    """What is older shall go."""

    before: Instant


@dataclass(frozen=True, slots=True)
class Mend:
    """A call as other sources make it, and when they were asked."""

    mended: Mended
    at: Instant


Kept = CallRecord | GapMarked | GapTold | CallUnaccounted | Note | Deed | Purge | Mend | Account


def key_of(item: Kept) -> Hashable:
    """A later item of the same key takes the place of an earlier one."""
    match item:
        case CallRecord():
            return CallRecord, item.call, item.arrived_at
        case GapMarked():
            return GapMarked, item.pbx, item.since
        case Note():
            return Note, item.name
        case Mend():
            return Mend, item.mended.record.call, item.mended.record.arrived_at
        case Account():
            return Account, item.source, item.record.call, item.record.arrived_at
        case CallUnaccounted() | Deed() | Purge() | GapTold():
            return item
        case _:
            assert_never(item)


def write(db: Database, item: Kept) -> Kept | None:
    """Put one item into the open transaction. Done twice, it is there once. Gives what is left to be done of it later.
    """
    match item:
        case CallRecord():
            _write_call(db, item)
        case GapMarked():
            db.execute(_MARK_GAP, (text(item.pbx), item.since, item.until, text(item.reason), item.hides_at_most))
        case GapTold(told_at=at):
            write_gap_told(db, item, at or item.until)
        case CallUnaccounted():
            db.execute("INSERT OR IGNORE INTO unaccounted (call, at, reason) VALUES (?, ?, ?)",
                       (text(item.call), item.at, text(item.reason)))
        case Note():
            db.execute(_NOTE, (text(item.name), text(item.value)))
        case Deed():
            db.execute("INSERT OR IGNORE INTO audit (at, who, what) VALUES (?, ?, ?)",
                       (item.at, text(item.who), text(item.what)))
        case Purge():
            return _purge(db, item)
        case Account():
            write_account(db, item)
        case Mend():
            (_delete_call if item.mended.gone else _write_call)(db, item.mended.record)
            write_mended(db, item.mended, item.at)
        case _:
            assert_never(item)
    return None


def to_line(item: Kept) -> str:
    """The item as one line of JSON; `from_line` is its reverse."""
    return json.dumps(_told(item))


def from_line(line: str) -> Kept:
    """The item of such a line. Raises ValueError when it is none."""
    try:
        return _item(json.loads(line))
    except (TypeError, KeyError, IndexError, AttributeError) as error:
        raise ValueError(f"not a line of ours: {error}") from None


def condensed(items: Iterable[Kept]) -> tuple[dict[Hashable, Kept], int]:
    """What has to stay of items for which there is no room, and how many are let go.

    Calls go; where they were, a gap says so for each PBX, so that they are looked for in its logs.
    """
    stay: dict[Hashable, Kept] = {}
    holes: dict[str, GapMarked] = {}
    gone = 0
    for item in items:
        match item:
            case GapMarked(reason=reason) if reason == NOT_SAVED:
                _widen(holes, item)
            case GapMarked() | GapTold() | Note() | Purge():
                stay[key_of(item)] = item
            case Deed():
                gone += 1
            case _:
                gone += 1
                _widen(holes, _hole(item))
    return {**{key_of(hole): hole for hole in holes.values()}, **stay}, gone


def _hole(item: CallRecord | CallUnaccounted | Mend | Account) -> GapMarked:
    match item:
        case CallUnaccounted():
            return GapMarked(item.call.partition("/")[0], item.at, item.at, NOT_SAVED)
        case CallRecord():
            record = item
        case Mend():
            record = item.mended.record
        case Account():
            record = item.record
    return GapMarked(record.pbx, record.arrived_at, record.last_moment, NOT_SAVED)


def _widen(holes: dict[str, GapMarked], hole: GapMarked) -> None:
    before = holes.get(hole.pbx, hole)
    since = min(before.since, hole.since)
    until = max(each.until or each.since for each in (before, hole))
    holes[hole.pbx] = GapMarked(hole.pbx, since, until, NOT_SAVED)


def _told(item: Kept) -> list[object]:
    match item:
        case CallRecord():
            return ["call", record_json(item)]
        case GapMarked():
            return ["gap", item.pbx, item.since, item.until, item.reason, item.hides_at_most]
        case GapTold():
            return ["told", item.pbx, item.since, item.until, item.source, item.told_at]
        case CallUnaccounted():
            return ["unaccounted", item.call, item.at, item.reason]
        case Note():
            return ["note", item.name, item.value]
        case Deed():
            return ["deed", item.at, item.who, item.what]
        case Purge():
            return ["purge", item.before]
        case Account():
            return ["account", account_json(item)]
        case Mend():
            mended = item.mended
            return ["mend", item.at, record_json(mended.record), _optional_json(mended.stored),
                    _optional_json(mended.heard), [account_json(each) for each in mended.accounts], mended.gone]
        case _:
            assert_never(item)


def _item(told: list[object]) -> Kept:
    match told:
        case ["call", str(record)]:
            return record_from(record)
        case ["gap", str(pbx), int(since), int() | None as until, str(reason), int() | None as hides]:
            return GapMarked(pbx, since, until, reason, hides)
        case ["told", str(pbx), int(since), int(until), str(source), int() | None as at]:
            return GapTold(pbx, since, until, Quality(source), at)
        case ["unaccounted", str(call), int(at), str(reason)]:
            return CallUnaccounted(CallId(call), at, reason)
        case ["note", str(name), str(value)]:
            return Note(name, value)
        case ["deed", int(at), str(who), str(what)]:
            return Deed(at, who, what)
        case ["purge", int(before)]:
            return Purge(before)
        case ["account", str(account)]:
            return account_from(account)
        case ["mend", int(at), str(record), str() | None as stored, str() | None as heard, list(accounts), *gone]:
            return Mend(Mended(record_from(record), _optional_record(stored), _optional_record(heard),
                               tuple(account_from(each) for each in accounts), gone == [True]), at)
        case _:
            raise ValueError("not a line of ours")


def _optional_json(record: CallRecord | None) -> str | None:
    return None if record is None else record_json(record)


def _optional_record(told: str | None) -> CallRecord | None:
    return None if told is None else record_from(told)


def _delete_call(db: Database, record: CallRecord) -> None:
    db.execute("DELETE FROM calls WHERE id = ?", (_row_of(db, record),))


def _row_of(db: Database, record: CallRecord) -> int | None:
    at = record.arrived_at
    found = db.execute(_FIND, (text(record.call), at - SAME_CALL, at + SAME_CALL, at)).fetchone()
    return None if found is None else int(found[0])


def _write_call(db: Database, record: CallRecord) -> None:
    row = call_row(record)
    call_id = _row_of(db, record)
    if call_id is None:
        call_id = db.execute(_INSERT, row).lastrowid
        assert call_id is not None
    else:
        db.execute(_UPDATE, (*row, call_id))
        db.execute("DELETE FROM steps WHERE call_id = ?", (call_id,))
        db.execute("DELETE FROM transfers WHERE call_id = ?", (call_id,))
    with closing(db.conn.cursor()) as cursor:
        cursor.executemany("INSERT INTO steps VALUES (?, ?, ?, ?, ?)", step_rows(call_id, record.steps))
        cursor.executemany("INSERT INTO transfers VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                           transfer_rows(call_id, record.transfers))


def _purge(db: Database, purge: Purge) -> Purge | None:
    room = PURGED_AT_ONCE
    for table, key, old in _OLD:
        done = db.execute(f"DELETE FROM {table} WHERE ({key}) IN (SELECT {key} FROM {table} WHERE {old} LIMIT ?)",
                          (purge.before, room))
        room -= done.rowcount
        if room <= 0:
            return purge
    return None
