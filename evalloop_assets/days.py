"""Ranges of UTC days, and the windows around them that a step reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

Window = tuple[int | None, int | None]
"""Offsets in days around the first and the last day of a range; None is unbounded on that side."""

BEFORE: Window = (None, -1)
"""All days before the range, for a table that reads its own past."""
WHOLE: Window = (None, None)
"""All days, for a table whose rows belong to no day of the log."""


@dataclass(frozen=True, order=True)
class Days:
    """An inclusive range of UTC days, iterated day by day."""

    first: date
    last: date

    @classmethod
    def one(cls, day: date) -> Days:
        return cls(day, day)

    def __iter__(self) -> Iterator[date]:
        return (self.first + timedelta(days=offset) for offset in range((self.last - self.first).days + 1))

    def window(self, window: Window) -> tuple[date | None, date | None]:
        """First and last day to read; None is unbounded. `BEFORE` ends at the day before the range begins."""
        first, last = window
        start = None if first is None else self.first + timedelta(days=first)
        if window == BEFORE:
            return start, self.first - timedelta(days=1)
        return start, None if last is None else self.last + timedelta(days=last)


def ranges(days: Iterable[date]) -> list[Days]:
    """The fewest ranges that cover exactly these days, in order."""
    found: list[Days] = []
    for day in sorted(set(days)):
        if found and day - found[-1].last == timedelta(days=1):
            found[-1] = Days(found[-1].first, day)
        else:
            found.append(Days(day, day))
    return found
