"""The page, the table and the picture of a board made by hand."""

import math
from datetime import date

import pytest

from evalloop_assets.simulator.scoreboard.figures import EVERY, LOOP, Figure, Interval
from evalloop_assets.simulator.scoreboard.page import page, shown
from evalloop_assets.simulator.scoreboard.picture import draw, overview
from evalloop_assets.simulator.scoreboard.table import SCOREBOARD, rows_of

NOTHING = Interval(math.nan, math.nan, math.nan, 0)
BOARD = [
    Figure("healthy", "denoise", "F1 of abrupt exits", LOOP, "high", Interval(0.8, 0.75, 0.85, 5), "seeds"),
    Figure("healthy", "denoise", "F1 of abrupt exits", "raw exits", "high", Interval(0.4, 0.3, 0.5, 5), "seeds"),
    Figure("thin", "denoise", "F1 of abrupt exits", LOOP, "high", NOTHING, "seeds"),
    Figure(EVERY, "denoise", "F1 of abrupt exits", LOOP, "high", Interval(0.8, 0.75, 0.85, 5), "seeds"),
    Figure("a_a", "online_ab", "bias, points", LOOP, "zero", Interval(-0.01, -0.03, 0.01, 2000), "experiments"),
]


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (Interval(0.8, 0.75, 0.85, 5), "0.800 [0.750, 0.850]"),
        (Interval(-0.01, -0.03, 0.01, 9), "−0.010 [−0.030, 0.010]"),
        (Interval(12.34, 10, 1234.5, 9), "12.3 [10.0, 1,234.5]"),
        (Interval(-0.0001, -0.0002, 0.0, 9), "0.000 [0.000, 0.000]"),
        (Interval(0.5, math.nan, math.nan, 1), "0.500"),
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
    assert "| bias, points; 0 is best | a_a | −0.010 [−0.030, 0.010] |  | 2,000 experiments |" in text
    assert text.index("Denoise") < text.index("Online A/B")


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
