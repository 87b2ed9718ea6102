"""How often a reversal is claimed where there is none, and found where there is one; and what is said of gaps.

Two models, users randomised to one of them, half of the users' sessions in a slice of their own and half anywhere.
About 3 minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from evalloop_assets.evaluation.launch.clustered import UserCells, cell_means
from evalloop_assets.evaluation.launch.fairness import gap
from evalloop_assets.evaluation.launch.reversals import Compared, Reversal, adjusted, possible_reversals

RUNS, SEED = 1_000, 1
SLICES = ("s0", "s1", "s2", "s3", "s4")
NONE_DIFFER, SAME_GAIN, EDGE = [0.0] * 5, [0.05] * 5, [0.08, 0.08, 0.08, 0.08, 0.0]
REVERSED = [0.06, 0.06, 0.06, 0.06, -0.10]
"""What the second model adds to a share of about 0.4, by slice."""


def reversals_of(
    added: Sequence[float], users: int, random: np.random.Generator, mixed: Sequence[float] | None = None
) -> list[Reversal]:
    """What is said of one day. `mixed`: shares of the slices among the second model's sessions; else as the first's."""
    plain = np.full(len(SLICES), 1 / len(SLICES))
    model = np.arange(users) % 2
    sessions = random.poisson(2, users) + 1
    home = np.where(model, random.choice(5, users, p=mixed if mixed is not None else plain), random.choice(5, users))
    user = np.repeat(np.arange(users), sessions)
    away = np.where(
        model[user], random.choice(5, len(user), p=mixed if mixed is not None else plain), random.choice(5, len(user))
    )
    place = np.where(random.random(len(user)) < 0.5, home[user], away)
    base = np.array([0.3, 0.35, 0.4, 0.45, 0.5])
    taste = random.normal(0, 0.1, users)
    came = random.random(len(user)) < np.clip(base[place] + taste[user] + model[user] * np.array(added)[place], 0, 1)
    return adjusted(possible_reversals(_compared(user, model[user], place, came, users), 50, {"s4": 1.0}))


def claimed_share(
    added: Sequence[float], users: int, runs: int, seed: int, mixed: Sequence[float] | None = None
) -> float:
    """Of runs in which any reversal is claimed."""
    random = np.random.default_rng(seed)
    return float(np.mean([any(one.claimed for one in reversals_of(added, users, random, mixed)) for _ in range(runs)]))


def gaps(truth: Sequence[float], errors: Sequence[float], runs: int, seed: int) -> tuple[float, float, float, float]:
    """Shares of intervals that hold the true gap and that say there is one; mean value, mean of greatest less least."""
    random = np.random.default_rng(seed)
    found = [gap(random.normal(truth, errors), errors, number) for number in range(runs)]
    true = float(np.ptp(truth))
    held = float(np.mean([one.low <= true <= one.high for one in found]))
    values, naive = (float(np.mean([getattr(one, name) for one in found])) for name in ("value", "naive"))
    return held, float(np.mean([one.low > 0 for one in found])), values, naive


def lines(runs: int = RUNS) -> Iterator[str]:
    for name, added, users in (
        ("no model is better anywhere", NONE_DIFFER, 4_000),
        ("one is better by as much everywhere", SAME_GAIN, 4_000),
        ("one is better, and in one slice as good", EDGE, 8_000),
    ):
        yield f"no reversal, {name}, {users:,} users: claimed in {claimed_share(added, users, runs, SEED):.3f}"
    for users in (4_000, 8_000):
        share = claimed_share(REVERSED, users, runs, SEED)
        yield f"better by 6 points in four slices, worse by 10 in one, {users:,} users: found in {share:.3f}"
    share = claimed_share([-0.05] * 5, 8_000, runs, SEED, [0.02, 0.03, 0.05, 0.1, 0.8])
    yield f"worse by 5 points everywhere with the easier users, 8,000 users: found in {share:.3f}"
    for name, truth in (("none", [0.4] * 6), ("0.10", [0.4, 0.42, 0.44, 0.46, 0.48, 0.5])):
        held, said, value, naive = gaps(truth, [0.02] * 5 + [0.05], 4 * runs, SEED)
        yield (
            f"six groups, true gap {name}: held in {held:.3f}, said in {said:.3f}, "
            f"mean value {value:.3f}, greatest less least {naive:.3f}"
        )


def _compared(user: np.ndarray, model: np.ndarray, place: np.ndarray, came: np.ndarray, people: int) -> Compared:
    overall, cells = (_rows(user, cell, came) for cell in (model, model * len(SLICES) + place))
    means = cell_means(overall, 2), cell_means(cells, 2 * len(SLICES))
    return Compared("return", "slice", True, ("old", "new"), SLICES, *means, people)


def _rows(user: np.ndarray, cell: np.ndarray, came: np.ndarray) -> UserCells:
    keys, place = np.unique(user * 100 + cell, return_inverse=True)
    units, total = np.bincount(place).astype(float), np.bincount(place, came)
    return UserCells(keys // 100, keys % 100, units, total)


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
