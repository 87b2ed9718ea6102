"""Runs assets and checks of a stage by Dagster on a lake of its own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from dagster import AssetChecksDefinition, AssetsDefinition, ExecuteInProcessResult, materialize

import evalloop_assets.denoise.assets
import evalloop_assets.evaluation.assets
import evalloop_assets.horizon_labels.assets  # noqa: F401 - they declare tables that stages read
from evalloop_assets.days import Days, Window
from evalloop_assets.lake.resource import lake_resource
from evalloop_assets.lake.store import Inputs, Lake
from evalloop_assets.settings import Settings


class Stage(NamedTuple):
    """A lake with its settings."""

    settings: Settings
    lake: Lake

    @classmethod
    def at(cls, home: Path, **sections: dict[str, Any]) -> Stage:
        settings = Settings(home=home, **sections)
        return cls(settings, lake_resource(settings).open())

    def run(self, day: date, parts: Sequence[AssetsDefinition | AssetChecksDefinition]) -> ExecuteInProcessResult:
        return materialize(
            list(parts),
            partition_key=day.isoformat(),
            resources={"lake": lake_resource(self.settings), "settings": self.settings},
        )

    def inputs(self, day: date, **reads: Window) -> Inputs:
        return self.lake.inputs(reads, Days.one(day))

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.lake.read(table).to_pylist()


def verdicts(result: ExecuteInProcessResult) -> dict[str, bool]:
    """Whether each check passed."""
    return {found.check_name: found.passed for found in result.get_asset_check_evaluations()}


def metadata(result: ExecuteInProcessResult, table: str) -> dict[str, Any]:
    """What the asset reported, as plain values."""
    (event,) = result.asset_materializations_for_node(table)
    return {name: value.value for name, value in event.metadata.items()}
