"""The PBX's logs as tables of a database: whatever their form, they tell what the files tell; no secret is said."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC
from pathlib import Path

import pytest
import sqlalchemy
from databases import HOUSE, PASSWORD, SERVERS, Form, clock, put, put_cdr, put_cel, put_queue_log
from recorded import FOLDER, recording
from running import slmon, until
from structlog.testing import capture_logs
from test_backfill import LOGS, heard
from test_mending import backfill, house, mending_soon, wrong
from test_mending import heard as stored_heard

from slmon.backfill.database import opened
from slmon.backfill.sources import SourceError, Sources, gathered
from slmon.backfill.tables import Tables
from slmon.core.coverage import Told
from slmon.core.reconcile import reconciled

KINDS = ("cel", "queue_log", "cdr")
NAMES = {"cel": "cel", "queue_log": "queuelog", "cdr": "cdr"}


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, str]]:
    """The addresses of the databases that there are here."""
    with ExitStack() as stack:
        urls = {}
        for name, (served, program) in SERVERS.items():
            if program is not None:
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="slmon-")))
                folder.chmod(0o711)
                urls[name] = stack.enter_context(served(folder))
        yield urls


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest, servers: dict[str, str]) -> str:
    """The address of one of them."""
    if request.param not in servers:
        assert os.environ.get("CI") != "true", f"{request.param} is not installed, and in CI it must be"
        pytest.skip(f"there is no {request.param} here; apt install {request.param}")
    return servers[request.param]


def address(folder, url):
    """The file that slmon.toml names, as a person would write it."""
    file = folder / "pbx1.database"
    file.write_text(url.replace("+psycopg", "").replace("+pymysql", "") + "\n", encoding="utf-8")
    return file


def from_tables(name, folder, url, *kinds):
    """What the tables make of the recording's calls, and what was found out about them."""
    tables = Tables(address(folder, url), **{kind: NAMES[kind] for kind in kinds})
    return told(name, folder, Sources(tables=tables))


def from_files(name, folder, *kinds):
    return told(name, folder, Sources(**{kind: (FOLDER / name / LOGS[kind],) for kind in kinds}))


def told(name, folder, sources):
    of = recording(name)
    found, spans = heard(name, folder)
    logs = gathered(sources, of.board(), of.config.phone_hours().is_open, of.config.site.zone, found.calls, spans)
    assert not logs.unread
    return reconciled(found.calls, logs.accounts, spans), logs, spans


def exact(url):
    """The type for clock times with microseconds."""
    return "DATETIME(6)" if url.startswith("mariadb") else "TIMESTAMP"


def whole(url):
    return {"m": "DATETIME", "p": "TIMESTAMP(0)", "s": "VARCHAR(30)"}[url[0]]


FORMS = {
    "local clock": lambda url: Form(exact(url), clock if not url.startswith("sqlite") else lambda at: str(clock(at))),
    "UTC clock": lambda url: Form(exact(url), (lambda at: clock(at, UTC)) if not url.startswith("sqlite")
                                  else lambda at: str(clock(at, UTC))),
    "text": lambda url: Form("VARCHAR(40)", lambda at: f"{clock(at):%Y-%m-%d %H:%M:%S.%f}"),
    "text of seconds since 1970": lambda url: Form("VARCHAR(40)", lambda at: at, serial=False),
    "number": lambda url: Form("DOUBLE PRECISION" if not url.startswith("mariadb") else "DECIMAL(17,6)", float),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["restart", "reconnect"])
def test_tables_tell_of_every_call_what_the_files_tell(name, form, url, tmp_path):
    kept = FORMS[form](url)
    put_cel(url, name, kept)
    put_queue_log(url, name, kept)
    put_cdr(url, name, kept)
    found, logs, spans = from_tables(name, tmp_path, url, *KINDS)
    wanted, files, _ = from_files(name, tmp_path, *KINDS)
    assert found == wanted
    assert Told(logs.of_gaps("pbx1", spans)).by(*spans[1]) is Told(files.of_gaps("pbx1", spans)).by(*spans[1])
    zone = {"local clock": HOUSE, "UTC clock": "UTC", "text": HOUSE}.get(form)
    assert logs.said == [f"{each}: its times are taken as {zone}" for each in ("cel", "cdr", "queuelog") if zone]


@pytest.mark.parametrize("kind", KINDS)
def test_each_table_alone_tells_what_its_file_tells(kind, url, tmp_path):
    kept = FORMS["local clock"](url)
    {"cel": put_cel, "queue_log": put_queue_log, "cdr": put_cdr}[kind](url, "reconnect", kept)
    assert from_tables("reconnect", tmp_path, url, kind)[0] == from_files("reconnect", tmp_path, kind)[0]


