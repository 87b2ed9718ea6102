"""A/B estimates of a run against the true effects of its trials.

The true effect of a trial is taken from two further products with the run's seed, users and days: in one everybody is
served by the champion, in the other every enrolled user by the treatment of the trial. Whether a user comes is drawn
from the same numbers in both, so a trial without any effect has an effect of exactly 0, and a difference of the users
in the arms, which is luck and no effect, is in the error of the estimate and not in its truth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evalloop_assets.lake.engine import View
from evalloop_assets.online_ab.influence import Z_95, Effect, UserSums, paired_user_effect
from evalloop_assets.simulator.dirt import Dirt
from evalloop_assets.simulator.packs import HELD_OUT
from evalloop_assets.simulator.returning import ReturnHabits, return_probability
from evalloop_assets.simulator.scenarios import Trial
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured
from evalloop_assets.simulator.scoreboard.pipeline import Run
from evalloop_assets.simulator.serve import FIRST_DAY, serve, truth_folder
from evalloop_assets.simulator.truth import TRUTH_CONVERSATIONS, TRUTH_TURNS, TRUTH_USERS, read_truth

STAGE = "online_ab"
NAIVE = "naive conversation mean, pooled"
RETURN, DURATION, REGENERATION = "daily_return", "chat_duration", "regeneration"
LATE_DAYS = 3
"""Last days of a trial over which its late effect is taken."""

ESTIMATES = """
    SELECT experiment_id, metric, effect, effect - low AS half, relative, relative - relative_low AS relative_half
    FROM experiment_results
    WHERE day = (SELECT max(day) FROM experiment_results)
        AND ((unit = 'user' AND metric = 'daily_return') OR (unit = 'conversation' AND metric = 'chat_duration'))
"""

POOLED = """
    WITH chats AS (
        SELECT turns.experiment_id, turns.arm, turns.conversation_id, turns.user_id, min(turns.day) AS day,
            sum(reading.effective_read_s) AS seconds
        FROM turns JOIN reading ON reading.event_id = turns.event_id
        WHERE turns.arm IN ('control', 'treatment')
        GROUP BY turns.experiment_id, turns.arm, turns.conversation_id, turns.user_id
    ),
    came AS (
        SELECT user_id, day, CAST(bool_or(returned_next_day) AS DOUBLE) AS came FROM returns GROUP BY user_id, day
    ),
    units AS (
        SELECT experiment_id, arm, 'daily_return' AS metric, came AS value
        FROM chats JOIN came ON came.user_id = chats.user_id AND came.day = chats.day
        UNION ALL
        SELECT experiment_id, arm, 'chat_duration' AS metric, seconds AS value FROM chats
    ),
    arms AS (
        SELECT experiment_id, metric,
            avg(value) FILTER (arm = 'treatment') AS treated,
            avg(value) FILTER (arm = 'control') AS control,
            sqrt(
                var_samp(value) FILTER (arm = 'treatment') / count(value) FILTER (arm = 'treatment')
                + var_samp(value) FILTER (arm = 'control') / count(value) FILTER (arm = 'control')
            ) AS se
        FROM units
        GROUP BY experiment_id, metric
    )
    SELECT experiment_id, metric, treated - control AS effect, 1.959963984540054 * se AS half,
        treated / control - 1 AS relative, 1.959963984540054 * se / control AS relative_half
    FROM arms
"""

ENROLLED = """
    SELECT user_id, experiment_id, min(day) AS since
    FROM treated_users
    WHERE experiment_id IS NOT NULL
    GROUP BY user_id, experiment_id
"""

CAME_BEFORE = f"""
    WITH enrolled AS ({ENROLLED}),
    later AS (
        SELECT enrolled.experiment_id, enrolled.user_id, days.day
        FROM enrolled JOIN (SELECT DISTINCT day FROM treated_users) AS days ON days.day > enrolled.since
    )
    SELECT later.experiment_id, later.user_id, later.day, false AS treated,
        seen.return_probability AS tomorrow, later.day - seen.day AS away
    FROM later ASOF JOIN champion_users AS seen ON seen.user_id = later.user_id AND seen.day < later.day
    UNION ALL
    SELECT later.experiment_id, later.user_id, later.day, true AS treated,
        seen.return_probability AS tomorrow, later.day - seen.day AS away
    FROM later ASOF JOIN treated_users AS seen ON seen.user_id = later.user_id AND seen.day < later.day
