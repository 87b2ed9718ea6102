from datetime import date

import pyarrow as pa
import pytest

from evalloop_assets.days import Days
from evalloop_assets.denoise import assets  # noqa: F401  declares the tables
from evalloop_assets.denoise.checks import sound_keys
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.registry import declared
from evalloop_assets.lake.store import Lake

DAYS = Days(date(2026, 5, 1), date(2026, 5, 2))


@pytest.mark.parametrize(
    ("ids", "broken"), [(["a", "b"], 0), ([], 0), (["a", "b", "a"], 1), (["a", None], 1), ([None, None, "b", "b"], 2)]
)
def test_keys_there_twice_or_unknown_are_caught(lake: Lake, ids: list[str | None], broken: int):
    schema = declared("sessions")
    rows = [{"day": DAYS.first if n % 2 else DAYS.last, "session_id": name} for n, name in enumerate(ids)]
    table = pa.Table.from_pylist(rows, arrow_schema(schema))
    lake.replace(schema, DAYS, {}, lambda inputs: table)
    result = sound_keys(lake, "sessions", DAYS)
    assert result.passed is (broken == 0)
    assert result.metadata["broken"].value == broken
