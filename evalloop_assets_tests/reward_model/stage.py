"""Runs steps of a stage on a test's lake, as the assets do."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from dagster import AssetsDefinition, materialize
from dagster_duckdb import DuckDBResource

from evalloop_assets.lake.resource import LakeResource
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings
