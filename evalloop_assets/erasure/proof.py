"""Searches every file of the lake: data files of all versions and of none, logs, checkpoints, whatever lies there."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from evalloop_assets.erasure.person import Person
from evalloop_assets.erasure.places import Left, left_in
from evalloop_assets.erasure.versions import held
from evalloop_assets.lake.files import content, table_files
from evalloop_assets.lake.store import Lake


def lake_left(lake: Lake, person: Person, without: Sequence[str] = ()) -> tuple[int, list[Left]]:
    """Number of files searched, and those that hold the person or cannot be decoded."""
    searched, left = 0, []
    for table in (name for name in lake.tables() if name not in without):
        found = held(lake, table, person)
        left += [Left(uri, "rows of the person") for uri in found.holding]
        left += [Left(file.uri, "cannot be decoded", False) for file in found.undecodable]
        for file in table_files(lake, table):
            searched += 1
            if not file.is_data:
                left += _in_log(lake, file.uri, person)
    return searched, left


def _in_log(lake: Lake, uri: str, person: Person) -> list[Left]:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "file"
        try:
            copy.write_bytes(content(lake.root, uri))
        except FileNotFoundError:  # a commit in flight writes beside and renames
            return []
        found = left_in(copy, person)
    return [found._replace(path=uri)] if found is not None else []
