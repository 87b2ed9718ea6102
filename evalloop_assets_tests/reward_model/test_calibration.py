import numpy as np
import pytest

from evalloop_assets.reward_model.bradley_terry import Fitted, Training, fit
from evalloop_assets.reward_model.calibration import Anchors, Mix, assemble, temperature
from evalloop_assets.reward_model.model import HORIZONS
from evalloop_assets_tests.reward_model.world import planted

EQUAL = Mix(dict.fromkeys(HORIZONS, 1.0))


def fitted(pairs, learned=(True, True, True)) -> Fitted:
    linear = np.where(np.array(learned), planted(1)[1], 0.0).astype(np.float32)
    weights = {
        "scale": np.ones(pairs.difference.shape[1], np.float32),
        "linear": linear,
    }
    return Fitted(weights, np.zeros(3), np.zeros((3, 0)), learned, (0.5,), (0.5,))


@pytest.mark.parametrize("true", [0.4, 1.0, 3.0])
def test_temperature_is_found_again(true: float):
    draw = np.random.default_rng(0)
    margins = draw.normal(size=20_000) * 3
    targets = (draw.random(20_000) < 1 / (1 + np.exp(-margins / true))).astype(float)
    assert temperature(margins, targets) == pytest.approx(true, rel=0.06)


def test_temperature_of_few_labels_is_one():
    assert temperature(np.ones(19), np.zeros(19)) == 1.0


def test_reward_has_mean_0_and_sd_1_on_its_anchors():
    pairs, _ = planted(500)
    model = assemble(fitted(pairs), pairs, Anchors.of(pairs.difference), EQUAL, "e", "2026-01-01")
    rewards = model.temporal(model.reward_parts(model.parts(pairs.difference)))
    assert rewards.mean() == pytest.approx(0, abs=1e-9)
    assert rewards.std() == pytest.approx(1, abs=1e-9)
    assert model.config.anchors == 500


def test_horizons_count_by_their_weight():
    pairs, _ = planted(500)
    weights = Mix(dict(zip(HORIZONS, (1.0, 1.0, 2.0), strict=True)))
    model = assemble(fitted(pairs), pairs, Anchors.of(pairs.difference), weights, "e", "2026-01-01")
    assert [head.weight for head in model.config.heads] == [0.25, 0.25, 0.5]


def test_alpha_and_beta_are_the_shares_of_the_components_and_the_scale_stays():
    pairs, _ = planted(500)
    model = assemble(fitted(pairs), pairs, Anchors.of(pairs.difference), EQUAL._replace(alpha=0.5, beta=2.0), "e", "x")
    parts = model.reward_parts(model.parts(pairs.difference))
    temporal = model.temporal(parts)
    np.testing.assert_allclose(temporal, parts.r_base + 0.5 * parts.r_consistency + 2.0 * parts.r_progress)
    assert temporal.std() == pytest.approx(1, abs=1e-9)
    equal = assemble(fitted(pairs), pairs, Anchors.of(pairs.difference), EQUAL, "e", "x")
    assert equal.version != model.version
    np.testing.assert_allclose(equal.values(pairs.difference), model.values(pairs.difference))


def test_at_equal_shares_the_reward_is_the_weighted_sum_of_standardised_values():
    pairs, _ = planted(500)
    model = assemble(fitted(pairs), pairs, Anchors.of(pairs.difference), EQUAL, "e", "x")
    values = model.values(pairs.difference)
    total = ((values - values.mean(axis=0)) / values.std(axis=0)).mean(axis=1)
    found = model.temporal(model.reward_parts(model.parts(pairs.difference)))
    np.testing.assert_allclose(found, total / total.std(), atol=1e-6)
    np.testing.assert_allclose(
        model.margin(pairs.difference[:1] - pairs.difference[1:2])[0], found[0] - found[1], atol=1e-5
    )


def test_horizon_not_learned_does_not_count():
    pairs, _ = planted(500)
    model = assemble(fitted(pairs, (True, False, True)), pairs, Anchors.of(pairs.difference), EQUAL, "e", "2026-01-01")
    assert [head.weight for head in model.config.heads] == [0.5, 0.0, 0.5]


def test_head_no_better_than_chance_does_not_count():
    pairs, _ = planted(500)
    pairs.targets[:, 0] = 1 - pairs.targets[:, 0]
    model = assemble(fitted(pairs), pairs, Anchors.of(pairs.difference), EQUAL, "e", "2026-01-01")
    assert [head.weight for head in model.config.heads] == [0.0, 0.5, 0.5]


def test_where_no_head_is_better_than_chance_all_count():
    pairs, _ = planted(500)
    flipped = pairs._replace(targets=1 - pairs.targets)
    model = assemble(fitted(pairs), flipped, Anchors.of(pairs.difference), EQUAL, "e", "2026-01-01")
    assert [head.weight for head in model.config.heads] == pytest.approx([1 / 3] * 3)


def test_constant_scores_do_not_divide_by_zero():
    pairs, _ = planted(100)
    nothing = fitted(pairs)
    nothing.weights["linear"][:] = 0
    model = assemble(nothing, pairs, Anchors.of(pairs.difference), EQUAL, "e", "2026-01-01")
    assert (model.margin(pairs.difference) == 0).all()


def test_what_cannot_be_assembled_says_why():
    pairs, _ = planted(100)
    with pytest.raises(ValueError, match="two anchors"):
        assemble(fitted(pairs), pairs, Anchors.of(pairs.difference[:1]), EQUAL, "e", "2026-01-01")
    with pytest.raises(ValueError, match="weight 0"):
        assemble(
            fitted(pairs), pairs, Anchors.of(pairs.difference), Mix(dict.fromkeys(HORIZONS, 0.0)), "e", "2026-01-01"
        )


def test_equal_models_have_equal_versions_and_others_do_not():
    pairs, _ = planted(400)
    found = fit(pairs, pairs, Training(epochs=2))
    first, again = (assemble(found, pairs, Anchors.of(pairs.difference), EQUAL, "e", "2026-01-01") for _ in range(2))
    assert first.version == again.version
    assert first.version.startswith("2026-01-01-")
    assert assemble(found, pairs, Anchors.of(-2 * pairs.difference), EQUAL, "e", "2026-01-01").version != first.version
