"""Ratings and eliminations against what the models are truly worth, reply by reply and for coming back."""

from __future__ import annotations

from collections.abc import Mapping, Set

from evalloop_assets.simulator.scoreboard.ab import Truth, mean_or_nan, true_effects
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured
from evalloop_assets.simulator.scoreboard.pipeline import Run

STAGE = "ranking"
WIN_RATE = "win rate"
SINGLE_TURN = "single-turn ranking"
LEAST_MODELS = 3
"""Models below which an order says nothing."""

SKILL = """
    WITH sides AS (
        SELECT model_a AS model_id, value_a AS value FROM truth_battles
        UNION ALL
        SELECT model_b AS model_id, value_b AS value FROM truth_battles
    )
    SELECT model_id, avg(value) AS value FROM sides GROUP BY model_id
"""

WON = """
    WITH sides AS (
        SELECT model_a AS model_id, CASE outcome WHEN 'a' THEN 1.0 WHEN 'b' THEN 0.0 ELSE 0.5 END AS won FROM battles
        UNION ALL
        SELECT model_b AS model_id, CASE outcome WHEN 'b' THEN 1.0 WHEN 'a' THEN 0.0 ELSE 0.5 END AS won FROM battles
    )
    SELECT model_id, avg(won) AS value FROM sides GROUP BY model_id
"""

RATED = "SELECT model_id, mu AS value FROM ratings WHERE day = (SELECT max(day) FROM ratings)"

ELIMINATED = """
    SELECT DISTINCT model_id FROM eliminations WHERE eliminated AND day = (SELECT max(day) FROM eliminations)
"""

TESTED = """
    SELECT experiment_id, effect AS value
    FROM experiment_results
    WHERE unit = 'user' AND metric = 'daily_return' AND day = (SELECT max(day) FROM experiment_results)
"""

Values = Mapping[str, float]
"""By model or experiment."""


def measured_ratings(run: Run) -> list[Measured]:
    """How well ratings tell skill, whom eliminations hit, and which order of the candidates holds for coming back.

    True skill of a model is the mean value of its replies at a glance, in the battles. The online order of the
    candidates is that of their true effects on the probability of coming: `loop` orders them by the A/B estimates,
    `single-turn ranking` by their ratings. An elimination is wrong where it hits one of the best third of the
    candidates, once by skill, which is what a rating can know, and once by coming back, which is what matters.
    """
    skill, rated, won = (_values(run, sql) for sql in (SKILL, RATED, WON))
    candidates = {model.model_id for model in run.scenario.cast if model.kind == "candidate"}
    out = set(run.query(ELIMINATED).column("model_id").to_pylist()) & candidates
    of = {trial.experiment_id: trial.treatment for trial in run.scenario.trials}
    online = {of[name]: value for name, value in _returning(true_effects(run)).items()}
    tested = {of[name]: value for name, value in _values(run, TESTED, "experiment_id").items() if name in of}
    skilled = {name: value for name, value in skill.items() if name in candidates}
    order = "rank correlation of the order of the candidates with the true online order"
    wrong = "eliminations that hit one of the best third of the candidates by"
    return [
        Measured(STAGE, "rank correlation with true skill", LOOP, "high", rank_correlation(rated, skill)),
        Measured(STAGE, "rank correlation with true skill", WIN_RATE, "high", rank_correlation(won, skill)),
        Measured(STAGE, f"{wrong} true skill, share", LOOP, "low", wrong_share(out, skilled)),
        Measured(STAGE, f"{wrong} true return, share", LOOP, "low", wrong_share(out, online)),
        Measured(STAGE, order, LOOP, "high", rank_correlation(tested, online)),
        Measured(STAGE, order, SINGLE_TURN, "high", rank_correlation(rated, online)),
    ]


def rank_correlation(told: Values, truth: Values) -> float:
    """Spearman's, over those that both know; NaN for fewer than LEAST_MODELS, or where all of one side are equal."""
    from scipy.stats import rankdata

    names = sorted(set(told) & set(truth))
    if len(names) < LEAST_MODELS:
        return float("nan")
    a, b = (rankdata([values[name] for name in names]) for values in (told, truth))
    a, b = a - a.mean(), b - b.mean()
    spread = float((a @ a) * (b @ b)) ** 0.5
    return float(a @ b) / spread if spread > 0 else float("nan")


def wrong_share(eliminated: Set[str], truth: Values) -> float:
    """Share of the eliminated that are among the best third by the truth; NaN without any, or with too few models."""
    if len(truth) < LEAST_MODELS:
        return float("nan")
    best = sorted(truth, key=lambda name: (-truth[name], name))[: len(truth) // 3]
    return mean_or_nan([name in best for name in sorted(eliminated & set(truth))])


def _returning(truths: Mapping[str, Truth]) -> Values:
    return {name: truth.returning.effect for name, truth in truths.items() if truth.returning is not None}


def _values(run: Run, sql: str, key: str = "model_id") -> Values:
    rows = run.query(sql)
    return dict(zip(rows.column(key).to_pylist(), rows.column("value").to_pylist(), strict=True))
