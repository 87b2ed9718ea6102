"""Which items still separate models: saturated ones retire, and one that the better models fail is suspected."""

from __future__ import annotations

from evalloop_assets.evaluation.items.item_response import ItemParameters

LEAST_MODELS = 10
"""Models below which nothing is said of an item."""
END = 0.1
"""Share of models that solve it, from either end, at which an item is at an end."""
KEEP, SATURATED, UNSOLVED, SUSPECT, UNKNOWN = "keep", "saturated", "unsolved", "suspect", "not enough models"
VERDICTS = (KEEP, SATURATED, UNSOLVED, SUSPECT, UNKNOWN)


def verdicts(found: ItemParameters) -> list[str]:
    """One an item.

    `saturated` and `unsolved` items retire: nearly all or nearly no models solve them, and the interval of the
    discrimination includes 0. `suspect` items have a discrimination surely below 0: better models fail them more often,
    as where the reference is wrong.
    """
    return [
        _verdict(int(models), float(solved), float(low), float(high))
        for models, solved, low, high in zip(
            found.models, found.solved, found.discrimination_low, found.discrimination_high, strict=True
        )
    ]


def _verdict(models: int, solved: float, low: float, high: float) -> str:
    if models < LEAST_MODELS:
        return UNKNOWN
    if high < 0:
        return SUSPECT
    if low > 0:
        return KEEP
    if solved >= 1 - END:
        return SATURATED
    return UNSOLVED if solved <= END else KEEP
