"""Which rows of the log came late to what was computed: traced back through the notes of the commits. Pure.

That an input changed tells nothing of why: a label of it may have matured, its definition may be another. So every
change is followed to the inputs that it took in, theirs to those before, down to the tables of the log.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from evalloop_assets.lake.commit_notes import Change, Computed, same_definition
from evalloop_assets.lake.freshness import Definition, window


class Late(NamedTuple):
    """Rows of one day of the log that were not there when something was computed from that day."""

    table: str
    day: date
    version: int
    """Version of the table that brought them."""


class Traced(NamedTuple):
    """What is known of the tables between a computation and the log."""

    definitions: Mapping[str, Definition]
    """Of those that are followed, beside the log."""
    changes: Mapping[str, Sequence[Change]]
    """Of these and of the log."""
    logs: Collection[str]


def late_rows(definition: Definition, day: date, known: Computed, traced: Traced) -> set[Late]:
    """Rows of days that were complete at that time, which what the day was computed from has taken in since.

    What another definition reads that the one before did not is not followed.
    """
    if known.watermark is None:
        return set()
    found: set[Late] = set()
    seen: set[tuple[str, date, int]] = set()
    reads = [
        table for table in definition.reads if table in known.inputs or same_definition(known.code, definition.code)
    ]
    waiting = [
        (table, change)
        for table in reads
        for change in _of(traced, definition, table, day, known.inputs.get(table, -1), None)
    ]
    while waiting:
        table, change = waiting.pop()
        at = (table, change.day, change.version)
        if at in seen:
            continue
        seen.add(at)
        if table in traced.logs:
            if change.day <= known.watermark:
                found.add(Late(*at))
        elif table in traced.definitions:
            reader = traced.definitions[table]
            for read, (after, up_to) in change.read.items():
                if read in reader.reads:
                    waiting += [(read, one) for one in _of(traced, reader, read, change.day, after, up_to)]
    return found


def _of(traced: Traced, reader: Definition, table: str, day: date, after: int, up_to: int | None) -> Iterator[Change]:
    """Changes of the table that came between the two versions and within the window that the reader's day reads."""
    first, last = window(reader, table, day, None)
    for change in traced.changes.get(table, ()):
        is_between = after < change.version and (up_to is None or change.version <= up_to)
        if is_between and (first is None or first <= change.day) and (last is None or change.day <= last):
            yield change
