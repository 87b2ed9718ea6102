"""The picture of reward against retention: the correlation by day, all models together and each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalloop_assets.lake.picture import COLOURS, Row, sparse_days

SERIES = """
    SELECT day, model_id, correlation, low, high FROM reward_retention
    WHERE correlation IS NOT NULL ORDER BY model_id <> 'all', model_id, day
"""


def draw_series(figure: Any, rows: Sequence[Row]) -> None:
    """A line a model, the interval shaded for all of them together."""
    figure.set_size_inches(7, 3)
    axes = figure.subplots()
    names = list(dict.fromkeys(row["model_id"] for row in rows))
    for name, colour in zip(names, COLOURS, strict=False):
        line = [row for row in rows if row["model_id"] == name]
        days = [row["day"] for row in line]
        axes.plot(days, [row["correlation"] for row in line], "o-", markersize=3, color=colour, label=name)
        if name == "all":
            axes.fill_between(
                days, [row["low"] for row in line], [row["high"] for row in line], color=colour, alpha=0.2
            )
    axes.axhline(0, color="black", lw=0.6)
    axes.set_title("correlation of reward with the return on the next day", fontsize=9)
    axes.legend(fontsize=7)
    sparse_days(axes, sorted({row["day"] for row in rows}), 8)
