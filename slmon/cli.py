"""The commands: their words, options, exit codes. What they do is behind them, in slmon.commands and the daemon."""

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

import slmon
from slmon.config import Config, ConfigError, Need, load

WRONG_INPUT = 2
FAILED = 1

app = typer.Typer(
    name="slmon",
    help="The service-level monitor for telephones: how long members wait until a phone is picked up, and how many "
         "calls are passed on.\n\nNew here? `slmon demo` shows it all on a simulated PBX; nothing to configure.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
errors = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)

ConfigFile = Annotated[Path, typer.Option("--config", "-c", metavar="slmon.toml", help="The configuration file.",
                                          show_default=False)]
CelFiles = Annotated[list[Path] | None, typer.Option("--cel", metavar="FILE", help="A CEL file of the PBX "
                     "(cel_custom, CSV): tells what happened in gaps. May be given several times; .xz and .gz are "
                     "unpacked.", show_default=False)]
QueueLogFiles = Annotated[list[Path] | None, typer.Option("--queue-log", metavar="FILE", help="A queue_log of the PBX, "
                          "likewise.", show_default=False)]
CdrFiles = Annotated[list[Path] | None, typer.Option("--cdr", metavar="FILE", help="A CDR file of the PBX "
                     "(Master.csv), likewise.", show_default=False)]


def main() -> None:
    """Run a command. Exit code 0: done; 1: it failed; 2: wrong input."""
    app()


def fail(message: str, code: int) -> typer.Exit:
    """Say what is wrong, and give the exit to raise."""
    for line in message.splitlines():
        errors.print(f"slmon: {line}")
    return typer.Exit(code)


def configured(path: Path, need: Need = Need.NOTHING) -> Config:
    """The configuration, or every mistake in it and exit code 2. Doubts are said and pass."""
    try:
        config = load(path, need=need)
    except ConfigError as error:
        raise fail(str(error), WRONG_INPUT) from None
    for doubt in config.warnings:
        errors.print(f"slmon: warning: {doubt}")
    return config


def _not_written(error: OSError, place: str) -> typer.Exit:
    """A path that cannot be is wrong input; a disk that is full has failed."""
    wrong = isinstance(error, FileNotFoundError | FileExistsError | IsADirectoryError | NotADirectoryError)
    words = (error.strerror or str(error)).lower()
    return fail(f"{error.filename or place}: {words}", WRONG_INPUT if wrong else FAILED)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"slmon {slmon.__version__}")
        raise typer.Exit


@app.callback()
def _slmon(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True,
                                                 help="Show the version.")] = False) -> None:
    pass


@app.command(short_help="Show it all on a simulated PBX; nothing to configure.")
def demo(
    port: Annotated[int | None, typer.Option(metavar="PORT", help="Port of the wallboard on this machine; 0 takes any. "
                                                  "[default: 8080, or any if that is taken]", min=0, max=65535,
                                             show_default=False)] = None,
    speed: Annotated[float, typer.Option(metavar="X", help="How many times as fast as life.", min=0.1, max=100)] = 1.0,
    seed: Annotated[int, typer.Option(metavar="N", help="Another number, another day.")] = 1,
) -> None:
    """Show it all: a simulated PBX, the real daemon, the wallboard. Nothing to configure; always open."""
    from slmon.commands.demo import run_demo
    from slmon.daemon import StartError

    try:
        run_demo(port, speed, seed)
    except StartError as error:
        raise fail(str(error), FAILED) from None


@app.command(short_help="Run the daemon: figures, wallboard, metrics.")
def run(config: ConfigFile) -> None:
    """Run the daemon: listen to the PBXes, keep the figures, serve wallboard and metrics. Ends on SIGTERM or ^C.

    SIGHUP reads the configuration again: a good one is started with, within a second; of a bad one every mistake is
    logged, and the old one stays.
    """
    import asyncio

    from slmon.daemon import Daemon, StartError
    from slmon.logs import set_up_logs

    settings = configured(config, Need.ALL)
    log = set_up_logs()

    def started(url: str) -> None:
        log.info("slmon is up", version=slmon.__version__, wallboard=url,
                 house_time=f"{datetime.now(settings.site.zone):%H:%M} {settings.site.timezone}")

    def is_good() -> bool:
        try:
            load(config, need=Need.ALL)
        except ConfigError as error:
            log.error("the configuration is not taken; the old one stays", mistakes=str(error).splitlines())
            return False
        log.info("the configuration is good; starting anew with it")
        return True

    try:
        again = asyncio.run(Daemon(settings).run(started, reload=is_good))
    except StartError as error:
        raise fail(str(error), FAILED) from None
    if again:
        os.execv(sys.executable, [sys.executable, "-m", "slmon", "run", "--config", str(config)])


