"""The same on an S3-compatible server on loopback."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from evalloop_assets.erasure.erase import Scope, erase
from evalloop_assets.lake.files import content, table_files
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.contract import TURNS
from evalloop_assets_tests.erasure import world
from evalloop_assets_tests.lake.test_remote import remote

__all__ = ["remote"]


def turn(user: str, number: int) -> dict[str, object]:
    return {
        "day": world.RANGE.first,
        "event_id": f"{user}-e{number}",
        "user_id": user,
        "conversation_id": f"{user}-c",
        "model_id": "m",
        "shown_at": world.NOW,
    }


def test_a_lake_on_an_object_store_is_cleaned_and_searched_alike(remote: Lake, tmp_path: Path):
    from evalloop_assets.lake.delta import arrow_schema

    for numbers in ((1,), (1, 2)):
        rows = [turn(user, number) for user in ("user-17", "user-18") for number in numbers]
        remote.replace(
            TURNS, world.RANGE, {}, lambda inputs, rows=rows: pa.Table.from_pylist(rows, arrow_schema(TURNS))
        )
    before = [file.uri for file in table_files(remote, "turns") if file.is_data]
    scope = Scope(remote, [], tmp_path / "landing", [tmp_path], [], [], tmp_path / "erasures")
    outcome = erase(scope, "user-17", world.SALT, lambda: world.NOW)
    assert outcome.receipt.rows == {"turns": 2}
    assert outcome.receipt.files == {"turns": 2}
    assert {row["user_id"] for row in remote.read("turns").to_pylist()} == {"user-18"}
    files = table_files(remote, "turns")
    assert not {file.uri for file in files} & set(before)
    for file in files:
        (tmp_path / "file").write_bytes(content(remote.root, file.uri))
        if file.is_data:
            assert "user-17" not in str(pq.read_table(tmp_path / "file").to_pylist())
        else:
            assert b"user-17" not in content(remote.root, file.uri)
    assert erase(scope, "user-17", world.SALT, lambda: world.NOW).repeated
