"""The daemon as a process, against the simulated PBX over TCP: what it tells, keeps and survives."""

import asyncio
import contextlib
import os
import re
import signal
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from ami_server import port_that_says
from running import SECRET, Slmon, configured, host_now, lines_with, slmon, until

from slmon.config import load
from slmon.core.facts import CallId, CallRecord, Outcome
from slmon.core.instant import SECOND
from slmon.daemon import Daemon
from slmon.simulator.plan import Rate
from slmon.simulator.server import STANDSTILL, Account, AmiServer, LiveDay
from slmon.simulator.truth import TrueCall
from slmon.store.calls import CallStore
from slmon.store.reader import CallReader
from slmon.web.door import SPARE_BYTES

MINUTE = 60 * SECOND
TARGET_SECONDS = 20.0
MOMENTS = ("arrived_at", "asked_at", "answered_at", "ended_at")
CALM_SECONDS = 20.0


DAY = 24 * 3600 * SECOND
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@contextlib.asynccontextmanager
async def pbx(minutes: float, per_minute: float, seed: int = 4) -> AsyncIterator[AmiServer]:
    """A PBX whose day begins half an hour ago, as soon as a daemon listens; members ring for so many minutes."""
    start = host_now() - 30 * MINUTE
    day = LiveDay(seed, start, Rate(per_minute, start, minutes / 60), desks=False)
    async with AmiServer(day, {"slmon": Account(SECRET)}, speed=STANDSTILL) as server:
        yield server


@contextlib.asynccontextmanager
async def daemon(config: Path, server: AmiServer) -> AsyncIterator[Slmon]:
    """`slmon run`, with its link to the PBX up."""
    async with slmon("run", "--config", config) as running:
        await until(lambda: metric(running, "slmon_pbx_up"), 1.0)
        server.go_on(1.0)
        yield running


async def metric(running: Slmon, name: str) -> float:
    return (await running.metrics())[name]


async def at_least(running: Slmon, name: str, count: float) -> bool:
    return await metric(running, name) >= count


def kept(config: Path) -> dict[str, CallRecord]:
    """The stored calls, by the member's channel."""
    records = CallReader(config.with_name("slmon.db")).since(0)
    return {record.call.partition("/")[2]: record for record in records}


def differences(day: LiveDay, records: dict[str, CallRecord]) -> list[str]:
    """What slmon tells of the day's calls otherwise than those who played them."""
    told = {call.uniqueid: call for call in day.truth}
    found = [f"{uniqueid} is no call" for uniqueid in records.keys() - told.keys()]
    for uniqueid, call in told.items():
        record = records.get(uniqueid)
        found += [f"{uniqueid} is missing"] if record is None else _differences(call, record)
    return found


def _differences(call: TrueCall, record: CallRecord) -> list[str]:
    pairs = {what: (getattr(call, what), getattr(record, what)) for what in ("outcome", "line", "transferred", "queue")}
    wrong = {what: pair for what, pair in pairs.items() if pair[0] != pair[1]}
    for moment in MOMENTS:
        really, said = getattr(call, moment), getattr(record, moment)
        if (really is None) != (said is None) or (really is not None and abs(really - said) > 0.1 * SECOND):
            wrong[moment] = really, said
    return [f"{call.uniqueid} {what}: {really} was told as {said}" for what, (really, said) in wrong.items()]


def true_figures(day: LiveDay) -> dict[str, float]:
    """What the metrics have to say when the day is over; this house is always open."""
    asked = [call for call in day.truth if call.asked_at is not None]
    met = sum(call.answer_seconds is not None and call.answer_seconds <= TARGET_SECONDS for call in asked)
    figures = Counter({
        "slmon_calls_total": len(day.truth), "slmon_calls_offered_total": len(asked),
        "slmon_calls_judged_total met": met, "slmon_calls_judged_total missed": len(asked) - met,
        "slmon_calls_answered_total": sum(call.answered_at is not None for call in day.truth),
        "slmon_calls_transferred_total": sum(call.transferred for call in day.truth),
        "slmon_transfers_total": sum(len(call.transfers) for call in day.truth)})
    figures.update(f"slmon_calls_total {call.outcome}" for call in day.truth)
    return dict(figures)


