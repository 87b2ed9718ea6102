"""The page, the table and the picture of a board made by hand."""

import math
from datetime import date

import pytest

from evalloop_assets.simulator.scoreboard.experiment_kinds import returning_by_day
from evalloop_assets.simulator.scoreboard.experiment_plans import PLANS
from evalloop_assets.simulator.scoreboard.experiments import ramping
from evalloop_assets.simulator.scoreboard.figures import EVERY, LOOP, Figure, Interval
from evalloop_assets.simulator.scoreboard.page import page, shown
from evalloop_assets.simulator.scoreboard.picture import draw, overview
from evalloop_assets.simulator.scoreboard.pipeline import ENVIRONMENT
from evalloop_assets.simulator.scoreboard.table import SCOREBOARD, rows_of

NOTHING = Interval(math.nan, math.nan, math.nan, 0)
BOARD = [
    Figure("healthy", "denoise", "F1 of abrupt exits", LOOP, "high", Interval(0.8, 0.75, 0.85, 5), "seeds"),
    Figure("healthy", "denoise", "F1 of abrupt exits", "raw exits", "high", Interval(0.4, 0.3, 0.5, 5), "seeds"),
    Figure("thin", "denoise", "F1 of abrupt exits", LOOP, "high", NOTHING, "seeds"),
    Figure(EVERY, "denoise", "F1 of abrupt exits", LOOP, "high", Interval(0.8, 0.75, 0.85, 5), "seeds"),
    Figure(
        "experiments: a_a", "online_ab", "bias, points", LOOP, "zero", Interval(-0.01, -0.03, 0.01, 2000), "experiments"
    ),
]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Interval(0.8, 0.75, 0.85, 5), "0.800 [0.750, 0.850]"),
        (Interval(-0.01, -0.03, 0.01, 9), "−0.010 [−0.030, 0.010]"),
        (Interval(12.34, 10, 1234.5, 9), "12.3 [10.0, 1,234.5]"),
        (Interval(-0.0001, -0.0002, 0.0, 9), "0.000 [0.000, 0.000]"),
        (Interval(0.5, math.nan, math.nan, 1), "0.500 (1 seed)"),
        (Interval(1.0, math.nan, math.nan, 5), "1.000 (5 of 5 seeds)"),
        (NOTHING, "–"),
    ],
)
def test_a_figure_is_shown_with_its_interval(found, text):
    assert shown(found) == text


def test_the_page_has_a_row_for_each_figure_and_scenario_with_the_naive_beside():
    text = page(BOARD, "evalloop scoreboard --seeds 5", "board.svg")
    assert "Written by `evalloop scoreboard --seeds 5`" in text
    assert "![Loop and naive methods](board.svg)" in text
    overall, details = text.split("<details><summary>by scenario</summary>")
    assert (
        "| F1 of abrupt exits; the higher the better | every scenario | 0.800 [0.750, 0.850] |  | 5 seeds |" in overall
    )
    naive = "raw exits: 0.400 [0.300, 0.500]"
    assert (
        f"| F1 of abrupt exits; the higher the better | healthy | 0.800 [0.750, 0.850] | {naive} | 5 seeds |" in details
    )
    assert "| thin |" not in text
    assert "| bias, points; 0 is best | experiments: a_a | −0.010 [−0.030, 0.010] |  | 2,000 experiments |" in text
    assert text.index("Denoise") < text.index("Online A/B")


def test_a_naive_method_that_rests_on_another_number_says_so():
    delay = Figure("padding", "guardrails", "delay, days", LOOP, "low", Interval(20.5, 19.4, 21.7, 33), "experiments")
    naive = [
        delay._replace(method="peeking", found=Interval(15.8, 15.5, 16.0, 1450)),
        delay._replace(method="another", found=Interval(9.0, 8.0, 9.5, 33)),
        delay._replace(method="third", found=NOTHING),
    ]
    text = page([delay, *naive], "evalloop scoreboard", "")
    beside = "peeking: 15.8 [15.5, 16.0] (1,450); another: 9.000 [8.000, 9.500]; third: –"
    assert f"| padding | 20.5 [19.4, 21.7] | {beside} | 33 experiments |" in text


def test_a_stage_that_the_loop_lacks_is_a_dash_everywhere_and_the_line_rests_on_the_naive_method():
    blame = Figure(EVERY, "reward_model", "blame, share", LOOP, "high", NOTHING, "seeds")
    naive = blame._replace(method="last turn", found=Interval(0.2, 0.1, 0.3, 5))
    both = [one._replace(scenario=name) for name in (EVERY, "healthy") for one in (blame, naive)]
    overall, details = page(both, "evalloop scoreboard", "").split("<details>")
    assert "| every scenario | – | last turn: 0.200 [0.100, 0.300] | 5 seeds |" in overall
    assert "| healthy | – | last turn: 0.200 [0.100, 0.300] | 5 seeds |" in details


def test_the_page_says_how_the_runs_are_set_and_what_each_experiment_is():
    text = page(BOARD, "evalloop scoreboard", "")
    assert f"tightest at {ENVIRONMENT['EVALLOOP_AB__PLANNED_USERS']} users (planned users)" in text
    assert f"Below {ENVIRONMENT['EVALLOOP_GUARDRAILS__VOLUME_FLOOR']} users a day" in text
    assert f"fewer than {ENVIRONMENT['EVALLOOP_AB__MINIMUM_USERS']} users" in text
    users = f"{PLANS['padding'].world.users:,}"
    assert f"| experiments: padding | {users} | 28 | user | +30% | −5 points from day 1 on | – |  |" in text
    assert all(f"| experiments: {name} |" in text for name in PLANS)
    assert "simulated experiments\n\n" not in page(BOARD[:-1], "evalloop scoreboard", "")


@pytest.mark.parametrize(
    ("returning", "text"),
    [
        ((0.0,), "–"),
        ((0.03,), "+3 points from day 1 on"),
        ((0.03, 0.03, -0.03), "+3 points on days 1 to 2, −3 from day 3 on"),
        ((0.0, -0.01, -0.025), "+0 points on day 1, −1 points on day 2, −2.5 from day 3 on"),
        (ramping(-0.04, 8), "−0.5 points on day 1, step by step to −4 from day 8 on"),
    ],
)
def test_the_course_of_an_effect_in_words(returning, text):
    assert returning_by_day(returning) == text


def test_a_figure_of_an_unknown_stage_cannot_be_lost_in_silence():
    with pytest.raises(KeyError, match="backrooms"):
        page([BOARD[0]._replace(stage="backrooms")], "evalloop scoreboard", "")


def test_the_table_holds_every_figure_and_null_where_nothing_was_measured():
    rows = rows_of(BOARD, date(2026, 5, 1))
    assert [set(row) - {"day"} for row in rows] == [set(SCOREBOARD.column_names)] * len(BOARD)
    assert rows[2]["value"] is None
    assert rows[0]["value"] == 0.8
    assert len({tuple(row[name] for name in SCOREBOARD.key) for row in rows}) == len(BOARD)


def test_the_picture_shows_what_has_a_naive_method_beside_it(tmp_path):
    assert overview(BOARD) == [("denoise: F1 of abrupt exits (high)", [0.8], [0.4])]
    for name in ("one.svg", "two.svg", "one.png"):
        draw(BOARD, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()
    assert "F1 of abrupt exits" in (tmp_path / "one.svg").read_text(encoding="utf-8")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")
