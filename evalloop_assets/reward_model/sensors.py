"""The retrain sensor: from a reward that no longer goes with returns to a training.

It reads the newest evaluation of the check `reward_follows_retention`, never the data. Once for each decay it requests
one run of the job for the newest day: when the check falls, and then not again until it has passed. Evaluations of days
long gone, as of a backfill, change nothing. The training is the same as that of the daily run; where it brings nothing
better, the champion stays, and people look at labels, window and settings.
"""

import json
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetKey,
    DefaultSensorStatus,
    RunRequest,
    SensorDefinition,
    SensorEvaluationContext,
    SensorResult,
    sensor,
)

from evalloop_assets.reward_model.checks import DECAYED, NEWEST_DAY, OF_TODAY

CHECK = AssetCheckKey(AssetKey("reward_retention"), "reward_follows_retention")


def retrain_sensor(job: Any) -> SensorDefinition:
    """Requests one run of `job` for each decay."""

    @sensor(
        name="retrain_sensor",
        job=job,
        minimum_interval_seconds=60,
        default_status=DefaultSensorStatus.RUNNING,
        description="Trains the reward model once when its reward no longer goes with returns, and not again until it "
        "did.",
    )
    def _retrain(context: SensorEvaluationContext) -> SensorResult:
        asked = json.loads(context.cursor or "null")
        record = context.instance.get_latest_asset_check_evaluation_record(CHECK)
        found = record.evaluation if record else None
        if not record or not isinstance(found, AssetCheckEvaluation):
            return SensorResult(skip_reason="the reward was not yet held against returns", cursor=context.cursor)
        said = {name: value.value for name, value in found.metadata.items()}
        if not said.get(OF_TODAY):
            return SensorResult(skip_reason="the last look was at days gone by", cursor=context.cursor)
        if not said[DECAYED]:
            return SensorResult(skip_reason=f"the reward goes with returns: {found.description}", cursor="null")
        if asked:
            return SensorResult(skip_reason=f"{found.description}; requested for {asked}", cursor=context.cursor)
        day = str(said[NEWEST_DAY])
        request = RunRequest(
            run_key=f"decay {record.id}", partition_key=day, tags={"evalloop/reasons": str(found.description)}
        )
        return SensorResult(run_requests=[request], cursor=json.dumps(day))

    return _retrain
