"""Checks about people: nobody agrees with the others surely less often than they do with each other."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, asset_check

from evalloop_assets.days import Days
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake

WORSE = """
    SELECT annotator_id, agreement, agreement_low, agreement_high
    FROM annotator_quality
    WHERE worse AND day = (SELECT max(day) FROM annotator_quality)
    ORDER BY annotator_id
"""


def of_one_mind(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where no annotator was found worse than the others on the last of the days that was computed."""
    found = lake.inputs({"annotator_quality": (0, 0)}, days).query(WORSE).to_pylist()
    told = [
        f"{row['annotator_id']} {row['agreement']:.3f} [{row['agreement_low']:.3f}, {row['agreement_high']:.3f}]"
        for row in found
    ]
    return AssetCheckResult(
        passed=not found,
        severity=AssetCheckSeverity.WARN,
        description=f"worse than the others: {'; '.join(told)}" if found else "no annotator is worse than the others",
        metadata={"worse": told},
    )


@asset_check(asset="annotator_quality", description="No annotator agrees with the others less than they do.")
def annotators_of_one_mind(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return of_one_mind(store, days_to_check(context, store, "annotator_quality"))


CHECKS = [annotators_of_one_mind]
