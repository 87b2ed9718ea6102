"""Checks of the stage, part by part."""

from evalloop_assets.evaluation.launch.checks import CHECKS as LAUNCH_CHECKS

CHECKS = [*LAUNCH_CHECKS]
