"""PostgreSQL databases that hold the ledger or Dagster's record: the person blotted out of the loop's own tables.

What `databases` does to a file. Other tables of the database are not the loop's, and are not looked into. A table that
changed is written anew, because what was overwritten stays on its pages until then.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import sqlalchemy as sa

from evalloop_assets.erasure.person import Person

BATCH = 10_000


class Server(NamedTuple):
    """One database and those of its tables that may name somebody."""

    url: str
    tables: tuple[str, ...]

    @property
    def name(self) -> str:
        """Where it is, without the password."""
        return sa.make_url(self.url).render_as_string(hide_password=True)


def values_with(server: Server, person: Person) -> int:
    """Number of values that name the person; SQLAlchemyError where the database cannot be read."""
    with _connected(server) as connection:
        return sum(
            1 for table, column in _columns(connection, server) for _ in _theirs(connection, table, column, person)
        )


def erase_values(server: Server, person: Person) -> int:
    """Blot out every value that names the person; gives the number of values. Needs the tables' owner."""
    changed: dict[str, int] = {}
    with _connected(server) as connection:
        for table, column in _columns(connection, server):
            for row, clean in list(_theirs(connection, table, column, person)):
                if table not in changed:  # the ledger's trigger forbids any change; it comes back before the commit
                    connection.exec_driver_sql(f"ALTER TABLE {_quoted(table)} DISABLE TRIGGER USER")
                statement = f"UPDATE {_quoted(table)} SET {_quoted(column)} = :clean WHERE ctid = CAST(:row AS tid)"
                connection.execute(sa.text(statement), {"clean": clean, "row": row})
                changed[table] = changed.get(table, 0) + 1
        for table in changed:
            connection.exec_driver_sql(f"ALTER TABLE {_quoted(table)} ENABLE TRIGGER USER")
        connection.commit()
        connection.execution_options(isolation_level="AUTOCOMMIT")
        for table in changed:
            connection.exec_driver_sql(f"VACUUM FULL {_quoted(table)}")
    return sum(changed.values())


@contextmanager
def _connected(server: Server) -> Iterator[sa.Connection]:
    engine = sa.create_engine(sa.make_url(server.url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)
    with engine.connect() as connection:
        yield connection


def _columns(connection: sa.Connection, server: Server) -> list[tuple[str, str]]:
    """Table and column of every text of those tables that exist."""
    found = connection.execute(
        sa.text(
            "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() "
            "AND table_name = ANY(:tables) AND data_type IN ('text', 'character varying') ORDER BY 1, 2"
        ),
        {"tables": list(server.tables)},
    )
    return [(table, column) for table, column in found]


def _theirs(connection: sa.Connection, table: str, column: str, person: Person) -> Iterator[tuple[str, str]]:
    """Place of each row whose value names the person, and the value without them."""
    name = _quoted(column)
    values = connection.exec_driver_sql(
        f"SELECT CAST(ctid AS text), {name} FROM {_quoted(table)} WHERE {name} <> ''",
        execution_options={"yield_per": BATCH},
    )
    for row, value in values:
        raw = value.encode()
        clean = person.needles.without(raw)
        if clean != raw:
            yield row, clean.decode(errors="replace")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
