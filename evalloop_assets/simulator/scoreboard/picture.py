"""The scoreboard at a glance: every share that has a naive method beside it, loop against naive."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from evalloop_assets.simulator.scoreboard.figures import EVERY, LOOP, Figure
from evalloop_assets.simulator.scoreboard.page import STAGES

Line = tuple[str, list[float], list[float]]
"""A figure's name, the loop's values over scenarios, and the naive methods' values."""


def overview(figures: Sequence[Figure]) -> list[Line]:
    """Shares and correlations with a naive method beside them, in loop order."""
    found: list[Line] = []
    details = [one for one in figures if one.scenario != EVERY]
    for stage in STAGES:
        of_stage = [one for one in details if one.stage == stage and one.best in ("high", "low")]
        for name in dict.fromkeys(one.figure for one in of_stage):
            same = [one for one in of_stage if one.figure == name and np.isfinite(one.found.value)]
            loop = [one.found.value for one in same if one.method == LOOP]
            naive = [one.found.value for one in same if one.method != LOOP]
            if loop and naive and all(-1 <= value <= 1 for value in loop + naive):
                found.append((f"{stage}: {name} ({same[0].best})", loop, naive))
    return found


def draw(figures: Sequence[Figure], path: Path) -> None:
    """Writes the picture; its format is that of the file's name (svg or png)."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    shown = overview(figures)[::-1]
    with matplotlib.rc_context({"svg.hashsalt": "scoreboard", "svg.fonttype": "none", "font.size": 8}):
        canvas, axes = plt.subplots(figsize=(10, max(2.0, 0.24 * len(shown) + 1)), layout="constrained")
        for place, (_, loop, naive) in enumerate(shown):
            axes.plot([min(naive), max(naive)], [place - 0.15] * 2, color="tab:orange", alpha=0.4)
            axes.plot([min(loop), max(loop)], [place + 0.15] * 2, color="tab:blue", alpha=0.4)
            squares = axes.plot(float(np.mean(naive)), place - 0.15, "s", color="tab:orange", markersize=4)
            dots = axes.plot(float(np.mean(loop)), place + 0.15, "o", color="tab:blue", markersize=4)
        axes.set_yticks(range(len(shown)), [name for name, _, _ in shown])
        axes.axvline(0, color="grey", linewidth=0.5)
        if shown:
            canvas.legend([*dots, *squares], ["the loop", "naive methods"], loc="outside lower center", ncols=2)
        axes.set_title("mean over scenarios, and from lowest to highest", loc="right", fontsize=8)
        axes.grid(axis="x", alpha=0.3)
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        canvas.savefig(path, metadata=metadata, dpi=110)
        plt.close(canvas)
