"""Evaluation as assets: those of each of its parts."""

from dagster import AssetsDefinition

from evalloop_assets.evaluation.judges.assets import ASSETS as JUDGES
from evalloop_assets.evaluation.people.assets import ASSETS as PEOPLE

ASSETS: list[AssetsDefinition] = [*JUDGES, *PEOPLE]
