"""Error rates of the ranking: simulated battles of models of known skill through the product's rating and eliminations.

Pairs are drawn uniformly; users have tastes, that is each likes each model more or less than others do; whichever
reply is shown first is favoured. Ratings are read every few hundred battles, as the pipeline reads them every day, and
a model that is eliminated once is lost. The naive methods see the same battles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.ranking.battles import DRAW, WIN_A, Battles, battles
from evalloop_assets.ranking.contrasts import Z_95, Ratings, rate
from evalloop_assets.ranking.elimination import Limits, eliminations
from evalloop_assets.ranking.likelihood import BETA, MU, SIGMA, scale_of
from evalloop_assets.ranking.online import online_pass
from evalloop_assets.settings import RankingSettings
from evalloop_assets.simulator.scoreboard.figures import LOOP, Best, Figure, Interval, mean, share

Floats = NDArray[np.float64]

SCENARIO = "battles"
PLAIN_SIGMA = "plain sigma"
Z_2, Z_3 = "z = 2", "z = 3"
DEFAULT_TAU = "default TrueSkill tau"
TAU = SIGMA / 100
CHOSEN = RankingSettings()
LIMITS = Limits(CHOSEN.z_limit, CHOSEN.minimum_battles, CHOSEN.elimination_alpha, CHOSEN.planned_users)
BLOCK = 10
"""Runs of one block."""


@dataclass(frozen=True)
class Arena:
    """A pool of models and the users who choose between their replies."""

    candidates: tuple[float, ...] = (3.0, 2.7, 2.4, 1.5, 0.4, -0.7, -1.8, -2.9, -4.0)
    """True skills, skill points; the best three lie close together."""
    references: tuple[float, ...] = (-4.0, -0.5, 2.8)
    """True skills of the reference models, which are never eliminated and none of which is the best."""
    users: int = 100
    taste: float = 4.0
    """SD of how much more or less a user likes a model than others do, skill points."""
    first_shown: float = 1.0
    """Advantage of the reply shown first, skill points."""
    margin: float = 1.5
    """Difference of two performances below which it is a draw, skill points."""
    both_bad: float = 0.3
    """Share of draws that are called so."""
    battles: int = 3_000
    every: int = 300
    """Battles between two looks."""

    @property
    def skills(self) -> Floats:
        return np.array([*self.candidates, *self.references])

    @property
    def names(self) -> list[str]:
        candidates = [f"candidate_{place:02}" for place in range(len(self.candidates))]
        return candidates + [f"reference_{place:02}" for place in range(len(self.references))]

    @property
    def reference_names(self) -> list[str]:
        return self.names[len(self.candidates) :]

    @property
    def visible(self) -> Floats:
        """Skills as the choices of all users together show them: tastes and position are noise beside beta."""
        noise = 2 * BETA**2 + 2 * self.taste**2 + self.first_shown**2
        return self.skills * sqrt(2 * BETA**2 / noise)


class Record(NamedTuple):
    """What became of one run."""

    number: int
    order: dict[str, float]
    """Method to the rank correlation of mu with the true skills, all models, after the last battle."""
    covered: dict[str, float]
    """Method to the share of candidates whose 95% interval against the references' mean holds the truth."""
    lost: dict[str, frozenset[int]]
    """Method to the candidates eliminated at some look, by place; 0 is truly the best."""


class Block(NamedTuple):
    """Consecutive runs."""

    first: int
    runs: int


def blocks(runs: int) -> list[Block]:
    return [Block(first, min(BLOCK, runs - first)) for first in range(0, runs, BLOCK)]


def records(block: Block, seed: int, arena: Arena | None = None) -> list[Record]:
    """Every run has a generator of its own, so that its record is the same whatever block it is in."""
    pool = arena or Arena()
    return [
        _run(pool, number, np.random.default_rng([seed, number]))
        for number in range(block.first, block.first + block.runs)
    ]


def ranking_rates(runs: int = 300, seed: int = 1, progress: Callable[[str], None] = print) -> list[Figure]:
    """All figures, by one process; to spread the work, run the `blocks` anywhere and give all records to `figures`."""
    found: list[Record] = []
    for block in blocks(runs):
        found += records(block, seed)
        progress(f"{SCENARIO}: {len(found)} of {runs} runs")
    return figures(found)


