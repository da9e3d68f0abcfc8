"""Read rows out of a database of the PBX: a stream, read-only, never for long. Knows SQL; knows no column's meaning.

What is needed for it comes with `pip install 'slmon[database]'`. The address with its password stands in a file of its
own; neither of the two is ever part of a message.
"""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from slmon.backfill.files import SourceError
from slmon.core.account import BEGINNING, END, Span
from slmon.core.instant import SECOND

if TYPE_CHECKING:
    from sqlalchemy import URL, ColumnElement, Connection, Engine, TableClause

CONNECT_SECONDS = 10               # a database that is not there is said so soon
ANSWER_SECONDS = 120               # so long at most until the next rows come
PORTION = 2000                     # rows at a time
DAY = 24 * 3600 * SECOND           # no clock is further from UTC

_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg", "mysql": "mysql+pymysql",
            "mariadb": "mariadb+pymysql", "sqlite": "sqlite"}
_OPTIONS: dict[str, dict[str, object]] = {
    "postgresql": {"connect_timeout": CONNECT_SECONDS, "tcp_user_timeout": ANSWER_SECONDS * 1000,
                   "options": f"-c default_transaction_read_only=on -c statement_timeout={ANSWER_SECONDS * 1000}"},
    "mysql": {"connect_timeout": CONNECT_SECONDS, "read_timeout": ANSWER_SECONDS, "write_timeout": ANSWER_SECONDS,
              "init_command": "SET SESSION TRANSACTION READ ONLY"},
}
_OPTIONS["mariadb"] = _OPTIONS["mysql"]
_FORM = "write mariadb://user:password@host/asteriskcdrdb, postgresql://… or sqlite:////path"


@dataclass(frozen=True, slots=True)
class Table:
    """A table and its columns, by their names in small letters.

    `rounded`: columns of whole seconds into which a moment is put rounded, and not cut off.
    """

    name: str
    columns: Mapping[str, str]
    rounded: frozenset[str] = frozenset()

    def column(self, *names: str) -> str | None:
        """The first of these that there is, as the database spells it."""
        return next((self.columns[name] for name in names if name in self.columns), None)


class PbxDatabase:
    """One connection; see `opened`."""

    def __init__(self, connection: "Connection", place: str) -> None:
        self._connection = connection
        self._place = place

    def table(self, name: str) -> Table:
        """The table, `schema.table` where it is in another than the usual schema. Raises SourceError."""
        import sqlalchemy

        inspector = sqlalchemy.inspect(self._connection)
        schema, _, bare = name.rpartition(".")
        try:
            columns = inspector.get_columns(bare, schema or None)
        except sqlalchemy.exc.NoSuchTableError:
            columns = []
        if not columns:
            there = sorted([*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)])
            raise SourceError(f"{self._place}: has no table {name} that can be read; there is "
                              f"{', '.join(there) or 'none'}")
        return Table(name, {str(each["name"]).lower(): str(each["name"]) for each in columns},
                     frozenset(str(each["name"]) for each in columns if self._rounds(each["type"])))

    def _rounds(self, kind: object) -> bool:
        dialect = self._connection.dialect
        if dialect.name == "postgresql":
            return getattr(kind, "precision", None) == 0
        return dialect.name == "mysql" and not getattr(dialect, "is_mariadb", False) and not getattr(kind, "fsp", 1)

    def rows(self, table: Table, columns: Sequence[str | None], time: str, order: Sequence[str],
             windows: Sequence[Span]) -> Iterator[Iterator[tuple[Any, ...]]]:
        """The rows of each window of time, in this order; None for a column that there is not."""
        import sqlalchemy

        schema, _, bare = table.name.rpartition(".")
        of = sqlalchemy.table(bare, *(sqlalchemy.column(each) for each in table.columns.values()),
                              schema=schema or None)
        values = [sqlalchemy.null() if each is None else of.c[each] for each in columns]
        asked = sqlalchemy.select(*values).order_by(*(of.c[each] for each in order))
        sample = self._sample(of, time)
        for window in windows if sample is not None else ():
            yield self._stream(asked.where(*_within(of.c[time], sample, window)))

    def _sample(self, of: "TableClause", time: str) -> object:
        import sqlalchemy

        return self._connection.execute(sqlalchemy.select(of.c[time]).where(of.c[time].is_not(None)).limit(1)).scalar()

    def _stream(self, asked: Any) -> Iterator[tuple[Any, ...]]:
        with self._connection.execution_options(yield_per=PORTION).execute(asked) as result:
            for portion in result.partitions():
                yield from (tuple(row) for row in portion)


