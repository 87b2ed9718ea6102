"""What would be computed and why, as a table: one line for each run and table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import NamedTuple

from rich.table import Table

from evalloop_assets.backfill.plan import Span, Stale
from evalloop_assets.days import Days
from evalloop_assets.lake.freshness import LATE, Cause
from evalloop_assets.lake.store import Lake

DETAILS = 3
"""Most details of one reason that a line tells."""


class Line(NamedTuple):
    """One table in one run."""

    table: str
    days: int
    """How many of its days are stale."""
    why: str


def plan_table(lake: Lake, runs: Sequence[tuple[str, Days, str, Span | None]]) -> Table:
    """Job, range, table, stale days and reasons of each run."""
    sources = _sources(lake)
    table = Table("job", "from", "to", "table", "days", "why")
    for job, days, why, span in runs:
        if span is None:
            table.add_row(job, str(days.first), str(days.last), "every table", str(len(list(days))), why)
            continue
        for place, line in enumerate(lines(span, sources)):
            head = (job, str(days.first), str(days.last)) if place == 0 else ("", "", "")
            table.add_row(*head, line.table, str(line.days), line.why)
    return table


def lines(span: Span, sources: dict[tuple[str, date], str]) -> list[Line]:
    """The tables of a run in dependency order."""
    return [
        Line(table, len(items), _why(items, sources))
        for table in span.tables
        if (items := [item for item in span.stale if item.table == table])
    ]


def _why(items: Iterable[Stale], sources: dict[tuple[str, date], str]) -> str:
    by_reason: dict[str, dict[str, None]] = {}
    for cause in (cause for item in items for cause in item.causes):
        by_reason.setdefault(cause.reason, {})[_detail(cause, sources)] = None
    return "\n".join(f"{reason}: {_some(list(details))}" for reason, details in by_reason.items())


def _detail(cause: Cause, sources: dict[tuple[str, date], str]) -> str:
    if cause.reason != LATE:
        return cause.detail
    named = dict.fromkeys(sources[cause.table, day] for day in cause.days if (cause.table, day) in sources)
    return f"{cause.detail} ({_some(list(named), ', ')})" if named else cause.detail


def _some(details: Sequence[str], between: str = "; ") -> str:
    told = between.join(details[:DETAILS])
    return f"{told}{between}… {len(details) - DETAILS} more" if len(details) > DETAILS else told


def _sources(lake: Lake) -> dict[tuple[str, date], str]:
    """For each log table and day, the file that touched it last."""
    view = lake.view("log_deliveries")
    if not view.files:
        return {}
    found = lake.reader.fetch(
        "SELECT table_name, source, touched_days FROM log_deliveries WHERE touched_days <> '' ORDER BY delivered_at",
        {"log_deliveries": view},
        {},
    )
    return {
        (row["table_name"], date.fromisoformat(day)): row["source"]
        for row in found.to_pylist()
        for day in row["touched_days"].split(",")
    }
