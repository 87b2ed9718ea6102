"""What is stale in a lake: the planner, fed from the commits of every table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from evalloop_assets.backfill.plan import Computed, Definition, Span, plan
from evalloop_assets.lake.assets import STEPS, TRANSFORMS
from evalloop_assets.lake.store import Lake

RELABELLED = ("denoise", "horizon_labels", "backfill")
"""Groups that are recomputed for days gone by; what learns or decides stands as it was."""


def definitions() -> list[Definition]:
    """The SQL assets of the relabelled groups, as the planner knows them."""
    return [
        Definition(step.table, step.reads, step.horizons, step.code)
        for step in STEPS.values()
        if step.group in RELABELLED and step.table in TRANSFORMS
    ]


def log_days(lake: Lake) -> tuple[date, date] | None:
    """First and last day of which the lake has turns or visits; None where it has neither."""
    days = [day for table in ("turns", "visits") for day in lake.computed(table)]
    return (min(days), max(days)) if days else None


def stale_spans(lake: Lake, first: date, last: date) -> list[Span]:
    """What to recompute between the two days, as few runs."""
    known = definitions()
    read = {table for definition in known for table in definition.reads}
    commits = {table: lake.computed(table) for table in read | {definition.table for definition in known}}
    computed: Mapping[str, Mapping[date, Computed]] = {
        definition.table: {
            day: Computed(how.version, how.inputs, how.code, how.watermark)
            for day, how in commits[definition.table].items()
        }
        for definition in known
    }
    changed = {table: {day: how.changed for day, how in days.items()} for table, days in commits.items()}
    return plan(known, computed, changed, lake.clock().watermark, first, last)
