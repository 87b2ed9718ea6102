"""Checks of the stage: what the reward model is worth, and that its tables are complete and sound."""

from datetime import timedelta
from itertools import groupby
from operator import itemgetter

import numpy as np
from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, asset_check

from evalloop_assets.days import Days
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake
from evalloop_assets.reward_model.decay import FORMER, RECENT, Decay, decay, decayed_ones
from evalloop_assets.reward_model.intervals import share_over_users

NOT_ABOVE_CHANCE = """
    SELECT day, reward_version, low FROM reward_model_report
    WHERE (metric = 'accuracy' AND horizon = 'all' AND source = 'all' AND slice = 'all' AND (low IS NULL OR low <= 0.5))
        OR metric = 'untested'
    ORDER BY day
"""

PUSHED = """
    SELECT day, reward_version, value, (high - low) / 3.92 AS se
    FROM reward_model_report
    WHERE metric = 'gold_of_best'
    ORDER BY day, CAST(split_part(slice, '=', 2) AS BIGINT)
"""

UNFAMILIAR = (
    "SELECT model_id, user_id, unfamiliar FROM rewards WHERE unfamiliar IS NOT NULL ORDER BY model_id, event_id"
)
MOST_UNFAMILIAR = 0.05
"""Share of unfamiliar replies of one model up to which nobody is warned: of replies as in the training it is 0.01."""

UNSOUND_REWARDS = "SELECT count(*) AS rows FROM rewards WHERE reward IS NOT NULL AND NOT isfinite(reward)"

MISSING_REWARDS = """
    SELECT count(*) AS rows
    FROM reading AS r LEFT JOIN rewards AS w ON w.day = r.day AND w.event_id = r.event_id
    WHERE r.position IS NOT NULL AND w.event_id IS NULL AND r.day IN (SELECT day FROM rewards)
"""

UNREWARDED_TEXTS = """
    SELECT DISTINCT t.reply_text
    FROM rewards AS w JOIN turns AS t ON t.event_id = w.event_id
    WHERE w.reward IS NULL AND t.reply_text IS NOT NULL
"""

UNSOUND_BREAKS = """
    SELECT count(*) AS rows FROM breaks
    WHERE score IS NULL OR NOT (score >= 0 AND score <= 1) OR (score > 0) <> (kind IS NOT NULL)
        OR kind NOT IN ('contradiction', 'promise', 'rupture')
"""

UNJUDGED_REPLIES = """
    SELECT count(*) AS rows
    FROM reading AS r LEFT JOIN breaks AS b ON b.day = r.day AND b.event_id = r.event_id
    WHERE r.position IS NOT NULL AND b.event_id IS NULL
"""


DECAYED, OF_TODAY, NEWEST_DAY = "decayed", "of_today", "newest_day"
"""Metadata of `reward_follows_retention` that its sensor reads."""
MATURES_AFTER = 2
"""Days after which the returns of a day are known at the latest."""

RETENTION = """
    SELECT model_id, day, correlation, users FROM reward_retention
    WHERE correlation IS NOT NULL ORDER BY model_id, day
"""


