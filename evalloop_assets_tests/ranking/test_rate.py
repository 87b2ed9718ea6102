"""The public `rate`: what comes back, on a leaderboard's scale, and every mistake of a caller."""

import numpy as np
import pandas as pd
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.ranking import rate

from .worlds import BETA, simulated

COLUMNS = ["model_id", "mu", "sigma", "low", "high", "rank", "tier", "battles"]
OUTCOMES = np.array(["a", "b", "tie"])


def frame(fought, users=True):
    names = np.array(fought.models)
    columns = {"model_a": names[fought.a], "model_b": names[fought.b], "outcome": OUTCOMES[fought.outcome]}
    return pd.DataFrame(columns | ({"user_id": fought.user} if users else {}))


@pytest.fixture(scope="module")
def battles():
    return frame(simulated(np.random.default_rng(1), [22, 25, 28, 31], 4_000, 300, taste=3.0))


def test_the_best_comes_first_with_contrasts_against_the_mean(battles):
    found = rate(battles)
    assert list(found.columns) == COLUMNS
    assert found["model_id"].tolist() == ["m03", "m02", "m01", "m00"]
    assert found["rank"].tolist() == [1, 2, 3, 4]
    middle = (found["low"] + found["high"]) / 2
    assert middle.to_numpy() == pytest.approx(found["mu"] - found["mu"].mean())
    assert found["battles"].sum() == 8_000
    assert found["tier"].tolist() == [1, 2, 3, 4]


def test_order_of_rows_index_and_missing_users(battles):
    found = rate(battles)
    shuffled = battles.sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(rate(shuffled), found)
    alone = rate(battles.drop(columns="user_id"))
    assert alone["mu"].to_numpy() == pytest.approx(found["mu"])
    width, alone_width = (one["high"] - one["low"] for one in (found, alone))
    assert (width > alone_width).all()


def test_anchors_are_constants_and_the_level(battles):
    given = {"m00": 22.0, "m01": 24.6, "m02": 27.2}
    found = rate(battles, given).set_index("model_id")
    assert found.loc[list(given), "mu"].to_dict() == given
    middle = (found["low"] + found["high"]) / 2
    assert middle["m03"] == pytest.approx(found.loc["m03", "mu"] - np.mean(list(given.values())))


@pytest.mark.parametrize(
    "anchors",
    [
        {1: np.int64(22), 2: np.float32(25), 3: np.float64(28)},
        pd.Series([22, 25, 28], [1, 2, 3]),
        {"1": 22, "2": 25, "3": 28},
    ],
)
def test_anchors_are_any_numbers_and_ids_are_compared_as_text(battles, anchors):
    numbered = battles.assign(**{side: battles[side].str[1:].astype(int) + 1 for side in ("model_a", "model_b")})
    found = rate(numbered, anchors).set_index("model_id")
    assert found["mu"][["1", "2", "3"]].tolist() == [22, 25, 28]


def test_each_row_without_a_user_is_a_user_of_its_own(battles):
    nobody = rate(battles.assign(user_id=None))
    pd.testing.assert_frame_equal(nobody, rate(battles.drop(columns="user_id")))
    half = rate(battles.assign(user_id=battles["user_id"].where(np.arange(4_000) % 2 == 0)))
    widths = [(one["high"] - one["low"]).to_numpy() for one in (nobody, half, rate(battles))]
    assert (widths[0] < widths[1]).all()
    assert (widths[1] < widths[2]).all()


def test_a_released_anchor_and_the_level_are_told(battles):
    given = {"m00": 22.0, "m01": 24.6, "m02": 27.2, "m03": 60.0}
    told = rate(battles, given).attrs
    assert list(told["released_anchors"]) == ["m03"]
    assert told["released_anchors"]["m03"] < -4
    assert told["level"].startswith("the mean of the anchors m00, m01, m02 (constants); released: m03")
    assert rate(battles).attrs["released_anchors"] == {}


def test_columns_may_have_numbers_as_names(battles):
    with pytest.raises(UserError, match="Name one of model_a, model_b, outcome, user_id, 3"):
        rate(battles.assign(x=1.0).rename(columns={"x": 3}), covariates=["zz"])


