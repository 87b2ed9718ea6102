"""The lake as a Dagster resource: a root, DuckDB in memory with its limits, and Spark where it is asked for."""

import uuid
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster import ConfigurableResource
from dagster_duckdb import DuckDBResource
from pydantic import Field

from evalloop_assets.lake.engine import DuckDBEngine, Engine
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.spark import SparkEngine
from evalloop_assets.lake.spark_session import SparkSetup
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


class LakeResource(ConfigurableResource[Lake]):
    """Opens the lake for a step."""

    root: str = Field(description="a folder or an object store URL")
    duckdb: DuckDBResource

    spill: str = Field(description="folder that steps spill to, each in one of its own")

    spark: dict[str, Any] | None = Field(None, description="set-up of Spark, where it runs the transforms")

    def open(self) -> Lake:
        config = {**self.duckdb.connection_config, "temp_directory": f"{self.spill}/{uuid.uuid4().hex}"}
        duckdb = DuckDBResource(database=self.duckdb.database, connection_config=config)
        engine: Engine | None = SparkEngine(SparkSetup(**self.spark)) if self.spark else None

        def connect() -> "AbstractContextManager[DuckDBPyConnection]":
            Path(self.spill).mkdir(parents=True, exist_ok=True)  # DuckDB makes the last folder of a path only
            return duckdb.get_connection()

        if "://" not in self.root:
            return Lake(self.root, DuckDBEngine(connect), engine)
        from evalloop_assets.lake.remote import filesystem

        return Lake(self.root, DuckDBEngine(connect, lambda: filesystem(self.root)), engine)


def lake_resource(settings: Settings) -> LakeResource:
    """The lake that the settings name; it spills into the home folder."""
    return LakeResource(
        root=settings.lake_root,
        spill=str(settings.home.resolve() / "spill"),
        spark=spark_setup(settings) if settings.engine.kind == "spark" else None,
        duckdb=DuckDBResource(
            database=":memory:",
            connection_config={
                "memory_limit": settings.engine.memory_limit,
                "threads": settings.engine.threads,
                "preserve_insertion_order": False,
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
