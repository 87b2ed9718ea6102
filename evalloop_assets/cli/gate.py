"""`evalloop gate`: candidates held against numbers that were agreed."""

from __future__ import annotations

import difflib
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from evalloop_assets.cli.tables import print_table
from evalloop_assets.days import Days
from evalloop_assets.evaluation.launch.gate import GateResult
from evalloop_assets.lake.errors import UserError
from evalloop_assets.settings import Settings

COLOURS = {"pass": "green", "fail": "red", "not enough data": "yellow", "not agreed": "yellow"}
STATUS = {"pass": 0, "fail": 1, "not enough data": 3, "not agreed": 3}
"""Exit status by verdict; 2 is that of a mistake."""
MOST_NAMES = 20


def show_gate(console: Console, path: Path, models: list[str]) -> int:
    """Print every line of the gate for these models, or for every candidate of the newest day with results.

    Gives the exit status: 0 where all pass, 1 where one fails, else 3.
    """
    import evalloop_assets.definitions  # noqa: F401 - declares the tables that a gate reads
    from evalloop_assets.evaluation.launch.gate_day import agreed_hashes, candidates, gate_of, known_models, results
    from evalloop_assets.evaluation.launch.gate_metrics import READS
    from evalloop_assets.lake.resource import open_lake

    gate, settings = gate_of(str(path)), Settings()
    lake = open_lake(settings)
    computed = lake.computed("slice_results")
    if not computed:
        raise UserError(f"launch gate {path}", "no day was evaluated yet", "Run `evalloop run` first.")
    day = max(computed)
    inputs = lake.inputs({**READS, "launch_gates": (None, None)}, Days.one(day))
    _require_known(models, known_models(inputs))
    agreed, anew = agreed_hashes(inputs, gate.name), settings.evaluation.launch.agreed
    found = results(inputs, gate, models or candidates(inputs, day), agreed, anew)
    if not found:
        raise UserError(f"launch gate {path}", f"there is no candidate on {day}", "Name a model with --model.")
    console.print(f"gate [bold]{escape(gate.name)}[/] {gate.hash[:12]}, results of {day}", soft_wrap=True)
    for one in found:
        _show(console, one)
    return next((status for status in (1, 3) if status in {STATUS[one.verdict] for one in found}), 0)


def _require_known(models: list[str], known: list[str]) -> None:
    """UserError for the first model of which nothing is known, with those that it may be."""
    for model in models:
        if model not in known:
            near = difflib.get_close_matches(model, known, 1, 0.5)
            hint = f"Did you mean {near[0]}? " if near else ""
            more = f" and {len(known) - MOST_NAMES:,} others" if len(known) > MOST_NAMES else ""
            raise UserError(
                f"model {model}", "nothing is known of it", f"{hint}There are {', '.join(known[:MOST_NAMES])}{more}."
            )


def _show(console: Console, one: GateResult) -> None:
    shape = Table("agreed", "measured, 95% interval", "n", "verdict", "why")
    for line in one.lines:
        verdict = f"[{COLOURS[line.verdict]}]{line.verdict}[/]"
        told = (line.line.words, line.measured, f"{line.figure.n:,}")
        shape.add_row(*map(escape, told), verdict, escape(line.reason))
    console.print(f"\n[bold]{escape(one.model_id)}[/]: [{COLOURS[one.verdict]}]{one.verdict}[/]", soft_wrap=True)
    print_table(console, shape)
    console.print(escape(one.reason), soft_wrap=True)
