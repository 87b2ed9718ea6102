"""Whether signals predict returns: sums by hand, correlations against scipy, error rates of what is said of them."""

import hashlib
import math

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import pearsonr

from evalloop_assets.days import Days
from evalloop_assets.horizon_labels import assets  # noqa: F401  declares the tables
from evalloop_assets.horizon_labels.checks import signals_hold
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.store import Lake
from evalloop_assets_tests.denoise.world import Row, World, at, day, turn
from evalloop_assets_tests.horizon_labels.populations import LAST, Units, groups_of, lived, validity


def group_of(user: str) -> str:
    return hashlib.md5(user.encode()).hexdigest()[:2]


def chat(user: str, model: str, *messages: int, **more: object) -> list[Row]:
    return [
        turn(
            f"{user}{n}", f"05-01 10:{n:02}", user_id=user, conversation_id=user, model_id=model,
            user_text="x" * length, typing_ms=1000 * length, **more,
        )
        for n, length in enumerate(messages)
    ]  # fmt: skip


def signal_sums(watermark: str = "05-02") -> dict[tuple[str, str], Row]:
    """u (liked, answered twice, back on the next day) and v (disliked, left), and one battle between their models."""
    battle = {"battle_id": "b", "user_id": "w", "model_a": "m", "model_b": "n", "outcome": "a"}
    world = World(
        watermark=watermark,
        turns=[*chat("u", "m", 9, 19, 9, feedback="like"), *chat("v", "n", 4, feedback="dislike")],
        visits=[{"user_id": "u", "opened_at": at("05-02 09:00")}],
        battles=[battle | {"decided_at": at("05-01 12:00")}],
    )
    rows = world.run_to("signal_sums", "05-01", "05-02")
    users = {group_of(user): user for user in ("u", "v")}
    return {(users[row["user_group"]], row["signal"]): row for row in rows}


def test_sums_hold_the_mean_of_each_signal_by_user():
    found = signal_sums()
    x = {key: row["x"] / 1e4 for key, row in found.items()}
    expected = {
        "continuation": (1.0, 0.0),  # 2, 1 and 0 turns follow
        "next_message": ((2 * math.log(10) + math.log(20)) / 3, math.log(5)),
        "typing": ((2 * math.log(10) + math.log(20)) / 3, math.log(5)),
        "likes": (1.0, 0.0),
        "dislikes": (0.0, 1.0),
        "regenerations": (0.0, 0.0),
        "battle_wins": (1.0, 0.0),
    }
    for signal, (u, v) in expected.items():
        assert (x["u", signal], x["v", signal]) == (pytest.approx(u, abs=5e-5), pytest.approx(v, abs=5e-5)), signal
    assert x["u", "immediate"] > 0 > x["v", "immediate"]
    assert ("u", "reading_speed") not in x
    for (user, _), row in found.items():
        back = 1 if user == "u" else 0
        assert (row["units"], row["returned"], row["xx"], row["xy"]) == (1, back, row["x"] ** 2, back * row["x"])


def test_a_day_has_no_sums_before_its_returns_mature():
    assert signal_sums(watermark="05-01") == {}


def test_a_local_day_over_two_utc_days_is_one_unit():
    late = {"user_id": "u", "utc_offset_minutes": -300, "user_text": "x" * 9}
    turns = [turn("e1", "05-01 20:00", **late), turn("e2", "05-02 02:00", **late | {"user_text": "x" * 99})]
    world = World(turns=turns)
    rows = {row["signal"]: row for row in world.run_to("signal_sums", "05-01", "05-03")}
    assert rows["next_message"]["day"] == day("05-01")
    assert rows["next_message"]["units"] == 1
    assert rows["next_message"]["x"] == pytest.approx(1e4 * (math.log(10) + math.log(100)) / 2, abs=1)


def less_day_means(units: Units) -> tuple[np.ndarray, np.ndarray]:
    x, y = units.x / 1e4, units.returned.astype(float)
    for ago in np.unique(units.ago):
        there = units.ago == ago
        x[there] -= x[there].mean()
        y[there] -= y[there].mean()
    return x, y


