"""Pictures of the asset pages: what the gate lets through, where blame falls, reward against returns by day."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalloop_assets.lake.picture import COLOURS, Picture, Row, sparse_days

MOST_MODELS = 7


def draw_gate(figure: Any, rows: Sequence[Row]) -> None:
    """Two histograms, quality and gate, one line a model."""
    figure.set_size_inches(8, 3.2)
    boxes = figure.subplots(1, 2, sharey=True)
    models = list(dict.fromkeys(row["model_id"] for row in rows))
    for axes, measure, title in zip(
        boxes, ("q", "gate"), ("quality q", "gate: share of a positive reward that counts"), strict=True
    ):
        for model, colour in zip(models, COLOURS, strict=False):
            counts = {
                row["bin"]: row["replies"] for row in rows if (row["model_id"], row["measure"]) == (model, measure)
            }
            total = sum(counts.values())
            shares = [counts.get(place, 0) / max(total, 1) for place in range(10)]
            axes.stairs(shares, [place / 10 for place in range(11)], color=colour, label=f"{model}, {total:,}")
        axes.set_xlabel(title, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
    boxes[0].set_ylabel("share of replies")
    boxes[1].legend(fontsize=7)


def draw_blame(figure: Any, rows: Sequence[Row]) -> None:
    """Blame by replies before the end, and how many replies there broke something."""
    figure.set_size_inches(6, 3)
    axes = figure.subplots()
    places = [row["replies_after"] for row in rows]
    axes.bar(places, [row["blame"] for row in rows], color=COLOURS[1], label="blame, failures")
    axes.plot(
        places, [row["broke"] for row in rows], "o-", color=COLOURS[0], markersize=4, label="replies with a break"
    )
    axes.set_xticks(places)
    axes.set_xlabel("kept replies from it to the end of the session that was left")
    axes.legend(fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)


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


PICTURES = {
    "rewards": Picture(
        f"""
        WITH measured AS (
          SELECT model_id, 'q' AS measure, q AS value FROM rewards WHERE q IS NOT NULL
          UNION ALL
          SELECT model_id, 'gate' AS measure, gate AS value FROM rewards WHERE gate IS NOT NULL
        ),
        most AS (SELECT model_id FROM rewards GROUP BY model_id ORDER BY count(*) DESC, model_id LIMIT {MOST_MODELS})
        SELECT model_id, measure, least(CAST(floor(10 * value) AS BIGINT), 9) AS bin, count(*) AS replies
        FROM measured
        WHERE model_id IN (SELECT model_id FROM most)
        GROUP BY ALL
        ORDER BY ALL
        """,
        draw_gate,
    ),
    "credit": Picture(
        """
        SELECT replies_after, sum(blame) AS blame, count(*) FILTER (WHERE weight > 0) AS broke
        FROM credit
        WHERE replies_after <= 8
        GROUP BY ALL
        ORDER BY ALL
        """,
        draw_blame,
    ),
    "reward_retention": Picture(
        """
        SELECT day, model_id, correlation, low, high FROM reward_retention
        WHERE correlation IS NOT NULL ORDER BY model_id <> 'all', model_id, day
        """,
        draw_series,
        days_before=27,
    ),
}
