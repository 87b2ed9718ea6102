"""Runs of the steps from experiment data to a verdict, ticks of the sensor, and the rollbacks that it asks for."""

from dagster import build_sensor_context, materialize

from evalloop_assets.days import Days
from evalloop_assets.guardrails.assets import ASSETS as GUARDRAILS
from evalloop_assets.guardrails.checks import CHECKS as GUARDRAIL_CHECKS
from evalloop_assets.guardrails.rollback import rollback
from evalloop_assets.guardrails.sensors import guardrail_sensor
from evalloop_assets.online_ab.assets import decisions, experiment_results
from evalloop_assets.online_ab.checks import CHECKS as AB_CHECKS

from .world import DAY

STEPS = [experiment_results, decisions, *GUARDRAILS, *GUARDRAIL_CHECKS, *AB_CHECKS]


def judge(world, instance, day=DAY):
    done = materialize(STEPS, partition_key=day.isoformat(), instance=instance, resources=world.resources)
    assert done.success
    return done


def rows(world, table, day=DAY):
    return world.lake.read(table, Days.one(day)).to_pylist()


def tick(instance, cursor=None):
    with build_sensor_context(instance=instance, cursor=cursor) as context:
        return guardrail_sensor(context)


def carry_out(world, instance, requests):
    for request in requests:
        done = rollback.execute_in_process(
            instance=instance, resources=world.resources, run_config=request.run_config, tags=request.tags
        )
        assert done.success
