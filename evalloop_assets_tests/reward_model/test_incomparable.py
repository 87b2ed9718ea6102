"""What no pair compares has no say in the reward; what pairs compare keeps its own."""

import numpy as np
import pytest

from evalloop_assets.reward_model.bradley_terry import Training, fit
from evalloop_assets.reward_model.calibration import Anchors, Mix
from evalloop_assets.reward_model.directions import Labelled
from evalloop_assets.reward_model.features import CONSISTENCY, PROGRESS, TAKEN_UP
from evalloop_assets.reward_model.incomparable import incomparable, without
from evalloop_assets.reward_model.model import HORIZONS
from evalloop_assets.reward_model.pairs import Pairs, split_by_user
from evalloop_assets.reward_model.training import Trained, taught_fit, train
from evalloop_assets_tests.reward_model.world import DAY

WORDS = 40
WIDTH = 3 * WORDS + TAKEN_UP + CONSISTENCY + PROGRESS
SCALE = np.where(np.arange(WIDTH) < 3 * WORDS, 1.0, 0.0).astype(np.float32)
WORTH = np.random.default_rng(99).normal(size=WIDTH) * SCALE
MIX = Mix(dict.fromkeys(HORIZONS, 1.0))


def replies(languages: np.ndarray, draw: np.random.Generator, a_session: int = 8) -> Labelled:
    """A session each in one of three languages that share no word; labels are what the words are worth, and noise."""
    sessions = np.repeat(np.arange(len(languages)), a_session)
    features = said(languages[sessions], draw)
    return Labelled(
        np.char.add("u", (sessions % 97).astype(np.str_)),
        np.full(len(sessions), np.datetime64(DAY)),
        sessions,
        np.full(len(sessions), "m0"),
        features,
        np.zeros((len(sessions), 2), np.float32),
        features @ WORTH + draw.normal(size=len(sessions)),
    )


def said(language: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Features of replies: how often each word of the language was said, by a vector of about length 1."""
    features = np.zeros((len(language), WIDTH), np.float32)
    columns = language[:, None] * WORDS + np.arange(WORDS)
    np.put_along_axis(features, columns, draw.poisson(0.5, columns.shape).astype(np.float32) / 4, axis=1)
    return features


def compared(language: np.ndarray, draw: np.random.Generator) -> Pairs:
    """Pairs of replies in one language each, of true preference."""
    count = len(language)
    difference = said(language, draw) - said(language, draw)
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


def test_languages_are_worth_the_same_and_choices_in_each_stay_as_good():
    """Without it, chance makes languages differ by as much as replies of one do."""
    draw = np.random.default_rng(4)
    language = draw.choice(3, 400, p=[0.5, 0.4, 0.1])
    pairs, told = compared(draw.choice(3, 1500), draw), replies(language, draw)
    trained = train(pairs, Anchors.of(told.features), Training(), MIX, "e", "2026-03-05", replies=told)
    assert isinstance(trained, Trained)
    assert trained.incomparable == 2
    alone = fit(split_by_user(pairs).fit, pairs.where(slice(0)), Training()).weights
    unseen = compared(draw.choice(3, 3000), draw)
    truth = unseen.difference @ WORTH

    def spread(value: np.ndarray) -> float:
        """Of the means of the languages, in standard deviations of replies of one."""
        means = [value[told_in == one].mean() for one in range(3)]
        return float(np.ptp(means) / np.mean([value[told_in == one].std() for one in range(3)]))

    told_in = language[told.sessions]
    before, after = alone["linear"][:, 0] * alone["scale"], trained.model.weights["linear"][:, 0] * SCALE
    assert spread(told.features @ before) > 1.0
    assert spread(told.features @ after) < 0.1
    right = [np.mean((unseen.difference @ one > 0) == (truth > 0)) for one in (before, after)]
    assert right[1] > right[0]


def test_a_fit_tells_along_how_many_directions_it_does_not_go():
    draw = np.random.default_rng(4)
    told = replies(draw.choice(2, 200), draw)
    pairs, nobody = (compared(draw.choice(2, count), draw) for count in (500, 0))
    assert [taught_fit(pairs, nobody, Training(), replies)[1] for replies in (told, None)] == [1, 0]


@pytest.mark.parametrize(("across", "found"), [(0.0, 1), (0.02, 1), (0.5, 0)])
def test_what_some_pairs_compare_is_left_to_them(across: float, found: int):
    """A model that writes one language alone is compared with the others by battles, so the language is, too."""
    draw = np.random.default_rng(5)
    told = replies(draw.choice(2, 300), draw)
    first = draw.choice(2, 1000)
    second = np.where(draw.random(1000) < across, 1 - first, first)
    assert len(incomparable(said(first, draw) - said(second, draw), told, SCALE)) == found


def test_sessions_alike_in_all_but_their_replies_have_none():
    """Hundreds of small logs, of fewer replies than features: nothing is taken for incomparable in any."""
    draw = np.random.default_rng(6)
    wrong = 0
    for _ in range(200):
        told = replies(np.zeros(int(draw.integers(2, 12)), int), draw, int(draw.integers(1, 9)))
        difference = compared(np.zeros(int(draw.integers(5, 60)), int), draw).difference
        wrong += len(incomparable(difference, told, SCALE))
    assert wrong <= 2


def test_a_language_of_every_fifth_session_is_found():
    draw = np.random.default_rng(7)
    language = draw.choice(2, 600, p=[0.8, 0.2])
    told = replies(language, draw)
    (along,) = incomparable(compared(draw.choice(2, 500), draw).difference, told, SCALE)
    rare = language[told.sessions] == 1
    mean = told.features[rare].mean(axis=0) - told.features[~rare].mean(axis=0)
    assert abs(along @ mean) / np.linalg.norm(mean) > 0.95


@pytest.mark.parametrize(("sessions", "pairs"), [(0, 10), (1, 10), (2, 10), (40, 0)])
def test_next_to_nothing_says_nothing(sessions: int, pairs: int):
    draw = np.random.default_rng(8)
    told = replies(np.arange(sessions) % 2, draw)
    assert incomparable(compared(np.zeros(pairs, int), draw).difference, told, SCALE).shape == (0, WIDTH)


def test_coefficients_lose_their_part_along_the_directions_and_nothing_else():
    draw = np.random.default_rng(9)
    directions = np.linalg.qr(draw.normal(size=(7, 2)))[0].T.astype(np.float32)
    linear = draw.normal(size=(7, 3)).astype(np.float32)
    left = without(linear, directions)
    np.testing.assert_allclose(directions @ left, 0, atol=1e-6)
    np.testing.assert_allclose(linear - left, directions.T @ (directions @ linear), atol=1e-6)
    np.testing.assert_array_equal(without(linear, directions[:0]), linear)
