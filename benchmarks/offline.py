"""How often the intervals of offline against online hold, and how often the ledger demotes, rightly and wrongly.

Models have true offline and online values of a given correlation; both are estimated with errors. `noise` is the
standard error online by the spread of the models' true values; offline it is a quarter of that. Of a period of 28 days,
each has a window of seven independent daily estimates, so that looks are as alike as they are in the loop.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from functools import partial

import numpy as np
from scipy.stats import beta

from evalloop_assets.evaluation.offline.agreement import Agreement, agreement
from evalloop_assets.evaluation.offline.ledger import Evidence, standing
from evalloop_assets.evaluation.offline.rank import spearman
from evalloop_assets.evaluation.offline.scores import Floats, Scores

DAYS, WINDOW, BAR = 28, 7, 0.5
FIRST = date(2026, 3, 2)


def truths(
    models: int,
    correlation: float,
    rng: np.random.Generator,
    least: float = -1.0,
    most: float = 1.0,
    tails: bool = False,
) -> tuple[Floats, Floats]:
    """True values of both sides whose rank correlation lies from `least` to `most`; with `tails`, of Student's t with 3
    degrees of freedom instead of normal.
    """
    while True:
        x, other = rng.standard_t(3, (2, models)) if tails else rng.standard_normal((2, models))
        y = correlation * x + (1 - correlation**2) ** 0.5 * other
        if least <= spearman(x, y) <= most:
            return x, y


def measured(truth: Floats, error: float, rng: np.random.Generator) -> Scores:
    names = tuple(f"m{k:02}" for k in range(len(truth)))
    return Scores(names, truth + error * rng.standard_normal(len(truth)), np.full(len(truth), error))


def exact(events: int, worlds: int) -> tuple[float, float]:
    """95% interval of a share (Clopper-Pearson)."""
    low = float(beta.ppf(0.025, events, worlds - events + 1)) if events else 0.0
    high = float(beta.ppf(0.975, events + 1, worlds - events)) if events < worlds else 1.0
    return low, high


def covered(
    models: int, correlation: float, noise: float, worlds: int, seed: int, tails: bool = False
) -> tuple[float, float]:
    """95% interval of how often the 95% interval holds the rank correlation of the true values."""
    rng = np.random.default_rng([seed, models])
    held = 0
    for _ in range(worlds):
        x, y = truths(models, correlation, rng, tails=tails)
        found = agreement(measured(x, noise / 4, rng), measured(y, noise, rng), rng)
        assert isinstance(found, Agreement)
        held += found.low - 1e-9 <= spearman(x, y) <= found.high + 1e-9
    return exact(held, worlds)


def demotions(
    models: int, correlation: float, noise: float, worlds: int, seed: int, least: float = -1.0, most: float = 1.0
) -> float:
    """Share of products in which the score was ever demoted within the period."""
    rng = np.random.default_rng([seed, models, 1])
    return float(np.mean([_demoted(models, correlation, noise, rng, least, most) for _ in range(worlds)]))


def _demoted(
    models: int, correlation: float, noise: float, rng: np.random.Generator, least: float, most: float
) -> bool:
    x, y = truths(models, correlation, rng, least, most)
    offline = measured(x, noise / 4, rng)
    daily = y + noise * WINDOW**0.5 * rng.standard_normal((WINDOW + DAYS - 1, models))
    evidence: list[Evidence] = []
    for number in range(DAYS):
        online = Scores(offline.models, daily[number : number + WINDOW].mean(axis=0), np.full(models, noise))
        found = agreement(offline, online, rng, look=0.05 / DAYS)
        assert isinstance(found, Agreement)
        day = FIRST + timedelta(days=number)
        evidence.append(Evidence(day, found.spearman, found.low, found.lower, found.upper, found.p_value, models))
        now = standing(evidence, BAR)
        if now is not None and now.status == "demoted":
            return True
    return False


WORLDS, LEDGERS = 300, 100
"""Products behind a coverage, and behind a rate of the ledger, which looks at each of them 28 times."""


def lines() -> Iterator[str]:
    for models in (5, 7, 10):
        for correlation in (0.0, 0.8):
            for noise in (0.3, 1.0):
                low, high = covered(models, correlation, noise, WORLDS, 1)
                yield (
                    f"interval of 95%, {models} models, correlation {correlation:.1f}, noise {noise:.1f}: "
                    f"holds in {low:.3f} to {high:.3f}"
                )
    low, high = covered(7, 0.5, 0.6, WORLDS, 1, tails=True)
    yield f"the same with values of heavy tails (t, 3), 7 models, correlation 0.5, noise 0.6: {low:.3f} to {high:.3f}"
    for models in (7, 10):
        for noise in (0.3, 0.6):
            share = partial(demotions, models, noise=noise, worlds=LEDGERS, seed=1)
            wrongly = exact(round(LEDGERS * share(correlation=0.8, least=BAR)), LEDGERS)
            weak = exact(round(LEDGERS * share(correlation=0.0, most=0.1)), LEDGERS)
            yield (
                f"demoted within {DAYS} days, {models} models, noise {noise:.1f}: true rank correlation of {BAR} and "
                f"more {wrongly[0]:.3f} to {wrongly[1]:.3f}, of 0.1 and less {weak[0]:.3f} to {weak[1]:.3f}"
            )


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
