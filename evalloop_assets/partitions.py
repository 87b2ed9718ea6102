"""The one daily axis, and how a window of days becomes a partition mapping."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING

from dagster import (
    AllPartitionMapping,
    BetaWarning,
    DailyPartitionsDefinition,
    PartitionMapping,
    PreviewWarning,
    TimeWindowPartitionMapping,
    partition_loading_context,
)

from evalloop_assets.days import BEFORE, Days, Window

if TYPE_CHECKING:
    from dagster._core.instance import DynamicPartitionsStore

# Partition windows, backfill policies and partitioned checks are beta in Dagster 1.13, and pinned by constraints.txt.
for _category in (BetaWarning, PreviewWarning):
    warnings.filterwarnings("ignore", category=_category)


class UtcDays(DailyPartitionsDefinition):
    """Daily partitions whose keys are counted and not looked up in the calendar of a time zone.

    Every check of a run lists them all: ten years take Dagster a tenth of a second, each time.
    """

    def get_partition_keys(
        self, current_time: datetime | None = None, dynamic_partitions_store: DynamicPartitionsStore | None = None
    ) -> Sequence[str]:
        with partition_loading_context(current_time, dynamic_partitions_store):
            last = self.get_last_partition_key()
        return _keys(self.start.date(), date.fromisoformat(last)) if last else []


@functools.lru_cache(maxsize=2)
def _keys(first: date, last: date) -> tuple[str, ...]:
    return tuple(day.isoformat() for day in Days(first, last))


def days_from(first_day: date) -> UtcDays:
    """UTC days from `first_day` to today, the open day included."""
    return UtcDays(start_date=first_day.isoformat(), end_offset=1)


def mapping(window: Window) -> PartitionMapping:
    """How a step that reads `window` depends on days of the table that it reads."""
    first, last = window
    if window == BEFORE:
        return TimeWindowPartitionMapping(start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True)
    if first is None or last is None:
        return AllPartitionMapping()
    return TimeWindowPartitionMapping(start_offset=first, end_offset=last, allow_nonexistent_upstream_partitions=True)


def days_of(partition_keys: list[str] | tuple[str, ...]) -> Days:
    """The range of days that a run was asked for."""
    return Days(date.fromisoformat(min(partition_keys)), date.fromisoformat(max(partition_keys)))
