"""A step that needs more memory than it may use goes on on disk, in a home that is new."""

from datetime import date
from pathlib import Path

from evalloop_assets.days import Days
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.settings import EngineSettings, Settings

DAY = Days.one(date(2026, 1, 1))
LONG = TableSchema("long", "one text", (Column("n", "BIGINT", "its place"), Column("text", "VARCHAR", "it")), ("n",))
QUERY = """
    SELECT DATE '2026-01-01' AS day, row_number() OVER (ORDER BY md5(CAST(i AS VARCHAR))) AS n,
        repeat(md5(CAST(i AS VARCHAR)), 15) AS text
    FROM range(500000) AS t(i)"""


def test_a_sort_larger_than_memory_spills_into_a_new_home(tmp_path: Path):
    home = tmp_path / "new" / "home"
    settings = Settings(home=home, engine=EngineSettings(memory_limit="150MB"))
    commit = lake_resource(settings).open().replace(LONG, DAY, {}, lambda inputs: QUERY)
    assert sum(commit.rows.values()) == 500_000
    assert list((home / "spill").iterdir()) == []
