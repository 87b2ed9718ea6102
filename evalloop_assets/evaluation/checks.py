"""Checks of the stage, part by part."""

from evalloop_assets.evaluation.judges.checks import CHECKS as JUDGES
from evalloop_assets.evaluation.launch.checks import CHECKS as LAUNCH
from evalloop_assets.evaluation.offline.checks import CHECKS as OFFLINE
from evalloop_assets.evaluation.people.checks import CHECKS as PEOPLE

CHECKS = [*JUDGES, *PEOPLE, *OFFLINE, *LAUNCH]
