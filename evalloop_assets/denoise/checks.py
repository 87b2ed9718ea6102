"""Checks of the stage: keys that are unique and known."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetChecksDefinition, asset_check

from evalloop_assets.days import Days
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake


def sound_keys(lake: Lake, table: str, days: Days) -> AssetCheckResult:
    """Passes where every key of the days is there once and holds no NULL."""
    key = ", ".join(declared(table).key)
    unknown = " OR ".join(f"{name} IS NULL" for name in declared(table).key)
    found = lake.inputs({table: (0, 0)}, days).query(
        f"SELECT {key}, count(*) AS copies FROM {table} GROUP BY {key} HAVING count(*) > 1 OR {unknown} ORDER BY {key}"
    )
    broken = found.to_pylist()
    return AssetCheckResult(
        passed=not broken,
        description=f"{len(broken) or 'no'} key ({key}) is NULL or there twice",
        metadata={"broken": len(broken), "examples": [str(row) for row in broken[:5]]},
    )


def key_check(table: str) -> AssetChecksDefinition:
    """The blocking check of one table's key."""

    @asset_check(
        asset=table,
        name="key_is_unique_and_known",
        description="Every key is there once and holds no NULL.",
        blocking=True,
    )
    def _check(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
        store = lake.open()
        return sound_keys(store, table, days_to_check(context, store, table))

    return _check


CHECKS = [key_check(table) for table in ("sessions", "reading", "exits", "traffic", "reading_speeds")]
