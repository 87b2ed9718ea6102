"""The database of small shared state (ledger, outbox, incidents): SQLite in WAL mode, or PostgreSQL.

A writer takes its lock at once (BEGIN IMMEDIATE), so that what it reads in a transaction is what it changes; readers
go on meanwhile.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from evalloop_assets.lake.errors import UserError

BUSY_SECONDS = 60
ATTEMPTS = 1_000
_SETTING = "setting EVALLOOP_LEDGER"
_MAKING = 7_300_214
"""Advisory lock of PostgreSQL under which a table is made: IF NOT EXISTS alone fails when two make it at once."""


def address(url: str) -> sa.URL:
    """The URL with its driver; UserError, without the URL and its password, where it is none that a ledger can have."""
    mend = "Write it as postgresql://user:password@host:5432/database."
    try:
        parsed = sa.make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        backend = parsed.get_dialect().name
    except (sa.exc.ArgumentError, ValueError):
        raise UserError(_SETTING, "it is no database URL", mend) from None
    if backend not in ("sqlite", "postgresql"):
        raise UserError(_SETTING, f"{backend} is neither PostgreSQL nor SQLite", mend)
    return parsed


def open_engine(url: str) -> sa.Engine:
    """The engine of a URL; UserError where it is none, or its driver is missing."""
    parsed = address(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    try:
        text = {} if parsed.get_backend_name() == "sqlite" else {"client_encoding": "utf8"}
        engine = sa.create_engine(parsed, pool_pre_ping=True, connect_args=text)
    except ImportError as error:
        install = "Install it: pip install 'evalloop-assets[postgres]'"
        raise UserError(_SETTING, f"the driver is missing ({error})", install) from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _configure_sqlite)
        sa.event.listen(engine, "begin", _begin_immediate)
    return engine


def name_of(engine: sa.Engine) -> str:
    """What people read: where it is, without the password."""
    return f"the ledger at {engine.url.render_as_string(hide_password=True)}"


def create_table(engine: sa.Engine, table: sa.Table, statements: Mapping[str, Sequence[str]] | None = None) -> None:
    """Make the table and its indexes where it is missing, then run the statements for this kind of database.

    UserError where the database cannot be opened.
    """
    kind = engine.dialect.name
    try:
        with engine.begin() as connection:
            if kind == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MAKING)))
                if sa.inspect(connection).has_table(table.name):
                    return
            connection.execute(sa.schema.CreateTable(table, if_not_exists=True))
            for index in table.indexes:
                connection.execute(sa.schema.CreateIndex(index, if_not_exists=True))
            for statement in (statements or {}).get(kind, ()):
                connection.exec_driver_sql(statement)
    except sa.exc.OperationalError as error:
        raise UserError(
            name_of(engine),
            f"cannot be opened ({str(error.orig).strip().splitlines()[0]})",
            "Start the database, or set EVALLOOP_LEDGER to the one that runs.",
        ) from None


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """A connection whose transaction takes no lock."""
    with engine.connect().execution_options(reading=True) as connection:
        yield connection


def _configure_sqlite(connection: Any, _: Any) -> None:
    """Take transactions into our own hands, wait for other writers, and let readers read meanwhile (WAL)."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    for attempt in range(ATTEMPTS):
        try:
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                cursor.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(0.01)
    cursor.close()


def _begin_immediate(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
