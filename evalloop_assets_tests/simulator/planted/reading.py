"""Queries over the log and the truth of a served home, and how far a figure may lie from the page's."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd

from evalloop_assets.logs.contract import LOG_TABLES, LONG_TEXTS, MAX_ID_CHARS, MAX_TEXT_CHARS
from evalloop_assets.logs.evaluation_contract import BENCHMARK_SCORES, EVALUATION_TABLES
from evalloop_assets_tests.simulator.served import home

SEED = 1
FIRST_DAY = date(2026, 3, 2)
CANDIDATES = {
    "healthy": {"dazzling", "charming", "warm", "plotting", "faithful", "steady"},
    "padding": {"padding"},
    "slow_harm": {"eroding"},
    "novelty": {"shiny"},
    "a_a": {"same"},
    "dirty": {"steady"},
    "thin": {"steady"},
    "drift": {"dazzling", "plotting"},
    "regen_spike": {"broken-off"},
}
USERS = {"thin": (130, 3), "healthy": (1600, 70)}
CLEAN = sorted(set(CANDIDATES) - {"dirty"})
REFERENCES = {"ref-dull", "ref-plain", "ref-rich"}
ATTENTIVE, TELLING = ["dazzling", "charming", "warm"], ["plotting", "faithful", "steady"]
DIMENSIONS = ["instant", "momentum", "payoff", "freshness", "consistency", "hollow", "satiety"]


def days_of(name: str) -> int:
    return 12 if name in ("slow_harm", "novelty") else 10


def day(number: int) -> pd.Timestamp:
    return pd.Timestamp(FIRST_DAY + timedelta(days=number))


TRIAL = day(2)
DELIVERED = tuple(
    name for name, schema in LOG_TABLES.items() if schema not in EVALUATION_TABLES or schema is BENCHMARK_SCORES
)
"""Tables of the contract that a simulated product delivers."""


@cache
def connection(name: str) -> duckdb.DuckDBPyConnection:
    """The log tables with `file` and `place`, the truth tables with `served`: the day in the name of their file."""
    folder, opened = home(name, SEED), duckdb.connect()
    for table in DELIVERED:
        opened.execute(
            f"CREATE VIEW {table} AS SELECT CAST(parse_filename(filename, true) AS DATE) AS file, "
            f"file_row_number AS place, * EXCLUDE (filename, file_row_number) "
            f"FROM read_parquet('{folder}/landing/{table}/*.parquet', filename = true, file_row_number = true)"
        )
    for table in ("turns", "conversations", "users", "battles", "dirt"):
        opened.execute(
            f"CREATE VIEW truth_{table} AS SELECT CAST(parse_filename(filename, true) AS DATE) AS served, "
            f"* EXCLUDE filename FROM read_parquet('{folder}/truth/{table}/*.parquet', filename = true)"
        )
    return opened


@cache
def ask(name: str, query: str) -> pd.DataFrame:
    return connection(name).execute(query).df()


def one(name: str, query: str):
    return connection(name).execute(query).fetchone()


class Gap(NamedTuple):
    by: float
    error: float


def gap(values: pd.Series, treated: pd.Series, users: pd.Series) -> Gap:
    """Treated less others, with the standard error that clusters by user."""
    values, treated = values.astype(float), treated.astype(bool)
    by = values[treated].mean() - values[~treated].mean()
    error = (values - values[treated].mean()) / treated.sum() * treated
    error = error - (values - values[~treated].mean()) / (~treated).sum() * ~treated
    return Gap(by, float(np.sqrt((error.groupby(users).sum() ** 2).sum())))


def assert_within(found: Gap, low: float, high: float, errors: float = 2) -> None:
    assert low - errors * found.error <= found.by <= high + errors * found.error, found


def icc(groups: pd.Series, values: pd.Series) -> float:
    """Share of the variance that lies between groups, by analysis of variance."""
    each = values.astype(float).groupby(groups).agg(["size", "mean", "var"])
    count, total = len(each), each["size"].sum()
    between = (each["size"] * (each["mean"] - values.mean()) ** 2).sum() / (count - 1)
    within = ((each["size"] - 1) * each["var"].fillna(0)).sum() / (total - count)
    size = (total - (each["size"] ** 2).sum() / total) / (count - 1)
    return float((between - within) / (between + (size - 1) * within))


def agree(found: set[str], true: set[str], precision: float = 0.95, recall: float = 0.95) -> None:
    assert found
    assert len(found & true) >= precision * len(found), len(found - true)
    assert len(found & true) >= recall * len(true), len(true - found)


def assert_rate(count: int, of: int, rate: float, slack: float = 0.05) -> None:
    """At about this rate: four standard errors, and five per cent for what the edges of a log hide."""
    assert abs(count / of - rate) <= 4 * np.sqrt(rate * (1 - rate) / of) + slack * rate, (count, of, count / of)


@cache
def truth_of_trial(name: str, table: str) -> pd.DataFrame:
    """Rows of a truth table on days of the trial; `treated` where the model is a candidate."""
    found = ask(name, f"SELECT * FROM truth_{table} WHERE served >= DATE '{TRIAL:%Y-%m-%d}' AND model_id IS NOT NULL")
    return found.assign(treated=found.model_id != "incumbent", trial_day=(found.served - TRIAL).dt.days)


@cache
def next_days(name: str) -> pd.DataFrame:
    """From the log alone: each day a user of the trial opened the app, and whether on the next, local days, too.

    Only users randomised as users, from their assignment on; the last day has no next one.
    """
    return ask(
        name,
        f"""
        WITH opened AS (
            SELECT DISTINCT user_id, CAST(opened_at + to_minutes(utc_offset_minutes) AS DATE) AS on_day FROM visits
        ), arms AS (
            SELECT user_id, any_value(model_id) AS model_id, any_value(arm) = 'treatment' AS treated,
                CAST(min(assigned_at) AS DATE) AS since
            FROM assignments WHERE unit = 'user' GROUP BY user_id HAVING count(DISTINCT arm) = 1
        )
        SELECT o.user_id, a.model_id, a.treated, o.on_day, n.user_id IS NOT NULL AS returned
        FROM opened AS o JOIN arms AS a ON a.user_id = o.user_id AND o.on_day >= a.since
        LEFT JOIN opened AS n ON n.user_id = o.user_id AND n.on_day = o.on_day + 1
        WHERE o.on_day < DATE '{day(days_of(name) - 1):%Y-%m-%d}'
        """,
    )


def faults(table: str) -> str:
    """Condition: the row breaks the log contract."""
    broken = []
    for column in LOG_TABLES[table].columns:
        name = f'"{column.name}"'
        if column.required:
            broken.append(f"{name} IS NULL")
        if column.type == "VARCHAR":
            limit = MAX_TEXT_CHARS if column.name in LONG_TEXTS else MAX_ID_CHARS
            broken += [f"length({name}) > {limit}", f"contains({name}, chr(0))"]
            broken += [f"trim({name}) = ''"] if column.required else []
            broken += [f"{name} NOT IN {(*column.choices, '')}"] if column.choices else []
        if column.type == "TIMESTAMP":
            broken += [f"year({name}) < 2000", f"{name} > CAST(file AS TIMESTAMP) + INTERVAL 2 DAY"]
        if column.type == "DOUBLE":
            broken.append(f"NOT isfinite({name})")
        broken += [f"{name} < {column.minimum}"] if column.minimum is not None else []
        broken += [f"{name} > {column.maximum}"] if column.maximum is not None else []
    return " OR ".join(f"coalesce({each}, false)" for each in broken)


def weights(rows: pd.DataFrame, outcome: pd.Series) -> pd.Series:
    """Weight of each dimension in an outcome, by least squares."""
    known = np.column_stack([rows[DIMENSIONS].to_numpy(float), np.ones(len(rows))])
    return pd.Series(np.linalg.lstsq(known, outcome.to_numpy(float), rcond=None)[0][:-1], index=DIMENSIONS)


def win_rates(name: str) -> pd.Series:
    fought = ask(name, "SELECT model_a, model_b, outcome FROM battles")
    won = fought.outcome.map({"a": 1.0, "b": 0.0}).fillna(0.5)
    sides = pd.concat([pd.Series(won.to_numpy(), fought.model_a), pd.Series(1 - won.to_numpy(), fought.model_b)])
    return sides.groupby(level=0).mean()


def tastes(name: str) -> pd.DataFrame:
    """What a reply is to its reader beyond its quality, which is the taste for voice and character."""
    rows = ask(
        name,
        """
        SELECT t.user_id, t.model_id, c.character_id, t.served, t.utility - t.quality AS taste
        FROM truth_turns AS t JOIN truth_conversations AS c USING (conversation_id)
        """,
    )
    return rows.assign(late=rows.served >= day(5))
