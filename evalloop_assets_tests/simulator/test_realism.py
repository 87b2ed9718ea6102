"""Simulated people against people on record: published figures, the distance, products that are unlike people."""

import csv
import gzip
import json
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import NormalDist

import numpy as np
import pyarrow.parquet as pq
import pytest
from scipy.stats import wasserstein_distance

from evalloop_assets.settings import Settings
from evalloop_assets.simulator import users
from evalloop_assets.simulator.realism import (
    LEVELS,
    NEXT_DAY_RETURN,
    READING_SPEED,
    REFERENCES,
    SESSION_LENGTH,
    Reference,
    Sample,
    distances,
    simulated_figures,
)
from evalloop_assets.simulator.returning import ReturnHabits
from evalloop_assets.simulator.scenarios import find_scenario
from evalloop_assets.simulator.serve import serve, truth_folder
from evalloop_assets_tests.real_data import require

DAYS = 4


def published(source: str, figure: str) -> Reference:
    [found] = [one for one in REFERENCES if one.source == source and one.figure == figure]
    return found


def assert_published(reference: Reference, values) -> None:
    """That the constants are what the values give, to the digits that are written down."""
    quantiles = np.quantile(values, LEVELS, method="inverted_cdf")
    assert np.allclose(quantiles, reference.quantiles, atol=5.1e-3 if np.mean(values) > 1 else 5.1e-6, rtol=0)
    assert np.mean(values) == pytest.approx(reference.mean, rel=1e-4)
    assert len(values) == reference.n or reference.figure == NEXT_DAY_RETURN
    assert min(values) >= reference.at_least


@pytest.fixture
def sentences(shared_data: Path) -> list[list[dict[str, str]]]:
    """Words of the stories in their order, sentence by sentence."""
    path = require(shared_data / "naturalstories" / "processed_wordinfo.tsv.gz")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        words = list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))
    words.sort(key=lambda word: (int(word["item"]), int(word["zone"])))
    found: list[list[dict[str, str]]] = [[]]
    for word, following in zip(words, [*words[1:], None], strict=True):
        found[-1].append(word)
        ended = word["word"].rstrip("')\"").endswith((".", "!", "?"))
        if following is not None and (ended or following["item"] != word["item"]):
            found.append([])
    return found


def seconds(sentence, column: str) -> float:
    return sum(float(word[column]) for word in sentence) / 1000


def test_reading_speeds_are_those_of_the_stories(sentences):
    chars = np.array([sum(len(word["word"]) + 1 for word in sentence) for sentence in sentences])
    times = np.array([seconds(sentence, "meanItemRT") for sentence in sentences])
    assert_published(published("naturalstories, mean of readers", READING_SPEED), chars / times)
    assert chars.sum() / times.sum() == pytest.approx(16.49, abs=5e-3)
    assert round(chars.sum() / times.sum(), 1) == users.READING_CHARS_PER_S
    words = [1000 * (len(word["word"]) + 1) / float(word["meanItemRT"]) for said in sentences for word in said]
    assert np.quantile(words, (0.025, 0.975)) == pytest.approx((7, 32), abs=0.5)

    typical = chars / [seconds(sentence, "gmeanItemRT") for sentence in sentences]
    spread = np.array([np.mean([np.log(float(word["gsdItemRT"])) for word in said]) for said in sentences])
    normal = np.array([NormalDist().inv_cdf(level) for level in LEVELS])
    speeds = (typical[:, None] * np.exp(spread[:, None] * normal)).ravel()
    reference = published("naturalstories, one reader", READING_SPEED)
    assert reference.n == len(sentences)
    assert_published(reference._replace(n=len(speeds)), speeds)


