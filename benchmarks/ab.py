"""Online A/B: speed and answers beside tea-tasting and statsmodels on the same conversations, and peeking at
experiments that were really run.

One million conversations of 200,000 users with five metrics, twice: users drawn into an arm, and conversations. The
real experiments are those of ASOS (Liu, Cardoso, Couturier, McCoy, NeurIPS 2021), from `EVALLOOP_SHARED_DATA`, without
which they are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import statsmodels.api as sm
import tea_tasting as tt

from benchmarks.measure import cost, middle
from evalloop_assets.online_ab import compare
from evalloop_assets.online_ab.influence import UserSums, paired_user_effect
from evalloop_assets.online_ab.lan_demets import boundaries
from evalloop_assets.online_ab.results import Result
from evalloop_assets.online_ab.results import compare as results
from evalloop_assets.online_ab.sequential import always_valid_bounds
from evalloop_assets.simulator.scoreboard.experiment_rows import Experiment, experiment
from evalloop_assets.simulator.scoreboard.experiments import Effects, World
from evalloop_assets_tests.real_data import FOLDER

CONVERSATIONS, USERS = 1_000_000, 200_000
METRICS = ("seconds", "replies", "likes", "complaints", "cost")
ROUNDS = 3
EXPERIMENTS = 1_000
ALPHA, Z_95 = 0.05, 1.959964
ASOS = FOLDER / "asos" / "asos_dev.parquet"

PER_USER = f"""
    SELECT user_id, arm = 'treatment' AS treated, count(*) AS units, {", ".join(f"sum({m}) AS {m}" for m in METRICS)}
    FROM conversations GROUP BY user_id, arm
