"""Spark as an engine: the same SELECT over the same files, and Parquet files for the lake to commit.

Spark reads no Delta log, since the reader for it is not on PyPI: it is given the files of a version, and what it wrote
is committed as what DuckDB writes. Driver and workers see the lake under one path.
"""

from __future__ import annotations

import os
import re
import shutil
import uuid
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from evalloop_assets.lake.engine import DataFile, View, WrongColumns, columns_of
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.spark_session import SparkSetup, spark_session
from evalloop_assets.lake.spark_sql import spark_query, spark_steps, spark_type

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

_FAMILIES = {
    "tinyint": "whole", "smallint": "whole", "int": "whole", "bigint": "whole",
    "float": "fractional", "double": "fractional",
    "timestamp": "moment", "timestamp_ntz": "moment",
}  # fmt: skip


class SparkEngine:
    """Runs transforms on the process's Spark session; it starts with the first one."""

    rows_at_once = None
    """Spark splits its work itself."""

    def __init__(self, setup: SparkSetup) -> None:
        self.setup = setup

    def fetch(self, query: str, views: Mapping[str, View], parameters: Mapping[str, object]) -> pa.Table:
        session = spark_session(self.setup)
        _create(session, views)
        return session.sql(spark_query(query), args=dict(parameters)).toArrow()

    def write(self, query: str, views: Mapping[str, View], schema: TableSchema, folder: str) -> list[DataFile]:
        """As the protocol says; written beside the days first, so that jobs at once cannot tidy each other away."""
        if "://" in folder:
            raise UserError(
                f"the lake at {folder.rpartition('/')[0]}",
                "Spark needs jars for object stores that are not on PyPI",
                "Keep the lake in a folder that driver and workers share, or set EVALLOOP_ENGINE=duckdb.",
            )
        session = spark_session(self.setup)
        _create(session, views)
        steps, rest = spark_steps(query)
        for name, step in steps.items():
            session.sql(step).localCheckpoint().createOrReplaceTempView(name)
        found = _typed(session.sql(rest), schema)
        staging = Path(folder) / f"spark-{uuid.uuid4().hex}"
        try:
            found.hint("rebalance", "day").write.partitionBy("day").parquet(_located(str(staging)))
            return [_moved(path, Path(folder)) for path in sorted(staging.glob("day=*/*.parquet"))]
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _create(session: SparkSession, views: Mapping[str, View]) -> None:
    for name, view in views.items():
        if view.rows is not None:
            frame = session.createDataFrame(view.rows)
        else:
            declared = ", ".join(f"`{column}` {spark_type(type_)}" for column, type_ in view.columns.items())
            if view.files:
                root = _located(view.files[0].rpartition("/day=")[0])
                reader = session.read.schema(declared).option("basePath", root)
                frame = reader.parquet(*map(_located, view.files)).select(*(f"`{column}`" for column in view.columns))
            else:
                frame = session.createDataFrame([], declared)
        frame.createOrReplaceTempView(name)


def _located(path: str) -> str:
    """Hadoop takes what follows the scheme as it is, and would look elsewhere without one on some clusters."""
    return path if "://" in path else f"file://{os.path.abspath(path)}"


def _typed(found: DataFrame, schema: TableSchema) -> DataFrame:
    """The declared columns, whole numbers and moments in the declared width; WrongColumns where a kind differs."""
    from pyspark.sql.functions import col

    wanted = {name: spark_type(type_).lower() for name, type_ in columns_of(schema).items()}
    given = dict(found.dtypes)
    if {name: _family(type_) for name, type_ in given.items()} != {
        name: _family(type_) for name, type_ in wanted.items()
    }:
        raise WrongColumns(f"{schema.name}: declared {wanted}, the query gives {given} on Spark")
    return found.select(*(col(f"`{name}`").cast(type_).alias(name) for name, type_ in wanted.items()))


def _family(type_: str) -> str:
    return _FAMILIES.get(type_, type_)


def _moved(path: Path, folder: Path) -> DataFile:
    """One finished file, moved among the table's files."""
    import pyarrow.parquet as pq

    partition = path.parent.name
    to = folder / partition / f"{uuid.uuid4()}.parquet"
    to.parent.mkdir(exist_ok=True)
    rows, size = pq.read_metadata(path).num_rows, path.stat().st_size
    os.replace(path, to)
    day = re.fullmatch(r"day=(\d{4}-\d{2}-\d{2})", unquote(partition))
    assert day is not None
    return DataFile(f"{partition}/{to.name}", date.fromisoformat(day[1]), rows, size)
