"""Delta tables that were opened already: opening one replays its log, asking whether it grew is a look at two files."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from evalloop_assets.lake.clock import Clock

if TYPE_CHECKING:
    from deltalake import DeltaTable


class _Opened(NamedTuple):
    table: DeltaTable
    stamp: tuple[int, int]
    """Inode and time of change of the commit that it was opened at."""


class OpenTables:
    """What those who read one lake share while nobody commits: its tables, and the clock that its deliveries tell."""

    def __init__(self) -> None:
        self._tables: dict[str, _Opened] = {}
        self._clock: tuple[tuple[str, ...], Clock] = ((), Clock(None, None))

    def newest(self, path: str, options: Mapping[str, str]) -> DeltaTable | None:
        """The newest version of the table at this path or URL, None where there is none.

        On a local disk it may be the same object as before, where nobody has committed since.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        if path in self._tables and _is_newest(path, self._tables[path]):
            return self._tables[path].table
        self._tables.pop(path, None)
        try:
            table = DeltaTable(path, storage_options=dict(options) or None)
        except TableNotFoundError:
            return None
        stamp = _stamp(path, table.version())
        if stamp is not None:
            self._tables[path] = _Opened(table, stamp)
        return table

    def clock(self, files: Sequence[str], read: Callable[[], Clock]) -> Clock:
        """The clock that these files tell, read anew where they are others than last time."""
        if self._clock[0] != tuple(files):
            self._clock = tuple(files), read()
        return self._clock[1]


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
