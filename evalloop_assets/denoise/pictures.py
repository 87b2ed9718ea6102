"""Pictures of the stage: reading speeds by script, how sessions ended, who was behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalloop_assets.lake.picture import COLOURS, Picture, Row, bars

BINS_PER_DOUBLING = 6


def draw_speeds(figure: Any, rows: Sequence[Row]) -> None:
    """A histogram of characters per second on a logarithmic axis, one line a script."""
    from matplotlib.ticker import ScalarFormatter

    figure.set_size_inches(7, 3.2)
    axes = figure.subplots()
    bins = range(min(row["bin"] for row in rows), max(row["bin"] for row in rows) + 1)
    edges = [2 ** (place / BINS_PER_DOUBLING) for place in [*bins, bins.stop]]
    for place, script in enumerate(dict.fromkeys(row["script"] for row in rows)):
        replies = {row["bin"]: row["replies"] for row in rows if row["script"] == script}
        total = sum(replies.values())
        shares = [replies.get(place, 0) / total for place in bins]
        axes.stairs(shares, edges, fill=True, alpha=0.35, color=COLOURS[place], label=f"{script}, {total:,} replies")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.set_xlabel("characters per second")
    axes.set_ylabel("share of replies read")
    axes.legend(fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


def draw_kinds(figure: Any, rows: Sequence[Row]) -> None:
    """A bar for each kind and reason."""
    bars(
        figure,
        rows,
        lambda row: f"{row['kind']}: {row['reason']}" if row["reason"] else row["kind"],
        "kind",
        "sessions",
    )


PICTURES = {
    "reading": Picture(
        f"""
        SELECT
          COALESCE(script, 'unknown')                                                AS script,
          CAST(floor({BINS_PER_DOUBLING} * log2(chars_per_second)) AS BIGINT)        AS bin,
          count(*)                                                                   AS replies
        FROM reading
        WHERE chars_per_second > 0
        GROUP BY ALL
        ORDER BY ALL
        """,
        draw_speeds,
    ),
    "exits": Picture(
        "SELECT kind, reason, count(*) AS sessions FROM exits GROUP BY ALL ORDER BY kind, sessions DESC, reason",
        draw_kinds,
    ),
    "traffic": Picture(
        "SELECT kind, reason, count(*) AS sessions FROM traffic GROUP BY ALL ORDER BY kind DESC, sessions DESC, reason",
        draw_kinds,
    ),
}
