"""Databases of a PBX for the tests: SQLite, and PostgreSQL and MariaDB really started on loopback. No test is here."""

import csv
import lzma
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy
from recorded import FOLDER

PASSWORD = "meget-hemmelig-4711"
HOUSE = ZoneInfo("Europe/Copenhagen")
UP_SECONDS = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def program(*names: str) -> str | None:
    """Where a server's program is; Debian keeps those of PostgreSQL out of the way."""
    folders = [*map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)), "/usr/sbin"]
    return next((found for name in names if (found := shutil.which(name) or shutil.which(
        name, path=os.pathsep.join(folders)))), None)


def _user(name: str, folder: Path) -> dict[str, Any]:
    """Servers refuse to be root: as root they run as the user that their package made."""
    if os.getuid() != 0:
        return {}
    shutil.chown(folder, name, name)
    return {"user": name, "group": name}


@contextmanager
def _served(command: Sequence[str], folder: Path, url: str, **who: Any) -> Iterator[str]:
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **who)
    try:
        _wait_for(url, server, folder / "server.log")
        yield url
    finally:
        server.terminate()
        server.wait(UP_SECONDS)


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    until = time.monotonic() + UP_SECONDS
    while True:
        try:
            engine.connect().close()
            return
        except sqlalchemy.exc.SQLAlchemyError:
            if server.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the server did not come up: {log.read_text()[-2000:]}") from None
            time.sleep(0.1)


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """The address of an empty database of a new server, whose files are in the folder."""
    port, data = free_port(), folder / "data"
    who = _user("postgres", folder)
    secret = folder / "secret"
    secret.write_text(PASSWORD, encoding="ascii")
    secret.chmod(0o644)
    subprocess.run([str(program("initdb")), "-D", data, "-U", "slmon", "-A", "scram-sha-256", f"--pwfile={secret}",
                    "-N", "--locale=C.UTF-8"], check=True, capture_output=True, cwd=folder, **who)
    with _served([str(program("postgres")), "-D", str(data), "-p", str(port), "-h", "127.0.0.1", "-k", str(folder),
                  "-F"], folder, f"postgresql+psycopg://slmon:{PASSWORD}@127.0.0.1:{port}/postgres", **who) as url:
        yield url


@contextmanager
def mariadb(folder: Path) -> Iterator[str]:
    """The address of an empty database of a new server, whose files are in the folder."""
    port, data = free_port(), folder / "data"
    who = _user("mysql", folder)
    subprocess.run([str(program("mariadb-install-db")), "--no-defaults", f"--datadir={data}", "--skip-test-db",
                    "--auth-root-authentication-method=normal"], check=True, capture_output=True, cwd=folder, **who)
    start = folder / "start.sql"
    start.write_text(f"CREATE DATABASE asteriskcdrdb;\nCREATE USER slmon@'127.0.0.1' IDENTIFIED BY '{PASSWORD}';\n"
                     "GRANT ALL ON asteriskcdrdb.* TO slmon@'127.0.0.1';\n", encoding="ascii")
    start.chmod(0o644)
    with _served([str(program("mariadbd")), "--no-defaults", f"--datadir={data}", f"--port={port}",
                  "--bind-address=127.0.0.1", f"--socket={folder}/s", f"--pid-file={folder}/pid",
                  f"--init-file={start}", "--skip-name-resolve", "--innodb-flush-log-at-trx-commit=0"], folder,
                 f"mariadb+pymysql://slmon:{PASSWORD}@127.0.0.1:{port}/asteriskcdrdb", **who) as url:
        yield url


@contextmanager
def sqlite(folder: Path) -> Iterator[str]:
    """The address of an empty database."""
    (folder / "master.db").touch()
    yield f"sqlite:///{folder / 'master.db'}"


SERVERS: dict[str, tuple[Callable[[Path], object], str | None]] = {
    "sqlite": (sqlite, sys.executable), "postgresql": (postgresql, program("initdb")),
    "mariadb": (mariadb, program("mariadb-install-db"))}


# ---- the recordings' logs as tables --------------------------------------------------------------------------------

def lines(name: str, log: str) -> list[bytes]:
    """The lines of a log of a recording."""
    return lzma.decompress((FOLDER / name / log).read_bytes()).splitlines(keepends=True)


