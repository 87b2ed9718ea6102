"""What no pair compares has no say in the reward; what pairs compare keeps its own."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from evalloop_assets.reward_model.bradley_terry import Fitted, Training, fit, scale_of
from evalloop_assets.reward_model.directions import Labelled, directions
from evalloop_assets.reward_model.encoder import HashedNgrams
from evalloop_assets.reward_model.features import (
    CONSISTENCY,
    PROGRESS,
    TAKEN_UP,
    features,
    shares_and_likenesses,
    text_columns,
)
from evalloop_assets.reward_model.history import situations
from evalloop_assets.reward_model.incomparable import LEAST_SESSIONS, incomparable, without_incomparable
from evalloop_assets.reward_model.model import HORIZONS, LINEAR, SCALE
from evalloop_assets.reward_model.pairs import Pairs
from evalloop_assets.reward_model.training import taught_fit
from evalloop_assets_tests.denoise.dialogues import SETS
from evalloop_assets_tests.reward_model.world import DAY

WORDS, LANGUAGES, MODELS = 40, 3, 2
TEXTS = WORDS * LANGUAGES + MODELS
"""Columns of words, and one for what each model says more often."""
WIDTH = TEXTS + TAKEN_UP + CONSISTENCY + PROGRESS
SHARES = shares_and_likenesses(WIDTH)
WORTH = np.random.default_rng(99).normal(size=WIDTH)
WORTH[SHARES] *= 20


def said(language: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Features of replies: how often each word of the language was said, by a vector of about length 1, and shares."""
    found = np.zeros((len(language), WIDTH), np.float32)
    columns = language[:, None] * WORDS + np.arange(WORDS)
    np.put_along_axis(found, columns, draw.poisson(0.5, columns.shape).astype(np.float32) / 4, axis=1)
    found[:, SHARES] = 0.05 * draw.normal(size=found[:, SHARES].shape)
    return found


def replies(languages: np.ndarray, draw: np.random.Generator, a_session: int = 8) -> Labelled:
    """A session each in one of the languages, which share no word; labels are what they are worth, and noise."""
    sessions = np.repeat(np.arange(len(languages)), a_session)
    found = said(languages[sessions], draw)
    return labelled(sessions, found, found @ WORTH + draw.normal(size=len(sessions)))


def labelled(sessions: np.ndarray, found: np.ndarray, labels: np.ndarray) -> Labelled:
    return Labelled(
        np.char.add("u", (sessions % 97).astype(np.str_)),
        np.full(len(sessions), np.datetime64(DAY)),
        sessions,
        np.full(len(sessions), "m0"),
        found,
        np.zeros((len(sessions), 2), np.float32),
        labels,
    )


def paired(difference: np.ndarray, draw: np.random.Generator) -> Pairs:
    """Battles of true preference."""
    count = len(difference)
    told = draw.random((count, len(HORIZONS))) < 1 / (1 + np.exp(-2 * difference @ WORTH))[:, None]
    return Pairs(
        np.array([f"p{at:05d}" for at in range(count)], np.str_),
        np.array([f"u{at % 97}" for at in range(count)], np.str_),
        np.full(count, "battle"),
        np.full(count, np.datetime64(DAY)),
        difference,
        np.zeros(count),
        np.zeros(count),
        told.astype(np.float64),
    )


def compared(language: np.ndarray, draw: np.random.Generator) -> Pairs:
    """Pairs of replies in one language each."""
    return paired(said(language, draw) - said(language, draw), draw)


def coefficients(fitted: Fitted) -> np.ndarray:
    """Of the features, for the first horizon."""
    return fitted.weights["linear"][:, 0] * fitted.weights["scale"]


