"""`evalloop converse`: a simulated user talks with a policy, every turn is scored, and the figures are told."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from evalloop_assets.cli.home import open_home
from evalloop_assets.cli.instance import execute, open_instance, require_success
from evalloop_assets.cli.tables import print_table
from evalloop_assets.days import Days
from evalloop_assets.evaluation.dynamic.converse import Conversation, Policy
from evalloop_assets.evaluation.dynamic.endpoint import EndpointPolicy
from evalloop_assets.evaluation.dynamic.plan import Plan, Planned
from evalloop_assets.evaluation.dynamic.rating import JudgeScorer
from evalloop_assets.evaluation.dynamic.rows import keep, score_rows, turn_rows
from evalloop_assets.evaluation.dynamic.scoring import RewardScorer, TextScorer, TurnScorer, scored
from evalloop_assets.evaluation.dynamic.tables import RESULTS, SCORES, TURNS
from evalloop_assets.evaluation.judges.endpoint import Endpoint, Patience
from evalloop_assets.lake.catalogue import catalogue_path, rebuild_catalogue
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.store import Lake
from evalloop_assets.reward_model.gated import Gate
from evalloop_assets.reward_model.registry import find_champion, load_version
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from evalloop_assets.policy_iteration.policy import Policy as Candidate

FAILED_AT_FIRST = 5
"""Conversations without any reply, and none with one before, after which no more are begun."""
SHOWN = """
    SELECT metric, scorer, figure, against, value, low, high, conversations, reason FROM dynamic_results
    WHERE model_id = $model_id AND role_type = 'all' AND intent = 'all' AND prompt_setting = 'all' AND figure <> 'turn'
    ORDER BY metric, scorer, figure, against
