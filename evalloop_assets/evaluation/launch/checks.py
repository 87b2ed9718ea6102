"""Checks of results by slice: nobody is served much worse, and the better model is the better one where it matters."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, ResourceParam, asset_check

from evalloop_assets.days import Days
from evalloop_assets.evaluation.launch.reversals import words
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import LaunchSettings, Settings

GAPS = """
    SELECT model_id, dimension, gap, low, high, lowest, highest FROM fairness_gaps
    WHERE metric = 'return_next_day' AND list_contains($groups, dimension) AND gap IS NOT NULL
      AND day = (SELECT max(day) FROM fairness_gaps)
    ORDER BY low DESC, model_id, dimension
"""
NAMED = ("dimension", "kind", "slice", "better_overall", "better_there")
CLAIMED = f"""
    SELECT metric, {", ".join(NAMED)} FROM slice_reversals
    WHERE claimed AND day = (SELECT max(day) FROM slice_reversals)
    ORDER BY p_adjusted, metric, {", ".join(NAMED)}
"""


def fair(lake: Lake, days: Days, options: LaunchSettings) -> AssetCheckResult:
    """Passes where no gap of the return between groups is surely above the limit, on the newest of the days."""
    groups = {"groups": list(options.fairness_dimensions)}
    found = lake.inputs({"fairness_gaps": (0, 0)}, days).query(GAPS, groups).to_pylist()
    wide = [
        f"{row['model_id']}: {row['lowest']} returns less than {row['highest']} ({row['dimension']}) by "
        f"{row['gap']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
        for row in found
        if row["low"] > options.fairness_limit
    ]
    return AssetCheckResult(
        passed=not wide,
        severity=AssetCheckSeverity.WARN,
        description="; ".join(wide)
        or f"no gap between groups is surely above {options.fairness_limit:g}, of {len(found)} that could be measured",
        metadata={"measured": len(found), "wide": wide},
    )


def unreversed(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where no reversal is claimed on the newest of the days."""
    found = lake.inputs({"slice_reversals": (0, 0)}, days).query(CLAIMED).to_pylist()
    said = [f"{row['metric']}: {words(**{name: row[name] for name in NAMED})}" for row in found]
    return AssetCheckResult(
        passed=not said,
        severity=AssetCheckSeverity.WARN,
        description="; ".join(said) or "no model is better overall and worse where it matters",
        metadata={"reversals": said},
    )


@asset_check(asset="fairness_gaps", description="No group of people is surely served worse by more than the limit.")
def groups_served_alike(
    context: AssetCheckExecutionContext, lake: LakeResource, settings: ResourceParam[Settings]
) -> AssetCheckResult:
    store = lake.open()
    return fair(store, days_to_check(context, store, "fairness_gaps"), settings.evaluation.launch)


@asset_check(asset="slice_reversals", description="The model that is better overall is not surely worse in a slice.")
def no_reversal(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return unreversed(store, days_to_check(context, store, "slice_reversals"))


CHECKS = [groups_served_alike, no_reversal]
