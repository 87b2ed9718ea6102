"""The one-row tables `settings` and `clock` that a transform may read beside its inputs."""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from evalloop_assets.lake.clock import Clock
from evalloop_assets.lake.engine import View
from evalloop_assets.lake.sql import SqlTransform
from evalloop_assets.settings import Settings


def constants(transform: SqlTransform, settings: Settings, clock: Clock) -> dict[str, View]:
    """Those that the transform's header asks for."""
    import pyarrow as pa

    found = {}
    if transform.settings:
        row = {name: [value] for name, value in setting_values(transform, settings).items()}
        found["settings"] = View({}, rows=pa.table(row))
    if transform.clock:
        found["clock"] = View(
            {},
            rows=pa.table(
                {
                    "watermark": pa.array([clock.watermark], pa.date32()),
                    "log_end": pa.array([clock.log_end], pa.timestamp("us")),
                }
            ),
        )
    return found


def setting_values(transform: SqlTransform, settings: Settings) -> dict[str, Any]:
    """Columns of the one-row table `settings`."""
    return {name.rpartition(".")[2]: attrgetter(name)(settings) for name in transform.settings}
