"""Pictures about items: which still separate models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalloop_assets.lake.picture import COLOURS, Picture, Row

MOST_BENCHMARKS = 6


def draw_items(figure: Any, rows: Sequence[Row]) -> None:
    """Discrimination over the share of models that solve an item, a panel for each benchmark."""
    names = list(dict.fromkeys(row["benchmark"] for row in rows))
    figure.set_size_inches(6, 0.5 + 2.2 * len(names))
    for axes, name in zip(figure.subplots(len(names), 1, squeeze=False)[:, 0], names, strict=True):
        own = [row for row in rows if row["benchmark"] == name]
        for colour, verdict in zip(COLOURS, ("keep", "suspect", "saturated", "unsolved"), strict=False):
            points = [row for row in own if row["verdict"] == verdict]
            if points:
                solved, slope = ([row[column] for row in points] for column in ("solved", "discrimination"))
                axes.plot(solved, slope, "o", ms=3, color=colour, label=f"{verdict} · {len(points):,}")
        axes.axhline(0, color="#7f7f7f", lw=0.8)
        axes.set_xlim(-0.03, 1.03)
        axes.set_title(name, fontsize=9, loc="left")
        axes.set_ylabel("discrimination", fontsize=8)
        axes.tick_params(labelsize=8)
        axes.legend(fontsize=7, frameon=False, loc="best")
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("share of models that solve the item", fontsize=9)


PICTURES = {
    "item_statistics": Picture(
        f"""
        WITH shown AS (SELECT * FROM item_statistics WHERE day = (SELECT max(day) FROM item_statistics))
        SELECT benchmark, solved, discrimination, verdict
        FROM shown
        WHERE discrimination IS NOT NULL
          AND benchmark IN (SELECT benchmark FROM shown GROUP BY benchmark ORDER BY count(*) DESC, benchmark
                            LIMIT {MOST_BENCHMARKS})
        ORDER BY benchmark, item_id
        """,
        draw_items,
    )
}
