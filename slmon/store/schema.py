"""Open the database: make it, check it, bring it up to date, set it aside when it is broken. Knows tables, no calls.

Every moment is stored as whole microseconds since 1970 UTC, as the core has it: exact, sorted and small.
"""

import errno
import glob
import os
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

APPLICATION = 0x736C6D6E          # "slmn": tells this database from another program's
BUSY_SECONDS = 1.0
STEPS_BETWEEN_LOOKS = 10_000      # of SQLite's, until a check sees that it is to end
JOURNAL_BYTES = 16_000_000
BROKEN = ".broken-"
JOURNAL = "-wal"
COMPANIONS = (JOURNAL, "-shm")

migrations = Migrations("slmon")
"""Names are for good: what has run on a house's database is never changed, only followed by another."""


class StoreError(Exception):
    """The store cannot be used; the message names the file and the cure."""


class StoreBusy(StoreError):
    """Another slmon writes to the store."""


@migrations(name="001_calls")
def _calls(db: Database) -> None:
    db.execute("""
        CREATE TABLE calls (
            id INTEGER PRIMARY KEY,
            call TEXT NOT NULL,                   -- <pbx>/<Uniqueid>; again after an hour it is another call
            pbx TEXT NOT NULL,
            arrived_at INTEGER NOT NULL,          -- every ..._at: microseconds since 1970 UTC
            line TEXT,
            dialled TEXT NOT NULL,
            caller TEXT,                          -- h:<key id>:<keyed hash>, never a number
            queues TEXT NOT NULL,                 -- JSON list, in order
            asked_at INTEGER,
            answered_at INTEGER,
            answer_unsure INTEGER NOT NULL,       -- 1: answered somewhere in [answered_from, answered_until]
            answered_from INTEGER,
            answered_until INTEGER,
            talking_at INTEGER,
            ended_at INTEGER,                     -- NULL: the call is open
            outcome TEXT,
            ended_by TEXT,
            in_hours INTEGER NOT NULL,
            excluded TEXT,
            desks TEXT NOT NULL,                  -- JSON list, in order
            quality TEXT NOT NULL,
            boot TEXT
        ) STRICT""")
    db.execute("CREATE INDEX calls_by_identity ON calls (call, arrived_at)")
    db.execute("CREATE INDEX calls_by_arrival ON calls (arrived_at)")
    db.execute("CREATE INDEX calls_open ON calls (pbx) WHERE ended_at IS NULL OR outcome IS NULL")
    db.execute("""
        CREATE TABLE steps (
            call_id INTEGER NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,              -- order within the call
            at INTEGER NOT NULL,
            step TEXT NOT NULL,
            detail TEXT NOT NULL,
            PRIMARY KEY (call_id, number)
        ) STRICT, WITHOUT ROWID""")
    db.execute("""
        CREATE TABLE transfers (
            call_id INTEGER NOT NULL REFERENCES calls (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            kind TEXT NOT NULL,
            at INTEGER NOT NULL,
            target TEXT,
            answered_at INTEGER,
            ended_at INTEGER,
            counts INTEGER NOT NULL,
            PRIMARY KEY (call_id, number)
        ) STRICT, WITHOUT ROWID""")


@migrations(name="002_gaps")
def _gaps(db: Database) -> None:
    db.execute("""
        CREATE TABLE gaps (
            pbx TEXT NOT NULL,
            since INTEGER NOT NULL,
            until INTEGER,                        -- NULL: still going on
            reason TEXT NOT NULL,
            PRIMARY KEY (pbx, since)
        ) STRICT, WITHOUT ROWID""")
    db.execute("""
        CREATE TABLE unaccounted (
            call TEXT NOT NULL,
            at INTEGER NOT NULL,
            reason TEXT NOT NULL,
            PRIMARY KEY (call, at, reason)
        ) STRICT, WITHOUT ROWID""")
    db.execute("CREATE INDEX unaccounted_by_time ON unaccounted (at)")


@migrations(name="003_notes")
def _notes(db: Database) -> None:
    db.execute("CREATE TABLE notes (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID")


@migrations(name="004_backfill")
def _backfill(db: Database) -> None:
    db.execute("""
        CREATE TABLE accounts (                   -- what each source told of a call that was mended, or added
            call TEXT NOT NULL,
            arrived_at INTEGER NOT NULL,          -- as told by this source
            source TEXT NOT NULL,                 -- live: as it was heard, before it was mended
            told TEXT NOT NULL,                   -- JSON
            PRIMARY KEY (call, source, arrived_at)
        ) STRICT, WITHOUT ROWID""")
    db.execute("""
        CREATE TABLE corrections (                -- every change of a call by other sources, for good
            id INTEGER PRIMARY KEY,
            corrected_at INTEGER NOT NULL,
            call TEXT NOT NULL,
            arrived_at INTEGER NOT NULL,
            field TEXT NOT NULL,                  -- a column of calls, transfers, or call: it was not known before
            before TEXT,                          -- JSON
            after TEXT,
            source TEXT NOT NULL
        ) STRICT""")
    db.execute("CREATE INDEX corrections_by_call ON corrections (call)")


@migrations(name="005_told")
def _told(db: Database) -> None:
    db.execute("""
        CREATE TABLE told (                       -- the moments of gaps of which a source has told every call
            pbx TEXT NOT NULL,
            source TEXT NOT NULL,
            since INTEGER NOT NULL,
            until INTEGER NOT NULL,
            told_at INTEGER NOT NULL,
            PRIMARY KEY (pbx, source, since)
        ) STRICT, WITHOUT ROWID""")


