"""`evalloop erase-user`: a person leaves everything that this home holds, and a receipt says so."""

from __future__ import annotations

import glob
import secrets
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from graphlib import TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape

import evalloop_assets.definitions  # noqa: F401 - declares every table
from evalloop_assets.cli.home import open_home
from evalloop_assets.cli.instance import dagster_tables, instance_home, open_instance, storages_of
from evalloop_assets.erasure.erase import Outcome, Scope, erase
from evalloop_assets.erasure.models import Registry
from evalloop_assets.erasure.needles import is_distinctive
from evalloop_assets.erasure.servers import Server
from evalloop_assets.guardrails.incidents import TABLES as INCIDENT_TABLES
from evalloop_assets.lake.assets import STEPS
from evalloop_assets.lake.catalogue import catalogue_path, rebuild_catalogue
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.exports import exported_files, manifest_of
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.logs.contract import MAX_ID_CHARS
from evalloop_assets.logs.deliver import STAGING
from evalloop_assets.serving.database import address
from evalloop_assets.serving.ledger import TABLES as LEDGER_TABLES
from evalloop_assets.serving.outbox import TABLES as OUTBOX_TABLES
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance

STATE_TABLES = (*LEDGER_TABLES, *OUTBOX_TABLES, *INCIDENT_TABLES)
STAGED_SECONDS = 3600
"""Age from which a staged delivery belongs to no process any more."""


def run_erase_user(console: Console, user_id: str, unknown: bool = False) -> None:
    """Erase, prove, and say what is left to do; running it again completes it, or changes nothing."""
    if not user_id.strip() or len(user_id) > MAX_ID_CHARS:
        raise UserError("ID", f"no user id is empty or longer than {MAX_ID_CHARS}", "Give the id as the log has it.")
    try:
        user_id.encode()
    except UnicodeEncodeError:
        raise UserError("ID", "it is not UTF-8, and no user id is", "Give the id as the log has it.") from None
    settings = Settings()
    open_home(settings)
    scope = scope_of(settings)
    with console.status("erasing") as status:
        outcome = erase(
            scope,
            user_id,
            secrets.token_hex(16),
            lambda: datetime.now(UTC).replace(tzinfo=None),
            lambda step: status.update(f"erasing: {step}"),
            unknown=unknown,
        )
    rebuild_catalogue(scope.lake, catalogue_path(settings))
    _say(console, outcome, user_id)
    with open_instance(settings) as instance:
        for line in _in_flight(instance):
            console.print(line, soft_wrap=True)


def scope_of(settings: Settings) -> Scope:
    """Where this home may hold a person."""
    home = settings.home.resolve()
    leftovers = [*_children(home / "spill"), *_children(home / "spark"), *_staged()]  # before this process spills
    exports = exported_files(home)
    company = [one for path in exports for one in _with_company(path)]
    with open_instance(settings) as instance:
        dagster = storages_of(instance)
    kept = [instance_home(settings).resolve(), *(folder.resolve() for folder in dagster.folders)]
    return Scope(
        lake=open_lake(settings),
        derived=derived_tables(),
        landing=settings.landing.resolve(),
        places=_apart([home, *kept, *_ledger_files(settings), *company]),
        exports=exports,
        leftovers=leftovers,
        receipts=home / "erasures",
        servers=_servers(settings, dagster.urls),
        models=Registry(home),
    )


def _servers(settings: Settings, dagster: Sequence[str]) -> list[Server]:
    """The databases of PostgreSQL that hold the ledger and Dagster's record, where they are not files."""
    servers = [] if _ledger_is_a_file(settings) else [Server("the ledger", settings.ledger_url, STATE_TABLES)]
    return [*servers, *(Server("Dagster's record", url, dagster_tables()) for url in dagster)]


def _ledger_files(settings: Settings) -> list[Path]:
    """The ledger's database and what SQLite keeps beside it, where it is a file."""
    if not _ledger_is_a_file(settings):
        return []
    path = str(Path(address(settings.ledger_url).database or "").resolve())
    return [Path(path + end) for end in ("", "-wal", "-shm") if Path(path + end).is_file()]


def _ledger_is_a_file(settings: Settings) -> bool:
    return address(settings.ledger_url).get_backend_name() == "sqlite"


def derived_tables() -> list[str]:
    """Every computed table, inputs before what reads them."""
    graph = {
        step.table: [read for read in step.reads if read in STEPS and read != step.table] for step in STEPS.values()
    }
    return list(TopologicalSorter(graph).static_order())


def _with_company(path: Path) -> list[Path]:
    """An exported file, its manifest, and what killed exports to the same place left beside it."""
    beside = path.parent.glob(f".{glob.escape(path.name)}.*.part") if path.parent.is_dir() else ()
    return [one for one in (path, manifest_of(path), *beside) if one.exists()]


def _apart(places: Sequence[Path]) -> list[Path]:
    """Those that lie in none of the others, each once."""
    known = list(dict.fromkeys(places))
    return [place for place in known if not set(place.parents) & set(known)]


def _children(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _staged() -> Iterator[Path]:
    for folder in Path(tempfile.gettempdir()).glob(f"{STAGING}*"):
        if time.time() - folder.stat().st_mtime > STAGED_SECONDS:
            yield folder


def _say(console: Console, outcome: Outcome, user_id: str) -> None:
    receipt = outcome.receipt
    if outcome.repeated:
        console.print(f"nothing is left of this person, who was erased on {outcome.erasure.completed_at} UTC")
    elif not receipt.found:
        console.print("nobody of that id was found; a delivery that brings the id will be refused")
    else:
        console.print(
            f"[green]erased[/] {sum(receipt.rows.values()):,} rows of {len(receipt.rows)} tables, "
            f"{sum(receipt.files.values()):,} old files, {len(receipt.elsewhere)} files outside the lake",
            soft_wrap=True,
        )
        proof = receipt.proof
        console.print(
            f"[bold]searched[/] {proof['files_searched']:,} files for {proof['ids_looked_for']:,} ids and "
            f"{proof['texts_looked_for']:,} texts: nothing is left",
            soft_wrap=True,
        )
        console.print(
            "days that the person was part of are stale now: [bold]evalloop run[/] computes them anew", soft_wrap=True
        )
        for kind, names in receipt.retrain.items():
            console.print(
                f"[yellow]train anew[/] {kind} {escape(', '.join(names))}: trained on data that held this person; "
                "weights keep no words, and nobody can take one person out of them",
                soft_wrap=True,
            )
    if not is_distinctive(user_id):
        console.print(
            "[yellow]note[/] running text was not searched for the id, which may be any word there; columns of ids "
            "were, and values of JSON and CSV under a name that speaks of a user",
            soft_wrap=True,
        )
    console.print(f"receipt {outcome.path}", soft_wrap=True)
    console.print(
        "Files that were taken in from elsewhere (evalloop ingest PATH), and backups, are yours to clean.",
        soft_wrap=True,
    )


def _in_flight(instance: DagsterInstance) -> list[str]:
    from dagster import DagsterRunStatus, RunsFilter

    runs = instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.STARTED, DagsterRunStatus.STARTING]))
    return [
        f"[yellow]note[/] run {run.run_id[:8]} of {run.job_name} is under way: erase again when it has ended, since it "
        "may write into its own log what it read before"
        for run in runs
    ]
