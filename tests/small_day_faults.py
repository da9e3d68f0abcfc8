"""The small day again and again, each time with a fault elsewhere: run as `small_day_faults.py CALL ERROR FOLDER`.

It is to be run under `strace -f --inject=CALL:error=ERROR:when=AT`. That counts each thread's calls, so a thread that
makes idle ones first meets the fault at whichever of its own it likes; and each day is a fork, which is counted anew.
Several kinds of call, as `pwrite64,write` with `:when=AT..AT+LASTS`, find the disk full for a while, the spool's from
its first. Of CALL `size` it needs no strace: no file can grow beyond ever more bytes, as on a small disk, for a while.

One line of JSON for each day that met its fault.
"""

import errno
import json
import os
import resource
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import small_day

from slmon.store.calls import CallStore

AT = 250                   # more calls of a kind than any thread makes in a day and looking at it
LASTS = 6                  # calls that find the disk full, before there is room again
BEYOND = 3                 # days in a row that met nothing: there is no later place
SIZES = 2999               # bytes from one size to the next: no multiple of a page

Day = dict[str, object]


def every_day(call: str, error: str, folder: Path) -> Iterator[Day]:
    """What became of each day: whether it met its fault, what is wrong after it, which it was."""
    for by_writer in (True,) if call == "size" else (False, True):
        number, beyond = 1, 0
        while beyond < BEYOND:
            home = folder / f"{by_writer:d}-{number}"
            (home / "elsewhere").mkdir(parents=True)
            found = _forked(lambda: _small_disk(home, number * SIZES) if call == "size" else _disturbed(  # noqa: B023
                home, _Fault(call, getattr(errno, error), number, by_writer, home)))                      # noqa: B023
            if not found["wrong"]:
                shutil.rmtree(home)
            yield {"by_writer": by_writer, "number": number, **found}
            beyond = 0 if found["met"] else beyond + 1
            number += 1


def _forked(work: Callable[[], Day]) -> Day:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            found = work()
        except BaseException as error:
            found = {"met": True, "wrong": f"{type(error).__name__}: {error}"}
        with os.fdopen(writing, "w") as answer:
            json.dump(found, answer)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        told = answer.read()
    os.waitpid(child, 0)
    return json.loads(told)                                               # type: ignore[no-any-return]


class _Fault:
    """One of the process's threads meets it, at one of its calls."""

    def __init__(self, calls: str, error: int, number: int, by_writer: bool, folder: Path) -> None:
        first, *others = (_idle(call, folder) for call in calls.split(","))
        self._idles = [(first, AT - number), *((call, AT - 1) for call in others)]
        self._error = error
        self._by_writer = by_writer
        self.met = False

    def approach(self, is_writer: bool) -> None:
        """The thread that is to meet it goes up to it; the other stays far away."""
        for call, times in self._idles if is_writer == self._by_writer else ():
            for _ in range(times):
                _error_of(call)

    def leave(self, is_writer: bool) -> None:
        """The thread has met it, unless it would meet it now; from here on it meets nothing more."""
        if is_writer == self._by_writer:
            errors = [[_error_of(call) for _ in range(AT - times + 1 + LASTS)] for call, times in self._idles]
            self.met = errors[0].count(self._error) < (1 if len(errors) == 1 else 1 + LASTS)


def _idle(call: str, folder: Path) -> Callable[[], object]:
    """Such a call that does nothing."""
    file = os.open(folder / "idle", os.O_RDWR | os.O_CREAT)
    calls: dict[str, Callable[[], object]] = {
        "pwrite64": lambda: os.pwrite(file, b"", 0), "write": lambda: os.write(file, b""),
        "fdatasync": lambda: os.fdatasync(file), "fsync": lambda: os.fsync(file),
        "ftruncate": lambda: os.ftruncate(file, 0), "unlink": lambda: os.unlink(folder / "none")}
    return calls[call]


def _error_of(call: Callable[[], object]) -> int:
    try:
        call()
    except OSError as error:
        return error.errno or 0
    return 0


def _disturbed(home: Path, fault: _Fault) -> Day:
    run = threading.Thread.run

    def with_fault(thread: threading.Thread) -> None:
        fault.approach(is_writer=True)
        run(thread)
        fault.leave(is_writer=True)

    threading.Thread.run = with_fault                                     # type: ignore[method-assign]
    fault.approach(is_writer=False)
    _day(home)
    fault.leave(is_writer=False)
    threading.Thread.run = run                                            # type: ignore[method-assign]
    return {"met": fault.met, "wrong": _wrong_in(home)}


def _small_disk(home: Path, size: int) -> Day:
    refused = 0

    def refuse(number: int, frame: object) -> None:
        nonlocal refused
        refused += 1
        if refused == LASTS:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limits[1], limits[1]))

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, refuse)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    _day(home)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits[1], limits[1]))
    return {"met": refused > 0, "wrong": _wrong_in(home)}


def _day(home: Path) -> None:
    said = os.open(home / "said", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(said, 1)
    os.dup2(said, 2)
    small_day.main(home / "slmon.db")


def _wrong_in(home: Path) -> str | None:
    """What is otherwise than after a day without a fault, once slmon has been started again."""
    with closing(CallStore(home / "slmon.db", spool=home / "elsewhere")) as store:
        if not store.flush(60) or list(store.since(0)) != small_day.UNDISTURBED:
            return "it is another day"
    beside = sorted(each.name for each in home.rglob("slmon*") if ".broken-" in each.name or each.suffix == ".spool")
    return f"left behind: {beside}" if beside else None


def main(call: str, error: str, folder: Path) -> None:
    """Say what became of each day."""
    for day in every_day(call, error, folder):
        if day["met"] or day["wrong"]:
            with suppress(BrokenPipeError):
                sys.stdout.write(json.dumps(day) + "\n")
                sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