def fought(arena: Arena, rng: np.random.Generator) -> Battles:
    """The battles of one run in order."""
    size, count = len(arena.skills), arena.battles
    liked = arena.skills + arena.taste * rng.standard_normal((arena.users, size))
    user = rng.integers(0, arena.users, count)
    a = rng.integers(0, size, count)
    b = (a + rng.integers(1, size, count)) % size
    gap = liked[user, a] - liked[user, b] + arena.first_shown * np.where(rng.random(count) < 0.5, 1, -1)
    gap += sqrt(2) * BETA * rng.standard_normal(count)
    draw = np.where(rng.random(count) < arena.both_bad, "both_bad", "tie")
    outcome = np.where(gap > arena.margin, "a", np.where(gap < -arena.margin, "b", draw))
    names = np.array(arena.names)
    return battles(names[a], names[b], outcome, user.astype(str))


def watched(arena: Arena, rng: np.random.Generator) -> tuple[float, set[int]]:
    """One run of the product's own rating and eliminations alone, at every look.

    Share of the candidates whose final interval holds the truth, and those eliminated, by place.
    """
    every = fought(arena, rng)
    lost: set[int] = set()
    for count in range(arena.every, arena.battles + 1, arena.every):
        seen = _first(every, count)
        if int(seen.per_model.max()) < LIMITS.battles:
            continue
        fit = rate(seen, None, arena.reference_names)
        found = eliminations(fit, None, arena.reference_names, LIMITS)
        lost |= {arena.names.index(one.model_id) for one in found if one.eliminated}
    return _covered(arena, fit), lost


def _covered(arena: Arena, fit: Ratings) -> float:
    truth = dict(zip(arena.names, arena.visible, strict=True))
    level = float(np.mean([truth[name] for name in arena.reference_names]))
    candidates = arena.names[: len(arena.candidates)]
    contrasts = [(fit.against_level(name), truth[name] - level) for name in candidates]
    return float(np.mean([abs(one.value - true) <= Z_95 * one.se for one, true in contrasts]))


def _run(arena: Arena, number: int, rng: np.random.Generator) -> Record:
    every = fought(arena, rng)
    lost: dict[str, frozenset[int]] = dict.fromkeys((LOOP, Z_3, Z_2, PLAIN_SIGMA), frozenset())
    for count in range(arena.every, arena.battles + 1, arena.every):
        seen = _first(every, count)
        if int(seen.per_model.max()) < LIMITS.battles:
            continue
        fit = rate(seen, None, arena.reference_names)
        found = eliminations(fit, None, arena.reference_names, LIMITS)
        lost[LOOP] |= {arena.names.index(one.model_id) for one in found if one.eliminated}
        free = [one for one in found if one.model_id not in arena.reference_names and one.battles >= LIMITS.battles]
        for method, z in ((Z_3, 3.0), (Z_2, 2.0)):
            lost[method] |= {arena.names.index(one.model_id) for one in free if one.z <= -z}
        lost[PLAIN_SIGMA] |= _eliminated_by_plain_sigma(seen, arena)
    fit = rate(every, None, arena.reference_names)
    truth = dict(zip(arena.names, arena.visible, strict=True))
    level = float(np.mean([truth[name] for name in arena.reference_names]))
    places = [fit.models.index(name) for name in arena.names[: len(arena.candidates)]]
    base = [fit.models.index(name) for name in arena.reference_names]
    plain = online_pass(every, scale_of(every), {})
    missed_by_pass = plain.mu[places] - plain.mu[base].mean() - (arena.visible[: len(places)] - level)
    with_tau, sigma_with_tau = _pass_with_tau(every)
    missed_with_tau = with_tau[places] - with_tau[base].mean() - (arena.visible[: len(places)] - level)
    true_order = np.array([truth[name] for name in fit.models])
    return Record(
        number=number,
        order={LOOP: _rank_correlation(fit.mu, true_order), DEFAULT_TAU: _rank_correlation(with_tau, true_order)},
        covered={
            LOOP: _covered(arena, fit),
            PLAIN_SIGMA: float(np.mean(np.abs(missed_by_pass) <= _plain(plain.sigma, places, base))),
            DEFAULT_TAU: float(np.mean(np.abs(missed_with_tau) <= _plain(sigma_with_tau, places, base))),
        },
        lost=lost,
    )


