"""The people's catalogue: a DuckDB file of views over the newest files, safe to open while anything runs."""

import os
import tempfile
from pathlib import Path

from dagster import DagsterRunStatus, DefaultSensorStatus, ResourceParam, RunStatusSensorContext, run_status_sensor

from evalloop_assets.lake.engine import identifier, rows_of_files
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings


def catalogue_path(settings: Settings) -> Path:
    return settings.home / "evalloop.duckdb"


def rebuild_catalogue(lake: Lake, path: Path) -> int:
    """Write the views beside `path`, of empty tables too, and swap them in at once; gives the number of tables."""
    import duckdb

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".catalogue-") as folder:
        fresh = Path(folder) / path.name
        names = lake.tables()
        with duckdb.connect(str(fresh)) as connection:
            for name in names:
                connection.execute(f"CREATE VIEW {identifier(name)} AS {rows_of_files(lake.view(name))}")
        os.replace(fresh, path)
    return len(names)


@run_status_sensor(
    run_status=DagsterRunStatus.SUCCESS,
    name="catalogue_sensor",
    description="Refreshes the catalogue `evalloop.duckdb` after every run.",
    default_status=DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=30,
)
def catalogue_sensor(context: RunStatusSensorContext, lake: LakeResource, settings: ResourceParam[Settings]) -> None:
    count = rebuild_catalogue(lake.open(), catalogue_path(settings))
    context.log.info("catalogue refreshed: %d tables", count)
