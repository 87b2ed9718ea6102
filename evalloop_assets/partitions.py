"""The one daily axis, and how a window of days becomes a partition mapping."""

from __future__ import annotations

import warnings
from datetime import date

from dagster import (
    AllPartitionMapping,
    BetaWarning,
    DailyPartitionsDefinition,
    PartitionMapping,
    PreviewWarning,
    TimeWindowPartitionMapping,
)

from evalloop_assets.days import BEFORE, Days, Window

# Partition windows, backfill policies and partitioned checks are beta in Dagster 1.13, and pinned by constraints.txt.
for _category in (BetaWarning, PreviewWarning):
    warnings.filterwarnings("ignore", category=_category)


def days_from(first_day: date) -> DailyPartitionsDefinition:
    """UTC days from `first_day` to today, the open day included."""
    return DailyPartitionsDefinition(start_date=first_day.isoformat(), end_offset=1)


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
