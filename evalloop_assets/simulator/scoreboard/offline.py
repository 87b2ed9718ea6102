"""Offline scores of the candidates against their true order online, and what the ledger says of them."""

from __future__ import annotations

from evalloop_assets.simulator.scoreboard.ab import true_effects
from evalloop_assets.simulator.scoreboard.figures import LOOP
from evalloop_assets.simulator.scoreboard.measure import Measured
from evalloop_assets.simulator.scoreboard.pipeline import Run
from evalloop_assets.simulator.scoreboard.ratings import rank_correlation

STAGE = "evaluation"
MEAN = "mean of the benchmarks"
ORDER = "rank correlation of the order of the candidates with the true online order, by the offline score believed most"
WRONG = "benchmarks trusted without reason or demoted without, share"
PREDICTS, MISLEADS = 0.5, 0.1
"""True rank correlation from which on a score predicts, and up to which it misleads."""

STANDING = """
    SELECT name, status, low FROM predictors
    WHERE kind = 'benchmark' AND low IS NOT NULL AND day = (SELECT max(day) FROM predictors)
    ORDER BY low DESC, name
"""
SCORES = "SELECT benchmark, model_id, avg(score) AS score FROM benchmark_scores GROUP BY ALL ORDER BY ALL"


def measured_offline(run: Run) -> list[Measured]:
    """The score believed most is the benchmark whose correlation has the highest lower bound; whoever does not look
    online takes the mean of all benchmarks.
    """
    trials = {trial.experiment_id: trial.treatment for trial in run.scenario.trials}
    truths = true_effects(run).items()
    online = {trials[name]: one.returning.effect for name, one in truths if one.returning is not None}
    scores: dict[str, dict[str, float]] = {}
    for row in run.query(SCORES).to_pylist():
        scores.setdefault(row["benchmark"], {})[row["model_id"]] = row["score"]
    judged = [(row["name"], row["status"]) for row in run.query(STANDING).to_pylist() if row["name"] in scores]
    mean = {
        model: sum(of[model] for of in scores.values()) / len(scores)
        for model in set.intersection(*(set(of) for of in scores.values()))
    } if scores else {}  # fmt: skip
    wrong = [is_wrong(status, rank_correlation(scores[name], online)) for name, status in judged]
    return [
        Measured(
            STAGE, ORDER, LOOP, "high", rank_correlation(scores[judged[0][0]], online) if judged else float("nan")
        ),
        Measured(STAGE, ORDER, MEAN, "high", rank_correlation(mean, online)),
        Measured(STAGE, WRONG, LOOP, "low", sum(wrong) / len(wrong) if wrong else float("nan")),
    ]


def is_wrong(status: str, truth: float) -> bool:
    """Whether the ledger says the opposite of the truth; watch never does."""
    return (status == "demoted" and truth >= PREDICTS) or (status == "trusted" and truth <= MISLEADS)
