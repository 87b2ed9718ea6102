import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from evalloop_assets.reward_model.bradley_terry import SHARE_SCALE, Training, fit, learnable, scale_of
from evalloop_assets.reward_model.pairs import Pairs
from evalloop_assets_tests.reward_model.world import planted

LINEAR = Training(epochs=60)
FREE = Training(penalty=0.01)


def nobody(pairs: Pairs) -> Pairs:
    return pairs.where(np.zeros(len(pairs.ids), bool))


def same(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> bool:
    return first.keys() == second.keys() and all(np.array_equal(first[name], second[name]) for name in first)


def told(weights: dict[str, np.ndarray], pairs: Pairs, truth: np.ndarray) -> float:
    """Correlation of the first head's margins with the planted ones."""
    margins = (pairs.difference * weights["scale"]) @ weights["linear"][:, 0]
    return float(np.corrcoef(margins, pairs.difference @ truth[:, 0])[0, 1])


def test_fit_equals_logistic_regression_on_differences_of_the_labels_known():
    pairs, _ = planted(4000, censored=0.4)
    found = fit(pairs, nobody(pairs), LINEAR)
    differences = np.column_stack([pairs.difference * found.weights["scale"], pairs.log_length_ratio])
    known = np.isfinite(pairs.targets)
    for horizon in range(3):
        # the oracle penalises the length coefficient too, which is near 0
        oracle = LogisticRegression(C=1 / (2 * LINEAR.penalty), fit_intercept=False, tol=1e-8)
        oracle.fit(differences[known[:, horizon]], pairs.targets[known[:, horizon], horizon])
        np.testing.assert_allclose(found.weights["linear"][:, horizon], oracle.coef_[0, :-1], atol=0.02)


def test_tail_pairs_count_by_their_weight():
    pairs, _ = planted(2000, censored=0.3)
    tails = np.arange(2000) % 2 == 0
    pairs = pairs._replace(sources=np.where(tails, "tail", "battle"))
    training = Training(epochs=60, tail_weight=0.25)
    two = pairs.where(np.arange(2000) < 2)._replace(sources=np.array(["tail", "tail"]))
    found = fit(pairs, two, training)
    differences = np.column_stack([pairs.difference * found.weights["scale"], pairs.log_length_ratio])
    logits = differences[:2, :-1] @ found.weights["linear"] + np.outer(pairs.log_length_ratio[:2], found.length)
    losses = np.logaddexp(0, logits) - two.targets * logits
    assert found.tuning_losses[-1] == pytest.approx(np.nanmean(losses), rel=1e-4)
    known = np.isfinite(pairs.targets[:, 0])
    oracle = LogisticRegression(C=1 / (2 * training.penalty), fit_intercept=False, tol=1e-8)
    oracle.fit(differences[known], pairs.targets[known, 0], sample_weight=np.where(tails, 0.25, 1.0)[known])
    np.testing.assert_allclose(found.weights["linear"][:, 0], oracle.coef_[0, :-1], atol=0.02)


def test_recovers_a_planted_preference():
    pairs, truth = planted(6000)
    found = fit(pairs, nobody(pairs), FREE)
    unseen, _ = planted(3000, seed=2)
    margins = (unseen.difference * found.weights["scale"]) @ found.weights["linear"]
    for horizon in range(3):
        assert np.corrcoef(margins[:, horizon], unseen.difference @ truth[:, horizon])[0, 1] > 0.97


def test_words_keep_their_scale_and_shares_get_one_of_their_own():
    pairs, _ = planted(500)
    pairs.difference[:, -1] = 0.0
    scale = scale_of(pairs.difference)
    assert scale[:3].tolist() == [1.0, 1.0, 1.0]
    assert scale[-1] == 0.0
    np.testing.assert_allclose((pairs.difference * scale)[:, 3:-1].std(axis=0), SHARE_SCALE, rtol=1e-4)


def test_is_deterministic_and_the_order_of_the_pairs_does_not_count():
    pairs, _ = planted(800)
    first, again = (fit(pairs, nobody(pairs), Training(epochs=3)) for _ in range(2))
    assert same(first.weights, again.weights)
    turned = Pairs(*(column[::-1] for column in pairs))
    other = fit(turned, nobody(pairs), LINEAR).weights["linear"]
    np.testing.assert_allclose(other, fit(pairs, nobody(pairs), LINEAR).weights["linear"], atol=2e-3)


def test_censored_pairs_do_not_change_the_fit():
    pairs, _ = planted(500)
    more, _ = planted(300, seed=5)
    more = more._replace(ids=np.char.add("z", more.ids), targets=np.full_like(more.targets, np.nan))
    joined = Pairs(*(np.concatenate(parts) for parts in zip(pairs, more, strict=True)))
    training = Training(epochs=3)
    assert same(fit(joined, nobody(pairs), training).weights, fit(pairs, nobody(pairs), training).weights)


def test_swapping_a_and_b_with_the_label_changes_nothing():
    pairs, _ = planted(1500)
    swapped = pairs._replace(
        difference=-pairs.difference, log_length_ratio=-pairs.log_length_ratio, targets=1 - pairs.targets
    )
    found, other = (fit(part, nobody(part), LINEAR).weights["linear"] for part in (pairs, swapped))
    np.testing.assert_allclose(found, other, atol=5e-3)


def test_winner_always_written_first_is_learned_as_well():
    """One class only: every label says A."""
    pairs, truth = planted(3000)
    b_wins = pairs.targets[:, 0] == 0
    difference = np.where(b_wins[:, None], -pairs.difference, pairs.difference)
    targets = np.column_stack([np.ones(3000), np.full(3000, np.nan), np.full(3000, np.nan)])
    found = fit(pairs._replace(difference=difference, targets=targets), nobody(pairs), LINEAR)
    assert told(found.weights, pairs, truth) > 0.95
    assert found.learned == (True, False, False)
    assert not found.weights["linear"][:, 1:].any()


def test_length_is_taken_up_by_its_covariate():
    """Labels go by length and quality: the covariate has its own coefficient, and the features keep theirs."""
    pairs, truth = planted(6000, length_effect=1.5)
    found = fit(pairs, nobody(pairs), FREE)
    assert (found.length > 1.0).all()
    assert told(found.weights, pairs, truth) > 0.95
    without, _ = planted(6000)
    assert np.abs(fit(without, nobody(without), FREE).length).max() < 0.2


def test_ties_pull_the_two_together():
    pairs, _ = planted(2000)
    tied = pairs._replace(targets=np.where(np.arange(2000)[:, None] % 2 == 0, 0.5, pairs.targets))
    strong, weak = (np.abs(fit(part, nobody(part), FREE).weights["linear"]).mean() for part in (pairs, tied))
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
    pairs.difference[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity"):
        fit(pairs, nobody(pairs), Training())


def test_number_of_threads_is_put_back():
    import torch

    before = torch.get_num_threads()
    pairs, _ = planted(100)
    fit(pairs, nobody(pairs), Training(threads=1, epochs=1))
    assert torch.get_num_threads() == before
