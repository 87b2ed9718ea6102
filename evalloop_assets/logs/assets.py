"""Logs as assets: one step takes in what the product has delivered and reports every table of the contract."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from dagster import (
    AssetExecutionContext,
    AssetMaterialization,
    AssetSpec,
    BackfillPolicy,
    MaterializeResult,
    MetadataValue,
    ResourceParam,
    multi_asset,
)

from evalloop_assets.days import Days
from evalloop_assets.lake.assets import DAYS, note_day
from evalloop_assets.lake.report import coverage, dagster_schema, shown_coverage
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.contract import DELIVERED, LOG_TABLES
from evalloop_assets.partitions import days_of
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from evalloop_assets.logs.landing import Landing

KEPT_ROWS = (
    "Delivery is at least once: rows with one key count once. Rows that break the contract go to rejected_rows, late "
    "rows reopen their day."
)


def _spec(schema: TableSchema) -> AssetSpec:
    text = f"One row is {schema.row}.\n\nKey: {', '.join(schema.key)}."
    return AssetSpec(
        schema.name,
        description=f"{text}\n\n{KEPT_ROWS}" if schema.name in LOG_TABLES else text,
        group_name="logs",
        kinds={"deltalake"},
        metadata={"dagster/column_schema": dagster_schema(schema), "dagster/table_name": schema.name},
    )


@multi_asset(
    name="logs",
    specs=[_spec(schema) for schema in DELIVERED.values()],
    partitions_def=DAYS,
    backfill_policy=BackfillPolicy.single_run(),
)
def logs(
    context: AssetExecutionContext, lake: LakeResource, settings: ResourceParam[Settings]
) -> Iterator[MaterializeResult]:
    """Takes in every new file of the landing folder, then reports the days of this run."""
    from evalloop_assets.logs.landing import deliver_landing

    store = lake.open()
    landing = deliver_landing(
        store,
        settings.landing,
        now=datetime.now(UTC).replace(tzinfo=None),
        tolerance=timedelta(minutes=settings.logs.future_tolerance_minutes),
        batch_rows=settings.logs.batch_rows,
        progress=lambda source: context.log.info(f"taking in {source}"),
        run=context.run.run_id,
    )
    for failure in landing.failures:
        context.log.warning(str(failure))
    days = days_of(context.partition_keys)
    for event in reopened(landing, days):
        context.log_event(event)
    for schema in DELIVERED.values():
        counts, whole = table_report(store, schema, days, landing)
        for day in days:
            note_day(context, schema.name, day, {"dagster/partition_row_count": counts.get(day, 0)})
        note_day(context, schema.name, days.last, whole)
        yield MaterializeResult(asset_key=schema.name)


def reopened(landing: "Landing", days: Days) -> list[AssetMaterialization]:
    """One event for each day outside the run whose rows a delivery changed."""
    found = [
        (delivery.table, day, delivery.source)
        for main in landing.deliveries
        for delivery in (main, *main.others)
        for day in delivery.days
        if not days.first <= day <= days.last and DAYS.has_partition_key(day.isoformat())
    ]
    return [
        AssetMaterialization(table, partition=day.isoformat(), metadata={"source": source})
        for table, day, source in found
    ]


def table_report(
    lake: Lake, schema: TableSchema, days: Days, landing: "Landing"
) -> tuple[dict[date, int], dict[str, Any]]:
    """Rows of each day, and what the UI shows of one table: coverage of its columns, what this run took in."""
    inputs = lake.inputs({schema.name: (0, 0)}, days)
    found = inputs.query(f"SELECT day, count(*) AS n FROM {schema.name} GROUP BY day ORDER BY day").to_pylist()
    counts = {row["day"]: row["n"] for row in found}
    metadata: dict[str, Any] = {
        "rows_per_day": {day.isoformat(): rows for day, rows in counts.items()},
        "dagster/column_schema": dagster_schema(schema),
    }
    if schema.name in inputs.versions:
        metadata["lake_version"] = inputs.versions[schema.name]
        metadata["dagster/row_count"] = lake.row_count(schema.name, inputs.versions[schema.name])
    if counts:
        metadata["coverage"] = shown_coverage(coverage(lake, schema, days, inputs.versions[schema.name]))
    own = [one for main in landing.deliveries for one in (main, *main.others) if one.table == schema.name]
    if own:
        metadata |= {
            "files_taken_in": len(own),
            "rows_added": sum(one.rows_added for one in own),
            "rows_duplicate": sum(one.rows_duplicate for one in own),
            "rows_rejected": sum(one.rows_rejected for one in own),
            "rows_erased": sum(one.rows_erased for one in own),
        }
    if schema.name == "log_deliveries" and landing.failures:
        metadata["files_at_fault"] = MetadataValue.md("\n".join(f"- {failure}" for failure in landing.failures))
    return counts, metadata


ASSETS = [logs]
