"""The logs of one day's calls, in any order, each twice: the same rows, the same corrections, and never a worse row."""

import csv
import io
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest
from cutting import Heard, House, events_of, heard, random_cuts, wrong
from running import SECRET

from slmon.backfill.mend import look, unheard
from slmon.backfill.sources import Sources
from slmon.backfill.tables import Tables
from slmon.config import load
from slmon.core.facts import CallRecord, GapMarked
from slmon.core.instant import SECOND
from slmon.simulator.cel import CelLog
from slmon.simulator.day import LiveDay
from slmon.simulator.house import config_text
from slmon.simulator.plan import Rate
from slmon.simulator.queue_log import QueueLog
from slmon.simulator.truth import TrueCall
from slmon.store.calls import CallStore

START = 1_795_417_200 * SECOND
SHORT = (0, 1, 3, 7, 8, 9, 10, 14, 15, 16, 19)       # the columns of a short cel_custom.conf
COLUMNS = ("eventtype", "eventtime", "cid_name", "cid_num", "cid_ani", "cid_rdnis", "cid_dnid", "exten", "context",
           "channame", "appname", "appdata", "amaflags", "accountcode", "uniqueid", "linkedid", "peer", "userdeftype",
           "userfield", "extra")
QUEUE_COLUMNS = ("time", "callid", "queuename", "agent", "event", "data1", "data2", "data3", "data4", "data5")


@dataclass(frozen=True)
class Day:
    """A day that was played, and every form of log of it by name."""

    house: House
    logs: dict[str, Sources]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    folder = tmp_path_factory.mktemp("day")
    played = LiveDay(9, START, Rate(8.0, START, 0.2))
    frames: list[bytes] = [b"Asterisk Call Manager/9.0.0\r\n"]
    cel: list[bytes] = []
    queue_log: list[bytes] = []
    played.pbx.listeners.append(lambda privilege, name, frame: frames.append(frame))
    played.pbx.listeners.append(CelLog(lambda text: cel.extend(text.splitlines(keepends=True))))
    QueueLog(played.pbx, queue_log.append)
    played.clock.run()
    rows = [next(csv.reader([line.decode()])) for line in cel]
    (folder / "cel.csv").write_bytes(b"".join(cel))
    (folder / "short.csv").write_text(_csv([row[column] for column in SHORT] for row in rows), encoding="utf-8")
    whole = ([row[0], row[1].partition(".")[0], *row[2:]] for row in rows)
    (folder / "whole.csv").write_text(_csv(whole), encoding="utf-8")
    (folder / "queue_log").write_bytes(b"".join(queue_log))
    (folder / "Master.csv").write_text(_csv(map(_cdr, played.truth)), encoding="utf-8")
    with closing(sqlite3.connect(folder / "tables.db")) as database:
        _fill(database, "cel", COLUMNS, rows)
        _fill(database, "queue_log", QUEUE_COLUMNS, [
            [*(line.decode().rstrip("\n").split("|")), "", "", "", "", ""][:10] for line in queue_log])
    (folder / "address").write_text(f"sqlite:///{folder}/tables.db", encoding="utf-8")
    config = folder / "slmon.toml"
    config.write_text(config_text("127.0.0.1", 5038, "slmon", SECRET), encoding="utf-8")
    logs = {"CEL": Sources(cel=(folder / "cel.csv",)), "short CEL": Sources(cel=(folder / "short.csv",)),
            "CEL of whole seconds": Sources(cel=(folder / "whole.csv",)),
            "CEL table": Sources(tables=Tables(folder / "address", cel="cel")),
            "queue_log": Sources(queue_log=(folder / "queue_log",)),
            "queue_log table": Sources(tables=Tables(folder / "address", queue_log="queue_log")),
            "CDR": Sources(cdr=(folder / "Master.csv",))}
    return Day(House(load(config, {}), events_of([b"".join(frames)]), {}), logs)


