"""The scoreboard as a table of the lake."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np

from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.simulator.scoreboard.figures import Figure

SCOREBOARD = TableSchema(
    name="scoreboard",
    row="one figure of one method on one scenario, by the day on which the board was made",
    key=("day", "scenario", "stage", "figure", "method"),
    columns=(
        Column("scenario", "VARCHAR", "the simulated product or experiment, see docs/simulator.md"),
        Column("stage", "VARCHAR", "the stage that is measured"),
        Column("figure", "VARCHAR", "what is measured, with its unit"),
        Column("method", "VARCHAR", "loop, or the naive method measured beside it on the same data"),
        Column("best", "VARCHAR", "where a good figure lies: high, low, zero, half, or nominal (at its stated level)"),
        Column("value", "DOUBLE", "the figure"),
        Column("low", "DOUBLE", "lower 95% bound"),
        Column("high", "DOUBLE", "upper 95% bound"),
        Column("n", "BIGINT", "how many seeds or experiments it rests on"),
        Column("of", "VARCHAR", "what n counts"),
    ),
)


def rows_of(figures: Sequence[Figure], day: date) -> list[dict[str, Any]]:
    """Rows of `scoreboard`; what could not be measured is NULL."""
    return [
        {
            "day": day,
            "scenario": one.scenario,
            "stage": one.stage,
            "figure": one.figure,
            "method": one.method,
            "best": one.best,
            "value": _known(one.found.value),
            "low": _known(one.found.low),
            "high": _known(one.found.high),
            "n": one.found.n,
            "of": one.of,
        }
        for one in figures
    ]


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
