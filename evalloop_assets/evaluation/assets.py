"""Assets of the stage, part by part."""

from evalloop_assets.evaluation.bad_cases.assets import ASSETS as BAD_CASES
from evalloop_assets.evaluation.items.assets import ASSETS as ITEMS

ASSETS = [*BAD_CASES, *ITEMS]