"""


class Options(NamedTuple):
    """The options of the command as they were given."""

    model: str | None
    policy: str | None
    model_id: str | None
    judge: str | None
    reward_version: str | None
    url_from: str
    key_from: str
    calls_per_minute: float | None
    timeout: float
    retries: int
    at_once: int


@dataclass(frozen=True)
class InProcess:
    """A policy of the loop in this process; each reply is drawn with the seed and its place."""

    policy: Candidate
    seed: int

    def reply(self, messages: Sequence[Mapping[str, str]], system: str) -> str:
        from evalloop_assets.policy_iteration.prompts import Prompt

        history = tuple(one["content"] for one in messages[:-1])
        prompt = Prompt(messages[-1]["content"], history, system, "")
        return self.policy.reply([prompt], self.seed + len(messages))[0]


class Reached(NamedTuple):
    """A policy, and how it was reached."""

    policy: Policy
    model_id: str
    channel: str
    at_once: int


def run_converse(console: Console, plan: Plan, options: Options) -> None:
    """Converse, score, keep, and say how the policy fares."""
    settings = Settings()
    todo = plan.conversations()
    open_home(settings)
    lake = open_lake(settings)
    scorers = _scorers(console, settings, options)
    with _reached(settings, lake, options, plan.seed) as reached:
        console.print(f"{len(todo):,} conversations of {plan.turns} turns with {reached.model_id}", soft_wrap=True)
        talks = _talks(console, reached, todo)
    _tell_failures(console, talks)
    frame = scored(reached.model_id, talks, scorers)
    day = datetime.now(UTC).date()
    turns = turn_rows(reached.model_id, reached.channel, talks)
    with open_instance(settings) as instance:
        from dagster import AssetMaterialization

        from evalloop_assets.definitions import build_definitions

        definitions = build_definitions(settings)
        for schema, rows in ((TURNS, turns), (SCORES, score_rows(frame))):
            commit = keep(lake, schema, day, reached.model_id, rows)
            told: dict[str, Any] = {"model": reached.model_id, "rows of it": len(rows), "lake_version": commit.version}
            instance.report_runless_asset_event(
                AssetMaterialization(schema.name, partition=day.isoformat(), metadata=told)
            )
        require_success(execute(definitions, "daily", instance, Days.one(day), tables=[RESULTS.name]), "daily")
    rebuild_catalogue(lake, catalogue_path(settings))
    _tell(console, lake, day, reached.model_id)


def _scorers(console: Console, settings: Settings, options: Options) -> list[TurnScorer]:
    found: list[TurnScorer] = [TextScorer()]
    version = options.reward_version
    model = load_version(settings, version) if version else find_champion(settings)
    if model is None:
        console.print("[yellow]note[/] there is no reward model yet: turns are scored by their text alone")
    else:
        found.append(RewardScorer(model, Gate.of(settings.reward), model.version))
    if options.judge:
        found.append(JudgeScorer(_endpoint(options, options.judge), options.at_once))
    return found


@contextmanager
def _reached(settings: Settings, lake: Lake, options: Options, seed: int) -> Iterator[Reached]:
    if (options.model is None) == (options.policy is None):
        raise UserError("the policy", "it is not clear which one is meant", "Give --model or --policy, one of them.")
    if options.model is not None:
        policy = EndpointPolicy(_endpoint(options, options.model))
        yield Reached(policy, options.model_id or options.model, "endpoint", options.at_once)
        return
    from evalloop_assets.policy_iteration.policy import load_policy

    candidate = InProcess(load_policy(settings, _candidate(lake, str(options.policy))), seed)
    yield Reached(candidate, options.model_id or str(options.policy), "process", 1)


def _candidate(lake: Lake, model_id: str) -> dict[str, object]:
    view = lake.view("policy_candidates")
    query = "SELECT * FROM policy_candidates WHERE model_id = $model_id ORDER BY day DESC LIMIT 1"
    rows = (
        lake.reader.fetch(query, {"policy_candidates": view}, {"model_id": model_id}).to_pylist() if view.files else []
    )
    if not rows:
        raise UserError(f"policy {model_id}", "no candidate has that name", "Look at policy_candidates for the names.")
    return dict(rows[0])


def _endpoint(options: Options, model: str) -> Endpoint:
    base_url = os.environ.get(options.url_from)
    if not base_url:
        raise UserError(f"variable {options.url_from}", "is not set", "Set it to the base URL, as https://host/v1.")
    if not base_url.startswith(("http://", "https://")):
        raise UserError(f"variable {options.url_from}", "is no http or https address", "Write it as https://host/v1.")
    patience = Patience(options.timeout, options.retries, calls_per_minute=options.calls_per_minute or float("inf"))
    return Endpoint(base_url, model, os.environ.get(options.key_from, ""), patience, time.sleep, time.monotonic)


def _talks(console: Console, reached: Reached, todo: Sequence[Planned]) -> list[Conversation]:
    """Every conversation in the order planned; one at a time stays in this thread, which a browser needs."""
    found: list[Conversation] = []
    left = iter(todo)
    columns = TextColumn("talking"), MofNCompleteColumn(), TimeElapsedColumn()
    with (
        Progress(*columns, console=console, transient=True) as progress,
        ThreadPoolExecutor(reached.at_once) as pool,
    ):
        task = progress.add_task("", total=len(todo))
        held = map if reached.at_once == 1 else pool.map
        while part := list(islice(left, reached.at_once)):
            for talk in held(lambda one: one.hold(reached.policy), part):
                found.append(talk)
                progress.advance(task)
            if len(found) >= FAILED_AT_FIRST and not any(talk.turns for talk in found):
                break
    if not any(talk.turns for talk in found):
        raise UserError(f"policy {reached.model_id}", found[-1].failure, "Check address, key and model.")
    return found


def _tell_failures(console: Console, talks: Sequence[Conversation]) -> None:
    for why, count in Counter(talk.failure for talk in talks if talk.failure).most_common(5):
        console.print(f"  {count:,} conversations ended early: {why}", markup=False, soft_wrap=True)


def _tell(console: Console, lake: Lake, day: date, model_id: str) -> None:
    view = {RESULTS.name: lake.view(RESULTS.name, Days.one(day))}
    table = Table("metric", "scorer", "figure", "value, 95% interval", "conversations")
    for row in lake.reader.fetch(SHOWN, view, {"model_id": model_id}).to_pylist():
        figure = f"{row['figure']} {row['against']}".strip()
        table.add_row(row["metric"], row["scorer"], figure, _shown(row), f"{row['conversations']:,}")
    print_table(console, table)


def _shown(row: Mapping[str, float | str | None]) -> str:
    if row["value"] is None:
        return str(row["reason"])
    if row["low"] is None:
        return f"{row['value']:.3f} ({row['reason']})"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
