"""Checks of the stage: the arms are as large as promised.

The check reports an error but blocks nothing: a mismatch turns the guardrail's verdict into HOLD, which must be
reached.
"""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, ResourceParam, asset_check

from evalloop_assets.days import Days
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings

MISMATCHES = """
    SELECT day, experiment_id, unit, min(srm_p) AS srm_p
    FROM experiment_results
    WHERE srm_p < $limit
    GROUP BY day, experiment_id, unit
    ORDER BY day, experiment_id, unit
"""


def sample_ratios(lake: Lake, days: Days, limit: float) -> AssetCheckResult:
    """Passes where no experiment's sample ratio has a p-value below `limit`."""
    found = lake.inputs({"experiment_results": (0, 0)}, days).query(MISMATCHES, {"limit": limit}).to_pylist()
    lines = {f"{row['day']} {row['experiment_id']} by {row['unit']}": f"p {row['srm_p']:.2g}" for row in found}
    return AssetCheckResult(
        passed=not found,
        severity=AssetCheckSeverity.ERROR,
        description=f"{len(found)} sample ratios contradict their propensities (p below {limit})",
        metadata={"mismatches": lines},
    )


@asset_check(asset="experiment_results", description="Each arm is as large as its propensity promises.")
def sample_ratio_match(
    context: AssetCheckExecutionContext, lake: LakeResource, settings: ResourceParam[Settings]
) -> AssetCheckResult:
    store = lake.open()
    return sample_ratios(store, days_to_check(context, store, "experiment_results"), settings.ab.srm_alpha)


CHECKS = [sample_ratio_match]