def _within(column: "ColumnElement[Any]", sample: object, window: Span) -> list["ColumnElement[bool]"]:
    """The window as the column has moments: a clock time, text, or seconds since 1970. A day more: its zone is not
    known."""
    since, until = window
    found = []
    if since > BEGINNING:
        found.append(column >= _as_told(since - DAY, sample))
    if until < END:
        found.append(column <= _as_told(until + DAY, sample))
    return found


def _as_told(at: int, sample: object) -> object:
    clock = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=max(at, 0))
    if isinstance(sample, datetime):
        return clock if sample.tzinfo is not None else clock.replace(tzinfo=None)
    if isinstance(sample, int | float | Decimal):
        return max(at, 0) // SECOND
    if isinstance(sample, str) and sample[:10].isdigit():
        return f"{max(at, 0) // SECOND:010d}"
    return f"{clock:%Y-%m-%d}"


@contextlib.contextmanager
def opened(database_file: Path) -> Iterator[PbxDatabase]:
    """The database whose address the file holds. Raises SourceError for all that goes wrong while it is open."""
    try:
        import sqlalchemy
    except ImportError:
        raise SourceError(f"{database_file}: to read a database slmon needs more; pip install 'slmon[database]'"
                          ) from None
    url = _address(database_file)
    place = f"{database_file} ({url.get_backend_name()}, {url.database})"
    try:
        engine = _engine(url)
        with _connected(engine, url, place) as connection:
            yield PbxDatabase(connection, place)
    except ImportError as error:
        raise SourceError(f"{place}: {error.name} is missing; pip install 'slmon[database]'") from None
    except sqlalchemy.exc.SQLAlchemyError as error:
        raise SourceError(f"{place}: {_words(error, url)}") from None


def _connected(engine: "Engine", url: "URL", place: str) -> "Connection":
    try:
        return engine.connect()
    except (TypeError, ValueError, LookupError) as error:        # of what stands after the ? of an address
        raise SourceError(f"{place}: {_words(error, url)}") from None


def _address(database_file: Path) -> "URL":
    import sqlalchemy

    try:
        told = database_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise SourceError(f"{database_file}: {(error.strerror or str(error)).lower()}") from None
    except UnicodeDecodeError:
        raise SourceError(f"{database_file}: is no text; {_FORM}") from None
    try:
        url = sqlalchemy.make_url(told)
    except (sqlalchemy.exc.ArgumentError, ValueError):
        raise SourceError(f"{database_file}: holds no address of a database; {_FORM}") from None
    driver = _DRIVERS.get(url.get_backend_name())
    if driver is None or not url.database:
        raise SourceError(f"{database_file}: names no database that slmon can read; {_FORM}")
    return url.set(drivername=driver)


def _engine(url: "URL") -> "Engine":
    import sqlalchemy

    backend = url.get_backend_name()
    if backend == "sqlite":
        at = f"{Path(str(url.database)).absolute().as_uri()}?mode=ro"
        return sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.NullPool, hide_parameters=True,
                                        creator=lambda: sqlite3.connect(at, uri=True, timeout=CONNECT_SECONDS))
    return sqlalchemy.create_engine(url, poolclass=sqlalchemy.NullPool, hide_parameters=True,
                                    connect_args=dict(_OPTIONS[backend]))


def _words(error: Exception, url: "URL") -> str:
    """What the driver says, in one line and without the password."""
    said = " ".join(str(getattr(error, "orig", None) or error).split())
    for secret in (url.password, *(str(each) for each in url.query.values())):
        said = said.replace(str(secret), "***") if secret else said
    return f"cannot be read: {said}"
