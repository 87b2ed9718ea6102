"""Assets of the stage, part by part."""

from evalloop_assets.evaluation.bad_cases.assets import ASSETS as BAD_CASES

ASSETS = [*BAD_CASES]