def test_session_lengths_are_those_of_the_chats(shared_data):
    chats = json.loads(gzip.decompress(require(shared_data / "convai" / "data_intermediate.json.gz").read_bytes()))
    sides = [[said["sender_class"] for said in chat["dialog"]] for chat in chats]
    answered = [sum(pair == ("Human", "Bot") for pair in pairwise(said)) for said in sides]
    lengths = np.array([length for length in answered if length])
    assert_published(published("convai", SESSION_LENGTH), lengths)
    assert sum(len(set(said)) == 1 for said in sides) == len(sides) - len(lengths) == 152
    assert max(lengths) == 449
    assert max(lengths) / sum(lengths) == pytest.approx(0.25, abs=0.02)


def test_clicks_and_returns_are_those_of_the_news_site(shared_data):
    table = pq.read_table(require(shared_data / "globo" / "clicks_hours_000_071.parquet"))
    names = ("session_id", "user_id", "click_timestamp")
    first: dict[tuple[int, int], int] = {}
    clicks: dict[int, int] = defaultdict(int)
    for session, user, ms in zip(*(table[name].to_pylist() for name in names), strict=True):
        clicks[session] += 1
        first[session, user] = min(ms, first.get((session, user), ms))
    assert_published(published("globo", SESSION_LENGTH), list(clicks.values()))

    came = defaultdict(set)
    for (_, user), ms in first.items():
        came[(datetime.fromtimestamp(ms // 1000, UTC) - timedelta(hours=3)).date()].add(user)
    days = sorted(came)[:3]
    assert [(day.month, day.day) for day in days] == [(10, 1), (10, 2), (10, 3)]
    shares = [len(came[today] & came[tomorrow]) / len(came[today]) for today, tomorrow in pairwise(days)]
    assert_published(published("globo", NEXT_DAY_RETURN), shares)
    assert published("globo", NEXT_DAY_RETURN).n == sum(len(came[day]) for day in days[:2])


def reference_of(values, at_least: float = -np.inf) -> Reference:
    quantiles = np.quantile(values, LEVELS, method="inverted_cdf")
    return Reference(
        "x", "by hand", "units", len(values), "", float(np.mean(values)), tuple(quantiles), 0.5, "", at_least
    )


def sample_of(values) -> Sample:
    return Sample(np.asarray(values, dtype=float), np.arange(len(values)))


def distance_of(values, reference: Reference) -> float:
    return distances({"x": sample_of(values)}, [reference], resamples=0)[0].distance


def test_the_distance_of_distributions_known_in_closed_form():
    even = np.arange(1000) / 100
    assert distance_of(even, reference_of(even)) == 0
    assert distance_of(np.random.default_rng(1).permutation(even), reference_of(even)) == 0
    assert distance_of(even + 3, reference_of(even)) == pytest.approx(3 / even.mean(), rel=2e-3)
    assert distance_of(2 * even, reference_of(even)) == pytest.approx(1, rel=2e-3)
    assert distance_of([2, 2], reference_of([1, 3])) == pytest.approx(0.5)
    assert distance_of([1, 0.5, 4, 5], reference_of([4, 5], at_least=4)) == 0


def test_the_distance_is_scipys():
    rng = np.random.default_rng(7)
    for simulated, real_ones in (
        (rng.gamma(2, 3, 4000), rng.gamma(3, 2, 3000)),
        (rng.geometric(0.1, 4000), rng.geometric(0.3, 2000)),
        (rng.normal(10, 1, 3001), rng.normal(10, 3, 2000)),
    ):
        reference, found = reference_of(real_ones), distance_of(simulated, reference_of(real_ones))
        tables = wasserstein_distance(np.quantile(simulated, LEVELS, method="inverted_cdf"), reference.quantiles)
        assert found == pytest.approx(tables / np.mean(reference.quantiles), rel=1e-12)
        assert found == pytest.approx(wasserstein_distance(simulated, real_ones) / reference.mean, rel=0.1)


def test_the_interval_knows_that_a_users_replies_are_alike():
    rng = np.random.default_rng(3)
    reference = reference_of(rng.normal(13, 1, 4000))
    own = rng.normal(10, 1, 50)
    alike = Sample(np.repeat(own, 40), np.repeat(np.arange(50), 40))
    [clustered] = distances({"x": alike}, [reference])
    [naive] = distances({"x": alike._replace(user=np.arange(2000))}, [reference])
    assert clustered.low < clustered.distance < clustered.high
    assert clustered.high - clustered.low == pytest.approx(4 * own.std() / np.sqrt(50) / 13, rel=0.3)
    assert clustered.high - clustered.low > 3 * (naive.high - naive.low)


def test_a_share_is_one_observation_a_day_and_nothing_is_within_no_bound():
    shares = Sample(np.array([1.0, 0, 1, 1, 0, 1]), np.array([0, 1, 0, 1, 2, 3]), np.array([4, 4, 5, 5, 5, 5]))
    [found] = distances({"x": shares}, [reference_of([0.5, 0.5])], resamples=20)
    assert (found.mean, found.n, found.distance) == (0.625, 6, pytest.approx(0.25))
    assert found.within
    [nothing] = distances({"x": sample_of([1, 1])}, [reference_of([2, 3], at_least=2)])
    assert (nothing.n, nothing.within, np.isnan(nothing.distance)) == (0, False, True)


def served(home: Path, most_turns: int | None = None, returning: ReturnHabits | None = None) -> dict[str, Sample]:
    """Figures of a few days of `healthy` with few users."""
    scenario = find_scenario("healthy")
    conditions = scenario.conditions
    scale = replace(conditions.scale, base_users=400, new_users=18, battles=20)
    conditions = replace(
        conditions,
        scale=scale if most_turns is None else replace(scale, most_turns=most_turns),
        returning=returning or conditions.returning,
    )
    settings = Settings(home=home)
    serve(replace(scenario, conditions=conditions), settings, seed=1, days=DAYS)
    return simulated_figures(settings.landing, truth_folder(home))


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("healthy")


@pytest.fixture(scope="module")
def healthy(home) -> dict[str, Sample]:
    return served(home)


def beyond(figures: dict[str, Sample]) -> set[tuple[str, str]]:
    return {(one.figure, one.source) for one in distances(figures, resamples=0) if not one.within}


def test_a_healthy_product_passes_for_people(healthy):
    found = distances(healthy)
    assert beyond(healthy) == set()
    assert all(0 < one.low < one.high for one in found)
    assert [(one.figure, one.source) for one in found] == [(one.figure, one.source) for one in REFERENCES]


def test_the_return_share_is_a_direct_count(home, healthy):
    files = sorted((home / "truth" / "users").glob("*.parquet"))
    came = [{row["user_id"] for row in pq.read_table(file).to_pylist() if row["model_id"]} for file in files]
    returns = healthy[NEXT_DAY_RETURN]
    counted = [(len(today), len(today & tomorrow)) for today, tomorrow in pairwise(came)]
    days = np.unique(returns.day)
    assert [(int((returns.day == day).sum()), int(returns.values[returns.day == day].sum())) for day in days] == counted
    assert len(counted) == DAYS - 1


def test_people_who_read_thrice_as_fast_are_noticed(tmp_path, monkeypatch):
    monkeypatch.setattr(users, "READING_CHARS_PER_S", 3 * users.READING_CHARS_PER_S)
    assert {figure for figure, _ in beyond(served(tmp_path))} == {READING_SPEED}


def test_conversations_of_one_reply_are_noticed(tmp_path):
    assert (SESSION_LENGTH, "convai") in beyond(served(tmp_path, most_turns=1))


@pytest.mark.parametrize("loyalty", [-8.0, 2.0])
def test_people_who_never_or_always_come_back_are_noticed(tmp_path, loyalty):
    habits = replace(ReturnHabits(), base_loyalty=loyalty, new_loyalty=loyalty)
    assert {figure for figure, _ in beyond(served(tmp_path, returning=habits))} == {NEXT_DAY_RETURN}
