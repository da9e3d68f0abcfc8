"""The demo as a newcomer starts it: one command, a full board, and nothing left behind."""

import signal
import urllib.parse

import pytest
from running import Slmon, slmon, until


@pytest.fixture(autouse=True)
def temporary_folder(tmp_path, monkeypatch):
    """Whatever a demo leaves behind when it is stopped on its way up goes with the test."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))


async def demo_board(running: Slmon) -> bool:
    """Whether the board lives: calls of today, somebody at work, the PBX up."""
    board = await running.board()
    desks = board["desks"] or {"busy": 0}              # None until the PBX has listed them
    return board["today"]["of"] > 0 and desks["busy"] > 0 and all(link["up"] for link in board["links"])


async def test_the_demo_is_one_command_a_full_board_and_leaves_nothing_behind(tmp_path):
    async with slmon("demo", "--port", 0) as running:
        address = await running.address()
        await until(lambda: demo_board(running))
        assert (await running.board())["gap"] == 0                   # nobody's eye shall fall on a hole that is none
        assert list(tmp_path.iterdir()) != []
        for path, words in {"": "opdigtede tal", "goals": "answer_within", "board/dagpenge": "Dagpenge",
                            "metrics": "slmon_open 1.0", "-/ready": "ready"}.items():
            status, text = await running.page(path)
            assert (status, words in text) == (200, True), path
        for page in ("wallboard", "goals", "metrics"):
            line = next(line for line in running.said.splitlines() if page in line)
            assert line.split()[-1] == urllib.parse.urljoin(address, "" if page == "wallboard" else page)
        running.signal(signal.SIGINT)
        assert await running.ended() == 0
        assert "Traceback" not in running.said
        assert list(tmp_path.iterdir()) == []


async def test_calls_go_on_while_the_demo_runs():
    async with slmon("demo", "--port", 0, "--speed", 20) as running:
        await until(lambda: demo_board(running))
        before = (await running.metrics())["slmon_calls_total"]

        async def more() -> bool:
            return (await running.metrics())["slmon_calls_total"] > before

        await until(more)


@pytest.mark.parametrize(("option", "value"), [("--port", 65536), ("--speed", 0), ("--seed", "today")])
async def test_a_wrong_option_is_named_and_ends_with_2(option, value):
    async with slmon("demo", option, value) as running:
        assert await running.ended() == 2
        assert option in running.said


async def test_a_port_that_was_asked_for_and_is_taken_is_refused():
    async with slmon("demo", "--port", 0) as first:
        port = urllib.parse.urlsplit(await first.address()).port
        async with slmon("demo", "--port", port) as second:
            assert await second.ended() == 1
            assert f"[web] listen: 127.0.0.1:{port} cannot be used" in second.said
            assert "Warning" not in second.said
