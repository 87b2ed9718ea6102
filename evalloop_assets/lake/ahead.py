"""How far a step that looks ahead can see: a day that its inputs have not been computed for is unknown, not empty."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from evalloop_assets.days import Days, Window
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.store import Lake

Feeds = Mapping[str, Mapping[str, Window]]
"""What each derived table reads; a table that is not among them is a log."""


def clock_ahead(lake: Lake, reads: Mapping[str, Window], feeds: Feeds, days: Days, clock: Clock) -> Clock:
    """The clock, its watermark held back to the last day that every input with a window ahead was computed through.

    Without it a run over some days of a longer log would read the days behind its end as days without anybody.
    """
    known: dict[str, frozenset[date]] = {}
    for table, (_, ahead) in reads.items():
        if clock.watermark is None or table not in feeds or not ahead or ahead < 0:
            continue
        for day in Days(days.first, days.last + timedelta(days=ahead)):
            if day > clock.watermark:
                break
            if not _has(lake, table, day, known) and _fed(lake, table, day, feeds, known):
                clock = clock._replace(watermark=day - timedelta(days=1))
                break
    return clock


def _has(lake: Lake, table: str, day: date, known: dict[str, frozenset[date]]) -> bool:
    if table not in known:
        known[table] = frozenset(lake.computed(table))
    return day in known[table]


def _fed(lake: Lake, table: str, day: date, feeds: Feeds, known: dict[str, frozenset[date]]) -> bool:
    """Whether the logs behind the table have that day, so that it would have it too if it were computed."""
    return any(
        _fed(lake, read, day, feeds, known) if read in feeds else _has(lake, read, day, known)
        for read, (first, last) in feeds[table].items()
        if read != table and (first is None or first <= 0) and (last is None or last >= 0)
    )
