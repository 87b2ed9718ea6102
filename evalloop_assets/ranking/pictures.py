"""Pictures of the stage: how the ratings of a day compare, and how they converged."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalloop_assets.lake.picture import COLOURS, Picture, Row, elided, sparse_days

MOST_MODELS = 40
"""Models that the forest shows, the best."""
NAMED_MODELS = len(COLOURS)
"""Models of the convergence that have a colour, the best; the others are grey."""
A_WEEK = 6
NAME_CHARS = 48
"""A name takes half of the picture at most."""


def draw_forest(figure: Any, rows: Sequence[Row]) -> None:
    """The contrast of each model with its bounds, the best on top, tiers in colours; without bounds a hollow dot."""
    figure.set_size_inches(7, 1.1 + 0.24 * len(rows))
    axes = figure.subplots()
    for place, row in enumerate(rows):
        colour = COLOURS[(row["tier"] - 1) % len(COLOURS)]
        joined = row["low"] is not None
        if joined:
            axes.plot([row["low"], row["high"]], [place, place], color=colour, lw=1.5)
        marker = "s" if row["anchor"] else "o"
        axes.plot(row["contrast"], place, marker, ms=5, color=colour, mfc=colour if joined else "white")
    names = [f"{elided(row['model_id'], NAME_CHARS)}  {row['tier']} · {row['battles']:,}" for row in rows]
    axes.set_yticks(range(len(rows)), names, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color="black", lw=0.6)
    figure.suptitle("name, tier · battles; squares are anchors, colours tiers", fontsize=9, x=0.01, ha="left")
    axes.set_xlabel("skill points above the level, 95% interval", fontsize=9)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def draw_convergence(figure: Any, rows: Sequence[Row]) -> None:
    """Each model's online rating hour by hour against the mean of all, with its own sigma as a band."""
    figure.set_size_inches(8, 3.6)
    axes = figure.subplots()
    latest = {row["model_id"]: row["lead"] for row in rows}
    order = sorted(latest, key=lambda name: (-latest[name], name))
    for name in reversed(order):
        line = [row for row in rows if row["model_id"] == name]
        at, lead = [row["until"] for row in line], [row["lead"] for row in line]
        place = order.index(name)
        if place < NAMED_MODELS:
            low, high = ([row["lead"] + sign * row["sigma"] for row in line] for sign in (-1, 1))
            axes.fill_between(at, low, high, color=COLOURS[place], alpha=0.12, lw=0)
            axes.plot(at, lead, color=COLOURS[place], lw=1.3, label=elided(name, NAME_CHARS))
        else:
            axes.plot(at, lead, color="#bbbbbb", lw=0.8)
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="outside right upper", fontsize=8)
    axes.axhline(0, color="black", lw=0.6)
    leads = [row["lead"] for row in rows]
    axes.set_ylim(min(leads) - 1, max(leads) + 1)
    axes.set_ylabel("skill points above the mean of all,\n± own sigma", fontsize=9)
    axes.set_title(f"after {rows[-1]['battles']:,} battles of 14 days", fontsize=9, loc="left")
    sparse_days(axes, sorted({row["day"] for row in rows}), 7)


PICTURES = {
    "ratings": Picture(
        f"SELECT model_id, contrast, low, high, tier, anchor, battles FROM ratings ORDER BY rank LIMIT {MOST_MODELS}",
        draw_forest,
    ),
    "rating_states": Picture(
        """
        SELECT
          day, CAST(day AS TIMESTAMP) + to_hours(hour + 1) AS until, model_id, sigma, battles,
          mu - avg(mu) OVER (PARTITION BY day, hour) AS lead
        FROM rating_states
        WHERE battles > 0
        ORDER BY until, model_id
        """,
        draw_convergence,
        A_WEEK,
    ),
}
