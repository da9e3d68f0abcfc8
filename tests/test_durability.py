"""Killed or without power at every single step of the disk, a small day of calls is there as it was said to be."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import small_day
import small_day_faults
from durable import Image, Said, Step, after_a_kill, after_a_power_cut, watched

from slmon.core.facts import CallRecord
from slmon.store.calls import CallStore

pytestmark = [
    pytest.mark.strace,
    pytest.mark.skipif(shutil.which("strace") is None and os.environ.get("CI") != "true",
                       reason="there is no strace: apt install strace"),
]


MEMORY = Path("/dev/shm")            # where files are written a thousand times, and which are is seen all the same


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """The store's folder; a spool elsewhere is called by it."""
    with tempfile.TemporaryDirectory(prefix="slmon-day-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None) as folder:
        yield Path(folder) / "data"


@pytest.fixture(scope="module")
def day(home: Path) -> list[Step]:
    """Each step of the disk while the small day was saved."""
    return watched_day(home)


def watched_day(home: Path, *inject: str) -> list[Step]:
    shutil.rmtree(home, ignore_errors=True)
    (home / "elsewhere").mkdir(parents=True)
    return watched([sys.executable, small_day.__file__, home / "slmon.db"], home, *inject)


def promised(steps: list[Step]) -> int:
    """How many savings it had said are on disk."""
    said = "".join(step.words for step in steps if isinstance(step, Said))
    return max(map(int, re.findall(r"^saved (\d+)$", said, re.MULTILINE)), default=0)


def wrong_in(image: Image, home: Path, savings: int, everything: bool = True) -> str | None:
    """What of a disk's content breaks the promise; None when all is well."""
    shutil.rmtree(home, ignore_errors=True)
    (home / "elsewhere").mkdir(parents=True)
    for name, content in image.items():
        (home / name).write_bytes(content)
    store = CallStore(home / "slmon.db", batch_seconds=0.0, retry_seconds=0.01, spool=home / "elsewhere")
    try:
        if store.set_aside is not None:
            return "the database was taken for damaged"
        if found := lost_or_half(list(store.since(0)), savings):
            return found
        for saving in small_day.SAVINGS if everything else ():
            store.save(saving)
        store.flush()
        same = not everything or list(store.since(0)) == small_day.UNDISTURBED
        return None if same else "saved again, it is another day"
    finally:
        store.close()


def lost_or_half(calls: list[CallRecord], savings: int) -> str | None:
    found = {record.call: record for record in calls}
    if len(found) < len(calls):
        return "a call is there twice"
    for number in range(small_day.CALLS):
        states = small_day.states(number)
        wanted = sum(saving in states for saving in small_day.SAVINGS[:savings])
        record = found.pop(states[0].call, None)
        if record is None:
            if wanted:
                return f"call {number} is lost"
        elif record not in states:
            return f"call {number} is half there"
        elif states.index(record) + 1 < wanted:
            return f"call {number} is of before"
    return f"calls that never were: {found}" if found else None


def every_moment(day: list[Step], image: Callable[[list[Step]], Image], home: Path) -> list[str]:
    """What is wrong after each of the steps."""
    seen: set[int] = set()
    wrong = []
    for count in range(len(day) + 1):
        content = image(day[:count])
        savings = promised(day[:count])
        key = hash((savings, *sorted(content.items())))
        if key not in seen and (found := wrong_in(content, home, savings)):
            wrong.append(f"after step {count}, {day[count - 1]!r:.80}: {found}")
        seen.add(key)
    return wrong


def test_the_day_has_every_kind_of_step(day):
    kinds = {type(step).__name__ for step in day}
    names = {getattr(step, "name", "") for step in day}
    assert kinds >= {"Write", "Make", "Remove", "Sync", "Said"}
    assert names >= {"slmon.db", "slmon.db-wal", "slmon.db.spool", "."}
    assert promised(day) == len(small_day.SAVINGS)


def test_killed_at_any_step_nothing_that_was_promised_is_lost_and_nothing_is_there_twice_or_half(day, home):
    assert every_moment(day, after_a_kill, home) == []


def test_without_power_from_any_step_on_nothing_that_was_promised_is_lost(day, home):
    assert every_moment(day, after_a_power_cut, home) == []


@pytest.mark.parametrize("seed", range(3))
def test_whatever_part_of_what_was_not_synced_survives_a_power_cut(day, home, seed):
    chance = random.Random(seed)
    assert every_moment(day, lambda steps: after_a_power_cut(steps, chance), home) == []


FAULTS = [*(("pwrite64", "ENOSPC", number) for number in range(1, 120, 24)),
          *(("fdatasync", "EIO", number) for number in range(1, 13, 2)),
          *((call, error, number) for call, error in (("write", "ENOSPC"), ("fsync", "EIO")) for number in range(1, 5))]


@pytest.mark.parametrize(("call", "error", "number"), FAULTS)
def test_a_disk_that_fails_makes_no_promise_false_and_loses_nothing(home, call, error, number):
    day = watched_day(home, f"{call}:error={error}:when={number}")          # counted in each thread
    told = [count for count, step in enumerate(day, 1) if isinstance(step, Said)]
    wrong = {count: found for count in told
             if (found := wrong_in(after_a_power_cut(day[:count]), home, promised(day[:count]), everything=False))}
    assert wrong == {}
    assert promised(day) == len(small_day.SAVINGS)
    assert wrong_in(after_a_kill(day), home, len(small_day.SAVINGS)) is None


@pytest.mark.parametrize(("call", "error", "places"), [
    ("pwrite64", "ENOSPC", 200), ("write", "ENOSPC", 10), ("fdatasync", "EIO", 25), ("fsync", "EIO", 4),
    ("ftruncate", "EIO", 4), ("unlink", "EIO", 5), ("size", "EFBIG", 60)])
def test_wherever_the_disk_fails_once_or_is_full_for_a_while_the_day_is_kept_as_without(home, call, error, places):
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    strace = [] if call == "size" else [
        "strace", "-f", "--seccomp-bpf", "-o", "/dev/null", f"--trace={call}",
        f"--inject={call}:error={error}:when={small_day_faults.AT}"]
    run = subprocess.run([*strace, sys.executable, small_day_faults.__file__, call, error, home], check=True,
                         stdout=subprocess.PIPE, timeout=300)
    days = list(map(json.loads, run.stdout.splitlines()))
    assert [day for day in days if day["wrong"]] == []
    assert len(days) >= places
