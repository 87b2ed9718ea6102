"""Checks of the stage: no candidate goes on without a verdict."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, asset_check

from evalloop_assets.days import Days
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake

UNSCREENED = """
    SELECT c.model_id
    FROM policy_candidates AS c LEFT JOIN policy_screen AS s ON s.model_id = c.model_id
    WHERE s.passed IS NULL OR s.reason IS NULL
    ORDER BY c.model_id
"""


def every_candidate_judged(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where each candidate of the days has a verdict with its reason."""
    inputs = lake.inputs({"policy_candidates": (0, 0), "policy_screen": (0, 0)}, days)
    names = inputs.query(UNSCREENED).column("model_id").to_pylist()
    return AssetCheckResult(
        passed=not names,
        description=f"{len(names)} candidates without a verdict",
        metadata={"candidates": names},
    )


@asset_check(
    asset="policy_screen",
    description="Each candidate of the day has a verdict with its reason.",
    blocking=True,
)
def policy_screen_complete(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return every_candidate_judged(store, days_to_check(context, store, "policy_screen"))


CHECKS = [policy_screen_complete]