def beats_chance(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where the lower bound of the held-out accuracy is above one half on each day with a training."""
    inputs = lake.inputs({"reward_model_report": (0, 0)}, days)
    weak = inputs.query(NOT_ABOVE_CHANCE).to_pylist()
    lines = {row["day"].isoformat(): f"{row['reward_version']}: lower bound {row['low']}" for row in weak}
    return AssetCheckResult(
        passed=not weak,
        severity=AssetCheckSeverity.WARN,
        description=f"{len(weak)} of {len(list(days))} days have a reward model that is not surely better than chance",
        metadata={"days": lines},
    )


def holds_when_pushed(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes unless of more and more replies the best by one half of the users surely becomes worse for the other."""
    from evalloop_assets.reward_model.over_optimisation import falls

    rows = lake.inputs({"reward_model_report": (0, 0)}, days).query(PUSHED).to_pylist()
    by_day = {day: list(found) for day, found in groupby(rows, key=itemgetter("day"))}
    fallen = {
        day.isoformat(): f"{found[0]['reward_version']}: " + ", ".join(f"{row['value']:.2f}" for row in found)
        for day, found in by_day.items()
        if falls([(row["value"], row["se"]) for row in found])
    }
    return AssetCheckResult(
        passed=not fallen,
        severity=AssetCheckSeverity.WARN,
        description=f"{len(fallen)} of {len(by_day)} days have a reward model that best-of-n over-optimises",
        metadata={"days": fallen},
    )


def rewards_familiar(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where no served model surely has more than MOST_UNFAMILIAR of replies unlike those of the training."""
    rows = lake.inputs({"rewards": (0, 0)}, days).query(UNFAMILIAR)
    models, users, unfamiliar = (
        rows.column(name).to_numpy(zero_copy_only=False) for name in ("model_id", "user_id", "unfamiliar")
    )
    shares = {
        str(model): share_over_users(unfamiliar[models == model].astype(np.float64), users[models == model])
        for model in dict.fromkeys(models.tolist())
    }
    strange = {model: f"{one.value:.1%} of {one.n:,}" for model, one in shares.items() if one.low > MOST_UNFAMILIAR}
    return AssetCheckResult(
        passed=not strange,
        severity=AssetCheckSeverity.WARN,
        description=f"{len(strange)} of {len(shares)} models write what the reward model does not know",
        metadata={"models": strange, "unfamiliar": {model: one.value for model, one in shares.items()}},
    )


def rewards_sound(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where each kept reply with text of a day with rewards has one, and all are finite."""
    inputs = lake.inputs({"rewards": (0, 0), "reading": (0, 0), "turns": (0, 1)}, days)
    unsound = inputs.query(UNSOUND_REWARDS).column("rows")[0].as_py()
    missing = inputs.query(MISSING_REWARDS).column("rows")[0].as_py()
    texts = inputs.query(UNREWARDED_TEXTS).column("reply_text").to_pylist()
    unrewarded = sum(1 for text in texts if text.strip())
    return AssetCheckResult(
        passed=not (unsound or missing or unrewarded),
        description=f"{unsound} not finite, {missing} kept replies without a row, {unrewarded} texts without a reward",
        metadata={"not_finite": unsound, "missing": missing, "texts_without_reward": unrewarded},
    )


def follows_retention(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes unless the correlation with matured returns of the newest week is surely below that of the three before,
    or surely not above 0: of all models together, or of one of those that are served.

    It warns, and tells the sensor whether it speaks of the newest returns, and up to which day there is something to
    learn from.
    """
    inputs = lake.inputs({"reward_retention": (1 - RECENT - FORMER, 0)}, days)
    series = {
        model: [(row["day"], row["correlation"], row["users"]) for row in rows]
        for model, rows in groupby(inputs.query(RETENTION).to_pylist(), key=itemgetter("model_id"))
    }
    found = decay(series.pop("all", []))
    models = {model: _told(one) for model, one in decayed_ones(series).items()}
    newest = max(lake.computed("reward_retention"))
    decayed = found.decayed or bool(models)
    said = "; ".join([_told(found), *(f"{model}: {told}" for model, told in models.items())])
    return AssetCheckResult(
        passed=not decayed,
        severity=AssetCheckSeverity.WARN,
        description=f"a retraining is called for: {said}" if decayed else said,
        metadata={
            DECAYED: decayed,
            OF_TODAY: days.last >= newest - timedelta(days=MATURES_AFTER),
            NEWEST_DAY: newest.isoformat(),
            "models": models,
        },
    )


def _told(found: Decay) -> str:
    return f"correlation {found.recent:.3f} ({found.low:.3f} to {found.high:.3f}), before {found.former:.3f}"


def breaks_sound(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where each kept reply has a score in [0, 1], and a kind just where that is above 0."""
    inputs = lake.inputs({"breaks": (0, 0), "reading": (0, 0)}, days)
    unsound = inputs.query(UNSOUND_BREAKS).column("rows")[0].as_py()
    missing = inputs.query(UNJUDGED_REPLIES).column("rows")[0].as_py()
    return AssetCheckResult(
        passed=not (unsound or missing),
        description=f"{unsound} rows without a sound score or kind, {missing} kept replies without a row",
        metadata={"unsound": unsound, "missing": missing},
    )


@asset_check(
    asset="breaks",
    description="Each kept reply has a score from 0 to 1, and a kind just where it is above 0.",
    blocking=True,
)
def breaks_complete_and_sound(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return breaks_sound(store, days_to_check(context, store, "breaks"))


@asset_check(
    asset="reward_model_report",
    description="The reward model tells the preferences of held-out users surely better than chance.",
)
def reward_model_beats_chance(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return beats_chance(store, days_to_check(context, store, "reward_model_report"))


@asset_check(
    asset="reward_model_report",
    description="The best of 64 replies by half of the users is no worse for the other half than the best of fewer.",
)
def reward_model_holds_when_pushed(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return holds_when_pushed(store, days_to_check(context, store, "reward_model_report"))


@asset_check(
    asset="rewards",
    description="At most 5% of each model's replies are surely unlike those that the reward model was trained on.",
)
def rewarded_replies_familiar(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return rewards_familiar(store, days_to_check(context, store, "rewards"))


@asset_check(
    asset="rewards",
    description="Each kept reply with text has a finite reward.",
    blocking=True,
)
def rewards_complete_and_finite(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return rewards_sound(store, days_to_check(context, store, "rewards"))


@asset_check(
    asset="reward_retention",
    description="The reward goes with next-day returns as much as before; where it no longer does, retrain.",
)
def reward_follows_retention(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return follows_retention(store, days_to_check(context, store, "reward_retention"))


CHECKS = [
    breaks_complete_and_sound,
    reward_model_beats_chance,
    reward_model_holds_when_pushed,
    rewarded_replies_familiar,
    rewards_complete_and_finite,
    reward_follows_retention,
]
