"""The `evalloop` command. Each sub-command has a module of its own and imports what it needs when it runs."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from evalloop_assets.cli import evaluation
from evalloop_assets.cli.console import console
from evalloop_assets.garbage import collect_seldom
from evalloop_assets.lake.errors import UserError

app = typer.Typer(
    name="evalloop",
    help="From the behaviour logs of an AI chat product to decisions and better models.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
serving = typer.Typer(help="What the product serves: look, take a model out, take that back.", no_args_is_help=True)
app.add_typer(serving, name="serving")
alerts = typer.Typer(
    help="What somebody on call has to know of: look, take care, silence, close.", no_args_is_help=True
)
app.add_typer(alerts, name="alerts")
export = typer.Typer(help="What leaves the lake as a file.", no_args_is_help=True)
app.add_typer(export, name="export")
app.add_typer(evaluation.annotate, name="annotate")
app.add_typer(evaluation.benchmark, name="benchmark")

MOST = 2**31 - 1
"""Largest number that names an entry or an incident; databases have no larger ones."""


def main() -> None:
    """Run the command; a user's mistake ends it with one line and exit status 2."""
    collect_seldom()
    try:
        app()
    except UserError as error:
        _end(str(error))
    except ValidationError as error:
        if error.title != "Settings":
            raise
        first = error.errors()[0]
        name = "EVALLOOP_" + "__".join(str(part).upper() for part in first["loc"])
        why = first["msg"].removeprefix("Value error, ")
        if first["type"] == "secret_in_file":
            _end(f"setting {name}: evalloop.yaml is no place for it ({why}). Set the variable {name} instead.")
        if first["type"] == "extra_forbidden":  # the value of a mistyped secret is one
            _end(f"setting {name}: there is none of that name. All are in evalloop_assets/settings.")
        _end(f"setting {name}: {first['input']!r} is refused ({why}). Mend it there or in evalloop.yaml.")


def _end(line: str) -> NoReturn:
    Console(stderr=True, highlight=False).print(f"[bold red]error[/] {escape(line)}", soft_wrap=True)
    sys.exit(2)


def _day_of(option: str) -> Callable[[str], date]:
    """The parser of an option that names a day."""

    def parse(text: str) -> date:
        try:
            return date.fromisoformat(text)
        except ValueError as error:
            raise UserError(f"{option} {text}", "is no day", "Write it as 2026-03-01.") from error

    return parse


def _day_option(option: str, about: str) -> Any:
    return typer.Option(option, parser=_day_of(option), metavar="DAY", help=about)


@app.command()
def demo(
    generations: Annotated[
        int | None,
        typer.Option(min=1, help="instead: so many policies, each made from the logs of the one before (minutes each)"),
    ] = None,
) -> None:
    """Run the whole loop on a simulated product: days of chat, one promotion, one rollback."""
    from evalloop_assets.cli.demo_settings import set_for_demo, set_for_generations

    set_for_demo()
    if generations is not None:
        set_for_generations()
        from evalloop_assets.cli.generations import run_generations

        run_generations(console, generations)
        return
    from evalloop_assets.cli.demo import run_demo

    run_demo(console)


@app.command()
def simulate(
    scenario: Annotated[str, typer.Argument(help="a name of docs/simulator.md, such as healthy or padding")],
    seed: Annotated[int, typer.Option(help="another seed, another product of the same kind")] = 1,
    days: Annotated[int | None, typer.Option(help="days to serve; else as many as the scenario has")] = None,
    users: Annotated[
        int | None, typer.Option(help="users from before the first day; else as the scenario says")
    ] = None,
) -> None:
    """Serve a simulated product into the landing folder, its truth beside it; `evalloop run` takes it from there."""
    from evalloop_assets.cli.simulate import run_simulate

    run_simulate(console, scenario, seed, days, users)


@app.command()
def scoreboard(
    scenario: Annotated[
        list[str] | None, typer.Option(help="a scenario to run, may be repeated; else all, and the error rates")
    ] = None,
    seeds: Annotated[int, typer.Option(help="products of each kind; two or more")] = 5,
) -> None:
    """Hold every stage against the truth of simulated products, and print what naive methods score beside it."""
    from evalloop_assets.cli.scoreboard import run_scoreboard

    run_scoreboard(console, scenario or [], seeds)


@app.command()
def ingest(
    path: Annotated[Path, typer.Argument(help="file of a log: Parquet, JSONL, CSV, JSON, plain or .gz")],
    mapping: Annotated[
        Path | None, typer.Option("--map", help="YAML mapping from the file to the log contract (docs/mappings)")
    ] = None,
    complete_through: Annotated[
        date | None,
        _day_option("--complete-through", "last day whose logs are complete; once one was named, only that counts"),
    ] = None,
) -> None:
    """Take a file of logs into the lake; loading it twice changes nothing."""
    from evalloop_assets.cli.ingest import run_ingest

    if mapping is None:
        raise UserError("--map", "is missing", "Name the mapping of your log; docs/mappings holds some to begin with.")
    run_ingest(console, path, mapping, complete_through)


