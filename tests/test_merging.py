"""`slmon merge` takes in what another database holds, once, as far as it can be read, and never writes to it."""

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from running import configured, host_now, slmon, until
from test_mending import quiet_pbx, up
from test_store import FULL, RANG_IN, ended, opened, ringing
from typer.testing import CliRunner

from slmon.cli import app
from slmon.core.account import Account
from slmon.core.facts import CallId, GapMarked, Outcome, Quality
from slmon.core.instant import SECOND
from slmon.store.calls import CallReader
from slmon.store.merging import BETWEEN, UNREADABLE, better


@pytest.fixture
def config(tmp_path):
    return configured(tmp_path, 5038)


def merged(config, file, *options):
    done = CliRunner().invoke(app, ["merge", "--config", str(config), str(file), *options])
    assert done.exit_code == 0, done.output
    return done.output


def everything(path):
    reader = CallReader(path)
    with closing(sqlite3.connect(path)) as db:
        audit = db.execute("SELECT * FROM audit").fetchall()
    return list(reader.since(0)), reader.gaps(0, 1 << 60), audit


def test_both_databases_calls_gaps_and_audit_are_there_once_and_again_changes_nothing(config, tmp_path):
    now = host_now() - 3600 * SECOND
    with opened(tmp_path / "old.db") as old:
        old.save(ended(ringing(1, now)))
        old.save(ringing(2, now + SECOND))
        old.save(replace(FULL, call=CallId("pbx1/3"), arrived_at=now + 2 * SECOND))
        old.mark_gap(GapMarked("pbx1", now - 9 * SECOND, now - 5 * SECOND, "connection reset"))
        old.audit("leder", "goals odense", now)
        old.put_note("heard pbx1", str(now + 100 * SECOND))
    with opened(tmp_path / "slmon.db") as store:
        store.save(ended(ringing(2, now + SECOND)))
        store.save(ended(ringing(9, now + 105 * SECOND)))
    before = (tmp_path / "old.db").read_bytes()
    assert "2 calls of" in merged(config, tmp_path / "old.db")
    calls, gaps, audit = found = everything(tmp_path / "slmon.db")
    assert [record.call.rpartition(".")[2] for record in calls] == ["1", "2", "pbx1/3", "9"]
    assert calls[1] == ended(ringing(2, now + SECOND))
    assert [gap.reason for gap in gaps] == ["connection reset"]
    assert audit == [(now, "leder", "goals odense")]
    assert "0 calls of" in merged(config, tmp_path / "old.db")
    assert everything(tmp_path / "slmon.db") == found
    assert (tmp_path / "old.db").read_bytes() == before


def test_the_better_of_two_rows_stays():
    live, lost = ended(ringing()), replace(ended(ringing()), outcome=Outcome.LOST)
    assert better(live, lost)
    assert better(live, ringing())
    assert better(live, replace(live, quality=Quality.CEL))
    assert better(replace(live, quality=Quality.CEL), replace(lost, quality=Quality.LIVE))
    assert not better(live, live)


def test_from_the_end_of_a_restored_copy_to_the_beginning_of_the_present_one_is_a_gap(config, tmp_path):
    with opened(tmp_path / "old.db") as old:
        old.save(ended(ringing(1)))
        old.save(replace(ended(ringing(7, RANG_IN + 1000 * SECOND)), quality=Quality.CEL))     # told, and not heard
        old.put_note("heard pbx1", str(RANG_IN + 100 * SECOND))
    with opened(tmp_path / "slmon.db") as store:
        store.save(ended(ringing(2, RANG_IN + 5000 * SECOND)))
    merged(config, tmp_path / "old.db")
    assert CallReader(tmp_path / "slmon.db").gaps(0, 1 << 60) == [
        GapMarked("pbx1", RANG_IN + 100 * SECOND, RANG_IN + 5000 * SECOND, BETWEEN)]


def damaged(path, calls):
    """A database of so many calls, one a second, of which a few pages in the middle of its table are torn."""
    with opened(path) as store:
        for number in range(calls):
            store.save(ended(ringing(number, RANG_IN + number * SECOND)))
        store.flush(60)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute("SELECT pageno FROM dbstat WHERE name = 'calls' AND pagetype = 'leaf' LIMIT 1 OFFSET 20"
                             ).fetchone() if has_dbstat(db) else (60,)
    content = bytearray(path.read_bytes())
    content[(page - 1) * 4096:page * 4096] = b"\xff" * 4096
    path.write_bytes(content)


def has_dbstat(db):
    return ("ENABLE_DBSTAT_VTAB",) in db.execute("PRAGMA compile_options").fetchall()


