"""`evalloop run` and its range."""

import json
import re
from datetime import date

import pytest

from evalloop_assets.cli.run import Planned, _left
from evalloop_assets.days import Days
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.settings import Settings
from evalloop_assets_tests.cli.conftest import line, reply


@pytest.fixture
def loaded(evalloop, log, mapping):
    days = [reply(number, at=f"2026-03-0{number}T10:00:00Z") for number in range(1, 6)]
    assert evalloop("ingest", log(*days), "--map", mapping()).status == 0
    return evalloop


def test_an_empty_lake(evalloop, home):
    expected = f"the lake at {home}/lake: it holds no log yet. Load one: evalloop ingest PATH --map FILE"
    assert line(evalloop("run")) == expected
    assert line(evalloop("run", "--dry-run")) == expected
    status = evalloop("status")
    assert status.status == 0
    for told in ("nothing yet: the ledger is empty", "logs none yet", "stale nothing", "rejected no row"):
        assert told in status.printed


@pytest.mark.parametrize("name", ["EVALLOOP_HOME", "EVALLOOP_LAKE"])
@pytest.mark.parametrize(
    ("folder", "odd"),
    [("a#b", "#"), ("what?", "?"), ("[a]", "["), ("a%20b", "%20"), ("a*", "*"), ("a\\b", "\\"), ("a\nb", "\n")],
)
def test_a_folder_that_could_not_be_read_back_is_refused(evalloop, monkeypatch, tmp_path, name, folder, odd):
    monkeypatch.setenv(name, str(tmp_path / folder))
    assert f"its path {str(tmp_path / folder)!r} holds {odd!r}, which" in line(evalloop("status"))
    assert not (tmp_path / folder).exists()


@pytest.mark.parametrize(("first", "last", "left"), [(4, 5, False), (5, 5, False), (3, 5, True), (4, 6, True)])
def test_the_loop_leaves_out_what_a_run_before_computes_on_all_of_its_days(first, last, left):
    before = Planned("relabel", Days(date(2026, 3, 4), date(2026, 3, 5)), "late rows", tables=("sessions",))
    assert ("sessions" in _left([before], Days(date(2026, 3, first), date(2026, 3, last)))) is left


def test_a_range_that_ends_before_it_begins(evalloop):
    said = line(evalloop("run", "--from", "2026-03-02", "--to", "2026-03-01"))
    assert said == "--from 2026-03-02 --to 2026-03-01: the range ends before it begins. Swap the two days."


@pytest.mark.parametrize("option", ["--from", "--to"])
@pytest.mark.parametrize("text", ["2026-13-01", "yesterday", "01.03.2026"])
def test_a_day_that_is_none(evalloop, option, text):
    assert line(evalloop("run", option, text)) == f"{option} {text}: is no day. Write it as 2026-03-01."


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--from", "2026-03-09"], "--from 2026-03-09: it is after the log of 2026-03-01 to 2026-03-05."),
        (
            ["--from", "2026-03-09", "--to", "2026-03-10"],
            "--from 2026-03-09: it is after the log of 2026-03-01 to 2026-03-05.",
        ),
        (["--from", "1999-01-01", "--to", "1999-02-01"], "--to 1999-02-01: it is before the log of 2026-03-01"),
        (["--to", "2999-01-01"], "--to 2999-01-01: that day has not come yet."),
    ],
)
def test_a_range_outside_the_log(loaded, arguments, expected):
    assert line(loaded("run", *arguments)).startswith(expected)


def test_a_range_that_begins_before_the_log_begins_with_the_log(loaded):
    said = loaded("run", "--from", "2020-01-01", "--dry-run")
    assert said.status == 0
    assert "2026-03-01" in said.printed
    assert "2020" not in said.printed


def test_days_before_the_partitions(loaded, monkeypatch):
    monkeypatch.setenv("EVALLOOP_FIRST_DAY", "2026-03-03")
    said = line(loaded("run", "--from", "2026-03-02"))
    assert "days before the first day of the partitions, 2026-03-03" in said
    assert said.endswith("Set EVALLOOP_FIRST_DAY=2026-03-01")
    assert loaded("run", "--dry-run").status == 0


