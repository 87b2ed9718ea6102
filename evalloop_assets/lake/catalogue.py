"""The people's catalogue: a DuckDB file of views over the newest files, safe to open while anything runs."""

import os
import tempfile
from pathlib import Path

from dagster import DagsterRunStatus, DefaultSensorStatus, ResourceParam, RunStatusSensorContext, run_status_sensor

from evalloop_assets.lake.engine import select_all
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings


def catalogue_path(settings: Settings) -> Path:
    return settings.home / "evalloop.duckdb"


def rebuild_catalogue(lake: Lake, path: Path) -> int:
    """Write the views beside `path` and swap them in at once; gives the number of tables."""
    import duckdb

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".catalogue-") as folder:
        fresh = Path(folder) / path.name
        count = 0
        with duckdb.connect(str(fresh)) as connection:
            for name in lake.tables():
                view = lake.view(name)
                if view.files:
                    listed = ", ".join("'" + file.replace("'", "''") + "'" for file in view.files)
                    source = f"read_parquet([{listed}], hive_partitioning = true, union_by_name = true)"
                    connection.execute(f'CREATE VIEW "{name}" AS {select_all(view.columns, source)}')
                    count += 1
        os.replace(fresh, path)
    return count


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
