"""Every transform on Spark gives the rows of DuckDB, in this process and on a standalone master with two workers."""

import os
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from evalloop_assets.lake.assets import TRANSFORMS, run_transform
from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.constants import constants
from evalloop_assets.lake.dialect import broken_rules
from evalloop_assets.lake.engine import DataFile, View, WrongColumns, columns_of, select_all
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.spark import SparkEngine
from evalloop_assets.lake.spark_session import SparkSetup, require_spark, spark_session, stop_spark
from evalloop_assets.lake.sql import SqlTransform
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import EngineSettings, Settings, SparkSettings
from evalloop_assets_tests.evaluation.bad_cases import test_bad_signals as bad_signals
from evalloop_assets_tests.lake.engines import (
    DAYS,
    QUICK_JAVA,
    TUNED,
    assert_same_rows,
    compute,
    deliver_log,
    same,
    standalone_spark,
)
from evalloop_assets_tests.reward_model import test_retention as retention
from evalloop_assets_tests.reward_model import test_trajectory_returns as returns

try:
    require_spark()
except UserError as error:
    pytest.skip(str(error), allow_module_level=True)

pytestmark = pytest.mark.long
ON_WORKERS = ("sessions", "horizon_labels")


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    landing = tmp_path_factory.mktemp("log") / "landing"
    deliver_log(landing, tmp_path_factory.mktemp("product"))
    return landing


