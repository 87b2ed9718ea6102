"""`evalloop export pairs`: preference pairs into one file, with a manifest beside it."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from evalloop_assets.cli.home import open_home
from evalloop_assets.days import Days
from evalloop_assets.denoise import assets as denoise  # noqa: F401  declares its tables
from evalloop_assets.evaluation import assets as evaluation  # noqa: F401  likewise
from evalloop_assets.horizon_labels import assets as horizon_labels  # noqa: F401  likewise
from evalloop_assets.horizon_labels.export import (
    DPO,
    HORIZONS,
    JSONL,
    PARQUET,
    REWARD,
    SOURCES,
    Request,
    exported,
    pair_days,
    plan,
    write,
)
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.exports import default_folder, manifest_of, publish, writing
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.logs import assets as logs  # noqa: F401  likewise
from evalloop_assets.settings import Settings

TRL = "trl"
SUFFIXES = {JSONL: ".jsonl", PARQUET: ".parquet"}


class Asked(NamedTuple):
    """The options of the command as they were given."""

    format: str
    purpose: str
    out: Path | None
    first: date | None
    last: date | None
    sources: tuple[str, ...]
    horizon: str | None
    history: int | None
    replace: bool


def run_export(console: Console, asked: Asked) -> None:
    """Plan, check, write, and say what was written and what was left out; UserError before anything is written."""
    _require_one("--format", asked.format, (TRL, JSONL, PARQUET))
    _require_one("--for", asked.purpose, (DPO, REWARD))
    for source in asked.sources:
        _require_one("--source", source, SOURCES)
    if asked.horizon is not None:
        _require_one("--horizon", asked.horizon, HORIZONS)
    settings = Settings()
    home = open_home(settings)
    lake = open_lake(settings)
    known = pair_days(lake)
    days = _days(asked.first, asked.last, known)
    request = Request(
        form=asked.purpose if asked.format == TRL else asked.format,
        days=days,
        sources=asked.sources or SOURCES,
        horizon=asked.horizon,
        history_turns=settings.labels.history_turns if asked.history is None else asked.history,
    )
    path = _path(home, asked, request)
    planned = plan(lake, request, settings.labels)
    parquet = path.suffix == SUFFIXES[PARQUET]
    columns = TextColumn("writing pairs"), MofNCompleteColumn(), TimeElapsedColumn()
    try:
        with writing(path) as part, Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("", total=None)
            rows = write(
                exported(lake, planned, as_json=not parquet), part, parquet,
                lambda done: progress.update(task, completed=done),
            )  # fmt: skip
            about = {"rows": rows, "made_at": datetime.now(UTC).isoformat(timespec="seconds"), "lake": lake.root}
            publish(home, part, path, about | planned.about)
    except OSError as error:
        why = error.strerror or str(error)
        raise UserError(f"file {path}", f"cannot be written ({why})", "Name another file with --out.") from error
    console.print(f"[green]written[/] {rows:,} pairs to {path}, manifest {manifest_of(path).name}", soft_wrap=True)
    for reason, pairs in sorted(planned.left_out.items()):
        console.print(f"  left out {pairs:,} pairs {reason}")
    console.print(f"  {len(planned.findings)} checks passed; the manifest has their figures")


def _days(first: date | None, last: date | None, known: Days) -> Days:
    days = Days(first or known.first, last or known.last)
    if days.first <= days.last:
        return days
    if first is None or last is None:
        given = f"--to {last}" if first is None else f"--from {first}"
        why = f"the pairs are of {known.first} to {known.last}"
        raise UserError(given, why, "Choose one of these days.")
    raise UserError(f"--from {first} --to {last}", "the range ends before it begins", "Swap the two days.")


def _require_one(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise UserError(f"{option} {value}", "is not known", f"Choose one of {', '.join(known)}.")


def _path(home: Path, asked: Asked, request: Request) -> Path:
    """Where to write; UserError where that is no place for this format or something is there already."""
    suffix = SUFFIXES.get(asked.format)
    if asked.out is None:
        folder = default_folder(home)
        folder.mkdir(exist_ok=True)
        chosen = [*asked.sources, *([asked.horizon] if asked.horizon else [])]
        named = "-".join(["pairs", request.form, *chosen, str(request.days.first), str(request.days.last)])
        path = folder / f"{named}{suffix or SUFFIXES[JSONL]}"
    else:
        path = asked.out
    fitting = (suffix,) if suffix else tuple(SUFFIXES.values())
    if path.suffix not in fitting:
        raise UserError(f"--out {path}", f"its name does not end in {' or '.join(fitting)}", "Name it so.")
    if not path.parent.is_dir():
        raise UserError(f"--out {path}", f"there is no folder {path.parent}", "Make it, or name another one.")
    if path.is_dir():
        raise UserError(f"--out {path}", "it is a folder", "Name a file.")
    if path.exists() and not asked.replace:
        raise UserError(f"file {path}", "it exists already", "Name another file with --out, or say --replace.")
    return path
