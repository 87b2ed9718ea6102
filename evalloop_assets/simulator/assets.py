"""The scoreboard as the UI shows it: an asset that the command `evalloop scoreboard` writes."""

from dagster import AssetSpec

from evalloop_assets.lake.registry import declare
from evalloop_assets.lake.report import dagster_schema
from evalloop_assets.simulator.scoreboard.table import SCOREBOARD

declare(SCOREBOARD)
ASSETS = [
    AssetSpec(
        SCOREBOARD.name,
        group_name="scoreboard",
        description=(
            f"One row is {SCOREBOARD.row}.\n\nEvery stage held against the truth of simulated products, with the naive "
            "methods beside it. Written by the command `evalloop scoreboard`, which takes some minutes."
        ),
        kinds={"python"},
        metadata={"dagster/column_schema": dagster_schema(SCOREBOARD), "dagster/table_name": SCOREBOARD.name},
    )
]
