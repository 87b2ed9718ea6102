"""A small home whose log is served by the simulator, computed without Dagster, and ways to erase and compare."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb

import evalloop_assets.definitions  # noqa: F401 - declares every table
from evalloop_assets.cli.erase_user import scope_of
from evalloop_assets.days import Days
from evalloop_assets.erasure.erase import Outcome, erase
from evalloop_assets.lake.assets import TRANSFORMS, run_transform
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.landing import deliver_landing
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.scenarios import SCENARIOS, resized
from evalloop_assets.simulator.serve import FIRST_DAY, serve

DAYS = 2
NOW = datetime(2026, 6, 1)
RANGE = Days(FIRST_DAY, FIRST_DAY + timedelta(days=DAYS - 1))
SALT = "5a17"


class Known(NamedTuple):
    """What a test knows of a person, from the delivered files."""

    user_id: str
    ids: frozenset[str]
    """Of replies and conversations."""
    texts: frozenset[str]
    """Messages of 40 characters and more that are part of nothing that anybody else wrote or was told."""


@cache
def _kept() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="evalloop-erasure-")


@cache
def served() -> Path:
    """A home with the log of a small product, nothing computed."""
    home = Path(_kept().name) / "served"
    scenario = resized(SCENARIOS["padding"], 60)
    trial = replace(scenario.trials[0], on_day=0)
    serve(replace(scenario, trials=(trial,)), Settings(home=home), 5, days=DAYS)
    for name in ("truth", "product"):
        shutil.rmtree(home / name)
    return home


@cache
def taken_in() -> Path:
    """The same with its log in the lake."""
    home = shutil.copytree(served(), Path(_kept().name) / "taken-in")
    take_in(open_lake(settings(home)), home)
    return home


@cache
def computed() -> Path:
    """The same with every table that is a query."""
    home = shutil.copytree(served(), Path(_kept().name) / "computed")
    compute(home)
    return home


@cache
def without_them() -> Path:
    """A home whose log never had the busiest user, computed."""
    home = shutil.copytree(served(), Path(_kept().name) / "without")
    for path in sorted((home / "landing").glob("*/*.parquet")):
        beside = path.with_suffix(".fresh")
        with duckdb.connect() as connection:
            names = [row[0] for row in connection.execute(f"DESCRIBE FROM '{path}'").fetchall()]
            if "user_id" in names:
                kept = f"SELECT * FROM read_parquet('{path}') WHERE user_id <> '{busiest().user_id}'"
                connection.execute(f"COPY ({kept}) TO '{beside}' (FORMAT parquet)")
                beside.replace(path)
    compute(home)
    return home


def settings(home: Path) -> Settings:
    return Settings(home=home, first_day=FIRST_DAY)


def compute(home: Path) -> Lake:
    """Take in what was delivered and compute every query for all days."""
    lake = open_lake(settings(home))
    take_in(lake, home)
    for table in queries():
        run_transform(lake, TRANSFORMS[table], RANGE, settings(home))
    return lake


def take_in(lake: Lake, home: Path):
    return deliver_landing(lake, home / "landing", now=NOW, tolerance=timedelta(minutes=10), batch_rows=50_000)


def queries() -> list[str]:
    graph = {
        name: [read for read in one.reads if read in TRANSFORMS and read != name] for name, one in TRANSFORMS.items()
    }
    return list(TopologicalSorter(graph).static_order())


@cache
def busiest() -> Known:
    """The user with the most replies."""
    files = f"{served() / 'landing' / 'turns'}/*.parquet"
    with duckdb.connect() as connection:
        turns = f"read_parquet('{files}', union_by_name = true)"
        user = connection.execute(f"SELECT user_id FROM {turns} GROUP BY 1 ORDER BY count(*) DESC, 1").fetchall()[0][0]
        own = connection.execute(f"SELECT event_id, conversation_id, user_text FROM {turns} WHERE user_id = '{user}'")
        rows = own.fetchall()
        others = connection.execute(
            f"SELECT user_text, reply_text FROM {turns} WHERE user_id IS DISTINCT FROM '{user}'"
        ).fetchall()
    others_text = "\n".join(text for row in others for text in row if text)
    texts = {row[2] for row in rows if row[2] and len(row[2].encode()) >= 40}
    return Known(
        user,
        frozenset(one for row in rows for one in row[:2] if one),
        frozenset(text for text in texts if text not in others_text),
    )


def copy_of(home: Path, to: Path) -> Path:
    return shutil.copytree(home, to)


def erased(home: Path, user_id: str, unknown: bool = False) -> Outcome:
    return erase(scope_of(settings(home)), user_id, SALT, wall_clock, unknown=unknown)


def wall_clock() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


def rows(lake: Lake, table: str, user_id: str | None = None) -> list[tuple]:
    """Rows of the newest version in an order of their own, those of one user where said."""
    if not lake.view(table).columns:
        return []
    found = [row for row in lake.read(table).to_pylist() if user_id is None or row.get("user_id") == user_id]
    return sorted((tuple((name, _comparable(value)) for name, value in row.items()) for row in found), key=repr)


def _comparable(value: object) -> object:
    """Floats to nine digits: the last ones follow the order in which threads add."""
    return float(f"{value:.9g}") if isinstance(value, float) else value
