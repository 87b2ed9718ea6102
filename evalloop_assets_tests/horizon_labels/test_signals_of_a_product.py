"""Signals of the simulated product whose users come to dislike what wins battles."""

from pathlib import Path

import pyarrow.parquet as pq

from evalloop_assets.settings import Settings
from evalloop_assets.simulator.serve import serve
from evalloop_assets_tests.denoise.world import Row, World
from evalloop_assets_tests.simulator.served import small

FIRST, TURNED, LAST = "03-02", "03-06", "03-10"
"""Users turn on the fifth day; the returns of the last day of serving, the 11th, never mature."""
LOGS = ("turns", "visits", "signups", "battles")


def validity(home: Path) -> dict[tuple[str, str], Row]:
    """Rows of `signal_validity` by signal and day, from the landing folder alone."""
    logs = {
        name: [
            row
            for path in sorted((home / "landing" / name).glob("*.parquet"))
            for row in pq.read_table(path).to_pylist()
        ]
        for name in LOGS
    }
    world = World(watermark="03-11", log_end="03-11 23:59", **logs)
    world.run_to("signal_validity", FIRST, "03-11")
    return {(row["signal"], f"{row['day']:%m-%d}"): row for row in world.tables["signal_validity"].to_pylist()}


def test_winning_battles_turns_against_coming_back_and_reading_with_care_does_not(tmp_path: Path):
    serve(small("drift", 400), Settings(home=tmp_path), seed=3)
    found = validity(tmp_path)
    assert found["battle_wins", LAST]["high"] < 0
    assert found["battle_wins", LAST]["correlation"] < found["battle_wins", TURNED]["correlation"] - 0.05
    assert found["reading_speed", LAST]["high"] < 0
    assert found["immediate", LAST]["low"] > 0