@app.command(short_help="Say what is wrong with the set-up, and the cure.")
def check(
    config: ConfigFile,
    seconds: Annotated[float, typer.Option(metavar="S", help="How long to wait for each PBX.", min=1, max=120)] = 15.0,
) -> None:
    """Say what is wrong with configuration, PBX rights, clock and store, and the cure. Changes nothing."""
    from slmon.commands.check import run_check

    if not run_check(configured(config, Need.ALL), seconds):
        raise typer.Exit(FAILED)


@app.command(short_help="Turn recorded AMI connections into calls and figures.")
def replay(
    config: ConfigFile,
    captures: Annotated[list[Path], typer.Argument(metavar="CAPTURE", help="Captures of AMI connections to one "
                        "PBX, in order; .xz and .gz are unpacked.", show_default=False)],
    pbx: Annotated[str | None, typer.Option(metavar="NAME", help="Which [[pbx]] of the configuration. [default: the "
                                            "first]", show_default=False)] = None,
    calls: Annotated[Path | None, typer.Option(metavar="OUT.jsonl", help="Write one JSON object a call; - is standard "
                                               "output.", show_default=False)] = None,
    summary: Annotated[Path | None, typer.Option(metavar="OUT.json", help="Write the figures; - is standard output.",
                                                 show_default=False)] = None,
    caller_clear: Annotated[bool, typer.Option("--caller-clear", help="Numbers and desks as they are. For test PBXes "
                                               "only.")] = False,
    cel: CelFiles = None,
    queue_log: QueueLogFiles = None,
    cdr: CdrFiles = None,
) -> None:
    """Turn captures of AMI connections into calls and figures, as the daemon would have. Makes no state."""
    from slmon.backfill.sources import SourceError, Sources
    from slmon.commands.replay import UnknownPbx, run_replay
    from slmon.replay import CaptureError

    settings = configured(config)
    sources = Sources(tuple(cel or ()), tuple(queue_log or ()), tuple(cdr or ()))
    try:
        whole = run_replay(settings, captures, pbx, calls, summary, caller_clear, sources)
    except (CaptureError, SourceError, UnknownPbx) as error:
        raise fail(str(error), WRONG_INPUT) from None
    except BrokenPipeError:
        sys.stderr.close()                     # the reader has had enough; that is no mistake
        return
    except OSError as error:
        raise _not_written(error, "output") from None
    if not whole:
        raise typer.Exit(WRONG_INPUT)


@app.command(short_help="Record what a PBX tells, for bug reports.")
def record(
    config: ConfigFile,
    out: Annotated[Path, typer.Argument(metavar="OUT.ami", help="Where to write; OUT.ami.times comes beside it.",
                                        show_default=False)],
    pbx: Annotated[str | None, typer.Option(metavar="NAME", help="Which [[pbx]] of the configuration. [default: the "
                                            "first]", show_default=False)] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Leave members' numbers and names in.")] = False,
) -> None:
    """Record what a PBX tells, for bug reports. Members' numbers and names are replaced. Ends on ^C."""
    from slmon.commands.record import run_record
    from slmon.commands.replay import UnknownPbx

    settings = configured(config, Need.SECRETS)
    try:
        ended_well = run_record(settings, pbx, out, raw)
    except UnknownPbx as error:
        raise fail(str(error), WRONG_INPUT) from None
    except OSError as error:
        raise _not_written(error, str(out)) from None
    if not ended_well:
        raise typer.Exit(FAILED)


