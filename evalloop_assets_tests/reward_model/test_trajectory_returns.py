from datetime import date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import evalloop_assets.reward_model
from evalloop_assets.days import Days
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.frames import compute
from evalloop_assets.lake.sql import load
from evalloop_assets.reward_model.tables import CREDIT, REWARDS
from evalloop_assets.reward_model.trajectory_return import Discounting, rewards_to_go
from evalloop_assets.settings import Settings
from evalloop_assets_tests.reward_model.world import READING_TABLE

TRANSFORM = load(Path(evalloop_assets.reward_model.__path__[0]) / "trajectory_returns.sql")
FIRST = date(2026, 3, 2)
SETTINGS = Settings(reward={"kappa": 1.4, "failure_penalty": 0.8})


def log(seed: int = 0, replies: int = 150) -> pd.DataFrame:
    """Three users, some sessions a day of each, over six days; one reply in ten has no text."""
    draw = np.random.default_rng(seed)
    user, day, session = draw.integers(3, size=replies), draw.integers(6, size=replies), draw.integers(3, size=replies)
    second = np.minimum(session * 25_000 + draw.integers(0, 9_000, replies), 86_399)
    return pd.DataFrame(
        {
            "event_id": [f"e{at}" for at in range(replies)],
            "user_id": [f"u{one}" for one in user],
            "session_id": [f"s{u}-{d}-{s}" for u, d, s in zip(user, day, session, strict=True)],
            "day": [FIRST + timedelta(days=int(one)) for one in day],
            "seconds": day * 86_400 + second + draw.permutation(replies) / 1000,
            "reward": np.where(draw.random(replies) < 0.1, np.nan, draw.normal(size=replies)),
            "blame": np.where(draw.random(replies) < 0.2, draw.random(replies), np.nan),
            "model_id": "m",
            "conversation_id": "c",
            "reward_version": "v",
        }
    )


def tables(rows: pd.DataFrame) -> dict[str, pa.Table]:
    """What the transform reads of the log."""
    start = datetime(FIRST.year, FIRST.month, FIRST.day)
    shown = rows.assign(shown_at=[start + timedelta(seconds=one) for one in rows["seconds"]])
    found = {}
    for schema, part in ((REWARDS, shown), (READING_TABLE, shown), (CREDIT, shown[shown["blame"].notna()])):
        whole = part.reindex(columns=[*schema.column_names, "day"])
        found[schema.name] = pa.Table.from_pandas(whole, arrow_schema(schema), preserve_index=False)
    return found


def returns(rows: pd.DataFrame, watermark: date) -> pd.DataFrame:
    """The table over all days of the log."""
    days = Days(FIRST, FIRST + timedelta(days=5))
    with duckdb.connect() as connection:
        found = compute(connection, TRANSFORM, tables(rows), days, SETTINGS, Clock(watermark, None))
    return found.to_pandas().set_index("event_id").loc[rows["event_id"]].reset_index()


def test_the_table_gives_what_the_formula_gives():
    """With two champions on each day: each reward counts from the mean of those that the same one gave."""
    rows = log().assign(reward_version=lambda part: np.where(part.index % 3, "v", "w"))
    found = returns(rows, FIRST + timedelta(days=8))
    by = Discounting(tau_intra=600.0, tau_inter=86_400.0, kappa=1.4, horizon=3 * 86_400.0)
    gain = rows["reward"] - rows.groupby(["day", "reward_version"])["reward"].transform("mean")
    wanted = rewards_to_go(
        pd.factorize(rows["user_id"])[0], pd.factorize(rows["session_id"])[0], rows["seconds"], gain, by
    )
    wanted = wanted - 0.8 * rows["blame"].fillna(0.0).to_numpy()
    assert found["trajectory_return"].to_numpy() == pytest.approx(wanted, rel=1e-9, nan_ok=True)
    assert found["blame"].to_numpy() == pytest.approx(rows["blame"].fillna(0.0).to_numpy())


def test_a_return_is_unknown_until_three_days_are_complete():
    rows = log()
    found = returns(rows, FIRST + timedelta(days=4))
    known = found["trajectory_return"].notna().to_numpy()
    mature = np.array([day <= FIRST + timedelta(days=1) for day in rows["day"]])
    assert (known == (mature & rows["reward"].notna().to_numpy())).all()
    assert known.any()
    assert not known.all()


def test_a_long_session_stays_finite():
    rows = log().assign(session_id="s", user_id="u")
    assert np.isfinite(returns(rows, FIRST + timedelta(days=9))["trajectory_return"].dropna()).all()