@app.command()
def run(
    first: Annotated[
        date | None, _day_option("--from", "first day (UTC); else the first that was never computed")
    ] = None,
    last: Annotated[date | None, _day_option("--to", "last day (UTC); else the last of the log")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be computed and why, and stop")] = False,
) -> None:
    """Run every stage over a range of days, and relabel earlier days whose labels matured or whose rows came late."""
    from evalloop_assets.cli.run import run_range

    run_range(console, first, last, dry_run)


@app.command()
def backtest(
    first: Annotated[date | None, _day_option("--from", "first day (UTC); else the first with an experiment")] = None,
    last: Annotated[date | None, _day_option("--to", "last day (UTC); else the last with an experiment")] = None,
    margin: Annotated[float | None, typer.Option(help="loss of retention that counts as harm, a share")] = None,
    alpha: Annotated[float | None, typer.Option(help="error budget of one experiment")] = None,
    planned_users: Annotated[int | None, typer.Option(help="users at which bounds are tightest")] = None,
) -> None:
    """Judge past days again under other limits: what would have fired, when, and rightly or not."""
    from evalloop_assets.cli.backtest import Asked, run_backtest

    run_backtest(console, first, last, Asked(margin, alpha, planned_users))


@app.command()
def score(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="dialogues as .jsonl (chat messages, prompt and completion), or rows")
    ],
    out: Annotated[Path | None, typer.Option(help="file to write; else standard output")] = None,
    reward_version: Annotated[
        str | None, typer.Option(help="a reward model of the registry; else the champion")
    ] = None,
) -> None:
    """Score the last reply of each dialogue in a file (.jsonl, .csv, .parquet) by the reward model."""
    from evalloop_assets.cli.score import run_score

    run_score(console, path, out, reward_version)


@app.command()
def scorer(
    port: Annotated[int, typer.Option(min=1, max=65535, help="port on 127.0.0.1")] = 8765,
    reward_version: Annotated[
        str | None, typer.Option(help="a reward model of the registry; else the champion")
    ] = None,
) -> None:
    """Serve rewards on loopback to trainers (TRL, OpenRLHF) while they train."""
    from evalloop_assets.cli.score import run_scorer

    run_scorer(console, port, reward_version)


app.command()(evaluation.judge)
app.command()(evaluation.converse)


@app.command("erase-user")
def erase_user(
    user_id: Annotated[str, typer.Argument(metavar="ID", help="user_id of the person, as the log has it")],
    unknown: Annotated[
        bool,
        typer.Option(
            "--unknown", help="erase an id that nobody has yet: rows of it that come later are refused, for ever"
        ),
    ] = False,
) -> None:
    """Remove a person from every table, version, export and file, prove it, and refuse the id from now on."""
    from evalloop_assets.cli.erase_user import run_erase_user

    run_erase_user(console, user_id, unknown)


app.command()(evaluation.gate)


@app.command()
def report(
    first: Annotated[date | None, _day_option("--from", "first day (UTC); else six days before the last")] = None,
    last: Annotated[date | None, _day_option("--to", "last day (UTC); else the newest that was evaluated")] = None,
    out: Annotated[Path | None, typer.Option(help="file to write; else reports/ in the home folder")] = None,
    serve: Annotated[bool, typer.Option("--serve", help="instead: serve all reports on loopback")] = False,
) -> None:
    """Write the report of a period: users at the top, ranking, judges and people below, benchmarks at the base."""
    from evalloop_assets.cli.report import run_report, serve_reports

    if serve:
        serve_reports(console)
    else:
        run_report(console, first, last, out)


@app.command()
def status() -> None:
    """Tell what is served, what is in flight, what is stale, what was rejected, and what is wrong."""
    from evalloop_assets.cli.status import show_status

    show_status(console)


@serving.command("show")
def serving_show() -> None:
    """Show the champion and the experiments in flight."""
    from evalloop_assets.cli.serving import show

    show(console)


@serving.command("history")
def serving_history() -> None:
    """Show every change of serving, newest last."""
    from evalloop_assets.cli.serving import history

    history(console)


@serving.command("begin")
def serving_begin(model: Annotated[str, typer.Argument(help="model to serve to everybody")]) -> None:
    """Name the first champion; a ledger that has one is left alone."""
    from evalloop_assets.cli.serving import begin

    begin(console, model)


@serving.command("start")
def serving_start(
    experiment: Annotated[str, typer.Argument(help="name of the new experiment")],
    treatment: Annotated[str, typer.Option(help="model to serve against the champion")],
    weight: Annotated[float, typer.Option(help="percent of conversations that get it")] = 5,
    user_share: Annotated[float, typer.Option(help="percent of users that are randomised by user, for retention")] = 20,
    first: Annotated[float, typer.Option("--segment-from", help="first percent of the users, by hash")] = 0,
    last: Annotated[float, typer.Option("--segment-to", help="last percent of the users, by hash")] = 100,
) -> None:
    """Start an experiment against the champion, from now on."""
    from evalloop_assets.cli.serving import start

    start(console, experiment, treatment, weight, user_share, (first, last))


