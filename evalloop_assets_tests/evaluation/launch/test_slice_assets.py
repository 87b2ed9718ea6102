"""Results by slice through Dagster: what the tables and checks say of a product whose truth is known."""

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import evalloop_assets.definitions  # noqa: F401 - declares the tables that are read
from evalloop_assets.days import Days
from evalloop_assets.evaluation.launch import assets
from evalloop_assets.evaluation.launch.checks import CHECKS, fair
from evalloop_assets.evaluation.launch.pictures import PICTURES
from evalloop_assets.evaluation.launch.slice_rows import COLUMNS
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.picture import drawn
from evalloop_assets.lake.registry import declared
from evalloop_assets.settings import LaunchSettings
from evalloop_assets_tests.reward_model.stage import Stage, metadata, verdicts

DAYS = Days(date(2026, 5, 2), date(2026, 5, 3))
DAY = DAYS.last
RUN = [assets.slice_results, assets.fairness_gaps, assets.slice_reversals, *CHECKS]
USERS = 6_000


def served(
    stage: Stage,
    chat: float,
    story: float,
    locale: float = 0.0,
    seed: int = 1,
    models: tuple[str, ...] = ("old", "new"),
) -> None:
    """Two days of users of either model, half of them in each of two product lines, some in a third.

    The new model adds `chat` and `story` to the chance of a return; that of users of de-DE is lower by `locale`.
    """
    random = np.random.default_rng(seed)
    user = np.arange(USERS)
    model, line, place = user % len(models), random.choice(3, USERS, p=[0.7, 0.295, 0.005]), user // 2 % 2
    chance = 0.4 + np.array([chat, story, 0.0])[line] * model - locale * place
    sliced = {
        "all": np.zeros(USERS, int),
        "product_line": line,
        "locale": place,
    }
    names = {"all": ["all"], "product_line": ["chat", "story", "rare"], "locale": ["en-US", "de-DE"]}
    rows = []
    for day in DAYS:
        came = random.random(USERS) < chance
        for dimension, code in sliced.items():
            rows += [
                {"day": day, "user_id": f"u{one}", "model_id": models[model[one]], "dimension": dimension}
                | {"slice": names[dimension][code[one]], "replies": 3}
                | dict.fromkeys(COLUMNS, 0)
                | {"replies": 3, "return_known": 1, "returned": int(came[one])}
                for one in user
            ]
    schema = declared("slice_units")
    data = pa.Table.from_pylist(rows, arrow_schema(schema))
    stage.lake.replace(schema, DAYS, {}, lambda inputs: data)


def put(stage: Stage, table: str, rows: list[dict[str, object]], day: date) -> None:
    schema = declared(table)
    data = pa.Table.from_pylist([{"day": day, **row} for row in rows], arrow_schema(schema))
    stage.lake.replace(schema, Days.one(day), {}, lambda inputs: data)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory):
    """A product whose new model is better in chat and worse in stories, run once."""
    weights = {"launch": {"business_weights": {"story": 4, "chat": 1}}}
    stage = Stage.at(tmp_path_factory.mktemp("told"), evaluation=weights)
    served(stage, chat=0.12, story=-0.15, locale=0.2)
    return stage, stage.run(DAY, RUN)


def test_a_reversal_and_a_gap_warn(told):
    stage, done = told
    assert verdicts(done) == {"groups_served_alike": False, "no_reversal": False}
    said = {check.check_name: check.description for check in done.get_asset_check_evaluations()}
    assert "new is better overall, old in product_line=story" in said["no_reversal"]
    assert "new is better overall, old by business weights of product_line" in said["no_reversal"]
    assert "de-DE returns less than en-US (locale) by 0." in said["groups_served_alike"]
    claimed = {(row["kind"], row["slice"]) for row in stage.rows("slice_reversals") if row["claimed"]}
    assert claimed == {("slice", "story"), ("business weights", "all")}
    assert metadata(done, "slice_reversals")["tested"] > 4


def test_a_gap_that_may_be_within_the_limit_does_not_warn(tmp_path: Path):
    stage = Stage.at(tmp_path)
    wide = {"model_id": "m", "metric": "return_next_day", "dimension": "locale", "lowest": "de", "highest": "en"}
    put(stage, "fairness_gaps", [wide | {"gap": 0.1, "low": 0.04, "high": 0.2}], DAY)
    assert fair(stage.lake, Days.one(DAY), LaunchSettings(fairness_limit=0.05)).passed
    assert not fair(stage.lake, Days.one(DAY), LaunchSettings(fairness_limit=0.03)).passed


