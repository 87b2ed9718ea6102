import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from evalloop_assets.reward_model.bradley_terry import Training, fit, learnable, length_alone
from evalloop_assets.reward_model.pairs import Pairs
from evalloop_assets_tests.reward_model.world import planted

LINEAR = Training(hidden=0, epochs=120, patience=120, batch=1000, learning_rate=0.02, penalty=0.003)


def nobody(pairs: Pairs) -> Pairs:
    return pairs.where(np.zeros(len(pairs.ids), bool))


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def test_linear_fit_equals_logistic_regression_on_differences_of_the_labels_known():
    pairs, _ = planted(4000, censored=0.4)
    found = fit(pairs, nobody(pairs), LINEAR)
    spread = np.concatenate([pairs.a, pairs.b]).std(axis=0)
    differences = np.column_stack([(pairs.a - pairs.b) / spread, pairs.log_length_ratio])
    known = np.isfinite(pairs.targets)
    for horizon in range(3):
        # our loss is a mean over all known labels; the oracle penalises the length coefficient too, which is near 0
        oracle = LogisticRegression(C=1 / (2 * known.sum() * LINEAR.penalty), fit_intercept=False, tol=1e-8)
        oracle.fit(differences[known[:, horizon]], pairs.targets[known[:, horizon], horizon])
        np.testing.assert_allclose(found.weights["linear"][:, horizon], oracle.coef_[0, :-1], atol=0.02)


@pytest.mark.parametrize("hidden", [0, 16])
def test_recovers_a_planted_preference(hidden: int):
    pairs, truth = planted(6000)
    tune, _ = planted(600, seed=1)
    found = fit(pairs, tune, Training(hidden=hidden))
    unseen, _ = planted(3000, seed=2)
    inputs = [(part - found.weights["input_mean"]) / found.weights["input_sd"] for part in (unseen.a, unseen.b)]
    for horizon in range(3):
        outputs = [part @ found.weights["linear"] for part in inputs]
        if hidden:
            outputs = [
                out + np.tanh(part @ found.weights["hidden"] + found.weights["hidden_bias"]) @ found.weights["out"]
                for out, part in zip(outputs, inputs, strict=True)
            ]
        margin = (outputs[0] - outputs[1])[:, horizon]
        assert np.corrcoef(margin, (unseen.a - unseen.b) @ truth[:, horizon])[0, 1] > 0.97


def test_is_deterministic_and_the_seed_counts():
    pairs, _ = planted(800)
    first, again = (fit(pairs, nobody(pairs), Training(epochs=3)) for _ in range(2))
    assert same(first.weights, again.weights)
    assert not same(first.weights, fit(pairs, nobody(pairs), Training(epochs=3, seed=1)).weights)


def test_censored_pairs_do_not_change_the_fit():
    pairs, _ = planted(500)
    more, _ = planted(300, seed=5)
    more = more._replace(ids=np.char.add("z", more.ids), targets=np.full_like(more.targets, np.nan))
    joined = Pairs(*(np.concatenate(parts) for parts in zip(pairs, more, strict=True)))
    training = Training(epochs=3)
    assert same(fit(joined, nobody(pairs), training).weights, fit(pairs, nobody(pairs), training).weights)


def test_swapping_a_and_b_with_the_label_changes_nothing():
    pairs, _ = planted(1500)
    swapped = pairs._replace(a=pairs.b, b=pairs.a, log_length_ratio=-pairs.log_length_ratio, targets=1 - pairs.targets)
    found, other = (fit(part, nobody(part), LINEAR).weights["linear"] for part in (pairs, swapped))
    np.testing.assert_allclose(found, other, atol=1e-4)


def test_winner_always_written_first_is_learned_as_well():
    """One class only: every label says A."""
    pairs, truth = planted(3000)
    b_wins = pairs.targets[:, 0] == 0
    a, b = np.where(b_wins[:, None], pairs.b, pairs.a), np.where(b_wins[:, None], pairs.a, pairs.b)
    targets = np.column_stack([np.ones(3000), np.full(3000, np.nan), np.full(3000, np.nan)])
    found = fit(pairs._replace(a=a, b=b, targets=targets), nobody(pairs), LINEAR)
    assert np.corrcoef(found.weights["linear"][:, 0], truth[:, 0])[0, 1] > 0.95
    assert found.learned == (True, False, False)
    assert not found.weights["linear"][:, 1:].any()


def test_length_is_taken_up_by_its_covariate():
    """Labels go by length and quality: the covariate has its own coefficient, and the features keep theirs."""
    pairs, truth = planted(6000, length_effect=1.5)
    found = fit(pairs, nobody(pairs), LINEAR)
    assert (found.length > 1.0).all()
    assert set(found.weights) == {"input_mean", "input_sd", "linear"}
    assert np.corrcoef(found.weights["linear"][:, 0], truth[:, 0])[0, 1] > 0.95
    without, _ = planted(6000)
    assert np.abs(fit(without, nobody(without), LINEAR).length).max() < 0.2


def test_length_alone_is_a_logistic_regression_on_it():
    pairs, _ = planted(3000, length_effect=1.5, censored=0.3)
    found = length_alone(pairs)
    for horizon in range(3):
        known = np.isfinite(pairs.targets[:, horizon])
        oracle = LogisticRegression(C=1.0, fit_intercept=False)
        oracle.fit(pairs.log_length_ratio[known, None], pairs.targets[known, horizon])
        assert found[horizon] == pytest.approx(oracle.coef_[0, 0], rel=1e-3)


def test_length_alone_stays_finite_where_the_longer_always_wins():
    pairs, _ = planted(400)
    pairs.targets[:] = (pairs.log_length_ratio > 0)[:, None]
    pairs.targets[:, 2] = np.nan
    found = length_alone(pairs)
    assert np.isfinite(found).all()
    assert (found[:2] > 3).all()
    assert found[2] == 0


def test_ties_pull_the_two_together():
    pairs, _ = planted(2000)
    tied = pairs._replace(targets=np.where(np.arange(2000)[:, None] % 2 == 0, 0.5, pairs.targets))
    strong, weak = (np.abs(fit(part, nobody(part), LINEAR).weights["linear"]).mean() for part in (pairs, tied))
    assert weak < 0.8 * strong


def test_too_few_decided_labels_are_not_learned():
    pairs, _ = planted(60)
    pairs.targets[10:, 1] = np.nan
    pairs.targets[:, 2] = 0.5
    assert learnable(pairs, 50) == (True, False, False)
    with pytest.raises(ValueError, match="no horizon has 61 decided labels"):
        fit(pairs, nobody(pairs), Training(min_labels=61))


def test_features_that_are_not_finite_are_refused():
    pairs, _ = planted(100)
    pairs.a[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity"):
        fit(pairs, nobody(pairs), Training())


def test_number_of_threads_is_put_back():
    import torch

    before = torch.get_num_threads()
    pairs, _ = planted(100)
    fit(pairs, nobody(pairs), Training(threads=1, epochs=1))
    assert torch.get_num_threads() == before
