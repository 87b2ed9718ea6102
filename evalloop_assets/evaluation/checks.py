"""Checks of the stage: those of each of its parts."""

from evalloop_assets.evaluation.judges.checks import CHECKS as JUDGES
from evalloop_assets.evaluation.people.checks import CHECKS as PEOPLE

CHECKS = [*JUDGES, *PEOPLE]
