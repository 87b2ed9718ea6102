"""Dynamic evaluation as assets."""

from datetime import date

from dagster import AssetsDefinition, AssetSpec

from evalloop_assets.evaluation.dynamic.pictures import PICTURES
from evalloop_assets.evaluation.dynamic.queries import FAILED, NEWEST
from evalloop_assets.evaluation.dynamic.tables import RESULTS, SCORES, TURNS
from evalloop_assets.lake.assets import DAYS, Frame, frame_asset
from evalloop_assets.lake.delta import rows_of_day
from evalloop_assets.lake.registry import declare
from evalloop_assets.lake.report import dagster_schema
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.store import Inputs
from evalloop_assets.settings import Settings

READS = {"dynamic_turns": (-27, 0), "dynamic_scores": (-27, 0)}


def _spec(schema: TableSchema) -> AssetSpec:
    declare(schema)
    return AssetSpec(
        schema.name,
        group_name="evaluation",
        description=(
            f"One row is {schema.row}.\n\nKey: {', '.join(schema.key)}.\n\nWritten by the command `evalloop converse`, "
            "which puts a policy's newest conversations of a day in the place of earlier ones of that day."
        ),
        partitions_def=DAYS,
        kinds={"python"},
        metadata={"dagster/column_schema": dagster_schema(schema), "dagster/table_name": schema.name},
    )


@frame_asset(schema=RESULTS, reads=READS, group="evaluation", once=True, picture=PICTURES["dynamic_results"])
def dynamic_results(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """How each policy fares with a simulated user over many turns: by turn, as a slope within conversations, by role
    type and intent, against another policy, and under typos, noise and attacks (paired with the plain conversation).
    Intervals hold for each figure alone; out of too few conversations there is none.
    """
    from evalloop_assets.evaluation.dynamic.results import results
    from evalloop_assets.evaluation.dynamic.rows import result_rows

    found = results(inputs.query(NEWEST).to_pandas(), settings.evaluation.dynamic.least_conversations)
    told = {f"failed, {row['model_id']}": row["failed"] for row in inputs.query(FAILED).to_pylist()}
    if not found:
        told |= {"conversations": "none in 28 days: `evalloop converse` holds them"}
    return Frame(rows_of_day(RESULTS, day, result_rows(found)), told)


ASSETS: list[AssetsDefinition | AssetSpec] = [_spec(TURNS), _spec(SCORES), dynamic_results]
