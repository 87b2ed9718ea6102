"""SQLite databases (Dagster's record of runs, the MLflow store, the ledger): the person's ids and words blotted out.

Rows stay, since they tell what the loop did; what names the person in them becomes `[erased]`. The database is then
written anew, because SQLite leaves what was overwritten in its free pages.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from evalloop_assets.erasure.person import Person

BUSY_SECONDS = 60


def erase_values(path: Path, person: Person) -> int:
    """Blot out every value that names the person; gives the number of values."""
    changed = 0
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
        connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")
        connection.execute("BEGIN IMMEDIATE")
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:  # the ledger's own forbid any change; they come back in this transaction
            connection.execute(f"DROP TRIGGER {_quoted(name)}")
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            changed += _erase_in(connection, table, person)
        for _, statement in triggers:
            connection.execute(statement)
        connection.execute("COMMIT")
        connection.execute("VACUUM")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return changed


def _erase_in(connection: sqlite3.Connection, table: str, person: Person) -> int:
    columns = [row[1] for row in connection.execute(f"PRAGMA table_info({_quoted(table)})")]
    changed = 0
    for column in columns:
        name, source = _quoted(column), _quoted(table)
        found = connection.execute(
            f"SELECT rowid, {name} FROM {source} WHERE typeof({name}) IN ('text', 'blob')"
        ).fetchall()
        for row, value in found:
            raw = value.encode(errors="surrogateescape") if isinstance(value, str) else value
            clean = person.needles.without(raw)
            if clean != raw:
                put = clean.decode(errors="replace") if isinstance(value, str) else clean
                connection.execute(f"UPDATE {source} SET {name} = ? WHERE rowid = ?", (put, row))
                changed += 1
    return changed


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
