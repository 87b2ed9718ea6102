"""What the demo sets, because its product is small and young; the environment of the caller goes before it.

It is set before anything else is imported: the partitions begin on `first_day` as soon as the assets are loaded.
"""

from __future__ import annotations

import os
from datetime import date

FIRST_DAY = date(2026, 3, 2)
ENVIRONMENT = {
    "EVALLOOP_FIRST_DAY": FIRST_DAY.isoformat(),
    "EVALLOOP_GUARDRAILS__VOLUME_FLOOR": "500",
    "EVALLOOP_GUARDRAILS__PLANNED_EFFECT": "0.1",
    "EVALLOOP_GUARDRAILS__WEEK_USERS": "0",
    "EVALLOOP_GUARDRAILS__PADDING_LIMIT": "1",
    "EVALLOOP_GUARDRAILS__REPETITION_LIMIT": "1",
    "EVALLOOP_GUARDRAILS__LATENCY_LIMIT": "60",
    "EVALLOOP_AB__PLANNED_USERS": "1500",
}


def set_for_demo() -> None:
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


def set_for_generations() -> None:
    """Best-of-n draws twice as many with each generation; trained weights join it where the caller asks for them."""
    os.environ.setdefault("EVALLOOP_POLICY__BEST_OF_GROWTH", "2")
