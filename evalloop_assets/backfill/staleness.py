"""What is stale in a lake: the planner, fed from the commits of every table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from evalloop_assets.backfill.plan import Known, Span, Stale, spans, stale
from evalloop_assets.days import Days
from evalloop_assets.lake.assets import STEPS, definition_of, recomputed, stale_now, version_of
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.evaluation_contract import EVALUATION_TABLES
from evalloop_assets.settings import Settings

USED = ("turns", "visits")
OTHER_SIGNS = ("signups", "battles", "assignments")
EVIDENCE = tuple(table.name for table in EVALUATION_TABLES)
"""What judges, people and benchmarks deliver, beside any log."""
ANSWERS = {"gold_annotations", "reason_ratings"}


class Work(NamedTuple):
    """What there is to do in a lake."""

    new: Days | None
    """Days of the log after the last that any table was computed for: they are due for the whole loop."""
    stale: Sequence[Stale]
    """What is not what it would be now, new days included."""

    @property
    def spans(self) -> list[Span]:
        """All of it in as few runs as may be."""
        return spans(self.stale)

    @property
    def overdue(self) -> list[Span]:
        """What is stale before the new days, likewise."""
        return spans([item for item in self.stale if self.new is None or item.day < self.new.first])


def log_days(lake: Lake) -> tuple[date, date] | None:
    """First and last day of which the lake has turns or visits, or, complete, other signs; None where it has neither.

    A complete day on which people only signed up or chose is one of the log, since labels look ahead at it. The list of
    everybody who ever signed up, before and after a short log, makes that log no longer.
    """
    days = [day for table in USED for day in lake.computed(table)]
    if not days:
        return None
    watermark = lake.clock().watermark or date.min
    others = [day for table in OTHER_SIGNS for day in lake.computed(table) if day <= watermark]
    return min(days), max([*days, *others])


def evidence_days(lake: Lake) -> tuple[date, date] | None:
    """First and last day on which judges, people or benchmarks delivered something; None where none did."""
    days = [day for table in EVIDENCE for day in lake.computed(table)]
    return (min(days), max(days)) if days else None


def without_log() -> list[str]:
    """Tables that need no log: all that they read, at first or second hand, is evidence."""
    found: list[str] = []
    while more := [
        table for table, step in STEPS.items() if table not in found and step.reads.keys() <= {*EVIDENCE, *found, table}
    ]:
        found += more
    return found


def beside_log() -> list[str]:
    """These, and what reads the answers of people beside the log."""
    alone = without_log()
    return [*alone, *(table for table, step in STEPS.items() if table not in alone and step.reads.keys() & ANSWERS)]


def unlearned() -> list[str]:
    """Recomputed tables that rest on deliveries and on each other alone: what a run learns or decides leaves them."""
    found: list[str] = []
    while more := [
        table
        for table in recomputed()
        if table not in found and all(read in (*found, table) for read in STEPS[table].reads if read in STEPS)
    ]:
        found += more
    return found


def any_stale(lake: Lake, settings: Settings, tables: Sequence[str], day: date) -> bool:
    """Whether one of these tables is not what it would be now on that day."""
    clock = lake.clock()
    return any(stale_now(lake, definition_of(table, settings, clock), Days.one(day)) for table in tables)


def work(lake: Lake, settings: Settings, last: date | None = None, tables: Sequence[str] | None = None) -> Work:
    """What is due from the first day of the partitions to `last`, of all tables that are recomputed or of these."""
    found = log_days(lake)
    if found is None:
        return Work(None, ())
    first, end = max(found[0], settings.first_day), min(last or found[1], found[1])
    known = known_of(lake, settings, recomputed() if tables is None else tables)
    newest = max((day for days in known.computed.values() for day in days), default=date.min)
    begin = max(first, newest + date.resolution)
    return Work(Days(begin, end) if begin <= end else None, stale(known, first, end))


def known_of(lake: Lake, settings: Settings, tables: Sequence[str]) -> Known:
    """All that a plan for these tables rests on, from the commits of the lake."""
    clock = lake.clock()
    definitions = [definition_of(table, settings, clock) for table in tables]
    named = {*tables, *(table for definition in definitions for table in definition.reads)}
    commits = {table: lake.computed(table) for table in named}
    computed = {table: commits[table] for table in tables}
    changed = {table: {day: how.changed for day, how in days.items()} for table, days in commits.items()}
    return Known(definitions, computed, changed, clock)


def state_of(lake: Lake, settings: Settings) -> str:
    """Digest of all that a plan depends on: while it stays the same, so does the plan."""
    tables = recomputed()
    versions = [(table, lake.version(table)) for table in lake.tables()]
    definitions = [(table, version_of(table, settings)) for table in tables]
    return hashlib.sha256(repr((versions, definitions)).encode()).hexdigest()[:16]