def _csv(rows) -> str:
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _cdr(call: TrueCall) -> list[object]:
    """A row of a call: its beginning, its end, and whether a phone was in it."""
    began, ended = (f"{datetime.fromtimestamp((at or 0) // SECOND, UTC):%Y-%m-%d %H:%M:%S}"
                    for at in (call.arrived_at, call.ended_at))
    talked = call.answered_at is not None
    dest = f"{call.desks[0]}-00000001" if talked else ""
    return ["", call.caller, call.dialled, "from-trunk", "", "PJSIP/trunk-00000001", dest, "Dial", "", began,
            began if talked else "", ended, 1, 1, "ANSWERED" if talked else "NO ANSWER", "", call.uniqueid, ""]


def _fill(database: sqlite3.Connection, name: str, columns: tuple[str, ...], rows: list[list[str]]) -> None:
    database.execute(f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, {', '.join(columns)})")
    database.executemany(f"INSERT INTO {name} ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", rows)
    database.commit()


def backfilled(day: Day, found: Heard, names: list[str], folder: Path
               ) -> tuple[list[CallRecord], dict[tuple[str, str], tuple[object, object]]]:
    """The rows once these logs were read one after another, and what is corrected in all."""
    hours = day.house.config.phone_hours()
    with closing(CallStore(folder / "slmon.db")) as store:
        for record in found.calls:
            store.save(record)
        for since, until in found.spans[1:-1]:
            store.mark_gap(GapMarked("pbx1", since, until, "cut"))
        store.put_note("heard pbx1", str(found.spans[-1][0] - 1))
        store.flush(10)
        for name in names:
            spans = unheard(store, "pbx1", found.spans[-1][0] - 1)
            look(store, day.house.board(), hours.is_open, day.house.config.site.zone, day.logs[name], spans, None,
                 lambda call: False).keep(store, 1)
            store.flush(10)
        rows = list(store.since(0))
        net: dict[tuple[str, str], tuple[object, object]] = {}
        for record in rows:
            for each in store.corrections(record.call):
                net[each.call, each.field] = net.get((each.call, each.field), (each.before,))[0], each.after
    return rows, {key: change for key, change in net.items() if change[0] != change[1]}


@pytest.mark.parametrize("seed", range(2))
def test_in_any_order_and_each_twice_the_logs_give_the_same_rows_and_corrections(day, seed, tmp_path):
    chance = Random(seed)
    found = heard(day.house.board(), day.house.events, random_cuts(chance, day.house.events))
    names = chance.sample(sorted(day.logs), 3)
    results = []
    for number in range(3):
        (tmp_path / str(number)).mkdir()
        order = chance.sample(names * 2, 6)
        results.append(backfilled(day, found, order, tmp_path / str(number)))
    assert results[0] == results[1] == results[2], names
    assert not list(wrong(day.house.truth, results[0][0], found.spans))


@pytest.mark.parametrize("seed", range(3, 5))
def test_one_log_more_makes_no_row_wrong_and_none_worse(day, seed, tmp_path):
    chance = Random(seed)
    found = heard(day.house.board(), day.house.events, random_cuts(chance, day.house.events))
    names = chance.sample(sorted(day.logs), 4)
    results = []
    for many in range(1, 5):
        (tmp_path / str(many)).mkdir()
        rows, _ = backfilled(day, found, names[:many], tmp_path / str(many))
        assert not list(wrong(day.house.truth, rows, found.spans)), names[:many]
        results.append({row.call: row for row in rows})
    for fewer, more in pairwise(results):
        assert fewer.keys() <= more.keys()
        for call, row in fewer.items():
            assert _unknown(more[call]) <= _unknown(row), (names, row, more[call])


def _unknown(row: CallRecord) -> tuple[bool, ...]:
    """What is not known of it."""
    return row.outcome is None or row.outcome == "lost", row.transfer_untold, row.line is None
