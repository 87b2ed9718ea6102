"""Checks of the stage, part by part."""

from evalloop_assets.evaluation.bad_cases.checks import CHECKS as BAD_CASES
from evalloop_assets.evaluation.items.checks import CHECKS as ITEMS
from evalloop_assets.evaluation.judges.checks import CHECKS as JUDGES
from evalloop_assets.evaluation.launch.checks import CHECKS as LAUNCH
from evalloop_assets.evaluation.offline.checks import CHECKS as OFFLINE
from evalloop_assets.evaluation.people.checks import CHECKS as PEOPLE

CHECKS = [*JUDGES, *PEOPLE, *OFFLINE, *BAD_CASES, *ITEMS, *LAUNCH]
