"""Every file under the root of a lake, whether a version of a table needs it or not."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from evalloop_assets.lake.store import Lake

LOG = "_delta_log"


class LakeFile(NamedTuple):
    """One file of the lake."""

    uri: str
    changed_at: float
    """Seconds since 1970."""

    @property
    def is_data(self) -> bool:
        return self.uri.endswith(".parquet") and f"/{LOG}/" not in self.uri


def table_files(lake: Lake, table: str) -> list[LakeFile]:
    """Files in the folder of one table, its log included, in order."""
    root = f"{lake.root}/{table}"
    if "://" not in root:
        return sorted(LakeFile(str(path), os.stat(path).st_mtime) for path in _walked(Path(root)))
    from evalloop_assets.lake.remote import found

    return sorted(LakeFile(uri, changed_at) for uri, changed_at in found(root))


def actions(root: str, uri: str) -> Iterator[dict[str, Any]]:
    """What one version did, from its file in the log of a table."""
    yield from map(json.loads, content(root, uri).splitlines())


def added(root: str, table: str, version: int) -> set[str]:
    """Data files that came with one version, relative to the table's folder, as its log spells them."""
    log = f"{root}/{table}/{LOG}/{version:020}.json"
    return {action["add"]["path"] for action in actions(root, log) if "add" in action}


def content(root: str, uri: str) -> bytes:
    if "://" not in uri:
        return Path(uri).read_bytes()
    from evalloop_assets.lake.remote import filesystem

    return bytes(filesystem(root).cat_file(uri.partition("://")[2]))


def delete(root: str, uri: str) -> None:
    """Delete one file of the lake at `root`; one that is gone already is no error."""
    if "://" not in uri:
        Path(uri).unlink(missing_ok=True)
        return
    from evalloop_assets.lake.remote import filesystem

    store = filesystem(root)
    path = uri.partition("://")[2]
    if store.exists(path):
        store.rm_file(path)


def _walked(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file():
            yield path