def test_events_by_number_an_extra_of_another_name_and_one_column_for_all_that_was_said(servers, tmp_path):
    url, kept = servers["sqlite"], FORMS["text"](servers["sqlite"])
    numbers = {"CHAN_START": 1, "CHAN_END": 2, "HANGUP": 3, "ANSWER": 4, "APP_START": 5, "APP_END": 6,
               "BRIDGE_ENTER": 7, "BRIDGE_EXIT": 8, "BLINDTRANSFER": 11, "ATTENDEDTRANSFER": 12, "LINKEDID_END": 14,
               "PICKUP": 15, "LOCAL_OPTIMIZE": 17, "LOCAL_OPTIMIZE_BEGIN": 18, "STREAM_BEGIN": 19, "STREAM_END": 20,
               "DTMF": 21}
    put_cel(url, "reconnect", kept, numbers, extra="eventextra")
    put_queue_log(url, "reconnect", kept, one_column=True)
    found, _, _ = from_tables("reconnect", tmp_path, url, "cel", "queue_log")
    assert found == from_files("reconnect", tmp_path, "cel", "queue_log")[0]


def test_a_table_of_whole_seconds_gives_intervals_that_hold_what_the_exact_one_tells(url, tmp_path):
    put_cel(url, "reconnect", Form(whole(url), lambda at: str(clock(at))[:19] if "sqlite" in url else clock(at)))
    found, logs, _ = from_tables("reconnect", tmp_path, url, "cel")
    exactly = {record.call: record for record in from_files("reconnect", tmp_path, "cel")[0]}
    unsure = [record for record in found if record.answered_between]
    assert unsure
    assert all(each.slack for each in logs.accounts)
    for record in unsure:
        low, high = record.answered_between
        assert low <= exactly[record.call].answered_at <= high, record


def test_freepbx_has_a_beginning_and_a_duration(url, tmp_path):
    kept = Form(whole(url), lambda at: str(clock(at))[:19] if "sqlite" in url else clock(at))
    put_cdr(url, "reconnect", kept, freepbx=True)
    found, logs, _ = from_tables("reconnect", tmp_path, url, "cdr")
    by_file = {record.call: record for record in from_files("reconnect", tmp_path, "cdr")[0]}
    assert {record.call for record in found} == set(by_file)
    assert logs.accounts
    for record in found:
        if record.answered_between and by_file[record.call].answered_between:
            (low, high), (earliest, latest) = record.answered_between, by_file[record.call].answered_between
            assert (low <= earliest, high >= latest) == (True, True)


def test_only_what_the_gap_needs_is_read(url, tmp_path):
    kept = FORMS["local clock"](url)
    put_cel(url, "reconnect", kept)
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        old = connection.execute(sqlalchemy.text("SELECT max(eventtime) FROM cel")).scalar()
        moved = str(old).replace("2026-11", "2026-03") if isinstance(old, str) else old.replace(month=3)
        connection.execute(sqlalchemy.text(
            "INSERT INTO cel (eventtype, eventtime, uniqueid) VALUES ('CHAN_END', :at, 'x')"), [{"at": moved}] * 5000)
    rows = []
    of = recording("reconnect")
    found, spans = heard("reconnect", tmp_path)
    gathered(Sources(tables=Tables(address(tmp_path, url), cel="cel")), of.board(), lambda at: True,
             of.config.site.zone, found.calls, spans[1:2], rows.append)
    assert 1000 < sum(rows) < 5000


def test_nothing_can_be_written(url, tmp_path):
    put(url, "cel", {"eventtime": "VARCHAR(40)"}, [["1.5"]])
    with pytest.raises(SourceError, match=r"read.?only|READ ONLY"), opened(address(tmp_path, url)) as database:
        database._connection.execute(sqlalchemy.text("DELETE FROM cel"))


def test_an_empty_table_tells_nothing(url, tmp_path):
    for put_table in (put_cel, put_queue_log, put_cdr):
        put_table(url, "reconnect", FORMS["text"](url), only=lambda number: number == 0)
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    with engine.begin() as connection:
        for name in NAMES.values():
            connection.execute(sqlalchemy.text(f"DELETE FROM {name}"))
    found, logs, spans = from_tables("reconnect", tmp_path, url, *KINDS)
    assert (found, logs.accounts) == (heard("reconnect", tmp_path)[0].calls, [])
    assert logs.of_gaps("pbx1", spans) == ()