@pytest.mark.parametrize("seed", range(4))
def test_languages_are_worth_the_same_and_choices_within_each_hardly_suffer(seed: int):
    """Beside the same fit without it: there chance makes languages differ as much as replies of one do."""
    draw = np.random.default_rng(seed)
    language = draw.choice(3, 400, p=[0.4, 0.35, 0.25])
    pairs, nobody = (compared(draw.choice(3, count), draw) for count in (1500, 0))
    told = replies(language, draw)
    known = directions(told, scale_of(pairs.difference))
    as_fitted = fit(pairs, nobody, Training(), directions=known)
    mended, count = taught_fit(pairs, nobody, Training(), told)
    assert count == 2
    spoken = draw.choice(3, 30_000)
    others = said(spoken, draw)

    def spread(coefficient: np.ndarray) -> float:
        """Of the means of the languages, in standard deviations of replies of one."""
        value = others @ coefficient
        means = [value[spoken == one].mean() for one in range(3)]
        return float(np.ptp(means) / np.mean([value[spoken == one].std() for one in range(3)]))

    before, after = coefficients(as_fitted), coefficients(mended)
    assert spread(before) > 0.3
    assert spread(after) < 0.1
    unseen = compared(draw.choice(3, 4000), draw).difference
    right = [np.mean((unseen @ one > 0) == (unseen @ WORTH > 0)) for one in (before, after)]
    assert right[1] > right[0] - 0.04
    np.testing.assert_array_equal(after[SHARES], before[SHARES])


@pytest.mark.parametrize("mostly", [0.5, 0.7, 0.9])
def test_what_battles_say_of_a_model_is_not_the_languages_that_it_mostly_speaks(mostly: float):
    """One model is better by what it alone says; it speaks one language in that share of its sessions, the other model
    in the rest of its own."""
    draw, better = np.random.default_rng(2), TEXTS - MODELS
    model = draw.choice(2, 400)
    language = (draw.random(400) < np.where(model == 1, mostly, 1 - mostly)).astype(int)
    told = replies(language, draw)
    told.features[:, better] += 0.7 * model[told.sessions]
    told = told._replace(models=np.char.add("m", model[told.sessions].astype(np.str_)))
    same = draw.choice(2, 3000)
    difference = said(same, draw) - said(same, draw)
    difference[:, better] += 0.7 * draw.choice([-1, 0, 1], 3000, p=[0.25, 0.5, 0.25])
    pairs = paired(difference, draw)
    pairs = pairs._replace(targets=(draw.random(pairs.targets.shape) < won(difference, better)).astype(np.float64))
    fitted, count = taught_fit(pairs, pairs.where(slice(0)), Training(), told)
    assert count == 1
    coefficient, value = coefficients(fitted), told.features @ coefficients(fitted)
    of_model, spoken = model[told.sessions] == 1, language[told.sessions] == 1
    lead = value[of_model].mean() - value[~of_model].mean()
    assert lead == pytest.approx(0.7 * coefficient[better], rel=0.2)
    gaps = [value[one & spoken].mean() - value[one & ~spoken].mean() for one in (of_model, ~of_model)]
    assert np.abs(gaps).max() < 0.25 * value.std()


def won(difference: np.ndarray, better: int) -> np.ndarray:
    """Probability that the first reply is preferred, where what the better model says is worth 3."""
    worth = WORTH.copy()
    worth[better] = 3.0
    return 1 / (1 + np.exp(-2 * difference @ worth))[:, None]


def test_a_share_that_languages_differ_in_is_worth_what_pairs_say():
    """What the texts say is made the same for the languages, and no more: not so as to make up for a share."""
    draw = np.random.default_rng(1)
    language = draw.choice(2, 400)
    told = replies(language, draw)
    told.features[:, SHARES.start + 5] += 0.3 * language[told.sessions]
    pairs = compared(draw.choice(2, 3000), draw)
    fitted, count = taught_fit(pairs, pairs.where(slice(0)), Training(), told)
    assert count == 1
    spoken, coefficient = language[told.sessions] == 1, coefficients(fitted)
    texts = text_columns(WIDTH)
    said_by_texts = told.features[:, texts] @ coefficient[texts]
    assert abs(said_by_texts[spoken].mean() - said_by_texts[~spoken].mean()) < 0.1 * said_by_texts.std()
    assert np.corrcoef(told.features @ coefficient, told.features @ WORTH)[0, 1] > 0.97


def test_a_fit_on_pairs_alone_stays_as_it_is():
    draw = np.random.default_rng(4)
    pairs, nobody = (compared(draw.choice(2, count), draw) for count in (500, 0))
    fitted, count = taught_fit(pairs, nobody, Training(), None)
    assert count == 0
    np.testing.assert_array_equal(coefficients(fitted), coefficients(fit(pairs, nobody, Training())))


