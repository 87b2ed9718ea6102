"""Ratings: speed beside the packages that do the same, and how often the ranking errs in simulated pools.

The battles are of 60 models and 200,000 users; a package that is slow gets fewer of them and is given per battle.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import trueskill
from openskill.models import ThurstoneMostellerFull

from benchmarks.measure import Cost, cost, middle
from evalloop_assets.ranking.batch import cells
from evalloop_assets.ranking.battles import DRAW, WIN_B, Battles, battles
from evalloop_assets.ranking.contrasts import rate
from evalloop_assets.ranking.likelihood import BETA, MU, SIGMA, scale_of
from evalloop_assets.ranking.logistic import agreement
from evalloop_assets.ranking.online import State
from evalloop_assets.ranking.stability import bootstrapped_mu, shuffled_mu
from evalloop_assets.simulator.scoreboard.eliminations import Block, figures, records

BATTLES, MODELS, USERS = 1_000_000, 60, 200_000
BY_PACKAGE = 4_000
POOLS = 1_000
ROUNDS = 3


def simulated(count: int, seed: int = 1) -> Battles:
    rng = np.random.default_rng(seed)
    skill = MU + 3 * rng.standard_normal(MODELS)
    a = rng.integers(0, MODELS, count)
    b = (a + rng.integers(1, MODELS, count)) % MODELS
    gap = skill[a] - skill[b] + np.sqrt(2) * BETA * rng.standard_normal(count)
    outcome = np.where(gap > 1.2, 0, np.where(gap < -1.2, WIN_B, DRAW))
    names = tuple(f"model-{number:02}" for number in range(MODELS))
    return Battles(names, a, b, outcome, rng.integers(0, USERS, count), USERS)


def lines(pools: int = POOLS) -> Iterator[str]:
    fought = simulated(BATTLES)
    kinds, scale = cells(fought), scale_of(fought)

    def online() -> State:
        state = State(fought.models, scale, {})
        state.take(kinds, kinds.place)
        return state

    online()
    ours = middle([cost(online) for _ in range(ROUNDS)])
    yield f"ranking, online: {BATTLES / ours.cpu / 1e6:.1f}M battles a CPU-second (promise: 20M)"
    for backend, name in (("scipy", "scipy"), (None, "its own tails")):
        package, difference = _by_trueskill(fought, backend)
        yield (
            f"ranking, online: the trueskill package with {name} {BY_PACKAGE / package.cpu:,.0f} battles a CPU-second, "
            f"farthest from ours after {BY_PACKAGE:,} battles {difference:.0e}"
        )
    openskill, same = _by_openskill(fought)
    yield (
        f"ranking, online: openskill (Thurstone-Mosteller) {BY_PACKAGE / openskill.cpu:,.0f} battles a CPU-second, "
        f"rank correlation with ours after {BY_PACKAGE:,} battles {same:.3f}"
    )
    shuffles = cost(lambda: shuffled_mu(fought, scale, {}, 100, 1))
    yield f"ranking, 100 shuffles of {BATTLES:,}: {shuffles.cpu:.1f} CPU-s, {shuffles.wall:.1f} s (promise: 5 s)"
    yield from _from_parquet(fought)
    fit = rate(fought)
    sample = cost(lambda: bootstrapped_mu(fought, fit.mu, {}, 10, 1))
    yield f"ranking, bootstrap of users: {sample.cpu / 10:.3f} CPU-s a sample"
    for row in figures(records(Block(0, pools), seed=1)):
        found = row.found
        bounds = f"{found.value:.4f} [{found.low:.4f}, {found.high:.4f}]"
        yield f"ranking, {pools:,} pools: {row.figure}, {row.method}: {bounds}"


def _from_parquet(fought: Battles) -> Iterator[str]:
    """Battles with texts for ids, as a log holds them."""
    names, users = np.array(fought.models), np.char.add("user-", np.arange(USERS).astype(str))
    columns = {
        "model_a": names[fought.a],
        "model_b": names[fought.b],
        "outcome": np.array(["a", "b", "tie"])[fought.outcome],
        "user_id": users[fought.user],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "battles.parquet"
        pq.write_table(pa.table(columns), path)

        def ours() -> None:
            table = pq.read_table(path)
            rate(battles(*(table.column(name) for name in columns)))

        yield (
            f"ranking, batch with user-clustered intervals: {BATTLES:,} battles, {MODELS} models, {USERS:,} users from "
            f"Parquet in {_third(ours)} (promise: 1 s)"
        )
        try:
            from arena_rank.models.bradley_terry import BradleyTerry
            from arena_rank.utils.data_utils import PairDataset
        except ImportError:
            yield "ranking, batch: arena-rank is not installed (it wants an older numpy)"
            return

        def theirs() -> None:
            frame = pd.read_parquet(path)
            frame["winner"] = frame["outcome"].map({"a": "model_a", "b": "model_b", "tie": "tie"})
            data = PairDataset.from_pandas(frame)
            BradleyTerry(n_competitors=len(data.competitors)).compute_ratings_and_cis(data, significance_level=0.05)

        yield f"ranking, batch: arena-rank, intervals of independent battles, in {_third(theirs)}"


def _third(call: Callable[[], None]) -> str:
    """What a call takes once everything is compiled, in words."""
    call()
    took = middle([cost(call) for _ in range(ROUNDS)])
    return f"{took.cpu:.2f} CPU-s, {took.wall:.2f} s"


def _first(fought: Battles) -> State:
    """Ours after the battles that a package gets."""
    state, kinds = State(fought.models, scale_of(fought), {}), cells(fought)
    state.take(kinds, kinds.place[:BY_PACKAGE])
    return state


def _by_trueskill(fought: Battles, backend: str | None) -> tuple[Cost, float]:
    """What the package takes for the first battles, and the largest difference of a mu or sigma."""
    env = trueskill.TrueSkill(MU, SIGMA, BETA, 0.0, scale_of(fought).draw_probability, backend=backend)
    rated = [env.create_rating() for _ in fought.models]

    def passed() -> None:
        for a, b, outcome in zip(
            fought.a[:BY_PACKAGE], fought.b[:BY_PACKAGE], fought.outcome[:BY_PACKAGE], strict=True
        ):
            winner, loser = (b, a) if outcome == WIN_B else (a, b)
            rated[winner], rated[loser] = trueskill.rate_1vs1(
                rated[winner], rated[loser], drawn=bool(outcome == DRAW), env=env
            )

    took = cost(passed)
    state = _first(fought)
    differences = [
        max(abs(one.mu - mu), abs(one.sigma - sigma))
        for one, mu, sigma in zip(rated, state.mu, state.sigma, strict=True)
    ]
    return took, max(differences)


def _by_openskill(fought: Battles) -> tuple[Cost, float]:
    """What the package takes for the first battles, and how far the order is ours."""
    model = ThurstoneMostellerFull(mu=MU, sigma=SIGMA, beta=BETA, tau=0.0)
    rated = [model.rating() for _ in fought.models]

    def passed() -> None:
        for a, b, outcome in zip(
            fought.a[:BY_PACKAGE], fought.b[:BY_PACKAGE], fought.outcome[:BY_PACKAGE], strict=True
        ):
            ranks = {DRAW: [0, 0], WIN_B: [1, 0]}.get(int(outcome), [0, 1])
            (rated[a],), (rated[b],) = model.rate([[rated[a]], [rated[b]]], ranks=ranks)

    took = cost(passed)
    return took, agreement(np.array([one.mu for one in rated]), _first(fought).mu)


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
