"""Checks of the pairs: they give nothing away but their text, and each says its own thing once."""

from dagster import (
    AssetCheckExecutionContext,
    AssetCheckResult,
    AssetChecksDefinition,
    AssetCheckSeverity,
    ResourceParam,
    asset_check,
)

from evalloop_assets.days import Days
from evalloop_assets.horizon_labels.soundness import (
    CONTRADICTED,
    LENGTH,
    POSITION,
    REPEATED,
    SIDES,
    SPOKEN,
    TWICE,
    UNDECIDED,
    findings,
    of_check,
)
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import LabelSettings, Settings

FOUR_WEEKS = {"preference_pairs": (-27, 0)}
"""One day alone holds too few pairs to see a leak."""


def pairs_are_sound(lake: Lake, days: Days, limits: LabelSettings, checks: tuple[str, ...]) -> AssetCheckResult:
    """Passes where none of these checks finds anything in the four weeks up to the days."""
    inputs = lake.inputs(FOUR_WEEKS, days)
    with_preferred = f"WITH pairs AS (SELECT *, {SPOKEN} AS preferred FROM preference_pairs) SELECT * FROM"
    found = of_check(findings(lambda sql: inputs.query(f"{with_preferred} ({sql})"), limits), *checks)
    told = [one for one in found if one.pairs]
    return AssetCheckResult(
        passed=not any(one.broken for one in told),
        severity=AssetCheckSeverity.WARN,
        description="; ".join(one.said for one in told) or "no pairs",
        metadata={f"{one.check}: {one.source}": one.figure for one in told},
    )


def _pair_check(name: str, description: str, *checks: str) -> AssetChecksDefinition:
    @asset_check(
        asset="preference_pairs", name=name, description=f"{description} An export is refused where this fails."
    )
    def _check(
        context: AssetCheckExecutionContext, lake: LakeResource, settings: ResourceParam[Settings]
    ) -> AssetCheckResult:
        store = lake.open()
        return pairs_are_sound(store, days_to_check(context, store, "preference_pairs"), settings.labels, checks)

    return _check


PAIR_CHECKS = [
    _pair_check("position_says_nothing", "Position alone does not tell which side of a pair is preferred.", POSITION),
    _pair_check("length_says_nothing", "Length alone hardly tells which side of a pair is preferred.", LENGTH),
    _pair_check("sides_are_balanced", "Side a is preferred as often as side b.", SIDES),
    _pair_check("most_are_decided", "Most pairs of a source prefer a side at the horizon they speak about.", UNDECIDED),
    _pair_check("each_says_its_own", "No pair is there twice or contradicted.", TWICE, REPEATED, CONTRADICTED),
]
