"""Effects within blocks against statsmodels, and by hand."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

from evalloop_assets.evaluation.offline.blocks import Cells, effects, scores_of
from evalloop_assets.evaluation.offline.scores import quasi_variances


def cells(rows):
    model, block, cluster, units, total = zip(*rows, strict=True)
    return Cells(
        np.array(model), np.array(block), np.array(cluster), np.array(units, dtype=float), np.array(total, dtype=float)
    )


def contrast(found, i, j):
    c = found.covariance
    return found.value[i] - found.value[j], float(np.sqrt(c[i, i] + c[j, j] - 2 * c[i, j]))


def test_a_model_of_good_days_only_is_held_against_those_of_the_same_days():
    rows = [(0, 0, k, 1, 10) for k in range(3)] + [(0, 1, k + 3, 1, 0) for k in range(3)]
    rows += [(1, 0, k + 6, 1, 9) for k in range(30)]
    found = effects(cells(rows), 2)
    assert found.value[1] - found.value[0] == pytest.approx(-1)


def test_effects_and_clustered_errors_are_those_of_statsmodels():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame(
        {"user": rng.integers(0, 60, 600), "day": rng.integers(0, 9, 600), "model": rng.integers(0, 4, 600)}
    )
    frame["y"] = rng.normal(size=60)[frame.user] + 0.3 * frame.model + np.sin(frame.day) + rng.normal(size=600)
    fit = smf.ols("y ~ C(day) + C(model)", frame).fit(
        cov_type="cluster", cov_kwds={"groups": frame.user, "df_correction": False, "use_correction": False}
    )
    found = effects(cells(zip(frame.model, frame.day, frame.user, np.ones(600), frame.y, strict=True)), 4)
    for model in (1, 2, 3):
        value, se = contrast(found, model, 0)
        assert value == pytest.approx(fit.params[f"C(model)[T.{model}]"])
        assert se == pytest.approx(fit.bse[f"C(model)[T.{model}]"] * (60 / 59) ** 0.5)
    assert found.units.sum() == 600
    assert found.clusters.max() <= 60


def test_where_every_model_has_every_item_effects_are_plain_means():
    rng = np.random.default_rng(7)
    solved = [(m, k, k, 1, float(rng.random() < p)) for m, p in enumerate((0.1, 0.3, 0.4, 0.9)) for k in range(200)]
    found = effects(cells(solved), 4)
    assert found.value == pytest.approx([np.mean([row[4] for row in solved if row[0] == m]) for m in range(4)])


def test_rows_may_be_sums_and_units_shares():
    rng = np.random.default_rng(2)
    single = [(m, d, u, 1, rng.normal()) for m in range(3) for d in range(2) for u in range(8) for _ in range(2)]
    summed = pd.DataFrame(single).groupby([0, 1, 2], as_index=False).sum()
    one, other = effects(cells(single), 3), effects(cells(summed.to_numpy().tolist() and [
        (int(a), int(b), int(c), d, e) for a, b, c, d, e in summed.to_numpy()
    ]), 3)  # fmt: skip
    assert other.value == pytest.approx(one.value)
    assert other.covariance == pytest.approx(one.covariance)
    halved = effects(cells([(m, d, u, n / 2, t / 2) for m, d, u, n, t in single]), 3)
    assert halved.value == pytest.approx(one.value)
    assert halved.covariance == pytest.approx(one.covariance)


def test_the_error_of_a_paired_contrast_is_that_of_the_differences():
    rng = np.random.default_rng(3)
    hard = 5 * rng.normal(size=40)
    a, b = hard + rng.normal(size=40), hard + 1 + rng.normal(size=40)
    rows = [(m, k, k, 1, y[k]) for k in range(40) for m, y in ((0, a), (1, b))]
    found = effects(cells(rows), 2)
    value, se = contrast(found, 1, 0)
    assert value == pytest.approx((b - a).mean())
    assert se == pytest.approx((b - a).std(ddof=1) / 40**0.5)
    assert scores_of(found, ["a", "b"]).se == pytest.approx([se / 2**0.5] * 2)


def test_models_that_never_met_the_rest_are_left_out():
    rows = [(0, 0, 0, 1, 1), (1, 0, 1, 1, 2), (2, 1, 2, 1, 9)]
    assert effects(cells(rows), 3).kept.tolist() == [0, 1]
    assert effects(cells([(0, 0, 0, 1, 1), (1, 1, 1, 1, 2)]), 2) is None
    assert effects(cells([(0, 0, 0, 1, 1), (1, 0, 0, 1, 2)]), 2) is None
    empty = np.zeros(0, dtype=np.int64)
    assert effects(Cells(empty, empty, empty, np.zeros(0), np.zeros(0)), 0) is None


def test_quasi_variances_give_the_contrasts_back():
    assert quasi_variances(np.diag([1.0, 4.0, 9.0])) == pytest.approx([1, 4, 9])
    shared = np.diag([1.0, 4.0, 9.0]) + 100
    assert quasi_variances(shared) == pytest.approx([1, 4, 9])
    rng = np.random.default_rng(4)
    root = rng.normal(size=(5, 20))
    exact = root @ root.T
    q = quasi_variances(exact)
    contrasts = np.diag(exact)[:, None] + np.diag(exact)[None, :] - 2 * exact
    wanted = contrasts[np.triu_indices(5, 1)]
    assert (q[:, None] + q[None, :])[np.triu_indices(5, 1)] == pytest.approx(wanted, rel=0.6)
    assert sum(q) * 4 == pytest.approx(wanted.sum())
    with pytest.raises(ValueError, match="two models"):
        quasi_variances(np.ones((1, 1)))


@pytest.mark.parametrize("seed", range(5))
def test_models_with_equal_observations_are_equal_and_do_not_vary(seed):
    """Round-off alone would order them, and be sure of it."""
    rng = np.random.default_rng(seed)
    of_item = rng.random(60)
    met = [(m, k) for k in range(60) for m in range(7) if rng.random() < 0.7]
    found = effects(cells([(m, k, k, 1, of_item[k]) for m, k in met]), 7)
    assert len(set(found.value.tolist())) == 1
    assert not found.covariance.any()
    better = effects(cells([(m, k, k, 1, of_item[k] + 1e-6 * (m == 3)) for m, k in met]), 7)
    assert better.value.argmax() == 3
    assert len(set(better.value.tolist())) == 2