def test_the_correlation_is_pearsons_and_its_bounds_are_clustered_by_user():
    rng = np.random.default_rng(3)
    one, many = lived(rng, 400, [0.5]), lived(rng, 400, [0.5] * 7)
    found = validity({"one": one, "many": many})
    assert found["one"]["correlation"] == pytest.approx(pearsonr(one.x, one.returned).statistic, rel=1e-9)
    x, y = less_day_means(many)
    r = pearsonr(x, y).statistic
    assert found["many"]["correlation"] == pytest.approx(r, rel=1e-9)
    # First-order influence of each unit on r, summed by group of users: a computation of its own, on units.
    x, y = x / np.sqrt(np.mean(x**2)), y / np.sqrt(np.mean(y**2))
    influence = (x * y - r / 2 * (x**2 + y**2)) / len(x)
    by_group = np.bincount(groups_of(many.user), weights=influence)
    groups = len(np.unique(groups_of(many.user)))
    error = np.sqrt(np.sum(by_group**2) * groups / (groups - 1))
    reach = 1.96 * error / (1 - r**2)
    assert (found["many"]["low"], found["many"]["high"]) == (
        pytest.approx(np.tanh(np.arctanh(r) - reach), rel=1e-9),
        pytest.approx(np.tanh(np.arctanh(r) + reach), rel=1e-9),
    )
    assert error > 1.2 * np.sqrt(np.sum(influence**2)), "users who repeat must widen the interval"


@pytest.mark.parametrize(("users", "rare", "times"), [(200, False, 800), (1000, True, 300)])
def test_intervals_cover_what_is_true_although_users_come_again(users: int, rare: bool, times: int):
    truth = pearsonr(*less_day_means(lived(np.random.default_rng(0), 200_000, [0.5] * 7, rare))).statistic
    rng = np.random.default_rng(1)
    found = validity({f"{n}": lived(rng, users, [0.5] * 7, rare) for n in range(times)})
    covered = [row["low"] <= truth <= row["high"] for row in found.values()]
    assert np.mean(covered) >= 0.93


@pytest.mark.parametrize("link", [0.0, 0.05, 0.5])
def test_a_signal_whose_link_holds_is_not_called_stopped(link: float):
    rng = np.random.default_rng(2)
    found = validity({f"{n}": lived(rng, 300, [link] * 14) for n in range(200)})
    assert np.mean([bool(row["stopped"]) for row in found.values()]) <= 0.01
    if link == 0.05:
        assert {row["reason"] for row in found.values()} >= {"did not predict before", "predicts"}


@pytest.mark.parametrize(("after", "reasons"), [(0.0, {"stopped", "reversed"}), (-0.5, {"reversed"})])
def test_a_signal_whose_link_breaks_is_called_stopped(after: float, reasons: set[str]):
    rng = np.random.default_rng(4)
    found = validity({f"{n}": lived(rng, 400, [0.5] * 7 + [after] * 7) for n in range(100)})
    flagged = [row["reason"] for row in found.values() if row["stopped"]]
    assert len(flagged) >= 0.95 * len(found)
    assert set(flagged) <= reasons


def test_thin_days_and_a_signal_that_never_varies_say_nothing():
    rng = np.random.default_rng(5)
    enough, few = lived(rng, 400, [0.5] * 14), lived(rng, 30, [0.5] * 14)
    recent = Units(*(values[enough.ago < 7] for values in enough))
    constant = enough._replace(x=np.full_like(enough.x, 7.0))
    found = validity({"enough": enough, "few": few, "recent": recent, "constant": constant})
    assert (found["enough"]["stopped"], found["enough"]["reason"]) == (False, "predicts")
    for name in ("few", "recent", "constant"):
        assert (found[name]["stopped"], found[name]["reason"]) == (None, "thin"), name
    assert (found["few"]["low"], found["constant"]["correlation"]) == (None, None)
    assert found["recent"]["low"] is not None
    assert found["recent"]["low_before"] is None


def test_the_check_warns_of_a_signal_that_stopped_and_of_no_other(lake: Lake):
    rng = np.random.default_rng(6)
    holds = {"holds": lived(rng, 400, [0.5] * 14), "never": lived(rng, 400, [0.0] * 14)}
    for signals, passed in ((holds, True), (holds | {"broke": lived(rng, 400, [0.5] * 7 + [0.0] * 7)}, False)):
        rows = [{"day": LAST} | row for row in validity(signals).values()]
        table = pa.Table.from_pylist(rows, arrow_schema(declared("signal_validity")))
        lake.replace(declared("signal_validity"), Days.one(LAST), {}, lambda inputs, table=table: table)
        result = signals_hold(lake, Days.one(LAST))
        assert result.passed is passed
        assert result.metadata["stopped"].value == ([] if passed else ["broke"])
