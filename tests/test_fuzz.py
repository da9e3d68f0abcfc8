"""A bounded turn of the fuzzer, the same inputs each time; fuzz/run.py lets it go on for as long as one likes."""

import importlib.util
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

FUZZ = Path(__file__).with_name("fuzz")
RUNS = {"ami": 3000, "logs": 2000}           # some ten seconds each

MADE_FOR = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 14)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None and not (MADE_FOR and os.environ.get("CI") == "true"),
    reason="atheris is not installed: pip install 'slmon[test]', on Linux on x86-64 with Python before 3.14")


@pytest.fixture(scope="module")
def fuzzing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, subprocess.Popen[str]]]:
    """A fuzzer of each target, at the same time."""
    with ExitStack() as running:
        fuzzers = {}
        for target, runs in RUNS.items():
            command = [sys.executable, FUZZ / "run.py", target, "--runs", f"{runs}", "--seed", "1",
                       "--keep", tmp_path_factory.mktemp(target)]
            fuzzers[target] = running.enter_context(subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"))
            running.callback(fuzzers[target].kill)
        yield fuzzers


@pytest.mark.parametrize("target", sorted(RUNS))
def test_no_input_that_the_fuzzer_finds_breaks_a_rule(fuzzing, target):
    said, _ = fuzzing[target].communicate()
    assert fuzzing[target].returncode == 0, said[-3000:]
    assert f"Done {RUNS[target]} runs" in said
