"""`evalloop benchmark`: a version of what production found into the log, and the half of one that may be shown out."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from evalloop_assets.cli.home import open_home, refuse_demo
from evalloop_assets.cli.ingest import print_delivery, record_delivery
from evalloop_assets.cli.instance import open_instance
from evalloop_assets.days import Days
from evalloop_assets.evaluation import assets as evaluation  # noqa: F401  declares its tables
from evalloop_assets.evaluation.items.release import newest, next_items, public, release
from evalloop_assets.evaluation.rows_in import deliver_lines
from evalloop_assets.lake.catalogue import catalogue_path, rebuild_catalogue
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.exports import default_folder, manifest_of, publish, writing
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs import assets as logs  # noqa: F401  declares its tables
from evalloop_assets.logs.evaluation_contract import BENCHMARK_ITEMS
from evalloop_assets.settings import Settings

SOURCE = "benchmarks/"
"""Of a delivery, before the name of the version."""
GONE = ("saturated", "unsolved", "suspect")


def run_release(console: Console, base: str) -> None:
    """Make the next version of the benchmark: what stays of the newest one, and what was found since."""
    settings = Settings()
    open_home(settings)
    refuse_demo(settings)
    lake = open_lake(settings)
    day, found = _newest(lake, "found_items")
    standing = _rows(lake, BENCHMARK_ITEMS.name)
    names = {row["benchmark"] for row in standing}
    before = newest(base, names, _released_at(lake))
    previous = [row for row in standing if row["benchmark"] == before]
    former = [row for row in standing if row["benchmark"].startswith(f"{base}/")]
    left_out = _left_out(lake, found)
    items = next_items(previous, found, former, left_out, settings.evaluation.bad_cases.near_duplicate)
    made = release(base, day, items)
    if made.name in names:
        raise UserError(f"benchmark {base}", f"{made.name} has the same items", "Release it when there are others.")
    delivery = deliver_lines(
        lake,
        made.lines,
        BENCHMARK_ITEMS,
        SOURCE + made.name,
        now=datetime.now(UTC).replace(tzinfo=None),
        tolerance=timedelta(minutes=settings.logs.future_tolerance_minutes),
        batch_rows=settings.logs.batch_rows,
    )
    print_delivery(console, lake, delivery)
    chosen, told = {row["item_id"] for row in items}, {row["item_id"] for row in found}
    kept = len(chosen & {row["item_id"] for row in previous})
    console.print(
        f"[green]released[/] {made.name}: {kept:,} items of {before or 'no version before'}, {len(items) - kept:,} new",
        soft_wrap=True,
    )
    gone = len(told & left_out)
    verb = "is" if gone == 1 else "are"
    console.print(
        f"of {len(told):,} found, {gone:,} {verb} left out (learned from, retired or suspected) "
        f"and {len(told - left_out - chosen):,} ask what another item asks",
        soft_wrap=True,
    )
    with open_instance(settings) as instance:
        record_delivery(instance, delivery)
    rebuild_catalogue(lake, catalogue_path(settings))


def run_public(console: Console, name: str, key_from: str, out: Path | None, replace: bool) -> None:
    """Write the items of one version that are not of the hidden half, one JSON object a line."""
    settings = Settings()
    home = open_home(settings)
    lake = open_lake(settings)
    key = os.environ.get(key_from, "")
    if not key:
        why = "is not set, and without it nobody can tell which half is hidden"
        raise UserError(f"variable {key_from}", why, "Set it to the key, the same for every version.")
    rows = [row for row in _rows(lake, BENCHMARK_ITEMS.name) if row["benchmark"] == name]
    if not rows:
        raise UserError(f"benchmark {name}", "the lake has no items of it", "Name one of benchmark_items.")
    shown = public(key, rows)
    path = _path(home, out, name.replace("/", "-"), replace)
    _write(home, path, shown, {"rows": len(shown), "lake": lake.root, "benchmark": name, "hidden": "left out"})
    console.print(
        f"[green]written[/] {len(shown):,} of {len(rows):,} items to {path}, manifest {manifest_of(path).name}"
    )


def _left_out(lake: Lake, found: Sequence[Mapping[str, Any]]) -> set[str]:
    """Items that retired, are suspected, or were learned from."""
    retired = [row["item_id"] for row in _newest_rows(lake, "item_statistics") if row["verdict"] in GONE]
    learned = [row["item_id"] for row in _newest_rows(lake, "item_contamination") if row["contaminated"]]
    return {*retired, *learned, *(row["item_id"] for row in found if row["contaminated"])}


def _released_at(lake: Lake) -> dict[str, datetime]:
    """When each version was delivered."""
    told = [row for row in _rows(lake, "log_deliveries") if row["source"].startswith(SOURCE)]
    return {row["source"].removeprefix(SOURCE): row["delivered_at"] for row in told}


def _newest(lake: Lake, table: str) -> tuple[Any, list[dict[str, Any]]]:
    computed = lake.computed(table)
    if not computed:
        raise UserError(f"table {table}", "no day of it was computed yet", "Run `evalloop run` first.")
    day = max(computed)
    return day, lake.read(table, Days.one(day)).to_pylist()


def _newest_rows(lake: Lake, table: str) -> list[dict[str, Any]]:
    return _newest(lake, table)[1] if lake.computed(table) else []


def _rows(lake: Lake, table: str) -> list[dict[str, Any]]:
    return [] if lake.version(table) is None else lake.read(table).to_pylist()


def _write(home: Path, path: Path, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
    made = {"made_at": datetime.now(UTC).isoformat(timespec="seconds")}
    try:
        with writing(path) as part:
            with part.open("w", encoding="utf-8") as file:
                for row in rows:
                    told = {name: row[name] for name in BENCHMARK_ITEMS.column_names if row[name] is not None}
                    file.write(json.dumps(told, ensure_ascii=False) + "\n")
            publish(home, part, path, {**about, **made})
    except OSError as error:
        why = f"cannot be written ({error.strerror or error})"
        raise UserError(f"file {path}", why, "Name another file with --out.") from error


def _path(home: Path, out: Path | None, name: str, replace: bool) -> Path:
    """Where to write; UserError where that is no place for it or something is there already."""
    if out is None:
        default_folder(home).mkdir(exist_ok=True)
    path = out or default_folder(home) / f"{name}.jsonl"
    if path.suffix != ".jsonl":
        raise UserError(f"--out {path}", "its name does not end in .jsonl", "Name it so.")
    if not path.parent.is_dir():
        raise UserError(f"--out {path}", f"there is no folder {path.parent}", "Make it, or name another one.")
    if path.is_dir():
        raise UserError(f"--out {path}", "it is a folder", "Name a file.")
    if path.exists() and not replace:
        raise UserError(f"file {path}", "it exists already", "Name another file with --out, or say --replace.")
    return path