def clock(epoch: str, zone: tzinfo = HOUSE) -> datetime:
    """`1795420031.621434` as the clock of the zone shows it."""
    seconds, _, fraction = epoch.partition(".")
    exact = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(
        seconds=int(seconds), microseconds=int((fraction + "000000")[:6]))
    return exact.astimezone(zone).replace(tzinfo=None)


@dataclass(frozen=True, slots=True)
class Form:
    """How a house keeps its tables. `moment`: what is put into the column for the time."""

    time: str
    moment: Callable[[str], object]
    serial: bool = True


def put(url: str, table: str, columns: dict[str, str], rows: Sequence[Sequence[object]], serial: bool = True) -> None:
    """Make a table and fill it."""
    engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool)
    kinds = {"postgresql": "SERIAL PRIMARY KEY", "sqlite": "INTEGER PRIMARY KEY",
             "mariadb": "INT AUTO_INCREMENT PRIMARY KEY"}
    quote = engine.dialect.identifier_preparer.quote
    defined = [f"{quote(name)} {kind}" for name, kind in columns.items()]
    if serial:
        defined.insert(0, f"id {kinds[engine.dialect.name]}")
    of = sqlalchemy.table(table, *(sqlalchemy.column(name) for name in columns))
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {quote(table)}")
        connection.exec_driver_sql(f"CREATE TABLE {quote(table)} ({', '.join(defined)})")
        connection.execute(of.insert(), [dict(zip(columns, row, strict=True)) for row in rows])


def put_cel(url: str, name: str, form: Form, numbers: dict[str, int] | None = None, extra: str = "extra",
            only: Callable[[int], bool] = lambda number: True) -> None:
    """The recording's CEL as table cel; `numbers`: what events are called."""
    values = [row for number, row in enumerate(csv.reader(line.decode() for line in lines(name, "cel.csv.xz")))
              if only(number)]
    rows = [[numbers[row[0]] if numbers else row[0], form.moment(row[1]), *row[2:9], row[10]] for row in values]
    kinds = "INT" if numbers else "VARCHAR(30)"
    put(url, "cel", {"eventtype": kinds, "eventtime": form.time, "cid_num": "VARCHAR(80)", "exten": "VARCHAR(80)",
                     "context": "VARCHAR(80)", "channame": "VARCHAR(80)", "appname": "VARCHAR(80)",
                     "uniqueid": "VARCHAR(80)", "linkedid": "VARCHAR(80)", extra: "VARCHAR(512)"}, rows, form.serial)


def put_queue_log(url: str, name: str, form: Form, one_column: bool = False,
                  only: Callable[[int], bool] = lambda number: True) -> None:
    """The recording's queue_log as table queuelog; `one_column`: what was said of an event in one."""
    rows = []
    for number, line in enumerate(lines(name, "queue_log.xz")):
        if only(number):
            at, call, queue, agent, event, *more = line.decode().rstrip("\n").split("|")
            said = ["|".join(more)] if one_column else [*more, "", "", "", "", ""][:5]
            rows.append([form.moment(at), call, queue, agent, event, *said])
    named = ["data"] if one_column else [f"data{number}" for number in range(1, 6)]
    put(url, "queuelog", {"time": form.time, "callid": "VARCHAR(80)", "queuename": "VARCHAR(80)",
                          "agent": "VARCHAR(80)", "event": "VARCHAR(32)", **dict.fromkeys(named, "VARCHAR(100)")},
        rows, form.serial)


def put_cdr(url: str, name: str, form: Form, freepbx: bool = False,
            only: Callable[[int], bool] = lambda number: True) -> None:
    """The recording's CDR as table cdr; `freepbx`: with a beginning and durations."""
    def moment(text: str) -> object:
        return form.moment(f"{datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp():.0f}") if text else None

    named = ["src", "dst", "dcontext", "channel", "dstchannel", "lastapp", "disposition", "uniqueid", "linkedid"]
    rows = []
    for number, row in enumerate(csv.reader(line.decode() for line in lines(name, "Master.csv.xz"))):
        if only(number):
            rest = [row[1], row[2], row[3], row[5], row[6], row[7], row[14], row[16], row[19]]
            times = [moment(row[9]), int(row[12]), int(row[13])] if freepbx else [moment(each) for each in row[9:12]]
            rows.append([*times, *rest])
    times = ({"calldate": form.time, "duration": "INT", "billsec": "INT"} if freepbx
             else dict.fromkeys(["start", "answer", "end"], form.time))
    put(url, "cdr", {**times, **dict.fromkeys(named, "VARCHAR(80)")}, rows, form.serial)