async def whole_day(server: AmiServer) -> None:
    """Let everything happen that is going to."""
    await server.fast_forward(server.day.start + 29 * MINUTE)
    assert server.day.truth
    assert all(call.ended_at is not None for call in server.day.truth)


async def to_a_calm_moment(server: AmiServer, talking: int) -> None:
    """On to where so many members talk, nobody waits, and nothing will happen for a while."""
    clock = server.day.clock
    while clock.next_at is not None:
        calls = [call for call in server.day.truth if call.ended_at is None]
        calm = clock.next_at - clock.now > CALM_SECONDS * SECOND
        if calm and len(calls) >= talking and all(call.desks for call in calls):
            return
        await server.fast_forward(clock.next_at)
    pytest.fail("the day has no such moment; take another seed")


# ---- the way of a call ---------------------------------------------------------------------------------------------

async def test_every_call_of_a_day_comes_to_metrics_store_and_board_as_it_was(tmp_path):
    async with pbx(minutes=8, per_minute=9) as server, daemon(configured(tmp_path, server.port), server) as running:
        await whole_day(server)
        wanted = true_figures(server.day)

        async def counted() -> dict[str, float]:
            metrics = await running.metrics()
            return {name: metrics[name] for name in wanted}

        await until(lambda: metric(running, "slmon_calls_total"), float(len(server.day.truth)))
        await until(lambda: metric(running, "slmon_store_pending"), 0.0)
        assert differences(server.day, kept(tmp_path / "slmon.toml")) == []
        assert await counted() == wanted
        board = await running.board()
        assert (board["today"]["part"], board["today"]["of"]) == (
            wanted["slmon_calls_judged_total met"], wanted["slmon_calls_offered_total"])
        assert (board["transferred"]["part"], board["transferred"]["of"]) == (
            wanted["slmon_calls_transferred_total"], wanted["slmon_calls_answered_total"])


async def test_a_member_who_rings_in_is_seen_waiting_on_an_open_board(tmp_path):
    async with (pbx(minutes=8, per_minute=9) as server, daemon(configured(tmp_path, server.port), server) as running,
                running.stream() as figures):
        assert (await anext(figures))["waiting"] == []
        clock = server.day.clock
        while not any(call.asked_at and not call.answered_at for call in server.day.truth):
            await server.fast_forward(clock.next_at)
        async with asyncio.timeout(30):
            async for board in figures:
                if board["waiting"]:
                    break


async def test_the_goals_page_and_the_export_tell_the_same_calls_as_the_metrics(tmp_path):
    config = configured(tmp_path, 0)
    async with pbx(minutes=4, per_minute=9) as server, daemon(configured(tmp_path, server.port), server) as running:
        await whole_day(server)
        await until(lambda: metric(running, "slmon_calls_total"), float(len(server.day.truth)))
        offered = await metric(running, "slmon_calls_offered_total")
        status, page = await running.page("goals")
        assert (status, f"af {offered:.0f}" in page.replace("\N{NO-BREAK SPACE}", " ")) == (200, True)
        await until(lambda: metric(running, "slmon_store_pending"), 0.0)
        async with slmon("export", "--config", config, "--calls", "-") as export:
            assert await export.ended() == 0
        assert len(export.said.splitlines()) == len(server.day.truth)


# ---- ends and restarts ---------------------------------------------------------------------------------------------

async def test_after_a_kill_the_figures_are_what_they_were_and_talks_are_followed_to_their_end(tmp_path):
    async with pbx(minutes=8, per_minute=9) as server:
        config = configured(tmp_path, server.port)
        async with daemon(config, server) as running:
            await to_a_calm_moment(server, talking=3)
            talking = sum(call.ended_at is None for call in server.day.truth)
            await until(lambda: metric(running, "slmon_talking_calls"), float(talking))
            await until(lambda: metric(running, "slmon_store_pending"), 0.0)
            before = await running.board()
            running.signal(signal.SIGKILL)
            await running.ended()
        async with daemon(config, server) as running:
            after = await running.board()
            assert after["today"]["of"] > 10
            assert {name: after[name] for name in ("today", "transferred", "undecided")} == {
                name: before[name] for name in ("today", "transferred", "undecided")}
            assert await metric(running, "slmon_talking_calls") == talking
            await whole_day(server)
            await until(lambda: open_calls(config), [])
        assert differences(server.day, kept(config)) == []


