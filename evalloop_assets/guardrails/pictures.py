"""Picture of the guardrail: what it said of each experiment day by day, and the bounds that it read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from evalloop_assets.lake.picture import COLOURS, Picture, Row, band, elided, sparse_days

MONTH = 28
MOST_EXPERIMENTS = 6
NAME_CHARS = 28
"""As wide as the strip below it."""
WORDS: Mapping[str, str] = {"PASS": COLOURS[2], "HOLD": "#bbbbbb", "BLIND": "black", "ROLLBACK": COLOURS[1]}
BOUNDS: Mapping[str, tuple[str, float, str]] = {
    "duration": ("time spent, s", 1.0, COLOURS[0]),
    "retention": ("return, points", 100.0, COLOURS[0]),
    "late_retention": ("return after a week", 100.0, COLOURS[3]),
}
"""Bound to its words, units in one of the table's own, and colour."""
AXES = {"duration": 0, "retention": 1, "late_retention": 1}


def draw_timeline(figure: Any, rows: Sequence[Row]) -> None:
    """A line of boxes an experiment: verdicts as a strip with rollbacks marked, time spent, return with its bounds."""
    names = list(dict.fromkeys(row["experiment_id"] for row in rows))[:MOST_EXPERIMENTS]
    days = sorted({row["day"] for row in rows})
    figure.set_size_inches(9, 0.6 + 1.9 * len(names))
    for (strip, *boxes), name in zip(
        figure.subplots(len(names), 3, squeeze=False, sharex=True, width_ratios=(2, 3, 3)), names, strict=True
    ):
        mine = [row for row in rows if row["experiment_id"] == name]
        _draw_words(strip, mine, name)
        for bound in BOUNDS:
            _draw_bounds(boxes[AXES[bound]], mine, bound)
        for day in [row["day"] for row in mine if row["verdict"] == "ROLLBACK"][:1]:
            for axes in boxes:
                axes.axvline(day, color=WORDS["ROLLBACK"], lw=10, alpha=0.2, zorder=0)
        for axes in (strip, *boxes):
            axes.set_xlim(days[0] - timedelta(days=1), days[-1] + timedelta(days=1))
            sparse_days(axes, days, 3)
    figure.legend(
        handles=[_patch(word) for word in WORDS],
        loc="outside upper center",
        ncols=len(WORDS),
        fontsize=8,
        frameon=False,
    )


def _draw_words(axes: Any, rows: Sequence[Row], name: str) -> None:
    axes.bar([row["day"] for row in rows], 1, width=0.9, color=[WORDS[row["verdict"]] for row in rows])
    fired = [row for row in rows if row["verdict"] == "ROLLBACK"]
    for row in fired[:1]:
        axes.annotate(row["cause"], (row["day"], 1.05), fontsize=8, ha="center", color=WORDS["ROLLBACK"])
    axes.set_ylim(0, 1.3)
    axes.set_yticks([])
    axes.set_title(elided(name, NAME_CHARS), fontsize=9, loc="left")
    axes.spines[["top", "right", "left"]].set_visible(False)


def _draw_bounds(axes: Any, rows: Sequence[Row], bound: str) -> None:
    words, scale, colour = BOUNDS[bound]
    known = [row for row in rows if row[f"{bound}_effect"] is not None]
    if known:
        days = [row["day"] for row in known]
        middle, low, high = ([scale * row[f"{bound}_{end}"] for row in known] for end in ("effect", "low", "high"))
        band(axes, days, low, high, colour)
        axes.plot(days, middle, "o-", ms=3, color=colour, label=words)
        axes.legend(fontsize=7, loc="best", frameon=False)
    axes.axhline(0, color="black", lw=0.6)
    axes.tick_params(labelsize=7)
    axes.spines[["top", "right"]].set_visible(False)


def _patch(word: str) -> Any:
    from matplotlib.patches import Patch

    return Patch(color=WORDS[word], label=word)


TIMELINE = Picture(
    """
    SELECT day, experiment_id, verdict, cause, duration_effect, duration_low, duration_high, retention_effect,
        retention_low, retention_high, late_retention_effect, late_retention_low, late_retention_high
    FROM guardrail_readings
    ORDER BY experiment_id, day
    """,
    draw_timeline,
    days_before=MONTH - 1,
)
"""Verdicts and bounds of a month."""
