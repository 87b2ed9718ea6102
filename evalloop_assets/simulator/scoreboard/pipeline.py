"""A scenario that went through the whole loop, and the queries over what the loop found and what is true."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from evalloop_assets.settings import Settings
from evalloop_assets.simulator.scenarios import Scenario
from evalloop_assets.simulator.serve import FIRST_DAY, truth_folder
from evalloop_assets.simulator.truth import TRUTH_TABLES, read_truth

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.store import Lake

ENVIRONMENT = {
    "EVALLOOP_FIRST_DAY": FIRST_DAY.isoformat(),
    "EVALLOOP_GUARDRAILS__VOLUME_FLOOR": "100",
    "EVALLOOP_AB__PLANNED_USERS": "1500",
    "EVALLOOP_AB__MINIMUM_USERS": "50",
    "EVALLOOP_ENGINE__THREADS": "1",
}
"""Settings of the runs: the products are small, so fewer users make a figure, and bounds are planned for fewer."""


class Run(NamedTuple):
    """A scenario that went through the loop."""

    scenario: Scenario
    seed: int
    settings: Settings
    lake: Lake

    def query(self, sql: str) -> pa.Table:
        """Rows of one SELECT over the lake's tables and the truth (TRUTH_TABLES, with `day`, the day of serving)."""
        from evalloop_assets.lake.engine import View, columns_of
        from evalloop_assets.lake.registry import all_declared

        views = {}
        for name, schema in all_declared().items():
            if re.search(rf"\b{name}\b", sql):
                found = self.lake.view(name)
                views[name] = found if found.columns else View(columns_of(schema))
        for name, schema in TRUTH_TABLES.items():
            if re.search(rf"\b{name}\b", sql):
                views[name] = View({}, rows=read_truth(truth_folder(self.settings.home), schema))
        return self.lake.reader.fetch(sql, views, {})
