"""Leaves rows out of the newest version of a table, in one commit that writers in flight cannot pass.

The commit is made even where no row goes: a writer that began before it finds the mark and takes its inputs anew, so
that nothing computed from what was there before can be committed after it (docs/decisions/0010-erasure.md).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import NamedTuple

from evalloop_assets.lake.commit_notes import NOTE
from evalloop_assets.lake.delta import delta_actions, stored_columns, stored_files
from evalloop_assets.lake.engine import View, select_all
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.store import Lake

ATTEMPTS = 200
Condition = Callable[[Mapping[str, str]], str]
"""From the columns of a table (name to DuckDB type) to an SQL condition on the rows that go."""


class Removed(NamedTuple):
    """What one commit left out."""

    table: str
    version: int
    """The version without the rows."""
    rows: int
    days: tuple[date, ...]
    """Days that had such rows."""


def remove_rows(
    lake: Lake, table: str, condition: Condition, views: Mapping[str, View], erasure: str
) -> Removed | None:
    """Leave out the rows of the newest version that meet the condition; None where there is no such table.

    `views` are further tables that the condition names, `erasure` goes into the commit.
    """
    from deltalake import CommitProperties
    from deltalake.exceptions import CommitFailedError

    for _ in range(ATTEMPTS):
        opened = lake.delta(table)
        if opened is None:
            return None
        columns = stored_columns(opened)
        going = f"coalesce({condition(columns)}, false)"
        seen = {**views, table: View(columns, stored_files(opened))}
        counts = lake.reader.fetch(
            f'SELECT day, count(*) AS n FROM "{table}" WHERE {going} GROUP BY day ORDER BY day', seen, {}
        ).to_pydict()
        days = counts["day"]
        listed = [day.isoformat() for day in days]
        note: dict[str, object] = {
            "days": listed,
            "changed": listed,
            "inputs": {},
            "code": "",
            "run": "",
            "watermark": None,
        }
        properties = CommitProperties(
            custom_metadata={NOTE: json.dumps({**note, "erasure": erasure})}, max_commit_retries=0
        )
        kept = lake.reader.write(*_kept(lake, table, columns, going, days, seen)) if days else []
        try:
            if days:
                opened.create_write_transaction(
                    delta_actions(kept),
                    "overwrite",
                    opened.schema(),
                    partition_by=["day"],
                    partition_filters=[("day", "in", listed)],
                    commit_properties=properties,
                )
            else:
                opened.create_write_transaction(
                    [], "append", opened.schema(), partition_by=["day"], commit_properties=properties
                )
        except CommitFailedError:
            lake.discard(table, kept, opened.version())
            continue
        return Removed(table, opened.version() + 1, sum(counts["n"]), tuple(days))
    raise RuntimeError(f"{table}: other writers kept committing")


def _kept(
    lake: Lake, table: str, columns: Mapping[str, str], going: str, days: list[date], seen: Mapping[str, View]
) -> tuple[str, Mapping[str, View], TableSchema, str]:
    """Arguments of the engine's `write`: the rows of these days that stay."""
    import pyarrow as pa

    schema = TableSchema(
        table, "", tuple(Column(name, type_, "") for name, type_ in columns.items() if name != "day"), ()
    )
    source = f'"{table}" WHERE day IN (SELECT day FROM days_with_rows) AND NOT {going}'
    views = {**seen, "days_with_rows": View({}, rows=pa.table({"day": pa.array(days, pa.date32())}))}
    return select_all(columns, source), views, schema, f"{lake.root}/{table}"