"""


def simulated(by_user: bool, seed: int = 1) -> pd.DataFrame:
    """Conversations of users who differ from each other; the treatment changes nothing."""
    rng = np.random.default_rng(seed)
    more = rng.choice(USERS, CONVERSATIONS - USERS, p=rng.dirichlet(np.full(USERS, 0.8)))
    user = np.concatenate([np.arange(USERS), more])
    taste = rng.normal(size=USERS)[user]
    treated = rng.random(USERS)[user] < 0.5 if by_user else rng.random(CONVERSATIONS) < 0.5
    columns = {
        name: np.exp(0.5 * taste + 0.7 * rng.standard_normal(CONVERSATIONS)) * (number + 1)
        for number, name in enumerate(METRICS)
    }
    return pd.DataFrame({"user_id": user, "arm": np.where(treated, "treatment", "control"), **columns})


def lines() -> Iterator[str]:
    yield from _of_one_look(by_user=True)
    yield from _of_one_look(by_user=False)
    for metric, unit in (("daily_return", "user"), ("chat_duration", "user"), ("chat_duration", "conversation")):
        yield _planned_looks(metric, unit)
    if ASOS.exists():
        yield from asos_lines(ASOS)


# --- one look ---------------------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """Of each metric, in order."""

    effect: np.ndarray
    se: np.ndarray


def _of_one_look(by_user: bool) -> Iterator[str]:
    units = simulated(by_user)
    whose = "users" if by_user else "conversations"
    yield f"a/b, {CONVERSATIONS:,} conversations of {USERS:,} users, {len(METRICS)} metrics, {whose} drawn into arms:"
    conversations = pa.Table.from_pandas(units)
    methods: dict[str, tuple[Callable[[], Answer], int]] = {
        "paired users, sums by DuckDB (promise: 0.5 s)": (lambda: with_engine(conversations), ROUNDS),
        "paired users, compare() on the frame": (lambda: with_frame(units), ROUNDS),
        "tea-tasting, ratio of means on sums by user and arm": (lambda: with_tea_tasting(units), ROUNDS),
        "statsmodels, least squares with users as clusters": (lambda: with_statsmodels(units), 1),
        "naive, conversations as units": (lambda: naive(units), ROUNDS),
    }
    ours = with_engine(conversations)
    for name, (method, rounds) in methods.items():
        answers: list[Answer] = []
        took = middle([cost(lambda method=method, to=answers: to.append(method())) for _ in range(rounds)])
        yield f"a/b,   {name}: {took.cpu:.2f} CPU-s, {took.wall:.2f} s; {_beside(answers[0], ours)}"


def with_engine(conversations: pa.Table) -> Answer:
    """As the assets do it."""
    with duckdb.connect() as connection:
        connection.register("conversations", conversations)
        sums = connection.sql(PER_USER).fetchnumpy()
    same = np.zeros(len(sums["units"]), np.int64)
    count = sums["units"].astype(np.float64)
    found = [
        paired_user_effect(UserSums(sums["user_id"], same, sums["treated"], count, sums[name])) for name in METRICS
    ]
    return Answer(np.array([one.effect for one in found]), np.array([one.se for one in found]))


def with_frame(units: pd.DataFrame) -> Answer:
    found = compare(units)
    return Answer(found["effect"].to_numpy(), ((found["high"] - found["low"]) / 2 / Z_95).to_numpy())


def with_tea_tasting(units: pd.DataFrame) -> Answer:
    sums = units.groupby(["user_id", "arm"], as_index=False).agg(
        n=("seconds", "size"), **{name: (name, "sum") for name in METRICS}
    )
    sums["variant"] = (sums["arm"] == "treatment").astype(int)
    metrics = {name: tt.RatioOfMeans(name, "n", use_t=False) for name in METRICS}
    found = tt.Experiment(metrics).analyze(sums)
    low = np.array([found[name].effect_size_ci_lower for name in METRICS])
    high = np.array([found[name].effect_size_ci_upper for name in METRICS])
    return Answer(np.array([found[name].effect_size for name in METRICS]), (high - low) / 2 / Z_95)


def with_statsmodels(units: pd.DataFrame) -> Answer:
    design = sm.add_constant((units["arm"] == "treatment").to_numpy(np.float64))
    clusters = {"groups": units["user_id"].to_numpy(), "use_correction": False}
    fits = [sm.OLS(units[name].to_numpy(), design).fit(cov_type="cluster", cov_kwds=clusters) for name in METRICS]
    return Answer(np.array([fit.params[1] for fit in fits]), np.array([fit.bse[1] for fit in fits]))


def naive(units: pd.DataFrame) -> Answer:
    told = units.groupby("arm")[list(METRICS)].agg(["mean", "var", "size"])
    control, treatment = told.loc["control"].unstack(), told.loc["treatment"].unstack()
    variance = control["var"] / control["size"] + treatment["var"] / treatment["size"]
    return Answer((treatment["mean"] - control["mean"]).to_numpy(), np.sqrt(variance).to_numpy())


def _beside(found: Answer, ours: Answer) -> str:
    ratio = found.se / ours.se
    apart = np.abs(found.effect - ours.effect) / ours.se
    return f"effects at most {apart.max():.0e} SE apart, SE {ratio.min():.4f} to {ratio.max():.4f} times"


# --- a plan of 14 daily looks -----------------------------------------------------------------------------------------


def _planned_looks(metric: str, unit: Literal["user", "conversation"]) -> str:
    """How often a look on any of 14 days calls an A/A experiment significant, information told by the users so far."""
    hits = np.zeros(3)
    for number in range(EXPERIMENTS):
        one = experiment(World(1_000, days=14, unit=unit), Effects(), np.random.default_rng([1, number]))
        looks = [result for day in range(1, 14) for result in _looked(one, day, metric)]
        z = np.abs([result.effect / result.se for result in looks])
        users = np.maximum.accumulate([result.users for result in looks])
        limits = boundaries((users / users[-1]).tolist(), ALPHA)
        hits += [(z > limits).any(), (z > Z_95).any(), z[-1] > Z_95]
    planned, fixed, once = hits / EXPERIMENTS
    return (
        f"a/b, {EXPERIMENTS:,} A/A experiments by {unit}, 14 daily looks at {metric}: significant by Lan-DeMets "
        f"{planned:.1%}, by fixed bounds {fixed:.1%}, by one fixed look at the end {once:.1%}"
    )


def _looked(one: Experiment, day: int, metric: str) -> list[Result]:
    found = results("a_a", one.world.unit, one.rows(day, (metric,)), {}, one.world.users, ALPHA)
    return [result for result in found if result.se > 0]


# --- experiments that were run ----------------------------------------------------------------------------------------


class Peeked(NamedTuple):
    """Looks at one metric of one variant of one experiment, in the order of time."""

    naive: np.ndarray
    planned: np.ndarray
    always: np.ndarray
    """Whether each look excludes no effect, by fixed bounds, by Lan-DeMets and by always-valid bounds."""


def peeked(path: Path, every: int = 1) -> list[Peeked]:
    """Each of so many metrics, planned for the users that it ended with; those without variance are left out."""
    found = []
    table = pd.read_parquet(path).dropna()
    for _, looks in list(table.groupby(["experiment_id", "variant_id", "metric_id"]))[::every]:
        looks = looks.sort_values("time_since_start")
        users = (looks["count_c"] + looks["count_t"]).cummax().to_numpy()
        se = np.sqrt(looks["variance_c"] / looks["count_c"] + looks["variance_t"] / looks["count_t"]).to_numpy()
        effect = (looks["mean_t"] - looks["mean_c"]).to_numpy()
        if not (np.isfinite(se) & (se > 0)).all():
            continue
        z = np.abs(effect / se)
        low, high = always_valid_bounds(effect, se, users, users[-1], ALPHA)
        limits = boundaries((users / users[-1]).tolist(), ALPHA)
        found.append(Peeked(z > Z_95, z > limits, (low > 0) | (high < 0)))
    return found


def asos_lines(path: Path) -> Iterator[str]:
    experiments = pd.read_parquet(path)["experiment_id"].nunique()
    trajectories = peeked(path)
    looks = [len(one.naive) for one in trajectories]
    yield (
        f"a/b, asos: {experiments} real experiments, {len(trajectories)} metrics of them, {np.median(looks):.0f} looks "
        f"in the middle, {max(looks)} at most; in how many of the metrics bounds say that there is an effect"
    )
    yield "a/b, asos: | bounds | at some look | and still at the last | at some look, one fixed look at the end not |"
    for name, label in (
        ("naive", "fixed, at every look"),
        ("planned", "Lan-DeMets, planned for the users at the end"),
        ("always", "always-valid, tightest at the users at the end"),
    ):
        crossed = [one for one in trajectories if getattr(one, name).any()]
        still = sum(bool(getattr(one, name)[-1]) for one in crossed)
        against = sum(not one.naive[-1] for one in crossed)
        yield f"a/b, asos: | {label} | {len(crossed)} | {still} | {against} |"
    yield f"a/b, asos: | fixed, one look at the end | {sum(bool(one.naive[-1]) for one in trajectories)} | | |"


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
