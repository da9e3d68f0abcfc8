"""`slmon check` says what is wrong, where, and the cure, and its exit code whether anything is."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import structlog
from ami_server import ACCOUNTS
from running import SECRET, configured, host_now, slmon
from typer.testing import CliRunner

from slmon.cli import app
from slmon.commands.check import cure_of
from slmon.simulator.plan import Rate
from slmon.simulator.server import Account, AmiServer, LiveDay, running_day
from slmon.store.calls import CallStore

MEANT = {name: Account(SECRET, account.read, account.reporting, account.originate)
         for name, account in ACCOUNTS.items()}


def as_user(name: str, config: Path) -> Path:
    config.write_text(config.read_text(encoding="utf-8").replace('username = "slmon"', f'username = "{name}"'),
                      encoding="utf-8")
    return config


async def checked(config: Path, seconds: float = 15, **environment: str) -> tuple[int, str]:
    async with slmon("check", "--config", config, "--seconds", seconds, **environment) as running:
        return await running.ended(), running.said


@pytest.fixture
def checked_soon(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Awaitable[tuple[int, str]]]]:
    """The same in this process, which listens for a moment instead of some seconds."""
    monkeypatch.setattr("slmon.commands.check.LISTEN_SECONDS", 0.2)
    monkeypatch.setattr("slmon.commands.check.LOOK_EVERY_SECONDS", 0.1)

    async def check(config: Path, seconds: float = 15) -> tuple[int, str]:
        found = await asyncio.to_thread(
            CliRunner().invoke, app, ["check", "--config", str(config), "--seconds", str(seconds)])
        return found.exit_code, found.output
    logs = structlog.get_config()
    yield check
    structlog.configure(**logs)


def busy_pbx() -> AmiServer:
    return AmiServer(running_day(3, host_now(), per_minute=30), MEANT)


async def test_where_all_is_well_it_says_so_and_makes_no_file(tmp_path):
    async with busy_pbx() as pbx:
        code, said = await checked(configured(tmp_path, pbx.port))
    assert code == 0, said
    assert "logged in, and the lists came" in said
    assert "queues with members: dagpenge, efterløn, medlemskab, overløb" in said
    assert "wrong" not in said
    assert [path.name for path in tmp_path.iterdir()] == ["slmon.toml"]


@pytest.mark.parametrize(("user", "cure"), [("blind", "write = reporting"), ("deaf", "read = call,agent")])
async def test_a_right_that_is_missing_is_named(checked_soon, tmp_path, user, cure):
    async with busy_pbx() as pbx:
        code, said = await checked_soon(as_user(user, configured(tmp_path, pbx.port)))
    assert (code, [cure in line for line in said.splitlines() if "wrong" in line]) == (1, [True]), said


async def test_a_right_too_many_is_named_and_no_mistake(checked_soon, tmp_path):
    async with busy_pbx() as pbx:
        code, said = await checked_soon(as_user("caller", configured(tmp_path, pbx.port)))
    assert (code, "the login may Originate, which slmon never asks for" in said) == (0, True)


async def test_that_nobody_comes_in_through_inbound_is_said_with_where_they_do(checked_soon, tmp_path):
    config = configured(tmp_path, 1)
    text = config.read_text(encoding="utf-8")
    async with AmiServer(running_day(3, host_now()), MEANT, speed=60) as pbx:
        for written, said_of_it in ("from-trunk", "ok.*calls come in through `inbound`"), (
                "from-trunks", "but through.* from-trunk[,;].*put it into `inbound`"):
            meant = text.replace("port = 1\n", f"port = {pbx.port}\n")
            config.write_text(meant.replace('"from-trunk"', f'"{written}"'), encoding="utf-8")
            _, said = await checked_soon(config)
            assert re.search(said_of_it, said), said


async def test_on_a_quiet_pbx_it_says_what_only_a_call_can_show(checked_soon, tmp_path):
    day = LiveDay(7, host_now(), Rate(1e-9), desks=False)
    async with AmiServer(day, MEANT) as pbx:
        code, said = await checked_soon(configured(tmp_path, pbx.port), seconds=2)
    assert (code, "so ring in and check" in said) == (0, True), said


async def test_a_clock_that_is_off_is_named(checked_soon, tmp_path):
    async with AmiServer(running_day(3, host_now() - 600 * 10**6), MEANT) as pbx:
        code, said = await checked_soon(configured(tmp_path, pbx.port))
    assert (code, "its clock is 600 s behind this machine's; let both follow a time server" in said) == (1, True), said


async def test_a_wrong_secret_is_said_with_where_to_look_and_not_shown(checked_soon, tmp_path):
    async with AmiServer(running_day(3, host_now()), {"slmon": Account("another")}) as pbx:
        code, said = await checked_soon(configured(tmp_path, pbx.port))
    assert (code, "compare username and secret with manager.conf" in said, SECRET in said) == (1, True, False), said


@pytest.mark.parametrize(("reason", "cure"), [
    ("127.0.0.1: connection refused", "is the PBX running"),
    ("certificate of pbx1 refused: unable to get local issuer certificate", "ca_file and server_name"),
    ("port 5038 speaks no TLS", "tls, port"),
    ("ca_file pbx-ca.pem: no such file or directory", "ca_file and server_name"),
    ("the PBX refuses a login by MD5: Permission denied", "compare username and secret"),
    ("pbx.invalid has no address", "see host and port")])
def test_each_trouble_has_its_own_cure(reason, cure):
    assert cure in cure_of(reason)


async def test_what_lies_beside_the_database_is_named_with_what_to_do_about_it(checked_soon, tmp_path):
    (tmp_path / "slmon.db.broken-20261125T090000Z").write_bytes(b"x")
    (tmp_path / "slmon.db.spool").write_bytes(b'{"spool": 1}\n')
    CallStore(tmp_path / "other.db").close()
    (tmp_path / "other.db").rename(tmp_path / "slmon.db")
    async with busy_pbx() as pbx:
        code, said = await checked_soon(configured(tmp_path, pbx.port))
    assert code == 0, said
    assert "slmon.db.broken-20261125T090000Z was damaged and set aside; slmon merge takes in" in said
    assert "slmon.db.spool holds what the database could not take" in said


async def test_a_zone_that_is_hours_off_is_said_with_both_times(tmp_path):
    config = configured(tmp_path, port=1)                    # where nobody is: the zone is told all the same
    text = config.read_text(encoding="utf-8")
    for zone, minutes in (("Etc/UTC", []), ("Asia/Tokyo", [9 * 60])):
        config.write_text(re.sub(r'timezone = ".*"', f'timezone = "{zone}"', text), encoding="utf-8")
        _, said = await checked(config, seconds=1, TZ="UTC")
        assert f" in {zone}" in said
        both = re.findall(rf"clock: it is (\S+) in {zone}, and (\S+) by this machine's own zone", said)
        times = [[int(each[:2]) * 60 + int(each[3:]) for each in pair] for pair in both]
        assert [(there - here) % (24 * 60) for there, here in times] == minutes, said
