"""What is stale in a lake: the planner, fed from the commits of every table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date

from evalloop_assets.backfill.plan import Changed, Computed, Definition, Span, Stale, plan, stale
from evalloop_assets.lake.assets import STEPS, TRANSFORMS, code_of
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings


def definitions(settings: Settings) -> list[Definition]:
    """Every SQL asset, as the planner knows it: what is recomputed for days gone by.

    Steps in Python learn or decide, or score with what was learned; their former days stand as they were.
    """
    return [
        Definition(table, step.reads, step.horizons, code_of(TRANSFORMS[table], settings))
        for table, step in STEPS.items()
        if table in TRANSFORMS
    ]


def log_days(lake: Lake) -> tuple[date, date] | None:
    """First and last day of which the lake has turns or visits; None where it has neither."""
    days = [day for table in ("turns", "visits") for day in lake.computed(table)]
    return (min(days), max(days)) if days else None


def stale_spans(lake: Lake, settings: Settings, first: date, last: date) -> list[Span]:
    """What to recompute between the two days, as few runs."""
    return plan(*_known(lake, settings), first, last)


def stale_days(lake: Lake, settings: Settings, first: date, last: date) -> list[Stale]:
    """Each stale day of each table between the two days."""
    return stale(*_known(lake, settings), first, last)


def _known(
    lake: Lake, settings: Settings
) -> tuple[list[Definition], Mapping[str, Mapping[date, Computed]], Changed, date | None]:
    known = definitions(settings)
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
    return known, computed, changed, lake.clock().watermark
