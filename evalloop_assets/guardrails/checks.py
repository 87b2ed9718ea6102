"""The guardrail as a check that people see: it warns and never blocks, since a rollback is an outcome, not a crash."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, asset_check

from evalloop_assets.days import Days
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake

READINGS = "SELECT reading_id, verdict, reason FROM guardrail_readings ORDER BY reading_id"


def verdicts(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where no verdict is ROLLBACK or BLIND."""
    found = lake.inputs({"guardrail_readings": (0, 0)}, days).query(READINGS).to_pylist()
    bad = [row for row in found if row["verdict"] in ("ROLLBACK", "BLIND")]
    return AssetCheckResult(
        passed=not bad,
        severity=AssetCheckSeverity.WARN,
        description=f"{len(found)} readings, {len(bad)} of them ROLLBACK or BLIND",
        metadata={row["reading_id"]: f"{row['verdict']}: {row['reason']}" for row in found},
    )


@asset_check(asset="guardrail_readings", description="No experiment does harm, none is out of sight.")
def no_guardrail_fired(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return verdicts(store, days_to_check(context, store, "guardrail_readings"))


CHECKS = [no_guardrail_fired]
