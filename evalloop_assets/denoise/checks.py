"""Checks of the stage: keys that are unique and known."""

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    asset_check,
)

from evalloop_assets.days import Days
from evalloop_assets.denoise.assets import TABLES
from evalloop_assets.denoise.shares import shares
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


def share_holds(lake: Lake, days: Days, table: str, condition: str, tolerance: float, said: str) -> AssetCheckResult:
    """Passes where the share of such rows on the last day is above that of the week before by the tolerance at most.

    A negative tolerance looks for a fall.
    """
    found = shares(lake, table, condition, days.last)
    return AssetCheckResult(
        passed=not found.jumped(tolerance),
        severity=AssetCheckSeverity.WARN,
        description=f"{said} {found.share:.1%} on {days.last}, {found.share_before:.1%} in the week before",
        metadata={"share": found.share, "share_before": found.share_before, "rows": found.rows},
    )


@asset_check(
    asset="reading",
    description="Reading is known of about as many replies as in the week before. A fall: an app logs no more.",
)
def reading_is_still_logged(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    days = days_to_check(context, store, "reading")
    return share_holds(store, days, "reading", "effective_read_s IS NOT NULL", -0.1, "reading is known of")


@asset_check(
    asset="exits",
    description="About as many sessions end abruptly as in the week before. A rise is a worse model, or a broken log.",
)
def abrupt_ends_are_as_usual(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return share_holds(store, days_to_check(context, store, "exits"), "exits", "kind = 'abrupt'", 0.1, "abrupt ends:")


@asset_check(
    asset="traffic",
    description="About as many sessions are of people as in the week before. A fall is a wave of scripts.",
)
def people_are_as_many_as_usual(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return share_holds(store, days_to_check(context, store, "traffic"), "traffic", "kind = 'people'", -0.1, "people:")


CHECKS = [
    *(key_check(table) for table in TABLES),
    reading_is_still_logged,
    abrupt_ends_are_as_usual,
    people_are_as_many_as_usual,
]
