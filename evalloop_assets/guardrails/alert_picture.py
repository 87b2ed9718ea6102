"""What a guardrail saw over the days: effects with their always-valid bounds, and the days on which it fired."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from evalloop_assets.lake.picture import COLOURS, drawn_by, elided, sparse_days

MOST_DAYS = 7
NAME_CHARS = 48
"""As wide as the picture of one effect."""
EFFECT = "_effect"
SHARE = "retention"
"""How the names of effects on shares end; the others are seconds."""


def effects_png(readings: Sequence[Mapping[str, Any]]) -> bytes | None:
    """Rows of `guardrail_readings` of one experiment, oldest first, as a PNG; None where no effect is known."""
    names = effects_in(readings)
    return drawn_by(lambda figure: draw_effects(figure, readings, names)) if names else None


def effects_in(readings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Names of the effects that are known in any of them; `name_effect` has its bounds in `name_low`, `name_high`."""
    known = [
        key for reading in readings for key, value in reading.items() if key.endswith(EFFECT) and value is not None
    ]
    return [key.removesuffix(EFFECT) for key in dict.fromkeys(known)]


def scale_of(name: str) -> tuple[int, str]:
    """What an effect of that name is multiplied by for people, and its unit then."""
    return (100, "points") if name.endswith(SHARE) else (1, "s")


def draw_effects(figure: Any, readings: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """A box for each of these effects: every day with its bounds, and where it fired."""
    figure.set_size_inches(4 * len(names), 2.8)
    figure.suptitle(
        f"{elided(readings[0]['experiment_id'], NAME_CHARS)}\neffect of the candidate, bounds at every look",
        fontsize=10,
    )
    for axes, name, colour in zip(figure.subplots(1, len(names), squeeze=False)[0], names, COLOURS, strict=False):
        known = [reading for reading in readings if reading.get(name + EFFECT) is not None]
        days = [date.fromisoformat(reading["day"]) for reading in known]
        scale, unit = scale_of(name)
        effect, low, high = (
            [scale * reading[f"{name}_{end}"] for reading in known] for end in ("effect", "low", "high")
        )
        reach = [[one - other for one, other in zip(*pair, strict=True)] for pair in ((effect, low), (high, effect))]
        axes.errorbar(days, effect, yerr=reach, fmt="o-", markersize=3, capsize=3, color=colour)
        fired = [k for k, reading in enumerate(known) if reading["verdict"] == "ROLLBACK"]
        axes.plot([days[k] for k in fired], [effect[k] for k in fired], "s", color="black", label="ROLLBACK")
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_title(f"{name}, {unit}", fontsize=9)
        if fired:
            axes.legend(fontsize=8)
        sparse_days(axes, days, MOST_DAYS)
