"""Reward against retention: the query against numpy, and the check that a decay sets off."""

from datetime import timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest

from evalloop_assets.days import Days
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.sql import load
from evalloop_assets.reward_model import assets
from evalloop_assets.reward_model.checks import follows_retention
from evalloop_assets.reward_model.decay import decayed_ones
from evalloop_assets_tests.reward_model.stage import Stage
from evalloop_assets_tests.reward_model.world import DAY, _table

TRANSFORM = load(Path(assets.__file__).with_name("reward_retention.sql"))


def log() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Three replies of each of 40 users of two models, with a reward but for one, and labels of who came back."""
    draw = np.random.default_rng(0)
    users = np.repeat(np.arange(40), 3)
    came = np.where(draw.random(40) < 0.5, 1.0, -1.0)
    rewards = pd.DataFrame(
        {
            "day": DAY,
            "event_id": [f"e{at}" for at in range(120)],
            "model_id": np.where(users % 2, "odd", "even"),
            "user_id": users,
            "reward": draw.normal(size=120) + 0.5 * came[users],
        }
    )
    rewards.loc[3, "reward"] = None
    return rewards, rewards[["event_id"]].assign(delayed_session=came[users])


def test_the_correlation_is_that_of_users_and_its_interval_fishers():
    rewards, horizon_labels = log()
    found = duckdb.sql(TRANSFORM.query).df().set_index("model_id")
    means = rewards.groupby("user_id").reward.mean()
    came = horizon_labels.delayed_session.groupby(rewards.user_id).first().to_numpy()
    assert found.loc["all", "correlation"] == pytest.approx(np.corrcoef(means, came)[0, 1])
    assert found.loc["odd", "correlation"] == pytest.approx(np.corrcoef(means[1::2], came[1::2])[0, 1])
    assert found.loc["all", "users"] == 40
    z = np.arctanh(found.loc["all", "correlation"])
    assert found.loc["all", "low"] == pytest.approx(np.tanh(z - 1.96 / np.sqrt(37)), abs=1e-6)
    assert found.loc["all", "high"] == pytest.approx(np.tanh(z + 1.96 / np.sqrt(37)), abs=1e-6)


@pytest.mark.parametrize(("users", "known"), [(9, False), (10, True)])
def test_fewer_than_ten_users_have_no_correlation(users: int, known: bool):
    rewards, horizon_labels = log()
    rewards, horizon_labels = rewards[: 3 * users], horizon_labels[: 3 * users]
    found = duckdb.sql(TRANSFORM.query).df().set_index("model_id")
    assert found.loc["all", ["correlation", "low", "high"]].notna().tolist() == [known] * 3


@pytest.mark.parametrize(("late", "passed"), [(0.2, True), (0.0, False)])
def test_the_check_warns_where_it_decays(tmp_path: Path, late: float, passed: bool):
    stage = Stage.at(tmp_path)
    schema = declared("reward_retention")
    for back in range(28):
        day = DAY - timedelta(days=back)
        row = {"model_id": "all", "users": 400, "correlation": late if back < 7 else 0.2}
        table = _table(schema, [row], day)
        stage.lake.replace(schema, Days.one(day), {}, lambda inputs, table=table: table)
    found = follows_retention(stage.lake, Days.one(DAY))
    assert found.passed is passed
    assert found.severity.value == "WARN"
    assert found.metadata["decayed"].value is not passed
    assert found.metadata["of_today"].value is True
    assert found.metadata["newest_day"].value == DAY.isoformat()
    former = follows_retention(stage.lake, Days.one(DAY - timedelta(days=3)))
    assert former.metadata["of_today"].value is False


@pytest.mark.parametrize(("ended", "passed"), [(0, False), (8, True)])
def test_one_served_model_that_decays_is_named_and_one_that_is_gone_is_not(tmp_path: Path, ended: int, passed: bool):
    """All together stay as they were; `odd` falls in its last week, which is this one or ended a week ago."""
    stage = Stage.at(tmp_path)
    schema = declared("reward_retention")
    for back in range(28):
        rows = [{"model_id": name, "users": 400, "correlation": 0.2} for name in ("all", "steady")]
        if back >= ended:
            rows += [{"model_id": "odd", "users": 300, "correlation": -0.1 if back < ended + 7 else 0.2}]
        day = DAY - timedelta(days=back)
        table = _table(schema, rows, day)
        stage.lake.replace(schema, Days.one(day), {}, lambda inputs, table=table: table)
    found = follows_retention(stage.lake, Days.one(DAY))
    assert found.passed is passed
    assert list(found.metadata["models"].value) == ([] if passed else ["odd"])
    assert ("odd: correlation -0.1" in found.description) is not passed


def test_noise_alone_seldom_seems_a_decay_of_one_of_many_models():
    draw = np.random.default_rng(5)
    days = [DAY - timedelta(days=back) for back in range(27, -1, -1)]
    alarms = 0
    for _ in range(100):
        noise = np.tanh(0.15 + draw.normal(size=(20, 28)) / np.sqrt(97))
        alarms += bool(
            decayed_ones(
                {f"m{at}": [(d, r, 100) for d, r in zip(days, row, strict=True)] for at, row in enumerate(noise)}
            )
        )
    assert alarms <= 10
