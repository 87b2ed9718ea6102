"""One DuckDB in memory for all that a process takes in: opening one costs more than the rows of a small file."""

from __future__ import annotations

from functools import cache

import duckdb


def cursor() -> duckdb.DuckDBPyConnection:
    """A connection with views and temporary tables of its own, whose time zone is UTC."""
    return _database().cursor()


@cache
def _database() -> duckdb.DuckDBPyConnection:
    database = duckdb.connect(config={"threads": 1})
    database.execute("SET GLOBAL TimeZone = 'UTC'")
    return database
