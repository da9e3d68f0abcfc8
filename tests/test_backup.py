"""`slmon backup` copies what is there at one moment, refuses what it must not touch, and stops nobody."""

import sqlite3
from contextlib import closing

import pytest
from running import configured, host_now
from typer.testing import CliRunner

from slmon.cli import app
from slmon.core.facts import CallId, CallRecord, Outcome
from slmon.core.instant import SECOND
from slmon.store.calls import CallReader, CallStore


def call(number):
    at = host_now() - 60 * SECOND
    return CallRecord(CallId(f"pbx1/{number}"), "pbx1", at + number, ended_at=at + SECOND, outcome=Outcome.ABANDONED)


def copied(config, out):
    return CliRunner().invoke(app, ["backup", "--config", str(config), str(out)])


@pytest.fixture
def config(tmp_path):
    return configured(tmp_path, 5038)


def test_all_that_was_saved_is_in_the_copy_and_slmon_goes_on(config, tmp_path):
    store = CallStore(tmp_path / "slmon.db", batch_seconds=0.01)
    for number in range(300):
        store.save(call(number))
    store.flush()
    done = copied(config, tmp_path / "copy.db")
    store.save(call(300))
    store.close()
    assert (done.exit_code, "300 calls" in done.output) == (0, True), done.output
    assert len(list(CallReader(tmp_path / "copy.db").since(0))) == 300
    assert (tmp_path / "copy.db").stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in tmp_path.glob("copy*")) == ["copy.db"]


def test_a_copy_is_a_store_like_any_other(config, tmp_path):
    with closing(CallStore(tmp_path / "slmon.db")) as store:
        store.save(call(1))
        store.flush()
    copied(config, tmp_path / "copy.db")
    with closing(CallStore(tmp_path / "copy.db")) as again:
        assert again.set_aside is None
        again.save(call(2))
        again.flush()
        assert len(list(again.since(0))) == 2


def test_what_is_there_already_is_not_overwritten(config, tmp_path):
    CallStore(tmp_path / "slmon.db").close()
    (tmp_path / "copy.db").write_text("precious", encoding="ascii")
    done = copied(config, tmp_path / "copy.db")
    assert (done.exit_code, "is there already" in done.output) == (2, True)
    assert (tmp_path / "copy.db").read_text(encoding="ascii") == "precious"


def test_without_a_database_nothing_is_made(config, tmp_path):
    done = copied(config, tmp_path / "copy.db")
    assert (done.exit_code, "there is no such file" in done.output) == (1, True)
    assert [each.name for each in tmp_path.iterdir()] == ["slmon.toml"]


def test_of_a_damaged_database_no_copy_is_left(config, tmp_path):
    with closing(CallStore(tmp_path / "slmon.db")) as store:
        for number in range(3000):
            store.save(call(number))
        store.flush()
    with closing(sqlite3.connect(tmp_path / "slmon.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray((tmp_path / "slmon.db").read_bytes())
    data[len(data) // 2:len(data) // 2 + 40_000] = b"\x5a" * 40_000
    (tmp_path / "slmon.db").write_bytes(data)
    done = copied(config, tmp_path / "copy.db")
    assert (done.exit_code, "is damaged" in done.output) == (1, True), done.output
    assert not list(tmp_path.glob("copy*"))


def test_a_folder_that_is_not_there_is_wrong_input(config, tmp_path):
    CallStore(tmp_path / "slmon.db").close()
    assert copied(config, tmp_path / "nowhere" / "copy.db").exit_code == 2
