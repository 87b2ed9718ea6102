"""`evalloop score` and `evalloop scorer`: rewards for dialogues in a file, and for trainers that ask over HTTP."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import islice
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from evalloop_assets.lake.errors import UserError
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from evalloop_assets.reward_model.model import RewardModel

AT_ONCE = 2_000
"""Rows that are held at once."""
HOST = "127.0.0.1"
HALF = re.compile("[\ud800-\udfff]")

Rows = Iterator[dict[str, Any]]


def run_score(console: Console, path: Path, out: Path | None, reward_version: str | None) -> None:
    """Each row of the file with its reward and the version that gave it, as JSON lines."""
    from evalloop_assets.reward_model.gated import Gate
    from evalloop_assets.reward_model.pyfunc import DialogueScorer

    settings = Settings()
    scorer, taken = DialogueScorer(_model(settings, reward_version), Gate.of(settings.reward)), _rows(path)
    version = scorer.model.version
    rows = blank = 0
    with _lines(out) as write:
        while part := list(islice(taken, AT_ONCE)):
            try:
                rewards = scorer.predict(part).round(5).tolist()
            except ValueError as error:
                raise UserError(
                    f"file {path}",
                    f"{error} (row 0 is number {rows + 1:,} of the file)",
                    "Give each row `messages`, `prompt` and `completion`, or `user_text` and `reply_text`.",
                ) from error
            for row, reward in zip(part, rewards, strict=True):
                known = reward if reward == reward else None
                rows, blank = rows + 1, blank + (known is None)
                write(_json({**row, "reward": known, "reward_version": version}))
    told = f"{rows:,} replies scored by {version}" + (f", {blank:,} of them blank: no reward" if blank else "")
    (Console(stderr=True) if out is None else console).print(told, soft_wrap=True, highlight=False)


def run_scorer(console: Console, port: int, reward_version: str | None) -> None:
    """Serve rewards on loopback until interrupted."""
    import uvicorn

    from evalloop_assets.reward_model.gated import Gate
    from evalloop_assets.reward_model.http_scorer import application

    settings = Settings()
    model = _model(settings, reward_version)
    console.print(f"reward model {model.version} on http://{HOST}:{port}/reward (stop it with Ctrl-C)", soft_wrap=True)
    server = uvicorn.Server(
        uvicorn.Config(application(model, Gate.of(settings.reward)), host=HOST, port=port, log_level="warning")
    )
    try:
        server.run()
    except SystemExit as error:  # what uvicorn does where the port is taken
        raise UserError(f"port {port}", "it cannot be listened on", "Free it, or name another one: --port") from error


def _model(settings: Settings, reward_version: str | None) -> RewardModel:
    from evalloop_assets.reward_model.registry import load_champion, load_version

    return load_version(settings, reward_version) if reward_version else load_champion(settings)


def _rows(path: Path) -> Rows:
    """Rows of a file of a known kind; what goes wrong while it is read becomes one line."""
    from pyarrow import ArrowInvalid

    readers = {".jsonl": _json_lines, ".csv": _csv, ".parquet": _parquet}
    if path.suffix not in readers:
        raise UserError(f"file {path}", "its kind is not known", f"Give one that ends with {', '.join(readers)}.")
    try:
        yield from readers[path.suffix](path)
    except (OSError, UnicodeDecodeError, ArrowInvalid) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        raise UserError(f"file {path}", f"cannot be read ({why})", "Give a readable file of that kind.") from error


@contextmanager
def _lines(out: Path | None) -> Iterator[Callable[[str], object]]:
    """Where lines go to; a file appears whole or not at all, and takes the place of none."""
    if out is None:
        try:
            yield lambda line: print(line)
            sys.stdout.flush()
        except BrokenPipeError:  # whoever reads has seen enough
            raise
        except OSError as error:
            raise UserError(
                "standard output", f"cannot be written ({error.strerror or error})", "Free the disk, or use --out."
            ) from error
        return
    if out.exists():
        raise UserError(f"file {out}", "is there already", "Name another one, or remove it.")
    part = out.with_name(f".{out.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            yield lambda line: file.write(line + "\n")
        part.rename(out)
    except OSError as error:
        raise UserError(f"file {out}", f"cannot be written ({error.strerror or error})", "Name another one.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)


def _json(row: Mapping[str, Any]) -> str:
    """One line; a half of a character, which no encoding can write, is escaped like all that is not ASCII, and a number
    that JSON does not know is null.
    """
    told = _known(row)
    line = json.dumps(told, ensure_ascii=False, default=str)
    return json.dumps(told, default=str) if HALF.search(line) else line


def _known(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _known(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_known(one) for one in value]
    return None if isinstance(value, float) and not isfinite(value) else value


def _json_lines(path: Path) -> Rows:
    with path.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                raise UserError(f"file {path}", f"line {number} is no JSON ({error})", "Mend the line.") from error
            except RecursionError:
                raise UserError(f"file {path}", f"line {number} is nested too deep", "Mend the line.") from None
            if not isinstance(row, Mapping):
                raise UserError(f"file {path}", f"line {number} is no JSON object", "Mend the line.")
            yield dict(row)


def _csv(path: Path) -> Rows:
    import pyarrow as pa
    from pyarrow import csv

    from evalloop_assets.reward_model.pyfunc import FORMS

    texts = csv.ConvertOptions(column_types=dict.fromkeys(FORMS, pa.string()))
    with csv.open_csv(path, convert_options=texts) as batches:
        for batch in batches:
            yield from batch.to_pylist()


def _parquet(path: Path) -> Rows:
    from pyarrow import parquet

    with parquet.ParquetFile(path) as file:
        for batch in file.iter_batches(AT_ONCE):
            yield from batch.to_pylist()