@pytest.fixture(scope="module")
def on_duckdb(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A home whose tables DuckDB computed."""
    settings = Settings(home=tmp_path_factory.mktemp("duckdb"))
    compute(settings, log)
    return settings


@pytest.fixture(scope="module")
def on_spark(log: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """A home whose tables Spark computed, from the same log."""
    spark = SparkSettings(memory="1g", shuffle_partitions=2, options=TUNED)
    settings = Settings(home=tmp_path_factory.mktemp("spark"), engine=EngineSettings(kind="spark"), spark=spark)
    working_folder = sorted(os.listdir())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JDK_JAVA_OPTIONS", QUICK_JAVA)
        compute(settings, log)
        assert sorted(os.listdir()) == working_folder
        yield settings
    stop_spark()


@pytest.fixture
def engine(on_spark: Settings) -> SparkEngine:
    found = open_lake(on_spark).engine
    assert isinstance(found, SparkEngine)
    return found


@pytest.mark.parametrize(
    "table", sorted({*TRANSFORMS} - {"trajectory_returns", "reward_retention", "bad_case_groups", "training_cases"})
)
def test_a_chain_on_spark_gives_the_tables_of_a_chain_on_duckdb(on_duckdb: Settings, on_spark: Settings, table: str):
    expected = open_lake(on_duckdb).read(table, DAYS)
    assert expected.num_rows, f"the log says nothing about {table}"
    assert_same_rows(open_lake(on_spark).read(table, DAYS), expected, TRANSFORMS[table].schema.key)


class Noted(SparkEngine):
    """Spark that keeps the rows which it wrote, whether the lake then took them in or not."""

    rows: pa.Table

    def __init__(self, setup: SparkSetup, lake: Lake) -> None:
        super().__init__(setup)
        self.reader = lake.reader

    def write(self, query: str, views: Mapping[str, View], schema: TableSchema, folder: str) -> list[DataFile]:
        files = super().write(query, views, schema, folder)
        view = View(columns_of(schema), [f"{folder}/{file.path}" for file in files])
        self.rows = self.reader.fetch(select_all(view.columns, "t"), {"t": view}, {})
        assert self.rows.num_rows == sum(file.rows for file in files)
        assert all(Path(folder, file.path).stat().st_size == file.size for file in files)
        return files


def test_two_workers_compute_the_rows_of_duckdb_and_the_lake_finds_nothing_changed(
    on_duckdb: Settings, on_spark: Settings, tmp_path: Path
):
    """`on_spark` goes first: one context at a time."""
    lake = open_lake(on_duckdb)
    with standalone_spark(tmp_path) as master:
        setup = SparkSetup(master, str(tmp_path / "home"), memory="512m", shuffle_partitions=4, options=TUNED)
        engine = Noted(setup, lake)
        changed = {}
        for table in ON_WORKERS:
            commit = run_transform(Lake(lake.root, lake.reader, engine), TRANSFORMS[table], DAYS, on_duckdb)
            assert_same_rows(engine.rows, lake.read(table, DAYS), TRANSFORMS[table].schema.key)
            changed[table] = commit.changed
        executors = spark_session(setup)._jsparkSession.sparkContext().getExecutorMemoryStatus().size() - 1
        stop_spark()
    assert executors == 2
    assert changed == dict.fromkeys(ON_WORKERS, ()), "the lake takes the last digits of floats for a change"


WORDS = pa.table(
    {
        "k": pa.array(range(8), pa.int64()),
        "s": ["bye\n", "bye\r", "ß", None, "", "É", "a\u2028b", "xyxy"],
        "d": [1e20, 1e-7, float("nan"), None, 5e-1, -25e-1, 0.0, 2.0],
        "n": pa.array([3, 1, None, 7, 7, 1, 3, 2], pa.int64()),
    }
)
DIFFERENT = [
    "SELECT k, upper(s) AS r FROM t",
    "SELECT k, CAST(d * 1e0 AS VARCHAR) AS r FROM t",
    "SELECT k, log(k + 10) AS r FROM t",
    "SELECT k, sign(d) AS r FROM t",
    "SELECT k, isnan(d) AS r FROM t",
    "SELECT k, unicode(s) AS r FROM t",
    "SELECT k, dayofweek(DATE '2026-03-02') AS r FROM t",
    "SELECT k, extract(dow FROM DATE '2026-03-02') AS r FROM t",
    "SELECT k, monthname(DATE '2026-03-02') AS r FROM t",
    "SELECT k, format('{}', n) AS r FROM t",
    "SELECT k, printf('%d', n) AS r FROM t",
    "SELECT k, list_distinct([2, 1, 2]) AS r FROM t",
    "SELECT k, regexp_matches(s, 'BYE', 'i') AS r FROM t",
    "SELECT k, regexp_matches(s, '(?i)é') AS r FROM t",
    "SELECT k, regexp_replace(s, '(x)', '\\1\\1', 'g') AS r FROM t",
    "SELECT k, substring(s, 0, 2) AS r FROM t",
    "SELECT k, left(s, -1) AS r FROM t",
    "SELECT 0 AS k, list_sort(list(n)) AS r FROM t",
    "SELECT 0 AS k, mode(n) AS r FROM t",
    "SELECT 0 AS k, kurtosis(n) AS r FROM t",
    "SELECT 0 AS k, skewness(n) AS r FROM t",
    "SELECT 0 AS k, corr(n, 1e0) AS r FROM t",
    "SELECT 0 AS k, percentile_cont(25e-2) WITHIN GROUP (ORDER BY k DESC) AS r FROM t",
    "SELECT 0 AS k, percentile_disc(75e-2) WITHIN GROUP (ORDER BY k DESC) AS r FROM t",
]
MANY = 105
"""Spark follows a recursion for 100 steps unless it is told otherwise."""
EQUAL = [
    "SELECT k, regexp_matches(s, 'e$') AS r FROM t",
    "SELECT k, regexp_matches(s, 'a.b') AS r FROM t",
    "SELECT k, regexp_matches(s, '[[:alpha:]]\\b') AS r FROM t",
    "SELECT k, lower(concat(s, 'İΣ ΟΔΟΣ')) AS r FROM t",
    "SELECT k, ln(k * 1e0) AS r FROM t",
    "SELECT k, epoch_ms(TIMESTAMP '1969-12-31 23:59:59.9995') / 1e3 AS r FROM t",
    "SELECT 0 AS k, NULLIF(corr(n, 1e0), CAST('NaN' AS DOUBLE)) AS r FROM t",
    "SELECT 0 AS k, list_sort(list(n) FILTER (WHERE n IS NOT NULL)) AS r FROM t",
    "SELECT 0 AS k, percentile_cont(25e-2) WITHIN GROUP (ORDER BY n) AS r FROM t",
    f"WITH RECURSIVE t AS (SELECT 1 AS k, 1 AS r UNION ALL SELECT k + 1, r FROM t WHERE k < {MANY}) SELECT k, r FROM t",
]


def agree(on_duckdb: Settings, engine: SparkEngine, query: str) -> bool:
    """Whether the engines agree on the value `r` of every row `k`."""
    views = {"t": View({}, rows=WORDS)}
    ours, theirs = (one.fetch(query, views, {}).to_pylist() for one in (open_lake(on_duckdb).reader, engine))
    found = {row["k"]: row["r"] for row in theirs}
    return len(ours) == len(theirs) and all(
        same(row["r"], found[row["k"]]) or (not isinstance(row["r"], (bool, str)) and row["r"] == found[row["k"]])
        for row in ours
    )


@pytest.mark.parametrize("query", DIFFERENT)
def test_what_the_dialect_refuses_differs_without_a_word(on_duckdb: Settings, engine: SparkEngine, query: str):
    assert broken_rules(query)
    assert not agree(on_duckdb, engine, query)


@pytest.mark.parametrize("query", EQUAL)
def test_what_the_translation_puts_right_agrees(on_duckdb: Settings, engine: SparkEngine, query: str):
    assert broken_rules(query) == []
    assert agree(on_duckdb, engine, query)


def test_returns_on_spark_are_those_on_duckdb(on_duckdb: Settings, engine: SparkEngine):
    """Their chain has a reward model in it, which no query makes."""
    transform, clock = returns.TRANSFORM, Clock(returns.FIRST + timedelta(days=8), None)
    views = {name: View({}, rows=rows) for name, rows in returns.tables(returns.log()).items()}
    views |= constants(transform, returns.SETTINGS, clock)
    expected, found = (one.fetch(transform.query, views, {}) for one in (open_lake(on_duckdb).reader, engine))
    assert expected.num_rows == 150
    assert_same_rows(found.cast(expected.schema), expected, transform.schema.key)


def test_reward_against_retention_on_spark_is_that_on_duckdb(on_duckdb: Settings, engine: SparkEngine):
    names = ("rewards", "horizon_labels")
    views = {name: View({}, rows=pa.Table.from_pandas(rows)) for name, rows in zip(names, retention.log(), strict=True)}
    query = retention.TRANSFORM.query
    expected, found = (one.fetch(query, views, {}) for one in (open_lake(on_duckdb).reader, engine))
    assert expected.num_rows == 3
    assert_same_rows(found.cast(expected.schema), expected, ("day", "model_id"))


@pytest.mark.parametrize("transform", [bad_signals.SIGNALS, bad_signals.GROUPS, bad_signals.TRAINING])
def test_bad_cases_on_spark_are_those_on_duckdb(on_duckdb: Settings, engine: SparkEngine, transform: SqlTransform):
    views = {name: View({}, rows=pa.Table.from_pandas(rows)) for name, rows in bad_signals.log().items()}
    views["bad_cases"] = View({}, rows=pa.Table.from_pandas(bad_signals.cases()))
    expected, found = (one.fetch(transform.query, views, {}) for one in (open_lake(on_duckdb).reader, engine))
    assert expected.num_rows
    assert_same_rows(found.cast(expected.schema), expected, transform.schema.key)


def test_wrong_columns_are_refused_and_nothing_is_written(engine: SparkEngine, tmp_path: Path):
    schema = TableSchema("fruit", "one fruit", (Column("n", "BIGINT", "count"),), ("n",))
    with pytest.raises(WrongColumns, match="fruit"):
        engine.write("SELECT DATE '2026-03-02' AS day, 'x' AS n", {}, schema, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_old_files_without_a_new_column_and_empty_tables_read_as_null_and_empty(engine: SparkEngine, tmp_path: Path):
    narrow = TableSchema("fruit", "one fruit", (Column("n", "BIGINT", "count"),), ("n",))
    files = engine.write("SELECT DATE '2026-03-02' AS day, 1 AS n", {}, narrow, str(tmp_path))
    wide = View({"day": "DATE", "n": "BIGINT", "names": "VARCHAR[]"}, [str(tmp_path / file.path) for file in files])
    empty = View({"day": "DATE", "n": "BIGINT"})
    query = "SELECT wide.day, wide.n, wide.names, empty.n AS other FROM wide LEFT JOIN empty ON empty.n = wide.n"
    found = engine.fetch(query, {"wide": wide, "empty": empty}, {}).to_pylist()
    assert [list(row.values())[1:] for row in found] == [[1, None, None]]
    assert [path.name for path in tmp_path.iterdir()] == ["day=2026-03-02"], "nothing is left of the writing"
