"""Pictures about bad cases: what did most harm, and whether retraining mends it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalloop_assets.lake.picture import COLOURS, Picture, Row

MOST_BARS = 8


def draw_groups(figure: Any, rows: Sequence[Row]) -> None:
    """Harm by what cases share, the most harmful first, a panel for each dimension."""
    names = list(dict.fromkeys(row["dimension"] for row in rows))
    figure.set_size_inches(6.5, 0.6 + 0.26 * len(rows) + 0.5 * len(names))
    counts = [sum(row["dimension"] == name for row in rows) for name in names]
    panels = figure.subplots(len(names), 1, squeeze=False, height_ratios=[count + 1 for count in counts])[:, 0]
    for axes, name in zip(panels, names, strict=True):
        bars = [row for row in rows if row["dimension"] == name]
        axes.barh(range(len(bars)), [row["harm"] for row in bars], color=COLOURS[0])
        axes.set_yticks(range(len(bars)), [f"{row['value']} · {row['users']:,} users" for row in bars], fontsize=8)
        axes.invert_yaxis()
        axes.set_title(name.replace("_", " "), fontsize=9, loc="left")
        axes.tick_params(axis="x", labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    panels[-1].set_xlabel("harm, in replies, summed over users", fontsize=9)


def draw_flywheel(figure: Any, rows: Sequence[Row]) -> None:
    """The error of successive champions with its interval; green is surely better than the one before, red worse."""
    figure.set_size_inches(6, 0.9 + 0.24 * len(rows))
    axes = figure.subplots()
    colours = {"better": COLOURS[2], "worse": COLOURS[1]}
    for place, row in enumerate(rows):
        colour = colours.get(row["verdict"], COLOURS[0])
        axes.plot([row["error_low"], row["error_high"]], [place, place], color=colour, lw=1.5)
        axes.plot(row["error"], place, "o", ms=4, color=colour)
    axes.set_yticks(range(len(rows)), [f"{row['reward_version']} · {row['cases']:,}" for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_title("champion · cases; green is better than the one before, red worse", fontsize=9, loc="left")
    axes.set_xlabel("share of bad replies that it prefers, 95% interval", fontsize=9)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


PICTURES = {
    "bad_case_groups": Picture(
        f"""
        SELECT dimension, value, users, harm
        FROM bad_case_groups
        WHERE dimension <> 'together' AND rank <= {MOST_BARS} AND day = (SELECT max(day) FROM bad_case_groups)
        ORDER BY dimension, rank
        """,
        draw_groups,
    ),
    "flywheel": Picture(
        """
        SELECT reward_version, cases, error, error_low, error_high, verdict
        FROM flywheel
        WHERE error IS NOT NULL AND day = (SELECT max(day) FROM flywheel)
        ORDER BY reward_version
        """,
        draw_flywheel,
    ),
}
