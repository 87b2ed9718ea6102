"""Checks of items: nothing that was learned examines, and no benchmark is worn out."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, asset_check

from evalloop_assets.days import Days
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake

WORN = 0.5
"""Share of retired or suspected items from which a benchmark is worn out."""
LEARNED = """
    SELECT benchmark, count(*) AS items, count(CASE WHEN contaminated THEN 1 END) AS learned FROM item_contamination
    WHERE day = (SELECT max(day) FROM item_contamination)
    GROUP BY benchmark HAVING count(CASE WHEN contaminated THEN 1 END) > 0
    ORDER BY benchmark
"""
JUDGED = """
    SELECT benchmark, count(*) AS items, count(CASE WHEN verdict <> 'keep' THEN 1 END) AS gone FROM item_statistics
    WHERE verdict <> 'not enough models' AND day = (SELECT max(day) FROM item_statistics)
    GROUP BY benchmark
    ORDER BY benchmark
"""


def unlearned(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where no item of a benchmark is in the training data, on the newest of the days."""
    found = lake.inputs({"item_contamination": (0, 0)}, days).query(LEARNED).to_pylist()
    told = [f"{row['benchmark']}: {row['learned']:,} of {row['items']:,} items" for row in found]
    return AssetCheckResult(
        passed=not found,
        severity=AssetCheckSeverity.WARN,
        description="; ".join(told) or "no item of a benchmark is in the training data",
    )


def separating(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where fewer than half of the items of each benchmark are retired or suspected."""
    found = lake.inputs({"item_statistics": (0, 0)}, days).query(JUDGED).to_pylist()
    worn = [row for row in found if row["gone"] >= WORN * row["items"]]
    told = [f"{row['benchmark']}: {row['gone']:,} of {row['items']:,} items separate no models" for row in worn]
    return AssetCheckResult(
        passed=not worn,
        severity=AssetCheckSeverity.WARN,
        description="; ".join(told) or f"{len(found)} benchmarks with enough models separate them",
    )


@asset_check(asset="item_contamination", description="No item of a benchmark is in the training data.")
def items_not_learned(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return unlearned(store, days_to_check(context, store, "item_contamination"))


@asset_check(asset="item_statistics", description="Most items of each benchmark still separate models.")
def items_separate_models(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return separating(store, days_to_check(context, store, "item_statistics"))


CHECKS = [items_not_learned, items_separate_models]