"""

READ = f"""
    WITH enrolled AS ({ENROLLED}),
    chats AS (
        SELECT user_id, day, false AS treated, read_s FROM champion_conversations
        UNION ALL
        SELECT user_id, day, true AS treated, read_s FROM treated_conversations
    )
    SELECT enrolled.experiment_id, chats.user_id, chats.day, chats.treated, 1.0 AS units, chats.read_s AS total
    FROM enrolled JOIN chats ON chats.user_id = enrolled.user_id AND chats.day >= enrolled.since
"""

REGENERATED = f"""
    WITH enrolled AS ({ENROLLED}),
    replies AS (
        SELECT user_id, day, false AS treated, regenerated FROM champion_turns
        UNION ALL
        SELECT user_id, day, true AS treated, regenerated FROM treated_turns
    )
    SELECT enrolled.experiment_id, replies.user_id, replies.day, replies.treated, CAST(count(*) AS DOUBLE) AS units,
        CAST(count(*) FILTER (replies.regenerated) AS DOUBLE) AS total
    FROM enrolled JOIN replies ON replies.user_id = enrolled.user_id AND replies.day >= enrolled.since
    GROUP BY enrolled.experiment_id, replies.user_id, replies.day, replies.treated
"""

Worlds = Mapping[str, View]
"""Truth of both products: champion_ and treated_, each with users, conversations, turns; `day` is that of serving."""


class Truth(NamedTuple):
    """True effects of one trial, over all of its days or the late ones; None where nobody was enrolled."""

    returning: Effect | None
    """Points of the probability of coming, as a share, over the days after the enrolment of every enrolled user."""
    late_returning: Effect | None
    """The same over the last LATE_DAYS days."""
    duration: Effect | None
    """Seconds truly read per conversation."""
    late_regeneration: Effect | None
    """Regenerations per reply over the last LATE_DAYS days."""


def measured_ab(run: Run) -> list[Measured]:
    """Error and coverage of the last day's estimates of return (randomised by user) and time spent (by conversation).

    The estimand of `daily_return` is the share of the days after the assignment on which the assigned user comes,
    whether present or away in between. Its truth is the mean over exactly these user-days of the probability of coming,
    given the user's past: what `truth_users` says of the last day in the app, less the known loss per day away.
    `chat_duration` by conversation is compared relative to the champion, since the log counts the moment of thinking
    after a reply as reading; its truth takes everybody's conversations, also those of users randomised as users.

    The truth is known up to the luck of two products, so an interval covers it if both are no further apart than 1.96
    times the root of their squared standard errors. A figure is the mean over the trials of the run.
    """
    truths = true_effects(run)
    loop, naive = _estimates(run.query(ESTIMATES)), _estimates(run.query(POOLED))
    return [
        one
        for metric in (RETURN, DURATION)
        for method, found in ((LOOP, loop), (NAIVE, naive))
        for one in _compared(metric, method, found, truths)
    ]


def true_effects(run: Run) -> dict[str, Truth]:
    """By experiment."""
    found = worlds(run)
    fetch = run.lake.reader.fetch
    returning = coming(fetch(CAME_BEFORE, found, {}), run.scenario.conditions.returning)
    read, regenerated = fetch(READ, found, {}), fetch(REGENERATED, found, {})
    late = FIRST_DAY + timedelta(days=run.scenario.days - LATE_DAYS)
    return {
        trial.experiment_id: Truth(
            returning=effect_of(returning, trial.experiment_id),
            late_returning=effect_of(returning, trial.experiment_id, late),
            duration=effect_of(read, trial.experiment_id),
            late_regeneration=effect_of(regenerated, trial.experiment_id, late),
        )
        for trial in run.scenario.trials
    }


def coming(came_before: pa.Table, habits: ReturnHabits) -> pa.Table:
    """Rows of CAME_BEFORE with `units` 1 and `total` the true probability of coming on that day.

    A user who stays away keeps loyalty and satisfaction, and so the logit of coming, less what absence takes off.
    """
    tomorrow = np.clip(came_before.column("tomorrow").to_numpy(), 1e-12, 1 - 1e-12)
    away = came_before.column("away").to_numpy().astype(np.int64)
    chance = return_probability(np.log(tomorrow / (1 - tomorrow)), np.zeros(len(away)), away, habits)
    return came_before.append_column("units", pa.array(np.ones(len(away)))).append_column("total", pa.array(chance))


def effect_of(rows: pa.Table, experiment_id: str, since: date = date.min) -> Effect | None:
    """Effect on the ratio of `total` to `units`, users as clusters; None where one of the worlds has no units."""
    here = rows.filter((pc.field("experiment_id") == experiment_id) & (pc.field("day") >= pa.scalar(since)))
    user: NDArray[np.int64] = np.unique(here.column("user_id").to_numpy(zero_copy_only=False), return_inverse=True)[1]
    treated = here.column("treated").to_numpy(zero_copy_only=False).astype(np.bool_)
    units, total = (here.column(name).to_numpy().astype(np.float64) for name in ("units", "total"))
    return paired_user_effect(UserSums(user, np.zeros(len(user), np.int64), treated, units, total))


# --- two worlds -------------------------------------------------------------------------------------------------------


def worlds(run: Run) -> Worlds:
    """Serves both products beside the run, once; their log is clean, and nobody is asked to choose between replies."""
    treated = tuple(_for_all(trial) for trial in run.scenario.trials)
    folders = {"champion": _served(run, "champion", ()), "treated": _served(run, "treated", treated)}
    tables = {"users": TRUTH_USERS, "conversations": TRUTH_CONVERSATIONS, "turns": TRUTH_TURNS}
    return {
        f"{world}_{name}": View({}, rows=read_truth(folder, schema))
        for world, folder in folders.items()
        for name, schema in tables.items()
    }


def _for_all(trial: Trial) -> Trial:
    """The same users, all of them in the treatment from the first day on."""
    return replace(trial, weight_percent=100.0, user_share=0.0, ramp=())


def _served(run: Run, name: str, trials: tuple[Trial, ...]) -> Path:
    conditions = run.scenario.conditions
    clean = replace(conditions, dirt=Dirt(), scale=replace(conditions.scale, battles=0))
    settings = run.settings.model_copy(update={"home": run.settings.home / "scoreboard" / name})
    serve(replace(run.scenario, trials=trials, conditions=clean), settings, run.seed, lexicon=HELD_OUT)
    return truth_folder(settings.home)


# --- estimates against the truth --------------------------------------------------------------------------------------

Estimate = tuple[float, float]
"""An effect, and half the width of its 95% interval."""


def _estimates(rows: pa.Table) -> dict[tuple[str, str], Estimate]:
    """By experiment and metric; of time spent relative to the control. Unknown figures are left out."""
    found = {}
    for row in rows.to_pylist():
        names = ("relative", "relative_half") if row["metric"] == DURATION else ("effect", "half")
        values = tuple(row[name] for name in names)
        if None not in values:
            found[row["experiment_id"], row["metric"]] = values
    return found


def _compared(
    metric: str, method: str, found: Mapping[tuple[str, str], Estimate], truths: Mapping[str, Truth]
) -> list[Measured]:
    name = "effect on return, points" if metric == RETURN else "effect on seconds per conversation, % of the champion's"
    errors: list[float] = []
    covered: list[float] = []
    for experiment_id, truth in truths.items():
        known = _known(metric, truth)
        if known is None or (experiment_id, metric) not in found:
            continue
        value, half = found[experiment_id, metric]
        errors.append(100 * (value - known[0]))
        covered.append(abs(value - known[0]) <= np.hypot(half, known[1]))
    return [
        Measured(STAGE, f"error of the {name}", method, "zero", mean_or_nan(errors)),
        Measured(STAGE, f"size of the error of the {name}", method, "low", mean_or_nan(np.abs(errors))),
        Measured(STAGE, f"95% interval of the {name} holds the truth, share", method, "nominal", mean_or_nan(covered)),
    ]


def _known(metric: str, truth: Truth) -> Estimate | None:
    effect = truth.returning if metric == RETURN else truth.duration
    if effect is None:
        return None
    if metric == RETURN:
        return effect.effect, Z_95 * effect.se
    if effect.relative is None or effect.relative_se is None:
        return None
    return effect.relative, Z_95 * effect.relative_se


def mean_or_nan(values: Sequence[float] | NDArray[Any]) -> float:
    return float(np.mean(values)) if len(values) else float("nan")