async def open_calls(config: Path) -> list[str]:
    return [uniqueid for uniqueid, record in kept(config).items() if record.ended_at is None]


async def test_what_a_kill_in_the_middle_of_a_rush_hides_is_never_told_as_good(tmp_path):
    async with pbx(minutes=20, per_minute=20, seed=5) as server:
        config = configured(tmp_path, server.port)
        async with daemon(config, server) as running:
            await server.fast_forward(server.day.start + 6 * MINUTE)
            await until(lambda: at_least(running, "slmon_calls_offered_total", 30))
            running.signal(signal.SIGKILL)
            await running.ended()
        await server.fast_forward(server.day.start + 7 * MINUTE)
        async with daemon(config, server) as running:
            await whole_day(server)
            await until(lambda: open_calls(config), [])
        truth = {call.uniqueid: call for call in server.day.truth}
        records = kept(config)
        assert records.keys() <= truth.keys()
        for uniqueid, record in records.items():
            really = truth[uniqueid].answer_seconds
            if record.answer_seconds is not None and really is not None:
                assert abs(record.answer_seconds - really) < 1.0, record
            if record.outcome is Outcome.ANSWERED:
                assert really is not None, record


async def test_a_polite_end_waits_for_no_open_board(tmp_path):
    async with (pbx(minutes=1, per_minute=9) as server, daemon(configured(tmp_path, server.port), server) as running,
                contextlib.AsyncExitStack() as boards):
        for _ in range(5):
            await anext(await boards.enter_async_context(running.stream()))
        running.signal(signal.SIGTERM)
        assert await running.ended(seconds=5) == 0                # a board that holds it up would do so for a minute


async def test_a_polite_end_saves_what_was_heard_a_moment_before(tmp_path):
    async with pbx(minutes=4, per_minute=9) as server:
        config = configured(tmp_path, server.port)
        async with daemon(config, server) as running, running.stream() as figures:
            await whole_day(server)
            offered = sum(call.asked_at is not None for call in server.day.truth)
            async with asyncio.timeout(30):
                async for board in figures:
                    if board["today"]["of"] == offered:
                        break
            running.signal(signal.SIGTERM)
            assert await running.ended() == 0
        assert kept(config).keys() == {call.uniqueid for call in server.day.truth}
        assert await open_calls(config) == []


# ---- a PBX that is none --------------------------------------------------------------------------------------------

async def seen_down(running: Slmon) -> bool:
    return [link["up"] for link in (await running.board())["links"]] == [False]


async def goes_on_without_a_pbx(running: Slmon, words: str) -> None:
    """It says what is wrong in one line, serves on, shows no live figures, and tells its secret to nobody."""
    async def said() -> int:
        return len(lines_with(words, running.said))
    await until(said, 1)
    assert await metric(running, "slmon_pbx_up") == 0
    assert await seen_down(running)
    assert (await running.page("-/healthy"))[0] == 200
    assert (await running.page("-/ready"))[0] == 200             # web and store are up
    for path in ("", "goals", "metrics"):
        status, text = await running.page(path)
        assert (status, SECRET in text) == (200, False)
    assert running.process.returncode is None
    assert SECRET not in running.said
    assert "Traceback" not in running.said


async def test_a_wrong_secret_is_said_and_the_daemon_goes_on(tmp_path):
    async with pbx(minutes=1, per_minute=1) as server:
        server._accounts = {"slmon": Account("another-secret")}
        async with slmon("run", "--config", configured(tmp_path, server.port)) as running:
            await goes_on_without_a_pbx(running, "login of slmon refused: Authentication failed")
        assert not any(SECRET.encode() in said for said in server.received)


