import numpy as np
import pyarrow as pa
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.linear_model import LogisticRegression

from evalloop_assets.reward_model import bradley_terry
from evalloop_assets.reward_model import directions as module
from evalloop_assets.reward_model.bradley_terry import DIRECTION_PENALTY, Training, fit, scale_of
from evalloop_assets.reward_model.calibration import Anchors, Mix
from evalloop_assets.reward_model.directions import PENALTY, Labelled, directions, read_labelled
from evalloop_assets.reward_model.encoder import HashedNgrams
from evalloop_assets.reward_model.logged import NO_LOG
from evalloop_assets.reward_model.model import HORIZONS
from evalloop_assets.reward_model.over_optimisation import sweep
from evalloop_assets.reward_model.pairs import is_fitted, is_held_out
from evalloop_assets.reward_model.training import Trained, train
from evalloop_assets_tests.reward_model.world import DAY, FEATURES, planted

MIX = Mix(dict.fromkeys(HORIZONS, 1.0))


def labelled(count: int, mood: float = 0.0, drift: float = 0.0, noise: float = 1.0, seed: int = 5) -> Labelled:
    """Replies of sessions of ten, with labels along the coefficients that `planted` gives the first horizon.

    With `mood`, sessions whose features are high have low labels; with `drift`, labels and the first feature rise with
    the position.
    """
    draw = np.random.default_rng(seed)
    truth = np.random.default_rng(99).normal(size=(FEATURES, len(HORIZONS)))[:, 0]
    session, position = np.arange(count) // 10, np.arange(count) % 10 + 1.0
    high = draw.normal(size=session.max() + 1 if count else 0)[session]
    features = draw.normal(size=(count, FEATURES)) + high[:, None] * np.sign(truth)
    late = np.log1p(position)
    features[:, 0] += drift * late
    labels = features @ truth - mood * high + noise * draw.normal(size=count) + 10 * drift * late
    return Labelled(
        np.array([f"u{at % 80}" for at in session], np.str_),
        np.full(count, np.datetime64(DAY)),
        session.astype(np.int64),
        np.full(count, "m0"),
        features.astype(np.float32),
        np.stack([late, np.zeros(count)], axis=1).astype(np.float32),
        labels,
    )


def likeness(found: np.ndarray, truth: np.ndarray) -> float:
    return float(found @ truth / np.linalg.norm(found) / np.linalg.norm(truth))


@pytest.mark.parametrize("at_once", [1, 64, 2048])
def test_the_first_direction_is_the_fixed_effects_ridge_regression(at_once: int, monkeypatch):
    """By least squares with a dummy variable for each session, the penalty written as rows that pull to 0."""
    monkeypatch.setattr(module, "ROWS_AT_ONCE", at_once)
    ordered = labelled(400, mood=3.0, drift=1.0)
    mixed = np.random.default_rng(7).permutation(400)
    replies = Labelled(*(column[mixed] for column in ordered))
    scale = scale_of(replies.features)
    dummies = np.eye(replies.sessions.max() + 1)[replies.sessions]
    design = np.hstack([replies.features * scale, replies.nuisance[:, :1], dummies])
    pull = np.sqrt(PENALTY) * np.eye(FEATURES, design.shape[1])
    oracle, *_ = np.linalg.lstsq(np.vstack([design, pull]), np.append(replies.labels, np.zeros(FEATURES)))
    np.testing.assert_allclose(directions(replies, scale)[0] / scale, oracle[:FEATURES], rtol=2e-3, atol=2e-3)


@pytest.mark.parametrize(("mood", "drift"), [(30.0, 0.0), (0.0, 3.0)])
def test_neither_moods_of_sessions_nor_positions_turn_it(mood: float, drift: float):
    """The planted confounders turn an ordinary regression away from the truth."""
    replies = labelled(6000, mood, drift)
    _, truth = planted(1)
    ordinary, *_ = np.linalg.lstsq(replies.features, replies.labels)
    assert likeness(ordinary, truth[:, 0]) < 0.9
    assert likeness(directions(replies, np.ones(FEATURES, np.float32))[0], truth[:, 0]) > 0.99


