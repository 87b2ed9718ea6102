"""The report of a training: figures on held-out users as rows, and what the UI shows beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from evalloop_assets.reward_model.evaluation import ALL, Reading, evaluate
from evalloop_assets.reward_model.registry import Registered
from evalloop_assets.reward_model.tables import REWARD_MODEL_REPORT
from evalloop_assets.reward_model.training import Skipped, Trained

if TYPE_CHECKING:
    import pyarrow as pa


def figures_of(trained: Trained, slices: pa.Table) -> list[Reading]:
    """All figures; `slices` has pair_id and columns such as locale, whose values are slices."""
    return trained.readings


class Report(NamedTuple):
    """Rows of `reward_model_report`, and what the UI shows beside them."""

    rows: pa.Table
    metadata: dict[str, Any]


def report(trained: Trained, figures: Sequence[Reading], registered: Registered, pairs: int) -> Report:
    """What is known of a model that was registered."""
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
    if not rows:
        rows = [_row("untested", registered, "no decided label of a held-out user")]
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
    }
    return Report(_table(rows), metadata)


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
