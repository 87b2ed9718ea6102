"""Checks of the stage: sound keys, values in their bounds, and pairs that give nothing away but their text."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, ResourceParam, asset_check

from evalloop_assets.days import Days
from evalloop_assets.denoise.checks import key_check
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings

FOUR_WEEKS = {"preference_pairs": (-27, 0)}
"""One day alone holds too few pairs to see a leak."""

OUT_OF_BOUNDS = """
    SELECT count(*) AS rows FROM horizon_labels
    WHERE greatest(abs(immediate), abs(delayed_5), abs(delayed_session)) > 1
        OR least(immediate_strength, delayed_5_strength, delayed_session_strength) < 0
        OR greatest(immediate_strength, delayed_5_strength, delayed_session_strength) > 1
        OR (immediate IS NULL) <> (immediate_strength IS NULL)
        OR (delayed_5 IS NULL) <> (delayed_5_strength IS NULL)
        OR (delayed_session IS NULL) <> (delayed_session_strength IS NULL)
"""

DECIDED = """
    SELECT
        source,
        preferred,
        if(preferred = 'A', 1, -1) * (position_a - position_b) AS position_lead,
        if(preferred = 'A', 1, -1) * (ln(length(reply_a) + 1) - ln(length(reply_b) + 1)) AS length_lead
    FROM (SELECT *, if(horizon_tag = 'immediate', immediate, delayed_5) AS preferred FROM preference_pairs)
    WHERE preferred IN ('A', 'B')
"""


def labels_in_bounds(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where every value lies in [-1, 1] and has a strength in [0, 1], and what is censored has neither."""
    wrong = lake.inputs({"horizon_labels": (0, 0)}, days).query(OUT_OF_BOUNDS).column("rows")[0].as_py()
    return AssetCheckResult(
        passed=wrong == 0, description=f"{wrong} labels out of their bounds", metadata={"rows": wrong}
    )


def no_leak(lake: Lake, days: Days, lead: str, sources: tuple[str, ...], tolerance: float) -> AssetCheckResult:
    """Passes where the lead alone does not tell the preferred side, for each source of pairs."""
    from evalloop_assets.horizon_labels.leakage import leak

    rows = lake.inputs(FOUR_WEEKS, days).query(DECIDED).to_pylist()
    leaks = {
        source: leak([row[lead] for row in rows if row["source"] == source and row[lead] is not None])
        for source in sources
    }
    found = [source for source, one in leaks.items() if one.found(tolerance)]
    described = ", ".join(f"{source} {one.auc:.3f} of {one.pairs}" for source, one in leaks.items() if one.pairs)
    return AssetCheckResult(
        passed=not found,
        severity=AssetCheckSeverity.WARN,
        description=f"AUC of {lead} alone, and pairs: {described or 'no decided pairs'}",
        metadata={f"{source}_auc": one.auc for source, one in leaks.items() if one.pairs}
        | {f"{source}_pairs": one.pairs for source, one in leaks.items()},
    )


def sides_balanced(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where side a is preferred about as often as side b, which a coin decides."""
    rows = lake.inputs(FOUR_WEEKS, days).query(DECIDED).to_pylist()
    share = sum(row["preferred"] == "A" for row in rows) / max(len(rows), 1)
    return AssetCheckResult(
        passed=not rows or abs(share - 0.5) <= 2 / len(rows) ** 0.5,
        severity=AssetCheckSeverity.WARN,
        description=f"side a is preferred in {share:.1%} of {len(rows)} decided pairs",
        metadata={"share_a": share, "pairs": len(rows)},
    )


@asset_check(
    asset="horizon_labels",
    description="Values lie in [-1, 1], strengths in [0, 1]; what is censored has neither.",
    blocking=True,
)
def labels_within_bounds(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return labels_in_bounds(store, days_to_check(context, store, "horizon_labels"))


@asset_check(
    asset="preference_pairs",
    description="Position alone does not tell which side of a tail pair is preferred.",
)
def position_says_nothing(
    context: AssetCheckExecutionContext, lake: LakeResource, settings: ResourceParam[Settings]
) -> AssetCheckResult:
    tolerance = settings.labels.leak_tolerance
    store = lake.open()
    return no_leak(store, days_to_check(context, store, "preference_pairs"), "position_lead", ("tail",), tolerance)


@asset_check(
    asset="preference_pairs",
    description="Length alone does not tell which side of a pair is preferred.",
)
def length_says_nothing(
    context: AssetCheckExecutionContext, lake: LakeResource, settings: ResourceParam[Settings]
) -> AssetCheckResult:
    tolerance, sources = settings.labels.leak_tolerance, ("tail", "regeneration", "battle")
    store = lake.open()
    return no_leak(store, days_to_check(context, store, "preference_pairs"), "length_lead", sources, tolerance)


@asset_check(asset="preference_pairs", description="Side a is preferred as often as side b.")
def sides_are_balanced(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return sides_balanced(store, days_to_check(context, store, "preference_pairs"))


KEYED = ("user_days", "first_seen", "returns", "absences", "horizon_labels", "preference_pairs")

CHECKS = [
    *(key_check(table) for table in KEYED),
    labels_within_bounds,
    position_says_nothing,
    length_says_nothing,
    sides_are_balanced,
]
