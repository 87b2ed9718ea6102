"""How many battles it takes to tell the third best of 20 models from the fourth, by how the battles are drawn.

The best three lie within 0.2 skill points, the fourth 1.2 below the first, the others evenly down to 10 below it; every
battle is another user's. After each thousand battles the pool is rated and cleared as the loop does it; a model once
eliminated is out. The search ends when the third by rating is three standard errors ahead of the fourth.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evalloop_assets.ranking.battles import DRAW, WIN_A, WIN_B, Battles
from evalloop_assets.ranking.contrasts import rate
from evalloop_assets.ranking.elimination import Limits, eliminations
from evalloop_assets.ranking.likelihood import BETA, MU
from evalloop_assets.ranking.matchups import Pool, Shares, matchups, pool_of
from evalloop_assets.settings import RankingSettings

MODELS, TOP, STEP, MOST = 20, 3, 1_000, 150
SKILLS = MU - np.array([0.0, 0.1, 0.2, *np.linspace(1.2, 10, MODELS - TOP)])
NAMES = tuple(f"m{place:02}" for place in range(MODELS))
CHOSEN = RankingSettings()
LIMITS = Limits(CHOSEN.z_limit, CHOSEN.minimum_battles, CHOSEN.elimination_alpha, CHOSEN.planned_users)
SHARES = Shares(CHOSEN.anchor_share, CHOSEN.newcomer_share, CHOSEN.uniform_share)


def search(rng: np.random.Generator, by_matchups: bool) -> tuple[int, bool, bool]:
    """Battles that it took, whether the three found are the best, and whether none of these was ever eliminated."""
    a, b, outcome = (np.empty(0, dtype=np.int64) for _ in range(3))
    out: set[str] = set()
    found: list[str] = []
    fought = dict.fromkeys(NAMES, 0)
    for _ in range(MOST):
        drawn = pool_of(fought, (), (), None, out, LIMITS.battles) if by_matchups else Pool(NAMES, (), ())
        pairs = matchups(drawn, SHARES)
        if not pairs:
            break
        picked = rng.choice(len(pairs), STEP, p=[pair.propensity for pair in pairs])
        sides = np.array([[NAMES.index(pair.model_a), NAMES.index(pair.model_b)] for pair in pairs])[picked]
        gap = SKILLS[sides[:, 0]] - SKILLS[sides[:, 1]] + np.sqrt(2) * BETA * rng.standard_normal(STEP)
        a, b = np.append(a, sides[:, 0]), np.append(b, sides[:, 1])
        outcome = np.append(outcome, np.where(gap > 1.2, WIN_A, np.where(gap < -1.2, WIN_B, DRAW)))
        fit = rate(Battles(NAMES, a, b, outcome, np.arange(len(a)), len(a)))
        fought = dict(zip(NAMES, fit.battles.tolist(), strict=True))
        out |= {one.model_id for one in eliminations(fit, None, (), LIMITS) if one.eliminated}
        found = list(fit.rank())
        if fit.against(found[TOP - 1], found[TOP]).z >= LIMITS.z:
            break
    best = {*NAMES[:TOP]}
    return len(a), {*found[:TOP]} == best, not best & out


def lines(pools: int = 20) -> Iterator[str]:
    for by_matchups, name in ((False, "uniformly"), (True, "by matchups")):
        runs = [search(np.random.default_rng([1, number]), by_matchups) for number in range(pools)]
        battles = np.array([one[0] for one in runs])
        se = battles.std(ddof=1) / np.sqrt(pools)
        right, lost = sum(one[1] for one in runs), sum(not one[2] for one in runs)
        yield (
            f"ranking, top {TOP} of {MODELS} drawn {name}: {battles.mean():,.0f} battles (SE {se:,.0f}); "
            f"right in {right} of {pools}, one of the three eliminated in {lost}"
        )


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
