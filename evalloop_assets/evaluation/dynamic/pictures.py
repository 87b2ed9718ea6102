"""Pictures of dynamic evaluation: how the reward of each policy goes over the turns, and where it is good."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalloop_assets.lake.picture import COLOURS, Picture, Row, band, elided

NAME_CHARS = 32
REWARD = """
    SELECT model_id, role_type, figure, turn, value, low, high
    FROM dynamic_results
    WHERE metric = 'reward' AND intent = 'all' AND prompt_setting = 'all' AND value IS NOT NULL
        AND (role_type = 'all' OR figure = 'mean') AND figure IN ('turn', 'mean', 'slope')
        AND day = (SELECT max(day) FROM dynamic_results)
    ORDER BY model_id, role_type, turn
"""


def draw_curves(figure: Any, rows: Sequence[Row]) -> None:
    """Left the reward by turn with its interval, right its mean by role type."""
    figure.set_size_inches(9.5, 3.6)
    curves, table = figure.subplots(1, 2, width_ratios=(3, 2))
    models = list(dict.fromkeys(row["model_id"] for row in rows))
    types = sorted({row["role_type"] for row in rows} - {"all"})
    for place, model in enumerate(models):
        colour = COLOURS[place % len(COLOURS)]
        mine = [row for row in rows if row["model_id"] == model]
        _curve(curves, [row for row in mine if row["figure"] == "turn"], _label(model, mine), colour)
        _means(table, [row for row in mine if row["role_type"] != "all"], types, place / (len(models) + 1), colour)
    curves.set_xlabel("turn", fontsize=9)
    curves.set_ylabel("reward, anchor SDs, 95% interval", fontsize=9)
    curves.xaxis.get_major_locator().set_params(integer=True)
    table.set_yticks(range(len(types)), [name.replace("_", " ") for name in types])
    table.invert_yaxis()
    table.set_xlabel("mean reward", fontsize=9)
    for axes in (curves, table):
        axes.tick_params(labelsize=8)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*curves.get_legend_handles_labels(), loc="outside upper left", fontsize=8)


def _label(model: str, rows: Sequence[Row]) -> str:
    slope = next((row for row in rows if row["figure"] == "slope" and row["role_type"] == "all"), None)
    if slope is None or slope["low"] is None:
        return elided(model, NAME_CHARS)
    return f"{elided(model, NAME_CHARS)}: {slope['value']:+.3f} [{slope['low']:+.3f}, {slope['high']:+.3f}] a turn"


def _curve(axes: Any, rows: Sequence[Row], label: str, colour: str) -> None:
    axes.plot([row["turn"] for row in rows], [row["value"] for row in rows], "o-", ms=3, color=colour, label=label)
    known = [row for row in rows if row["low"] is not None]
    band(axes, [row["turn"] for row in known], [row["low"] for row in known], [row["high"] for row in known], colour)


def _means(axes: Any, rows: Sequence[Row], types: Sequence[str], shift: float, colour: str) -> None:
    for row in rows:
        place = types.index(row["role_type"]) + shift
        if row["low"] is not None:
            axes.plot([row["low"], row["high"]], [place, place], color=colour, lw=1.5)
        axes.plot(row["value"], place, "o", ms=4, color=colour)


PICTURES = {"dynamic_results": Picture(REWARD, draw_curves)}
