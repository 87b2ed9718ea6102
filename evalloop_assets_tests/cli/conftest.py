"""The command as a user calls it, in this process: its home, what it prints, its exit status."""

import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import pytest
from filelock import FileLock

from evalloop_assets_tests.homes import copy_of

MAPPING = """\
format: {format}
table: turns
columns:
  event_id: id
  user_id: user
  conversation_id: chat
  model_id: model
  shown_at: at
  reply_text: reply
"""


class Said(NamedTuple):
    """One call of the command."""

    status: int
    printed: str
    complained: str
    """What went to standard error."""


Evalloop = Callable[..., Said]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("EVALLOOP_HOME", str(folder))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return folder


@pytest.fixture
def evalloop(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Evalloop:
    def call(*arguments: object) -> Said:
        capsys.readouterr()
        return Said(status_of(monkeypatch, *arguments), *capsys.readouterr())

    return call


@pytest.fixture(scope="session")
def five_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with five days of one user, computed once, whatever number of workers the tests are spread over."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "five-days"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            begun = folder.with_suffix(".partial")
            begun.mkdir()
            mapping = begun / "jsonl.yaml"
            mapping.write_text(MAPPING.format(format="jsonl"))
            days = [reply(number, at=f"2026-03-0{number}T10:00:00Z") for number in range(1, 6)]
            with pytest.MonkeyPatch.context() as patch:
                patch.setenv("EVALLOOP_HOME", str(begun / "home"))
                patch.delenv("DAGSTER_HOME", raising=False)
                assert status_of(patch, "ingest", written(begun / "first.jsonl", days), "--map", mapping) == 0
                assert status_of(patch, "run") == 0
            begun.rename(folder)
    return folder / "home"


@pytest.fixture
def computed(evalloop: Evalloop, five_days: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Evalloop:
    """The command on a home of its own in which these five days are computed."""
    monkeypatch.setenv("COLUMNS", "80")  # what is printed goes to no terminal, so causes are whole all the same
    copy_of(five_days, home)
    return evalloop


def status_of(patch: pytest.MonkeyPatch, *arguments: object) -> int:
    """Exit status of `evalloop …`."""
    from evalloop_assets.cli import main

    patch.setattr(sys, "argv", ["evalloop", *map(str, arguments)])
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


@pytest.fixture
def mapping(tmp_path: Path) -> Callable[..., Path]:
    """A mapping for a format, with further lines where a test wants them."""

    def write(format: str = "jsonl", more: str = "") -> Path:
        path = tmp_path / f"{format}.yaml"
        path.write_text(MAPPING.format(format=format) + more)
        return path

    return write


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., Path]:
    """A log in JSON Lines; a row that is given as bytes stands as it is."""

    def write(*rows: object) -> Path:
        return written(tmp_path / "log.jsonl", rows)

    return write


def written(path: Path, rows: Iterable[object]) -> Path:
    lines = [row if isinstance(row, bytes) else json.dumps(row).encode() for row in rows]
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return path


def reply(number: int, **changes: object) -> dict[str, object]:
    return {
        "id": f"e{number}",
        "user": "u",
        "chat": "c",
        "model": "m",
        "at": f"2026-03-01T10:{number:02}:00Z",
        "reply": f"reply {number}",
        **changes,
    }


def line(said: Said) -> str:
    """The one line of an error that is the user's to mend."""
    assert said.status == 2, said
    assert "Traceback" not in said.printed + said.complained
    (only,) = [text for text in said.complained.splitlines() if text.strip()]
    assert only.startswith("error ")
    assert re.match(r"error .+?: .+[.?)] .+", only), only
    return only.removeprefix("error ")
