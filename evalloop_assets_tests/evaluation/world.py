"""A lake with verdicts of judges and annotations of people, and runs of the stage over it."""

from datetime import date

import pyarrow as pa
from dagster import materialize

from evalloop_assets.days import Days
from evalloop_assets.evaluation.judges.assets import ASSETS as JUDGES
from evalloop_assets.evaluation.judges.checks import CHECKS as JUDGE_CHECKS
from evalloop_assets.evaluation.people.assets import ASSETS as PEOPLE
from evalloop_assets.evaluation.people.checks import CHECKS as PEOPLE_CHECKS
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.settings import Settings

DAY = date(2026, 5, 3)


class World:
    def __init__(self, folder, **evaluation):
        self.settings = Settings(home=folder, evaluation=evaluation)
        self.resource = lake_resource(self.settings)

    def write(self, table, frame, day=DAY):
        schema = LOG_TABLES[table]
        rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
        full = [{"day": day} | {name: row.get(name) for name in schema.column_names} for row in rows]
        data = pa.Table.from_pylist(full, arrow_schema(schema))
        self.resource.open().replace(schema, Days.one(day), {}, lambda inputs: data)

    def run(self, day=DAY):
        """Materialise judges and people on that day, with their checks."""
        return materialize(
            [*JUDGES, *PEOPLE, *JUDGE_CHECKS, *PEOPLE_CHECKS],
            partition_key=day.isoformat(),
            resources={"lake": self.resource, "settings": self.settings},
        )

    def rows(self, table, day=DAY):
        return self.resource.open().read(table, Days.one(day)).to_pylist()


def outcomes(done):
    """Check name to whether it passed."""
    return {one.check_name: one.passed for one in done.get_asset_check_evaluations()}


def metadata(done, table):
    return done.asset_materializations_for_node(table)[-1].metadata