def test_results_are_those_of_the_users(told):
    stage, done = told
    found = {
        (row["model_id"], row["dimension"], row["slice"]): row
        for row in stage.rows("slice_results")
        if row["metric"] == "return_next_day"
    }
    whole = found["new", "all", "all"]
    assert (whole["users"], whole["units"]) == (USERS // 2, USERS)
    assert whole["low"] < whole["mean"] < whole["high"]
    story = found["new", "product_line", "story"]
    assert story["mean"] == pytest.approx(0.15, abs=0.05)
    assert story["less_rest"] < 0
    assert story["p_adjusted"] < 1e-6
    rare = found["new", "product_line", "rare"]
    assert rare["mean"] is None
    assert rare["reason"] == f"not enough data: {rare['users']} users, 100 are needed"
    assert 0 < rare["shrunk_low"] < rare["shrunk"] < rare["shrunk_high"] < 1
    assert rare["p_adjusted"] is None
    nothing = [row for row in stage.rows("slice_results") if row["metric"] == "latency_ms"]
    assert {row["mean"] for row in nothing} == {None}
    assert "image/png" in metadata(done, "slice_results")["picture"]
    gaps = {(row["model_id"], row["dimension"]): row for row in stage.rows("fairness_gaps") if row["gap"] is not None}
    locale = gaps["old", "locale"]
    assert locale["low"] < 0.2 < locale["high"]
    assert (locale["lowest"], locale["highest"], locale["slices"]) == ("de-DE", "en-US", 2)


def test_a_product_where_all_are_served_alike_is_left_alone(tmp_path: Path):
    stage = Stage.at(tmp_path)
    served(stage, chat=0.05, story=0.05, seed=2)
    assert set(verdicts(stage.run(DAY, RUN)).values()) == {True}
    assert not [row for row in stage.rows("slice_reversals") if row["claimed"]]


def test_one_model_alone_and_no_rows_at_all_say_nothing(tmp_path: Path):
    stage = Stage.at(tmp_path / "one")
    served(stage, 0.0, 0.0, models=("only",))
    assert set(verdicts(stage.run(DAY, RUN)).values()) == {True}
    assert stage.rows("slice_reversals") == []
    bare = Stage.at(tmp_path / "bare")
    assert set(verdicts(bare.run(DAY, RUN)).values()) == {True}
    assert bare.rows("slice_results") == bare.rows("fairness_gaps") == []


def test_the_six_dimensions_are_told_or_said_to_be_missing(told):
    stage, _ = told
    for table, rows in {
        "benchmark_items": [{"benchmark": "b", "item_id": f"i{at}", "dimension": "explainability"} for at in range(3)],
        "benchmark_scores": [
            {"model_id": "new", "benchmark": "b", "item_id": f"i{at}", "score": at / 2} for at in range(3)
        ],
        "policy_screen": [{"model_id": "new", "unsafe": 0.02, "users": 100}],
    }.items():
        put(stage, table, rows, DAY)
    put(stage, "policy_screen", [{"model_id": "new", "unsafe": 0.7, "users": 100}], DAYS.first)
    shown = metadata(stage.run(DAY, [assets.model_dimensions]), "model_dimensions")["dimensions"]
    found = {(row["model_id"], row["dimension"]): row for row in stage.rows("model_dimensions")}
    assert found["new", "explainability"]["value"] == 0.5
    assert found["new", "safety"]["source"] == "offline gate: safety words"
    assert found["new", "safety"]["low"] < 0.02 < found["new", "safety"]["high"]
    assert found["new", "fairness"]["value"] == pytest.approx(0.2, abs=0.06)
    assert found["old", "accuracy"]["reason"] == "not measured"
    assert len({dimension for model, dimension in found if model == "old"}) == 6
    assert shown.splitlines()[0] == (
        "| model | accuracy | safety | hallucination | robustness | fairness | explainability |"
    )


def test_the_picture_shows_a_line_a_slice(told):
    stage, _ = told
    rows = PICTURES["slice_results"].rows(stage.lake, "slice_results", Days.one(DAY))
    assert [row["place"] for row in rows][:2] == ["all", "all"]
    assert {"product_line=story", "locale=de-DE"} <= {row["place"] for row in rows}
    assert drawn(PICTURES["slice_results"], rows).startswith(b"\x89PNG")
