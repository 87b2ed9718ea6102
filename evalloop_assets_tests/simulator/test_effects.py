"""The sizes of effects that the demo's cast promises, in truth and as the log of two experiment days shows them."""

from pathlib import Path

import numpy as np
import pytest

from evalloop_assets.simulator.demo_cast import DEMO_SCALE, INCUMBENT, demo_policies
from evalloop_assets.simulator.lexicon import HOLLOW, N_KINDS, Kind
from evalloop_assets.simulator.packs import LEXICON
from evalloop_assets.simulator.policies import BestOfN
from evalloop_assets.simulator.traffic import OneModel
from evalloop_assets_tests.simulator.world import HalfOfUsers, day, product, rows

BEFORE, DURING = 2, 3


def by_signs(messages: list[str], texts: list[str]) -> np.ndarray:
    """A decent score that sees the text alone: events, details and answers less what is hollow, and much noise."""
    ids = LEXICON.read_batch(texts)
    kind = np.where(ids >= 0, LEXICON.kind[ids], N_KINDS)
    good = sum((kind == k).sum(axis=1) for k in (Kind.ADVANCE, Kind.ECHO, Kind.DETAIL))
    noise = np.random.default_rng(len(texts)).standard_normal(len(texts))
    return good - np.isin(kind, HOLLOW).sum(axis=1) + 2.0 * noise


def experiment(root: Path, treatment: str) -> Path:
    """Two days of the incumbent alone, then an experiment with half of all users."""
    policies = demo_policies() | {"best-of-4": BestOfN(INCUMBENT, 4, by_signs, "best-of-4")}
    for number in range(BEFORE + DURING):
        flags = OneModel("incumbent") if number < BEFORE else HalfOfUsers("incumbent", treatment)
        product(root, seed=11, scale=DEMO_SCALE).serve_day(day(number), flags, policies, root / "out")
    return root


@pytest.fixture(scope="module")
def padded(tmp_path_factory) -> Path:
    return experiment(tmp_path_factory.mktemp("padded"), "padded")


@pytest.fixture(scope="module")
def best(tmp_path_factory) -> Path:
    return experiment(tmp_path_factory.mktemp("best"), "best-of-4")


def truth(root: Path, column: str, table: str, first: int = BEFORE) -> dict[str, float]:
    files = [str(root / "truth" / table / f"{day(number)}.parquet") for number in range(first, BEFORE + DURING)]
    return dict(
        rows(f"SELECT model_id, avg({column}) FROM read_parquet({files}) WHERE model_id IS NOT NULL GROUP BY 1")
    )


def always_valid(control: np.ndarray, treatment: np.ndarray, alpha: float = 0.05) -> tuple[float, float]:
    """Mixture confidence sequence of a difference of means, tuned to 1,500 users in all."""
    n = len(control) + len(treatment)
    variance = n * (control.var() / len(control) + treatment.var() / len(treatment))
    log_alpha = -2 * np.log(alpha)
    rho = 1500 / (log_alpha + np.log(log_alpha + 1))
    spread = np.sqrt((n + rho) / n**2 * variance * np.log((n + rho) / (rho * alpha**2)))
    effect = treatment.mean() - control.mean()
    return effect - spread, effect + spread


def logged(root: Path, treatment: str) -> dict[str, np.ndarray]:
    """Per model, (users, 2): effective seconds per conversation and return on the next day, of one day's users."""
    query = f"""
        WITH read AS (SELECT user_id, any_value(model_id) AS model_id,
                             sum(foreground_ms - typing_ms) / 1e3 / count(DISTINCT conversation_id) AS seconds
                      FROM '{{out}}/turns/{day(BEFORE + 1)}.parquet' GROUP BY user_id)
        SELECT model_id, seconds, (user_id IN (SELECT user_id FROM '{{out}}/visits/{day(BEFORE + 2)}.parquet'))::INTEGER
        FROM read"""
    found = rows(query, out=root / "out")
    return {m: np.array([row[1:] for row in found if row[0] == m], dtype=float) for m in ("incumbent", treatment)}


def test_padding_truly_raises_reading_time_and_lowers_return(padded):
    read, returning = truth(padded, "read_s", "conversations"), truth(padded, "return_probability", "users")
    assert read["padded"] > 1.4 * read["incumbent"]
    assert returning["padded"] < returning["incumbent"] - 0.15
    assert truth(padded, "mean_utility", "conversations")["padded"] < -0.3


def test_the_log_of_two_days_shows_padding_with_always_valid_bounds(padded):
    arms = logged(padded, "padded")
    assert 500 < len(arms["padded"]) < len(arms["incumbent"]) < 1100
    assert always_valid(arms["incumbent"][:, 0], arms["padded"][:, 0])[0] > 0
    assert always_valid(arms["incumbent"][:, 1], arms["padded"][:, 1])[1] < 0


def test_the_best_of_four_truly_raises_return_and_reading_at_nearly_the_same_length(best):
    read, returning = truth(best, "read_s", "conversations"), truth(best, "return_probability", "users")
    assert returning["best-of-4"] > returning["incumbent"] + 0.10
    assert read["best-of-4"] > 1.15 * read["incumbent"]
    chars = dict(rows("SELECT model_id, avg(reply_chars) FROM '{out}/turns/*.parquet' GROUP BY 1", out=best / "out"))
    assert chars["best-of-4"] < 1.1 * chars["incumbent"]


def test_the_log_of_two_days_shows_the_best_of_four(best):
    arms = logged(best, "best-of-4")
    assert always_valid(arms["incumbent"][:, 1], arms["best-of-4"][:, 1])[0] > 0
    assert always_valid(arms["incumbent"][:, 0], arms["best-of-4"][:, 0])[0] > 0


def test_before_the_experiment_the_arms_to_be_do_not_differ(padded):
    files = [str(padded / "truth" / "users" / f"{day(number)}.parquet") for number in range(BEFORE)]
    found = rows(f"SELECT user_id, avg(return_probability) FROM read_parquet({files}) GROUP BY 1")
    split = HalfOfUsers("incumbent", "padded")
    arms: dict[str, list[float]] = {"incumbent": [], "padded": []}
    for user_id, probability in found:
        arms[split.resolve(user_id, "", None).model_id].append(probability)
    assert abs(np.mean(arms["padded"]) - np.mean(arms["incumbent"])) < 0.02


def test_the_product_stays_alive_with_the_incumbent(padded):
    users = rows(
        "SELECT opened_at::DATE, count(DISTINCT user_id) FROM '{out}/visits/*.parquet' GROUP BY 1", out=padded / "out"
    )
    assert all(900 < n < 1_800 for _, n in users)
