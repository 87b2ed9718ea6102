"""`evalloop scoreboard`: scenarios through the whole loop, and thousands of simulated experiments, against truth."""

from __future__ import annotations

import base64
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from evalloop_assets.cli.home import open_home
from evalloop_assets.cli.instance import open_instance
from evalloop_assets.cli.scoreboard_run import measured
from evalloop_assets.cli.tables import print_table
from evalloop_assets.days import Days
from evalloop_assets.end_with import end_with
from evalloop_assets.lake.errors import UserError
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.scenarios import SCENARIOS, find_scenario
from evalloop_assets.simulator.scoreboard import decisions, eliminations, error_rates
from evalloop_assets.simulator.scoreboard.figures import EVERY, Figure
from evalloop_assets.simulator.scoreboard.measure import pooled
from evalloop_assets.simulator.scoreboard.page import STAGES, by_stage, lines, page, shown, summary
from evalloop_assets.simulator.scoreboard.picture import draw
from evalloop_assets.simulator.scoreboard.pipeline import ENVIRONMENT
from evalloop_assets.simulator.scoreboard.table import SCOREBOARD, rows_of

EXPERIMENTS, TOURNAMENTS = 2_000, 300
"""Simulated experiments of the A/A kind (a quarter of them of each other kind), and simulated tournaments."""
SEED = 1


def run_scoreboard(console: Console, scenarios: Sequence[str], seeds: int) -> None:
    """Run, print, and keep: a table in the lake, an asset of the UI, and with all scenarios the page in `docs/`."""
    if seeds < 2:
        raise UserError(f"--seeds {seeds}", "an interval over seeds needs two of them", "Give 2 or more.")
    names = list(dict.fromkeys(find_scenario(name).name for name in scenarios)) or list(SCENARIOS)
    whole = not scenarios
    settings = Settings()
    open_home(settings)
    figures = _figures(console, names, seeds, whole)
    _print(console, figures)
    command = "evalloop scoreboard" + "".join(f" --scenario {name}" for name in scenarios) + f" --seeds {seeds}"
    folder = Path("docs") if whole and Path("docs/simulator.md").is_file() else settings.home
    draw(figures, folder / "scoreboard.svg")
    (folder / "scoreboard.md").write_text(page(figures, command, "scoreboard.svg"), encoding="utf-8")
    _keep(settings, figures, command, whole)
    console.print(f"page {folder / 'scoreboard.md'}, table scoreboard in the lake, asset scoreboard in the UI")


def _figures(console: Console, names: Sequence[str], seeds: int, whole: bool) -> list[Figure]:
    by_run: dict[tuple[str, int], Any] = {}
    tested: list[Any] = []
    fought: list[Any] = []
    decided: list[Any] = []
    kept = {"experiments": tested, "tournaments": fought, "error rates": decided}
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    )
    workers = ProcessPoolExecutor(mp_context=get_context("spawn"), initializer=end_with, initargs=(os.getpid(),))
    with _environment(), bar, workers as pool:
        waiting: dict[Future[Any], tuple[str, Any]] = {
            pool.submit(measured, name, seed): ("run", (name, seed)) for seed in range(1, seeds + 1) for name in names
        }
        if whole:
            waiting |= {
                pool.submit(decisions.records, block, SEED): ("experiments", block)
                for block in decisions.blocks(EXPERIMENTS)
            }
            waiting |= {
                pool.submit(eliminations.records, block, SEED): ("tournaments", block)
                for block in eliminations.blocks(TOURNAMENTS)
            }
            waiting |= {
                pool.submit(error_rates.records, block, SEED): ("error rates", block)
                for block in error_rates.blocks(EXPERIMENTS)
            }
        task = bar.add_task("runs and blocks of experiments", total=len(waiting))
        try:
            for done in as_completed(waiting):
                kind, key = waiting[done]
                found = done.result()
                if kind == "run":
                    by_run[key] = found
                else:
                    kept[kind].append((key, found))
                bar.advance(task)
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    figures = pooled({name: [by_run[name, seed] for seed in range(1, seeds + 1)] for name in names})
    for module, blocks in ((decisions, tested), (eliminations, fought), (error_rates, decided)):
        in_order = sorted(blocks, key=lambda one: repr(one[0]))
        figures += module.figures([record for _, records in in_order for record in records]) if blocks else []
    return figures


def _print(console: Console, figures: Sequence[Figure]) -> None:
    for stage, found in by_stage(summary(figures)).items():
        table = Table("figure", "scenario", "loop", "naive", title=STAGES[stage], title_justify="left")
        for loop, naive in lines(found):
            one = loop or naive[0]
            beside = "\n".join(f"{other.method}: {shown(other.found)}" for other in naive)
            table.add_row(one.figure, one.scenario, shown(loop.found) if loop else "", beside)
        print_table(console, table)


def _keep(settings: Settings, figures: Sequence[Figure], command: str, whole: bool) -> None:
    """The figures as rows of the lake, and as a materialisation with table and picture.

    A board of some scenarios replaces these alone, and says nothing of every scenario.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    from dagster import AssetMaterialization, MetadataValue

    from evalloop_assets.lake.delta import arrow_schema
    from evalloop_assets.lake.resource import open_lake

    day = datetime.now(UTC).date()
    lake = open_lake(settings)
    made = [one for one in figures if whole or one.scenario != EVERY]
    rows = pa.Table.from_pylist(rows_of(made, day), arrow_schema(SCOREBOARD))
    if not whole and lake.view(SCOREBOARD.name).files:
        before = lake.read(SCOREBOARD.name, Days.one(day)).select(rows.column_names)
        others = pc.invert(pc.is_in(before["scenario"], pc.unique(rows["scenario"])))
        rows = pa.concat_tables([before.filter(others).cast(rows.schema), rows])
    commit = lake.replace(SCOREBOARD, Days.one(day), {}, lambda inputs: rows)
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "scoreboard.png"
        draw(figures, picture)
        encoded = base64.b64encode(picture.read_bytes()).decode()
    metadata = {
        "command": command,
        "dagster/row_count": rows.num_rows,
        "lake_version": commit.version,
        "picture": MetadataValue.md(f"![scoreboard](data:image/png;base64,{encoded})"),
        "figures": MetadataValue.md(page(figures, command, "")),
    }
    with open_instance(settings) as instance:
        instance.report_runless_asset_event(AssetMaterialization(SCOREBOARD.name, metadata=metadata))


@contextmanager
def _environment() -> Iterator[None]:
    """ENVIRONMENT for the processes that are started meanwhile, and nothing else of this project's settings."""
    before = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("EVALLOOP_")]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
