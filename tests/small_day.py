"""A small day of calls, saved by a process of its own: run as `small_day.py DATABASE`, it says what is on disk.

`STATES` is what becomes of each call; `saved N` on standard output promises that the first N savings are kept.
"""

import os
import sqlite3
import sys
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from slmon.core.facts import CallId, CallRecord, EndedBy, Outcome, Step, Transfer, TransferKind
from slmon.core.instant import SECOND
from slmon.logs import set_up_logs
from slmon.store import schema
from slmon.store.calls import CallStore

NINE = 1_795_420_800 * SECOND
CALLS = 6


def states(number: int) -> list[CallRecord]:
    """What is saved of one call, one after the other."""
    at = NINE + number * SECOND
    ringing = CallRecord(CallId(f"pbx1/{number}"), "pbx1", at, line="Hovednummer", steps=(Step(at, "menu", "1"),))
    talking = replace(ringing, answered_at=at + 4 * SECOND, desks=("PJSIP/101",), steps=(
        *ringing.steps, *(Step(at + second * SECOND, "ring", f"PJSIP/{100 + second}") for second in range(1, 5))))
    over = replace(talking, ended_at=at + 60 * SECOND, outcome=Outcome.ANSWERED, ended_by=EndedBy.MEMBER,
                   steps=(*talking.steps, Step(at + 60 * SECOND, "end", "x" * 1500)),
                   transfers=(Transfer(TransferKind.BLIND, at + 30 * SECOND, "203", None, None),))
    return [ringing, talking, over]


SAVINGS = [states(number)[index] for index in range(3) for number in range(CALLS)]
"""All that is saved, in order."""

UNDISTURBED = [states(number)[-1] for number in range(CALLS)]
"""What is kept in the end, in order of arrival."""


def main(path: Path) -> None:
    """The day."""
    set_up_logs()
    schema.BUSY_SECONDS = 0.01                    # a short day: who waits for a lock waits shortly
    store = CallStore(path, batch_seconds=0.001, retry_seconds=0.01, spool=path.parent / "elsewhere")
    third = len(SAVINGS) // 3
    save(store, 0, third)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")          # a backup tool has the database
        save(store, third, 2 * third, spooled=True)
        other.execute("ROLLBACK")
    save(store, 2 * third, len(SAVINGS))
    store.close()


def save(store: CallStore, first: int, last: int, spooled: bool = False) -> None:
    """Save these, three at a time, and say so each time they are on disk."""
    for start in range(first, last, 3):
        for saving in SAVINGS[start:start + 3]:
            store.save(saving)
        while not (store.flush(0.02) or (spooled and store.spooled >= start + 3 - first)):
            pass
        say(f"saved {start + 3}\n")


def say(words: str) -> None:
    """Tell it, however often that has to be tried."""
    while True:
        with suppress(OSError):
            os.write(1, words.encode())
            return


if __name__ == "__main__":
    main(Path(sys.argv[1]))
