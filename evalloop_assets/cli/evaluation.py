"""The commands of the evaluation stage: judges, people, conversations, benchmarks and the launch gate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evalloop_assets.cli.console import console

annotate = typer.Typer(help="Items for people to compare, and their answers.", no_args_is_help=True)
benchmark = typer.Typer(help="Items that production found, as versions of a benchmark.", no_args_is_help=True)


def judge(
    path: Annotated[
        Path, typer.Argument(metavar="FILE", help="pairs as .jsonl: item_id, user_text, reply_a, reply_b, slice, …")
    ],
    rubric: Annotated[Path, typer.Option(help="YAML with rubric, version, few_shot; or a text file")],
    model: Annotated[str, typer.Option(help="model to ask, as its endpoint names it")],
    judge_id: Annotated[str | None, typer.Option(help="name of the judge in the log; else the model's")] = None,
    url_from: Annotated[str, typer.Option(help="environment variable that holds the base URL")] = "OPENAI_BASE_URL",
    key_from: Annotated[str, typer.Option(help="environment variable that holds the key")] = "OPENAI_API_KEY",
    one_order: Annotated[bool, typer.Option("--one-order", help="ask in the order ab only; else in both")] = False,
    calls_per_minute: Annotated[float | None, typer.Option(min=0.1, help="most calls a minute; else no limit")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="seconds before a call is given up")] = 60,
    retries: Annotated[int, typer.Option(min=0, max=20, help="times that a call which failed is repeated")] = 4,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="calls at a time")] = 4,
    price: Annotated[
        tuple[float, float] | None, typer.Option(help="US dollars per million prompt and completion tokens")
    ] = None,
) -> None:
    """Ask a model at an OpenAI-compatible endpoint which reply is better, and take its verdicts in."""
    from evalloop_assets.cli.judge import Options, run_judge

    asked = Options(
        path, rubric, model, judge_id, url_from, key_from, one_order, calls_per_minute, timeout, retries, at_once, price
    )
    run_judge(console, asked)


def converse(
    model: Annotated[str | None, typer.Option(help="model to talk with, as its endpoint names it")] = None,
    policy: Annotated[str | None, typer.Option(help="instead: a candidate of policy_candidates, in process")] = None,
    page: Annotated[
        Path | None, typer.Option(help="YAML with the selectors of its chat page; with --model both are compared")
    ] = None,
    model_id: Annotated[str | None, typer.Option(help="its name in the tables; else as above")] = None,
    judge: Annotated[str | None, typer.Option(help="model at the endpoint that rates every turn; else none")] = None,
    reward_version: Annotated[
        str | None, typer.Option(help="a reward model of the registry; else the champion")
    ] = None,
    locale: Annotated[list[str] | None, typer.Option(help="en or zh, may be repeated; else both")] = None,
    role_type: Annotated[list[str] | None, typer.Option(help="may be repeated; else all six")] = None,
    intent: Annotated[list[str] | None, typer.Option(help="may be repeated; else all seven")] = None,
    prompt: Annotated[list[str] | None, typer.Option(help="none, persona or full, may be repeated; else all")] = None,
    perturbation: Annotated[
        list[str] | None, typer.Option(help="typos, noise, adversarial: the same conversations again; else none")
    ] = None,
    turns: Annotated[int, typer.Option(min=1, max=50, help="turns of a conversation")] = 8,
    seed: Annotated[int, typer.Option(help="of the simulated user")] = 1,
    seeds: Annotated[int, typer.Option(min=1, help="conversations of each scenario, a seed each")] = 1,
    url_from: Annotated[str, typer.Option(help="environment variable that holds the base URL")] = "OPENAI_BASE_URL",
    key_from: Annotated[str, typer.Option(help="environment variable that holds the key")] = "OPENAI_API_KEY",
    calls_per_minute: Annotated[float | None, typer.Option(min=0.1, help="most calls a minute; else no limit")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="seconds before a call is given up")] = 60,
    retries: Annotated[int, typer.Option(min=0, max=20, help="times that a call which failed is repeated")] = 4,
    at_once: Annotated[int, typer.Option(min=1, max=64, help="conversations at a time")] = 4,
) -> None:
    """Let a simulated user talk with a policy over many turns, and score every turn."""
    from evalloop_assets.cli.converse import Options, run_converse
    from evalloop_assets.evaluation.dynamic.plan import Plan

    grid = {
        "locales": tuple(locale or ()),
        "role_types": tuple(role_type or ()),
        "intents": tuple(intent or ()),
        "prompt_settings": tuple(prompt or ()),
        "perturbations": tuple(perturbation or ()),
    }
    options = Options(
        model,
        policy,
        page,
        model_id,
        judge,
        reward_version,
        url_from,
        key_from,
        calls_per_minute,
        timeout,
        retries,
        at_once,
    )
    run_converse(console, Plan(**grid, turns=turns, seed=seed, seeds=seeds), options)


def gate(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="YAML file of the numbers agreed (docs/evaluation)")],
    model: Annotated[list[str] | None, typer.Option(help="a model, may be repeated; else every candidate")] = None,
) -> None:
    """Hold candidates against the numbers agreed before a launch, line by line.

    Exit status: 0 all pass, 1 one fails, 3 else (not enough data, or a changed gate is not agreed); 2 is a mistake.
    """
    from evalloop_assets.cli.gate import show_gate

    raise typer.Exit(show_gate(console, path, model or []))


@annotate.command("export")
def annotate_export(
    format: Annotated[str, typer.Option(help="label-studio (JSON to import there) or jsonl (lines to fill in)")],
    out: Annotated[
        Path | None, typer.Option(help="file to write; else one in the folder `exports` of the home folder")
    ] = None,
    most: Annotated[int | None, typer.Option(min=1, help="most items, the most urgent; else all that wait")] = None,
    replace: Annotated[bool, typer.Option("--replace", help="write over a file that is there already")] = False,
) -> None:
    """Write what waits for people: the items of the newest queues, and reasons of judges in a file beside them."""
    from evalloop_assets.cli.annotate import run_annotate_export

    run_annotate_export(console, format, out, most, replace)


@annotate.command("import")
def annotate_import(
    path: Annotated[Path, typer.Argument(metavar="FILE", help="the filled lines, or Label Studio's export as JSON")],
    format: Annotated[str, typer.Option(help="label-studio or jsonl")],
) -> None:
    """Take in answers of annotators, on items and reasons; those at fault go to `rejected_rows` with their reason."""
    from evalloop_assets.cli.annotate import run_annotate_import

    run_annotate_import(console, path, format)


@benchmark.command("release")
def benchmark_release(
    name: Annotated[str, typer.Argument(help="the benchmark; its version is named by day and content")] = "found",
) -> None:
    """Take the next version into `benchmark_items`: what stays of the newest one, and what was found since."""
    from evalloop_assets.cli.benchmark import run_release

    run_release(console, name)


@benchmark.command("export")
def benchmark_export(
    version: Annotated[str, typer.Argument(help="a version, as `benchmark_items` names it")],
    key_from: Annotated[
        str, typer.Option(help="environment variable with the key that decides which half is hidden")
    ] = "BENCHMARK_KEY",
    out: Annotated[
        Path | None, typer.Option(help="file to write; else one in the folder `exports` of the home folder")
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="write over a file that is there already")] = False,
) -> None:
    """Write the items of one version that may be shown. The hidden half never leaves."""
    from evalloop_assets.cli.benchmark import run_public

    run_public(console, version, key_from, out, replace)
