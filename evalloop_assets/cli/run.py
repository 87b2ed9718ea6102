"""`evalloop run`: the stages over a range of days, and earlier days that have become stale."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, NamedTuple

from rich.console import Console

from evalloop_assets.backfill.plan import Span, spans
from evalloop_assets.backfill.staleness import (
    any_stale,
    beside_log,
    evidence_days,
    log_days,
    unlearned,
    without_log,
    work,
)
from evalloop_assets.cli.home import open_home
from evalloop_assets.cli.instance import Ran, execute, open_instance, require_success
from evalloop_assets.cli.plan_table import plan_table
from evalloop_assets.cli.tables import print_table
from evalloop_assets.days import Days
from evalloop_assets.definitions import build_definitions
from evalloop_assets.lake.assets import STEPS
from evalloop_assets.lake.catalogue import catalogue_path, rebuild_catalogue
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.freshness import NEVER
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.store import Lake
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, Definitions


ROUNDS = 5
"""What a run changed may reopen days that only its rows could tell: a first sight, say, reopens the days after it."""


NO_LOG = "there is no log: judges, people and benchmarks only"
NEW_EVIDENCE = "new verdicts, annotations or scores"


class Planned(NamedTuple):
    """One run to do."""

    job: str
    days: Days
    why: str
    span: Span | None = None
    """What is stale, where that is what the run is for."""
    tables: tuple[str, ...] | None = None
    """Those that it computes; None for all of the job."""


def run_range(console: Console, first: date | None, last: date | None, dry_run: bool) -> None:
    """Plan, say what is planned, and do it unless it is a dry run."""
    settings = Settings()
    open_home(settings)
    lake = open_lake(settings)
    if first is not None and last is not None and first > last:
        raise UserError(f"--from {first} --to {last}", "the range ends before it begins", "Swap the two days.")
    if dry_run:
        _show(console, lake, planned(lake, settings, first, last))
        return
    _carry_out(console, lake, settings, first, last)
    count = rebuild_catalogue(lake, catalogue_path(settings))
    console.print(f"{count} tables to look at: duckdb {catalogue_path(settings)}, or make ui")


def _show(console: Console, lake: Lake, runs: list[Planned]) -> None:
    if not runs:
        console.print("nothing to do: no day is stale")
        return
    print_table(console, plan_table(lake, [(one.job, one.days, one.why, one.span) for one in runs]))


def _carry_out(console: Console, lake: Lake, settings: Settings, first: date | None, last: date | None) -> None:
    defs = build_definitions(settings)
    with open_instance(settings) as instance:
        if settings.landing.is_dir():
            _run(console, defs, instance, Planned("ingest", Days.one(date.today()), "what has been delivered"))
        runs = planned(lake, settings, first, last)
        if not runs:
            console.print("nothing to do: no day is stale")
        for _ in range(ROUNDS):
            for one in runs:
                _run(console, defs, instance, one)
            runs = [_relabelled(span) for span in work(lake, settings, last).overdue]
            if not runs:
                return


def planned(lake: Lake, settings: Settings, first: date | None, last: date | None) -> list[Planned]:
    """The runs to do: stale days before the range relabelled, then the whole loop over the range.

    What is relabelled together with the range reaches to its end, since labels look ahead at the days after theirs; of
    that, what rests on what the loop learns or decides is left to the loop on the days of the range.
    Without a range it is the days never computed, to the end of the log; where none is, the newest day if it is stale,
    since decisions rest on it. What judges, people and benchmarks delivered since is worked on in any case, and where
    there is no log it is all there is to work on.
    """
    known = log_days(lake)
    if known is None and (delivered := evidence_days(lake)) is not None:
        end = last or delivered[1]
        _require_range(delivered, settings.first_day, first, end)
        wanted = first is not None or any_stale(lake, settings, without_log(), end)
        return [Planned("daily", Days.one(end), NO_LOG, tables=tuple(without_log()))] if wanted else []
    if known is None:
        raise UserError(f"the lake at {lake.root}", "it holds no log yet", "Load one: evalloop ingest PATH --map FILE")
    begin, end = max(known[0], settings.first_day), last or known[1]
    _require_range(known, settings.first_day, first, end)
    due = work(lake, settings, end)
    newest = dict.fromkeys(reason for one in due.stale if one.day == end for reason in one.reasons)
    start = max(first, begin) if first else due.new.first if due.new else end if newest else None
    overdue = [span for span in due.spans if start is None or span.first < start]
    relabel = [_relabelled(span) for one in overdue for span in (_split(one, start) if start else [one])]
    why = "asked for" if first else NEVER if due.new else ", ".join(newest)
    if start is None:
        changed = any_stale(lake, settings, beside_log(), end)
        evidence = [Planned("daily", Days.one(end), NEW_EVIDENCE, tables=tuple(beside_log()))] if changed else []
        return [*relabel, *evidence]
    return [*relabel, Planned("daily", Days(start, end), why, tables=_left(relabel, Days(start, end)))]


def _relabelled(span: Span) -> Planned:
    return Planned("relabel", Days(span.first, span.last), ", ".join(span.reasons), span, span.tables)


def _split(span: Span, start: date) -> list[Span]:
    """What is stale, the loop's range too: what rests on the log alone, and of the rest the days before `start`."""
    if span.last < start:
        return [span]
    alone = set(unlearned())
    rest = [item for item in span.stale if item.table not in alone and item.day < start]
    return [*spans([item for item in span.stale if item.table in alone]), *spans(rest)]


def _left(relabel: Sequence[Planned], days: Days) -> tuple[str, ...]:
    """The tables of the loop but for those that runs before have computed on all of the days."""
    before = [one for one in relabel if one.days.first <= days.first and days.last <= one.days.last]
    done = {table for one in before for table in one.tables or ()}
    return tuple(table for table in STEPS if table not in done)


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
    if first is not None and first > min(end, known[1]):
        raise UserError(f"--from {first}", f"it is after {log}", f"Choose a day from {begin} to {known[1]}.")


def _run(console: Console, defs: Definitions, instance: DagsterInstance, one: Planned) -> Ran:
    span = f"{one.days.first} to {one.days.last}" if one.days.first != one.days.last else str(one.days.first)
    with console.status(f"{one.job} {span}") as status:
        ran = execute(
            defs,
            one.job,
            instance,
            one.days,
            lambda step: status.update(f"{one.job} {span}: {step}"),
            tables=one.tables,
        )
    require_success(ran, one.job)
    console.print(f"[green]done[/] {one.job} {span} ({one.why}), run {ran.run_id[:8]}", soft_wrap=True)
    return ran
