"""`evalloop gate`: candidates held against numbers that were agreed."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evalloop_assets.cli.tables import print_table
from evalloop_assets.days import Days
from evalloop_assets.evaluation.launch.gate import GateResult
from evalloop_assets.lake.errors import UserError
from evalloop_assets.settings import Settings

COLOURS = {"pass": "green", "fail": "red", "not enough data": "yellow"}


def show_gate(console: Console, path: Path, models: list[str]) -> None:
    """Print every line of the gate for these models, or for every candidate of the newest day with results."""
    import evalloop_assets.definitions  # noqa: F401 - declares the tables that a gate reads
    from evalloop_assets.evaluation.launch.gate_day import candidates, gate_of, results
    from evalloop_assets.evaluation.launch.gate_metrics import READS
    from evalloop_assets.lake.resource import open_lake

    gate, settings = gate_of(str(path)), Settings()
    lake = open_lake(settings)
    computed = lake.computed("slice_results")
    if not computed:
        raise UserError(f"launch gate {path}", "no day was evaluated yet", "Run `evalloop run` first.")
    day = max(computed)
    inputs = lake.inputs(READS, Days.one(day))
    found = results(inputs, gate, models or candidates(inputs, day))
    if not found:
        raise UserError(f"launch gate {path}", f"there is no candidate on {day}", "Name a model with --model.")
    console.print(f"gate [bold]{escape(gate.name)}[/] {gate.hash[:12]}, results of {day}", soft_wrap=True)
    for one in found:
        _show(console, one)


def _show(console: Console, one: GateResult) -> None:
    shape = Table("agreed", "measured, 95% interval", "n", "verdict", "why")
    for line in one.lines:
        verdict = f"[{COLOURS[line.verdict]}]{line.verdict}[/]"
        told = (line.line.words, line.measured, f"{line.figure.n:,}")
        shape.add_row(*map(escape, told), verdict, escape(line.reason))
    console.print(f"\n[bold]{escape(one.model_id)}[/]: [{COLOURS[one.verdict]}]{one.verdict}[/]", soft_wrap=True)
    print_table(console, shape)
    console.print(escape(one.reason), soft_wrap=True)
