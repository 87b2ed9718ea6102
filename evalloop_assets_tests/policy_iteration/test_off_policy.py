import numpy as np
import pytest

from evalloop_assets.policy_iteration.off_policy import (
    arm_weights,
    best_of_n_weights,
    cross_fitted,
    doubly_robust,
    effective_share,
    snips,
)
from evalloop_assets_tests.real_data import FOLDER

OBD = FOLDER / "obd"


def test_snips_by_hand():
    """Weights 2, 0, 2, 4 on outcomes 1, 5, 0, 1: 6 of 8. Linearised rows 1.5, 0.75 and so on give the variance."""
    found = snips([2, 0, 2, 4], [1.0, 5.0, 0.0, 1.0], ["a", "b", "c", "d"])
    assert found.value.value == pytest.approx(0.75)
    residuals = np.array([2 * 0.25, 0, 2 * -0.75, 4 * 0.25]) / 2
    error = np.sqrt((residuals**2).sum() * 4 / 3) / 4
    assert found.value.high - found.value.value == pytest.approx(3.182446 * error, rel=1e-5)
    assert found.gain.value == pytest.approx(0.75 - 1.75)
    assert found.effective_share == pytest.approx(64 / (4 * 24))


def test_a_target_equal_to_the_logging_policy_is_the_plain_mean_and_gains_nothing():
    outcomes = np.random.default_rng(0).normal(size=50)
    found = snips(np.ones(50), outcomes, np.arange(50) // 5)
    assert found.value.value == pytest.approx(outcomes.mean())
    assert (found.gain.value, found.gain.low, found.gain.high) == pytest.approx((0, 0, 0))
    assert found.effective_share == 1


def test_few_effective_rows_are_refused():
    weights = np.zeros(100)
    weights[:4] = 1
    found = snips(weights, np.ones(100), np.arange(100))
    assert np.isnan(found.value.value)
    assert found.refused.startswith("4.0% of 100 rows are effective")
    assert snips([], [], []).refused == "no logged row"
    assert snips([0, 0], [1, 1], ["a", "b"]).refused
    weights[:5] = 1
    assert not snips(weights, np.ones(100), np.arange(100)).refused


@pytest.mark.parametrize("outcome", [float("nan"), float("inf")])
def test_bad_rows_are_refused(outcome: float):
    with pytest.raises(ValueError, match="finite"):
        snips([1.0, 1.0], [0.0, outcome], ["a", "b"])
    with pytest.raises(ValueError, match="not negative"):
        snips([1.0, -1.0], [0.0, 1.0], ["a", "b"])
    with pytest.raises(ValueError, match="propensities"):
        arm_weights(["a"], [0.0], "a")


@pytest.mark.parametrize("n", [2, 4])
def test_the_effective_share_of_best_of_n_has_a_closed_form(n: int):
    """Its weight is n u^(n-1) of the rank u, whose square has mean n² / (2n - 1)."""
    scores = np.random.default_rng(1).normal(size=(4_000, 200))
    weights = best_of_n_weights(scores.tolist(), n)
    assert weights.mean() == pytest.approx(1, abs=0.05)
    assert effective_share(weights) == pytest.approx((2 * n - 1) / n**2, rel=0.04)


def worlds(seed: int, users: int = 60, rows: int = 6):
    """Arms drawn with probabilities that depend on a context; users differ, so rows of one user are alike."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(users), rows)
    x = rng.normal(size=users * rows)
    chance = 1 / (1 + np.exp(-x))
    took = rng.random(len(x)) < chance
    outcome = 1.0 * took + 0.8 * x + rng.normal(size=users)[user] + 0.5 * rng.normal(size=len(x))
    return user, x, took, np.where(took, chance, 1 - chance), outcome


def test_intervals_cover_the_truth_as_often_as_they_say():
    """True mean of the arm is 1; its plain mean in the log is not, since the arm is taken where outcomes are high."""
    covered = {"snips": 0, "robust": 0, "rows": 0}
    errors = {"snips": [], "robust": []}
    plain = []
    runs = 400
    for seed in range(runs):
        user, x, took, propensity, outcome = worlds(seed)
        weights = arm_weights(np.where(took, "on", "off").tolist(), propensity, "on")
        one = snips(weights, outcome, user)
        model = 0.8 * x
        two = doubly_robust(weights, outcome, user, model + took, model + 1)
        covered["snips"] += one.value.low <= 1 <= one.value.high
        covered["robust"] += two.value.low <= 1 <= two.value.high
        naive = snips(weights, outcome, np.arange(len(user)))
        covered["rows"] += naive.value.low <= 1 <= naive.value.high
        errors["snips"].append(one.value.value - 1)
        errors["robust"].append(two.value.value - 1)
        plain.append(outcome[took].mean())
    assert np.mean(plain) > 1.2
    assert abs(np.mean(errors["snips"])) < 0.03
    assert np.std(errors["robust"]) < 0.95 * np.std(errors["snips"])
    assert 0.92 <= covered["robust"] / runs <= 0.98
    assert 0.90 <= covered["snips"] / runs <= 0.98
    assert covered["rows"] / runs < 0.85


def test_doubly_robust_is_right_where_only_the_model_is():
    user, x, took, _, outcome = worlds(3, users=3_000)
    weights = np.where(took, 1.7, 0.0)
    wrong = snips(weights, outcome, user).value.value
    right = doubly_robust(weights, outcome, user, 0.8 * x + took, 0.8 * x + 1).value.value
    assert abs(wrong - 1) > 0.2
    assert right == pytest.approx(1, abs=0.06)


def test_cross_fitting_never_reads_the_row_s_own_user():
    rng = np.random.default_rng(0)
    feature, outcome = rng.normal(size=40), rng.normal(size=40)
    users = [f"u{at // 2}" for at in range(40)]
    before, _ = cross_fitted(feature, outcome, users, feature)
    outcome[0] += 100
    after, _ = cross_fitted(feature, outcome, users, feature)
    assert (before[:2] == after[:2]).all()
    assert (before != after).any()


def test_best_of_n_by_its_weights_against_truly_drawing_n():
    rng = np.random.default_rng(4)
    scores = rng.normal(size=(6_000, 16))
    outcomes = 0.5 * scores[:, 0] + rng.normal(size=6_000)
    users = np.arange(6_000) // 3
    truth = 0.5 * rng.normal(size=(200_000, 4)).max(axis=1).mean()
    found = snips(best_of_n_weights(scores.tolist(), 4), outcomes, users)
    assert found.gain.low < truth < found.gain.high
    assert found.gain.low > 0.3


@pytest.mark.skipif(not OBD.exists(), reason="the shared data sets are not beside the project")
@pytest.mark.parametrize(("logged", "target"), [("random", "bts"), ("bts", "random")])
def test_one_policy_of_the_open_bandit_data_from_the_log_of_the_other(logged: str, target: str):
    """Both served the same traffic: the estimate's interval must hold the mean that the target had itself."""
    import pandas as pd

    log, own = (pd.read_parquet(OBD / f"obd_{name}.parquet") for name in (logged, target))
    place = ["campaign", "item_id", "position"]
    shown = own.groupby(place).size()
    chance = (shown / shown.groupby(["campaign", "position"]).transform("sum")).rename("target")
    rows = log.merge(chance, left_on=place, right_index=True, how="left")
    weights = (rows["target"].fillna(0) / rows["propensity_score"]).to_numpy()
    visitor = rows.filter(like="user_feature").agg("/".join, axis=1)
    found = snips(weights, rows["click"].to_numpy(float), visitor)
    truth = own["click"].mean()
    if found.refused:
        assert found.effective_share < 0.05
        return
    assert found.value.low <= truth <= found.value.high
    assert found.value.high - found.value.low < 0.02
