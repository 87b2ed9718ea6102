"""`evalloop backtest`: what the guardrail would have done under other limits."""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

import evalloop_assets.definitions  # noqa: F401 - declares every table
from evalloop_assets.cli.home import open_home
from evalloop_assets.cli.tables import print_table
from evalloop_assets.days import Days
from evalloop_assets.guardrails.backtest import Fired, Replay, replays, spans
from evalloop_assets.guardrails.limits import limits_of
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.store import Lake
from evalloop_assets.serving.ledger import Ledger
from evalloop_assets.settings import ABSettings, GuardrailSettings, Settings


class Asked(NamedTuple):
    """Limits that differ from the settings; None where they are to stay."""

    margin: float | None
    alpha: float | None
    planned_users: int | None


def run_backtest(console: Console, first: date | None, last: date | None, asked: Asked) -> None:
    """One line an experiment."""
    settings = Settings()
    open_home(settings)
    lake = open_lake(settings)
    days = _days(lake, first, last)
    ab, guardrails = _changed(settings, asked)
    limits = limits_of(ab, guardrails)
    ledger = Ledger(settings.ledger_url)
    try:
        with console.status(f"{days.first} to {days.last}: judging each day again"):
            found = replays(lake, days, settings.model_copy(update={"ab": ab}), limits, ledger.history())
    finally:
        ledger.close()
    console.print(
        f"{days.first} to {days.last} under margin {100 * limits.retention_margin:g} points, alpha {limits.alpha:g}, "
        f"planned users {limits.planned_users:,}",
        soft_wrap=True,
    )
    if not found:
        console.print("no experiment has data on these days")
        return
    table = Table("experiment", "would have fired", "fired", "ledger", "verdicts", "afterwards")
    for one in found:
        table.add_row(
            f"{one.experiment_id}: {one.treatment or 'unknown'}",
            _told(one.would),
            _told(one.did),
            f"entry {one.entry.sequence}, {one.entry.at:%Y-%m-%d}, by {one.entry.actor}" if one.entry else "–",
            ", ".join(f"{word} {count}" for word, count in sorted(one.words.items())),
            afterwards(one),
        )
    print_table(console, table)
    for one in found:
        if one.would is not None:
            console.print(f"{one.experiment_id} on {one.would.day}: {one.would.reason}", soft_wrap=True, markup=False)


def afterwards(one: Replay) -> str:
    """Rightly or not, by all the data of the experiment."""
    if one.harm == "undecided":
        return "the data does not tell"
    if one.would is not None:
        return "rightly: the harm is there" if one.harm == "confirmed" else "wrongly: the harm is not there"
    return "missed: the harm is there" if one.harm == "confirmed" else "rightly silent"


def _told(fired: Fired | None) -> str:
    return f"{fired.day} {fired.cause}" if fired else "–"


def _days(lake: Lake, first: date | None, last: date | None) -> Days:
    known = spans(lake).values()
    if not known:
        raise UserError("backtest", "no experiment has any data yet", "Run the loop over its days: evalloop run")
    oldest, newest = min(one.first for one in known), max(one.last for one in known)
    begin, end = first or oldest, last or newest
    if end < oldest or begin > newest:
        raise UserError(
            f"--from {begin} --to {end}",
            f"experiments have data from {oldest} to {newest}",
            "Choose days among these.",
        )
    if begin > end:
        raise UserError(f"--from {begin} --to {end}", "the first day is after the last", "Swap them.")
    return Days(max(begin, oldest), min(end, newest))


def _changed(settings: Settings, asked: Asked) -> tuple[ABSettings, GuardrailSettings]:
    if asked.margin is not None and not 0 <= asked.margin < 1:
        raise UserError(f"--margin {asked.margin}", "is no share", "Write one point as 0.01.")
    if asked.alpha is not None and not 0 < asked.alpha < 1:
        raise UserError(f"--alpha {asked.alpha}", "must lie between 0 and 1", "The usual one is 0.05.")
    if asked.planned_users is not None and asked.planned_users < 2:
        raise UserError(f"--planned-users {asked.planned_users}", "are too few", "Give those expected by the decision.")
    ab = {"alpha": asked.alpha, "planned_users": asked.planned_users}
    guardrails = {"retention_margin": asked.margin}
    return (
        settings.ab.model_copy(update={name: value for name, value in ab.items() if value is not None}),
        settings.guardrails.model_copy(update={name: value for name, value in guardrails.items() if value is not None}),
    )
