"""The picture of a training: learning curves, calibration, length frontier, best-of-n by a proxy."""

from __future__ import annotations

from typing import Any

import numpy as np

from evalloop_assets.lake.picture import COLOURS, wilson
from evalloop_assets.reward_model.evaluation import BINS
from evalloop_assets.reward_model.model import HORIZONS, RewardModel
from evalloop_assets.reward_model.over_optimisation import Sweep
from evalloop_assets.reward_model.pairs import Pairs
from evalloop_assets.reward_model.probes import Frontier


def draw_training(
    figure: Any,
    curves: dict[str, tuple[float, ...]],
    model: RewardModel,
    held_out: Pairs,
    frontier: list[Frontier],
    sweep: Sweep,
) -> None:
    """Four panels into a matplotlib figure; `curves` are losses by name."""
    figure.set_size_inches(13, 3)
    learning, calibration, length, pushed = figure.subplots(1, 4)
    for (name, losses), colour in zip(curves.items(), COLOURS, strict=False):
        learning.plot(range(1, len(losses) + 1), losses, "o-", markersize=3, color=colour, label=name)
    _named(learning, "loss by epoch, nats")
    calibration.plot([0, 1], [0, 1], color="black", lw=0.6)
    for at, head in enumerate(model.config.heads):
        known = np.isfinite(held_out.targets[:, at])
        if head.weight > 0 and known.any():
            logits = model.values(held_out.difference[known])[:, at] / head.temperature
            stated, seen, size = _by_bin(1 / (1 + np.exp(-logits)), held_out.targets[known, at])
            low, high = zip(*(wilson(share * n, n) for share, n in zip(seen, size, strict=True)), strict=True)
            calibration.vlines(stated, low, high, color=COLOURS[at], alpha=0.35, lw=1)
            calibration.scatter(stated, seen, s=4 + 40 * size / size.max(), color=COLOURS[at], label=HORIZONS[at])
    calibration.set_ylim(-0.03, 1.03)
    _named(calibration, "preferred against stated", legend="lower right")
    length.plot([one.correlation for one in frontier], [one.accuracy for one in frontier], "o-", markersize=3)
    for at, one in enumerate(frontier):
        above = 4 if at % 2 == 0 else -10
        place = (one.correlation, one.accuracy)
        length.annotate(f"{one.penalty:g}", place, (0, above), textcoords="offset points", ha="center", fontsize=7)
    length.margins(0.1, 0.25)
    _named(length, "accuracy by correlation with length", legend=None)
    n = [one.n for one in sweep.points]
    pushed.plot(n, [one.proxy for one in sweep.points], "o-", markersize=3, color=COLOURS[0], label="proxy")
    pushed.plot(n, [one.gold for one in sweep.points], "o-", markersize=3, color=COLOURS[1], label="other users")
    if n:
        pushed.set_xscale("log", base=2)
    _named(pushed, "reward of the best of n, SD")


def _by_bin(stated: Any, target: Any) -> tuple[Any, Any, Any]:
    """Mean stated and seen share of each bin that has labels, and their number."""
    place = np.minimum((stated * BINS).astype(np.int64), BINS - 1)
    size = np.bincount(place, minlength=BINS)
    full = size > 0
    stated, target = (np.bincount(place, values, BINS)[full] / size[full] for values in (stated, target))
    return stated, target, size[full]


def _named(axes: Any, title: str, legend: str | None = "best") -> None:
    axes.set_title(title, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7, loc=legend)
