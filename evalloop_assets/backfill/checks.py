"""Checks of the stage: sound keys, and no label left censored after it matured."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, asset_check

from evalloop_assets.days import Days
from evalloop_assets.denoise.checks import key_check
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake

OVERDUE = """
    SELECT table_name, label_day, horizon, censored FROM maturity
    WHERE mature AND censored > 0
        AND (horizon IN ('delayed_session', 'reengaged') OR table_name = 'returns' AND horizon <> 'returned_24h')
    ORDER BY label_day, table_name, horizon
"""


def nothing_overdue(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where every label that only waited for its date has been computed since."""
    overdue = lake.inputs({"maturity": (0, 0)}, days).query(OVERDUE).to_pylist()
    lines = [f"{row['table_name']} {row['label_day']} {row['horizon']}: {row['censored']}" for row in overdue]
    return AssetCheckResult(
        passed=not overdue,
        severity=AssetCheckSeverity.WARN,
        description=f"{len(overdue)} labels matured and are still censored",
        metadata={"overdue": lines},
    )


@asset_check(asset="maturity", description="What has matured is no longer censored.")
def matured_labels_are_known(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return nothing_overdue(store, days_to_check(context, store, "maturity"))


CHECKS = [key_check("maturity"), matured_labels_are_known]
