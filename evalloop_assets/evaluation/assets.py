"""Assets of the stage, part by part."""

from evalloop_assets.evaluation.offline.assets import ASSETS as OFFLINE

ASSETS = [*OFFLINE]
