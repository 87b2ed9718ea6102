"""Assets of the stage, part by part."""

from dagster import AssetsDefinition, AssetSpec

from evalloop_assets.evaluation.dynamic.assets import ASSETS as DYNAMIC

ASSETS: list[AssetsDefinition | AssetSpec] = [*DYNAMIC]
