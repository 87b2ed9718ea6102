"""Difficulty and discrimination against known parameters and point-biserial correlations; retirement by its errors."""

import numpy as np
import pytest

from evalloop_assets.evaluation.items.item_response import item_parameters
from evalloop_assets.evaluation.items.retirement import KEEP, SATURATED, SUSPECT, UNKNOWN, UNSOLVED, verdicts


def answers(random, models, slope, intercept):
    ability = random.normal(size=models)
    chance = 1 / (1 + np.exp(-(ability[:, None] * slope + intercept)))
    return (random.random((models, len(slope))) < chance).astype(float)


def population(random, items):
    slope, intercept = random.normal(1, 0.6, items).clip(0.1), random.normal(0, 1.2, items)
    return slope, intercept


@pytest.mark.parametrize(("models", "least"), [(12, 0.88), (40, 0.91), (150, 0.92)])
def test_intervals_hold_the_known_parameters(models, least):
    random = np.random.default_rng(0)
    held = []
    for _ in range(8):
        slope, intercept = population(random, 50)
        found = item_parameters(answers(random, models, slope, intercept))
        held.append((found.discrimination_low <= slope) & (slope <= found.discrimination_high))
    assert np.mean(held) >= least


def test_many_models_give_the_parameters_back():
    random = np.random.default_rng(1)
    slope, intercept = population(random, 40)
    found = item_parameters(answers(random, 3_000, slope, intercept))
    assert np.abs(found.discrimination - slope).mean() < 0.12
    sharp = slope > 0.5
    assert np.abs(found.difficulty + intercept / slope)[sharp].mean() < 0.15


def test_discrimination_goes_with_the_point_biserial_correlation():
    """The correlation of an item with the sum of the others, which needs no model."""
    random = np.random.default_rng(2)
    slope, intercept = random.uniform(0.1, 2.0, 60), np.zeros(60)
    scores = answers(random, 60, slope, intercept)
    rest = scores.sum(axis=1, keepdims=True) - scores
    biserial = [np.corrcoef(scores[:, at], rest[:, at])[0, 1] for at in range(60)]
    found = item_parameters(scores)
    assert np.corrcoef(found.discrimination, biserial)[0, 1] > 0.9
    assert np.corrcoef(found.solved, scores.mean(axis=0))[0, 1] == pytest.approx(1)


def test_missing_scores_are_left_out():
    random = np.random.default_rng(3)
    slope, intercept = population(random, 30)
    scores = answers(random, 400, slope, intercept)
    missing = np.where(random.random(scores.shape) < 0.3, np.nan, scores)
    whole, part = item_parameters(scores), item_parameters(missing)
    assert part.models.tolist() == (~np.isnan(missing)).sum(axis=0).tolist()
    assert np.corrcoef(whole.discrimination, part.discrimination)[0, 1] > 0.9


def test_an_item_that_the_better_models_fail_is_suspected_and_a_good_one_seldom():
    random = np.random.default_rng(4)
    slope, intercept = population(random, 50)
    slope[0] = -1.5
    slope[1] = 1.5
    intercept[:2] = 0
    said = [verdicts(item_parameters(answers(random, 80, slope, intercept))) for _ in range(20)]
    assert np.mean([one[0] == SUSPECT for one in said]) >= 0.9
    assert np.mean([one[1] == SUSPECT for one in said]) == 0


@pytest.mark.parametrize("models", [12, 60])
def test_saturated_items_retire_and_those_that_separate_stay(models):
    random = np.random.default_rng(5)
    slope, intercept = np.full(40, 1.2), random.normal(0, 0.7, 40)
    slope[:2], intercept[:2] = 0.0, (6, -6)
    said = np.array([verdicts(item_parameters(answers(random, models, slope, intercept))) for _ in range(20)])
    assert np.mean(said[:, 0] == SATURATED) >= 0.95
    assert np.mean(said[:, 1] == UNSOLVED) >= 0.95
    assert np.mean(said[:, 2:] == KEEP) >= 0.95


def test_an_item_that_nearly_all_solve_stays_where_it_tells_the_worst_apart():
    """Of 100 models the eight worst fail it, and no other."""
    ability = np.linspace(-2, 2, 100)
    random = np.random.default_rng(6)
    others = (random.random((100, 40)) < 1 / (1 + np.exp(-2 * ability[:, None]))).astype(float)
    found = item_parameters(np.column_stack([ability > ability[7], np.ones(100), others]))
    assert found.solved[0] == pytest.approx(0.92)
    assert verdicts(found)[:2] == [KEEP, SATURATED]


def test_ties_everywhere_one_model_and_none():
    same = item_parameters(np.ones((12, 3)))
    assert verdicts(same) == [SATURATED] * 3
    assert np.isnan(same.difficulty).all()
    assert verdicts(item_parameters(np.ones((1, 3)))) == [UNKNOWN] * 3
    assert verdicts(item_parameters(np.full((0, 2), np.nan))) == [UNKNOWN] * 2
    assert verdicts(item_parameters(np.ones((5, 0)))) == []


def test_scores_outside_the_unit_interval_are_refused():
    with pytest.raises(ValueError, match="lie in"):
        item_parameters(np.array([[1.5]]))
