"""What a commit changed: rows added, removed and changed, by key, and for each column how many values.

Both versions of the changed days are compared in one query; where nothing changed, or nothing was there before,
nothing is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

from evalloop_assets.days import Days
from evalloop_assets.lake.engine import View, columns_of, identifier, near
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.store import Commit, Lake


class Values(NamedTuple):
    """Values of one column in rows that were there before and after."""

    known: int = 0
    """NULL before, a value now: matured."""
    other: int = 0
    """Another value: late rows or another definition."""
    unknown: int = 0
    """A value before, NULL now."""


class Difference(NamedTuple):
    """What changed in one day, or in several together."""

    added: int = 0
    removed: int = 0
    changed: int = 0
    """Rows of one key with another value in any column."""
    columns: Mapping[str, Values] = {}
    """Columns with any changed value."""


def difference(lake: Lake, schema: TableSchema, commit: Commit) -> dict[date, Difference]:
    """For each day that the commit changed, in what."""
    if not commit.changed:
        return {}
    days = Days(min(commit.changed), max(commit.changed))
    former = commit.version - 1 if commit.before is None else commit.before
    before = lake.view(schema.name, days, former)
    if not before.files:
        return {day: Difference(added=commit.rows[day]) for day in commit.changed}
    after = lake.view(schema.name, days, commit.version)
    compared = [name for name in schema.column_names if name not in schema.key]
    query = _query(schema, compared)
    found = lake.reader.fetch(query, {"before": View(columns_of(schema), before.files), "after": after}, {})
    told = {row["day"]: _told(row, compared) for row in found.to_pylist()}
    return {day: told.get(day, Difference()) for day in commit.changed}


def total(differences: Iterable[Difference]) -> Difference:
    """Of several days together."""
    added = removed = changed = 0
    columns: dict[str, Values] = {}
    for one in differences:
        added, removed, changed = added + one.added, removed + one.removed, changed + one.changed
        for name, values in one.columns.items():
            columns[name] = Values(*map(sum, zip(columns.get(name, Values()), values, strict=True)))
    return Difference(added, removed, changed, columns)


def _query(schema: TableSchema, compared: list[str]) -> str:
    key = ", ".join(identifier(name) for name in dict.fromkeys(("day", *schema.key)))
    met = "before.here AND after.here"
    differs = {name: f"NOT {near(name, schema.column(name).type, 'before', 'after')}" for name in compared}
    counts = [
        "count(*) FILTER (WHERE before.here IS NULL) AS added",
        "count(*) FILTER (WHERE after.here IS NULL) AS removed",
        f"count(*) FILTER (WHERE {met} AND ({' OR '.join(differs.values()) or 'false'})) AS changed",
    ]
    for place, name in enumerate(compared):
        old, new = f"before.{identifier(name)}", f"after.{identifier(name)}"
        counts += [
            f"count(*) FILTER (WHERE {met} AND {old} IS NULL AND {new} IS NOT NULL) AS known_{place}",
            f"count(*) FILTER (WHERE {met} AND {old} IS NOT NULL AND {new} IS NOT NULL AND {differs[name]}) "
            f"AS other_{place}",
            f"count(*) FILTER (WHERE {met} AND {old} IS NOT NULL AND {new} IS NULL) AS unknown_{place}",
        ]
    return (
        f"SELECT day, {', '.join(counts)} FROM (SELECT true AS here, * FROM before) AS before "
        f"FULL JOIN (SELECT true AS here, * FROM after) AS after USING ({key}) GROUP BY day"
    )


def _told(row: Mapping[str, int], compared: list[str]) -> Difference:
    columns = {
        name: Values(row[f"known_{place}"], row[f"other_{place}"], row[f"unknown_{place}"])
        for place, name in enumerate(compared)
    }
    changed = {name: values for name, values in columns.items() if any(values)}
    return Difference(row["added"], row["removed"], row["changed"], changed)
