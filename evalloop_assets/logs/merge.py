"""Merges staged rows into a table of the lake: what enters, what gives way, and which days change.

The table is read narrow first (identity only); whole rows are read only where the same thing has been delivered before.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import NamedTuple

from evalloop_assets.days import Days, Window
from evalloop_assets.lake.engine import View, columns_of
from evalloop_assets.lake.erasures import REFUSED, Tombstones
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.store import Commit, Inputs, Lake
from evalloop_assets.logs.identity import IDENTITIES, content_hash

STAGED = {"staged_row": "BIGINT", "staged_key": "VARCHAR", "staged_rank": "BIGINT", "staged_hash": "VARCHAR"}
"""Columns that staging adds to those of the table."""


class Change(NamedTuple):
    """What a delivery would change in one table."""

    added: int
    """Rows about things that the lake does not know yet."""
    days: tuple[date, ...]
    """Days whose rows change, in order."""
    version: int | None
    """Version of the table that this was found with."""


def staged_columns(schema: TableSchema) -> str:
    """What staging selects of validated rows that carry a running `staged_row`."""
    identity = IDENTITIES[schema.name]
    names = ", ".join(_quoted(name) for name in columns_of(schema))
    return (
        f"{names}, staged_row, {identity.key} AS staged_key, {identity.rank} AS staged_rank, "
        f"{content_hash(schema)} AS staged_hash"
    )


def planned(lake: Lake, schema: TableSchema, staged: View, days: Days) -> Change:
    """What merging would change now. `days` spans the staged rows."""
    inputs = lake.inputs({schema.name: _window(schema)}, days)
    sql = f"""{_judgement(schema, inputs)}
        SELECT day, CAST(sum(added) AS BIGINT) AS added
        FROM (
            SELECT day, CASE WHEN staged_row IN (SELECT staged_row FROM judged) THEN 0 ELSE 1 END AS added FROM entering
            UNION ALL
            SELECT day, 0 FROM leaving
        )
        GROUP BY day
        ORDER BY day"""
    found = inputs.engine.fetch(sql, {**inputs.views, "staged": staged}, {}).to_pydict()
    return Change(sum(found["added"]), tuple(found["day"]), inputs.versions.get(schema.name))


def merge(
    lake: Lake, schema: TableSchema, staged: View, days: Days, change: Change, run: str, refused: Tombstones
) -> list[Commit]:
    """Merge and commit; repeats while somebody else's commits in between leave more to change.

    Raises ErasedMeanwhile where the staged rows were held against another list than `refused`.
    """

    def merged(inputs: Inputs) -> str:
        refused.require_newest(inputs)
        return _merged(schema, inputs)

    commits: list[Commit] = []
    while change.days:
        commit = lake.replace(
            schema,
            change.days,
            {schema.name: _window(schema), **REFUSED},
            merged,
            run=run,
            constants=lambda clock: {"staged": staged},
        )
        commits.append(commit)
        if commit.inputs.get(schema.name) == change.version:
            break
        change = planned(lake, schema, staged, days)
    return commits


def _merged(schema: TableSchema, inputs: Inputs) -> str:
    stored = _stored(schema, inputs.views[schema.name].columns)
    names = ", ".join(_quoted(name) for name in columns_of(schema))
    key = IDENTITIES[schema.name].key
    return f"""{_judgement(schema, inputs)}
        SELECT {names} FROM {stored} AS kept
        WHERE NOT EXISTS (SELECT 1 FROM leaving WHERE leaving.day = kept.day AND leaving.staged_key = {key})
        UNION ALL
        SELECT {names} FROM staged WHERE staged_row IN (SELECT staged_row FROM entering)"""


def _judgement(schema: TableSchema, inputs: Inputs) -> str:
    identity = IDENTITIES[schema.name]
    stored = _stored(schema, inputs.views[schema.name].columns)
    near = "true"
    if identity.lookback is not None:
        near = f"abs(stored.day - fresh.day) <= {identity.lookback}"
    return f"""
        WITH fresh AS (  -- the one that stays of those that came together
            SELECT day, staged_row, staged_key, staged_rank, staged_hash FROM staged
            QUALIFY row_number() OVER (
                PARTITION BY staged_key ORDER BY staged_rank, staged_hash, staged_row
            ) = 1
        ),
        met AS (  -- things that the lake knows already, by key alone
            SELECT DISTINCT stored.staged_key, stored.day
            FROM (SELECT day, {identity.key} AS staged_key FROM {stored}) AS stored
            JOIN fresh ON fresh.staged_key = stored.staged_key AND {near}
        ),
        rivals AS (
            SELECT stored.* FROM (
                SELECT day, {identity.key} AS staged_key, {identity.rank} AS staged_rank,
                       {content_hash(schema)} AS staged_hash
                FROM {stored} WHERE {identity.key} IN (SELECT staged_key FROM met)
            ) AS stored
        ),
        judged AS (
            SELECT fresh.staged_row, fresh.staged_key, stored.day,
                   fresh.staged_hash = stored.staged_hash AS same,
                   (fresh.staged_rank, fresh.staged_hash) < (stored.staged_rank, stored.staged_hash) AS first
            FROM fresh JOIN rivals AS stored ON fresh.staged_key = stored.staged_key AND {near}
        ),
        refused AS (SELECT DISTINCT staged_row FROM judged WHERE NOT same AND NOT first),
        leaving AS (
            SELECT staged_key, day FROM judged
            WHERE NOT same AND first AND staged_row NOT IN (SELECT staged_row FROM refused)
        ),
        entering AS (
            SELECT * FROM fresh
            WHERE staged_row NOT IN (SELECT staged_row FROM refused)
            AND staged_row NOT IN (SELECT staged_row FROM judged WHERE same)
        )"""


def _stored(schema: TableSchema, present: Mapping[str, str]) -> str:
    """The table with all columns of its schema, also those that it did not have when it was last written."""
    listed = ", ".join(
        _quoted(name) if name in present else f"CAST(NULL AS {type_}) AS {_quoted(name)}"
        for name, type_ in columns_of(schema).items()
    )
    return f"(SELECT {listed} FROM {schema.name})"


def _window(schema: TableSchema) -> Window:
    lookback = IDENTITIES[schema.name].lookback
    return (None, None) if lookback is None else (-lookback, lookback)


def _quoted(name: str) -> str:
    return f'"{name}"'
