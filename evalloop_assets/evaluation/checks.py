"""Checks of the stage, part by part."""

from evalloop_assets.evaluation.bad_cases.checks import CHECKS as BAD_CASES_CHECKS
from evalloop_assets.evaluation.items.checks import CHECKS as ITEMS_CHECKS

CHECKS = [*BAD_CASES_CHECKS, *ITEMS_CHECKS]
