"""Checks of the audit: no probe fires, no judge's grade has fallen, and no model of a leaderboard is out of line."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, asset_check

from evalloop_assets.days import Days
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake

FIRED = """
    SELECT judge_id, probe, value, low, high
    FROM judge_audits
    WHERE fired AND day = (SELECT max(day) FROM judge_audits)
    ORDER BY judge_id, probe
"""
FALLEN = """
    WITH graded AS (
        SELECT judge_id, day, grade, lag(grade) OVER (PARTITION BY judge_id ORDER BY day) AS before
        FROM judge_grades
        WHERE grade IS NOT NULL
    )
    SELECT judge_id, before, grade
    FROM graded
    WHERE day BETWEEN $first AND $last AND grade > before
    ORDER BY judge_id, day
"""


OUTLIERS = """
    SELECT benchmark, model_id, score, z
    FROM leaderboard_outliers
    WHERE day = (SELECT max(day) FROM leaderboard_outliers)
    ORDER BY z DESC
"""


def in_line(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where no published leaderboard has a model out of line, on the last of the days that was computed."""
    found = lake.inputs({"leaderboard_outliers": (0, 0)}, days).query(OUTLIERS).to_pylist()
    told = [f"{row['model_id']} of {row['benchmark']}: {row['score']:.1f}%, z {row['z']:.1f}" for row in found]
    return AssetCheckResult(
        passed=not found,
        severity=AssetCheckSeverity.WARN,
        description=f"win more than their length does: {'; '.join(told)}" if found else "no model is out of line",
        metadata={"out of line": told},
    )


def without_faults(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where no probe fired on the last of the days that was audited."""
    found = lake.inputs({"judge_audits": (0, 0)}, days).query(FIRED).to_pylist()
    told = [
        f"{row['judge_id']}: {row['probe']} {row['value']:+.3f} [{row['low']:+.3f}, {row['high']:+.3f}]"
        for row in found
    ]
    return AssetCheckResult(
        passed=not found,
        severity=AssetCheckSeverity.WARN,
        description=f"{len(found)} probes fired: {'; '.join(told)}" if found else "no probe fired",
        metadata={"fired": told},
    )


def held_grades(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where no judge's grade is worse than when it was last graded before."""
    inputs = lake.inputs({"judge_grades": (None, 0)}, days)
    found = inputs.query(FALLEN, {"first": days.first, "last": days.last}).to_pylist()
    told = [f"{row['judge_id']} from {row['before']} to {row['grade']}" for row in found]
    return AssetCheckResult(
        passed=not found,
        severity=AssetCheckSeverity.WARN,
        description=f"{len(found)} grades fell: {'; '.join(told)}" if found else "no grade fell",
        metadata={"fallen": told},
    )


@asset_check(asset="judge_audits", description="No judge shows a fault.")
def judges_without_faults(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return without_faults(store, days_to_check(context, store, "judge_audits"))


@asset_check(asset="judge_grades", description="No judge is graded worse than before.")
def judges_hold_their_grades(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return held_grades(store, days_to_check(context, store, "judge_grades"))


@asset_check(asset="leaderboard_outliers", description="No model of a published leaderboard plays its judge.")
def leaderboards_in_line(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return in_line(store, days_to_check(context, store, "leaderboard_outliers"))


CHECKS = [judges_without_faults, judges_hold_their_grades, leaderboards_in_line]