async def test_no_pbx_is_said_and_the_daemon_goes_on(tmp_path):
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        config = configured(tmp_path, nobody_listens.getsockname()[1])
        async with slmon("run", "--config", config) as running:
            await goes_on_without_a_pbx(running, "connection refused")


async def test_a_web_server_on_the_ami_port_is_told_no_secret(tmp_path):
    async with (port_that_says(b"HTTP/1.1 400 Bad Request\r\n\r\n") as (port, told),
                slmon("run", "--config", configured(tmp_path, port)) as running):
        await goes_on_without_a_pbx(running, "the port is no AMI; it says `HTTP/1.1 400 Bad Request`")
        assert SECRET.encode() not in told


async def test_a_pbx_that_comes_later_is_found(tmp_path):
    async with pbx(minutes=2, per_minute=9) as server:
        await server.stop()
        async with slmon("run", "--config", configured(tmp_path, server.port)) as running:
            await until(lambda: seen_down(running))
            await server.start()
            await until(lambda: metric(running, "slmon_pbx_up"), 1.0)
            await until(lambda: seen_down(running), False)


# ---- what is refused -----------------------------------------------------------------------------------------------

async def refused(*arguments: object) -> tuple[int, list[str]]:
    async with slmon(*arguments) as running:
        return await running.ended(), running.said.splitlines()


