"""The Dagster instance of a home folder, and runs in this process that it records."""

from __future__ import annotations

import os
import shutil
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evalloop_assets.days import Days
from evalloop_assets.lake.errors import UserError
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from dagster import DagsterInstance, Definitions, EventLogEntry
    from sqlalchemy import Connection


SHOWN_AS_OURS = {".dagster/repository": "__repository__@evalloop"}
"""Lets the UI count a run in this process among the runs of its job; the location's name is that of workspace.yaml."""


class Ran(NamedTuple):
    """How one run went."""

    run_id: str
    ok: bool
    failed: tuple[str, ...]
    """One line for each step that failed: its name and the reason."""


def instance_home(settings: Settings) -> Path:
    """DAGSTER_HOME where it is set, else `dagster` in the home folder, with this project's `dagster.yaml` in it.

    An installation without that file gets the two lines of it that matter to a person.
    """
    if os.environ.get("DAGSTER_HOME"):
        return Path(os.environ["DAGSTER_HOME"])
    folder = (settings.home / "dagster").resolve()
    folder.mkdir(parents=True, exist_ok=True)
    project = Path(__file__).parents[2] / "dagster.yaml"
    if project.exists():
        shutil.copyfile(project, folder / "dagster.yaml")
    else:
        (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\nnux: {enabled: false}\n", encoding="utf-8")
    return folder


@contextmanager
def open_instance(settings: Settings) -> Iterator[DagsterInstance]:
    """The instance that the UI of this home shows.

    Two processes that make its databases at once would trip over each other, so that is done under a lock.
    """
    from dagster import DagsterInstance
    from filelock import FileLock

    folder = instance_home(settings)
    with FileLock(folder / "evalloop.lock"):
        try:
            opened = DagsterInstance.from_config(str(folder))
        except Exception as error:  # whatever a storage that dagster.yaml names raises
            raise UserError(
                f"the Dagster instance of {folder}",
                f"it cannot be opened ({' '.join(str(error).split()) or type(error).__name__})",
                "Start its database, or mend its dagster.yaml and the variables that it names.",
            ) from error
    with opened as instance:
        yield instance


def execute(
    defs: Definitions,
    job: str,
    instance: DagsterInstance,
    days: Days,
    on_step: Callable[[str], None] = lambda step: None,
    tags: Mapping[str, str] | None = None,
    tables: Sequence[str] | None = None,
) -> Ran:
    """Run one job, or these of its tables, over a range of days in this process; the instance records it as usual."""
    from dagster import AssetKey

    run_id = str(uuid.uuid4())

    def listen(entry: EventLogEntry) -> None:
        event = entry.dagster_event
        if event is not None and event.is_step_start and event.step_key:
            on_step(event.step_key.replace("__", ": "))

    instance.add_event_listener(run_id, listen)
    with _kept_open(instance, run_id):
        result = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            run_id=run_id,
            raise_on_error=False,
            asset_selection=None if tables is None else [AssetKey(table) for table in tables],
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            tags={
                "dagster/asset_partition_range_start": days.first.isoformat(),
                "dagster/asset_partition_range_end": days.last.isoformat(),
                **SHOWN_AS_OURS,
                "evalloop/days": str(days.first) if days.first == days.last else f"{days.first} to {days.last}",
                **(tags or {}),
            },
        )
    refused = [one for one in result.get_asset_check_evaluations() if one.blocking and not one.passed]
    failed = [f"check {one.check_name} of {one.asset_key.to_user_string()}: {one.description}" for one in refused]
    failed += [
        f"{event.step_key}: {_reason(event.step_failure_data.error)}"
        for event in result.all_events
        if event.is_step_failure and "AssetCheckFailed" not in str(event.step_failure_data.error)
    ]
    return Ran(run_id, result.success, tuple(failed))