def test_pairs_without_a_label_compare_nothing():
    draw = np.random.default_rng(4)
    told, same = replies(draw.choice(2, 200), draw), draw.choice(2, 500)
    across = paired(said(same, draw) - said(1 - same, draw), draw)
    pairs = compared(same, draw)
    both = Pairs(*(np.concatenate([one, other]) for one, other in zip(pairs, across, strict=True)))
    unlabelled = both.targets.copy()
    unlabelled[500:] = np.nan
    nobody = pairs.where(slice(0))
    for targets, count in ((both.targets, 0), (unlabelled, 1)):
        assert taught_fit(both._replace(targets=targets), nobody, Training(), told)[1] == count


@pytest.mark.parametrize(("across", "found"), [(0.0, 1), (0.01, 1), (0.5, 0)])
def test_what_some_pairs_compare_is_left_to_them(across: float, found: int):
    """A model that writes one language alone is compared with the others by battles, so the language is, too."""
    draw = np.random.default_rng(5)
    told = replies(draw.choice(2, 300), draw)
    first = draw.choice(2, 1000)
    second = np.where(draw.random(1000) < across, 1 - first, first)
    assert len(incomparable(said(first, draw) - said(second, draw), told)) == found


@pytest.mark.parametrize("lead", [0.3, 0.7, 1.0, 1.5])
def test_the_language_is_told_from_what_models_differ_in(lead: float):
    """A session has one language and one model, whose texts differ by `lead`; pairs compare the models."""
    draw = np.random.default_rng(6)
    language, model = draw.choice(2, 400), draw.choice(2, 400)
    told = replies(language, draw)
    told.features[:, TEXTS - MODELS] += lead * model[told.sessions]
    same = draw.choice(2, 1000)
    difference = said(same, draw) - said(same, draw)
    difference[:, TEXTS - MODELS] += lead * draw.choice([-1, 0, 1], 1000, p=[0.25, 0.5, 0.25])
    (along,) = incomparable(difference, told)
    apart = said(np.zeros(2000, int), draw).mean(axis=0) - said(np.ones(2000, int), draw).mean(axis=0)
    assert abs(along @ apart) / np.linalg.norm(apart) > 0.98
    assert abs(along[TEXTS - MODELS]) < 0.15


def test_a_share_that_sessions_differ_in_keeps_its_coefficient():
    """It varies little within pairs and much between sessions, and pairs tell what it is worth all the same."""
    draw = np.random.default_rng(7)
    told = replies(np.zeros(200, int), draw)
    told.features[:, SHARES] += draw.normal(size=200)[told.sessions, None]
    pairs = compared(np.zeros(500, int), draw)
    assert not len(incomparable(pairs.difference, told))


def test_sessions_alike_in_all_but_their_replies_have_none():
    """Hundreds of small logs, of about as many replies as features: hardly any takes a direction for incomparable."""
    draw, wrong = np.random.default_rng(8), 0
    for _ in range(200):
        told = replies(np.zeros(int(draw.integers(LEAST_SESSIONS, 80)), int), draw, int(draw.integers(1, 6)))
        pairs = compared(np.zeros(int(draw.integers(50, 100)), int), draw)
        wrong += len(incomparable(pairs.difference, told)) > 0
    assert wrong <= 4


def test_directions_of_the_same_replies_are_not_believed():
    """Of many more features than replies, some direction always tells these sessions apart and no others."""
    draw = np.random.default_rng(10)
    told = replies(np.zeros(60, int), draw, 2)
    told = told._replace(features=draw.normal(size=(120, 2000)).astype(np.float32))
    assert not len(incomparable(draw.normal(size=(200, 2000)).astype(np.float32), told))


def test_a_language_of_every_fifth_session_is_found():
    draw = np.random.default_rng(7)
    language = draw.choice(2, 600, p=[0.8, 0.2])
    told = replies(language, draw)
    (along,) = incomparable(compared(draw.choice(2, 500), draw).difference, told)
    rare = language[told.sessions] == 1
    mean = told.features[rare].mean(axis=0) - told.features[~rare].mean(axis=0)
    assert abs(along @ mean) / np.linalg.norm(mean) > 0.95