@app.command(short_help="Mend the stored calls with what the PBX's own logs tell.")
def backfill(
    config: ConfigFile,
    pbx: Annotated[str | None, typer.Option(help="Whose logs they are.  [default: the first [[pbx]]]",
                                            show_default=False)] = None,
    cel: CelFiles = None,
    queue_log: QueueLogFiles = None,
    cdr: CdrFiles = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be changed, and change nothing.")] = False,
) -> None:
    """Mend the stored calls with what the PBX's own logs tell of gaps. Done again, it changes nothing more.

    Without files, those that slmon.toml names for the PBX: cel_file, queue_log_file, cdr_file, or tables in
    database_file. While slmon runs, it does the work itself, and its boards are right at once.
    """
    from slmon.backfill.sources import SourceError
    from slmon.commands.backfill import UnknownSource, configured_sources, named_files, run_backfill
    from slmon.commands.replay import UnknownPbx, pbx_of
    from slmon.store.schema import StoreError

    settings = configured(config)
    try:
        of = pbx_of(settings, pbx)
        named = named_files(cel, queue_log, cdr)
        run_backfill(settings, of, named if named.files else configured_sources(of), dry_run)
    except (SourceError, UnknownPbx, UnknownSource) as error:
        raise fail(str(error), WRONG_INPUT) from None
    except StoreError as error:
        raise fail(str(error), FAILED) from None


@app.command(short_help="Merge a database that was set aside, or a copy, into the present one.")
def merge(
    config: ConfigFile,
    file: Annotated[Path, typer.Argument(metavar="FILE.db", help="The other database; nothing is written to it.",
                                         show_default=False)],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be taken, and change nothing.")] = False,
) -> None:
    """Merge the calls, gaps and audit of a database that was set aside as damaged, or of a copy, into the present one.

    Of a damaged one whatever can be read is taken, and what cannot becomes a gap. One call stays one; the better of two
    tellings stays, and every change is kept. Done again, it changes nothing more. While slmon runs, it does the work
    itself, and its boards are right at once.
    """
    from slmon.backfill.sources import SourceError
    from slmon.commands.merge import run_merge
    from slmon.store.schema import StoreError

    settings = configured(config)
    try:
        run_merge(settings, file, dry_run)
    except (SourceError, StoreError) as error:
        raise fail(str(error), FAILED) from None


@app.command(short_help="Copy the database, while slmon runs.")
def backup(
    config: ConfigFile,
    out: Annotated[Path, typer.Argument(metavar="OUT.db", help="The copy; a new file.", show_default=False)],
) -> None:
    """Copy the database to a new file while slmon runs. The copy is of one moment, checked, and for its owner alone.

    To go back to a copy: stop slmon, put the copy in the place of [store] path, start it again.
    """
    from slmon.commands.backup import run_backup
    from slmon.store.schema import StoreError

    settings = configured(config)
    try:
        run_backup(settings.store.path, out)
    except StoreError as error:
        raise fail(str(error), FAILED) from None
    except FileExistsError:
        raise fail(f"{out}: is there already; copies are not overwritten, take another name", WRONG_INPUT) from None
    except OSError as error:
        raise _not_written(error, str(out)) from None


@app.command(short_help="Write the stored calls as JSON lines.")
def export(
    config: ConfigFile,
    calls: Annotated[Path, typer.Option(metavar="OUT.jsonl", help="Where to write; - is standard output.",
                                        show_default=False)],
) -> None:
    """Write the stored calls as JSON lines, in order of arrival."""
    from slmon.commands.export import run_export
    from slmon.store.schema import StoreError

    try:
        run_export(configured(config), calls)
    except StoreError as error:
        raise fail(str(error), FAILED) from None
    except BrokenPipeError:
        sys.stderr.close()                     # the reader has had enough; that is no mistake
    except OSError as error:
        raise _not_written(error, str(calls)) from None


@app.command(short_help="Turn a password into what slmon.toml holds of it.")
def password() -> None:
    """Ask for a password and print what to write into a [[user]] of slmon.toml. Keeps nothing."""
    from slmon.commands.access import PasswordError, hashed, typed_password

    try:
        typer.echo(hashed(typed_password()))
    except PasswordError as error:
        raise fail(str(error), WRONG_INPUT) from None


@app.command(short_help="Print the secret addresses of the kiosks.")
def kiosk(
    config: ConfigFile,
    name: Annotated[str | None, typer.Option(metavar="NAME", help="Which [[kiosk]]. [default: all]",
                                             show_default=False)] = None,
) -> None:
    """Print the address of each [[kiosk]] of slmon.toml, for a TV or a frame. Who knows it sees the boards."""
    from slmon.commands.access import UnknownKiosk, kiosk_addresses

    try:
        for address in kiosk_addresses(configured(config, Need.WEB), name):
            typer.echo(address)
    except UnknownKiosk as error:
        raise fail(str(error), WRONG_INPUT) from None


if __name__ == "__main__":
    main()
