"""Rows of `model_values` from observations: benchmarks, judges, and online metrics over windows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from evalloop_assets.evaluation.offline.blocks import Cells, effects, scores_of
from evalloop_assets.evaluation.offline.scores import Floats, Scores

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]
LEAST_CLUSTERS = 30
"""Users or items of a model below which a clustered error is too small more often than not, and is not told."""


def metric_rows(observed: pa.Table, kind: str, name: str, day: date, windows: Sequence[int]) -> Iterator[Row]:
    """Of each window that ends with the day; `observed` has model, block, cluster, model_id, day, units, total."""
    days = observed.column("day").to_numpy().astype("datetime64[D]")
    for window in windows:
        first = np.datetime64(day - timedelta(days=window - 1), "D")
        yield from _rows(observed.filter(days >= first), kind, name, window)


def offline_rows(observed: pa.Table, kind: str) -> Iterator[Row]:
    """Of each name; `observed` has name, model, model_id, block, total: a block is a cluster too."""
    import pyarrow.compute as pc

    for name in pc.unique(observed.column("name")).to_pylist():
        yield from _rows(observed.filter(pc.equal(observed.column("name"), name)), kind, name, 0)


def published_rows(published: pa.Table, known: Sequence[Row]) -> Iterator[Row]:
    """Scores of whole benchmarks, of models without items of their own among the `known` rows."""
    have = {(row["name"], row["model_id"]) for row in known}
    for row in published.to_pylist():
        if (row["name"], row["model_id"]) not in have:
            yield {
                "kind": "benchmark",
                "name": row["name"],
                "window_days": 0,
                "model_id": row["model_id"],
                "value": row["score"],
                "se": row["standard_error"],
                "units": None,
                "clusters": None,
            }


def scores_in(rows: Sequence[Mapping[str, Any]]) -> Scores:
    """Rows of one name and window as scores; without those of unknown error that were not published so."""
    rows = [row for row in rows if row["se"] is not None or row["clusters"] is None]

    def column(name: str) -> Floats:
        return np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=np.float64)

    return Scores(tuple(row["model_id"] for row in rows), column("value"), column("se"))


def _rows(observed: pa.Table, kind: str, name: str, window: int) -> Iterator[Row]:
    model, block = (observed.column(one).to_numpy().astype(np.int64) for one in ("model", "block"))
    columns = observed.column_names
    cells = Cells(
        model=model,
        block=block,
        cluster=observed.column("cluster").to_numpy().astype(np.int64) if "cluster" in columns else block,
        units=observed.column("units").to_numpy() if "units" in columns else np.ones(len(model)),
        total=observed.column("total").to_numpy(),
    )
    names = dict(zip(model.tolist(), observed.column("model_id").to_pylist(), strict=True))
    found = effects(cells, max(names, default=-1) + 1)
    if found is None:
        yield from _alone(cells, names, kind, name, window)
        return
    unvaried = not found.covariance.any() and np.ptp(found.value) > 0
    scores = scores_of(found, [names.get(number, "") for number in range(max(names) + 1)])
    for place, model_id in enumerate(scores.models):
        yield {
            "kind": kind,
            "name": name,
            "window_days": window,
            "model_id": model_id,
            "value": float(scores.value[place]),
            "se": None if unvaried or found.clusters[place] < LEAST_CLUSTERS else float(scores.se[place]),
            "units": float(found.units[place]),
            "clusters": int(found.clusters[place]),
        }


def _alone(cells: Cells, names: Mapping[int, str], kind: str, name: str, window: int) -> Iterator[Row]:
    """Plain means without an error, where nothing can be compared: one model, or one user or item alone."""
    units, total = (np.bincount(cells.model, column) for column in (cells.units, cells.total))
    for number, model_id in sorted(names.items()):
        yield {
            "kind": kind,
            "name": name,
            "window_days": window,
            "model_id": model_id,
            "value": float(total[number] / units[number]),
            "se": None,
            "units": float(units[number]),
            "clusters": len(np.unique(cells.cluster[cells.model == number])),
        }
