"""Picture of results by slice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalloop_assets.lake.picture import COLOURS, Picture, Row

MOST_MODELS, MOST_SLICES = 6, 40


def draw_slices(figure: Any, rows: Sequence[Row]) -> None:
    """The share of users who return, a line a slice, a mark a model, drawn towards the model's other slices."""
    models = list(dict.fromkeys(row["model_id"] for row in rows))
    places = list(dict.fromkeys(row["place"] for row in rows))
    figure.set_size_inches(7, 1.2 + 0.13 * len(places) * (1 + len(models)))
    axes = figure.subplots()
    step = 0.8 / len(models)
    for number, (model, colour) in enumerate(zip(models, COLOURS, strict=False)):
        mine = [row for row in rows if row["model_id"] == model]
        heights = [places.index(row["place"]) + step * (number - (len(models) - 1) / 2) for row in mine]
        axes.hlines(heights, [row["low"] for row in mine], [row["high"] for row in mine], color=colour, alpha=0.5)
        axes.plot([row["shrunk"] for row in mine], heights, "o", markersize=4, color=colour, label=model)
    axes.set_yticks(range(len(places)), places, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("share of users and days with a return on the next day, 95% interval", fontsize=8)
    axes.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


PICTURES = {
    "slice_results": Picture(
        f"""
        WITH newest AS (
          SELECT * FROM slice_results WHERE metric = 'return_next_day' AND day = (SELECT max(day) FROM slice_results)
        ),
        most AS (
          SELECT model_id FROM newest WHERE dimension = 'all' ORDER BY users DESC, model_id LIMIT {MOST_MODELS}
        ),
        places AS (
          SELECT dimension, slice FROM newest
          GROUP BY ALL ORDER BY sum(users) DESC, dimension, slice LIMIT {MOST_SLICES}
        )
        SELECT model_id, CASE dimension WHEN 'all' THEN 'all' ELSE concat(dimension, '=', slice) END AS place,
          shrunk, shrunk_low AS low, shrunk_high AS high
        FROM newest JOIN places USING (dimension, slice)
        WHERE model_id IN (SELECT model_id FROM most) AND shrunk IS NOT NULL
        ORDER BY dimension <> 'all', dimension, slice, model_id
        """,
        draw_slices,
    ),
}
