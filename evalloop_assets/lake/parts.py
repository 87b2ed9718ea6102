"""A range of days in parts, so that what a step holds at once does not grow with the range."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date


def in_parts(days: Sequence[date], inputs: Sequence[Mapping[date, int | None]], most: int) -> list[list[date]]:
    """The days in order, cut where the rows of the largest input would exceed `most`; a larger day is one part.

    `inputs` tell the rows of each day for each table that is read; a count that is not known is none.
    """
    found: list[list[date]] = []
    held = 0
    for day in sorted(days):
        rows = max((rows.get(day) or 0 for rows in inputs), default=0)
        if found and held + rows <= most:
            found[-1].append(day)
            held += rows
        else:
            found.append([day])
            held = rows
    return found