def dialogues(folder: Path, names: Iterable[str]) -> tuple[np.ndarray, Labelled, np.ndarray]:
    """Differences within pairs of replies of one real dialogue, all replies, and the set that each is of."""
    draw = np.random.default_rng(0)
    said = [(name, messages) for name in names for _, messages in SETS[name](folder / name)]
    order = draw.permutation(len(said))
    texts, session, source = zip(
        *((text, number, said[at][0]) for number, at in enumerate(order) for text in said[at][1][1::2]), strict=True
    )
    found = features(situations([None] * len(texts), texts), HashedNgrams())
    sessions = np.array(session)
    first = np.flatnonzero(np.diff(sessions) == 0)[::3]
    return found[first] - found[first + 1], labelled(sessions, found, np.zeros(len(texts))), np.array(source)


@pytest.mark.parametrize(("names", "count"), [(("sgd",), 0), (("crosswoz",), 0), (("sgd", "crosswoz"), 1)])
def test_of_real_dialogues_about_many_things_the_language_alone_is_found(shared_data: Path, names, count: int):
    """Their texts alone; what chance makes of the language goes, even if a model writes one language each."""
    difference, told, source = dialogues(shared_data, names)
    found = incomparable(difference, told)
    assert len(found) == count
    if count:
        means = [told.features[source == name].mean(axis=0) for name in names]
        apart = (means[0] - means[1])[text_columns(len(means[0]))]
        assert np.linalg.norm(found[0][: len(apart)] @ apart) / np.linalg.norm(apart) > 0.9
        by_chance = np.random.default_rng(1).normal(size=(len(means[0]), 20)).astype(np.float32)
        scale = np.ones(len(by_chance), np.float32)
        before = Fitted({SCALE: scale, LINEAR: by_chance}, np.zeros(20), np.zeros((20, 0)), (True,) * 20, (), ())
        lead = np.abs((means[0] - means[1]) @ by_chance).mean()
        for models, most in ((told.models, 0.1), (source, 0.3)):
            after, _ = without_incomparable(before, difference, told._replace(models=models))
            assert np.abs((means[0] - means[1]) @ after.weights[LINEAR]).mean() < most * lead


@pytest.mark.parametrize("numbers", [[], [0], [1], [1, 3, 5], range(1, 2 * LEAST_SESSIONS - 2, 2)])
def test_a_few_sessions_say_nothing_whatever_their_numbers(numbers):
    draw = np.random.default_rng(8)
    told = replies(np.arange(len(numbers)) % 2, draw)
    told = told._replace(sessions=np.array(numbers, np.int64)[told.sessions])
    assert incomparable(compared(np.zeros(60, int), draw).difference, told).shape == (0, WIDTH)


def test_numbers_of_sessions_do_not_matter():
    draw = np.random.default_rng(8)
    told, pairs = replies(draw.choice(2, 100), draw), compared(draw.choice(2, 60), draw)
    odd = told._replace(sessions=2 * told.sessions + 1)
    assert len(incomparable(pairs.difference, odd)) == 1
    np.testing.assert_array_equal(*(incomparable(pairs.difference, one) for one in (told, odd)))


def test_what_texts_say_of_sessions_is_left_without_its_regression_on_what_no_pair_compares():
    """Of one model: what is left are residuals of ordinary least squares over the means of sessions."""
    draw = np.random.default_rng(9)
    told, pairs = replies(draw.choice(3, 200), draw), compared(draw.choice(3, 300), draw)
    fitted = fit(pairs, pairs.where(slice(0)), Training())
    along = incomparable(pairs.difference, told)
    np.testing.assert_allclose(along @ along.T, np.eye(2), atol=1e-5)
    mended, count = without_incomparable(fitted, pairs.difference, told)
    assert count == 2
    change = fitted.weights["linear"] - mended.weights["linear"]
    np.testing.assert_allclose(change, along.T @ (along @ change), atol=1e-5)
    texts = text_columns(WIDTH)
    means = told.features.reshape(200, -1, WIDTH).mean(axis=1)
    value, left = (means[:, texts] @ coefficients(one)[texts] for one in (fitted, mended))
    expected = value - LinearRegression().fit(means @ along.T, value).predict(means @ along.T)
    np.testing.assert_allclose(left - left.mean(), expected, atol=1e-4 * float(value.std()))
    assert mended._replace(weights=fitted.weights) == fitted
