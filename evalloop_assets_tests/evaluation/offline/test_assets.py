"""From the tables of a lake to comparison, ledger and what is due: planted orders are found, and clean ones left."""

from datetime import date, datetime, timedelta
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from dagster import DagsterInstance, materialize

from evalloop_assets.days import Days
from evalloop_assets.definitions import ASSETS as ALL
from evalloop_assets.evaluation.offline.assets import evaluations_due, model_values, offline_online, predictors
from evalloop_assets.evaluation.offline.checks import none_demoted, none_due
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.picture import png
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.lake.store import Commit
from evalloop_assets.settings import Settings
from evalloop_assets_tests.pictures import LONG_NAME, assert_everything_fits

assert ALL
FIRST = date(2026, 3, 2)
QUALITY = {"a": 0.1, "b": 0.25, "c": 0.4, "d": 0.55, "e": 0.7, "f": 0.85}
"""Probability that a model's user comes back."""


class World:
    def __init__(self, folder, **offline):
        self.settings = Settings(home=folder, evaluation={"offline": offline}, first_day=FIRST)
        self.resource = lake_resource(self.settings)
        self.lake = self.resource.open()

    def write(self, table, rows, day):
        schema = declared(table)
        data = pa.Table.from_pylist([{"day": day, **row} for row in rows], arrow_schema(schema))
        self.lake.replace(schema, Days.one(day), {}, lambda inputs: data)

    def serve(self, day, quality=QUALITY, users=150):
        """Every user is another one; half an hour with the model, and tomorrow as likely as it is good."""
        rng = np.random.default_rng(day.toordinal())
        rows = [
            {"user_id": f"{day}-{m}-{k}", "local_day": day, "model_id": m, "share": 1.0, "ended_sessions": 1}
            | {"returned_next_day": bool(rng.random() < p), "next_day_matures_on": day + timedelta(days=1)}
            | {"minutes": float(rng.normal(30, 5)), "abrupt_exits": int(rng.random() > p), "rewarded_replies": 1}
            | {"reward": float(rng.normal(p))}
            for m, p in quality.items()
            for k in range(users)
        ]
        self.write("model_days", rows, day)

    def score(self, benchmark, ability, day=FIRST, items=200, scored_at=None):
        rng = np.random.default_rng(7)
        return [
            {"model_id": m, "benchmark": benchmark, "item_id": f"{k}", "score": float(rng.random() < p)}
            | {"scored_at": scored_at or datetime.combine(day, datetime.min.time())}
            for m, p in ability.items()
            for k in range(items)
        ]

    def run(self, *assets, last):
        tags = {"dagster/asset_partition_range_start": str(FIRST), "dagster/asset_partition_range_end": str(last)}
        resources = {"lake": self.resource, "settings": self.settings}
        with DagsterInstance.ephemeral() as instance:
            assert materialize(list(assets), tags=tags, resources=resources, instance=instance).success

    def read(self, table, day=None):
        return self.lake.read(table, Days.one(day) if day else None).to_pylist()


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Five days; `true` orders the models as the users do, `turned` the other way round."""
    made = World(tmp_path_factory.mktemp("home"))
    turned = dict(zip(QUALITY, reversed(QUALITY.values()), strict=True))
    published = [
        {"model_id": m, "benchmark": "board", "item_id": "all", "score": 1000 + 100 * p, "standard_error": 5.0}
        for m, p in QUALITY.items()
    ]
    rows = [*made.score("true", QUALITY), *made.score("turned", turned), *made.score("lonely", {"a": 0.5}), *published]
    made.write("benchmark_scores", rows, FIRST)
    rng = np.random.default_rng(3)
    models = list(QUALITY)
    pairs = [rng.choice(models, 2, replace=False).tolist() for _ in range(300)]
    verdicts = [
        {"item_id": f"{k}", "judge_id": "fair", "family_a": a, "family_b": b, "order": "ab"}
        | {"verdict": "a" if rng.random() < 0.5 + (QUALITY[a] - QUALITY[b]) / 2 else "b"}
        for k, (a, b) in enumerate(pairs)
    ]
    verdicts.append({"item_id": "x", "judge_id": "once", "family_a": "a", "family_b": "b", "verdict": "a"})
    made.write("judge_verdicts", verdicts, FIRST)
    for number in range(5):
        made.serve(FIRST + timedelta(days=number))
    made.run(model_values, offline_online, predictors, last=FIRST + timedelta(days=4))
    return made


LAST = FIRST + timedelta(days=4)


def compared(world, name, metric="returned_next_day", window=28, day=LAST):
    (found,) = [
        row
        for row in world.read("offline_online", day)
        if (row["name"], row["metric"], row["window_days"]) == (name, metric, window)
    ]
    return found


def test_values_are_means_of_users_and_items_with_their_errors(world):
    found = {(r["name"], r["model_id"]): r for r in world.read("model_values", LAST) if r["window_days"] in (0, 28)}
    came = found["returned_next_day", "e"]
    assert came["value"] == pytest.approx(0.7, abs=3 * came["se"])
    assert came["se"] == pytest.approx((0.7 * 0.3 / 600) ** 0.5, rel=0.15)
    assert (came["units"], came["clusters"]) == (600, 600), "the fifth day has not matured"
    scores = [
        row["score"] for row in world.read("benchmark_scores") if (row["benchmark"], row["model_id"]) == ("true", "e")
    ]
    assert found["true", "e"]["value"] == pytest.approx(np.mean(scores))
    assert found["board", "e"]["value"] == 1070
    assert found["board", "e"]["se"] == 5
    assert found["fair", "f"]["value"] > found["fair", "a"]["value"]


def test_windows_count_their_days_alone(world):
    rows = world.read("model_values", LAST)
    users = {row["window_days"]: row["clusters"] for row in rows if (row["name"], row["model_id"]) == ("reward", "a")}
    assert users == {7: 750, 28: 750}
    first = [row for row in world.read("model_values", FIRST) if row["name"] == "returned_next_day"]
    assert first == [], "nothing has matured on the first day"


def test_planted_orders_are_found_and_reversals_named(world):
    true, turned, board = (compared(world, name) for name in ("true", "turned", "board"))
    assert true["correlation"] == board["correlation"] == 1
    assert true["low"] > 0.5
    assert true["reversals"] == 0
    assert turned["correlation"] == -1
    assert turned["high"] < 0
    assert turned["reversals"] >= 10
    assert turned["reversed_pairs"].startswith("a > f") or "a > f" in turned["reversed_pairs"]
    assert compared(world, "fair")["correlation"] > 0.7
    assert compared(world, "champion")["low"] > 0.5


def test_fewer_abrupt_exits_are_better(world):
    assert compared(world, "true", "abrupt_exits")["correlation"] > 0.9


def test_a_metric_that_no_model_changes_gives_wide_bounds(world):
    found = compared(world, "true", "session_minutes")
    assert found["high"] - found["low"] > 1


def test_too_few_models_are_not_enough_data(world):
    assert compared(world, "lonely")["reason"] == "not enough data: 0 models with both, 4 are needed"
    assert compared(world, "once")["reason"] == "not enough data: 0 models with both, 4 are needed"
    assert compared(world, "once")["correlation"] is None
    once = [row for row in world.read("predictors", LAST) if row["name"] == "once"]
    assert [row["status"] for row in once] == ["watch"]


def test_equal_scores_and_scores_without_any_variation_give_no_figure(tmp_path):
    """Where every item tells the same of two models, nobody knows how sure that is."""
    made = World(tmp_path)
    rng = np.random.default_rng(1)
    of_item = rng.random(40)
    rows = [
        {"model_id": m, "benchmark": name, "item_id": f"{k}", "score": of_item[k] + step * at}
        for name, step in (("equal", 0.0), ("apart", 0.1))
        for at, m in enumerate(QUALITY)
        for k in range(40)
    ]
    made.write("benchmark_scores", rows, FIRST)
    made.serve(FIRST)
    day = FIRST + timedelta(days=1)
    made.run(model_values, offline_online, last=day)
    assert compared(made, "equal", day=day)["reason"] == "not enough data: all offline scores are equal"
    assert compared(made, "apart", day=day)["reason"] == "not enough data: 0 models with both, 4 are needed"
    told = {row["se"] for row in made.read("model_values", day) if row["name"] == "apart"}
    assert told == {None}


def test_a_judge_of_ties_alone_and_verdicts_on_one_family_tell_nothing(tmp_path):
    made = World(tmp_path)
    models = list(QUALITY)
    pairs = [(a, b) for a in models for b in models if a < b for _ in range(20)]
    ties = [
        {"item_id": f"{k}", "judge_id": "undecided", "family_a": a, "family_b": b, "verdict": "tie"}
        for k, (a, b) in enumerate(pairs)
    ]
    same = [
        {"item_id": f"s{k}", "judge_id": "undecided", "family_a": "a", "family_b": family, "verdict": "a"}
        for k, family in enumerate(("a", None) * 20)
    ]
    made.write("judge_verdicts", [*ties, *same], FIRST)
    made.serve(FIRST)
    day = FIRST + timedelta(days=1)
    made.run(model_values, offline_online, last=day)
    told = {row["model_id"]: row for row in made.read("model_values", day) if row["kind"] == "judge"}
    assert {name: (row["value"], row["units"]) for name, row in told.items()} == dict.fromkeys(models, (0.5, 100))
    assert compared(made, "undecided", day=day)["reason"] == "not enough data: all offline scores are equal"


def test_a_published_score_gives_way_to_items_of_the_same_model(tmp_path):
    made = World(tmp_path)
    rows = made.score("b", {"a": 0.2, "b": 0.8})
    published = [{"model_id": m, "benchmark": "b", "item_id": "all", "score": 0.5} for m in ("a", "c")]
    made.write("benchmark_scores", [*rows, *published], FIRST)
    made.serve(FIRST)
    made.run(model_values, last=FIRST)
    told = {row["model_id"]: row["units"] for row in made.read("model_values") if row["kind"] == "benchmark"}
    assert told == {"a": 200, "b": 200, "c": None}


def test_a_model_of_few_users_is_told_but_not_compared(tmp_path):
    """Four of four who stayed away would be sure that nobody ever comes."""
    made = World(tmp_path)
    made.write("benchmark_scores", made.score("true", QUALITY | {"rare": 0.9}), FIRST)
    made.serve(FIRST)
    rows = made.lake.read("model_days", Days.one(FIRST)).to_pylist()
    few = [row | {"model_id": "rare", "user_id": f"r{k}", "returned_next_day": False} for k, row in enumerate(rows[:4])]
    made.write("model_days", [*rows, *few], FIRST)
    made.run(model_values, offline_online, last=FIRST + timedelta(days=1))
    day = FIRST + timedelta(days=1)
    values = [row for row in made.read("model_values", day) if row["name"] == "returned_next_day"]
    told = {row["model_id"]: row for row in values if row["window_days"] == 28}
    assert (told["rare"]["clusters"], told["rare"]["se"]) == (4, None)
    assert compared(made, "true", day=day)["models"] == 6


def test_the_ledger_demotes_what_is_turned_keeps_what_predicts_and_says_since_when(world):
    status = {(row["name"], row["day"]): row for row in world.read("predictors")}
    assert status["true", LAST]["status"] == "trusted"
    assert status["turned", LAST]["status"] == "demoted"
    since = status["turned", LAST]["since"]
    assert FIRST < since < LAST
    assert status["turned", LAST]["doubtful_since"] == FIRST + timedelta(days=1)
    assert status["turned", since]["status"] == "demoted"
    assert status["turned", since]["since"] == since


def test_the_check_warns_of_the_demoted_and_of_nothing_else(world):
    found = none_demoted(world.lake, Days(FIRST, LAST))
    assert not found.passed
    assert "benchmark turned since" in found.description
    assert "true" not in found.description.replace("turned", "")
    assert none_demoted(world.lake, Days.one(FIRST)).passed


def test_what_is_demoted_stays_so_where_a_day_has_no_comparison(tmp_path):
    """As after an outage that is longer than the window."""
    made = World(tmp_path, windows=(2,))
    turned = dict(zip(QUALITY, reversed(QUALITY.values()), strict=True))
    made.write("benchmark_scores", made.score("board", turned, items=400), FIRST)
    for number in range(3):
        made.serve(FIRST + timedelta(days=number), users=400)
    last = FIRST + timedelta(days=6)
    made.run(model_values, offline_online, predictors, last=last)
    (before,) = [row for row in made.read("predictors", FIRST + timedelta(days=3)) if row["name"] == "board"]
    (row,) = [row for row in made.read("predictors", last) if row["name"] == "board"]
    assert (row["status"], row["since"]) == ("demoted", before["since"])
    assert (row["correlation"], row["models"]) == (None, 0)
    assert row["reason"] == "not enough data: 0 models; it stays"
    assert not none_demoted(made.lake, Days.one(last)).passed


def test_a_demoted_score_comes_back_by_evidence(tmp_path):
    made = World(tmp_path, windows=(2,))
    made.write("benchmark_scores", made.score("board", QUALITY, items=400), FIRST)
    turned = dict(zip(QUALITY, reversed(QUALITY.values()), strict=True))
    for number in range(8):
        made.serve(FIRST + timedelta(days=number), turned if number < 3 else QUALITY, users=400)
    made.run(model_values, offline_online, predictors, last=FIRST + timedelta(days=7))
    told = [row["status"] for row in sorted(made.read("predictors"), key=lambda r: r["day"]) if row["name"] == "board"]
    assert told[0] == "demoted"
    assert told[-1] == "trusted"


def test_pictures_are_drawn(world):
    from evalloop_assets.evaluation.offline.pictures import PICTURES

    for table, picture in PICTURES.items():
        commit = Commit(table, world.lake.version(table), Days.one(LAST), (LAST,), {LAST: 1}, {})
        assert png(picture, world.lake, commit)[:4] == b"\x89PNG"
    (rows,) = [PICTURES["model_values"].rows(world.lake, "model_values", Days.one(LAST))]
    assert {row["name"] for row in rows} == {"true", "turned", "board", "fair", "champion"}


def test_pictures_are_legible_with_long_names():
    from evalloop_assets.evaluation.offline.pictures import PICTURES

    both = {"kind": "benchmark", "name": LONG_NAME, "models": 6, "day": FIRST, "correlation": 0.5, "low": 0.1}
    both |= {"high": 0.9, "metric": "returned_next_day", "status": "demoted", "since": FIRST}
    one = {
        "kind": "benchmark",
        "name": LONG_NAME,
        "value": 0.2,
        "se": 0.1,
        "clusters": 90,
        "online": 0.5,
        "online_se": 0.1,
    }
    drawn = {
        "offline_online": [both, both | {"name": "short"}],
        "predictors": [both],
        "model_values": [one | {"model_id": f"m{k}", "value": k / 5} for k in range(5)],
    }
    for table, rows in drawn.items():
        assert_everything_fits(partial(PICTURES[table].draw, rows=rows))


@pytest.fixture
def due(tmp_path):
    """Models and their scores, and what is due on a day."""

    def run(models, scores, day=FIRST, candidates=(), **offline):
        made = World(tmp_path, **offline)
        made.write("models", models, FIRST)
        made.write("benchmark_scores", scores, FIRST)
        made.write("policy_candidates", candidates, FIRST)
        made.run(evaluations_due, last=day)
        return made

    return run


def model(model_id, released):
    return {"model_id": model_id, "kind": "candidate", "released_at": datetime.combine(released, datetime.min.time())}


def score(model_id, scored, benchmark="b"):
    at = datetime.combine(scored, datetime.min.time()) if scored else None
    return {"model_id": model_id, "benchmark": benchmark, "item_id": "1", "score": 1.0, "scored_at": at}


def test_new_released_anew_and_old_are_due(due):
    today = FIRST + timedelta(days=40)
    made = due(
        [
            model("fresh", FIRST),
            model("anew", today),
            model("new", today),
            model("timeless", FIRST),
            model("later", today + timedelta(days=1)),
        ],
        [
            score("fresh", today - timedelta(days=30)),
            score("anew", today - timedelta(days=1)),
            score("timeless", None),
            score("new", today + timedelta(days=1)),
            score("elsewhere", FIRST, "leaderboard") | {"item_id": "all"},
        ],
        day=today,
        candidates=[{"model_id": "trained", "kind": "lora", "created_on": today}],
    )
    found = {row["model_id"]: row["reason"] for row in made.read("evaluations_due", today)}
    assert found == {"anew": "released anew since", "new": "never scored", "trained": "never scored"}
    check = none_due(made.lake, Days.one(today))
    assert not check.passed
    assert "3 evaluations are due" in check.description


def test_of_a_benchmark_in_versions_the_newest_is_due(due):
    versions = ("found/2026-02-01/ffffffff", "found/2026-03-01/00000000", "other/2026-01-01/0", "a/b/c")
    made = due([model("old", FIRST), model("new", FIRST)], [score("old", FIRST, name) for name in versions])
    found = {(row["model_id"], row["benchmark"]) for row in made.read("evaluations_due")}
    assert found == {("new", name) for name in versions[1:]}


def test_a_score_grows_old(due):
    made = due([model("m", FIRST)], [score("m", FIRST)], day=FIRST + timedelta(days=31), stale_days=30)
    (row,) = made.read("evaluations_due", FIRST + timedelta(days=31))
    assert (row["reason"], row["scored_on"], row["released_on"]) == ("too old", FIRST, FIRST)


def test_where_everything_is_fresh_nothing_is_due(due):
    made = due([model("m", FIRST)], [score("m", FIRST)])
    assert made.read("evaluations_due") == []
    assert none_due(made.lake, Days.one(FIRST)).passed
