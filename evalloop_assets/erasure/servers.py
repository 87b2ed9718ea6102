"""PostgreSQL databases that hold the ledger or Dagster's record: the person blotted out of the loop's own tables.

What `databases` does to a file. Other tables of the database are not the loop's, and are not looked into.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import sqlalchemy as sa

from evalloop_assets.erasure.person import Person
from evalloop_assets.lake.engine import identifier
from evalloop_assets.lake.errors import UserError

BATCH = 10_000
LOCK_SECONDS = 10
"""Longest wait for a table that somebody else holds: until then whoever asks for the table waits behind."""


class Server(NamedTuple):
    """A part of the loop's state in one database: the tables that may name somebody."""

    part: str
    url: str
    tables: tuple[str, ...]

    @property
    def name(self) -> str:
        """What it is and where, whoever connects to it."""
        url = sa.make_url(self.url)
        host = url.host or ",".join(url.normalized_query.get("host", ())) or None
        return f"{self.part} at {sa.URL.create('postgresql', host=host, port=url.port, database=url.database)}"


def values_with(server: Server, person: Person) -> int:
    """Number of values that name the person; UserError where the database cannot be read."""
    with _connected(server) as connection:
        return sum(
            1
            for table, columns in _texts(connection, server).items()
            for column in columns
            for _ in _theirs(connection, table, column, person)
        )


def erase_values(server: Server, person: Person) -> None:
    """Blot out every value that names the person, and write the tables and their statistics anew: until then what was
    overwritten, by the loop or by an erasure that was killed, stays on their pages. UserError where that fails.
    """
    with _connected(server) as connection:
        for table, columns in _texts(connection, server).items():
            # The ledger's trigger forbids any change; it is back before anybody else can write. The lock that this
            # takes keeps every row in its place.
            connection.exec_driver_sql(f"ALTER TABLE {identifier(table)} DISABLE TRIGGER USER")
            for column in columns:
                for row, clean in list(_theirs(connection, table, column, person)):
                    _put(connection, table, column, row, clean)
            connection.exec_driver_sql(f"ALTER TABLE {identifier(table)} ENABLE TRIGGER USER")
            connection.commit()
    with _connected(server, isolation_level="AUTOCOMMIT") as connection:
        for table in _texts(connection, server):
            connection.exec_driver_sql(f"VACUUM (FULL, ANALYZE) {identifier(table)}")
        # Former statistics quoted values; whoever may not do this is warned by the server, and it goes on.
        connection.exec_driver_sql("VACUUM (FULL) pg_catalog.pg_statistic")


def _put(connection: sa.Connection, table: str, column: str, row: str, clean: str) -> None:
    """Put a value into its row, marked with its place where the column may hold no value twice."""
    update = sa.text(f"UPDATE {identifier(table)} SET {identifier(column)} = :clean WHERE ctid = CAST(:row AS tid)")
    try:
        with connection.begin_nested():
            connection.execute(update, {"clean": clean, "row": row})
    except sa.exc.IntegrityError:
        connection.execute(update, {"clean": f"{clean} {row}", "row": row})


@contextmanager
def _connected(server: Server, **options: str) -> Iterator[sa.Connection]:
    url = sa.make_url(server.url).set(drivername="postgresql+psycopg")
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool, connect_args={"client_encoding": "utf8"}, **options)
        with engine.connect() as connection:
            connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_SECONDS}s'")
            connection.commit()
            yield connection
    except sa.exc.SQLAlchemyError as error:
        raise UserError(
            server.name,
            f"it could not be searched for the person, or cleaned ({str(error).splitlines()[0]})",
            "See that it runs and no open transaction holds its tables, and let their owner run the erasure again.",
        ) from error


def _texts(connection: sa.Connection, server: Server) -> dict[str, list[str]]:
    """The columns of text of each of those tables that exist."""
    found = connection.execute(
        sa.text(
            "SELECT table_name, array_agg(CAST(column_name AS text)) AS columns FROM information_schema.columns "
            "WHERE table_schema = current_schema() AND table_name = ANY(:tables) "
            "AND data_type IN ('text', 'character varying') GROUP BY table_name ORDER BY table_name"
        ),
        {"tables": list(server.tables)},
    )
    return {row.table_name: row.columns for row in found}


def _theirs(connection: sa.Connection, table: str, column: str, person: Person) -> Iterator[tuple[str, str]]:
    """Place of each row whose value names the person, and the value without them."""
    name = identifier(column)
    values = connection.exec_driver_sql(
        f"SELECT CAST(ctid AS text), {name} FROM {identifier(table)} WHERE {name} <> ''",
        execution_options={"yield_per": BATCH},
    )
    for row, value in values:
        raw = value.encode()
        clean = person.needles.without(raw)
        if clean != raw:
            yield row, clean.decode(errors="replace")