@pytest.mark.parametrize("count", [0, 1])
def test_sessions_with_one_reply_say_nothing(count: int):
    assert not directions(labelled(count), np.ones(FEATURES, np.float32)).any()


def by_models(replies: Labelled, lead: float) -> Labelled:
    """Sessions of three models in turn, each of which says more of one feature of its own."""
    model = replies.sessions % 3
    features = replies.features.copy()
    features[np.arange(len(model)), model] += lead
    return replies._replace(features=features, models=np.char.add("m", model.astype(np.str_)))


@pytest.mark.parametrize("at_once", [1, 2048])
def test_the_other_directions_are_linear_discriminants_of_the_models(at_once: int, monkeypatch):
    """By scikit-learn, of each model against all others: by the total scatter or that within, they are the same."""
    monkeypatch.setattr(module, "PENALTY", 1e-3)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", at_once)
    replies = by_models(labelled(3000), 1.0)
    found = directions(replies, np.ones(FEATURES, np.float32))[1:]
    for model, one in zip(("m0", "m1", "m2"), found, strict=True):
        oracle = LinearDiscriminantAnalysis(solver="lsqr").fit(replies.features, replies.models == model)
        assert likeness(one, oracle.coef_[0]) > 0.9999


def test_what_differs_between_sessions_alone_hardly_enters_the_reward():
    """A language that one model happens to speak somewhat more often: no pair is about it, no reward may go by it."""
    draw = np.random.default_rng(8)
    replies = by_models(labelled(3000), 1.0)
    language = draw.random(300)[replies.sessions] < 0.5 + 0.05 * (replies.sessions % 3)
    features = replies.features.copy()
    features[:, 5] = language
    replies = replies._replace(features=features)
    for one in directions(replies, np.ones(FEATURES, np.float32)):
        reward, without = features @ one, features @ np.where(np.arange(FEATURES) == 5, 0.0, one)
        assert np.corrcoef(reward, without)[0, 1] > 0.98


def test_models_that_write_alike_give_no_direction():
    once = labelled(600)
    twice = Labelled(*(np.concatenate([column, column]) for column in once))
    replies = twice._replace(models=np.repeat(["m0", "m1"], 600), sessions=np.repeat([0, 60], 600) + twice.sessions)
    pairs, _ = planted(500)
    found = fit(pairs, pairs.where(slice(0)), Training(), directions=directions(replies, scale_of(pairs.difference)))
    assert found.along[:, 0].all()
    assert not found.along[:, 1:].any()


def test_models_with_most_replies_are_told_apart(monkeypatch):
    monkeypatch.setattr(module, "MOST_MODELS", 2)
    replies = by_models(labelled(3000), 1.0)
    fewer = replies.where((replies.models != "m0") | (replies.sessions % 2 == 0))
    found = directions(fewer, np.ones(FEATURES, np.float32))
    assert [int(np.argmax(one[:3])) for one in found[1:]] == [1, 2]
    assert len(directions(labelled(300), np.ones(FEATURES, np.float32))) == 1


def test_fit_with_directions_is_a_logistic_regression_with_more_columns(monkeypatch):
    """Those of the models nearly add up to nothing, so the last of their coefficients' digits come late."""
    monkeypatch.setattr(bradley_terry, "SMALLEST_GAIN", 1e-8)
    pairs, _ = planted(2000)
    scale = scale_of(pairs.difference)
    along = directions(by_models(labelled(500), 1.0), scale)
    assert len(along) == 4
    training = Training(epochs=60)
    found = fit(pairs, pairs.where(slice(0)), training, directions=along)
    scaled = pairs.difference * scale
    along /= (pairs.difference @ along.T).std(axis=0)[:, None]
    cheaper = DIRECTION_PENALTY**-0.5
    design = np.column_stack([scaled, cheaper * pairs.difference @ along.T, pairs.log_length_ratio])
    for at in range(len(HORIZONS)):
        oracle = LogisticRegression(C=1 / (2 * training.penalty), fit_intercept=False, tol=1e-8)
        (expected,) = oracle.fit(design, pairs.targets[:, at]).coef_
        of_directions = cheaper * expected[-5:-1]
        np.testing.assert_allclose(found.along[at], of_directions, atol=0.02)
        whole = expected[:-5] + of_directions @ (along / scale)
        np.testing.assert_allclose(found.weights["linear"][:, at], whole, rtol=0.01, atol=0.03)


