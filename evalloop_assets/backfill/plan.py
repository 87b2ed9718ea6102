"""Which days of which tables to compute anew, and why. Pure: it sees versions and dates, never rows.

A day of a table is stale for one of four reasons:

- never computed: its inputs have the day, the table has not;
- late rows: an input changed, within the window that the table reads, after the version that was read;
- code changed: the definition is not the one it was computed with;
- matured: the watermark has passed a horizon of the day since.

What is planned for an input makes stale what reads it, for the same reason; only `matured` does not travel, because
every table states its own horizons. A table with horizons does not look at days that were still open when it was
computed: what depends on them is censored until it matures. Windows without an end (a table that reads all of its past)
do not spread what is planned either: a day computed anew seldom changes what it holds, and where it does, the next plan
sees it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

NEVER, LATE, CODE, MATURED = "never computed", "late rows", "code changed", "matured"
REASONS = (NEVER, LATE, CODE, MATURED)
ONE_DAY = timedelta(days=1)


@dataclass(frozen=True)
class Computed:
    """How one day of one table came to be."""

    version: int
    """Version of the table in which the day was last computed."""
    inputs: Mapping[str, int]
    """Version of each table that was read."""
    code: str
    """Version of the definition."""
    watermark: date | None
    """Last day whose logs were complete at that time; None where none was."""


@dataclass(frozen=True)
class Definition:
    """What the planner knows of a derived table."""

    table: str
    reads: Mapping[str, tuple[int | None, int | None]]
    """Day offsets that it reads of each table; None is unbounded; (None, -1) of itself is its own past."""
    horizons: tuple[int, ...]
    """Days after which rows of a day change because something matured."""
    code: str


class Stale(NamedTuple):
    """One day of one table to compute anew."""

    table: str
    day: date
    reasons: tuple[str, ...]


class Span(NamedTuple):
    """One run: days without a gap, and the tables that are stale on any of them, in dependency order."""

    first: date
    last: date
    tables: tuple[str, ...]
    reasons: tuple[str, ...]


Changed = Mapping[str, Mapping[date, int]]
"""For each table, logs and derived, and each of its days, the version in which the rows of that day last changed."""


def plan(
    definitions: Iterable[Definition],
    computed: Mapping[str, Mapping[date, Computed]],
    changed: Changed,
    watermark: date | None,
    first: date,
    last: date,
) -> list[Span]:
    """What is stale between the two days, in as few runs as may be.

    Days that touch share a run: what one reads of the other is planned on every day between them, since every window
    reaches from its day to what it reads.
    """
    found = stale(definitions, computed, changed, watermark, first, last)
    order = {item.table: place for place, item in reversed(list(enumerate(found)))}
    spans: list[Span] = []
    for day in sorted({item.day for item in found}):
        today = [item for item in found if item.day == day]
        tables, reasons = {item.table for item in today}, {reason for item in today for reason in item.reasons}
        if spans and day - spans[-1].last == ONE_DAY:
            before = spans.pop()
            start, tables, reasons = before.first, tables | set(before.tables), reasons | set(before.reasons)
        else:
            start = day
        spans.append(Span(start, day, tuple(sorted(tables, key=order.__getitem__)), _in_order(reasons)))
    return spans


def stale(
    definitions: Iterable[Definition],
    computed: Mapping[str, Mapping[date, Computed]],
    changed: Changed,
    watermark: date | None,
    first: date,
    last: date,
) -> list[Stale]:
    """Every stale day of every table between the two days, inputs before what reads them. ValueError on a cycle."""
    newest = {table: _Newest(days) for table, days in changed.items()}
    planned: dict[str, dict[date, set[str]]] = {}
    found = []
    for definition in in_dependency_order(definitions):
        known = computed.get(definition.table, {})
        own: dict[date, set[str]] = {}
        planned[definition.table] = own
        for day in _days(first, last):
            reasons = _reasons(definition, day, known.get(day), newest, planned, watermark)
            if reasons:
                own[day] = reasons
                found.append(Stale(definition.table, day, _in_order(reasons)))
    return found


def in_dependency_order(definitions: Iterable[Definition]) -> Sequence[Definition]:
    """Inputs before what reads them; reading one's own past is no dependency. Raises ValueError on a cycle."""
    known = {definition.table: definition for definition in definitions}
    graph = {
        table: [read for read in definition.reads if read in known and read != table]
        for table, definition in known.items()
    }
    try:
        return [known[table] for table in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        raise ValueError(f"tables read each other in a circle: {' → '.join(error.args[1])}") from error


def _reasons(
    definition: Definition,
    day: date,
    known: Computed | None,
    newest: Mapping[str, _Newest],
    planned: Mapping[str, Mapping[date, set[str]]],
    watermark: date | None,
) -> set[str]:
    if known is None:
        return {NEVER} if _has_input(definition, day, newest, planned) else set()
    reasons = set()
    if known.code != definition.code:
        reasons.add(CODE)
    if _matured(definition.horizons, day, known.watermark, watermark):
        reasons.add(MATURED)
    for table, (start, end) in definition.reads.items():
        low = None if start is None else day + timedelta(days=start)
        high = None if end is None else day + timedelta(days=end)
        if definition.horizons:
            closed = max(day, known.watermark or day)
            high = closed if high is None else min(high, closed)
        seen = known.inputs.get(table, -1)
        if table == definition.table:
            seen = max(seen, known.version)
        if table in newest and newest[table].within(low, high) > seen:
            reasons.add(LATE)
        if low is not None and high is not None:
            for other in _days(low, high):
                spread = planned.get(table, {}).get(other, set()) - {MATURED}
                reasons |= {LATE if reason == NEVER else reason for reason in spread}
    return reasons


def _has_input(
    definition: Definition,
    day: date,
    newest: Mapping[str, _Newest],
    planned: Mapping[str, Mapping[date, set[str]]],
) -> bool:
    """Some table that it reads on the day itself has that day, or will have it."""
    return any(
        (table in newest and day in newest[table]) or day in planned.get(table, {})
        for table, (start, end) in definition.reads.items()
        if table != definition.table and (start is None or start <= 0) and (end is None or end >= 0)
    )


def _matured(horizons: Iterable[int], day: date, before: date | None, now: date | None) -> bool:
    if now is None:
        return False
    dates = [day + timedelta(days=horizon) for horizon in horizons]
    return any(ripe <= now and (before is None or ripe > before) for ripe in dates)


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=offset) for offset in range((last - first).days + 1))


def _in_order(reasons: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(reasons, key=REASONS.index))


class _Newest:
    """The newest change among the days of a window, also of windows without a beginning."""

    def __init__(self, versions: Mapping[date, int]) -> None:
        self._versions = versions
        self._sorted = sorted(versions)
        self._up_to: list[int] = []
        for day in self._sorted:
            self._up_to.append(max(versions[day], self._up_to[-1] if self._up_to else -1))

    def __contains__(self, day: date) -> bool:
        return day in self._versions

    def within(self, first: date | None, last: date | None) -> int:
        """Newest version of any day from `first` to `last`, None being unbounded; -1 where there is none."""
        end = len(self._sorted) if last is None else bisect_right(self._sorted, last)
        if first is None:
            return self._up_to[end - 1] if end else -1
        start = bisect_right(self._sorted, first - ONE_DAY)
        return max((self._versions[day] for day in self._sorted[start:end]), default=-1)