@serving.command("ramp")
def serving_ramp(
    experiment: Annotated[str, typer.Argument(help="a running experiment")],
    weight: Annotated[float, typer.Argument(help="percent of conversations that get the treatment")],
    reason: Annotated[str, typer.Option(help="why, in plain words")],
) -> None:
    """Change an experiment's weight for conversations that begin from now on; running ones keep their arm."""
    from evalloop_assets.cli.serving import ramp

    ramp(console, experiment, weight, reason)


@serving.command("rollback")
def serving_rollback(
    experiment: Annotated[str, typer.Argument(help="experiment whose candidate is taken out")],
    reason: Annotated[str, typer.Option(help="why, in plain words")],
) -> None:
    """Take an experiment's candidate out of serving from the next turn on."""
    from evalloop_assets.cli.serving import roll_back

    roll_back(console, experiment, reason)


@serving.command("undo")
def serving_undo(
    sequence: Annotated[
        int, typer.Argument(max=MOST, help="ledger entry to take back (see `evalloop serving history`)")
    ],
    reason: Annotated[str, typer.Option(help="why, in plain words")],
    discard_later: Annotated[bool, typer.Option("--discard-later", help="also take back every entry after it")] = False,
) -> None:
    """Restore what was served before a ledger entry."""
    from evalloop_assets.cli.serving import take_back

    take_back(console, sequence, reason, discard_later)


@alerts.command("list")
def alerts_list(everything: Annotated[bool, typer.Option("--all", help="those of long ago too")] = False) -> None:
    """Show open incidents, those of the last week, and alerts that could not be delivered."""
    from evalloop_assets.cli.alerts import list_alerts

    list_alerts(console, everything)


@alerts.command("show")
def alerts_show(number: Annotated[int, typer.Argument(metavar="INCIDENT", max=MOST, help="its number")]) -> None:
    """Show what an incident's alert says, who was told, and the replies behind its examples, redacted."""
    from evalloop_assets.cli.alerts import show_alert

    show_alert(console, number)


@alerts.command("ack")
def alerts_ack(number: Annotated[int, typer.Argument(metavar="INCIDENT", max=MOST, help="its number")]) -> None:
    """Say that you take care of an incident; alerts of it that have not arrived are given up."""
    from evalloop_assets.cli.alerts import acknowledge

    acknowledge(console, number)


@alerts.command("silence")
def alerts_silence(
    number: Annotated[int, typer.Argument(metavar="INCIDENT", max=MOST, help="its number")],
    hours: Annotated[float, typer.Option(help="for how long", min=0.1, max=24 * 30)] = 24,
) -> None:
    """Tell nothing of an incident, nor of others of its experiment and kind; what lasts longer is told then."""
    from evalloop_assets.cli.alerts import silence

    silence(console, number, hours)


@alerts.command("resolve")
def alerts_resolve(
    number: Annotated[int, typer.Argument(metavar="INCIDENT", max=MOST, help="its number")],
    reason: Annotated[str, typer.Option(help="why it is over, in plain words")],
) -> None:
    """Close an incident that does not end by itself."""
    from evalloop_assets.cli.alerts import resolve

    resolve(console, number, reason)


@export.callback()
def _export() -> None:
    """What leaves the lake as a file."""


@export.command("pairs")
def export_pairs(
    format: Annotated[str, typer.Option(help="trl, jsonl (nested objects) or parquet (the flat table)")],
    purpose: Annotated[
        str, typer.Option("--for", help="with trl: dpo (pairs of one prefix only) or reward (tail pairs too)")
    ] = "dpo",
    out: Annotated[
        Path | None, typer.Option(help="file to write; else one in the folder `exports` of the home folder")
    ] = None,
    first: Annotated[date | None, _day_option("--from", "first day (UTC); else the first that has pairs")] = None,
    last: Annotated[date | None, _day_option("--to", "last day (UTC); else the last that has pairs")] = None,
    source: Annotated[
        list[str] | None, typer.Option(help="tail, regeneration or battle, may be repeated; else all")
    ] = None,
    horizon: Annotated[
        str | None,
        typer.Option(help="only pairs decided at immediate, delayed_5 or delayed_session; else each at its own"),
    ] = None,
    history: Annotated[
        int | None, typer.Option(min=0, help="replies before a candidate that are told with it; else as set")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="write over a file that is there already")] = False,
) -> None:
    """Write preference pairs to a file, unless a check finds them unfit to learn from."""
    from evalloop_assets.cli.export import Asked, run_export

    run_export(console, Asked(format, purpose, out, first, last, tuple(source or ()), horizon, history, replace))
