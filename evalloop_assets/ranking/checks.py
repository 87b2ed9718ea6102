"""Checks of the stage: ratings have a level that does not drift with the pool."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, asset_check

from evalloop_assets.days import Days
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake

ANCHORS = "SELECT day, count(CASE WHEN anchor THEN 1 END) AS anchors FROM ratings GROUP BY day ORDER BY day"


def anchored(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where each day with ratings has anchors."""
    found = lake.inputs({"ratings": (0, 0)}, days).query(ANCHORS).to_pylist()
    adrift = [row["day"].isoformat() for row in found if row["anchors"] == 0]
    return AssetCheckResult(
        passed=not adrift,
        severity=AssetCheckSeverity.WARN,
        description=(
            f"{len(adrift)} of {len(found)} days have fewer than three anchors: contrasts are relative only"
            if adrift
            else f"at least three anchors on each of {len(found)} days"
        ),
        metadata={"days": adrift},
    )


@asset_check(asset="ratings", description="At least three anchors fix the level of the ratings.")
def ratings_anchored(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return anchored(store, days_to_check(context, store, "ratings"))


CHECKS = [ratings_anchored]
