"""Pictures about people: who agrees with the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalloop_assets.lake.picture import COLOURS, Picture, Row, elided

MOST_PEOPLE, MOST_LETTERS = 40, 28


def draw_annotators(figure: Any, rows: Sequence[Row]) -> None:
    """Agreement of each annotator with the others; who is surely worse than they is red, and on top."""
    figure.set_size_inches(6, 0.9 + 0.22 * len(rows))
    axes = figure.subplots()
    for place, row in enumerate(rows):
        colour = COLOURS[1] if row["worse"] else COLOURS[0]
        axes.plot([row["agreement_low"], row["agreement_high"]], [place, place], color=colour, lw=1.5)
        axes.plot(row["agreement"], place, "o", ms=4, color=colour)
    labels = [f"{elided(row['annotator_id'], MOST_LETTERS)} · {row['items']:,}" for row in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_title("annotator · items; red is worse than the others", fontsize=9, loc="left")
    axes.set_xlabel("agreement with others on the same items, 95% interval", fontsize=9)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


PICTURES = {
    "annotator_quality": Picture(
        f"""
        SELECT annotator_id, items, agreement, agreement_low, agreement_high, worse
        FROM annotator_quality
        WHERE agreement IS NOT NULL AND day = (SELECT max(day) FROM annotator_quality)
        ORDER BY agreement, annotator_id
        LIMIT {MOST_PEOPLE}
        """,
        draw_annotators,
    )
}
