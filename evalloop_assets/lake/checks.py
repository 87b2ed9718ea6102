"""Which days an asset check looks at.

Checks carry no partitions of their own, although their assets do: a run over a range of days gives one evaluation for
all of them, and Dagster would show each single day of a partitioned check as skipped or failed.
"""

from dagster import AssetCheckExecutionContext

from evalloop_assets.days import Days
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.store import Lake
from evalloop_assets.partitions import days_of


def days_to_check(context: AssetCheckExecutionContext, lake: Lake, table: str) -> Days:
    """The days of the run; a check that is executed by itself looks at the newest day of its table."""
    run = context.op_execution_context
    if run.has_partition_key or run.has_partition_key_range:
        return days_of(context.partition_keys)
    computed = lake.computed(table)
    if not computed:
        raise UserError(f"table {table}", "no day of it was computed yet", "Materialize it; its checks run with it.")
    return Days.one(max(computed))
