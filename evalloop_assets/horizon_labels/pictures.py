"""Pictures of the stage: who came back, balance of the labels, whether signals still predict, what pairs say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evalloop_assets.lake.picture import COLOURS, Picture, Row, shares_over_days, sparse_days

FOUR_WEEKS = 27
"""Days before a run that a line over days shows too."""
STEPS = 20
"""Bins of a label, from -1 to 1."""
SIDES = {"A": COLOURS[0], "B": COLOURS[3], "tie": "#bbbbbb", "censored": "#eeeeee"}


def draw_balance(figure: Any, rows: Sequence[Row]) -> None:
    """The shares of each value of a label, beside how many are censored; one box a horizon."""
    horizons = list(dict.fromkeys(row["horizon"] for row in rows))
    figure.set_size_inches(3 * len(horizons), 2.8)
    for axes, horizon in zip(figure.subplots(1, len(horizons), squeeze=False)[0], horizons, strict=True):
        found = [row for row in rows if row["horizon"] == horizon]
        known = [row for row in found if row["bin"] is not None]
        total, told = (sum(row["replies"] for row in some) for some in (found, known))
        axes.bar(
            [-1 + (row["bin"] + 0.5) * 2 / STEPS for row in known],
            [row["replies"] / told for row in known],
            width=2 / STEPS,
            color=[COLOURS[1] if row["bin"] < STEPS // 2 else COLOURS[0] for row in known],
        )
        axes.set_title(f"{horizon}\n{1 - told / total:.1%} of {total:,} censored", fontsize=9)
        axes.set_xlim(-1.05, 1.05)
        axes.spines[["top", "right"]].set_visible(False)
    figure.supylabel("share of the known", fontsize=9)


def draw_validity(figure: Any, rows: Sequence[Row]) -> None:
    """The correlation of each signal with the return over days, with its interval; days on which it stopped are red."""
    signals, days_shown = (sorted({row[name] for row in rows}) for name in ("signal", "day"))
    across = 5
    down = -(-len(signals) // across)
    figure.set_size_inches(9, 1.7 * down)
    # A layout that is worked out takes four times as long as the drawing of so many boxes.
    figure.set_layout_engine(None)
    figure.subplots_adjust(left=0.09, right=0.99, top=1 - 0.17 / down, bottom=0.2 / down, hspace=0.35, wspace=0.08)
    boxes = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False).flat
    for axes, signal in zip(boxes, signals, strict=False):
        line = [row for row in rows if row["signal"] == signal and row["low"] is not None]
        days = [row["day"] for row in line]
        axes.fill_between(
            days, [row["low"] for row in line], [row["high"] for row in line], color=COLOURS[0], alpha=0.2
        )
        axes.plot(days, [row["correlation"] for row in line], color=COLOURS[0])
        stopped = [row for row in line if row["stopped"]]
        axes.plot([row["day"] for row in stopped], [row["correlation"] for row in stopped], "o", ms=4, color=COLOURS[1])
        axes.axhline(0, color="black", lw=0.6)
        axes.set_title(signal, fontsize=9, color=COLOURS[1] if stopped and stopped[-1] is line[-1] else "black")
        sparse_days(axes, days_shown, 3)
    for axes in list(figure.axes)[len(signals) :]:
        axes.set_axis_off()
    figure.supylabel("correlation with the next-day return, 7 days", fontsize=8)


def draw_pairs(figure: Any, rows: Sequence[Row]) -> None:
    """A bar for each source and horizon, in the shares of what the pairs say."""
    kinds = list(dict.fromkeys((row["source"], row["horizon"]) for row in rows))
    figure.set_size_inches(7, 1.0 + 0.28 * len(kinds))
    axes = figure.subplots()
    counts = {(row["source"], row["horizon"], row["preferred"]): row["pairs"] for row in rows}
    totals = {kind: sum(counts.get((*kind, side), 0) for side in SIDES) for kind in kinds}
    names = [f"{source}, {horizon} ({totals[source, horizon]:,})" for source, horizon in kinds]
    left = [0.0] * len(kinds)
    for side, colour in SIDES.items():
        shares = [counts.get((*kind, side), 0) / totals[kind] for kind in kinds]
        axes.barh(names, shares, left=left, color=colour, label=side)
        left = [before + share for before, share in zip(left, shares, strict=True)]
    axes.invert_yaxis()
    axes.set_xlabel("share of pairs")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside upper center", ncols=4, fontsize=8)


def shares_by_day(table: str, columns: dict[str, str]) -> str:
    """Query of how many are known and true on each day, for each of these columns under its name in the picture."""
    parts = [
        f"SELECT day, {place} AS place, '{line}' AS line, count({column}) AS known, "
        f"count(*) FILTER (WHERE {column}) AS came FROM {table} GROUP BY day"
        for place, (column, line) in enumerate(columns.items())
    ]
    return f"SELECT day, line, known, came FROM ({' UNION ALL '.join(parts)}) WHERE known > 0 ORDER BY place, day"


def balance(columns: Sequence[str]) -> str:
    """Query of the replies in each bin of these labels; a bin that is NULL is censored."""
    parts = [
        f"SELECT {place} AS place, '{name}' AS horizon, {name} AS value FROM horizon_labels"
        for place, name in enumerate(columns)
    ]
    return f"""
        SELECT
          horizon,
          CASE WHEN value IS NOT NULL
            THEN CAST(least(floor((value + 1) * {STEPS // 2}), {STEPS - 1}) AS BIGINT) END AS bin,
          count(*) AS replies
        FROM ({" UNION ALL ".join(parts)})
        GROUP BY place, horizon, bin
        ORDER BY place, bin NULLS LAST
    """


def preferences(columns: Sequence[str]) -> str:
    """Query of the pairs of each source by what they say at each of these horizons."""
    parts = [
        f"SELECT {place} AS place, source, '{name}' AS horizon, {name} AS preferred FROM preference_pairs"
        for place, name in enumerate(columns)
    ]
    return f"""
        SELECT source, horizon, preferred, count(*) AS pairs
        FROM ({" UNION ALL ".join(parts)})
        GROUP BY place, source, horizon, preferred
        ORDER BY source, place, preferred
    """


HORIZONS = ("immediate", "delayed_5", "delayed_session")
RETURNS = {
    "returned_24h": "everybody: 24 hours",
    "returned_next_day": "everybody: next day",
    "d1": "new users: d1",
    "d3": "new users: d3",
    "d7": "new users: d7",
}

PICTURES = {
    "returns": Picture(shares_by_day("returns", RETURNS), shares_over_days, FOUR_WEEKS),
    "absences": Picture(
        shares_by_day("absences", {"reengaged": "after an absence: within a week"}), shares_over_days, FOUR_WEEKS
    ),
    "horizon_labels": Picture(balance(HORIZONS), draw_balance),
    "signal_validity": Picture(
        "SELECT day, signal, correlation, low, high, stopped FROM signal_validity ORDER BY signal, day",
        draw_validity,
        FOUR_WEEKS,
    ),
    "preference_pairs": Picture(preferences(HORIZONS), draw_pairs),
}
