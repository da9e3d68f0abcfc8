"""`slmon merge`: what a database that was set aside or restored holds, into the present one."""

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from slmon.backfill.sources import Sources
from slmon.backfill.spool import Answer, Question
from slmon.commands.asking import ask_the_other
from slmon.commands.backfill import caller_key
from slmon.config import Config
from slmon.core.instant import from_datetime
from slmon.store.calls import CallStore
from slmon.store.merging import merge
from slmon.store.schema import StoreBusy, StoreError


def run_merge(config: Config, file: Path, dry_run: bool) -> None:
    """Merge the file into the store, or have the slmon that runs on it do so. Raises StoreError, SourceError."""
    if file.absolute() == Path(config.store.path).absolute() or (
            file.exists() and Path(config.store.path).exists() and file.samefile(config.store.path)):
        raise StoreError(f"{file}: is the present database itself; name the one to be merged into it")
    if not file.is_file():
        raise StoreError(f"{file}: there is no such file")
    try:
        store = CallStore(config.store.path, caller_key(config))
    except StoreBusy:
        _say(ask_the_other(config, Question("", Sources(), dry_run, file)), file, dry_run)
        return
    try:
        store.checked()
        found = merge(store, file, from_datetime(datetime.now(UTC)), dry_run=dry_run)
    finally:
        store.close(None)
    _say(Answer(found.corrected, found.added, unread=found.unread, said=found.words()), file, dry_run)


def _say(answer: Answer, file: Path, dry_run: bool) -> None:
    console = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)
    for words in answer.said:
        console.print(f"slmon: {words}")
    would = "would be " if dry_run else ""
    console.print(f"slmon: {answer.added:,} calls of {file} {would}added, {answer.corrected:,} {would}corrected")
    if not dry_run:
        console.print(f"slmon: {file} is as it was; move it away when it is done with")
