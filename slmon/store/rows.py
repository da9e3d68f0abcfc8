"""Calls as rows and back again. Knows columns; knows no rule and no thread."""

import json
import sqlite3
from collections.abc import Iterable
from typing import Any

from slmon.core.facts import CallId, CallRecord, EndedBy, Outcome, Quality, Step, Transfer, TransferKind

COLUMNS = ("call", "pbx", "arrived_at", "line", "dialled", "caller", "queues", "asked_at", "answered_at",
           "answer_unsure", "answered_from", "answered_until", "talking_at", "ended_at", "outcome", "ended_by",
           "in_hours", "excluded", "desks", "quality", "boot")
"""Of table calls, without its id."""

Value = str | int | None


def call_row(record: CallRecord) -> tuple[Value, ...]:
    """The values of COLUMNS."""
    earliest, latest = record.answered_between or (None, None)
    return (text(record.call), text(record.pbx), record.arrived_at, optional(record.line), text(record.dialled),
            optional(record.caller), _list(record.queues), record.asked_at, record.answered_at,
            int(record.answered_between is not None), earliest, latest, record.talking_at, record.ended_at,
            record.outcome, record.ended_by, int(record.in_hours), optional(record.excluded), _list(record.desks),
            record.quality, optional(record.boot))


def step_rows(call_id: int, steps: Iterable[Step]) -> list[tuple[Value, ...]]:
    """call_id, number, at, step, detail."""
    return [(call_id, number, each.at, text(each.step), text(each.detail)) for number, each in enumerate(steps)]


def transfer_rows(call_id: int, transfers: Iterable[Transfer]) -> list[tuple[Value, ...]]:
    """call_id, number, kind, at, target, answered_at, ended_at, counts."""
    return [(call_id, number, each.kind, each.at, optional(each.to), each.answered_at, each.ended_at, int(each.counts))
            for number, each in enumerate(transfers)]


def record_of(row: sqlite3.Row | dict[str, Any], transfers: tuple[Transfer, ...], steps: tuple[Step, ...]
              ) -> CallRecord:
    """The call of a row of table calls."""
    return CallRecord(
        call=CallId(row["call"]), pbx=row["pbx"], arrived_at=row["arrived_at"], line=row["line"],
        dialled=row["dialled"], caller=row["caller"], queues=tuple(json.loads(row["queues"])),
        asked_at=row["asked_at"], answered_at=row["answered_at"],
        answered_between=(row["answered_from"], row["answered_until"]) if row["answer_unsure"] else None,
        talking_at=row["talking_at"], ended_at=row["ended_at"],
        outcome=None if row["outcome"] is None else Outcome(row["outcome"]),
        ended_by=None if row["ended_by"] is None else EndedBy(row["ended_by"]),
        in_hours=bool(row["in_hours"]), excluded=row["excluded"], transfers=transfers,
        desks=tuple(json.loads(row["desks"])), quality=Quality(row["quality"]), boot=row["boot"], steps=steps)


def transfer_of(row: sqlite3.Row) -> Transfer:
    """The hand-over of a row of table transfers."""
    return Transfer(TransferKind(row["kind"]), row["at"], row["target"], row["answered_at"], row["ended_at"],
                    bool(row["counts"]))


def step_of(row: sqlite3.Row) -> Step:
    """The stop of a row of table steps."""
    return Step(row["at"], row["step"], row["detail"])


def record_json(record: CallRecord) -> str:
    """A whole record as one JSON text; `record_from` is its reverse."""
    return json.dumps({**dict(zip(COLUMNS, call_row(record), strict=True)),
                       "transfers": [row[1:] for row in transfer_rows(0, record.transfers)],
                       "steps": [row[1:] for row in step_rows(0, record.steps)]}, ensure_ascii=False)


def record_from(told: str) -> CallRecord:
    """The record of such a text."""
    row = json.loads(told)
    transfers = tuple(Transfer(TransferKind(kind), at, to, answered_at, ended_at, bool(counts))
                      for _, kind, at, to, answered_at, ended_at, counts in row["transfers"])
    return record_of(row, transfers, tuple(Step(at, step, detail) for _, at, step, detail in row["steps"]))


def text(value: str) -> str:
    """Text that SQLite can hold: halves of characters, from names that were no UTF-8, become ?."""
    return value.encode("utf-8", "replace").decode()


def optional(value: str | None) -> str | None:
    """As `text`; None stays None."""
    return None if value is None else text(value)


def _list(values: Iterable[str]) -> str:
    return json.dumps([text(value) for value in values], ensure_ascii=False)