def test_slmon_backfill_reads_the_tables_that_slmon_toml_names_and_says_their_zone(url, tmp_path):
    put_cel(url, "reconnect", FORMS["local clock"](url))
    of = stored_heard("reconnect", tmp_path)
    address(tmp_path, url).chmod(0o600)
    config = house("reconnect", tmp_path, more='database_file = "pbx1.database"\ncel_table = "cel"\n')
    said = backfill(config, "reconnect")
    assert "slmon: cel: its times are taken as Europe/Copenhagen\n" in said
    assert re.search(r"slmon: [1-9][0-9]* calls corrected, 0 added", said)
    assert wrong(of, tmp_path) == []
    assert "0 calls corrected, 0 added" in backfill(config, "reconnect", "cel")
    assert PASSWORD not in said


async def test_slmon_that_runs_reads_the_tables_when_asked_and_after_a_gap(servers, tmp_path, monkeypatch):
    put_cel(servers["sqlite"], "reconnect", FORMS["text"](servers["sqlite"]))
    of = stored_heard("reconnect", tmp_path)
    address(tmp_path, servers["sqlite"])
    config = house("reconnect", tmp_path, more='database_file = "pbx1.database"\ncel_table = "cel"\n')
    with capture_logs() as said:
        async with mending_soon(of, config, monkeypatch):
            async def mended() -> list[str]:
                return wrong(of, tmp_path)
            await until(mended, [])
            async with slmon("backfill", "--config", config) as asking:
                assert await asking.ended() == 0
                assert "0 calls corrected, 0 added" in asking.said, asking.said
    assert "cel: its times are taken as Europe/Copenhagen" in [line.get("found") for line in said]


# ---- what goes wrong -----------------------------------------------------------------------------------------------

def trouble(folder, text, cel="cel"):
    """What is said when the file holds this text."""
    file = folder / "pbx1.database"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError) as raised:
        from_tables_of(folder, file, cel)
    assert raised.value.__context__ is None or raised.value.__suppress_context__
    assert PASSWORD not in str(raised.value)
    return str(raised.value)


def from_tables_of(folder, file, cel):
    of = recording("smoke")
    return gathered(Sources(tables=Tables(file, cel=cel)), of.board(), lambda at: True, of.config.site.zone, [],
                    ((0, 1),))


@pytest.mark.parametrize("url", ["postgresql", "mariadb"], indirect=True)
def test_a_wrong_password_is_said_without_it(url, tmp_path):
    said = trouble(tmp_path, url.replace(f":{PASSWORD}@", f":{PASSWORD}-{PASSWORD}@"))
    assert "cannot be read" in said
    assert "slmon" in said


@pytest.mark.parametrize("text", ["", PASSWORD, f"mariadb://slmon:{PASSWORD}@", f"oracle://slmon:{PASSWORD}@h/db",
                                  f"mariadb://slmon:{PASSWORD}@h:port/db", f"://{PASSWORD}", f"{PASSWORD}://x/y"])
def test_a_file_that_holds_no_address_names_the_form_and_nothing_of_what_it_holds(text, tmp_path):
    assert "write mariadb://user:password@host/asteriskcdrdb" in trouble(tmp_path, text)


@pytest.mark.parametrize("scheme", ["postgresql", "mariadb"])
def test_a_database_that_does_not_answer_is_said(scheme, tmp_path):
    said = trouble(tmp_path, f"{scheme}://slmon:{PASSWORD}@127.0.0.1:1/asteriskcdrdb?secret={PASSWORD}")
    assert f"({scheme}, asteriskcdrdb): cannot be read" in said


def test_a_table_or_a_column_that_is_not_there_is_said_with_those_that_are(servers, tmp_path):
    url = servers["sqlite"]
    put(url, "cel", {"eventtime": "TEXT", "wrong": "TEXT"}, [["1.5", ""]])
    put(url, "cdr", {"calldate": "TEXT"}, [["1.5"]])
    assert "has no table cell that can be read; there is cdr, cel" in trouble(tmp_path, url, "cell")
    assert "table cel: has no column uniqueid; there is eventtime, id, wrong" in trouble(tmp_path, url)


def test_a_database_that_is_not_there_is_made_by_nobody(tmp_path):
    assert "unable to open database file" in trouble(tmp_path, f"sqlite:///{tmp_path}/none.db")
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(SourceError, match=r"/no: no such file"):
        from_tables_of(tmp_path, tmp_path / "no", "cel")


@pytest.mark.parametrize(("module", "text"), [("sqlalchemy", "sqlite:///x.db"), ("pymysql", "mysql://h/db"),
                                              ("psycopg", "postgresql://h/db")])
def test_without_the_extra_the_cure_is_named(module, text, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, module, None)
    assert "pip install 'slmon[database]'" in trouble(tmp_path, text)
