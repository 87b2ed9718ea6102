"""`evalloop converse`: a simulated user talks with a policy, every turn is scored, and the figures are told."""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from evalloop_assets.cli.home import open_home
from evalloop_assets.cli.instance import execute, open_instance, require_success
from evalloop_assets.cli.tables import print_table
from evalloop_assets.days import Days
from evalloop_assets.evaluation.dynamic.channels import equal_replies
from evalloop_assets.evaluation.dynamic.converse import Conversation, Policy
from evalloop_assets.evaluation.dynamic.endpoint import EndpointPolicy
from evalloop_assets.evaluation.dynamic.plan import Plan, Planned
from evalloop_assets.evaluation.dynamic.rating import JudgeScorer
from evalloop_assets.evaluation.dynamic.rows import keep, score_rows, turn_rows
from evalloop_assets.evaluation.dynamic.scoring import SECONDS_A_TURN, RewardScorer, TextScorer, TurnScorer, scored
from evalloop_assets.evaluation.dynamic.tables import RESULTS, SCORES, TURNS
from evalloop_assets.evaluation.dynamic.web_page import PageFile, load_page_file, page_policy
from evalloop_assets.evaluation.judges.endpoint import Endpoint, Patience
from evalloop_assets.lake.catalogue import catalogue_path, rebuild_catalogue
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.store import Lake
from evalloop_assets.policy_iteration.candidates import BEST_OF_N
from evalloop_assets.reward_model.gated import Gate
from evalloop_assets.reward_model.registry import find_champion, load_version
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from evalloop_assets.policy_iteration.policy import Policy as Candidate

FAILED_IN_A_ROW = 5
"""Conversations without any reply, one after another, after which no more are begun; of those held at a time all."""
SHOWN = """
    SELECT model_id, metric, scorer, figure, against, value, low, high, conversations, reason FROM dynamic_results
    WHERE (model_id = $model_id OR against = $model_id) AND figure <> 'turn'
        AND role_type = 'all' AND intent = 'all' AND prompt_setting = 'all'
    ORDER BY metric, scorer, figure, model_id, against
"""


