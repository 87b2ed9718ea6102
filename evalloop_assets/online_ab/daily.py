"""Reading the stage's input tables and writing its own, one day at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
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
from evalloop_assets.online_ab.slices import SliceResult, sliced
from evalloop_assets.settings import Settings

SUMS = ("chat_send", "chat_duration", "depth", "next_message", "latency", "cost")
"""Metrics of which one user may have any amount."""

# Totals are counts and milliseconds: rounded, their sum does not depend on the order in which threads add them.
PER_USER = """
    SELECT experiment_id, unit, metric, epoch, user_id, arm, CAST(sum(units) AS DOUBLE) AS units,
        round(sum(total), 6) AS total,
        CAST(sum(eligible) AS DOUBLE) AS eligible,
        coalesce(min(CASE WHEN units > 0 THEN day END), min(day)) - DATE '1970-01-01' AS first_day,
        coalesce(max(CASE WHEN units > 0 THEN day END), max(day)) - DATE '1970-01-01' AS last_day
    FROM (
        SELECT day, experiment_id, unit, metric, epoch, user_id, arm, units, total, eligible FROM experiment_users
        UNION ALL
        SELECT day, experiment_id, unit, metric, epoch, user_id, arm, units, total, eligible FROM experiment_returns
    )
    GROUP BY experiment_id, unit, metric, epoch, user_id, arm
    ORDER BY experiment_id, unit, metric, user_id, epoch, arm
"""

PEOPLE = """
    SELECT experiment_id, unit, user_id, locale, channel, role_type, product_line, seniority,
        ln(1 + replies_before) AS replies_before, CAST(days_before AS DOUBLE) AS days_before
    FROM experiment_people
"""
COVARIATES = ("replies_before", "days_before")
DIMENSIONS = ("locale", "channel", "role_type", "product_line", "seniority")

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
    caps = dict.fromkeys(SUMS, settings.ab.winsorise_quantile)
    return [
        result
        for experiment_id, unit, rows in _groups(inputs, settings)
        for result in compare(
            experiment_id,
            unit,
            rows,
            models[experiment_id],
            settings.ab.planned_users,
            settings.ab.alpha,
            settings.ab.spending,
            caps,
        )
    ]


def slices_of(inputs: Inputs, settings: Settings) -> list[SliceResult]:
    """Results of every slice of every experiment and unit in the window."""
    caps = dict.fromkeys(SUMS, settings.ab.winsorise_quantile)
    return [
        result
        for experiment_id, unit, rows in _groups(inputs, settings)
        for result in sliced(experiment_id, unit, rows, settings.ab.minimum_users, caps)
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


def units_of(rows: pa.Table, people: pa.Table | None = None) -> Units:
    """Rows of PER_USER of one experiment and unit; text becomes numbers. `people` are their rows of PEOPLE."""
    (metrics, metric), (epochs, epoch), (users, user) = (
        _codes(rows.column(name)) for name in ("metric", "epoch", "user_id")
    )
    treated = pc.equal(rows.column("arm"), "treatment").to_numpy()
    numbers = (rows.column(name).to_numpy().astype(np.float64) for name in ("units", "total", "eligible"))
    days = (rows.column(name).to_numpy() for name in ("first_day", "last_day"))
    found = Units(metrics, metric, epochs, epoch, user, treated, *numbers, *days)
    if people is None:
        return found
    told = people.take(pc.index_in(pa.array(users), people.column("user_id").combine_chunks()))
    before = [told.column(name).to_numpy().astype(np.float64) for name in COVARIATES]
    slices = {name: _codes(told.column(name)) for name in DIMENSIONS}
    return replace(found, covariates=np.stack(before, axis=1), slices=slices)


def _codes(column: pa.ChunkedArray) -> tuple[list[str], NDArray[np.int64]]:
    """The values, and the index of each row's; -1 for NULL."""
    encoded = column.combine_chunks().dictionary_encode()
    indices = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    return encoded.dictionary.to_pylist(), indices


def _groups(inputs: Inputs, settings: Settings) -> Iterator[tuple[str, str, Units]]:
    """Experiment, unit and what its users add."""
    rows, people = inputs.query(PER_USER), inputs.query(PEOPLE)
    keys = rows.group_by(["experiment_id", "unit"], use_threads=False).aggregate([([], "count_all")]).to_pylist()
    first = 0
    for key in keys:
        experiment_id, unit = key["experiment_id"], key["unit"]
        here = pc.and_(pc.equal(people["experiment_id"], experiment_id), pc.equal(people["unit"], unit))
        units = units_of(rows.slice(first, key["count_all"]), people.filter(here))
        yield experiment_id, unit, units if settings.ab.cuped else replace(units, covariates=None)
        first += key["count_all"]
