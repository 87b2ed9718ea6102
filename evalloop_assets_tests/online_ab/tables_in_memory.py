"""The tables that results are computed from, as rows in memory."""

from datetime import date, datetime, timedelta

import duckdb
import numpy as np
import pyarrow as pa

import evalloop_assets.logs.contract
import evalloop_assets.online_ab.assets  # noqa: F401
from evalloop_assets.days import Days
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.engine import DuckDBEngine, View
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.store import Inputs
from evalloop_assets.online_ab.tables import READS

DAY = date(2026, 5, 10)


def inputs(**tables):
    """What `results_of` is given; tables without rows are empty."""
    views = {}
    for name in READS:
        rows = pa.Table.from_pylist(tables.get(name, []), arrow_schema(declared(name)))
        views[name] = View({}, rows=rows)
    return Inputs(views, {}, Clock(None, None), Days.one(DAY), DuckDBEngine(duckdb.connect))


def experiment(users=800, days=4, effect=0.0, seed=1, **people):
    """Rows of `experiment_users` and `experiment_people`, randomised by user; on each day the same number is new.

    What they write goes with what they wrote before; `people` are further columns of the people, arrays of users.
    """
    rng = np.random.default_rng(seed)
    habit = rng.gamma(4.0, 5.0, users)
    treated = rng.permutation(np.arange(users) % 2 == 1)
    replies = np.round(0.5 * habit + rng.gamma(2.0, 2.0, users) + effect * treated)
    known = {
        "experiment_id": "x", "unit": "user", "exposed_at": datetime(2026, 5, 1), "seniority": "existing",
        "sessions_before": 3, "days_before": 2,
    }  # fmt: skip
    told, rows = [], []
    for k in range(users):
        who = {"day": DAY - timedelta(days=days - 1 - k % days), "user_id": f"u{k}"}
        more = {name: None if values[k] is None else str(values[k]) for name, values in people.items()}
        told.append(known | who | more | {"replies_before": round(habit[k])})
        row = who | {"experiment_id": "x", "unit": "user", "epoch": "weight_05000", "units": 1, "eligible": 1}
        row["arm"] = "treatment" if treated[k] else "control"
        rows += [row | {"metric": "chat_send", "total": float(replies[k])}, row | {"metric": "exposure", "total": 0.0}]
    return {"experiment_users": rows, "experiment_people": told}