class Options(NamedTuple):
    """The options of the command as they were given."""

    model: str | None
    policy: str | None
    page: Path | None
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
    """A policy of the loop in this process; each reply is drawn with the conversation's seed and its place."""

    policy: Candidate
    seed: int

    def reply(self, messages: Sequence[Mapping[str, str]], system: str) -> str:
        from evalloop_assets.policy_iteration.prompts import Prompt

        history = tuple(one["content"] for one in messages[:-1])
        seconds = tuple(SECONDS_A_TURN * back for back in range(len(history) // 2, 0, -1))
        prompt = Prompt(messages[-1]["content"], history, system, "", seconds)
        return self.policy.reply([prompt], self.seed + len(messages))[0]


class Reached(NamedTuple):
    """A policy, and how it was reached."""

    policy: Callable[[int], Policy]
    """For conversations of a seed."""
    model_id: str
    channel: str
    at_once: int


class Held(NamedTuple):
    """Conversations that were held."""

    model_id: str
    channel: str
    talks: list[Conversation]


def run_converse(console: Console, plan: Plan, options: Options) -> None:
    """Converse, score, keep, and say how the policy fares."""
    settings = Settings()
    todo = plan.conversations()
    ways = _ways(options)
    page = load_page_file(options.page) if options.page else None
    if page is not None and not page.system and any(one.scenario.system for one in todo):
        mend = "Name the field as `system`, or hold conversations without one: --prompt none."
        raise UserError(f"page {page.url}", "it has no field for a system prompt", mend)
    open_home(settings)
    lake = open_lake(settings)
    scorers = _scorers(console, settings, options)
    held = [_held(console, settings, lake, options, page, channel, todo) for channel in ways]
    day = datetime.now(UTC).date()
    _keep(console, settings, lake, day, held, scorers)
    rebuild_catalogue(lake, catalogue_path(settings))
    for one in held:
        _tell(console, lake, day, one.model_id)
    if len(held) > 1:
        same = equal_replies(held[0].talks, held[1].talks, settings.evaluation.dynamic.least_conversations)
        console.print(
            f"equal replies, {held[0].model_id} and {held[1].model_id}: {_shown(same._asdict())}", markup=False
        )


def _ways(options: Options) -> list[str]:
    """How the policy is reached; by its page and its endpoint where both are given, to be compared."""
    given = {"endpoint": options.model, "page": options.page, "process": options.policy}
    ways = [channel for channel, value in given.items() if value is not None]
    if not ways or ("process" in ways and len(ways) > 1):
        mend = "Give --model, --page or both, or --policy."
        raise UserError("the policy", "it is not clear which one is meant", mend)
    return ways


def _held(
    console: Console,
    settings: Settings,
    lake: Lake,
    options: Options,
    page: PageFile | None,
    channel: str,
    todo: Sequence[Planned],
) -> Held:
    with _reached(settings, lake, options, page, channel) as reached:
        told = f"{len(todo):,} conversations of {todo[0].turns} turns with {reached.model_id}"
        console.print(told, markup=False, soft_wrap=True)
        talks = _talks(console, reached, todo)
    if len(talks) < len(todo):
        told = f"  {len(todo) - len(talks):,} conversations were not begun: the last ones before them got no reply"
        console.print(told, markup=False, soft_wrap=True)
    _tell_failures(console, talks)
    return Held(reached.model_id, channel, talks)


def _keep(
    console: Console, settings: Settings, lake: Lake, day: date, held: Sequence[Held], scorers: Sequence[TurnScorer]
) -> None:
    """Turns and scores into the lake, told to the instance, and the results of the day computed from them."""
    from dagster import AssetMaterialization

    from evalloop_assets.definitions import build_definitions

    definitions = build_definitions(settings)
    with open_instance(settings) as instance:
        for one in held:
            turns = turn_rows(one.model_id, one.channel, one.talks)
            frame = scored(one.model_id, one.talks, scorers)
            _tell_unrated(console, one, frame, scorers)
            scores = score_rows(frame)
            for schema, rows in ((TURNS, turns), (SCORES, scores)):
                commit = keep(lake, schema, day, one.model_id, rows)
                told: dict[str, Any] = {"model": one.model_id, "its rows": len(rows), "lake_version": commit.version}
                instance.report_runless_asset_event(
                    AssetMaterialization(schema.name, partition=day.isoformat(), metadata=told)
                )
        require_success(execute(definitions, "daily", instance, Days.one(day), tables=[RESULTS.name]), "daily")


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
def _reached(
    settings: Settings, lake: Lake, options: Options, page: PageFile | None, channel: str
) -> Iterator[Reached]:
    if channel == "endpoint":
        model = str(options.model)
        asked = EndpointPolicy(_endpoint(options, model))
        yield Reached(lambda seed: asked, options.model_id or model, channel, options.at_once)
    elif page is not None and channel == "page":
        name = options.model_id or options.model
        with page_policy(page, _chromium()) as policy:
            yield Reached(lambda seed: policy, f"{name}/page" if name else page.url, channel, 1)
    else:
        from evalloop_assets.policy_iteration.policy import load_policy

        name = str(options.policy)
        candidate = load_policy(settings, _candidate(lake, name))
        yield Reached(lambda seed: InProcess(candidate, seed), options.model_id or name, channel, 1)


def _chromium() -> str | None:
    """Where the system's Chromium is; None leaves the choice to Playwright."""
    return shutil.which("chromium", path=f"{os.environ.get('PATH', '')}:/usr/bin")


def _candidate(lake: Lake, model_id: str) -> dict[str, object]:
    view = lake.view("policy_candidates")
    query = "SELECT * FROM policy_candidates ORDER BY day DESC, model_id"
    rows = lake.reader.fetch(query, {"policy_candidates": view}, {}).to_pylist() if view.files else []
    found = next((row for row in rows if row["model_id"] == model_id), None)
    if found is None:
        names = dict.fromkeys(row["model_id"] for row in rows if row["kind"] != BEST_OF_N)
        mend = f"There are {', '.join(names)}." if names else "None that writes replies by itself was made yet."
        raise UserError(f"policy {model_id}", "no candidate has that name", mend)
    if found["kind"] == BEST_OF_N:
        why = f"it chooses among replies of {found['base_model_id']}, which only the product can draw"
        raise UserError(f"policy {model_id}", why, "Talk with it where it is served: --model or --page.")
    return dict(found)


def _endpoint(options: Options, model: str) -> Endpoint:
    base_url = os.environ.get(options.url_from)
    if not base_url:
        raise UserError(f"variable {options.url_from}", "is not set", "Set it to the base URL, as https://host/v1.")
    if not base_url.startswith(("http://", "https://")):
        raise UserError(f"variable {options.url_from}", "is no http or https address", "Write it as https://host/v1.")
    patience = Patience(options.timeout, options.retries, calls_per_minute=options.calls_per_minute or float("inf"))
    return Endpoint(base_url, model, os.environ.get(options.key_from, ""), patience, time.sleep, time.monotonic)


def _talks(console: Console, reached: Reached, todo: Sequence[Planned]) -> list[Conversation]:
    """The conversations in the order planned, until so many in a row got no reply. One at a time stays in this thread,
    which a browser needs.
    """
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
            for talk in held(lambda one: one.hold(reached.policy(one.seed)), part):
                found.append(talk)
                progress.advance(task)
            lately = found[-max(FAILED_IN_A_ROW, reached.at_once) :]
            if len(lately) >= FAILED_IN_A_ROW and not any(talk.turns for talk in lately):
                break
    if not any(talk.turns for talk in found):
        raise UserError(f"policy {reached.model_id}", found[-1].failure, "Check address, key and model.")
    return found


def _tell_failures(console: Console, talks: Sequence[Conversation]) -> None:
    for why, count in Counter(talk.failure for talk in talks if talk.failure).most_common(5):
        console.print(f"  {count:,} conversations ended early: {why}", markup=False, soft_wrap=True)


def _tell_unrated(console: Console, held: Held, frame: pd.DataFrame, scorers: Sequence[TurnScorer]) -> None:
    """How many turns a judge was asked about in vain."""
    turns = sum(len(talk.turns) for talk in held.talks)
    for judge in scorers:
        if isinstance(judge, JudgeScorer):
            mine = frame[frame["scorer"] == judge.version]
            rated = len(mine.drop_duplicates(["pair", "perturbation", "turn"]))
            if rated < turns:
                told = f"  {turns - rated:,} of {turns:,} turns have no rating of {judge.endpoint.model}"
                console.print(told, markup=False, soft_wrap=True)


def _tell(console: Console, lake: Lake, day: date, model_id: str) -> None:
    view = {RESULTS.name: lake.view(RESULTS.name, Days.one(day))}
    table = Table("model", "metric", "scorer", "figure", "value, 95% interval", "conversations")
    for row in lake.reader.fetch(SHOWN, view, {"model_id": model_id}).to_pylist():
        figure = f"{row['figure']} {row['against']}".strip()
        cells = (row["model_id"], row["metric"], row["scorer"], figure, _shown(row), f"{row['conversations']:,}")
        table.add_row(*map(escape, cells))
    print_table(console, table)


def _shown(row: Mapping[str, Any]) -> str:
    if row["value"] is None or row["value"] != row["value"]:
        return str(row["reason"])
    if row["low"] is None or row["low"] != row["low"]:
        return f"{row['value']:.3f} ({row['reason']})"
    return f"{row['value']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
