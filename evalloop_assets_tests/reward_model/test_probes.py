"""Calibration, probes, the push by best-of-n, foreign texts and decay: planted faults are seen, clean data is not."""

from datetime import date, timedelta

import numpy as np
import pytest

from evalloop_assets.reward_model.bradley_terry import Training, fit
from evalloop_assets.reward_model.calibration import Anchors, Mix, assemble
from evalloop_assets.reward_model.decay import decay
from evalloop_assets.reward_model.encoder import HashedNgrams
from evalloop_assets.reward_model.evaluation import calibration_error, evaluate
from evalloop_assets.reward_model.features import features
from evalloop_assets.reward_model.foreign import distances, familiar
from evalloop_assets.reward_model.history import situations
from evalloop_assets.reward_model.model import HORIZONS
from evalloop_assets.reward_model.over_optimisation import Point, Sweep, best_of_n, falls, sweep
from evalloop_assets.reward_model.probes import length_frontier, preferred_share, probes
from evalloop_assets_tests.reward_model.world import planted, reply

MIX = Mix(dict.fromkeys(HORIZONS, 1.0))


def model_of(pairs):
    fitted = fit(pairs, pairs.where(slice(0)), Training(penalty=0.1))
    return assemble(fitted, pairs, Anchors.of(pairs.difference), MIX, "e", "2026-01-01")


@pytest.fixture(scope="module")
def model():
    return model_of(planted(3000)[0])


@pytest.fixture(scope="module")
def held_out():
    return planted(2000, seed=3)[0]


def by_name(readings):
    return {one.metric: one.estimate for one in readings}


def test_calibration_error_by_hand_and_its_interval_covers_noise():
    users = np.array([f"u{at % 50}" for at in range(5000)])
    stated = np.random.default_rng(0).random(5000)
    right = calibration_error(stated, (np.random.default_rng(1).random(5000) < stated).astype(float), users)
    assert right.low < right.value < 0.03
    off = calibration_error(np.full(1000, 0.9), np.ones(1000) * (np.arange(1000) % 10 < 6), users[:1000])
    assert off.value == pytest.approx(0.3)
    assert off.low > 0.1


def test_slices_are_reported_beside_all(model, held_out):
    half = np.arange(2000) < 1000
    found = {(one.metric, one.slice): one.estimate.n for one in evaluate(model, held_out, {"locale=zh": half})}
    assert found["accuracy", "locale=zh"] < found["accuracy", "all"]


def test_probes_stay_at_a_half_where_neither_position_nor_length_tells(model, held_out):
    draw = np.random.default_rng(5)
    found = by_name(probes(model, held_out._replace(position_lead=draw.normal(size=2000))))
    assert found["auc_of_position"].low < 0.5 < found["auc_of_position"].high
    assert found["auc_of_length"].low < 0.5 < found["auc_of_length"].high
    assert found["auc_of_reward"].low > 0.62
    assert abs(found["correlation_with_length"].value) < 0.1


def test_a_planted_position_is_seen_and_unknown_positions_are_left_out(model, held_out):
    lead = np.where(np.arange(2000) < 500, np.nan, held_out.targets[:, 0] - 0.5)
    found = preferred_share(lead, held_out._replace(targets=held_out.targets[:, :1].repeat(3, axis=1)))
    assert found.value == 1.0
    assert found.n == 3 * 1500


def test_the_frontier_of_length_trades_accuracy(held_out):
    """Labels go by quality alone, and a penalty only costs; its correlation falls from about 0."""
    points = length_frontier(model_of(planted(3000)[0]), held_out)
    assert points[0].penalty == 0
    assert points[0].accuracy > points[-1].accuracy + 0.05
    assert points[-1].correlation < -0.5 < points[0].correlation


def test_best_of_n_warns_where_the_gold_falls():
    draw = np.random.default_rng(0)
    proxy = draw.normal(size=3000)
    assert not Sweep(best_of_n(proxy, proxy + draw.normal(size=3000), np.random.default_rng(1))).falls
    hacked = np.where(proxy > 1.2, -2.0, proxy)
    points = best_of_n(proxy, hacked, np.random.default_rng(1))
    assert Sweep(points).falls
    assert [one.proxy for one in points] == sorted(one.proxy for one in points)
    assert not Sweep(()).falls


def test_the_sweep_trains_on_halves_of_the_users_and_gives_nothing_of_too_few(held_out):
    points = sweep(held_out, Anchors.of(held_out.difference), Training(), MIX, "e").points
    assert [type(one) for one in points] == [Point] * 7
    assert points[-1].gold > points[0].gold + 1
    assert sweep(held_out.where(slice(60)), Anchors.of(held_out.difference), Training(), MIX, "e").points == ()


def test_a_proxy_that_knows_nothing_seldom_seems_to_fall():
    draw = np.random.default_rng(4)
    fallen = 0
    for seed in range(100):
        proxy, gold = draw.normal(size=(2, 1_000))
        points = best_of_n(proxy, gold, np.random.default_rng(seed))
        fallen += falls([(one.gold, one.gold_se) for one in points])
    assert fallen <= 10


def test_foreign_texts_are_far_and_familiar_ones_near():
    draw = np.random.default_rng(0)
    encoder = HashedNgrams()
    known = [reply(draw)[0] for _ in range(600)]
    foreign = ["SELECT count(*) FROM t WHERE x = 1", "def f(x): return x ** 2", "Übermorgen fahren wir nach Köln"] * 5
    of = lambda texts: features(situations(["hi"] * len(texts), texts), encoder)  # noqa: E731
    found = familiar(of(known[:400]))
    near, far = distances(of(known[400:]), found), distances(of(foreign), found)
    assert np.mean(far[:, None] > near[None, :]) > 0.95
    assert np.mean(near > 1) < 0.05
    assert np.mean(far > 1) > 0.8


def test_of_replies_that_are_all_the_same_any_other_is_foreign():
    encoder = HashedNgrams()
    of = lambda texts: features(situations(["hi"] * len(texts), texts), encoder)  # noqa: E731
    near, far = distances(of(["the same", "another one"]), familiar(of(["the same"] * 20)))
    assert near < 1 < far


DAYS = [date(2026, 3, 1) + timedelta(days=at) for at in range(28)]


def test_a_correlation_that_falls_is_a_decay_and_a_steady_one_is_not():
    steady = [(day, 0.2, 300) for day in DAYS]
    assert not decay(steady).decayed
    assert decay(steady).recent == pytest.approx(0.2)
    fallen = decay([(day, 0.2 if at < 21 else 0.02, 300) for at, day in enumerate(DAYS)])
    assert fallen.decayed
    assert fallen.former == pytest.approx(0.2)
    assert decay([(day, -0.3, 300) for day in DAYS[:3]]).decayed
    assert not decay([]).decayed


def test_noise_alone_is_seldom_a_decay():
    draw = np.random.default_rng(2)
    alarms = sum(decay([(day, np.tanh(0.15 + draw.normal() / 17.2), 300) for day in DAYS]).decayed for _ in range(300))
    assert alarms <= 20