def test_a_dry_run_computes_nothing(loaded, home):
    said = loaded("run", "--dry-run")
    assert "never computed" in said.printed
    assert not (home / "lake" / "sessions").exists()


def test_a_day_to_come_cannot_be_declared_complete(evalloop, log, mapping):
    said = line(evalloop("ingest", log(reply(1)), "--map", mapping(), "--complete-through", "2099-01-01"))
    assert said == "--complete-through 2099-01-01: that day is not over. Name a day that has passed."


def test_a_setting_that_makes_no_sense(evalloop, monkeypatch):
    monkeypatch.setenv("EVALLOOP_ENGINE__MEMORY_LIMIT", "lots")
    assert line(evalloop("status")).startswith("setting EVALLOOP_ENGINE__MEMORY_LIMIT: 'lots' is refused")
    monkeypatch.setenv("EVALLOOP_ENGINE__MEMORY_LIMIT", "0.1KB")
    assert "less than 100MB" in line(evalloop("status"))


def test_another_definition_makes_its_days_stale(computed, monkeypatch):
    assert "nothing to do" in computed("run", "--dry-run").printed
    monkeypatch.setenv("EVALLOOP_DENOISE__SESSION_IDLE_MINUTES", "700")
    assert "code changed" in computed("run", "--dry-run").printed


def test_a_step_that_cannot_run_says_why_and_how_to_mend_it(evalloop, log, mapping, monkeypatch):
    pytest.importorskip("pyspark")
    assert evalloop("ingest", log(reply(1)), "--map", mapping()).status == 0
    monkeypatch.setenv("EVALLOOP_ENGINE", "spark")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    said = line(evalloop("run"))
    told = (
        r"run \w+ of job daily: sessions: engine spark: there is no Java\. Install Java .+ to one\. Mend the reason and"
    )
    assert re.match(told, said), said


def people_say(evalloop, folder, *verdicts, who="p"):
    path, mapping = folder / f"{who}.jsonl", folder / "gold.yaml"
    rows = [{"item": f"i{n}", "who": who, "said": said} for n, said in enumerate(verdicts)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = "  item_id: item\n  annotator_id: who\n  verdict: said\n"
    mapping.write_text(f"format: jsonl\ntable: gold_annotations\ncolumns:\n{columns}")
    assert evalloop("ingest", path, "--map", mapping).status == 0


def waiting(home):
    lake = open_lake(Settings(home=home))
    return sorted((row["item_id"], row["purpose"]) for row in lake.read("annotation_queue").to_pylist())


def test_a_home_with_verdicts_of_people_alone_is_run_as_far_as_it_goes(evalloop, home, tmp_path):
    people_say(evalloop, tmp_path, "a", "b")
    planned = evalloop("run", "--dry-run")
    assert (planned.status, "no log" in planned.printed) == (0, True)
    said = evalloop("run")
    assert said.status == 0
    assert "there is no log: judges, people and benchmarks only" in " ".join(said.printed.split())
    assert waiting(home) == [("i0", "second"), ("i1", "second")]
    assert "nothing to do" in evalloop("run").printed
    people_say(evalloop, tmp_path, "a", "tie", who="q")
    assert evalloop("run").status == 0
    assert waiting(home) == [("i1", "third")]
    assert "after the log" in line(evalloop("run", "--from", "2999-01-01"))


def test_new_annotations_are_worked_on_though_no_day_of_the_log_is_stale(loaded, home, tmp_path):
    assert loaded("run", "--from", "2026-03-05").status == 0
    assert loaded("run").status == 0
    people_say(loaded, tmp_path, "a")
    queued = open_lake(Settings(home=home)).version("relabel_queue")
    said = loaded("run")
    assert (said.status, "new verdicts, annotations or scores" in said.printed) == (0, True)
    assert open_lake(Settings(home=home)).version("relabel_queue") > queued  # what people have judged waits no more
    assert waiting(home) == [("i0", "second")]
    assert "nothing to do" in loaded("run").printed
