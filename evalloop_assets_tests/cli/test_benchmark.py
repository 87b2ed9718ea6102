"""`evalloop benchmark` as a user calls it: versions into the log, and the half that may be shown out."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from evalloop_assets.evaluation.items.release import is_hidden
from evalloop_assets.lake.exports import exported_files
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.settings import Settings
from evalloop_assets_tests.cli.conftest import Evalloop, line
from evalloop_assets_tests.evaluation.bad_cases.world import DAY, sentence, stage_at, write
from evalloop_assets_tests.logs.world import rows_of

KEY = "a key that nobody guesses"
NEXT = DAY + timedelta(days=1)


def item(number: int, **more: object) -> dict[str, object]:
    return {"item_id": f"i{number}", "text": sentence(number), "contaminated": False, "user_id": "ann"} | more


@pytest.fixture
def found(home: Path) -> Path:
    """A home in which thirty items were found, one of them learned from."""
    write(stage_at(home), "found_items", [*(item(at) for at in range(29)), item(29, contaminated=True)])
    return home


def versions(home: Path) -> dict[str, set[str]]:
    told: dict[str, set[str]] = {}
    for row in rows_of(open_lake(Settings(home=home)), "benchmark_items"):
        told.setdefault(row["benchmark"], set()).add(row["item_id"])
    return told


def test_versions_follow_each_other(found: Path, evalloop: Evalloop):
    said = evalloop("benchmark", "release")
    assert said.status == 0
    assert "0 items of no version before, 29 new" in said.printed
    assert (
        "of 30 found, 1 is left out (learned from, retired or suspected) and 0 ask what another item asks"
        in said.printed
    )
    [(first, items)] = versions(found).items()
    assert items == {f"i{at}" for at in range(29)}
    assert first.startswith(f"found/{DAY}/")
    assert "same items" in line(evalloop("benchmark", "release"))
    stage = stage_at(found)
    write(stage, "found_items", [item(30), item(0)], NEXT)
    write(stage, "item_statistics", [{"benchmark": first, "item_id": "i1", "verdict": "saturated"}], NEXT)
    write(stage, "item_contamination", [{"benchmark": first, "item_id": "i2", "contaminated": True}], NEXT)
    said = evalloop("benchmark", "release")
    assert "27 items" in said.printed
    assert (
        "of 2 found, 0 are left out (learned from, retired or suspected) and 0 ask what another item asks"
        in said.printed
    )
    second = versions(found)
    assert second[first] == items, "a version that was released stays as it is"
    [name] = second.keys() - {first}
    assert second[name] == items - {"i1", "i2"} | {"i30"}


def test_of_one_day_the_next_version_follows_the_last_one(found: Path, evalloop: Evalloop):
    """Whatever their names: one item retires after another, and one is found, all on one day."""
    assert evalloop("benchmark", "release").status == 0
    [last], stage = versions(found), stage_at(found)
    before = {last}
    for gone in range(5):
        write(stage, "found_items", [item(100 + gone)])
        rows = [{"benchmark": "found", "item_id": f"i{at}", "verdict": "saturated"} for at in range(gone + 1)]
        write(stage, "item_statistics", rows)
        assert f"28 items of {last}, 1 new" in evalloop("benchmark", "release").printed
        [last] = set(versions(found)) - before
        before.add(last)
    assert versions(found)[last] == {*(f"i{at}" for at in range(5, 29)), *(f"i{100 + at}" for at in range(5))}
    assert "same items" in line(evalloop("benchmark", "release"))


def test_the_hidden_half_never_leaves(found: Path, evalloop: Evalloop, monkeypatch: pytest.MonkeyPatch):
    assert evalloop("benchmark", "release").status == 0
    [name] = versions(found)
    monkeypatch.setenv("BENCHMARK_KEY", KEY)
    assert evalloop("benchmark", "export", name).status == 0
    [path] = exported_files(found)
    shown = {json.loads(text)["item_id"] for text in path.read_text(encoding="utf-8").splitlines()}
    assert shown == {one for one in versions(found)[name] if not is_hidden(KEY, one)}
    assert 0 < len(shown) < 29
    assert "ann" not in path.read_text(encoding="utf-8")


def test_mistakes_are_one_line(found: Path, evalloop: Evalloop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("BENCHMARK_KEY", raising=False)
    assert "is not set" in line(evalloop("benchmark", "export", "found/x"))
    monkeypatch.setenv("BENCHMARK_KEY", "short")
    assert evalloop("benchmark", "release").status == 0
    [name] = versions(found)
    assert "guessed" in line(evalloop("benchmark", "export", name))
    monkeypatch.setenv("BENCHMARK_KEY", KEY)
    assert "no items" in line(evalloop("benchmark", "export", "found/x"))
    assert ".jsonl" in line(evalloop("benchmark", "export", name, "--out", tmp_path / "x.csv"))
    assert "no name" in line(evalloop("benchmark", "release", "a/b"))
    write(stage_at(found), "found_items", [item(at, contaminated=True) for at in range(3)])
    assert "there is no item for it" in line(evalloop("benchmark", "release", "other"))


def test_without_findings_it_says_what_to_run(home: Path, evalloop: Evalloop):
    assert "evalloop run" in line(evalloop("benchmark", "release"))
