"""Where a command's result goes: a file that appears whole or not at all, or standard output; and its progress."""

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

STANDARD_OUTPUT = Path("-")


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write UTF-8 lines to the path, `-` being standard output. A file is replaced only once all is written."""
    if path == STANDARD_OUTPUT:
        for line in lines:
            sys.stdout.buffer.write(line.encode())
        sys.stdout.flush()
        return
    if path.exists() and not path.is_file():                 # /dev/null, a pipe: nothing to replace
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
        return
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
        beside.replace(path)
    except FileNotFoundError:
        raise FileNotFoundError(2, "its folder does not exist; make it first", str(path)) from None
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def progress(total: int, what: str) -> Iterator["Bar"]:
    """A bar on a terminal's standard error; silence elsewhere."""
    console = Console(stderr=True)
    with Progress(TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(),
                  console=console, transient=True, disable=not console.is_terminal) as shown:
        yield Bar(shown, total, what)


class Bar:
    """A progress bar; `advance` by what was done."""

    def __init__(self, shown: Progress, total: int, what: str) -> None:
        self._shown = shown
        self._task = shown.add_task(what, total=total or None)

    def advance(self, done: int) -> None:
        """So much more is done."""
        self._shown.advance(self._task, done)
