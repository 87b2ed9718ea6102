import numpy as np
import pytest

from evalloop_assets.reward_model.evaluation import compare, evaluate
from evalloop_assets.reward_model.model import Head, ModelConfig, RewardModel
from evalloop_assets.reward_model.pairs import Pairs
from evalloop_assets_tests.reward_model.world import FEATURES

MARGINS = np.array([1.0, -1.0, 0.0, 1.0], np.float32)
"""Of the first feature, which is the score."""


def model(sign: float = 1.0, weights: tuple[float, ...] = (1.0, 0.0, 0.0)) -> RewardModel:
    heads = tuple(
        Head(horizon, weight, temperature=1.0, mean=(0.0, 0.0, 0.0), sd=1.0)
        for horizon, weight in zip(("immediate", "delayed_5", "delayed_session"), weights, strict=True)
    )
    linear = np.zeros((FEATURES, 3), np.float32)
    linear[0] = sign, -sign, sign
    config = ModelConfig("e", heads, 1.0, 1.0, 1.0, 2, "x", "2026-01-01", 1.0)
    return RewardModel(config, {"scale": np.ones(FEATURES, np.float32), "linear": linear})


def pairs(targets: list[list[float]]) -> Pairs:
    return Pairs(
        np.array(["1", "2", "3", "4"]),
        np.array(["u1", "u2", "u3", "u4"]),
        np.array(["tail", "tail", "battle", "battle"]),
        np.full(4, np.datetime64("2026-01-01")),
        MARGINS[:, None] * (np.arange(FEATURES) == 0).astype(np.float32),
        np.zeros(4),
        np.full(4, np.nan),
        np.array(targets),
    )


NAN = float("nan")
LABELS = [[1, NAN, NAN], [1, NAN, 0], [1, NAN, NAN], [0.5, NAN, NAN]]


def test_accuracy_by_hand():
    """The reward is the first head: right on 1, wrong on 2, undecided on 3 (half), and right on the last label of 2."""
    readings = {(r.metric, r.horizon, r.source): r.estimate for r in evaluate(model(), pairs(LABELS))}
    assert readings["accuracy", "immediate", "all"].value == pytest.approx((1 + 0 + 0.5) / 3)
    assert readings["accuracy", "immediate", "all"].n == 3
    assert readings["accuracy", "all", "all"].value == pytest.approx((1 + 0 + 0.5 + 1) / 4)
    assert readings["accuracy", "all", "tail"].value == pytest.approx(2 / 3)
    assert readings["accuracy", "all", "battle"].value == 0.5


def test_log_loss_by_hand():
    """Margins +1, -1, 0 against A, and +1 against a tie."""
    expected = np.mean([np.log1p(np.exp(-1)), np.log1p(np.exp(1)), np.log(2), np.log1p(np.exp(1)) - 0.5])
    readings = {(r.metric, r.horizon, r.source): r.estimate for r in evaluate(model(), pairs(LABELS))}
    assert readings["log_loss", "immediate", "all"].value == pytest.approx(expected)


def test_heads_that_do_not_count_and_figures_without_labels_are_left_out():
    readings = {(r.metric, r.horizon, r.source) for r in evaluate(model(), pairs(LABELS))}
    assert not any(horizon in ("delayed_5", "delayed_session") for _, horizon, _ in readings)
    assert evaluate(model(), pairs([[NAN] * 3] * 4)) == []


def test_nobody_held_out_gives_nothing():
    everyone = pairs(LABELS)
    assert evaluate(model(), everyone.where(np.zeros(4, bool))) == []


def test_comparison_by_hand():
    """The champion is the challenger with its sign turned: right where that is wrong."""
    held_out = pairs([[1, NAN, NAN], [0, NAN, NAN], [NAN] * 3, [0, NAN, NAN]])
    found = compare(model(), model(-1.0), held_out, held_out)
    assert found.challenger == pytest.approx(2 / 3)
    assert found.champion == pytest.approx(1 / 3)
    assert found.difference.value == pytest.approx(1 / 3)
    assert found.difference.low < found.difference.value < found.difference.high


def test_comparison_without_labels_says_so():
    held_out = pairs([[NAN] * 3] * 4)
    found = compare(model(), model(), held_out, held_out)
    assert np.isnan(found.challenger)
    assert found.difference.n == 0