async def test_a_port_in_use_is_refused_with_the_cure(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        config = configured(tmp_path, 1)
        config.write_text(config.read_text(encoding="utf-8").replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        code, said = await refused("run", "--config", config)
    assert (code, len(said)) == (1, 1)
    assert f"[web] listen: 127.0.0.1:{port} cannot be used: address already in use" in said[0]
    assert "choose another port" in said[0]


async def test_three_mistakes_in_the_configuration_are_three_lines(tmp_path):
    config = configured(tmp_path, 5038)
    text = config.read_text(encoding="utf-8")
    for right, wrong in (("answer_seconds = 20", "answer_seconds = -20"), ('language = "da"', "langue = 1"),
                         ("transfer_ceiling = 0.15", "transfer_ceiling = 15")):
        text = text.replace(right, wrong)
    config.write_text(text, encoding="utf-8")
    for command in ("run", "check"):
        code, said = await refused(command, "--config", config)
        assert (code, len(said)) == (2, 3), said
        assert ["langue" in said[0], "answer_seconds" in said[1], "transfer_ceiling" in said[2]] == [True] * 3
    assert not (tmp_path / "slmon.db").exists()


async def test_the_houses_time_is_said_at_the_start(tmp_path):
    config, house = configured(tmp_path, 1), ZoneInfo("Asia/Tokyo")
    config.write_text(re.sub('timezone = ".*"', f'timezone = "{house}"', config.read_text(encoding="utf-8")),
                      encoding="utf-8")
    before = datetime.now(house)
    async with slmon("run", "--config", config, TZ="UTC") as running:
        await running.address()
    assert any(f"{now:%H:%M} {house}" in running.said for now in (before, datetime.now(house))), running.said


async def test_a_second_daemon_on_the_same_database_is_refused(tmp_path):
    async with pbx(minutes=1, per_minute=1) as server:
        config = configured(tmp_path, server.port)
        async with daemon(config, server) as first:
            code, said = await refused("run", "--config", config)
            assert (code, len(said)) == (1, 1)
            assert f"another slmon (process {first.process.pid}) writes to it; stop that one first" in said[0]
            assert (await first.page("-/ready"))[0] == 200


# ---- the disk ------------------------------------------------------------------------------------------------------

@pytest.fixture
def disk() -> Callable[[Slmon, int], None]:
    """Files of a running slmon can grow to this many bytes from now on, as on a disk that is full; -1: no end."""
    resource = pytest.importorskip("resource")
    if not hasattr(resource, "prlimit"):
        pytest.skip("this system cannot limit the files of another process")

    def limit(running: Slmon, size: int) -> None:
        _, hard = resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (size, hard))

    return limit


async def test_on_a_full_disk_the_daemon_counts_on_says_so_and_saves_all_when_there_is_room(tmp_path, disk):
    async with pbx(minutes=6, per_minute=9) as server:
        config = configured(tmp_path, server.port)
        config.with_name("slmon.db.broken-20261125T090000Z").write_bytes(b"x")
        async with daemon(config, server) as running:
            disk(running, 8192)
            await server.fast_forward(server.day.start + 3 * MINUTE)

            async def ready() -> tuple[int, bool]:
                status, text = await running.page("-/ready")
                return status, "not saving: the disk cannot be written" in text

            await until(ready, (503, True))
            board = await running.board()
            assert board["not_saving_since"] <= time.time() * 1000
            assert board["set_aside"]
            assert len(lines_with('"not saving"', running.said)) == 1
            await until(lambda: at_least(running, "slmon_calls_offered_total", 1))
            await until(lambda: at_least(running, "slmon_store_pending", 1))
            await whole_day(server)
            await until(lambda: metric(running, "slmon_calls_total"), float(len(server.day.truth)))
            disk(running, -1)
            await until(lambda: metric(running, "slmon_store_pending"), 0.0)
            await until(ready, (200, False))
            assert (await running.board())["not_saving_since"] is None
        assert len(lines_with("saving again", running.said)) == 1
        assert differences(server.day, kept(config)) == []


# ---- another configuration -----------------------------------------------------------------------------------------

@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="Windows has no SIGHUP")
async def test_a_bad_configuration_is_refused_and_the_old_one_stays_and_a_good_one_is_taken_with_the_calls(tmp_path):
    async with pbx(minutes=6, per_minute=9) as server:
        config = configured(tmp_path, server.port)
        text = config.read_text(encoding="utf-8")
        async with daemon(config, server) as running:
            await server.fast_forward(server.day.start + 4 * MINUTE)
            await until(lambda: at_least(running, "slmon_calls_offered_total", 1))
            before = (await running.board())["today"]
            config.write_text(text.replace("answer_seconds = 20", "answer_seconds = -3\nanswer_sekunds = 4"),
                              encoding="utf-8")
            running.signal(signal.SIGHUP)

            async def refused() -> bool:
                return "the old one stays" in running.said
            await until(refused)
            assert "answer_sekunds" in running.said
            assert "must be above 0" in running.said
            assert (await running.page(""))[0] == 200
            config.write_text(text.replace('name = "', 'name = "Ny ', 1), encoding="utf-8")
            running.signal(signal.SIGHUP)

            async def up_again() -> int:
                return running.said.count("slmon is up")
            await until(up_again, 2)
            running.forget_address()

            async def named() -> bool:
                return "Ny " in (await running.page("goals"))[1]
            await until(named)
            after = (await running.board())["today"]
            assert (after["part"], after["of"]) >= (before["part"], before["of"])


# ---- one fault and everything else ----------------------------------------------------------------------------------

async def test_a_pbx_that_refuses_us_and_one_that_is_not_there_leave_the_third_alone(tmp_path):
    async with pbx(minutes=4, per_minute=9) as server:
        config = configured(tmp_path, server.port)
        text = config.read_text(encoding="utf-8")
        table = text[text.index("[[pbx]]"):text.index("[[line]]")]
        refused = table.replace('name = "pbx1"', 'name = "pbx2"').replace(f'secret = "{SECRET}"', 'secret = "forkert"')
        gone = table.replace('name = "pbx1"', 'name = "pbx3"').replace(f"port = {server.port}", "port = 1")
        config.write_text(text + refused + gone, encoding="utf-8")
        async with daemon(config, server) as running:
            await whole_day(server)
            await until(lambda: metric(running, "slmon_calls_total"), float(len(server.day.truth)))
            assert await metric(running, "slmon_pbx_up") == 1.0
            async def said() -> tuple[bool, bool]:
                return "login of slmon refused" in running.said, "connection refused" in running.said
            await until(said, (True, True))
            assert "forkert" not in running.said
        assert differences(server.day, kept(config)) == []


