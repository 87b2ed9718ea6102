"""Checks of the stage: sound keys, values in their bounds, sound pairs."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, asset_check

from evalloop_assets.days import Days
from evalloop_assets.denoise.checks import key_check
from evalloop_assets.horizon_labels.pair_checks import PAIR_CHECKS
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake

OUT_OF_BOUNDS = """
    SELECT count(*) AS rows FROM horizon_labels
    WHERE greatest(abs(immediate), abs(delayed_5), abs(delayed_session)) > 1
        OR least(immediate_strength, delayed_5_strength, delayed_session_strength) < 0
        OR greatest(immediate_strength, delayed_5_strength, delayed_session_strength) > 1
        OR (immediate IS NULL) <> (immediate_strength IS NULL)
        OR (delayed_5 IS NULL) <> (delayed_5_strength IS NULL)
        OR (delayed_session IS NULL) <> (delayed_session_strength IS NULL)
"""

STOPPED = """
    SELECT * FROM signal_validity
    WHERE stopped AND day = (SELECT max(day) FROM signal_validity WHERE stopped IS NOT NULL)
    ORDER BY signal
"""


def labels_in_bounds(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where every value lies in [-1, 1] and has a strength in [0, 1], and what is censored has neither."""
    wrong = lake.inputs({"horizon_labels": (0, 0)}, days).query(OUT_OF_BOUNDS).column("rows")[0].as_py()
    return AssetCheckResult(
        passed=wrong == 0, description=f"{wrong} labels out of their bounds", metadata={"rows": wrong}
    )


def signals_hold(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where no signal stopped predicting returns by the last of the days for which that is known."""
    rows = lake.inputs({"signal_validity": (0, 0)}, days).query(STOPPED).to_pylist()
    lines = [
        f"{row['signal']}: {row['correlation_before']:.3f} before, {row['correlation']:.3f} "
        f"[{row['low']:.3f}, {row['high']:.3f}] in the last seven days"
        for row in rows
    ]
    return AssetCheckResult(
        passed=not rows,
        severity=AssetCheckSeverity.WARN,
        description="; ".join(lines) or "no signal that predicted returns has stopped to",
        metadata={"stopped": [row["signal"] for row in rows]},
    )


@asset_check(
    asset="signal_validity",
    description="What users do still goes with coming back, where it did. A signal that stopped misleads the labels.",
)
def signals_still_predict(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return signals_hold(store, days_to_check(context, store, "signal_validity"))


@asset_check(
    asset="horizon_labels",
    description="Values lie in [-1, 1], strengths in [0, 1]; what is censored has neither.",
    blocking=True,
)
def labels_within_bounds(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return labels_in_bounds(store, days_to_check(context, store, "horizon_labels"))


KEYED = (
    "user_days",
    "first_seen",
    "returns",
    "absences",
    "horizon_labels",
    "signal_sums",
    "signal_validity",
    "preference_pairs",
)

CHECKS = [*(key_check(table) for table in KEYED), labels_within_bounds, signals_still_predict, *PAIR_CHECKS]
