"""Reading the stage's input tables and writing its own, one day at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.store import Inputs
from evalloop_assets.online_ab.results import Result, Units, compare
from evalloop_assets.settings import Settings

# Totals are counts and milliseconds: rounded, their sum does not depend on the order in which threads add them.
PER_USER = """
    SELECT experiment_id, unit, metric, epoch, user_id, arm, CAST(sum(units) AS DOUBLE) AS units,
        round(sum(total), 6) AS total,
        CAST(sum(eligible) AS DOUBLE) AS eligible,
        coalesce(min(CASE WHEN units > 0 THEN day END), min(day)) - DATE '1970-01-01' AS first_day,
        coalesce(max(CASE WHEN units > 0 THEN day END), max(day)) - DATE '1970-01-01' AS last_day
    FROM experiment_users
    GROUP BY experiment_id, unit, metric, epoch, user_id, arm
    ORDER BY experiment_id, unit, metric, user_id, epoch, arm
"""

ARM_MODELS = """
    SELECT experiment_id, arm, min(model_id) AS model_id
    FROM assignments
    WHERE arm IN ('control', 'treatment')
    GROUP BY experiment_id, arm
"""

DAILY_USERS = "SELECT count(DISTINCT user_id) AS users FROM sessions"


def rows_of(schema: TableSchema, day: date, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    return pa.Table.from_pylist([{"day": day, **row} for row in rows], arrow_schema(schema))


def results_of(inputs: Inputs, settings: Settings) -> list[Result]:
    """Results of every experiment and unit in the window."""
    models: dict[str, dict[str, str]] = defaultdict(dict)
    for row in inputs.query(ARM_MODELS).to_pylist():
        models[row["experiment_id"]][row["arm"]] = row["model_id"]
    return [
        result
        for experiment_id, unit, rows in _groups(inputs.query(PER_USER))
        for result in compare(
            experiment_id,
            unit,
            rows,
            models[experiment_id],
            settings.ab.planned_users,
            settings.ab.alpha,
            settings.ab.spending,
        )
    ]


def read_results(inputs: Inputs) -> dict[str, list[Result]]:
    """Rows of `experiment_results` by experiment."""
    found: dict[str, list[Result]] = defaultdict(list)
    columns = ", ".join(Result.__dataclass_fields__)
    for row in inputs.query(
        f"SELECT {columns} FROM experiment_results ORDER BY experiment_id, unit, metric"
    ).to_pylist():
        found[row["experiment_id"]].append(Result(**row))
    return dict(found)


def daily_users(inputs: Inputs) -> int:
    return int(inputs.query(DAILY_USERS).column("users")[0].as_py())


def units_of(rows: pa.Table) -> Units:
    """Rows of PER_USER of one experiment and unit; text becomes numbers."""
    (metrics, metric), (epochs, epoch), (_, user) = (
        _codes(rows.column(name)) for name in ("metric", "epoch", "user_id")
    )
    treated = pc.equal(rows.column("arm"), "treatment").to_numpy()
    numbers = (rows.column(name).to_numpy().astype(np.float64) for name in ("units", "total", "eligible"))
    days = (rows.column(name).to_numpy() for name in ("first_day", "last_day"))
    return Units(metrics, metric, epochs, epoch, user, treated, *numbers, *days)


def _codes(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    encoded = column.combine_chunks().dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _groups(rows: pa.Table) -> Iterator[tuple[str, str, Units]]:
    """Split rows sorted by experiment and unit."""
    keys = rows.group_by(["experiment_id", "unit"], use_threads=False).aggregate([([], "count_all")]).to_pylist()
    first = 0
    for key in keys:
        yield key["experiment_id"], key["unit"], units_of(rows.slice(first, key["count_all"]))
        first += key["count_all"]
