"""A bounded turn of the fuzzer, the same inputs each time; fuzz/run.py lets it go on for as long as one likes."""

import asyncio
import importlib.util
import os
import platform
import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).with_name("fuzz")
RUNS = {"ami": 3000, "logs": 2000}           # some ten seconds each

MADE_FOR = sys.platform == "linux" and platform.machine() == "x86_64" and sys.version_info < (3, 14)

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None and not (MADE_FOR and os.environ.get("CI") == "true"),
    reason="atheris is not installed: pip install 'slmon[test]', on Linux on x86-64 with Python before 3.14")


@pytest.mark.parametrize("target", sorted(RUNS))
async def test_no_input_that_the_fuzzer_finds_breaks_a_rule(target, tmp_path):
    fuzzing = await asyncio.create_subprocess_exec(
        sys.executable, FUZZ / "run.py", target, "--runs", str(RUNS[target]), "--seed", "1", "--keep", tmp_path,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
    said, _ = await fuzzing.communicate()
    text = said.decode("utf-8", "replace")
    assert fuzzing.returncode == 0, text[-3000:]
    assert f"Done {RUNS[target]} runs" in text
