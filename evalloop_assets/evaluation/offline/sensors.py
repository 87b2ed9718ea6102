"""The evaluation sensor: a new model or policy version, or a score grown old, starts its evaluation by itself.

Like the other sensors it reads Dagster's record, never the data files. Each model and benchmark that becomes due is
one run of the job `evaluate`. The look at the latest day counts: what was due on a day before it and is no longer has
been done. A run key holds release and last score, so that what failed is not tried again and again: it stays in
`evaluations_due` and in the check until somebody runs the job, or the model is released anew.
"""

from collections.abc import Mapping
from typing import Any

from dagster import (
    AssetKey,
    AssetRecordsFilter,
    Config,
    DefaultSensorStatus,
    Failure,
    OpExecutionContext,
    ResourceParam,
    RunRequest,
    SensorEvaluationContext,
    SensorResult,
    SkipReason,
    job,
    op,
    sensor,
)
from pydantic import Field

from evalloop_assets.evaluation.offline.assets import TO_DO
from evalloop_assets.evaluation.offline.tables import EVALUATIONS_DUE
from evalloop_assets.lake.errors import UserError
from evalloop_assets.settings import Settings

AT_ONCE = 20
"""Records of a tick."""


class EvaluateConfig(Config):
    """What is evaluated."""

    model_id: str = Field(description="model or policy")
    benchmark: str = Field(description="the benchmark")


@op
def evaluate_model(context: OpExecutionContext, config: EvaluateConfig, settings: ResourceParam[Settings]) -> None:
    """Run the configured command; what it delivers is taken in by the next run."""
    from evalloop_assets.evaluation.offline.command import run_command

    chosen = settings.evaluation.offline
    try:
        said = run_command(
            chosen.command, config.model_id, config.benchmark, settings.landing, float(chosen.command_minutes)
        )
    except UserError as error:
        raise Failure(str(error), allow_retries=False) from error
    context.log.info(said or "the program said nothing")


@job(description="Evaluate one model on one benchmark with the configured command.")
def evaluate() -> None:
    evaluate_model()


@sensor(
    job=evaluate,
    minimum_interval_seconds=60,
    default_status=DefaultSensorStatus.RUNNING,
    description="Starts the configured evaluation of what `evaluations_due` names, each once.",
)
def evaluation_sensor(context: SensorEvaluationContext, settings: ResourceParam[Settings]) -> SensorResult | SkipReason:
    if not settings.evaluation.offline.command:
        return SkipReason("evaluation.offline.command is not set: what is due is only shown")
    after, _, seen = (context.cursor or "").partition(" ")
    records = context.instance.fetch_materializations(
        AssetRecordsFilter(AssetKey(EVALUATIONS_DUE.name), after_storage_id=int(after) if after else None),
        limit=AT_ONCE,
    ).records
    if not records:
        return SkipReason("no new look at what is due")
    newest = max(records, key=lambda record: (record.partition_key or "", record.storage_id))
    day = newest.partition_key or ""
    cursor = f"{max(record.storage_id for record in records)} {max(day, seen)}"
    if day < seen:
        return SensorResult(skip_reason=SkipReason(f"a look at {day}, and {seen} was looked at before"), cursor=cursor)
    told = newest.asset_materialization.metadata.get(TO_DO) if newest.asset_materialization else None
    due = [request(row) for row in told.value] if told is not None and isinstance(told.value, list) else []
    if not due:
        return SensorResult(skip_reason=SkipReason("nothing is due"), cursor=cursor)
    return SensorResult(run_requests=due, cursor=cursor)


def request(row: Mapping[str, Any]) -> RunRequest:
    """The run for one row of `evaluations_due`."""
    parts = (row["benchmark"], row["model_id"], row["released_on"] or "", row["scored_on"] or "")
    given = {"model_id": row["model_id"], "benchmark": row["benchmark"]}
    return RunRequest(run_key="|".join(parts), run_config={"ops": {"evaluate_model": {"config": given}}})


SENSORS = [evaluation_sensor]
