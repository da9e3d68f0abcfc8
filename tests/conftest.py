"""What holds for all tests: in CI a tool that is missing is a failure, not a skipped test."""

import os
from collections.abc import Generator

import pytest

IN_CI = os.environ.get("CI") == "true"
TOOLS = {"browser": "chromium", "promtool": "prometheus", "strace": "strace"}      # mark: Debian package


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    needed = [package for mark, package in TOOLS.items() if item.get_closest_marker(mark)]
    if IN_CI and report.skipped and needed:
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, and in CI it must not be: apt install {' '.join(needed)}"
    return report