def _first(every: Battles, count: int) -> Battles:
    """The battles up to so many; everyone keeps the number."""
    user, index = np.unique(every.user[:count], return_inverse=True)
    return Battles(every.models, every.a[:count], every.b[:count], every.outcome[:count], index, len(user))


# --- naive methods ----------------------------------------------------------------------------------------------------


def _plain(sigma: Floats, places: Sequence[int], base: Sequence[int]) -> Floats:
    """Half widths of the contrasts against the references' mean as if the ratings were independent."""
    variance: Floats = sigma[places] ** 2 + np.sum(sigma[base] ** 2) / len(base) ** 2
    return np.multiply(Z_95, np.sqrt(variance))


def _eliminated_by_plain_sigma(seen: Battles, arena: Arena) -> set[int]:
    """After one online pass, 3 sigmas of both models below the best."""
    state = online_pass(seen, scale_of(seen), {})
    best = int(np.argmax(state.mu))
    z = (state.mu - state.mu[best]) / np.sqrt(state.variance + state.variance[best])
    out = (z <= -LIMITS.z) & (seen.per_model >= LIMITS.battles)
    names = {seen.models[place] for place in np.flatnonzero(out)} - set(arena.reference_names)
    return {arena.names.index(name) for name in names}


def _pass_with_tau(every: Battles) -> tuple[Floats, Floats]:
    """mu and sigma after one pass with the default dynamics of the `trueskill` package, tau = 25/300."""
    from trueskill import TrueSkill

    env, margin, size = TrueSkill(), scale_of(every).margin, len(every.models)
    mu, variance = [MU] * size, [SIGMA**2] * size
    for a, b, outcome in zip(every.a.tolist(), every.b.tolist(), every.outcome.tolist(), strict=True):
        winner, loser = (a, b) if outcome in (WIN_A, DRAW) else (b, a)
        variance[winner] += TAU**2
        variance[loser] += TAU**2
        c = sqrt(2 * BETA**2 + variance[winner] + variance[loser])
        t, epsilon = (mu[winner] - mu[loser]) / c, margin / c
        v, w = (
            (env.v_draw(t, epsilon), env.w_draw(t, epsilon))
            if outcome == DRAW
            else (env.v_win(t, epsilon), env.w_win(t, epsilon))
        )
        for one, sign in ((winner, 1), (loser, -1)):
            mu[one] += sign * variance[one] / c * v
            variance[one] *= 1 - variance[one] / c**2 * w
    return np.array(mu), np.sqrt(np.array(variance))


# --- figures ----------------------------------------------------------------------------------------------------------


def _rank_correlation(one: Floats, other: Floats) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(one, other).statistic)


def figures(found: Iterable[Record]) -> list[Figure]:
    """The scoreboard's rows; the order of the records does not matter."""
    known = sorted(found, key=lambda record: record.number)
    n = len(known)

    def row(figure: str, method: str, best: Best, measured: Interval) -> Figure:
        return Figure(SCENARIO, "ranking", figure, method, best, measured, "runs")

    out = []
    for method in (LOOP, DEFAULT_TAU):
        values = [one.order[method] for one in known]
        out.append(row("rank correlation with true skill, simulated battles", method, "high", mean(values)))
    for method in (LOOP, PLAIN_SIGMA, DEFAULT_TAU):
        values = [one.covered[method] for one in known]
        name = "95% interval against the references holds the truth, share (nominal 0.95)"
        out.append(row(name, method, "nominal", mean(values)))
    for method in (LOOP, Z_3, Z_2, PLAIN_SIGMA):
        best = share(sum(0 in one.lost[method] for one in known), n)
        three = share(sum(bool(one.lost[method] & {0, 1, 2}) for one in known), n)
        bottom = [len(one.lost[method] & {6, 7, 8}) / 3 for one in known]
        out.append(row("runs in which the best model was eliminated, share", method, "low", best))
        out.append(row("runs in which one of the best three was eliminated, share", method, "low", three))
        out.append(row("worst three models that were eliminated, share", method, "high", mean(bottom)))
    return out
