"""The simulated product `healthy`: is the benchmark that misleads demoted, and the one that predicts kept?"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from evalloop_assets.days import Days
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.scenarios import find_scenario, resized
from evalloop_assets.simulator.serve import FIRST_DAY, serve

TABLES = (
    "sessions", "closing_words", "traffic", "reading_speeds", "reading", "closures", "exits", "user_days", "first_seen",
    "next_day_returns", "returns", "model_days", "model_values", "offline_online", "predictors",
)  # fmt: skip
"""What the comparison rests on, the reward model aside."""


def judged(home: Path, seed: int, users: int, days: int) -> list[dict[str, Any]]:
    """Rows of `predictors` of a product with that many users, served for some days. EVALLOOP_FIRST_DAY must be set."""
    from dagster import DagsterInstance

    from evalloop_assets.cli.instance import execute, require_success
    from evalloop_assets.definitions import build_definitions
    from evalloop_assets.lake.resource import open_lake

    settings = Settings(home=home)
    scenario = replace(resized(find_scenario("healthy"), users), days=days)
    serve(scenario, settings, seed)
    span = Days(FIRST_DAY, FIRST_DAY + timedelta(days=days - 1))
    definitions = build_definitions(settings)
    with DagsterInstance.ephemeral() as instance:
        require_success(execute(definitions, "ingest", instance, span), "ingest")
        require_success(execute(definitions, "daily", instance, span, tables=TABLES), "daily")
    rows: list[dict[str, Any]] = open_lake(settings).read("predictors").to_pylist()
    return sorted(rows, key=lambda row: (row["name"], row["day"]))


def lines() -> Iterator[str]:
    for seed in (1, 2):
        with tempfile.TemporaryDirectory() as folder:
            rows = judged(Path(folder), seed, users=2_500, days=12)
        last = max(row["day"] for row in rows)
        for row in rows:
            if row["day"] == last:
                yield (
                    f"seed {seed}, {row['name']}: {row['status']} since day {(row['since'] - FIRST_DAY).days}, "
                    f"correlation {row['correlation']:+.2f} [{row['low']:+.2f}, {row['high']:+.2f}], "
                    f"{row['models']} models, {row['reversals']} reversals"
                )


if __name__ == "__main__":
    os.environ.setdefault("EVALLOOP_FIRST_DAY", FIRST_DAY.isoformat())
    for line in lines():
        print(line, flush=True)