def test_of_a_damaged_database_every_call_that_can_be_read_comes_in_and_the_rest_is_a_gap(config, tmp_path):
    broken = tmp_path / "slmon.db.broken-20261123T120000Z"
    damaged(broken, 2000)
    content = broken.read_bytes()
    with opened(tmp_path / "slmon.db"):
        pass
    said = merged(config, broken)
    calls, gaps, _ = everything(tmp_path / "slmon.db")
    missing = sorted({RANG_IN + number * SECOND for number in range(2000)} - {record.arrived_at for record in calls})
    assert 0 < len(missing) < 100
    assert f"at most {len(missing)} calls cannot be read" in said
    (gap,) = [each for each in gaps if each.reason == UNREADABLE]
    assert gap.since < missing[0]
    assert missing[-1] < gap.until
    assert all(record == ended(ringing((record.arrived_at - RANG_IN) // SECOND, record.arrived_at)) for record in calls)
    assert broken.read_bytes() == content


def test_of_a_database_whose_version_is_past_reading_the_calls_come_in(config, tmp_path):
    with opened(tmp_path / "torn.db") as store:
        store.save(ended(ringing()))
    with closing(sqlite3.connect(tmp_path / "torn.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = db.execute("SELECT rootpage FROM sqlite_master WHERE name = '_sqlite_migrations'").fetchone()
    with (tmp_path / "torn.db").open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    with opened(tmp_path / "slmon.db"):
        pass
    assert "1 calls of" in merged(config, tmp_path / "torn.db")


def test_rows_that_make_no_sense_cost_no_other_row_and_are_said(config, tmp_path):
    with opened(tmp_path / "torn.db") as store:
        store.save(ended(ringing()))
        store.mark_gap(GapMarked("pbx1", RANG_IN - 9 * SECOND, RANG_IN - 5 * SECOND, "connection reset"))
        store.keep_account(Account(Quality.CEL, ended(ringing())))
        store.put_note("heard pbx1", "half past nine")
    with closing(sqlite3.connect(tmp_path / "torn.db")) as db, db:
        db.execute("UPDATE accounts SET told = substr(told, 1, 9)")
        db.execute("INSERT INTO told VALUES ('pbx1', 'hearsay', 1, 2, 3)")
        db.execute("INSERT INTO unaccounted VALUES (CAST(x'ff' AS TEXT), 1, 'lost')")
    with opened(tmp_path / "slmon.db"):
        pass
    said = merged(config, tmp_path / "torn.db")
    assert "1 calls of" in said
    torn = ("accounts", "notes", "told", "unaccounted")
    assert [table for table in torn if f"not all of the table {table} can be read" in said] == list(torn)
    calls, gaps, _ = everything(tmp_path / "slmon.db")
    assert (calls, gaps[0].reason) == ([ended(ringing())], "connection reset")


def test_of_a_database_that_was_cut_short_the_beginning_comes_in(config, tmp_path):
    damaged(tmp_path / "cut.db", 2000)
    with (tmp_path / "cut.db").open("r+b") as file:
        file.truncate(file.seek(0, 2) * 3 // 4)
    with opened(tmp_path / "slmon.db"):
        pass
    merged(config, tmp_path / "cut.db")
    calls, gaps, _ = everything(tmp_path / "slmon.db")
    assert 1000 < len(calls) < 2000
    assert UNREADABLE in {gap.reason for gap in gaps}


def test_what_is_only_in_the_journal_yet_comes_in_too_and_the_journal_stays(config, tmp_path):
    with opened(tmp_path / "slmon.db") as store:
        store.save(ended(ringing(1)))
        store.flush(60)
        for name in ("slmon.db", "slmon.db-wal"):
            (tmp_path / name.replace("slmon.db", "aside.db")).write_bytes((tmp_path / name).read_bytes())
    with opened(tmp_path / "slmon.db") as store:
        store.purge(0, RANG_IN * 2)
    journal = (tmp_path / "aside.db-wal").read_bytes()
    assert journal
    assert "1 calls of" in merged(config, tmp_path / "aside.db")
    assert (tmp_path / "aside.db-wal").read_bytes() == journal
    assert sorted(each.name for each in tmp_path.glob("aside*")) == ["aside.db", "aside.db-wal"]


@pytest.mark.parametrize("content", [b"no database at all " * 300, b""])
def test_a_file_that_is_no_database_of_ours_is_said_and_nothing_changed(config, tmp_path, content):
    with opened(tmp_path / "slmon.db"):
        pass
    (tmp_path / "other.db").write_bytes(content)
    done = CliRunner().invoke(app, ["merge", "--config", str(config), str(tmp_path / "other.db")])
    assert done.exit_code == 1
    assert "other.db" in done.stderr
    assert (tmp_path / "other.db").read_bytes() == content


def test_the_present_database_is_not_merged_into_itself(config, tmp_path):
    with opened(tmp_path / "slmon.db"):
        pass
    done = CliRunner().invoke(app, ["merge", "--config", str(config), str(tmp_path / "slmon.db")])
    assert (done.exit_code, "is the present database itself" in done.stderr) == (1, True)


async def test_slmon_that_runs_merges_it_itself_and_its_board_knows(tmp_path):
    with opened(tmp_path / "old.db") as old:
        for number in range(30):
            old.save(replace(ended(ringing(number, host_now() - 60 * SECOND)), asked_at=host_now() - 60 * SECOND))
    async with quiet_pbx() as server:
        config = configured(tmp_path, server.port)
        config.write_text(config.read_text(encoding="utf-8").replace('secret = "rigtig-hemmelig-kode"',
                                                                     'secret = "hemmelig"'), encoding="utf-8")
        async with slmon("run", "--config", config) as running:
            await until(lambda: up(running))
            async with slmon("merge", "--config", config, tmp_path / "old.db") as asking:
                assert await asking.ended() == 0, asking.said
                assert "30 calls of" in asking.said

            async def offered() -> int:
                return (await running.board())["today"]["of"]
            await until(offered, 30)
