"""The loop with its shared state on PostgreSQL: Dagster's storage and the allocation ledger."""

import shutil
from pathlib import Path

import pytest

from evalloop_assets.serving.ledger import Ledger
from evalloop_assets_tests.homes import ROOT, command, run, serve
from evalloop_assets_tests.postgresql import PASSWORD, texts

pytestmark = pytest.mark.long


def shared(home: Path, url: str) -> dict[str, str]:
    """The environment that the documentation names."""
    folder = home / "shared-dagster"
    folder.mkdir()
    shutil.copyfile(ROOT / "docs" / "dagster-postgres.yaml", folder / "dagster.yaml")
    dagster = url.replace("postgresql://", "postgresql+psycopg2://")
    return {"DAGSTER_HOME": str(folder), "DAGSTER_POSTGRES_URL": dagster, "EVALLOOP_LEDGER": url}


def test_the_whole_loop_runs_on_it_and_no_password_is_told(postgresql_url: str, tmp_path: Path):
    home = tmp_path / "home"
    home.mkdir()
    serve(home, postgresql_url)
    environment = shared(home, postgresql_url)
    printed = run(home, "run", "--to", "2026-03-02", **environment)
    assert "done daily 2026-03-02" in printed
    printed += run(home, "serving", "rollback", "exp", "--reason", "a test", **environment)
    printed += run(home, "serving", "undo", "3", "--reason", "it was one", **environment)
    printed += run(home, "status", **environment)
    assert "last run daily" in printed
    assert not list(home.rglob("ledger.sqlite")), "the ledger is shared"
    assert not list(home.rglob("runs.db")), "Dagster's storage is shared"
    ledger = Ledger(postgresql_url)
    assert [entry.action for entry in ledger.history()] == ["start", "start", "rollback", "undo"]
    ledger.close()
    stored = texts(postgresql_url)
    assert any("guardrail_readings" in text for text in stored), "the runs are in the database"
    assert not [text for text in (printed, *stored) if PASSWORD in text]
    readable = [path for path in home.rglob("*") if path.is_file() and PASSWORD.encode() in path.read_bytes()]
    assert readable == []


@pytest.mark.parametrize("arguments", [("status",), ("serving", "history"), ("run", "--dry-run")])
def test_a_server_that_is_gone_is_named_without_its_password(tmp_path: Path, arguments: tuple[str, ...]):
    url = f"postgresql://evalloop:{PASSWORD}@127.0.0.1:1/gone"
    process = command(tmp_path, *arguments, **shared(tmp_path, url))
    printed, _ = process.communicate(timeout=400)
    assert process.returncode == 2, printed
    assert PASSWORD not in printed
    assert "Traceback" not in printed
