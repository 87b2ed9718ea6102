"""Checks of the stage, part by part."""

from evalloop_assets.evaluation.offline.checks import CHECKS as OFFLINE

CHECKS = [*OFFLINE]
