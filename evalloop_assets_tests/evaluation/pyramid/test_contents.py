"""What a report says, against tables whose rows are known."""

from datetime import date, datetime

import pytest

from evalloop_assets.days import Days
from evalloop_assets.evaluation.pyramid.block import COLUMNS
from evalloop_assets.evaluation.pyramid.contents import PARTS, TABLES, findings, served
from evalloop_assets_tests.evaluation.pyramid.world import (
    HOSTILE,
    LAST,
    WEEK,
    fill_lake,
    history,
    page,
    predictor,
    values,
    write,
)

BLOCKS = [block for part in PARTS for block in part.blocks]


@pytest.fixture
def told(lake, tmp_path):
    fill_lake(lake)
    return page(lake, history=history(f"sqlite:///{tmp_path}/ledger.sqlite"))


def statements(page, key):
    return [(row["status"], row["subject"], row["words"]) for row in page.rows(key)]


def test_every_block_says_something_of_a_full_lake_in_its_columns(told):
    for block in BLOCKS:
        rows = told.rows(block.key)
        assert rows, block.key
        assert {tuple(row) for row in rows} == {COLUMNS[block.kind]}, block.key


def test_every_block_of_an_empty_lake_is_empty_and_says_what_is_missing(lake):
    empty = page(lake)
    assert [block.key for block in BLOCKS if empty.rows(block.key)] == []
    assert all(block.empty.endswith(".") for block in BLOCKS)
    assert findings(empty) == []
    assert not set(empty.versions) & set(TABLES)


def test_online_metrics_have_bounds_of_their_longest_window(lake):
    write(
        lake,
        "model_values",
        *values("metric", "returned_next_day", 7, a=(0.9, 0.1, 10)),
        *values("metric", "returned_next_day", 28, a=(0.5, 0.01, 900), b=(0.6, None, 20)),
    )
    best, other = page(lake).rows("metrics")
    assert (best["name"], best["value"], best["low"], best["high"], best["n"]) == ("b", 0.6, None, None, 20)
    assert (other["low"], other["high"]) == pytest.approx((0.5 - 0.0196, 0.5 + 0.0196))
    assert (other["box"], other["form"]) == ("retention: return on the next day", "share")


def test_the_newest_day_of_the_period_speaks_and_no_later_one(lake):
    for day, status in [(date(2026, 5, 2), "trusted"), (date(2026, 5, 6), "watch"), (date(2026, 5, 12), "demoted")]:
        write(lake, "predictors", predictor("trivia", status), day=day)
    assert [row["status"] for row in page(lake).rows("predictors")] == ["watch"]
    assert [row["status"] for row in page(lake, Days.one(date(2026, 5, 12))).rows("predictors")] == ["demoted"]


def test_always_valid_bounds_are_shown_where_there_are_any(told):
    returns, reading = told.rows("experiments")
    assert returns["name"] == "return, by user"
    assert (returns["low"], returns["high"], returns["form"], returns["n"]) == (-0.09, -0.01, "points", 100)
    assert (reading["low"], reading["high"], reading["form"]) == (5.0, 19.0, "number")


def test_a_judge_stands_with_its_agreement_its_grade_and_its_faults(told):
    [judge] = told.rows("judges")
    assert (judge["name"], judge["value"], judge["low"], judge["high"], judge["n"]) == ("lazy", 0.6, 0.5, 0.7, 80)
    assert judge["note"] == "grade D; none; faults: position"


def test_the_scatter_joins_each_model_with_the_deciding_metric(told):
    points = {row["name"]: (row["x"], row["y"]) for row in told.rows("scatter") if row["box"] == "benchmark trivia"}
    assert points == {"good": (0.4, 0.5), HOSTILE: (0.9, 0.3)}
    [ranked] = [row for row in told.rows("scatter") if row["box"] == "ranking"]
    assert (ranked["name"], ranked["x"], ranked["x_low"], ranked["x_high"], ranked["y"]) == (
        HOSTILE,
        1.5,
        0.5,
        2.5,
        0.3,
    )
    [published] = [row for row in told.rows("scatter") if row["box"] == "benchmark published"]
    assert (published["x"], published["x_low"], published["x_high"]) == (71.0, None, None)


