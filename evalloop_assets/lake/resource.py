"""The lake as a Dagster resource: a root, DuckDB in memory with its limits, and Spark where it is asked for."""

import uuid
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import ConfigurableResource, InitResourceContext
from dagster_duckdb import DuckDBResource
from pydantic import ByteSize, Field, PrivateAttr, TypeAdapter

from evalloop_assets.lake.engine import DuckDBEngine, Engine
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.opened import OpenTables
from evalloop_assets.lake.spark import SparkEngine
from evalloop_assets.lake.spark_session import SparkSetup
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

BYTES_A_ROW = 1_000
"""Memory for a row of a step's largest input. The widest step, `reading`, takes twice as much and spills a little;
smaller parts would read the days around them more often, which costs more (docs/decisions/0012)."""
DUCKDBS_OWN_THRESHOLD = 524_288
"""Rows that a thread of a partitioned COPY holds back, where nobody says otherwise."""


class LakeResource(ConfigurableResource[Lake]):
    """Opens the lake for a step."""

    root: str = Field(description="a folder or an object store URL")
    duckdb: DuckDBResource

    spill: str = Field(description="folder that runs spill to, each in one of its own")

    rows_at_once: int = Field(description="rows of a step's largest input for which memory will do")

    spark: dict[str, Any] | None = Field(None, description="set-up of Spark, where it runs the transforms")

    _reader: DuckDBEngine | None = PrivateAttr(None)
    _opened: OpenTables = PrivateAttr(default_factory=OpenTables)

    def open(self) -> Lake:
        """A lake with pinned versions of its own; those of one resource share a DuckDB and open tables."""
        if self._reader is None:
            self._reader = self._duckdb_engine()
        engine: Engine | None = SparkEngine(SparkSetup(**self.spark)) if self.spark else None
        return Lake(self.root, self._reader, engine, opened=self._opened)

    def teardown_after_execution(self, context: InitResourceContext) -> None:
        if self._reader is not None:
            self._reader.close()

    def _duckdb_engine(self) -> DuckDBEngine:
        config = {**self.duckdb.connection_config, "temp_directory": f"{self.spill}/{uuid.uuid4().hex}"}
        duckdb = DuckDBResource(database=self.duckdb.database, connection_config=config)
        root, spill = self.root, Path(self.spill)

        def connect() -> "AbstractContextManager[DuckDBPyConnection]":
            spill.mkdir(parents=True, exist_ok=True)  # DuckDB makes the last folder of a path only
            return duckdb.get_connection()

        if "://" not in root:
            return DuckDBEngine(connect, rows_at_once=self.rows_at_once)
        from evalloop_assets.lake.remote import filesystem

        return DuckDBEngine(connect, lambda: filesystem(root), self.rows_at_once)


def lake_resource(settings: Settings) -> LakeResource:
    """The lake that the settings name; it spills into the home folder."""
    rows = TypeAdapter(ByteSize).validate_python(settings.engine.memory_limit) // BYTES_A_ROW
    return LakeResource(
        root=settings.lake_root,
        spill=str(settings.home.resolve() / "spill"),
        rows_at_once=rows,
        spark=spark_setup(settings) if settings.engine.kind == "spark" else None,
        duckdb=DuckDBResource(
            database=":memory:",
            connection_config={
                "memory_limit": settings.engine.memory_limit,
                "threads": settings.engine.threads,
                "preserve_insertion_order": False,
                # What a thread holds back for the files of its days cannot be spilled: a quarter of the memory for all.
                "partitioned_write_flush_threshold": min(DUCKDBS_OWN_THRESHOLD, rows // (4 * settings.engine.threads)),
            },
        ),
    )


def spark_setup(settings: Settings) -> dict[str, Any]:
    """Fields of the SparkSetup that the settings ask for."""
    return {"home": str(settings.home.resolve() / "spark"), **settings.spark.model_dump()}


def open_lake(settings: Settings) -> Lake:
    """The same lake outside Dagster, for the command line."""
    home = settings.home
    try:
        Path(home).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(
            f"folder {home}", error.strerror or str(error), "Set EVALLOOP_HOME to a writable folder."
        ) from error
    return lake_resource(settings).open()
