"""Pictures of the audit: the probes of each judge with their bounds, and what a judge confuses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalloop_assets.lake.picture import COLOURS, Picture, Row, elided

MOST_ROWS, MOST_LETTERS = 60, 28
CLASSES = ("a", "tie", "b")


def draw_forest(figure: Any, rows: Sequence[Row]) -> None:
    """Each probe of each judge with its bounds; what fired is red."""
    figure.set_size_inches(7, 0.9 + 0.2 * len(rows))
    axes = figure.subplots()
    for place, row in enumerate(rows):
        colour = COLOURS[1] if row["fired"] else COLOURS[0]
        axes.plot([row["low"], row["high"]], [place, place], color=colour, lw=1.5)
        axes.plot(row["value"], place, "o", ms=4, color=colour)
        if row["ceiling"] is not None:
            axes.plot(row["ceiling"], place, "|", ms=9, color="black")
    labels = [f"{elided(row['judge_id'], MOST_LETTERS)}  {row['probe']} · {row['n']:,}" for row in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color="black", lw=0.6)
    axes.set_title("judge, probe · items; red has fired, | is the ceiling of the labels", fontsize=9, loc="left")
    axes.set_xlabel("share, or excess over people's share, 95% interval", fontsize=9)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def draw_confusion(figure: Any, rows: Sequence[Row]) -> None:
    """One square a judge: what people say by what it says, as shares of what people say."""
    figure.set_size_inches(2.6 * len(rows) + 0.4, 2.8)
    for axes, row in zip(figure.subplots(1, len(rows), squeeze=False)[0], rows, strict=True):
        counts = [[row[f"{people}_{judge}"] for judge in CLASSES] for people in CLASSES]
        shares = [[cell / max(sum(line), 1) for cell in line] for line in counts]
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for down, line in enumerate(counts):
            for across, cell in enumerate(line):
                dark = shares[down][across] > 0.6
                axes.text(across, down, f"{cell:,.0f}", ha="center", va="center", color="white" if dark else "black")
        axes.set_xticks(range(3), CLASSES)
        axes.set_yticks(range(3), CLASSES)
        axes.set_title(f"{elided(row['judge_id'], MOST_LETTERS)}: {row['grade'] or 'no grade'}", fontsize=9)
        axes.set_xlabel("judge", fontsize=9)
    figure.supylabel("people", fontsize=9)


PICTURES = {
    "judge_audits": Picture(
        f"""
        SELECT judge_id, probe, value, low, high, n, fired, ceiling
        FROM judge_audits
        WHERE "slice" = 'all' AND value IS NOT NULL AND day = (SELECT max(day) FROM judge_audits)
        ORDER BY judge_id, probe
        LIMIT {MOST_ROWS}
        """,
        draw_forest,
    ),
    "judge_grades": Picture(
        """
        SELECT * FROM judge_grades
        WHERE gold_items > 0 AND day = (SELECT max(day) FROM judge_grades)
        ORDER BY gold_items DESC, judge_id
        LIMIT 5
        """,
        draw_confusion,
    ),
}
