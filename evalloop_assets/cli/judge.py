"""`evalloop judge`: verdicts of a model at an OpenAI-compatible endpoint, into the log."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from evalloop_assets.cli.home import open_home, refuse_demo
from evalloop_assets.cli.ingest import print_delivery, record_delivery
from evalloop_assets.cli.instance import open_instance
from evalloop_assets.evaluation.judges.answered import Answered
from evalloop_assets.evaluation.judges.endpoint import Endpoint, Patience, Price
from evalloop_assets.evaluation.judges.judging import Asked, Judge, ask_all, read_items
from evalloop_assets.evaluation.judges.rubric import load_rubric
from evalloop_assets.evaluation.rows_in import deliver_lines
from evalloop_assets.lake.catalogue import catalogue_path, rebuild_catalogue
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.logs.evaluation_contract import JUDGE_VERDICTS
from evalloop_assets.settings import Settings

CACHE = "judge_answers.sqlite"
ORDERS = ("ab", "ba")
FAILED_AT_FIRST = 5
"""Calls without any answer, and none with one before, after which no more are made."""


class Options(NamedTuple):
    """The options of the command as they were given."""

    path: Path
    rubric: Path
    model: str
    judge_id: str | None
    url_from: str
    key_from: str
    one_order: bool
    calls_per_minute: float | None
    timeout: float
    retries: int
    at_once: int
    price: tuple[float, float] | None


def run_judge(console: Console, options: Options) -> None:
    """Ask, deliver what was answered, and say what it cost and what was not answered."""
    settings = Settings()
    home = open_home(settings)
    refuse_demo(settings)
    if options.price and min(options.price) < 0:
        raise UserError("--price", "is below 0", "Give US dollars per million prompt and completion tokens.")
    rubric, items = load_rubric(options.rubric), read_items(options.path)
    base_url = os.environ.get(options.url_from)
    if not base_url:
        raise UserError(f"variable {options.url_from}", "is not set", "Set it to the base URL, as https://host/v1.")
    patience = Patience(options.timeout, options.retries, calls_per_minute=options.calls_per_minute or float("inf"))
    endpoint = Endpoint(
        base_url, options.model, os.environ.get(options.key_from, ""), patience, time.sleep, time.monotonic
    )
    price = Price(*options.price) if options.price else None
    judge = Judge(options.judge_id or options.model, endpoint, rubric, price, _now)
    orders = ORDERS[:1] if options.one_order else ORDERS
    answered, asked = Answered(home / CACHE), list[Asked]()
    columns = TextColumn("asking the judge"), MofNCompleteColumn(), TimeElapsedColumn()
    try:
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("", total=len(items) * len(orders))
            for start in range(0, len(items), options.at_once):
                for one in ask_all(judge, items[start : start + options.at_once], orders, answered, options.at_once):
                    asked.append(one)
                    progress.advance(task)
                if len(asked) >= FAILED_AT_FIRST and not any(one.answered for one in asked):
                    raise UserError(f"judge {judge.judge_id}", asked[-1].why, "Check address, key and model.")
    finally:
        answered.close()
    rows = [one.row for one in asked if one.row is not None]
    _tell(console, asked)
    if not rows:
        why = Counter(one.why for one in asked).most_common(1)[0][0]
        raise UserError(f"judge {judge.judge_id}", f"gave no verdict: {why}", "Check model and rubric.")
    lake = open_lake(settings)
    delivery = deliver_lines(
        lake,
        [json.dumps(row, ensure_ascii=False) for row in rows],
        JUDGE_VERDICTS,
        f"judge/{judge.judge_id}/{options.path.name}",
        now=_now(),
        tolerance=timedelta(minutes=settings.logs.future_tolerance_minutes),
        batch_rows=settings.logs.batch_rows,
    )
    print_delivery(console, lake, delivery)
    with open_instance(settings) as instance:
        record_delivery(instance, delivery)
    rebuild_catalogue(lake, catalogue_path(settings))


def _tell(console: Console, asked: list[Asked]) -> None:
    cached = sum(one.cached for one in asked)
    costs = [one.cost for one in asked if one.answered]
    known = [cost for cost in costs if cost is not None]
    cost = (
        f"{sum(known):.4f} US dollars" if len(known) == len(costs) else "cost not known (no price, or no token counts)"
    )
    console.print(f"{len(asked):,} calls, {cached:,} answered before: {cost}", soft_wrap=True)
    for why, count in Counter(one.why for one in asked if one.row is None).most_common(5):
        console.print(f"  {count:,} without a verdict: {why}", markup=False, soft_wrap=True)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)
