"""SQLite databases (Dagster's record of runs, the MLflow store, the ledger): the person's ids and words blotted out.

Rows stay, since they tell what the loop did; what names the person in them becomes `[erased]`. Rows that speak of a
text of theirs, by a column `user_text_hash` or the like, go: whoever wrote them may have quoted it in part. The
database is then written anew, because SQLite leaves what was overwritten in its free pages.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from evalloop_assets.erasure.person import TEXTS, Person
from evalloop_assets.lake.engine import identifier

BUSY_SECONDS = 60


def values_with(path: Path, person: Person) -> int:
    """Number of values that name the person, and of rows about their texts; sqlite3.Error where the database is
    broken.
    """
    with closing(_connected(path)) as connection:
        return sum(
            len(_about(connection, table, person)) + sum(1 for _ in _theirs(connection, table, person))
            for table in _tables(connection)
        )


def erase_values(path: Path, person: Person) -> int:
    """Blot out every value that names the person, and delete the rows about their texts; gives the number of both."""
    changed = 0
    with closing(_connected(path)) as connection:
        connection.execute("PRAGMA secure_delete = ON")  # of a row about their texts no search could find the remains
        connection.execute("BEGIN IMMEDIATE")
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:  # the ledger's own forbid any change; they come back in this transaction
            connection.execute(f"DROP TRIGGER {identifier(name)}")
        for table in _tables(connection):
            about = _about(connection, table, person)
            connection.executemany(f"DELETE FROM {identifier(table)} WHERE rowid = ?", about)
            changed += len(about)
            for column, row, clean in list(_theirs(connection, table, person)):
                _put(connection, table, column, row, clean)
                changed += 1
        for _, statement in triggers:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return changed


def _put(connection: sqlite3.Connection, table: str, column: str, row: int, clean: str | bytes) -> None:
    """Put a value into its row, marked with its place where the column may hold no value twice."""
    update = f"UPDATE {identifier(table)} SET {identifier(column)} = ? WHERE rowid = ?"
    try:
        connection.execute(update, (clean, row))
    except sqlite3.IntegrityError:
        mark = f" {row}"
        connection.execute(update, (clean + mark if isinstance(clean, str) else clean + mark.encode(), row))


def _connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
    return connection


def _tables(connection: sqlite3.Connection) -> list[str]:
    """Tables whose rows have an id of their own; none of the loop's stores has others."""
    found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND sql NOT LIKE '%WITHOUT ROWID%'")
    return [name for (name,) in found]


def _about(connection: sqlite3.Connection, table: str, person: Person) -> list[tuple[int]]:
    """Rows whose `<text>_hash` is that of a text on the person's rows, somebody else's too or not."""
    hashes = person.terms.get("any_hash", frozenset())
    columns = [f"{text}_hash" for text in TEXTS] if hashes else []
    rows = {
        row
        for _, column, *_ in connection.execute(f"PRAGMA table_info({identifier(table)})").fetchall()
        if column in columns
        for row, value in connection.execute(f"SELECT rowid, {identifier(column)} FROM {identifier(table)}")
        if value in hashes
    }
    return [(row,) for row in sorted(rows)]


def _theirs(connection: sqlite3.Connection, table: str, person: Person) -> Iterator[tuple[str, int, str | bytes]]:
    """Column and row of each value that names the person, and the value without them."""
    for _, column, *_ in connection.execute(f"PRAGMA table_info({identifier(table)})").fetchall():
        name = identifier(column)
        values = connection.execute(
            f"SELECT rowid, {name} FROM {identifier(table)} WHERE typeof({name}) IN ('text', 'blob')"
        )
        for row, value in values:
            raw = value.encode(errors="surrogateescape") if isinstance(value, str) else value
            clean = person.needles.without(raw)
            if clean != raw:
                yield column, row, clean.decode(errors="replace") if isinstance(value, str) else clean
