"""Assets of the stage, part by part."""

from evalloop_assets.evaluation.launch.assets import ASSETS as LAUNCH

ASSETS = [*LAUNCH]