def files_of(running: Slmon) -> int:
    return len(list(Path(f"/proc/{running.process.pid}/fd").iterdir()))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can take files away from a process")
async def test_without_files_left_browsers_wait_and_the_calls_go_on(tmp_path):
    async with pbx(minutes=6, per_minute=9) as server, daemon(configured(tmp_path, server.port), server) as running:
        port = int((await running.address()).rstrip("/").rpartition(":")[2])
        resource, pid = pytest.importorskip("resource"), running.process.pid
        soft, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (files_of(running) + 4, hard))
        there = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
        await whole_day(server)
        for _, writer in there:
            writer.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (soft, hard))
        await until(lambda: metric(running, "slmon_calls_total"), float(len(server.day.truth)))
        await until(lambda: metric(running, "slmon_store_pending"), 0.0)
        assert (server.logins, await metric(running, "slmon_pbx_reconnects_total")) == (1, 0.0)
        assert len(lines_with("no files are left", running.said)) == 1
        assert len(running.said.splitlines()) < 20
        assert differences(server.day, kept(tmp_path / "slmon.toml")) == []


def memory_of(running: Slmon) -> int:
    """What it has taken, in bytes, as `ulimit -v` counts it."""
    return int(Path(f"/proc/{running.process.pid}/statm").read_text(encoding="ascii").split()[0]) * PAGE


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux can take memory away from a process")
async def test_with_little_memory_left_browsers_are_sent_away_and_the_calls_go_on(tmp_path):
    async with pbx(minutes=6, per_minute=9) as server, daemon(configured(tmp_path, server.port), server) as running:
        port = int((await running.address()).rstrip("/").rpartition(":")[2])
        resource, pid = pytest.importorskip("resource"), running.process.pid
        unlimited = resource.prlimit(pid, resource.RLIMIT_AS)
        resource.prlimit(pid, resource.RLIMIT_AS, (memory_of(running) + SPARE_BYTES + 3_000_000, unlimited[1]))
        there, first_words = [], []
        for _ in range(600):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET /stream/alle HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
            there.append(writer)
            with contextlib.suppress(ConnectionError):
                first_words.append(await reader.readline())
        await whole_day(server)
        for writer in there:
            writer.close()
        resource.prlimit(pid, resource.RLIMIT_AS, unlimited)
        await until(lambda: metric(running, "slmon_calls_total"), float(len(server.day.truth)))
        await until(lambda: metric(running, "slmon_store_pending"), 0.0)
        assert first_words[0] == b"HTTP/1.1 200 OK\r\n"
        assert b"HTTP/1.1 503 Service Unavailable\r\n" in first_words
        assert 'slmon_web_refused_total{reason="memory"} 0.0' not in (await running.page("metrics"))[1]
        assert (server.logins, await metric(running, "slmon_pbx_reconnects_total")) == (1, 0.0)
        assert differences(server.day, kept(tmp_path / "slmon.toml")) == []


async def test_a_host_clock_that_is_years_ahead_purges_nothing_that_is_not_old_by_the_pbxs(tmp_path, monkeypatch):
    old, kept_yet = (CallRecord(CallId(f"pbx1/{days}"), "pbx1", host_now() - days * DAY, ended_at=host_now(),
                                outcome=Outcome.ABANDONED) for days in (500, 200))
    with contextlib.closing(CallStore(tmp_path / "slmon.db")) as store:
        store.save(old)
        store.save(kept_yet)
    monkeypatch.setattr("slmon.daemon.host_now", lambda: host_now() + 1000 * DAY)
    async with pbx(minutes=1, per_minute=1) as server:
        running = Daemon(load(configured(tmp_path, server.port)))
        ends = asyncio.create_task(running.run())

        async def calls() -> list[str]:
            return [record.call for record in running.store.since(0) if record.arrived_at < server.day.start - DAY]
        await until(calls, ["pbx1/200"])
        os.kill(os.getpid(), signal.SIGTERM)
        await ends
