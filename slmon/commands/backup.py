"""`slmon backup`: a copy of the database, sound and of one moment, while slmon runs."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from rich.console import Console

from slmon.store.calls import CallReader
from slmon.store.schema import StoreError, broken

BUSY_SECONDS = 10.0

console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


def run_backup(source: Path, out: Path) -> None:
    """Copy the store to a new file, for its owner alone; the writer goes on meanwhile.

    Raises FileExistsError where there is something already, OSError, and StoreError when the copy is not sound.
    """
    if not source.exists():
        raise StoreError(f"{source}: there is no such file; slmon run makes it, or change [store] path")
    CallReader(source).check()
    beside = out.with_name(f"{out.name}.part")
    os.close(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))      # the name is ours from here on
    try:
        _copied(source, beside)
        beside.replace(out)
        _synced(out.absolute().parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        out.unlink(missing_ok=True)
        raise
    calls = CallReader(out).count()
    console.print(f"{out}: {calls:,} calls, {out.stat().st_size:,} bytes, checked")


def _copied(source: Path, target: Path) -> None:
    """All of it in one step: readers and the writer of the source do not wait for it, and it is of one moment."""
    os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)) as old, \
                closing(sqlite3.connect(target)) as new:
            old.backup(new)
            new.execute("PRAGMA journal_mode = DELETE")      # one file, with nothing beside it
            (found,) = new.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        why = "is damaged; the copy is of no use" if broken(error) else f"cannot be copied ({error})"
        raise StoreError(f"{source}: {why}") from None
    if found != "ok":
        raise StoreError(f"{source}: is damaged ({found}); the copy is of no use")
    _synced(target)


def _synced(path: Path) -> None:
    """On the disk, whatever happens next; a folder cannot be synced everywhere."""
    try:
        number = os.open(path, os.O_RDONLY)
    except PermissionError:
        return
    try:
        os.fsync(number)
    finally:
        os.close(number)