def test_only_reversals_that_are_claimed_and_slopes_over_everything_count(told):
    assert statements(told, "reversals") == [
        ("reversed", "reward by locale, slice", "a is better overall, b in fr"),
    ]
    assert [(row["box"], row["value"]) for row in told.rows("conversations")] == [
        ("completed: mean of turns", 1.0),
        ("diversity by v1: change a turn", -0.2),
        ("reward by v1: change a turn", -0.2),
    ]


def test_items_are_counted(told):
    assert statements(told, "items") == [
        ("look", "trivia", "3 items: 1 to retire, 1 that better models fail, 1 met in training")
    ]


def test_decisions_are_told_once_with_their_first_reason(told):
    assert statements(told, "judged") == [
        ("gate: fail", "new", "2026-05-09 strict: unsafe"),
        ("screen: pass", "new", "2026-05-09 gain 0.6"),
        ("eliminated", "bad", "2026-05-05 against good: z -9"),
    ]


def test_serving_is_told_from_the_ledger_until_the_midnight_after_the_last_day(told, tmp_path):
    assert statements(told, "serving") == [
        ("rollback", "x rolled back", "2026-05-10 00:00 by guardrail_sensor: harm"),
        ("start", "x 5%", "2026-05-04 00:00 by somebody: a try"),
    ]
    entries = history(f"sqlite:///{tmp_path}/other.sqlite")
    assert [row["status"] for row in served(entries, Days(date(2026, 5, 5), date(2026, 5, 8)))] == []
    [first] = served(entries, Days.one(date(2026, 4, 1)))
    assert first["subject"] == "champion old"
    assert entries[0].at == datetime(2026, 4, 1)


def test_risks_are_named_gravest_first(told):
    assert statements(told, "risks") == [
        ("HOLD", "x", "2026-05-09: too few users"),
        ("reopened", "x", "2026-05-09: no more"),
        ("demoted", "benchmark trivia", "orders the models less like users than the bar, since 2026-05-04"),
        ("biased", "judge lazy", "faults found: position"),
        ("out of line", "null", "wins more on board than replies of its length do: 76.9"),
        ("unfair", "good", "online: gap is surely above 0.1"),
        ("loses the user", "good", "reward by v1 falls with every turn"),
        ("worse", "reward model v2", "errs more on bad cases than v1"),
        ("harm", "complaint", "12 bad cases of 7 users, 40% of the harm of the day"),
        ("stale", "benchmark trivia", "1 models to score: too old"),
        ("not measured", "safety", "of good"),
    ]


def test_what_is_sound_is_no_risk(lake):
    write(lake, "predictors", predictor("trivia", "trusted"))
    write(lake, "guardrail_readings", {"reading_id": "x@1", "experiment_id": "x", "verdict": "PASS", "reason": "fine"})
    write(lake, "judge_grades", {"judge_id": "good", "grade": "A", "fired": ""})
    write(
        lake,
        "model_dimensions",
        {
            "model_id": "m",
            "dimension": "fairness",
            "source": "online: gap",
            "value": 0.01,
            "low": 0.0,
            "high": 0.1,
            "n": 99,
        },
    )
    write(lake, "flywheel", {"reward_version": "v2", "previous_version": "v1", "difference_low": -0.1})
    assert page(lake).rows("risks") == []


def test_findings_are_the_statements_across_the_layers_in_the_order_of_the_page(told):
    found = findings(told)
    assert [row["place"] for row in found] == list(range(1, len(found) + 1))
    assert list(dict.fromkeys(row["part"] for row in found)) == ["decisions", "risks", "agreement"]
    wanted = sum(len(told.rows(key)) for key in ("serving", "judged", "risks", "predictors", "reversals"))
    assert len(found) == wanted


def test_a_page_names_the_versions_that_it_was_made_from(told, lake):
    assert told.versions["predictors"] == lake.version("predictors")
    assert set(told.versions) <= set(TABLES)
    assert told.days == WEEK
    assert WEEK.last == LAST
