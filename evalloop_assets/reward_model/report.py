"""The report of a training: figures on held-out users as rows, and what the UI shows beside them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from dagster import MetadataValue
from numpy.typing import NDArray

from evalloop_assets.lake.picture import drawn_by
from evalloop_assets.reward_model.evaluation import ALL, Reading, evaluate
from evalloop_assets.reward_model.intervals import Estimate
from evalloop_assets.reward_model.over_optimisation import GROUPS, Sweep
from evalloop_assets.reward_model.pairs import Pairs
from evalloop_assets.reward_model.probes import Frontier, length_frontier, probes
from evalloop_assets.reward_model.registry import Registered
from evalloop_assets.reward_model.tables import REWARD_MODEL_REPORT
from evalloop_assets.reward_model.training import Skipped, Trained
from evalloop_assets.reward_model.training_picture import draw_training

if TYPE_CHECKING:
    import pyarrow as pa

LEAST_PAIRS = 30
"""Held-out pairs of a slice below which it is not reported."""


class Findings(NamedTuple):
    """What was found out about a model on held-out pairs."""

    readings: list[Reading]
    frontier: list[Frontier]
    sweep: Sweep


def findings_of(trained: Trained, slices: pa.Table, sweep: Sweep) -> Findings:
    """Accuracy and calibration by source and slice, probes; `slices` has pair_id and columns such as locale."""
    held_out = trained.split.held_out
    readings = evaluate(trained.model, held_out, {"later days": trained.split.later, **_slices(held_out, slices)})
    readings += probes(trained.model, held_out)
    for one in sweep.points:
        half = 1.96 * one.gold_se
        gold = Estimate(one.gold, one.gold - half, one.gold + half, GROUPS, 0)
        readings.append(Reading("gold_of_best", ALL, ALL, gold, f"n={one.n}"))
    return Findings(readings, length_frontier(trained.model, held_out), sweep)


def _slices(pairs: Pairs, slices: pa.Table) -> dict[str, NDArray[np.bool_]]:
    """Pairs [n] of each `column=value` with at least LEAST_PAIRS of them."""
    ids = slices.column("pair_id").to_pylist()
    found = {}
    for name in slices.column_names:
        if name != "pair_id":
            of = dict(zip(ids, slices.column(name).to_pylist(), strict=True))
            values = [of.get(pair) for pair in pairs.ids.tolist()]
            for value in sorted({value for value in values if value}):
                chosen = np.array([one == value for one in values], np.bool_)
                if chosen.sum() >= LEAST_PAIRS:
                    found[f"{name}={value}"] = chosen
    return found


class Report(NamedTuple):
    """Rows of `reward_model_report`, and what the UI shows beside them."""

    rows: pa.Table
    metadata: dict[str, Any]


def report(trained: Trained, found: Findings, registered: Registered, pairs: int, picture: bytes) -> Report:
    """What is known of a model that was registered; `picture` is a PNG."""
    figures = found.readings
    rows: list[dict[str, object]] = [
        {
            "reward_version": registered.reward_version,
            "metric": reading.metric,
            "horizon": reading.horizon,
            "source": reading.source,
            "slice": reading.slice,
            "value": _number(reading.estimate.value),
            "low": _number(reading.estimate.low),
            "high": _number(reading.estimate.high),
            "n": reading.estimate.n,
            "users": reading.estimate.users,
            "promoted": registered.verdict.promoted,
            "reason": registered.verdict.reason,
        }
        for reading in figures
    ]
    if not any(one.metric == "accuracy" for one in figures):
        rows += [_row("untested", registered, "no decided label of a held-out user")]
    accuracies = {
        f"accuracy {reading.horizon}": f"{reading.estimate.value:.3f} "
        f"({reading.estimate.low:.3f} to {reading.estimate.high:.3f}, {reading.estimate.n} labels)"
        for reading in figures
        if reading.metric == "accuracy" and reading.source == ALL and reading.slice == ALL
    }
    metadata: dict[str, Any] = {
        "reward_version": registered.reward_version,
        "promoted": registered.verdict.promoted,
        "reason": registered.verdict.reason,
        "pairs": pairs,
        "mlflow_version": registered.mlflow_version,
        "mlflow_run": registered.run_id,
        "epochs": len(trained.fitted.losses),
        **accuracies,
        "over_optimised": found.sweep.falls,
        "length_frontier": _frontier_table(found.frontier),
        "picture": MetadataValue.md(f"![training](data:image/png;base64,{base64.b64encode(picture).decode()})"),
    }
    return Report(_table(rows), metadata)


def _frontier_table(frontier: Sequence[Frontier]) -> MetadataValue:
    lines = [f"| {one.penalty:g} | {one.correlation:+.3f} | {one.accuracy:.3f} |" for one in frontier]
    head = ["| penalty per log length | correlation with length | accuracy |", "|---|---|---|"]
    return MetadataValue.md("\n".join([*head, *lines]))


def picture_of(trained: Trained, found: Findings) -> bytes:
    """The training as a PNG."""
    curves = {"fitted": trained.fitted.losses, "tuning": trained.fitted.tuning_losses}

    def draw(figure: Any) -> None:
        draw_training(figure, curves, trained.model, trained.split.held_out, found.frontier, found.sweep)

    return drawn_by(draw)


def skipped(found: Skipped, pairs: int) -> Report:
    row = _row("skipped", None, found.reason) | {"n": pairs}
    return Report(_table([row]), {"skipped": found.reason, "pairs": pairs})


def _row(metric: str, registered: Registered | None, reason: str) -> dict[str, object]:
    """A row that says why there is no figure."""
    return {
        "reward_version": registered.reward_version if registered else None,
        "metric": metric,
        "horizon": "all",
        "source": "all",
        "slice": "all",
        "value": None,
        "low": None,
        "high": None,
        "n": 0,
        "users": 0,
        "promoted": registered.verdict.promoted if registered else False,
        "reason": reason,
    }


def _table(rows: list[dict[str, object]]) -> pa.Table:
    import pyarrow as pa

    from evalloop_assets.lake.delta import arrow_schema

    schema = arrow_schema(REWARD_MODEL_REPORT)
    return pa.Table.from_pylist(rows, schema=schema.remove(schema.get_field_index("day")))


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
