"""Checks of the stage: what came in keeps the contract, and most of what was sent came in."""

from dagster import AssetCheckExecutionContext, AssetCheckResult, AssetCheckSeverity, asset_check

from evalloop_assets.days import Days
from evalloop_assets.lake.checks import days_to_check
from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.contract import TURNS

MOST_REJECTED = 0.05

REPEATED = """
    SELECT event_id, count(*) AS times, min(day) AS first_day, max(day) AS last_day
    FROM turns
    GROUP BY event_id
    HAVING count(*) > 1 AND max(day) >= $first AND min(day) <= $last
    ORDER BY event_id
"""

REJECTED = """
    SELECT table_name, CAST(sum(rows_read) AS BIGINT) AS rows_read, CAST(sum(rows_rejected) AS BIGINT) AS rows_rejected
    FROM log_deliveries
    WHERE finished
        AND (first_day <= $last AND last_day >= $first OR first_day IS NULL AND day >= $first AND day <= $last)
    GROUP BY table_name
    HAVING sum(rows_read) > 0
    ORDER BY table_name
"""

UNFINISHED = "SELECT source FROM log_deliveries WHERE NOT finished ORDER BY source"


def contract_kept(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where every required column of every turn is known and its day is that of `shown_at`."""
    required = [column.name for column in TURNS.columns if column.required]
    counts = ", ".join(f"count(*) FILTER (WHERE {name} IS NULL) AS {name}" for name in required)
    inputs = lake.inputs({"turns": (0, 0)}, days)
    missing = inputs.query(
        f"SELECT {counts}, count(*) FILTER (WHERE CAST(shown_at AS DATE) <> day) AS on_wrong_day FROM turns"
    ).to_pylist()[0]
    faults = {name: count for name, count in missing.items() if count}
    return AssetCheckResult(
        passed=not faults, description=_listed(faults) or "every turn is complete", metadata={"faults": faults}
    )


def event_ids_unique(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where no reply stands twice in the days or within two days of them."""
    inputs = lake.inputs({"turns": (-2, 2)}, days)
    found = inputs.query(REPEATED, {"first": days.first, "last": days.last}).to_pylist()
    examples = {row["event_id"]: f"{row['times']} times, {row['first_day']} to {row['last_day']}" for row in found[:10]}
    return AssetCheckResult(
        passed=not found, description=f"{len(found)} event_ids stand more than once", metadata={"examples": examples}
    )


def few_rejected(lake: Lake, days: Days) -> AssetCheckResult:
    """Passes where, of the deliveries with rows of these days, less than 5% is rejected and no file is at fault."""
    inputs = lake.inputs({"log_deliveries": (None, None)}, days)
    rows = inputs.query(REJECTED, {"first": days.first, "last": days.last}).to_pylist()
    shares = {row["table_name"]: row["rows_rejected"] / row["rows_read"] for row in rows}
    high = {name: f"{share:.1%}" for name, share in shares.items() if share >= MOST_REJECTED}
    sources = inputs.query(UNFINISHED).column("source").to_pylist()
    words = [f"{share} of {name} rejected" for name, share in high.items()]
    words += [f"{source} could not be read to its end" for source in sources]
    return AssetCheckResult(
        passed=not words,
        severity=AssetCheckSeverity.WARN,
        description="; ".join(words) or "nearly all that was sent came in",
        metadata={"rejected_share": shares, "files_at_fault": sources},
    )


def _listed(faults: dict[str, int]) -> str:
    return "; ".join(f"{name}: {count} rows" for name, count in faults.items())


@asset_check(
    asset="turns",
    name="contract",
    description="Every required column of every turn is known, and its day is that of shown_at.",
    blocking=True,
)
def turns_contract(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return contract_kept(store, days_to_check(context, store, "turns"))


@asset_check(
    asset="turns",
    name="event_ids_unique",
    description="No reply stands twice, in the day or within two days of it.",
    blocking=True,
)
def turns_event_ids_unique(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return event_ids_unique(store, days_to_check(context, store, "turns"))


@asset_check(
    asset="log_deliveries",
    name="few_rejected",
    description="Less than 5% of the rows delivered for the day is rejected, and no file is at fault.",
)
def deliveries_few_rejected(context: AssetCheckExecutionContext, lake: LakeResource) -> AssetCheckResult:
    store = lake.open()
    return few_rejected(store, days_to_check(context, store, "log_deliveries"))


CHECKS = [turns_contract, turns_event_ids_unique, deliveries_few_rejected]
