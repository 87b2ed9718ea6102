"""Checks of offline against online: no offline score that people go by has stopped predicting, nothing is overdue."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, asset_check

from evalloop_assets.days import Days
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake

DEMOTED = "SELECT kind, name, since, reason FROM predictors WHERE status = 'demoted' ORDER BY kind, name"
DUE = "SELECT model_id, benchmark, reason FROM evaluations_due ORDER BY benchmark, model_id"
SHOWN = 20


def none_demoted(lake: Lake, days: Days) -> AssetCheckResult:
    """Warns of every score that is demoted at the end of these days."""
    found = lake.inputs({"predictors": (0, 0)}, Days.one(days.last)).query(DEMOTED).to_pylist()
    told = [f"{row['kind']} {row['name']} since {row['since']}: {row['reason']}" for row in found]
    return AssetCheckResult(
        passed=not found,
        severity=AssetCheckSeverity.WARN,
        description=f"do not go by: {'; '.join(told)}" if told else "no offline score is demoted",
        metadata={"demoted": told},
    )


def none_due(lake: Lake, days: Days) -> AssetCheckResult:
    """Warns of models that a benchmark has not scored, or too long ago, at the end of these days."""
    found = lake.inputs({"evaluations_due": (0, 0)}, Days.one(days.last)).query(DUE).to_pylist()
    told = [f"{row['model_id']} on {row['benchmark']}: {row['reason']}" for row in found]
    return AssetCheckResult(
        passed=not found,
        severity=AssetCheckSeverity.WARN,
        description=f"{len(found)} evaluations are due"
        if found
        else "every model has a fresh score of every benchmark",
        metadata={"due": told[:SHOWN]},
    )


@asset_check(asset="predictors", description="No benchmark, judge or reward model has stopped predicting.")
def predictors_predict(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return none_demoted(store, days_to_check(context, store, "predictors"))


@asset_check(asset="evaluations_due", description="Every model has a fresh score of every benchmark.")
def evaluations_fresh(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return none_due(store, days_to_check(context, store, "evaluations_due"))


CHECKS = [predictors_predict, evaluations_fresh]