@migrations(name="006_hidden")
def _hidden(db: Database) -> None:
    db.execute("ALTER TABLE gaps ADD COLUMN hides_at_most INTEGER")     # calls; NULL: nobody can tell


@migrations(name="007_audit")
def _audit(db: Database) -> None:
    db.execute("""
        CREATE TABLE audit (                      -- logins, and who looked at or took away the house's figures
            at INTEGER NOT NULL,
            who TEXT NOT NULL,
            what TEXT NOT NULL,
            PRIMARY KEY (at, who, what)
        ) STRICT, WITHOUT ROWID""")


OWN = frozenset(each.name for each in migrations.pending(Database(memory=True)))
"""What this slmon knows of; a database that has had more is of a later one."""


def opened(path: Path, check: bool = True) -> tuple[Database, Path | None]:
    """The database for writing, sound and up to date; and where a broken one was set aside, if it was.

    The check reads the whole file, which takes a while; without it only a broken beginning is noticed. A connection
    belongs to the thread that opened it.

    Raises StoreError for what a person has to cure, and sqlite3.OperationalError for what may pass: locked, disk full.
    """
    if not path.parent.is_dir():
        raise StoreError(f"{path}: its folder is not there; make {path.parent}, or change [store] path")
    connection = _connected(path)
    try:
        return _ready(path, connection, check), None
    except BaseException as error:
        if not broken(error):
            connection.close()
            raise
    aside = _set_aside(path, connection)
    return _ready(path, _connected(path), check), aside


class Check:
    """A look at the whole file beside its writer, in a thread of its own: the first gigabyte takes half a minute of a
    slow disk."""

    def __init__(self, path: Path, then: Callable[[bool], None]) -> None:
        """`then` is told, on that thread, whether the file is sound; of one that cannot be read for now it is told so
        too, for its writer will meet the trouble."""
        self._path = path
        self._then = then
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="store check", daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Until all was looked at and `then` was told."""
        self._thread.join()

    def end(self) -> None:
        """Let go of the file, done or not; waits for `then`."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        self._then(self._is_sound())

    def _is_sound(self) -> bool:
        try:
            with closing(sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_SECONDS)
                         ) as connection:
                connection.set_progress_handler(self._over.is_set, STEPS_BETWEEN_LOOKS)
                _check(Database(connection, execute_plugins=False))
        except sqlite3.DatabaseError as error:
            return not broken(error)
        return True


def broken_databases(path: Path) -> list[Path]:
    """The broken databases that lie beside it, the oldest first."""
    names = sorted(path.parent.glob(f"{glob.escape(path.name)}{BROKEN}*"))
    return [each for each in names if not each.name.endswith(COMPANIONS)]


def broken(error: BaseException) -> bool:
    """Whether the file itself is damaged, or no database at all."""
    return code_of(error) in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def code_of(error: BaseException) -> int:
    """SQLite's primary code of an error; 0 when it has none."""
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def refuse_foreign(path: Path, db: Database) -> None:
    """StoreError when the file is another program's, or of a later slmon."""
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION and (application or db.table_names()):
        raise StoreError(f"{path}: is another program's database; change [store] path")
    newer = sorted({each.name for each in migrations.applied(db)} - OWN)
    if newer:
        raise StoreError(f"{path}: was written by a newer slmon ({newer[-1]}); use that one, or a copy from before it")


def _connected(path: Path) -> sqlite3.Connection:
    _touch(path)
    return sqlite3.connect(path, timeout=BUSY_SECONDS)


def _ready(path: Path, connection: sqlite3.Connection, check: bool) -> Database:
    db = Database(connection, execute_plugins=False)
    if check:
        _check(db)
    refuse_foreign(path, db)
    _settings(db)
    migrations.apply(db)
    return db


def _touch(path: Path) -> None:
    """A new file is for its owner alone; SQLite gives its companions the same rights."""
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except (PermissionError, IsADirectoryError) as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror}); give this user the right to, "
                         "or change [store] path") from None
    except OSError as error:
        trouble = sqlite3.OperationalError(f"cannot be opened: {error.strerror}")
        trouble.sqlite_errorcode = sqlite3.SQLITE_FULL if error.errno == errno.ENOSPC else sqlite3.SQLITE_CANTOPEN
        raise trouble from None


def _check(db: Database) -> None:
    (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        error = sqlite3.DatabaseError(found)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _settings(db: Database) -> None:
    db.execute("PRAGMA journal_mode = WAL")        # readers and the writer do not wait for each other
    db.execute(f"PRAGMA journal_size_limit = {JOURNAL_BYTES}")      # what a long reader made of it is given back
    db.execute("PRAGMA synchronous = EXTRA")      # what is committed survives a power cut, without WAL too
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("PRAGMA secure_delete = ON")        # what is deleted for privacy is gone from the file too
    (application,) = db.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION:
        db.execute(f"PRAGMA application_id = {APPLICATION}")


def _set_aside(path: Path, connection: sqlite3.Connection) -> Path:
    """Rename the database and its companions, so that a person can look at them. Nothing is deleted."""
    if os.name == "nt":
        connection.close()                         # there an open file cannot be renamed;
    aside = _free_name(path)
    path.rename(aside)
    for companion in COMPANIONS:
        if Path(f"{path}{companion}").exists():
            Path(f"{path}{companion}").rename(f"{aside}{companion}")
    connection.close()                             # elsewhere it comes last, for SQLite deletes its journal with it
    return aside


def _free_name(path: Path) -> Path:
    stamp = f"{path.name}{BROKEN}{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    names = (stamp if number == 1 else f"{stamp}-{number}" for number in count(1))
    return next(name for name in map(path.with_name, names) if not name.exists())
