"""Assets of the stage, part by part."""

from dagster import AssetsDefinition, AssetSpec

from evalloop_assets.evaluation.bad_cases.assets import ASSETS as BAD_CASES
from evalloop_assets.evaluation.dynamic.assets import ASSETS as DYNAMIC
from evalloop_assets.evaluation.items.assets import ASSETS as ITEMS
from evalloop_assets.evaluation.judges.assets import ASSETS as JUDGES
from evalloop_assets.evaluation.launch.assets import ASSETS as LAUNCH
from evalloop_assets.evaluation.offline.assets import ASSETS as OFFLINE
from evalloop_assets.evaluation.people.assets import ASSETS as PEOPLE
from evalloop_assets.evaluation.pyramid.assets import ASSETS as PYRAMID

ASSETS: list[AssetsDefinition | AssetSpec] = [
    *JUDGES, *PEOPLE, *OFFLINE, *DYNAMIC, *BAD_CASES, *ITEMS, *LAUNCH, *PYRAMID,
]  # fmt: skip
