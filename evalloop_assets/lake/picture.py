"""What people would rather look at than read: counts by SQL over the days of a run, drawn once, a few kilobytes."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from evalloop_assets.days import Days
from evalloop_assets.lake.store import Commit, Lake

Row = Mapping[str, Any]
COLOURS = ("#1f77b4", "#d62728", "#2ca02c", "#ff7f0e", "#9467bd", "#8c564b", "#7f7f7f")
Z_95 = 1.96
DPI = 96
"""Eight points are then eleven pixels, as legible as the page around them."""


@dataclass(frozen=True)
class Picture:
    """How a table is drawn."""

    query: str
    """SELECT over the table that gives a few rows, in the order in which they are drawn; the table has its own name."""
    draw: Callable[[Any, Sequence[Row]], None]
    """Draws these rows into a matplotlib figure; sets its size."""
    days_before: int = 0
    """Days before those of the run that are drawn too."""

    def rows(self, lake: Lake, table: str, days: Days, version: int | None = None) -> list[dict[str, Any]]:
        """What is drawn for a run over these days."""
        span = Days(days.first - timedelta(days=self.days_before), days.last)
        found: list[dict[str, Any]] = lake.reader.fetch(
            self.query, {table: lake.view(table, span, version)}, {}
        ).to_pylist()
        return found


def png(picture: Picture, lake: Lake, commit: Commit) -> bytes | None:
    """The picture of what a run committed; None where there is nothing to draw."""
    rows = picture.rows(lake, commit.table, commit.days, commit.version)
    return drawn(picture, rows) if rows else None


def drawn(picture: Picture, rows: Sequence[Row]) -> bytes:
    """These rows as a PNG."""
    return drawn_by(lambda figure: picture.draw(figure, rows))


def drawn_by(draw: Callable[[Any], None]) -> bytes:
    """What `draw` draws into a matplotlib figure, as a PNG. A dollar sign is one: names from the data hold some.

    `savefig` would draw all twice, the first time for the layout alone.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    written = io.BytesIO()
    with rc_context({"text.parse_math": False}):
        figure = Figure(dpi=DPI, layout="constrained")
        draw(figure)
        layout = figure.get_layout_engine()
        if layout is not None:  # else `draw` has laid it out
            layout.execute(figure)
            figure.set_layout_engine("none")
        canvas: Any = FigureCanvasAgg(figure)  # its methods have no types
        canvas.print_png(written)
    return written.getvalue()


def elided(name: str, most: int) -> str:
    """The name in `most` characters: of a longer one the middle is left out, since versions and dates end a name."""
    if len(name) <= most:
        return name
    end = most // 2
    return f"{name[: most - end - 1]}…{name[len(name) - end :]}"


def bars(figure: Any, rows: Sequence[Row], label: Callable[[Row], str], colour_by: str, count: str) -> None:
    """One horizontal bar a row, its share written beside it; equal values of `colour_by` share a colour."""
    figure.set_size_inches(7, 0.8 + 0.28 * len(rows))
    axes = figure.subplots()
    kinds = list(dict.fromkeys(row[colour_by] for row in rows))
    total = sum(row[count] for row in rows)
    drawn_bars = axes.barh(
        [label(row) for row in rows],
        [row[count] for row in rows],
        color=[COLOURS[kinds.index(row[colour_by]) % len(COLOURS)] for row in rows],
    )
    axes.bar_label(drawn_bars, [f" {row[count]:,} ({row[count] / total:.1%})" for row in rows], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def wilson(came: float, known: float) -> tuple[float, float]:
    """95% interval of a share of independent users."""
    share, spread = came / known, Z_95**2 / known
    middle = (share + spread / 2) / (1 + spread)
    reach = math.sqrt(spread * share * (1 - share) + spread**2 / 4) / (1 + spread)
    return middle - reach, middle + reach


def shares_over_days(figure: Any, rows: Sequence[Row]) -> None:
    """Lines of `came` of `known` by `day`, with the interval of a share; `line` is `box: name`."""
    boxes = list(dict.fromkeys(row["line"].partition(": ")[0] for row in rows))
    figure.set_size_inches(4 * len(boxes), 2.8)
    for axes, box in zip(figure.subplots(1, len(boxes), sharey=True, squeeze=False)[0], boxes, strict=True):
        lines = list(dict.fromkeys(row["line"] for row in rows if row["line"].startswith(f"{box}: ")))
        for name, colour in zip(lines, COLOURS, strict=False):
            line = [row for row in rows if row["line"] == name]
            days = [row["day"] for row in line]
            low, high = zip(*(wilson(row["came"], row["known"]) for row in line), strict=True)
            band(axes, days, low, high, colour)
            axes.plot(
                days,
                [row["came"] / row["known"] for row in line],
                "o-",
                markersize=3,
                color=colour,
                label=name.removeprefix(f"{box}: "),
            )
        axes.set_title(box, fontsize=9)
        axes.set_ylim(bottom=0)
        axes.legend(fontsize=8)
        sparse_days(axes, sorted({row["day"] for row in rows}), 5)
    figure.supylabel("share who came, 95% interval", fontsize=9)


def band(axes: Any, days: Sequence[date], low: Sequence[float], high: Sequence[float], colour: str) -> None:
    """The interval of each day, and the band that joins them; a day that stands alone has no band."""
    axes.fill_between(days, low, high, color=colour, alpha=0.15, lw=0)
    axes.vlines(days, low, high, color=colour, alpha=0.4, lw=1)


def sparse_days(axes: Any, days: Sequence[date], most: int) -> None:
    """These days on the axis of x as month and day, not more than `most` of them named."""
    named = days[:: -(-len(days) // most)]
    axes.set_xticks(named, [f"{day:%m-%d}" for day in named])
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
