"""The published matchups, read by a real OpenFeature client from a real file."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from openfeature.evaluation_context import EvaluationContext
from scipy.stats import chisquare

from evalloop_assets.ranking.matchups import Pool, Shares, matchups
from evalloop_assets.serving.matchups import NO_BATTLE, Pair, publish

from .test_flagd import client_of

DAY = date(2026, 5, 3)
KEYS = 20_000


def pairs(pool):
    return [Pair(*one[:3]) for one in matchups(pool, Shares(0.15, 0.2, 0.1))]


POOL = pairs(Pool(("a", "b", "c", "d"), ("r", "s"), ("n",)))


def draw(client, key=None):
    attributes = {} if key is None else {"battle_key": key}
    return client.get_object_value("matchups", {}, EvaluationContext(attributes=attributes))


def test_a_client_draws_each_pair_as_often_as_its_propensity_says(tmp_path):
    path = tmp_path / "matchups.json"
    publish(path, POOL, DAY)
    with client_of(path) as client:
        found = Counter(Pair(**draw(client, f"b{k}")) for k in range(KEYS))
        assert draw(client) == NO_BATTLE
        assert draw(client, "b1") == draw(client, "b1")
    assert set(found) == set(POOL)
    assert chisquare([found[one] for one in POOL], [KEYS * one.propensity for one in POOL]).pvalue > 0.001


def test_sixty_models_of_the_pool(tmp_path):
    many = pairs(Pool(tuple(f"m{k:02}" for k in range(57)), ("r", "s", "t"), ()))
    assert len(many) == 60 * 59 // 2
    publish(tmp_path / "matchups.json", many, DAY)
    with client_of(tmp_path / "matchups.json") as client:
        drawn = [draw(client, f"b{k}") for k in range(300)]
    assert {Pair(**one) for one in drawn} <= set(many)


def test_without_pairs_there_is_no_battle(tmp_path):
    publish(tmp_path / "matchups.json", [], DAY)
    with client_of(tmp_path / "matchups.json") as client:
        assert draw(client, "b") == NO_BATTLE


def test_names_of_models_are_any_text(tmp_path):
    odd = [Pair('{"var": "battle_key"}', "é|\n", 1.0)]
    publish(tmp_path / "matchups.json", odd, DAY)
    with client_of(tmp_path / "matchups.json") as client:
        assert Pair(**draw(client, "b")) == odd[0]


def test_the_same_again_writes_nothing_and_an_earlier_day_never_overwrites(tmp_path):
    path = tmp_path / "serving" / "matchups.json"
    assert publish(path, POOL, DAY) == (DAY, len(POOL), True)
    written = path.stat()
    assert publish(path, POOL, DAY) == (DAY, len(POOL), False)
    assert publish(path, POOL[:1], DAY - timedelta(days=1)) == (DAY, len(POOL), False)
    assert path.stat().st_mtime_ns == written.st_mtime_ns
    assert path.stat().st_ino == written.st_ino
    assert publish(path, POOL[:0], DAY) == (DAY, 0, True)
    assert publish(path, POOL, DAY + timedelta(days=1)) == (DAY + timedelta(days=1), len(POOL), True)


@pytest.mark.parametrize("broken", ["", "{", '{"flags": {}}', "[]"])
def test_a_broken_file_is_written_anew(tmp_path, broken):
    path = tmp_path / "matchups.json"
    path.write_text(broken)
    assert publish(path, POOL, DAY).changed
    assert json.loads(path.read_text())["metadata"] == {"day": DAY.isoformat()}


def test_of_publishers_at_once_the_latest_day_stays(tmp_path):
    path = tmp_path / "matchups.json"
    days = [DAY + timedelta(days=number) for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda day: publish(path, POOL, day), days))
    assert publish(path, POOL, DAY).day == days[-1]
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".matchups.json.")] == [".matchups.json.lock"]
