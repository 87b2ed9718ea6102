"""`evalloop run`: the stages over a range of days, and earlier days that have become stale."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console
from rich.table import Table

from evalloop_assets.backfill.plan import NEVER
from evalloop_assets.backfill.staleness import log_days, stale_days, stale_spans
from evalloop_assets.cli.home import open_home
from evalloop_assets.cli.instance import Ran, execute, open_instance, require_success
from evalloop_assets.days import Days
from evalloop_assets.lake.catalogue import catalogue_path, rebuild_catalogue
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, Definitions


class Planned(NamedTuple):
    """One run to do."""

    job: str
    days: Days
    why: str


def run_range(console: Console, first: date | None, last: date | None, dry_run: bool) -> None:
    """Plan, say what is planned, and do it unless it is a dry run."""
    from evalloop_assets.definitions import build_definitions

    settings = Settings()
    open_home(settings)
    lake = open_lake(settings)
    if first is not None and last is not None and first > last:
        raise UserError(f"--from {first} --to {last}", "the range ends before it begins", "Swap the two days.")
    defs = build_definitions(settings)
    with open_instance(settings) as instance:
        if not dry_run and settings.landing.is_dir():
            _run(console, defs, instance, Planned("ingest", Days.one(date.today()), "what has been delivered"))
        runs = planned(lake, settings, first, last)
        if not runs:
            console.print("nothing to do: no day is stale")
        if dry_run:
            console.print(_table(runs) if runs else "")
            return
        for one in runs:
            _run(console, defs, instance, one)
    count = rebuild_catalogue(lake, catalogue_path(settings))
    console.print(f"{count} tables to look at: duckdb {catalogue_path(settings)}, or make ui")


def planned(lake: Lake, settings: Settings, first: date | None, last: date | None) -> list[Planned]:
    """The runs to do: stale days before the range relabelled, then the whole loop over the range.

    What is relabelled together with the range reaches to its end, since labels look ahead at the days after theirs.
    Without a range it is the days never computed, to the end of the log; where none is, the newest day if it is stale,
    since decisions rest on it.
    """
    known = log_days(lake)
    if known is None:
        raise UserError(f"the lake at {lake.root}", "it holds no log yet", "Load one: evalloop ingest PATH --map FILE")
    begin, end = max(known[0], settings.first_day), last or known[1]
    _require_range(known, settings.first_day, first, end)
    spans = stale_spans(lake, settings, begin, end)
    stale = stale_days(lake, settings, begin, end)
    never = min((one.day for one in stale if NEVER in one.reasons), default=None)
    newest = [reason for one in stale if one.day == end for reason in one.reasons]
    start = max(first, begin) if first else never or (end if newest else None)
    relabel = [
        Planned("relabel", Days(span.first, span.last), ", ".join(span.reasons))
        for span in spans
        if start is None or span.first < start
    ]
    why = "asked for" if first else NEVER if never else ", ".join(dict.fromkeys(newest))
    return relabel + ([Planned("daily", Days(start, end), why)] if start else [])


def _require_range(known: tuple[date, date], first_day: date, first: date | None, end: date) -> None:
    """UserError where the range holds no day that there is: in the log, in the partitions, in time."""
    from evalloop_assets.lake.assets import DAYS

    log = f"the log of {known[0]} to {known[1]}"
    begin, newest = max(known[0], first_day), DAYS.get_last_partition_key()
    if known[1] < first_day or (first is not None and known[0] <= first < first_day):
        why = f"it has days before the first day of the partitions, {first_day}"
        raise UserError(log, why, f"Set EVALLOOP_FIRST_DAY={known[0]}")
    if end < begin:
        raise UserError(f"--to {end}", f"it is before {log}", f"Choose a day from {begin} on.")
    if newest is not None and end.isoformat() > newest:
        raise UserError(f"--to {end}", "that day has not come yet", f"Choose a day up to {newest}.")
    if first is not None and first > end:
        raise UserError(f"--from {first}", f"it is after {log}", f"Choose a day from {begin} to {known[1]}.")


def _run(console: Console, defs: Definitions, instance: DagsterInstance, one: Planned) -> Ran:
    span = f"{one.days.first} to {one.days.last}" if one.days.first != one.days.last else str(one.days.first)
    with console.status(f"{one.job} {span}") as status:
        ran = execute(defs, one.job, instance, one.days, lambda step: status.update(f"{one.job} {span}: {step}"))
    require_success(ran, one.job)
    console.print(f"[green]done[/] {one.job} {span} ({one.why}), run {ran.run_id[:8]}")
    return ran


def _table(runs: list[Planned]) -> Table:
    table = Table("job", "from", "to", "why")
    for one in runs:
        table.add_row(one.job, str(one.days.first), str(one.days.last), one.why)
    return table
