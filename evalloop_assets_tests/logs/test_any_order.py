"""However a log is cut, repeated and shuffled, the lake holds the same rows."""

from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from evalloop_assets.lake.engine import DuckDBEngine
from evalloop_assets.lake.store import Lake
from evalloop_assets_tests.conftest import connect
from evalloop_assets_tests.logs.world import rows_of, take_in, turn, write_lines

START = datetime(2026, 3, 1)

VARIANTS = st.builds(
    lambda number, hours, received, text: turn(
        number,
        shown_at=(START + timedelta(hours=hours)).isoformat(),
        received_at=None if received is None else (START + timedelta(hours=received)).isoformat(),
        reply_text=text,
    ),
    st.integers(0, 3),
    st.integers(0, 47),
    st.one_of(st.none(), st.integers(0, 60)),
    st.sampled_from(["a", "b", None]),
)


def taken_in(files: list[list[dict]]) -> list[dict]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        lake = Lake(str(folder / "lake"), DuckDBEngine(connect))
        for number, rows in enumerate(files):
            take_in(lake, write_lines(folder / f"{number}.jsonl", rows), batch_rows=2)
        return rows_of(lake, "turns")


@settings(max_examples=8)
@given(st.lists(VARIANTS, min_size=1, max_size=6), st.data())
def test_cut_repeated_and_shuffled(rows, data):
    repeated = [*rows, *data.draw(st.lists(st.sampled_from(rows), max_size=3), label="repeated")]
    shuffled = data.draw(st.permutations(repeated), label="shuffled")
    cut = data.draw(st.integers(0, len(shuffled)), label="cut")
    whole = taken_in([rows])
    assert {row["event_id"] for row in whole} == {row["event_id"] for row in rows}
    assert taken_in([shuffled[:cut], shuffled[cut:]]) == whole
