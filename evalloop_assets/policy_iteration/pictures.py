"""Pictures of the stage: a training by its checkpoints, and candidates at the gate, generation after generation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from evalloop_assets.lake.picture import COLOURS, Picture, Row

if TYPE_CHECKING:
    from evalloop_assets.policy_iteration.training import Checkpoint

PASSED, REFUSED = COLOURS[2], COLOURS[1]
MOST_NAME_CHARS = 44
DAYS_SHOWN = 27
"""Days before its own whose candidates a run shows beside its own."""


def draw_training(
    figure: Any, losses: Sequence[float], base_losses: Sequence[float], checkpoints: Sequence[Checkpoint], chosen: int
) -> None:
    """Losses by step, then what the probes found at each checkpoint; the one that was chosen is marked."""
    figure.set_size_inches(13, 2.8)
    base, learning, gain, kept, distance = figure.subplots(1, 5)
    steps = [one.step for one in checkpoints]
    learning.plot(range(1, len(losses) + 1), losses, lw=1, color=COLOURS[0])
    _named(learning, "loss of the adapter", "step")
    if base_losses:
        base.plot(range(1, len(base_losses) + 1), base_losses, lw=1, color=COLOURS[6])
        _named(base, "loss of the base model, nats", "step")
    else:
        base.set_axis_off()
    probes = [one.probe for one in checkpoints]
    middle = [probe["gain"] for probe in probes]
    reach = [
        [probe["gain"] - probe["low"] for probe in probes],
        [probe["high"] - probe["gain"] for probe in probes],
    ]
    gain.errorbar(steps, middle, reach, fmt="o-", markersize=3, color=COLOURS[0], capsize=2)
    _named(gain, "reward gain, held out, SD", "step")
    for name, colour in zip(("valid", "variety", "repeated", "novelty"), COLOURS, strict=False):
        kept.plot(steps, [probe[name] for probe in probes], "o-", markersize=3, color=colour, label=name)
    kept.set_ylim(-0.02, 1.02)
    kept.legend(fontsize=7)
    _named(kept, "shares of replies or word runs", "step")
    distance.plot(steps, [probe.get("kl", float("nan")) for probe in probes], "o-", markersize=3, color=COLOURS[4])
    _named(distance, "KL to its base, nats a token", "step")
    for axes in (gain, kept, distance):
        axes.axvline(chosen, color=COLOURS[2], lw=0.8, ls="--")
        axes.set_xticks(steps)
        axes.set_xlim(0, max(steps) + min(steps))


def draw_gate(figure: Any, rows: Sequence[Row]) -> None:
    """Candidates by generation: reward gain, what the log says of them, and how long they speak."""
    figure.set_size_inches(12, 1.3 + 0.32 * len(rows))
    reward, log, length = figure.subplots(1, 3, sharey=True)
    places = list(range(len(rows)))
    colours = [PASSED if row["passed"] else REFUSED for row in rows]
    for axes, names in ((reward, ("low", "reward_gain", "high")), (log, _LOGGED)):
        for place, row, colour in zip(places, rows, colours, strict=True):
            low, value, high = (row[name] for name in names)
            if value is not None:
                axes.plot(value, place, "o", color=colour, markersize=4)
            if low is not None and high is not None:
                axes.hlines(place, low, high, color=colour, lw=1.5)
        axes.axvline(0, color="black", lw=0.6)
    for place, row, colour in zip(places, rows, colours, strict=True):
        if row["length_ratio"] is not None:
            length.plot(row["length_ratio"], place, "o", color=colour, markersize=4)
    length.axvline(1, color="black", lw=0.6)
    reward.set_yticks(places, [f"{row['generation']}  {_short(row['model_id'])}" for row in rows])
    for label, colour in zip(reward.get_yticklabels(), colours, strict=True):
        label.set_color(colour)
    reward.set_ylim(len(rows) - 0.5, -0.5)
    _named(reward, "reward gain, SD", "green passed, red refused")
    _named(log, "next five turns, by the log", "gain in [-2, 2], 95% interval")
    _named(length, "length of a reply", "times the incumbent's")


_LOGGED = ("off_policy_low", "off_policy_gain", "off_policy_high")


def _short(name: str) -> str:
    """A name that fits beside the picture: its beginning and its end."""
    half = (MOST_NAME_CHARS - 1) // 2
    return name if len(name) <= MOST_NAME_CHARS else f"{name[:half]}…{name[-half:]}"


def _named(axes: Any, title: str, across: str) -> None:
    axes.set_title(title, fontsize=9)
    axes.set_xlabel(across, fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.3)
    axes.spines[["top", "right"]].set_visible(False)


GATE = Picture(
    """
    SELECT model_id, generation, passed, low, reward_gain, high, off_policy_low, off_policy_gain, off_policy_high,
        length_ratio
    FROM (SELECT * FROM policy_screen ORDER BY day DESC, model_id LIMIT 24)
    ORDER BY day, generation, model_id
    """,
    draw_gate,
    days_before=DAYS_SHOWN,
)
