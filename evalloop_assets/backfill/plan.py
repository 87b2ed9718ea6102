"""Which days of which tables to compute anew, and why. Pure: it sees versions and dates, never rows.

What makes a single day stale is said in `lake.freshness`. What is planned for an input makes stale what reads it, for
the same cause: the plan says what may change, and the run then leaves alone what turns out not to have. One reason does
not travel, `earlier days changed`: a table that reads all of its past seldom holds other rows for it, and where it
does, the next plan sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.commit_notes import Computed
from evalloop_assets.lake.freshness import (
    EARLIER,
    LATE,
    NEVER,
    REASONS,
    Cause,
    Definition,
    Newest,
    causes,
    fed_by,
    window,
)

ONE_DAY = timedelta(days=1)


class Stale(NamedTuple):
    """One day of one table to compute anew."""

    table: str
    day: date
    causes: tuple[Cause, ...]

    @property
    def reasons(self) -> tuple[str, ...]:
        return _in_order(cause.reason for cause in self.causes)


class Span(NamedTuple):
    """One run: days without a gap, and the tables that are stale on any of them, in dependency order."""

    first: date
    last: date
    tables: tuple[str, ...]
    reasons: tuple[str, ...]
    stale: tuple[Stale, ...] = ()
    """What it is for."""


Changed = Mapping[str, Mapping[date, int]]
"""For each table, logs and derived, and each of its days, the version in which the rows of that day last changed."""


class Known(NamedTuple):
    """All that a plan rests on."""

    definitions: Sequence[Definition]
    computed: Mapping[str, Mapping[date, Computed]]
    changed: Changed
    clock: Clock


def spans(found: Sequence[Stale]) -> list[Span]:
    """The stale days in as few runs as may be.

    Days that touch share a run: what one reads of the other is planned on every day between them, since every window
    reaches from its day to what it reads.
    """
    order = {item.table: place for place, item in reversed(list(enumerate(found)))}
    by_day: dict[date, list[Stale]] = {}
    for item in found:
        by_day.setdefault(item.day, []).append(item)
    groups: list[list[Stale]] = []
    for day in sorted(by_day):
        if groups and day - groups[-1][-1].day == ONE_DAY:
            groups[-1] += by_day[day]
        else:
            groups.append(list(by_day[day]))
    return [
        Span(
            group[0].day,
            group[-1].day,
            tuple(sorted({item.table for item in group}, key=order.__getitem__)),
            _in_order(reason for item in group for reason in item.reasons),
            tuple(group),
        )
        for group in groups
    ]


def stale(known: Known, first: date, last: date) -> list[Stale]:
    """Every stale day of every table between the two days, inputs before what reads them. ValueError on a cycle."""
    newest = {table: Newest(days) for table, days in known.changed.items()}
    planned: dict[str, dict[date, set[Cause]]] = {}
    found = []
    for definition in in_dependency_order(known.definitions):
        computed = known.computed.get(definition.table, {})
        own: dict[date, set[Cause]] = {}
        planned[definition.table] = own
        for day in _days(first, last):
            why = causes(definition, day, computed.get(day), newest, known.clock)
            why |= _handed_on(definition, day, computed.get(day), planned)
            if why:
                own[day] = why
                found.append(Stale(definition.table, day, tuple(sorted(why, key=_place))))
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


def _handed_on(
    definition: Definition, day: date, known: Computed | None, planned: Mapping[str, Mapping[date, set[Cause]]]
) -> set[Cause]:
    """Causes of what it reads, as far as these travel."""
    if known is None:
        fed = [table for table in fed_by(definition) if day in planned.get(table, {})]
        return {Cause(NEVER, f"{', '.join(sorted(fed))} will have the day")} if fed else set()
    found = set()
    for table in definition.reads:
        first, last = window(definition, table, day, known)
        if table not in planned or first is None or last is None:
            continue
        for other in _days(first, last):
            for cause in planned[table].get(other, ()):
                if cause.reason == NEVER:
                    found.add(Cause(LATE, f"{table} {other} computed for the first time"))
                elif cause.reason != EARLIER:
                    found.add(cause)
    return found


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=offset) for offset in range((last - first).days + 1))


def _in_order(reasons: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted(set(reasons), key=REASONS.index))


def _place(cause: Cause) -> tuple[int, str]:
    return REASONS.index(cause.reason), cause.detail
