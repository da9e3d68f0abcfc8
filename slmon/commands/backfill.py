"""`slmon backfill`: the stored calls, mended with what the PBX's own logs tell."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from slmon.backfill.cel_form import forms_of
from slmon.backfill.mend import look, unheard
from slmon.backfill.mender import sources_of
from slmon.backfill.sources import SourceError, Sources
from slmon.backfill.spool import Answer, Question
from slmon.commands.asking import ask_the_other
from slmon.commands.output import progress
from slmon.config import Config, Pbx
from slmon.core.instant import from_datetime
from slmon.core.switchboard import Switchboard
from slmon.privacy import CallerKey
from slmon.store.calls import CallStore
from slmon.store.schema import StoreBusy, StoreError


def caller_key(config: Config) -> CallerKey | None:
    """What callers' numbers are replaced with."""
    key = config.caller_key
    return None if key is None else CallerKey(key.get_secret_value(), config.privacy.key_id)


def fresh_board(config: Config, pbx: Pbx) -> Switchboard:
    """A switchboard of that PBX that has heard nothing yet."""
    hours = config.phone_hours()
    return Switchboard(pbx.name, config.doors(pbx), config.phone_goals(hours).goal_at, hours.is_open)


def run_backfill(config: Config, pbx: Pbx, sources: Sources, dry_run: bool) -> None:
    """Mend the store, or have the slmon that runs on it do so. Raises SourceError, StoreError."""
    for path in sources.files:
        if not path.is_file():
            raise SourceError(f"{path}: no such file")
        if not path.stat().st_size:
            _console().print(f"slmon: warning: {path}: is empty; does the PBX write another file?", markup=False)
    if not Path(config.store.path).exists():
        raise StoreError(f"{config.store.path}: there is no such file; slmon run makes it, or change [store] path")
    try:
        store = CallStore(config.store.path, caller_key(config))
    except StoreBusy:
        say(ask_the_other(config, Question(pbx.name, sources, dry_run)), dry_run)
        return
    try:
        store.checked()
        heard_until = store.heard_until(pbx.name)
        spans = unheard(store, pbx.name, heard_until or 0)
        sources = replace(sources, cel_forms=forms_of(pbx.cel_format))
        with progress(sources.size, "reading logs") as bar:
            found = look(store, fresh_board(config, pbx), config.phone_hours().is_open, config.site.zone, sources,
                         spans, caller_key(config), lambda call: False, bar.advance)
        if not dry_run:
            if heard_until is not None:                  # which no call tells any more, once it is mended
                store.put_note(f"heard {pbx.name}", str(heard_until))
            found.keep(store, from_datetime(datetime.now(UTC)))
    finally:
        store.close(None)
    say(Answer(found.corrected, found.added, found.lost, found.unread, found.said, removed=found.removed), dry_run)


def say(answer: Answer, dry_run: bool) -> None:
    """What was found, in words, on standard error."""
    console = _console()
    for words in answer.said:
        console.print(f"slmon: {words}", markup=False)
    for kind, count in answer.unread.items():
        console.print(f"slmon: warning: {count} lines of the {kind} cannot be read and were left out")
    if answer.left_alone:
        console.print(f"slmon: {answer.left_alone} calls are still followed by the slmon that runs, and left alone")
    would = "would be " if dry_run else ""
    removed = f", {answer.removed} {would}taken away, which were no member's" if answer.removed else ""
    lost = f"; of {answer.lost} no source can tell how they ended" if answer.lost else ""
    console.print(f"slmon: {answer.corrected} calls {would}corrected, {answer.added} {would}added{removed}{lost}")


def _console() -> Console:
    return Console(stderr=True, highlight=False, soft_wrap=True)


class UnknownSource(Exception):
    """There is nothing to read; the message names the cure."""


def configured_sources(pbx: Pbx) -> Sources:
    """The logs that slmon.toml names for a PBX. Raises UnknownSource when it names none."""
    found = sources_of(pbx)
    if not found:
        raise UnknownSource(f"there is no log of {pbx.name} to read: give --cel, --queue-log or --cdr, or set "
                            "cel_file, queue_log_file, cdr_file or database_file of the [[pbx]]")
    return found


def named_files(cel: list[Path] | None, queue_log: list[Path] | None, cdr: list[Path] | None) -> Sources:
    """The files that were named on the command line."""
    return Sources(tuple(cel or ()), tuple(queue_log or ()), tuple(cdr or ()))