def test_length_can_be_controlled():
    """Both models are equal; one writes more, and length sells."""
    rng = np.random.default_rng(3)
    fought = simulated(rng, [25, 25], 8_000, 8_000, margin=0.0)
    longer = np.where(fought.a == 0, 1.0, -1.0) + rng.normal(0, 1, 8_000)
    gap = 1.5 * longer + rng.normal(0, np.sqrt(2) * BETA, 8_000)
    rows = frame(fought).assign(outcome=np.where(gap > 0, "a", "b"), log_length=longer)
    assert rate(rows)["tier"].tolist() == [1, 2]
    assert rate(rows, covariates=["log_length"])["tier"].tolist() == [1, 1]


def test_no_battle_gives_no_model_and_a_model_against_itself_says_nothing(battles):
    assert list(rate(battles.iloc[:0]).columns) == COLUMNS
    assert len(rate(battles.iloc[:0])) == 0
    itself = battles.assign(model_a="x", model_b="x")
    assert len(rate(itself)) == 0


@pytest.mark.parametrize("outcome", ["tie", "both_bad"])
def test_where_nobody_ever_decided_all_are_equal(battles, outcome):
    for rows in (battles, battles.iloc[:1]):
        found = rate(rows.assign(outcome=outcome))
        assert found["mu"].to_numpy() == pytest.approx(25)
        assert set(found["tier"]) == {1}


@pytest.mark.parametrize("users", [4, 10])
def test_bounds_of_a_few_users_with_strong_tastes_cover_the_truth(users):
    """Battles of four users say little of the others: 95% bounds of the plain sandwich cover 86%."""
    skills, rng, covered = np.array([23.0, 25, 27]), np.random.default_rng(users), []
    for _ in range(150):
        found = rate(frame(simulated(rng, skills, users * 60, users, taste=4.0))).set_index("model_id").sort_index()
        shrunk = (skills - skills.mean()) * BETA / np.hypot(BETA, 4.0)
        covered += ((found["low"] < shrunk) & (shrunk < found["high"])).tolist()
    assert 0.92 < np.mean(covered) < 0.985


def test_what_no_battle_joins_has_no_bounds(battles):
    apart = pd.DataFrame({"model_a": ["y"] * 5, "model_b": ["z"] * 5, "outcome": ["a"] * 5, "user_id": range(5)})
    found = rate(pd.concat([battles, apart.astype({"user_id": int})])).set_index("model_id")
    assert found.loc[["m00", "m03"], "low"].notna().all()
    assert len(found) == 6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows.drop(columns="outcome"), "column outcome: it is missing"),
        (lambda rows: rows.assign(outcome="A"), "column outcome: 'A' is no outcome"),
        (lambda rows: rows.assign(model_a=None), "column model_a: 4000 values are missing"),
        (lambda rows: rows.to_dict("list"), "battles: it is no data frame of pandas but dict"),
    ],
)
def test_a_frame_that_is_none(battles, change, said):
    with pytest.raises(UserError, match=said):
        rate(change(battles))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"anchors": {"m00": 25.0}}, "anchors m00: 1 of them fought, and 3 are needed"),
        ({"anchors": {"m00": 25.0, "m01": float("nan"), "m02": 1.0}}, "anchor m01: nan is no rating"),
        ({"anchors": ["m00", "m01", "m02"]}, "anchors: they are no mapping but list"),
        ({"anchors": {"m00": 1e6, "m01": 2.0, "m02": 1.0}}, "anchor m00: 1000000.0 is no rating"),
        ({"anchor_z": "4"}, "anchor_z: '4' is no number"),
        ({"anchor_z": float("nan")}, "anchor_z: nan is no number"),
        ({"anchors": {"m00": "good", "m01": 2.0, "m02": 1.0}}, "anchor m00: 'good' is no rating"),
        ({"anchors": {"m00": 25.0, "m01": True, "m02": 1.0}}, "anchor m01: True is no rating"),
        ({"anchors": pd.Series([1, 2], ["m00", "m00"])}, "anchor m00: it is there more than once"),
        ({"covariates": ["chars"]}, "covariate chars: there is no such column"),
        ({"covariates": "chars"}, r"covariates: they are a text, 'chars'. Give a list: \['chars'\]"),
    ],
)
def test_arguments_that_make_no_sense(battles, more, said):
    with pytest.raises(UserError, match=said):
        rate(battles, **more)


def test_a_covariate_that_says_nothing_somewhere(battles):
    for value in (None, float("inf")):
        rows = battles.assign(x=[value, *[0.0] * 3_999])
        with pytest.raises(UserError, match="column x"):
            rate(rows, covariates=["x"])
