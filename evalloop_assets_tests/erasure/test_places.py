"""One file outside the lake: what goes, what stays as it was, and what is reported."""

import gzip
import json
from pathlib import Path

import pyarrow as pa
import pytest

from evalloop_assets.erasure.person import Person
from evalloop_assets.erasure.places import clean, left_in
from evalloop_assets.lake.engine import View

MAIL = "anna.schmidt@example.org"


@pytest.mark.parametrize(
    ("name", "user_id", "before", "after"),
    [
        (
            "a.jsonl",
            "ana",
            '{"userId": "ana", "x": 1}\n{"user": "bo", "ana": "to ana"}\n',
            '{"user": "bo", "ana": "to ana"}\n',
        ),
        ("a.jsonl", "ana", '{"user": {"k": 1, "id": "ana"}}\n{"user": {"id": "Ana"}}\n', '{"user": {"id": "Ana"}}\n'),
        ("a.jsonl", "7", '{"user_id": 7, "n": 1}\n{"user_id": 77, "n": 7}\n', '{"user_id": 77, "n": 7}\n'),
        ("a.jsonl", "user", '{"role": "user", "user": "user"}\n{"role": "user"}\n', '{"role": "user"}\n'),
        ("a.jsonl", "ana", '{"user":"ana"}\n{"text": "she said \\"ana\\""}\n', '{"text": "she said \\"ana\\""}\n'),
        (".a.jsonl.17.part", "user-17", '["user-17"]\n["user-171"]\n', '["user-171"]\n'),
        ("a.jsonl", "王小明", '{"user": "\\u738b\\u5c0f\\u660e"}\n{"user": "王小明"}\n{}\n', "{}\n"),
        ("a.jsonl", MAIL, f'{{"user_id": "{MAIL}"}}\n{{}}\n', "{}\n"),
        ("a.json", "ana", '{"ana": 1, "user_id": "ana", "x": "ana"}', '{"ana": 1, "user_id": "[erased]", "x": "ana"}'),
        ("a.json", MAIL, f'{{"x": ["{MAIL}", "anatol"]}}', '{"x": ["[erased]", "anatol"]}'),
        ("a.txt", MAIL, f"failed for {MAIL}\n", "failed for [erased]\n"),
        ("a.csv", "7", "n,user_id\n7,8\n8,7\n", "n,user_id\n7,8\n"),
        ("a.csv", "ana", "user;text\r\nana;hi\r\nbo;to ana\r\n", "user;text\r\nbo;to ana\r\n"),
        (
            "a.csv",
            "u-1001",
            'user_id,text\nu-1001,"hello\nmy secret address is Main St"\nu-2,"b\n""c"" "\n',
            'user_id,text\nu-2,"b\n""c"" "\n',
        ),
        ("a.tsv", "ana", 'user\ttext\nbo\t"a\nb"\nana\t"c\nd"\n', 'user\ttext\nbo\t"a\nb"\n'),
    ],
)
@pytest.mark.parametrize("zipped", [False, True])
def test_the_id_goes_as_a_whole_value(name: str, user_id: str, before: str, after: str, zipped: bool, tmp_path: Path):
    path, person = tmp_path / (f"{name}.gz" if zipped else name), Person(user_id)
    path.write_bytes(gzip.compress(before.encode()) if zipped else before.encode())
    assert left_in(path, person)
    assert clean(path, person)
    content = gzip.decompress(path.read_bytes()) if zipped else path.read_bytes()
    assert content.decode() == after
    assert left_in(path, person) is None
    assert clean(path, person) is None


def test_a_text_with_doubled_quotes_is_found_in_csv(tmp_path: Path):
    text = 'She said "we leave at dawn", and nobody asked why.'
    path = tmp_path / "a.csv"
    doubled = text.replace('"', '""')
    path.write_text(f'text,n\n"{doubled}",1\nother,2\n')
    clean(path, Person("ana", {"text": frozenset({text})}))
    assert path.read_text() == "text,n\nother,2\n"


def test_broken_csv_is_left_alone_and_reported(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_text('user,text\nana,"never closed\nbo,x\n')
    assert clean(path, Person("ana")) is None
    left = left_in(path, Person("ana"))
    assert left is not None
    assert "cannot be read as .csv" in left.why
    assert left_in(path, Person("nobody")) is None


@pytest.mark.parametrize(
    ("columns", "found"),
    [(("item_id", "user_text", "verdict"), ["p-1", "i-1"]), (("item_id", "verdict"), ["p-1"])],
    ids=["with its text", "what was scored on it"],
)
def test_answers_about_a_pair_of_theirs_and_items_of_their_words_are_theirs(
    lake, columns: tuple[str, ...], found: list[str]
):
    person = Person("u-1", {"pair": frozenset({"p-1"}), "item": frozenset({"i-1"})})
    marks = pa.table({"item_id": ["p-1", "i-1", "p-2"], "user_text": ["hi"] * 3, "verdict": ["a"] * 3}).select(columns)
    theirs = person.condition(dict.fromkeys(marks.column_names, "VARCHAR"))
    views = {**person.views, "marks": View({}, rows=marks)}
    assert lake.reader.fetch(f"SELECT item_id FROM marks WHERE {theirs}", views, {}).to_pydict() == {"item_id": found}


@pytest.mark.parametrize("name", ["a.jsonl", "a.json"])
def test_of_an_exported_benchmark_items_of_their_words_go_and_what_was_scored_on_them_stays(name: str, tmp_path: Path):
    lines = [
        {"item_id": "i-1", "text": "I am Anna"},
        {"item_id": "i-1", "score": 1.0},
        {"item_id": "i-2", "text": "I am Anna"},
    ]
    path, person = tmp_path / name, Person("u-1", {"item": frozenset({"i-1"})})
    path.write_text(json.dumps(lines) if name == "a.json" else "".join(json.dumps(line) + "\n" for line in lines))
    assert left_in(path, person)
    clean(path, person)
    kept = path.read_text()
    assert (json.loads(kept) if name == "a.json" else [*map(json.loads, kept.splitlines())]) == lines[1:]
    assert left_in(path, person) is None


def test_of_a_json_list_whole_records_go(tmp_path: Path):
    text = "My grandmother Aurelia lives in Bremen and misses me."
    theirs, quoting = (
        {"data": {"user_text": text, "why": "Aurelia"}},
        {"data": {"id": 7, "x": "somebody else's \ud83d\r\n"}},
    )
    path, person = tmp_path / "tasks.json", Person("u-1001", {"text": frozenset({text})})
    path.write_text(json.dumps([theirs, quoting, {"user_id": "u-1001"}]))
    assert left_in(path, person)
    assert clean(path, person).number == 2
    assert json.loads(path.read_text()) == [quoting]
    assert left_in(path, person) is None
    assert clean(path, person) is None
