"""The code location: every asset, check, job, schedule and sensor of the loop."""

from __future__ import annotations

from dagster import (
    AssetsDefinition,
    AssetSelection,
    AssetSpec,
    Definitions,
    define_asset_job,
    in_process_executor,
)

from evalloop_assets.backfill.assets import ASSETS as BACKFILL
from evalloop_assets.backfill.checks import CHECKS as BACKFILL_CHECKS
from evalloop_assets.backfill.rejudging import JUDGED, rejudge_sensor
from evalloop_assets.backfill.schedules import daily_schedule, hourly_schedule
from evalloop_assets.backfill.sensors import relabel_sensor
from evalloop_assets.backfill.vacuum import vacuum
from evalloop_assets.denoise.assets import ASSETS as DENOISE
from evalloop_assets.denoise.checks import CHECKS as DENOISE_CHECKS
from evalloop_assets.evaluation.assets import ASSETS as EVALUATION
from evalloop_assets.evaluation.checks import CHECKS as EVALUATION_CHECKS
from evalloop_assets.guardrails.assets import ASSETS as GUARDRAILS
from evalloop_assets.guardrails.checks import CHECKS as GUARDRAIL_CHECKS
from evalloop_assets.guardrails.records import JUDGED_ANEW
from evalloop_assets.guardrails.rollback import rollback, undo
from evalloop_assets.guardrails.sensors import SENSORS as GUARDRAIL_SENSORS
from evalloop_assets.horizon_labels.assets import ASSETS as HORIZON_LABELS
from evalloop_assets.horizon_labels.checks import CHECKS as HORIZON_LABEL_CHECKS
from evalloop_assets.lake.assets import STALE_ONLY, recomputed
from evalloop_assets.lake.catalogue import catalogue_sensor
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.logs.assets import ASSETS as LOGS
from evalloop_assets.logs.checks import CHECKS as LOG_CHECKS
from evalloop_assets.online_ab.assets import ASSETS as ONLINE_AB
from evalloop_assets.online_ab.checks import CHECKS as ONLINE_AB_CHECKS
from evalloop_assets.policy_iteration.assets import ASSETS as POLICY_ITERATION
from evalloop_assets.policy_iteration.checks import CHECKS as POLICY_ITERATION_CHECKS
from evalloop_assets.ranking.assets import ASSETS as RANKING
from evalloop_assets.ranking.checks import CHECKS as RANKING_CHECKS
from evalloop_assets.reward_model.assets import ASSETS as REWARD_MODEL
from evalloop_assets.reward_model.checks import CHECKS as REWARD_MODEL_CHECKS
from evalloop_assets.reward_model.sensors import retrain_sensor
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.assets import ASSETS as SIMULATOR

ASSETS: list[AssetsDefinition | AssetSpec] = [
    *LOGS,
    *DENOISE,
    *HORIZON_LABELS,
    *REWARD_MODEL,
    *EVALUATION,
    *POLICY_ITERATION,
    *RANKING,
    *ONLINE_AB,
    *GUARDRAILS,
    *BACKFILL,
    *SIMULATOR,
]
CHECKS = [
    *LOG_CHECKS,
    *DENOISE_CHECKS,
    *HORIZON_LABEL_CHECKS,
    *REWARD_MODEL_CHECKS,
    *EVALUATION_CHECKS,
    *POLICY_ITERATION_CHECKS,
    *RANKING_CHECKS,
    *ONLINE_AB_CHECKS,
    *GUARDRAIL_CHECKS,
    *BACKFILL_CHECKS,
]

LONG = {"evalloop/lane": "long"}
"""Runs of which `dagster.yaml` lets only so many at once that a rollback need not wait for one of them to end."""

daily = define_asset_job(
    "daily",
    AssetSelection.all(),
    description="The whole loop for a day or a range: deliveries to decisions.",
    tags=LONG,
)
hourly = define_asset_job(
    "hourly",
    AssetSelection.groups("logs")
    | AssetSelection.assets("published_matchups", "rating_states", "guardrail_readings").upstream(),
    description="The open day so far: deliveries, ratings, eliminations, matchups, red flags.",
    tags=LONG,
)
ingest = define_asset_job(
    "ingest", AssetSelection.groups("logs"), description="Take in what has been delivered.", tags=LONG
)
relabel = define_asset_job(
    "relabel",
    AssetSelection.assets(*recomputed()),
    description="Recompute, of queries and of what the reward model scores, the days that are stale; never retrains.",
    tags=STALE_ONLY | LONG,
)
rejudge = define_asset_job(
    "rejudge",
    AssetSelection.assets(*JUDGED),
    description="Judge again a day whose rows came late after serving was changed on it; carries out nothing.",
    tags=JUDGED_ANEW | LONG,
)
train = define_asset_job(
    "train",
    AssetSelection.groups("reward_model", "policy_iteration"),
    description="Train the reward model on the pairs so far and screen a policy made with it.",
    tags=LONG,
)
decide = define_asset_job(
    "decide",
    AssetSelection.groups("ranking", "online_ab", "guardrails"),
    description="Rank, compare, judge: ratings, experiment results, decisions, verdicts.",
    tags=LONG,
)


def build_definitions(settings: Settings) -> Definitions:
    """Everything of the loop, on the lake and the state that these settings name."""
    return Definitions(
        assets=ASSETS,
        asset_checks=CHECKS,
        jobs=[daily, hourly, ingest, relabel, rejudge, train, decide, rollback, undo, vacuum],
        schedules=[daily_schedule(daily), hourly_schedule(hourly)],
        sensors=[
            *GUARDRAIL_SENSORS,
            catalogue_sensor,
            relabel_sensor(relabel),
            rejudge_sensor(rejudge),
            retrain_sensor(train),
        ],
        resources={"lake": lake_resource(settings), "settings": settings},
        executor=in_process_executor,
    )


defs = build_definitions(Settings())
