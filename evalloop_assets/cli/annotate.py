"""`evalloop annotate`: the items that wait for people out as a file, and their answers in."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console

from evalloop_assets.cli.home import open_home, refuse_demo
from evalloop_assets.cli.ingest import print_delivery, record_delivery
from evalloop_assets.cli.instance import open_instance
from evalloop_assets.days import Days
from evalloop_assets.evaluation import assets as evaluation  # noqa: F401  declares its tables
from evalloop_assets.evaluation.people.delivery import deliver_answers
from evalloop_assets.evaluation.people.exchange import (
    FORMATS,
    LABEL_STUDIO,
    LABELLING_CONFIG,
    REASON_CONFIG,
    read_answers,
    task,
    write_tasks,
)
from evalloop_assets.evaluation.people.queue import together
from evalloop_assets.evaluation.people.reasons import reason_task
from evalloop_assets.lake.catalogue import catalogue_path, rebuild_catalogue
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.exports import default_folder, manifest_of, publish, writing
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs import assets as logs  # noqa: F401  declares its tables
from evalloop_assets.settings import Settings

QUEUES = ("annotation_queue", "relabel_queue")
REASONS = "reason_queue"
SUFFIX = {"label-studio": ".json", "jsonl": ".jsonl"}


class _File(NamedTuple):
    """One file to write."""

    path: Path
    tasks: list[dict[str, Any]]
    config: str
    """The labelling interface of a Label Studio project for it."""
    what: str


def run_annotate_export(console: Console, form: str, out: Path | None, most: int | None, replace: bool) -> None:
    """Write the newest queues as one, and the reasons of judges that wait in a file beside it; UserError where no queue
    was computed, or a file cannot be written.
    """
    _require_format(form)
    settings = Settings()
    home = open_home(settings)
    lake = open_lake(settings)
    newest = {queue: max(computed) for queue in (*QUEUES, REASONS) if (computed := lake.computed(queue))}
    if not newest:
        raise UserError(f"table {QUEUES[0]}", "no day of it was computed yet", "Run `evalloop run` first.")
    day, guideline = max(newest.values()), settings.evaluation.people.guideline
    waiting = {queue: lake.read(queue, Days.one(of)).to_pylist() for queue, of in newest.items()}
    reasons = sorted(waiting.pop(REASONS, []), key=lambda row: row["place"])[:most]
    queued = together(*waiting.values())
    items = [row for row in queued if row["reply_a"] or row["reply_b"]][:most]
    if blank := sum(not (row["reply_a"] or row["reply_b"]) for row in queued):
        console.print(f"{blank:,} items left out: nobody has delivered the replies that they compare")
    path = _path(home, form, out, f"annotation-queue-{day}")
    beside = path.with_name(f"{path.stem}-reasons{path.suffix}")
    files = [
        _File(path, [task(row, guideline) for row in items], LABELLING_CONFIG, "items"),
        _File(beside, [reason_task(row, guideline) for row in reasons], REASON_CONFIG, "reasons of judges"),
    ]
    files = [file for file in files if file.tasks]
    if not files:
        console.print(f"nothing waits for people as of {day}: nothing written")
    for file in files:
        _require_free(file.path, replace)
    for file in files:
        _write(console, home, lake, form, file, {"day": day.isoformat(), "guideline": guideline})


def _write(console: Console, home: Path, lake: Lake, form: str, file: _File, about: Mapping[str, str]) -> None:
    path, made = file.path, datetime.now(UTC).isoformat(timespec="seconds")
    manifest = {"rows": len(file.tasks), "made_at": made, "lake": lake.root, **about}
    try:
        with writing(path) as part:
            write_tasks(part, file.tasks, form)
            publish(home, part, path, manifest)
        if form == LABEL_STUDIO:
            path.with_suffix(".xml").write_text(file.config, encoding="utf-8")
    except OSError as error:
        why = f"cannot be written ({error.strerror or error})"
        raise UserError(f"file {path}", why, "Name another file with --out.") from error
    told = f"{len(file.tasks):,} {file.what} to {path}, manifest {manifest_of(path).name}"
    console.print(f"[green]written[/] {told}", soft_wrap=True)
    if form == LABEL_STUDIO:
        console.print(f"  labelling interface of the project: {path.with_suffix('.xml').name}")


def run_annotate_import(console: Console, path: Path, form: str) -> None:
    """Deliver the answers, say what came of them, and refresh the catalogue."""
    _require_format(form)
    settings = Settings()
    open_home(settings)
    refuse_demo(settings)
    answers = read_answers(path, form)
    lake = open_lake(settings)
    deliveries = deliver_answers(
        lake,
        answers,
        path.name,
        now=datetime.now(UTC).replace(tzinfo=None),
        tolerance=timedelta(minutes=settings.logs.future_tolerance_minutes),
        batch_rows=settings.logs.batch_rows,
    )
    for delivery in deliveries:
        print_delivery(console, lake, delivery)
    if answers.unanswered:
        console.print(f"  {answers.unanswered:,} without an answer, or cancelled: left out")
    with open_instance(settings) as instance:
        for delivery in deliveries:
            record_delivery(instance, delivery)
    rebuild_catalogue(lake, catalogue_path(settings))
    read = sum(delivery.rows_read for delivery in deliveries)
    if read and sum(delivery.rows_rejected for delivery in deliveries) == read:
        why = f"none of its {read:,} answers fits the contract: all are in rejected_rows"
        mend = "Answers are first, second or tie, of reasons sound or unsound, by a named annotator."
        raise UserError(str(path), why, mend)


def _require_format(form: str) -> None:
    if form not in FORMATS:
        raise UserError(f"--format {form}", "is not known", f"Choose one of {', '.join(FORMATS)}.")


def _path(home: Path, form: str, out: Path | None, name: str) -> Path:
    """Where to write; UserError where that is no place for it."""
    if out is None:
        default_folder(home).mkdir(exist_ok=True)
    path = out or default_folder(home) / f"{name}{SUFFIX[form]}"
    if path.suffix != SUFFIX[form]:
        raise UserError(f"--out {path}", f"its name does not end in {SUFFIX[form]}", "Name it so.")
    if not path.parent.is_dir():
        raise UserError(f"--out {path}", f"there is no folder {path.parent}", "Make it, or name another one.")
    if path.is_dir():
        raise UserError(f"--out {path}", "it is a folder", "Name a file.")
    return path


def _require_free(path: Path, replace: bool) -> None:
    if path.exists() and not replace:
        raise UserError(f"file {path}", "it exists already", "Name another file with --out, or say --replace.")
