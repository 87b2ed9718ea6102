import contextlib
import hashlib
import json
from datetime import date
from pathlib import Path

import pytest

from evalloop_assets.lake.exports import exported_files, manifest_of, note_erasure, publish, writing


def export(home: Path, path: Path, text: str) -> None:
    with writing(path) as part:
        part.write_text(text)
        publish(home, part, path, {"rows": 1})


def test_an_export_stands_with_its_manifest_and_is_listed_wherever_it_is(tmp_path: Path):
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    assert exported_files(home) == []
    for path, text in ((home / "a.jsonl", "a"), (elsewhere / "b.jsonl", "b"), (home / "a.jsonl", "again")):
        export(home, path, text)
    assert exported_files(home) == [home / "a.jsonl", elsewhere / "b.jsonl"]
    manifest = json.loads(manifest_of(home / "a.jsonl").read_text())
    assert manifest == {
        "path": str(home / "a.jsonl"), "rows": 1, "bytes": 5, "sha256": hashlib.sha256(b"again").hexdigest()
    }  # fmt: skip
    assert sorted(path.name for path in home.iterdir()) == ["a.jsonl", "a.jsonl.manifest.json", "exports.jsonl"]


def test_an_export_that_fails_leaves_what_was_there(tmp_path: Path):
    export(tmp_path, tmp_path / "a.jsonl", "before")
    with contextlib.suppress(ZeroDivisionError), writing(tmp_path / "a.jsonl") as part:
        part.write_text("half of i")
        raise ZeroDivisionError
    assert (tmp_path / "a.jsonl").read_text() == "before"
    assert not [path for path in tmp_path.iterdir() if path.suffix == ".part"]


def test_a_killed_export_is_listed_before_its_file_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def killed(*paths: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("evalloop_assets.lake.exports.os.replace", killed)
    with pytest.raises(KeyboardInterrupt):
        export(tmp_path, tmp_path / "a.jsonl", "text")
    assert exported_files(tmp_path) == [tmp_path / "a.jsonl"]
    assert not (tmp_path / "a.jsonl").exists()


def test_the_manifest_of_a_json_list_counts_its_records(tmp_path: Path):
    path, part = tmp_path / "tasks.json", tmp_path / "part"
    part.write_text(json.dumps([{"id": 1}, {"id": 2}], indent=1))
    publish(tmp_path, part, path, {"rows": 2})
    path.write_text(json.dumps([{"id": 2}], indent=1))
    assert note_erasure(path, date(2026, 3, 1), 1)
    told = json.loads(manifest_of(path).read_text())
    assert (told["rows"], told["erased"]) == (1, [{"on": "2026-03-01", "rows": 1}])
