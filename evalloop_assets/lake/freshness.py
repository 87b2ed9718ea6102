"""Whether a day of a table is what its inputs and its definition would give now, and if not, why. Pure.

- never computed: its inputs have the day, the table has not;
- late rows: an input changed, within the window that the table reads, after the version that was read;
- code changed: the definition is not the one it was computed with;
- new reward model: another model is in use than the one that scored it;
- matured: the watermark has passed a horizon of the day since;
- log went on: rows of the day waited for the log to go on, such as sessions that were open, and it did;
- earlier days changed: an input that is read without a beginning changed. One that is read as a whole, without an end
  either, tells nothing of days: where former days are scored, it reopens those that a new model would, and no others.

A table with horizons does not look at days that were still open when it was computed: what depends on them is censored
until it matures.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple

from evalloop_assets.days import WHOLE, Window
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.commit_notes import Computed

NEVER, LATE, CODE, MODEL = "never computed", "late rows", "code changed", "new reward model"
MATURED, WENT_ON, EARLIER = "matured", "log went on", "earlier days changed"
REASONS = (NEVER, LATE, CODE, MODEL, MATURED, WENT_ON, EARLIER)


class Cause(NamedTuple):
    """Why a day is stale."""

    reason: str
    """One of REASONS."""
    detail: str
    """What happened: the input, its day and version, the old and the new definition, the date."""
    table: str = ""
    """The table whose rows changed, where rows did."""
    days: tuple[date, ...] = ()
    """Days on which they changed."""


@dataclass(frozen=True)
class Definition:
    """What must be known of a derived table."""

    table: str
    reads: Mapping[str, Window]
    """Day offsets that it reads of each table; None is unbounded; (None, -1) of itself is its own past."""
    horizons: tuple[int, ...]
    """Days after which rows of a day change because something matured."""
    code: str
    """Version of the definition, and after a slash that of the model that its rows were made with."""
    rescored_from: date = date.min
    """First day that a new model, or other rows of a table that is read as a whole, reopen: days before it stand."""


class Newest:
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
        start = bisect_left(self._sorted, first)
        return max((self._versions[day] for day in self._sorted[start:end]), default=-1)

    def after(self, version: int, first: date | None, last: date | None) -> list[date]:
        """Days of the window that changed after that version."""
        start = 0 if first is None else bisect_left(self._sorted, first)
        end = len(self._sorted) if last is None else bisect_right(self._sorted, last)
        return [day for day in self._sorted[start:end] if self._versions[day] > version]


def causes(
    definition: Definition, day: date, known: Computed | None, newest: Mapping[str, Newest], clock: Clock
) -> set[Cause]:
    """Why the day is stale, as far as what was committed tells."""
    if known is None:
        fed = [table for table in fed_by(definition) if table in newest and day in newest[table]]
        return {Cause(NEVER, f"{', '.join(sorted(fed))} has the day")} if fed else set()
    found = {*_redefined(definition, day, known), *_matured(definition.horizons, day, known.watermark, clock.watermark)}
    if known.waits and clock.log_end is not None and (known.log_end is None or known.log_end < clock.log_end):
        found.add(Cause(WENT_ON, f"{known.log_end} → {clock.log_end}"))
    for table in definition.reads.keys() & newest.keys():
        if definition.reads[table] == WHOLE and day < definition.rescored_from:
            continue
        first, last = window(definition, table, day, known)
        seen = known.inputs.get(table, -1)
        if table == definition.table:
            seen = max(seen, known.version)
        if newest[table].within(first, last) > seen:
            found.add(_late(table, newest[table].after(seen, first, last), newest[table].within(first, last), first))
    return found


def fed_by(definition: Definition) -> list[str]:
    """The tables that it reads on the day itself."""
    return [
        table
        for table, (start, end) in definition.reads.items()
        if table != definition.table and (start is None or start <= 0) and (end is None or end >= 0)
    ]


def window(definition: Definition, table: str, day: date, known: Computed | None) -> tuple[date | None, date | None]:
    """First and last day of the table that the day looks at."""
    start, end = definition.reads[table]
    first = None if start is None else day + timedelta(days=start)
    last = None if end is None else day + timedelta(days=end)
    if definition.horizons and known is not None:
        closed = max(day, known.watermark or day)
        last = closed if last is None else min(last, closed)
    return first, last


def _redefined(definition: Definition, day: date, known: Computed) -> Iterable[Cause]:
    (old, _, old_model), (new, _, new_model) = known.code.partition("/"), definition.code.partition("/")
    if old != new:
        yield Cause(CODE, f"{definition.table} {old or 'unknown'} → {new}")
    elif old_model != new_model and day >= definition.rescored_from:
        yield Cause(MODEL, f"{old_model or 'none'} → {new_model or 'none'}")


def _matured(horizons: Iterable[int], day: date, before: date | None, now: date | None) -> Iterable[Cause]:
    if now is None:
        return
    dates = [day + timedelta(days=horizon) for horizon in horizons]
    if any(ripe <= now and (before is None or ripe > before) for ripe in dates):
        yield Cause(MATURED, f"complete through {before or 'nothing'} → {now}")


def _late(table: str, days: list[date], version: int, first: date | None) -> Cause:
    span = str(days[0]) if len(days) == 1 else f"{days[0]} to {days[-1]}"
    return Cause(EARLIER if first is None else LATE, f"{table} {span} in version {version}", table, tuple(days))
