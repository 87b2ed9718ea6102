"""The timeline of verdicts: what it shows of each experiment, from rows of the table."""

import math
from datetime import date, timedelta

from matplotlib.figure import Figure

from evalloop_assets.guardrails.pictures import MOST_EXPERIMENTS, TIMELINE, WORDS, draw_timeline
from evalloop_assets.lake.picture import drawn
from evalloop_assets_tests.pictures import LONG_NAME, assert_everything_fits

FIRST = date(2026, 5, 1)
NAMES = [f"{name}_{end}" for name in ("duration", "retention", "late_retention") for end in ("effect", "low", "high")]


def rows(name, words, late_from=99):
    """One reading a day; nothing is known while it holds."""
    found = []
    for number, word in enumerate(words):
        half = 0.2 / math.sqrt(number + 1)
        known = word not in ("HOLD", "BLIND")
        bounds = [5.0, 5 - 100 * half, 5 + 100 * half, -0.03, -0.03 - half, -0.03 + half]
        late = [-0.05, -0.05 - half, -0.05 + half] if number >= late_from else [None] * 3
        row = {"day": FIRST + timedelta(days=number), "experiment_id": name, "verdict": word, "cause": None}
        row |= dict(zip(NAMES, [*(bounds if known else [None] * 6), *late], strict=True))
        found.append(row | ({"cause": "gaming"} if word == "ROLLBACK" else {}))
    return found


WORDS_OF_A_LIFE = ["HOLD", "PASS", "BLIND", *["PASS"] * 6, "ROLLBACK"]


def figure_of(*some):
    figure = Figure()
    draw_timeline(figure, [row for part in some for row in part])
    return figure


def test_each_day_has_the_colour_of_its_verdict_and_the_rollback_is_named():
    strip, time, back = figure_of(rows("x", WORDS_OF_A_LIFE, late_from=7)).axes
    assert [bar.get_facecolor() for bar in strip.patches] == [_rgba(WORDS[word]) for word in WORDS_OF_A_LIFE]
    assert [text.get_text() for text in strip.texts] == ["gaming"]
    assert strip.get_title("left") == "x"
    shown = [line.get_label() for line in (*time.lines, *back.lines) if not line.get_label().startswith("_")]
    assert shown == ["time spent, s", "return, points", "return after a week"]
    assert len(time.lines[0].get_xdata()) == 8
    assert back.lines[0].get_ydata()[0] == -3.0


def test_a_lone_day_has_its_bounds_too_and_what_is_unknown_has_no_legend():
    *_, back = figure_of(rows("x", ["HOLD", "ROLLBACK"])).axes
    assert [text.get_text() for text in back.get_legend().get_texts()] == ["return, points"]
    [bounds] = [segment for one in back.collections for segment in getattr(one, "get_segments", list)()]
    assert [round(height, 6) for _, height in bounds] == [
        round(-3 - 20 / math.sqrt(2), 6),
        round(-3 + 20 / math.sqrt(2), 6),
    ]
    _, nothing, _ = figure_of(rows("x", ["HOLD"])).axes
    assert nothing.get_legend() is None


def test_experiments_stand_below_one_another_and_no_more_than_fit():
    figure = figure_of(*(rows(f"x{number}", ["PASS", "PASS"]) for number in range(MOST_EXPERIMENTS + 2)))
    assert len(figure.axes) == 3 * MOST_EXPERIMENTS
    assert not figure.axes[0].texts


def test_it_is_a_small_picture_even_where_nothing_is_known():
    picture = drawn(TIMELINE, rows("x", ["BLIND", "HOLD"]))
    assert picture.startswith(b"\x89PNG")
    assert len(drawn(TIMELINE, rows("x", WORDS_OF_A_LIFE))) < 60_000


def test_long_names_leave_room_for_the_picture():
    lives = [row for k in range(3) for row in rows(f"{k}-{LONG_NAME}-{k}", WORDS_OF_A_LIFE, late_from=7)]
    figure = assert_everything_fits(lambda figure: draw_timeline(figure, lives))
    strip, box = (axes.get_position() for axes in figure.axes[:2])
    assert box.x0 - strip.x1 < 0.1


def _rgba(colour):
    from matplotlib.colors import to_rgba

    return to_rgba(colour)
