"""What the pictures of the stage show: candidates of many days in their order, and no word that is cut."""

import warnings
from datetime import timedelta
from pathlib import Path

import pytest
from matplotlib.figure import Figure

import evalloop_assets.policy_iteration.assets  # noqa: F401 - declares the tables
from evalloop_assets.days import Days
from evalloop_assets.policy_iteration.pictures import GATE, draw_gate, draw_training
from evalloop_assets.policy_iteration.step import rows_of
from evalloop_assets.policy_iteration.tables import POLICY_SCREEN
from evalloop_assets.policy_iteration.training import Checkpoint
from evalloop_assets_tests.reward_model.stage import Stage
from evalloop_assets_tests.reward_model.world import DAY


def candidate(name: str, generation: int, **figures: float) -> dict[str, object]:
    return {"model_id": name, "generation": generation, "passed": bool(figures), "reason": "", **figures}


SOUND = {"reward_gain": 0.5, "low": 0.4, "high": 0.6, "length_ratio": 1.1}
LOGGED = {"off_policy_gain": 0.1, "off_policy_low": -0.1, "off_policy_high": 0.3}
CHECKPOINTS = [
    Checkpoint(
        step,
        Path(str(step)),
        {"gain": step / 50, "low": step / 60, "high": step / 40, "kl": 0.1, "valid": 0.9, "variety": 0.2}
        | {"repeated": 0.1, "novelty": 0.0},
        (1.0, 0.5),
    )
    for step in (20, 40)
]


def test_the_gate_shows_the_candidates_of_the_weeks_before_by_day_and_generation(tmp_path: Path):
    stage = Stage.at(tmp_path)
    days = {
        DAY - timedelta(days=30): [candidate("too-old", 1)],
        DAY - timedelta(days=1): [candidate("first", 1, **SOUND)],
        DAY: [candidate("sibling", 2), candidate("a-second", 2, **SOUND, **LOGGED)],
    }
    for day, rows in days.items():
        table = rows_of(POLICY_SCREEN, rows)
        stage.lake.replace(POLICY_SCREEN, Days.one(day), {}, lambda inputs, table=table, day=day: dated(table, day))
    found = GATE.rows(stage.lake, "policy_screen", Days.one(DAY))
    assert [(row["generation"], row["model_id"]) for row in found] == [(1, "first"), (2, "a-second"), (2, "sibling")]


def dated(table, day):
    import pyarrow as pa

    return table.append_column("day", pa.array([day] * table.num_rows, pa.date32()))


@pytest.mark.parametrize("rows", [1, 3, 24])
def test_names_and_titles_stay_within_the_picture_of_the_gate(rows: int):
    long = "incumbent-best-of-16-2026-03-04-f035a1c8"
    shown = [
        dict.fromkeys(("low", "reward_gain", "high", "off_policy_low", "off_policy_gain", "off_policy_high"))
        | {"length_ratio": None}
        | candidate(f"{long}-{at}", at + 1, **(SOUND | LOGGED if at % 2 == 0 else {}))
        for at in range(rows)
    ]
    assert_nothing_is_cut(lambda figure: draw_gate(figure, shown))


def test_the_curves_of_a_training_draw_within_their_picture():
    losses = [1.0, 0.5, 0.4, 0.3]
    assert_nothing_is_cut(lambda figure: draw_training(figure, losses, losses, CHECKPOINTS, 40))
    assert_nothing_is_cut(lambda figure: draw_training(figure, losses, (), CHECKPOINTS[:1], 20))


def assert_nothing_is_cut(draw) -> None:
    """Every text that is drawn lies within the figure, and none of an axis within a text of another."""
    figure = Figure(dpi=96, layout="constrained")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(figure)
        figure.draw_without_rendering()
    whole = figure.bbox
    titles = []
    for axes in (shown for shown in figure.axes if shown.axison):
        texts = [axes.title, axes.xaxis.label, *axes.get_yticklabels()]
        for text in texts:
            if text.get_text() and text.get_visible():
                box = text.get_window_extent()
                assert whole.x0 - 1 <= box.x0, text
                assert box.x1 <= whole.x1 + 1, text
        titles.append(axes.title.get_window_extent())
    assert not any(one.overlaps(other) for at, one in enumerate(titles) for other in titles[at + 1 :])
