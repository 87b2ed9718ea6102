"""What the UI shows of a table: its columns and where they come from, rows, coverage, what a run changed."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from dagster import (
    MetadataValue,
    TableColumn,
    TableColumnConstraints,
    TableColumnDep,
    TableColumnLineage,
    TableRecord,
)
from dagster import TableSchema as DagsterTableSchema

from evalloop_assets.days import Days
from evalloop_assets.lake.difference import Difference, Values, total
from evalloop_assets.lake.picture import Picture, png
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.store import Commit, Lake

Lineage = Mapping[str, Sequence[tuple[str, str]]]
"""For each column, the (table, column) pairs that it comes from."""
DAYS_SHOWN = 31
"""Most lines of a table of days."""


def report(lake: Lake, schema: TableSchema, commit: Commit, sources: Lineage | None = None) -> dict[str, Any]:
    """What every asset shows of a run: rows, columns and where they come from, coverage, what changed."""
    rows = sum(commit.rows.values())
    metadata: dict[str, Any] = {
        "dagster/row_count": lake.row_count(schema.name, commit.version),
        "rows_per_day": {day.isoformat(): count for day, count in commit.rows.items()},
        "days_changed": len(commit.changed),
        "dagster/column_schema": dagster_schema(schema),
    }
    if rows:
        metadata["coverage"] = shown_coverage(coverage(lake, schema, commit.days, commit.version))
    return metadata | (shown_lineage(sources) if sources else {})


def coverage(lake: Lake, schema: TableSchema, days: Days, version: int | None = None) -> dict[str, float]:
    """Share of rows in which each column is known, for the columns where that is not all of them."""
    view = lake.view(schema.name, days, version)
    listed = ", ".join(f'count("{name}")' for name in schema.column_names)
    counts = lake.reader.fetch(f"SELECT count(*), {listed} FROM t", {"t": view}, {})
    total, *known = (column[0].as_py() for column in counts.columns)
    shares = dict(zip(schema.column_names, (round(count / total, 4) if total else 1.0 for count in known), strict=True))
    return {name: share for name, share in shares.items() if share < 1}


def shown_coverage(shares: Mapping[str, float]) -> MetadataValue:
    """The shares as they are, or a sentence where no column has a gap."""
    return MetadataValue.json(shares) if shares else MetadataValue.text("every column is known in every row")


def shown_day(change: Difference | None) -> dict[str, Any]:
    """What a run changed in one day: nothing to say where nothing changed."""
    if change is None:
        return {}
    return {"rows_added": change.added, "rows_removed": change.removed, "rows_changed": change.changed}


def shown_difference(changes: Mapping[date, Difference]) -> dict[str, Any]:
    """What a run changed, day by day and in all, as a table."""
    if not changes:
        return {}
    lines = [_line(day.isoformat(), changes[day]) for day in sorted(changes)]
    if len(lines) > DAYS_SHOWN:
        lines = [*lines[: DAYS_SHOWN - 1], f"| … {len(lines) - DAYS_SHOWN + 1} days more | | | | |"]
    table = [
        "| day | rows added | removed | changed | values of the changed rows |",
        "|---|---|---|---|---|",
        *lines,
        _line("1 day" if len(changes) == 1 else f"{len(changes)} days", total(changes.values())),
    ]
    return {"difference": MetadataValue.md("\n".join(table))}


def _line(name: str, change: Difference) -> str:
    columns = ", ".join(f"{column}: {_in_words(values)}" for column, values in change.columns.items())
    return f"| {name} | {change.added} | {change.removed} | {change.changed} | {columns} |"


def _in_words(values: Values) -> str:
    told = {"now known": values.known, "other": values.other, "now unknown": values.unknown}
    return ", ".join(f"{count} {what}" for what, count in told.items() if count)


def shown_lineage(sources: Lineage) -> dict[str, Any]:
    """Column lineage in Dagster's own form, which its free UI hides, and as a table, which it shows."""
    deps = {
        column: [TableColumnDep(asset_key=table, column_name=name) for table, name in found]
        for column, found in sources.items()
    }
    rows = [
        TableRecord({"column": column, "comes from": ", ".join(f"{table}.{name}" for table, name in found)})
        for column, found in sources.items()
    ]
    return {"dagster/column_lineage": TableColumnLineage(deps), "column_lineage": MetadataValue.table(rows)}


def shown_picture(lake: Lake, commit: Commit, picture: Picture | None) -> dict[str, Any]:
    """The picture of what a run committed, which the UI shows as Markdown; nothing where there is nothing to draw."""
    drawn = png(picture, lake, commit) if picture else None
    if drawn is None:
        return {}
    encoded = base64.b64encode(drawn).decode()
    return {"picture": MetadataValue.md(f"![{commit.table}](data:image/png;base64,{encoded})")}


def dagster_schema(schema: TableSchema) -> DagsterTableSchema:
    """Columns as the UI shows them, those of the key and those that are required marked."""
    columns = [TableColumn("day", "DATE", "UTC day, the partition", TableColumnConstraints(nullable=False))]
    for column in schema.columns:
        known = TableColumnConstraints(
            nullable=not column.required and column.name not in schema.key, unique=(column.name,) == schema.key
        )
        columns.append(TableColumn(column.name, column.type, column.about, known))
    return DagsterTableSchema(columns)
