"""Pictures of offline against online: the models of a day, how well each score orders them, the ledger over days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalloop_assets.evaluation.offline.reversals import reversals
from evalloop_assets.evaluation.offline.values import scores_in
from evalloop_assets.lake.picture import COLOURS, Z_95, Picture, Row, elided, sparse_days

MOST_PANELS, COLUMNS = 6, 3
NAME_CHARS = 28
STATUS = {"trusted": ("o", COLOURS[2]), "watch": ("s", COLOURS[6]), "demoted": ("X", COLOURS[1])}


def draw_scatter(figure: Any, rows: Sequence[Row]) -> None:
    """A panel a score: each model by its score and by the return of its users, both with 95% intervals; a line joins
    the pairs that the score orders the other way round, beyond doubt.
    """
    panels = list(dict.fromkeys((row["kind"], row["name"]) for row in rows))
    across = min(len(panels), COLUMNS)
    down = -(-len(panels) // COLUMNS)
    figure.set_size_inches(0.6 + 3.4 * across, 0.5 + 3.1 * down)
    axes = figure.subplots(down, across, squeeze=False).ravel()
    for one in axes[len(panels) :]:
        one.set_visible(False)
    for panel, (kind, name) in zip(axes, panels, strict=False):
        mine = [row for row in rows if (row["kind"], row["name"]) == (kind, name)]
        offline = scores_in(mine)
        online = scores_in([{**row, "value": row["online"], "se": row["online_se"]} for row in mine])
        named = reversals(offline, online, 0.05)
        place = {model: number for number, model in enumerate(offline.models)}
        for pair in named:
            ends = [place[pair.preferred], place[pair.over]]
            panel.plot(offline.value[ends], online.value[ends], color=COLOURS[1], lw=1, alpha=0.5, zorder=1)
        for number, model in enumerate(offline.models):
            at = (offline.value[number], online.value[number])
            bars = [
                None if side.se[number] != side.se[number] else Z_95 * side.se[number] for side in (offline, online)
            ]
            panel.errorbar(*at, xerr=bars[0], yerr=bars[1], fmt="o", ms=4, lw=0.8, color=COLOURS[0], zorder=2)
            panel.annotate(model, at, xytext=(4, 4), textcoords="offset points", fontsize=7)
        panel.set_title(f"{kind}: {elided(name, NAME_CHARS)}\n{len(named)} pairs surely reversed", fontsize=9)
        panel.set_xlabel("offline score", fontsize=8)
        panel.tick_params(labelsize=7)
        panel.grid(alpha=0.3)
        panel.spines[["top", "right"]].set_visible(False)
    figure.supylabel("return on the next day, share", fontsize=9)
    figure.suptitle("Offline score vs. online retention, 95% intervals", fontsize=10)


def draw_correlations(figure: Any, rows: Sequence[Row]) -> None:
    """The correlation of each score with each online metric over the longest window, with its 95% interval."""
    figure.set_size_inches(7, 1 + 0.24 * len(rows))
    axes = figure.subplots()
    names = list(dict.fromkeys((row["kind"], row["name"]) for row in rows))
    for place, row in enumerate(rows):
        colour = COLOURS[names.index((row["kind"], row["name"])) % len(COLOURS)]
        axes.plot([row["low"], row["high"]], [place, place], color=colour, lw=1.5)
        axes.plot(row["correlation"], place, "o", ms=5, color=colour)
    labels = [f"{elided(row['name'], NAME_CHARS)} / {row['metric']}  {row['models']} models" for row in rows]
    axes.set_yticks(range(len(rows)), labels, fontsize=8)
    axes.invert_yaxis()
    axes.axvline(0, color="black", lw=0.6)
    axes.set_xlim(-1.05, 1.05)
    axes.set_xlabel("rank correlation (dot),\n95% interval of that of the true values", fontsize=9)
    axes.grid(axis="x", alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


def draw_ledger(figure: Any, rows: Sequence[Row]) -> None:
    """The correlation of each score over the days, with what the ledger says of it."""
    names = list(dict.fromkeys((row["kind"], row["name"]) for row in rows))
    figure.set_size_inches(7, 0.6 + 1.3 * len(names))
    for axes, (kind, name) in zip(figure.subplots(len(names), 1, squeeze=False, sharex=True)[:, 0], names, strict=True):
        line = [row for row in rows if (row["kind"], row["name"]) == (kind, name)]
        for row in line:
            marker, colour = STATUS[row["status"]]
            axes.plot([row["day"]] * 2, [row["low"], row["high"]], color=colour, lw=1, alpha=0.6)
            axes.plot(row["day"], row["correlation"], marker, ms=5, color=colour)
        axes.axhline(0, color="black", lw=0.6)
        axes.set_ylim(-1.05, 1.05)
        stands = f"{line[-1]['status']} since {line[-1]['since']}"
        axes.set_title(f"{kind}: {elided(name, NAME_CHARS)}, {stands}", fontsize=9, loc="left")
        sparse_days(axes, sorted({row["day"] for row in rows}), 8)
    figure.supylabel("rank correlation, 95% interval", fontsize=9)


PICTURES = {
    "model_values": Picture(
        f"""
        WITH newest AS (SELECT * FROM model_values WHERE day = (SELECT max(day) FROM model_values)),
        online AS (
            SELECT model_id, value AS online, se AS online_se FROM newest
            WHERE kind = 'metric' AND name = 'returned_next_day'
            QUALIFY window_days = max(window_days) OVER ()
        ),
        named AS (
            SELECT kind, name FROM newest JOIN online USING (model_id)
            WHERE kind <> 'metric' AND (se IS NOT NULL OR clusters IS NULL) AND online_se IS NOT NULL
            GROUP BY kind, name HAVING count(*) > 1 ORDER BY kind, name LIMIT {MOST_PANELS}
        )
        SELECT newest.kind, newest.name, model_id, value, se, newest.clusters, online, online_se
        FROM newest JOIN online USING (model_id) JOIN named USING (kind, name)
        WHERE (newest.se IS NOT NULL OR newest.clusters IS NULL) AND online_se IS NOT NULL
        ORDER BY newest.kind, newest.name, model_id
        """,
        draw_scatter,
    ),
    "offline_online": Picture(
        """
        SELECT kind, name, metric, models, correlation, low, high
        FROM offline_online
        WHERE correlation IS NOT NULL AND day = (SELECT max(day) FROM offline_online)
        QUALIFY window_days = max(window_days) OVER ()
        ORDER BY kind, name, metric
        """,
        draw_correlations,
    ),
    "predictors": Picture(
        "SELECT * FROM predictors WHERE correlation IS NOT NULL ORDER BY kind, name, day", draw_ledger, 27
    ),
}
