"""The tables by Dagster, and their picture."""

from datetime import date, timedelta

import pytest
from dagster import materialize

from evalloop_assets.days import Days
from evalloop_assets.evaluation.dynamic.assets import dynamic_results
from evalloop_assets.evaluation.dynamic.converse import NoReply
from evalloop_assets.evaluation.dynamic.pictures import PICTURES
from evalloop_assets.evaluation.dynamic.plan import Plan
from evalloop_assets.evaluation.dynamic.rows import keep, score_rows, turn_rows
from evalloop_assets.evaluation.dynamic.scoring import TextScorer, scored
from evalloop_assets.evaluation.dynamic.tables import RESULTS, SCORES, TURNS
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.settings import Settings
from evalloop_assets_tests.evaluation.dynamic.talkers import Talker
from evalloop_assets_tests.pictures import LONG_NAME, assert_everything_fits

DAY = date(2026, 5, 3)
PLAN = Plan(locales=("en",), role_types=("profession",), intents=("role_knowledge", "casual_steering"), turns=7)


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


def run(settings, day=DAY):
    resources = {"lake": lake_resource(settings), "settings": settings}
    done = materialize([dynamic_results], partition_key=day.isoformat(), resources=resources)
    return done.asset_materializations_for_node("dynamic_results")[-1].metadata


def converse_on(lake, day, model, policy):
    talks = [one.hold(policy) for one in PLAN.conversations()]
    keep(lake, TURNS, day, model, turn_rows(model, "process", talks))
    keep(lake, SCORES, day, model, score_rows(scored(model, talks, [TextScorer()])))


class Failing(Talker):
    """Falls silent in every conversation whose user wants to chat."""

    def reply(self, messages, system):
        if len(messages) > 3 and any(word in messages[0]["content"] for word in ("bored", "Nothing special", "chat")):
            raise NoReply("it hung up")
        return super().reply(messages, system)


def of_all(lake, metric, figure):
    return [
        row
        for row in results(lake)
        if (row["metric"], row["figure"]) == (metric, figure)
        if row["role_type"] == row["intent"] == row["prompt_setting"] == "all"
    ]


def results(lake, day=DAY):
    return lake.read(RESULTS.name, Days.one(day)).to_pylist()


def test_without_conversations_there_is_no_figure(settings):
    assert "evalloop converse" in run(settings)["conversations"].value
    assert lake_resource(settings).open().row_count(RESULTS.name) == 0


def test_the_newest_conversations_of_each_policy_count(settings):
    lake = lake_resource(settings).open()
    converse_on(lake, DAY - timedelta(days=5), "one", Talker(remembers=False))
    converse_on(lake, DAY - timedelta(days=2), "two", Talker(remembers=False))
    converse_on(lake, DAY - timedelta(days=1), "one", Talker())
    run(settings)
    memory = {row["model_id"]: (row["value"], row["conversations"]) for row in of_all(lake, "recall", "mean")}
    assert memory == {"one": (1.0, 12), "two": (0.0, 12)}
    later = DAY + timedelta(days=30)
    run(settings, later)
    assert results(lake, later) == []


def test_the_same_conversations_give_the_same_rows(settings):
    lake = lake_resource(settings).open()
    converse_on(lake, DAY, "one", Talker())
    before = [lake.read(name) for name in (TURNS.name, SCORES.name)]
    version = lake.version(TURNS.name)
    converse_on(lake, DAY, "one", Talker())
    assert [lake.read(name) for name in (TURNS.name, SCORES.name)] == before
    assert lake.version(TURNS.name) == version


def test_a_conversation_that_failed_says_why(settings):
    lake = lake_resource(settings).open()
    converse_on(lake, DAY, "one", Talker(silent_from=3))
    rows = lake.read(TURNS.name).to_pylist()
    assert len(rows) == 36
    assert {(row["turn"], row["reply"], row["user_text"], row["failure"]) for row in rows if row["failure"]} == {
        (3, None, None, "it hung up")
    }
    assert run(settings)["failed, one"].value == 12
    [completed] = of_all(lake, "completed", "mean")
    assert (completed["value"], completed["low"], completed["conversations"]) == (0.0, 0.0, 12)
    assert 0.1 < completed["high"] < 0.5


def test_what_fails_under_one_policy_alone_is_a_paired_difference(settings):
    lake = lake_resource(settings).open()
    converse_on(lake, DAY, "a", Talker())
    converse_on(lake, DAY, "b", Failing())
    run(settings)
    assert {row["model_id"]: row["value"] for row in of_all(lake, "completed", "mean")} == {"a": 1.0, "b": 0.5}
    [difference] = of_all(lake, "completed", "difference")
    assert (difference["value"], difference["against"]) == (0.5, "b")
    assert difference["low"] > 0
    assert of_all(lake, "completed", "slope") == of_all(lake, "completed", "turn") == []


def test_conversations_under_another_version_of_the_grid_are_no_pairs(settings):
    lake = lake_resource(settings).open()
    converse_on(lake, DAY, "a", Talker())
    converse_on(lake, DAY, "b", Talker())
    rows = [row for row in lake.read(TURNS.name).to_pylist() if row["model_id"] == "b"]
    keep(lake, TURNS, DAY, "b", [row | {"grid_version": "another"} for row in rows])
    run(settings)
    [difference] = of_all(lake, "completed", "difference")
    assert difference["value"] is None
    assert difference["reason"] == "not enough data: 0 conversations under both, 8 needed"


def figure(**changes):
    return {
        "model_id": LONG_NAME, "role_type": "all", "figure": "turn", "turn": 0, "value": 0.1, "low": 0.0, "high": 0.2,
        **changes,
    }  # fmt: skip


def test_the_picture_is_legible():
    rows = [
        figure(model_id=model, figure="turn", turn=turn, value=shift - turn / 10, low=shift - 1, high=shift)
        for shift, model in enumerate((LONG_NAME, "b"))
        for turn in range(1, 9)
    ]
    rows += [figure(figure="slope", value=-0.1, low=-0.2, high=-0.05), figure(model_id="b", figure="slope", low=None)]
    rows += [
        figure(model_id=model, figure="mean", role_type=kind)
        for model in (LONG_NAME, "b")
        for kind in ("fictional_character", "emotional_companion", "game_npc")
    ]
    drawn = assert_everything_fits(lambda axes: PICTURES["dynamic_results"].draw(axes, rows))
    labels = [text.get_text() for legend in drawn.legends for text in legend.get_texts()]
    assert labels[0].endswith("-0.100 [-0.200, -0.050] a turn")
    assert labels[1] == "b"


def test_a_single_row_is_drawn():
    assert_everything_fits(lambda axes: PICTURES["dynamic_results"].draw(axes, [figure(low=None, high=None)]))
