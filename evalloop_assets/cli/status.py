"""`evalloop status`: what is served, in flight, stale, next to mature, rejected, wrong."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

import evalloop_assets.definitions  # noqa: F401 - declares every table
from evalloop_assets.backfill.staleness import log_days, work
from evalloop_assets.backfill.vacuum import cited_versions, decided
from evalloop_assets.cli.alerts import delivery_lines, incident_lines
from evalloop_assets.cli.home import open_home
from evalloop_assets.cli.instance import open_instance
from evalloop_assets.cli.serving import experiment_lines
from evalloop_assets.cli.tables import print_table
from evalloop_assets.erasure.models import Registry, touched
from evalloop_assets.guardrails.sensors import SENSORS
from evalloop_assets.guardrails.stores import open_stores
from evalloop_assets.lake.erasures import ERASURES, erased_citations, unreadable
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.store import Lake
from evalloop_assets.serving.ledger import Ledger, utc_now
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

REJECTED_SHOWN = 5
MATURING_SHOWN = 10
SILENT_SECONDS = 120
"""A daemon writes a heartbeat every 30 s."""


def show_status(console: Console) -> None:
    """A few paragraphs, each of which says so where there is nothing to tell."""
    settings = Settings()
    open_home(settings)
    lake = open_lake(settings)
    _served(console, settings)
    _logs(console, lake)
    _stale(console, lake, settings)
    _next_to_mature(console, lake)
    _rejected(console, lake)
    _erased(console, lake, settings)
    _alerts(console, settings)
    with open_instance(settings) as instance:
        _health(console, instance)


def _served(console: Console, settings: Settings) -> None:
    head = Ledger(settings.ledger_url).head()
    if head is None:
        console.print("[bold]served[/] nothing yet: the ledger is empty (evalloop serving begin MODEL)")
        return
    console.print(
        f"[bold]served[/] champion {escape(head.allocation.champion)}, entry {head.sequence} of {head.at} UTC"
    )
    running = head.allocation.running
    console.print(f"[bold]in flight[/] {escape(', '.join(one.experiment_id for one in running)) or 'no experiment'}")
    for line in experiment_lines(head):
        console.print(line, soft_wrap=True)


def _logs(console: Console, lake: Lake) -> None:
    known, clock = log_days(lake), lake.clock()
    if known is None:
        console.print("[bold]logs[/] none yet (evalloop ingest PATH --map FILE)")
        return
    console.print(
        f"[bold]logs[/] {known[0]} to {known[1]}, complete through {clock.watermark}, known until {clock.log_end}"
    )


def _stale(console: Console, lake: Lake, settings: Settings) -> None:
    spans = work(lake, settings).spans
    if not spans:
        console.print("[bold]stale[/] nothing")
        return
    table = Table("from", "to", "why", "tables", title="stale (evalloop run)", title_justify="left")
    for span in spans:
        table.add_row(str(span.first), str(span.last), ", ".join(span.reasons), ", ".join(span.tables))
    print_table(console, table)


def _next_to_mature(console: Console, lake: Lake) -> None:
    view, watermark = lake.view("maturity"), lake.clock().watermark
    query = """
        SELECT matures_on, table_name, horizon, min(label_day) AS first, max(label_day) AS last, sum(censored) AS labels
        FROM maturity WHERE censored > 0 AND ($watermark IS NULL OR matures_on > $watermark)
        GROUP BY matures_on, table_name, horizon ORDER BY matures_on, table_name, horizon"""
    bound = {"watermark": watermark}
    found = lake.reader.fetch(query, {"maturity": view}, bound).to_pylist() if view.files else []
    if not found:
        console.print("[bold]next to mature[/] no label waits for its date")
        return
    title = f"next to mature (complete through {watermark})"
    table = Table("when complete", "table", "label", "days", "labels", title=title, title_justify="left")
    for row in found[:MATURING_SHOWN]:
        days = str(row["first"]) if row["first"] == row["last"] else f"{row['first']} to {row['last']}"
        table.add_row(str(row["matures_on"]), row["table_name"], row["horizon"], days, f"{int(row['labels']):,}")
    print_table(console, table)
    if len(found) > MATURING_SHOWN:
        console.print(f"… and {len(found) - MATURING_SHOWN} more: table maturity has them all")


def _rejected(console: Console, lake: Lake) -> None:
    view = lake.view("rejected_rows")
    query = (
        "SELECT source, table_name, reason, mend, count(*) AS n FROM rejected_rows "
        "GROUP BY source, table_name, reason, mend ORDER BY n DESC, source, reason"
    )
    found = lake.reader.fetch(query, {"rejected_rows": view}, {}).to_pylist() if view.files else []
    if not found:
        console.print("[bold]rejected[/] no row")
        return
    table = Table("file", "table", "rows", "reason", "mend", title="rejected rows", title_justify="left")
    for row in found[:REJECTED_SHOWN]:
        table.add_row(row["source"], row["table_name"], str(row["n"]), row["reason"], row["mend"])
    print_table(console, table)
    if len(found) > REJECTED_SHOWN:
        console.print(f"… and {len(found) - REJECTED_SHOWN} other reasons: table rejected_rows has them all")


def _erased(console: Console, lake: Lake, settings: Settings) -> None:
    people = lake.row_count(ERASURES.name)
    if not people:
        return
    gone = unreadable(lake)
    citing = [words for evidence in decided(lake) if (words := erased_citations(cited_versions([evidence]), gone))]
    waiting = (
        "" if all(lake.read(ERASURES.name).column("completed_at").is_valid().to_pylist()) else " (one not complete)"
    )
    console.print(
        f"[bold]erased[/] {people} people{waiting}; {len(citing)} decisions cite versions that went with them"
    )
    for words in citing[:REJECTED_SHOWN]:
        console.print(f"  {', '.join(words)}: the decision keeps its figures", soft_wrap=True)
    ranges: dict[str, list[tuple[int, int]]] = {}
    for one in gone:
        ranges.setdefault(one.table, []).append((one.first, one.last))
    for model in touched(Registry(settings.home).trained(), ranges):
        console.print(f"  {model.kind} {escape(model.name)}: trained on them, to be trained anew", soft_wrap=True)


def _alerts(console: Console, settings: Settings) -> None:
    now = utc_now()
    with open_stores(settings) as (incidents, outbox, _):
        found, waiting = incidents.open_ones(), outbox.waiting()
    console.print(f"[bold]incidents[/] {len(found)} open{' (evalloop alerts list)' if found else ''}")
    for line in [*incident_lines(found, now), *delivery_lines(settings, waiting, now)]:
        console.print(line, soft_wrap=True)


def _health(console: Console, instance: DagsterInstance) -> None:
    runs = instance.get_run_records(limit=1)
    if runs:
        run = runs[0].dagster_run
        console.print(f"[bold]last run[/] {run.job_name} {run.run_id[:8]}: {run.status.value.lower()}")
    beats = instance.get_daemon_heartbeats()
    if not beats:
        console.print("[bold]daemon[/] never seen: sensors and schedules do not run (make ui starts it)")
    ages = {kind.lower(): time.time() - beat.timestamp for kind, beat in beats.items()}
    silent = [f"{kind} for {age:,.0f} s" for kind, age in sorted(ages.items()) if age > SILENT_SECONDS]
    if silent:
        console.print(f"[bold]daemon[/] [red]silent[/]: {', '.join(silent)}", soft_wrap=True)
    elif ages:
        console.print(f"[bold]daemon[/] alive, every part heard of in the last {max(ages.values()):,.0f} s")
    for kind, beat in sorted(beats.items()):
        for error in beat.errors or ():
            console.print(f"[red]daemon[/] {kind}: {escape(error.cls_name or 'an error')} (its log tells more)")
    for line in sensor_lines(instance):
        console.print(line, soft_wrap=True)


def sensor_lines(instance: DagsterInstance) -> list[str]:
    """The sensors of on call that somebody stopped, or whose last tick failed: neither tells of itself."""
    lines, watched = [], {sensor.name for sensor in SENSORS}
    for state in instance.all_instigator_state():
        if state.name not in watched:
            continue
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        if state.status.value == "STOPPED":
            lines.append(f"[red]sensor[/] {state.name} is stopped: start it in the UI under Automation")
        elif ticks and ticks[0].status.value == "FAILURE":
            lines.append(f"[red]sensor[/] {state.name}: its last tick failed (the UI tells why, under Automation)")
    return lines
