"""The audit in a lake: tables, checks, pictures."""

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from evalloop_assets.simulator.verdicts import Panel, answers
from evalloop_assets_tests.evaluation.real_judges import alpaca_eval
from evalloop_assets_tests.evaluation.world import DAY, World, metadata, outcomes

NEXT = DAY + timedelta(days=1)


@pytest.fixture(scope="module")
def biased(tmp_path_factory):
    """A clean judge on the first day, who prefers the longer reply from the second on."""
    world = World(tmp_path_factory.mktemp("biased"), judges={"grey_zone": 0.85})
    clean, gold = answers(np.random.default_rng(1), Panel(items=400, annotators=3, judge=0.9))
    world.write("judge_verdicts", clean)
    world.write("gold_annotations", gold[gold["item_id"].isin([f"i{k}" for k in range(250)])])
    first = world.run()
    fault, _ = answers(np.random.default_rng(1), Panel(items=400, annotators=3, judge=0.9), "length", 0.6)
    world.write("judge_verdicts", fault.assign(decided_at=fault["decided_at"] + timedelta(days=60)), NEXT)
    return world, first, world.run(NEXT)


def test_a_clean_judge_passes_and_a_fault_warns(biased):
    _, first, second = biased
    assert outcomes(first) == {
        "judges_without_faults": True,
        "judges_hold_their_grades": True,
        "leaderboards_in_line": True,
        "annotators_of_one_mind": True,
    }
    assert outcomes(second)["judges_without_faults"] is False
    assert outcomes(second)["judges_hold_their_grades"] is False
    assert first.success
    assert second.success


def test_every_figure_has_bounds_or_a_reason(biased):
    world, _, _ = biased
    rows = world.rows("judge_audits", NEXT)
    known = [row for row in rows if row["value"] is not None]
    assert all(row["low"] <= row["value"] <= row["high"] and row["n"] > 0 and row["reason"] is None for row in known)
    assert all(row["reason"] and row["low"] is None for row in rows if row["value"] is None)
    [length] = [row for row in rows if (row["probe"], row["slice"]) == ("length_preference", "all")]
    assert length["fired"]


def test_the_ceiling_stands_beside_every_agreement(biased):
    world, _, _ = biased
    [graded] = world.rows("judge_grades")
    assert graded["agreement"] < graded["ceiling"] <= 1
    assert graded["grade"] in "AB"
    beside = [row["ceiling"] for row in world.rows("judge_audits") if row["probe"] == "agreement"]
    assert beside == [graded["ceiling"]] * len(beside)
    cells = [graded[f"{people}_{judge}"] for people in ("a", "tie", "b") for judge in ("a", "tie", "b")]
    assert sum(cells) == pytest.approx(graded["gold_items"])


def test_the_grey_zone_waits_for_people(biased):
    world, _, _ = biased
    jury = {row["item_id"]: row for row in world.rows("jury_verdicts")}
    queue = world.rows("annotation_queue")
    grey = [row["item_id"] for row in queue if row["purpose"] == "grey_zone"]
    assert {name for name, row in jury.items() if row["grey"]} == set(grey) != set()
    assert all(jury[name]["confidence"] < 0.85 for name in grey)
    assert all(row["reply_a"] and row["reply_b"] for row in queue)
    assert sorted(row["place"] for row in queue) == list(range(1, len(queue) + 1))


def test_the_pages_show_pictures(biased):
    _, _, second = biased
    for name in ("judge_audits", "judge_grades", "annotator_quality"):
        shown = metadata(second, name)
        assert any("data:image/png" in str(one.value) for one in shown.values()), name


def test_a_lake_without_verdicts_gives_empty_tables(tmp_path):
    world = World(tmp_path)
    done = world.run()
    assert done.success
    assert all(outcomes(done).values())
    names = ("judge_audits", "judge_grades", "jury_verdicts", "annotation_queue", "annotator_quality", "gold_sets")
    assert {name: world.rows(name) for name in names} == {name: [] for name in names}


def test_people_without_judges_and_judges_without_people(tmp_path):
    verdicts, gold = answers(np.random.default_rng(2), Panel(items=30, annotators=2))
    alone = World(tmp_path / "judges")
    alone.write("judge_verdicts", verdicts)
    assert alone.run().success
    assert [row["grade"] for row in alone.rows("judge_grades")] == [None]
    assert {row["purpose"] for row in alone.rows("annotation_queue")} == {"grey_zone"}
    people = World(tmp_path / "people")
    people.write("gold_annotations", gold)
    assert people.run().success
    assert people.rows("judge_audits") == []
    [gold_set] = people.rows("gold_sets")
    assert (gold_set["items"], gold_set["annotators"]) == (30, 2)
    assert {row["purpose"] for row in people.rows("annotation_queue")} <= {"third"}


def test_verdicts_that_come_after_the_days_of_an_older_log_are_read(tmp_path):
    world = World(tmp_path)
    verdicts, gold = answers(np.random.default_rng(3), Panel(items=20))
    world.write("judge_verdicts", verdicts, NEXT)
    world.write("gold_annotations", gold, NEXT)
    assert world.run().success
    assert [row["gold_items"] for row in world.rows("judge_grades")] == [20]


def test_a_published_leaderboard_names_the_model_that_plays_its_judge(tmp_path):
    world = World(tmp_path)
    board = alpaca_eval().rename_axis("model_id").reset_index().assign(benchmark="alpaca-eval-2", item_id="all")
    few = board.head(5).assign(benchmark="few")
    elo = board.assign(benchmark="elo", score=board["score"] + 1_000)
    items = board.assign(benchmark="items", item_id="i1")
    world.write("benchmark_scores", pd.concat([board, few, elo, items]))
    done = world.run()
    [row] = world.rows("leaderboard_outliers")
    assert (row["benchmark"], row["model_id"]) == ("alpaca-eval-2", "NullModel")
    assert row["z"] > 3.5
    assert outcomes(done)["leaderboards_in_line"] is False
    told = metadata(done, "leaderboard_outliers")
    assert "1 of 223" in told["board alpaca-eval-2"].value
    assert "5 models" in told["board few"].value
    assert "no rates in percent" in told["board elo"].value
    assert "board items" not in told


def test_names_of_any_signs_are_drawn(tmp_path):
    world = World(tmp_path)
    verdicts, gold = answers(np.random.default_rng(4), Panel(items=30, annotators=2))
    world.write("judge_verdicts", verdicts.assign(judge_id="a$x_{$ [b]" + "z" * 300))
    world.write("gold_annotations", gold.assign(annotator_id="$^$" + gold["annotator_id"]))
    done = world.run()
    assert done.success
    for name in ("judge_audits", "judge_grades", "annotator_quality"):
        assert any("data:image/png" in str(one.value) for one in metadata(done, name).values()), name