def test_few_pairs_learn_more_from_a_true_direction_and_lose_nothing_by_a_false_one():
    """Share of unseen preferences of the first horizon that are told, over ten draws of 80 pairs."""
    unseen, truth = planted(4000, seed=2)
    true = unseen.difference @ truth[:, 0]
    false = labelled(2000)._replace(labels=np.random.default_rng(3).normal(size=2000))
    gains = []
    for seed in range(10):
        pairs, _ = planted(80, seed=10 + seed)
        scale = scale_of(pairs.difference)
        told = []
        for along in (None, directions(labelled(2000), scale), directions(false, scale)):
            found = fit(pairs, pairs.where(slice(0)), Training(), directions=along)
            lead = (unseen.difference * scale) @ found.weights["linear"][:, 0]
            told.append(np.mean((lead > 0) == (true > 0)))
        gains.append([told[1] - told[0], told[2] - told[0]])
    (gain, loss), error = np.mean(gains, axis=0), np.std(gains, axis=0, ddof=1) / np.sqrt(len(gains))
    assert gain - 3 * error[0] > 0.05
    assert loss > -0.01


def test_replies_of_those_who_tune_or_are_held_out_or_of_later_days_are_not_learned_from():
    pairs, _ = planted(600)
    replies = labelled(800)
    anchors = Anchors.of(pairs.difference)

    def learned(labels: np.ndarray, days: np.ndarray = replies.days) -> np.ndarray:
        told = replies._replace(labels=labels, days=days)
        found = train(pairs, anchors, Training(), MIX, "e", "2026-03-05", replies=told)
        assert isinstance(found, Trained)
        return found.fitted.weights["linear"]

    known = learned(replies.labels)
    fitted = is_fitted(replies.users.tolist())
    assert 0.5 < fitted.mean() < 0.8
    assert not (fitted & is_held_out(replies.users.tolist())).any()
    np.testing.assert_array_equal(learned(np.where(fitted, replies.labels, replies.labels[::-1])), known)
    assert not np.array_equal(learned(np.where(fitted, replies.labels[::-1], replies.labels)), known)
    tomorrow = np.where(replies.sessions % 2 == 0, replies.days, replies.days + 1)
    today = replies.where(tomorrow == replies.days)
    found = train(pairs, anchors, Training(), MIX, "e", "2026-03-05", replies=today)
    assert isinstance(found, Trained)
    np.testing.assert_array_equal(learned(replies.labels, tomorrow), found.fitted.weights["linear"])


def test_each_half_of_the_over_optimisation_probe_has_a_direction_of_its_own_users():
    pairs, _ = planted(600)
    anchors, replies = Anchors.of(pairs.difference), labelled(800)

    def pushed(told: Labelled | None) -> list[float]:
        return [point.gold for point in sweep(pairs, anchors, Training(), MIX, "e", told).points]

    assert pushed(replies) != pytest.approx(pushed(None), abs=1e-3)
    assert pushed(replies.where(np.zeros(800, bool))) == pytest.approx(pushed(None), abs=1e-3)


def test_rows_are_read_as_they_stand():
    rows = [
        {"user_id": f"u{at}", "day": DAY, "session_id": f"s{at // 2}", "event_id": f"e{at}", "model_id": f"m{at}",
         "position": at + 1, "user_text": None, "reply_text": "one two three" * (at + 1), "immediate": at / 2}
        for at in range(4)
    ]  # fmt: skip
    found = read_labelled(pa.Table.from_pylist(rows), HashedNgrams(), NO_LOG)
    assert found.sessions.tolist() == [0, 0, 1, 1]
    assert found.models.tolist() == ["m0", "m1", "m2", "m3"]
    assert found.labels.tolist() == [0.0, 0.5, 1.0, 1.5]
    np.testing.assert_allclose(np.expm1(found.nuisance), [[1, 13], [2, 26], [3, 39], [4, 52]], rtol=1e-5)
    assert found.features.shape[0] == 4
