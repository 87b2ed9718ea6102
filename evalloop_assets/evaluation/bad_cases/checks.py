"""Checks of bad cases: nothing trains and evaluates, and retraining does not make them worse."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, asset_check

from evalloop_assets.days import Days
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake

BOTH = """
    SELECT dedup_group FROM bad_cases WHERE side <> 'withheld'
    GROUP BY dedup_group HAVING count(DISTINCT side) > 1
    ORDER BY dedup_group
"""
WORSE = """
    SELECT reward_version, previous_version, difference, difference_low, difference_high FROM flywheel
    WHERE verdict = 'worse' AND day = (SELECT max(day) FROM flywheel)
      AND reward_version = (SELECT max(reward_version) FROM flywheel WHERE day = (SELECT max(day) FROM flywheel))
"""


def on_one_side(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where no group of near duplicates is on both sides, over all days."""
    found = lake.inputs({"bad_cases": (None, None)}, days).query(BOTH)["dedup_group"].to_pylist()
    return AssetCheckResult(
        passed=not found,
        severity=AssetCheckSeverity.WARN,
        description=f"{len(found)} groups train and evaluate" if found else "no group trains and evaluates",
        metadata={"groups": found[:20]},
    )


def not_worse(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where the newest champion is not surely worse on unseen bad cases than the one before it."""
    found = lake.inputs({"flywheel": (0, 0)}, days).query(WORSE).to_pylist()
    told = [
        f"{row['reward_version']} errs on {row['difference']:.3f} [{row['difference_low']:.3f}, "
        f"{row['difference_high']:.3f}] more of them than {row['previous_version']}"
        for row in found
    ]
    return AssetCheckResult(
        passed=not found,
        severity=AssetCheckSeverity.WARN,
        description="; ".join(told) or "the newest champion is not surely worse on unseen bad cases",
    )


@asset_check(asset="bad_cases", description="No group of near duplicates trains and evaluates.")
def cases_on_one_side(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return on_one_side(store, days_to_check(context, store, "bad_cases"))


@asset_check(asset="flywheel", description="Retraining does not make bad cases worse.")
def flywheel_turns(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return not_worse(store, days_to_check(context, store, "flywheel"))


CHECKS = [cases_on_one_side, flywheel_turns]
