"""Delta tables that were opened already: opening one replays its log, asking whether it grew is a look at two files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from deltalake import DeltaTable


class _Opened(NamedTuple):
    table: DeltaTable
    stamp: tuple[int, int]
    """Inode and time of change of the commit that it was opened at."""


_OPENED: dict[str, _Opened] = {}


def newest(path: str, options: Mapping[str, str]) -> DeltaTable | None:
    """The newest version of the table at this path or URL, None where there is none.

    On a local disk it may be the same object as before, where nobody has committed since.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import TableNotFoundError

    if path in _OPENED and _is_newest(path, _OPENED[path]):
        return _OPENED[path].table
    _OPENED.pop(path, None)
    try:
        table = DeltaTable(path, storage_options=dict(options) or None)
    except TableNotFoundError:
        return None
    stamp = _stamp(path, table.version())
    if stamp is not None:
        _OPENED[path] = _Opened(table, stamp)
    return table


def _is_newest(path: str, opened: _Opened) -> bool:
    version = opened.table.version()
    return _stamp(path, version) == opened.stamp and _stamp(path, version + 1) is None


def _stamp(path: str, version: int) -> tuple[int, int] | None:
    """What tells a commit from another one of that number; None where there is none, or none on a local disk."""
    try:
        found = os.stat(f"{path}/_delta_log/{version:020}.json")
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns
