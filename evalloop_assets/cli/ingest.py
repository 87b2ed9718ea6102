"""`evalloop ingest`: one file of a user's log into the lake, and into the instance's record of materialisations."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from evalloop_assets.cli.home import open_home, refuse_demo
from evalloop_assets.cli.instance import open_instance
from evalloop_assets.lake.catalogue import catalogue_path, rebuild_catalogue
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.deliver import Delivery, deliver
from evalloop_assets.logs.mapping_file import load_mapping
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

SHOWN_REASONS = 5


def run_ingest(console: Console, path: Path, mapping_path: Path, complete_through: date | None) -> None:
    """Deliver the file, say what came of it, and refresh the catalogue."""
    settings = Settings()
    open_home(settings)
    refuse_demo(settings)
    now = datetime.now(UTC).replace(tzinfo=None)
    if complete_through is not None and complete_through > now.date():
        raise UserError(f"--complete-through {complete_through}", "that day is not over", "Name a day that has passed.")
    mapping = load_mapping(mapping_path)
    lake = open_lake(settings)
    columns = (
        SpinnerColumn(),
        TextColumn("reading {task.fields[name]}: {task.completed:,.0f} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None, name=path.name)
        delivery = deliver(
            lake,
            path,
            mapping,
            now=now,
            tolerance=timedelta(minutes=settings.logs.future_tolerance_minutes),
            batch_rows=settings.logs.batch_rows,
            complete_through=complete_through,
            progress=lambda rows: progress.update(task, completed=rows),
        )
    for one in (delivery, *delivery.others):
        print_delivery(console, lake, one)
    with open_instance(settings) as instance:
        record_delivery(instance, delivery)
    rebuild_catalogue(lake, catalogue_path(settings))
    first_day = min((one.days[0] for one in (delivery, *delivery.others) if one.days), default=None)
    if first_day is not None and first_day < settings.first_day:
        console.print(
            f"[yellow]note[/] the log begins on {first_day}, before the first day of the partitions "
            f"({settings.first_day}): set EVALLOOP_FIRST_DAY={first_day} to run those days.",
            soft_wrap=True,
        )
    if delivery.rows_read and delivery.rows_rejected == delivery.rows_read:
        raise UserError(
            str(path),
            f"none of its {delivery.rows_read:,} rows fits the contract: all are in rejected_rows",
            f"Check that format and columns of {mapping_path} are those of this file.",
        )
    if delivery.days:
        console.print("next: [bold]evalloop run[/]")


def print_delivery(console: Console, lake: Lake, delivery: Delivery) -> None:
    """What came of one table's rows, with the reasons of those that were rejected."""
    span = f", {delivery.days[0]} to {delivery.days[-1]}" if delivery.days else ""
    erased = f", {delivery.rows_erased:,} of erased people refused" if delivery.rows_erased else ""
    console.print(
        f"[bold]{delivery.table}[/]: {delivery.rows_read:,} rows read, {delivery.rows_added:,} added on "
        f"{len(delivery.days)} days{span}, {delivery.rows_duplicate:,} duplicates, "
        f"{delivery.rows_rejected:,} rejected{erased}, {delivery.records_skipped:,} records without a row",
        soft_wrap=True,
    )
    if delivery.rows_rejected:
        query = (
            "SELECT reason, mend, min(position) AS first, count(*) AS n FROM rejected_rows "
            "WHERE delivery_id = $id AND table_name = $table GROUP BY reason, mend ORDER BY n DESC, first"
        )
        view = {"rejected_rows": lake.view("rejected_rows")}
        found = lake.reader.fetch(query, view, {"id": delivery.delivery_id, "table": delivery.table}).to_pylist()
        for row in found[:SHOWN_REASONS]:
            line = f"  {row['n']} × {row['reason']} (first at {row['first']}). {row['mend']}"
            console.print(line, markup=False, soft_wrap=True)
        if len(found) > SHOWN_REASONS:
            console.print(f"  … and {len(found) - SHOWN_REASONS} other reasons: table rejected_rows has them all")


def record_delivery(instance: DagsterInstance, delivery: Delivery) -> None:
    """Tell the instance which days of which tables changed."""
    from dagster import AssetMaterialization

    for one in (delivery, *delivery.others):
        for day in one.days:
            event = AssetMaterialization(
                one.table,
                partition=day.isoformat(),
                metadata={"source": one.source, "rows_added_in_all": one.rows_added},
            )
            instance.report_runless_asset_event(event)