@contextmanager
def _kept_open(instance: DagsterInstance, run_id: str) -> Iterator[None]:
    """Holds a connection to each of the event logs that the run writes, where they are SQLite files.

    Dagster opens a connection for each event, and whichever is the last to close copies the write-ahead log into the
    database and waits for the disk: without this, a third of a run's time. It makes an engine for each connection too,
    and a new engine compiles every statement anew; and it asks for each event which tables and columns there are.
    """
    from dagster._core.storage.event_log import SqliteEventLogStorage
    from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME

    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        yield
        return
    opens, thread = storage._connect, threading.get_ident()
    with ExitStack() as held:
        kept: dict[str, Connection] = {}
        for shard in (INDEX_SHARD_NAME, run_id):
            with opens(shard) as connection:  # the database of the run is made here
                engine = connection.engine
            kept[shard] = held.enter_context(engine.connect())

        @contextmanager
        def connect(shard: str) -> Iterator[Connection]:
            if shard not in kept:
                with opens(shard) as connection:
                    yield connection
                return
            with storage._db_lock:
                if threading.get_ident() == thread:
                    with kept[shard].begin():
                        yield kept[shard]
                else:  # a connection of SQLite is one thread's
                    with kept[shard].engine.begin() as connection:
                        yield connection

        for name, answer in {
            "_connect": connect,
            "has_table": cache(storage.has_table),
            "_has_asset_key_col_on_connection": cache(storage._has_asset_key_col_on_connection),
        }.items():
            setattr(storage, name, answer)
            held.callback(vars(storage).pop, name, None)  # by whichever of two runs at once ends first
        yield


class Storages(NamedTuple):
    """Where an instance keeps its record."""

    urls: tuple[str, ...]
    """Of PostgreSQL databases."""
    folders: tuple[Path, ...]
    """Of SQLite files, and of what the steps printed."""


def storages_of(instance: DagsterInstance) -> Storages:
    """Every storage of the instance; UserError where it is neither SQLite nor PostgreSQL."""
    from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager

    urls, folders = list[str](), [Path(instance.storage_directory())]
    for storage in (instance.run_storage, instance.event_log_storage, instance.schedule_storage):
        url, folder = getattr(storage, "postgres_url", None), getattr(storage, "_base_dir", None)
        file = getattr(storage, "_conn_string", "")
        if url is not None:
            urls.append(url)
        elif folder is not None:
            folders.append(Path(folder))
        elif file.startswith("sqlite:///"):
            folders.append(Path(file.removeprefix("sqlite:///")).parent)
        else:
            raise UserError(
                f"Dagster's {type(storage).__name__}",
                "it is neither SQLite nor PostgreSQL, so nobody can be erased from it",
                "Let dagster.yaml name one of these, or move what is there by hand.",
            )
    if isinstance(instance.compute_log_manager, LocalComputeLogManager):
        folders.append(Path(instance.compute_log_manager._base_dir))
    return Storages(tuple(dict.fromkeys(urls)), tuple(dict.fromkeys(folders)))


def dagster_tables() -> tuple[str, ...]:
    """Every table of Dagster's storage in a database."""
    from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
    from dagster._core.storage.runs.schema import RunStorageSqlMetadata
    from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata

    known = (RunStorageSqlMetadata, SqlEventLogStorageMetadata, ScheduleStorageSqlMetadata)
    return tuple(name for metadata in known for name in metadata.tables)


def require_success(ran: Ran, job: str) -> None:
    """Raise UserError with the first reason of a failed run."""
    if not ran.ok:
        raise UserError(
            f"run {ran.run_id[:8]} of job {job}",
            "; ".join(ran.failed).removesuffix(".") or "it failed before its first step",
            "Mend the reason and run it again: what is done stays done. The UI has the whole log (make ui).",
        )


def _reason(error: Any) -> str:
    """The user's mistake where there is one in the chain, else what started it."""
    while error is not None and error.cause is not None and error.cls_name != UserError.__name__:
        error = error.cause
    said = "" if error is None else str(error.message).removeprefix(f"{UserError.__module__}.{UserError.__name__}: ")
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return " ".join(lines[: 2 if lines[0].endswith(":") else 1]) if lines else "no reason was recorded"
