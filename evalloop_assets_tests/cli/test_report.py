"""`evalloop report` as a user calls it."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import date
from pathlib import Path

import pytest

from evalloop_assets.lake.resource import open_lake
from evalloop_assets.settings import Settings
from evalloop_assets_tests.cli.conftest import Evalloop, line
from evalloop_assets_tests.evaluation.pyramid.world import fill_lake, values, write
from evalloop_assets_tests.homes import ROOT


@pytest.fixture
def evaluated(home: Path) -> Path:
    """A home with one evaluated day, the ninth of May."""
    fill_lake(open_lake(Settings(home=home)))
    return home


def test_the_newest_week_is_the_default(evaluated: Path, evalloop: Evalloop):
    said = evalloop("report")
    path = evaluated / "reports" / "pyramid-2026-05-03-to-2026-05-09.html"
    assert (said.status, said.printed) == (0, f"report of 2026-05-03 to 2026-05-09: {path}\n")
    assert "faults found: position" in path.read_text(encoding="utf-8")


def test_a_period_and_a_file_of_ones_own(evaluated: Path, evalloop: Evalloop, tmp_path: Path):
    write(
        open_lake(Settings(home=evaluated)),
        "model_values",
        *values("metric", "returned_next_day", 28, early=(0.5, 0.01, 900)),
        day=date(2026, 4, 2),
    )
    out = tmp_path / "april.html"
    assert evalloop("report", "--from", "2026-04-01", "--to", "2026-04-30", "--out", out).status == 0
    assert "early" in out.read_text(encoding="utf-8")
    assert "judge lazy" not in out.read_text(encoding="utf-8")


def test_mistakes_are_one_line_and_write_nothing(evaluated: Path, evalloop: Evalloop, tmp_path: Path):
    assert "ends before it begins" in line(evalloop("report", "--from", "2026-05-09", "--to", "2026-05-01"))
    assert "Name days between 2026-05-05 and 2026-05-09" in line(evalloop("report", "--to", "2026-01-01"))
    assert "is no day" in line(evalloop("report", "--to", "May"))
    assert "a folder that exists" in line(evalloop("report", "--out", tmp_path / "none" / "x.html"))
    assert "a folder that exists" in line(evalloop("report", "--out", tmp_path))
    assert not (evaluated / "reports").exists()


def test_judges_alone_make_a_report(home: Path, evalloop: Evalloop):
    write(open_lake(Settings(home=home)), "judge_grades", {"judge_id": "lazy", "grade": "D", "fired": "position"})
    assert "pyramid-2026-05-03-to-2026-05-09.html" in evalloop("report").printed


def test_a_home_without_days_says_what_to_do(home: Path, evalloop: Evalloop):
    assert "Run `evalloop run` first" in line(evalloop("report"))


def test_reports_are_served_on_loopback_and_nothing_beside_them(evaluated: Path, evalloop: Evalloop, tmp_path: Path):
    evalloop("report")
    environment = os.environ | {"EVALLOOP_EVALUATION__REPORT__URL": "http://127.0.0.1:0", "PYTHONUNBUFFERED": "1"}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "evalloop_assets", "report", "--serve"],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        url = _url(tmp_path / "log", server)
        with urllib.request.urlopen(f"{url}pyramid-2026-05-03-to-2026-05-09.html", timeout=60) as found:
            assert found.headers["Content-Type"] == "text/html"
            assert b"faults found: position" in found.read()
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"{url}%2e%2e/ledger.sqlite", timeout=60)
    finally:
        server.terminate()
        server.wait(timeout=60)


def _url(log: Path, server: "subprocess.Popen[bytes]") -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end and server.poll() is None:
        if found := re.search(r"reports at (http://127\.0\.0\.1:\d+/)", log.read_text()):
            return found[1]
        time.sleep(0.1)
    raise AssertionError(log.read_text())


def test_a_port_that_is_taken_is_told(evaluated: Path, evalloop: Evalloop, monkeypatch: pytest.MonkeyPatch):
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setenv("EVALLOOP_EVALUATION__REPORT__URL", f"http://127.0.0.1:{taken.getsockname()[1]}")
        assert "the port cannot be had" in line(evalloop("report", "--serve"))
