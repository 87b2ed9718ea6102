"""Uplift over time: what each day's results said of retention and time spent, with bounds that hold at every look."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalloop_assets.lake.picture import COLOURS, Picture, Row, band, elided, sparse_days

NAME_CHARS = 24
"""With what is drawn, a title is as wide as its box."""
FOUR_WEEKS = 27
"""Days before a run that are drawn too."""
ROWS = """
    SELECT day, experiment_id, metric, unit, effect, control_mean, always_low, always_high
    FROM experiment_results
    WHERE (unit = 'user' AND metric = 'daily_return') OR metric = 'chat_duration'
    ORDER BY experiment_id, metric DESC, unit, day
"""


def draw_uplift(figure: Any, rows: Sequence[Row]) -> None:
    """A row of boxes an experiment: retention in percentage points, and time spent in percent of the control's mean."""
    names = sorted({row["experiment_id"] for row in rows})
    figure.set_size_inches(8, 0.3 + 2.2 * len(names))
    boxes = figure.subplots(len(names), 2, squeeze=False, sharex=True)
    days = sorted({row["day"] for row in rows})
    for name, (left, right) in zip(names, boxes, strict=True):
        found, short = [row for row in rows if row["experiment_id"] == name], elided(name, NAME_CHARS)
        _draw(left, [row for row in found if row["metric"] == "daily_return"], f"{short}: coming back, points")
        _draw(right, [row for row in found if row["metric"] == "chat_duration"], f"{short}: time spent, % of control")
        for axes in (left, right):
            sparse_days(axes, days, 5)


def _draw(axes: Any, rows: Sequence[Row], title: str) -> None:
    for unit, colour in zip(("user", "conversation"), COLOURS, strict=False):
        line = [row for row in rows if row["unit"] == unit and _scale(row) is not None]
        if not line:
            continue
        days = [row["day"] for row in line]
        low, effect, high = (
            [row[name] * _scale(row) for row in line] for name in ("always_low", "effect", "always_high")
        )
        band(axes, days, low, high, colour)
        axes.plot(days, effect, "o-", markersize=3, color=colour, label=f"by {unit}")
    axes.axhline(0, color="black", lw=0.6)
    axes.set_title(title, fontsize=9)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8)


def _scale(row: Row) -> float | None:
    """What an effect is multiplied by; None where a share of the control's mean says nothing."""
    if row["metric"] == "daily_return":
        return 100.0
    return 100.0 / row["control_mean"] if row["control_mean"] > 0 else None


UPLIFT = Picture(ROWS, draw_uplift, FOUR_WEEKS)
