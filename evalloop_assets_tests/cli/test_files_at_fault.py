"""Files that cannot be taken in: one line that names the file, the reason and the mend, and exit status 2."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalloop_assets_tests.cli.conftest import line, reply


def test_a_file_that_is_not_there(evalloop, mapping, tmp_path):
    said = line(evalloop("ingest", tmp_path / "none.jsonl", "--map", mapping()))
    assert said == f"{tmp_path / 'none.jsonl'}: does not exist. Check the path."


def test_a_folder_for_a_file(evalloop, mapping, tmp_path):
    assert "Is a directory" in line(evalloop("ingest", tmp_path, "--map", mapping()))


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs a file that opens and cannot be read")
def test_a_file_whose_bytes_cannot_be_read(evalloop, mapping):
    said = line(evalloop("ingest", "/proc/self/mem", "--map", mapping()))
    assert said == "/proc/self/mem: cannot be read (Input/output error). Check path and rights."


def test_a_parquet_file_cut_short(evalloop, mapping, tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.Table.from_pylist([reply(number) for number in range(9)]), path)
    path.write_bytes(path.read_bytes()[:-20])
    said = line(evalloop("ingest", path, "--map", mapping("parquet")))
    assert said.startswith(f"{path}: is no whole Parquet file")
    assert said.endswith("Deliver the whole file again.")


def test_a_mapping_is_missing(evalloop, log):
    assert line(evalloop("ingest", log(reply(1)))).startswith("--map: is missing. ")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"format: [jsonl\n", "line 2: "),
        (b"just words\n", "is no mapping. Begin with `format:`"),
        (b"", "is no mapping. Begin with `format:`"),
        (b"\xff\xfe\x00", "is no text in UTF-8. Give the path of a YAML mapping"),
        (b"format: jsonl\ntable: turns\ncolumns: {}\ncolour: red\n", "colour: is no key of a mapping."),
        (b"format: jsonl\ntable: moods\ncolumns: {}\n", "moods"),
    ],
)
def test_a_mapping_that_is_none(evalloop, log, tmp_path, content, expected):
    path = tmp_path / "map.yaml"
    path.write_bytes(content)
    said = line(evalloop("ingest", log(reply(1)), "--map", path))
    assert "map.yaml" in said
    assert expected in said


def test_a_mapping_that_is_not_there(evalloop, log, tmp_path):
    said = line(evalloop("ingest", log(reply(1)), "--map", tmp_path / "none.yaml"))
    assert said == f"{tmp_path / 'none.yaml'}: does not exist. Check the path."


def test_a_mapping_to_a_column_that_the_contract_does_not_have(evalloop, log, mapping):
    said = line(evalloop("ingest", log(reply(1)), "--map", mapping(more="  mood: x\n")))
    assert "columns.mood: is no column of turns. Known: event_id" in said


def test_a_mapping_of_another_format_loads_nothing_and_says_so(evalloop, mapping, tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.Table.from_pylist([reply(1)]), path)
    said = evalloop("ingest", path, "--map", mapping("jsonl"))
    assert "0 added" in said.printed
    assert "none of its" in line(said)
    assert str(mapping("jsonl")) in line(said)


def test_a_home_that_cannot_be_made(evalloop, log, mapping, tmp_path, monkeypatch):
    path = log(reply(1))
    monkeypatch.setenv("EVALLOOP_HOME", str(path / "home"))
    expected = f"folder {path / 'home'}: cannot be made (Not a directory). Set EVALLOOP_HOME to a writable folder."
    for arguments in (
        ["ingest", path, "--map", mapping()], ["run"], ["status"], ["serving", "show"], ["serving", "begin", "m"],
    ):  # fmt: skip
        assert line(evalloop(*arguments)) == expected


def test_a_setting_of_the_wrong_type(evalloop, monkeypatch):
    monkeypatch.setenv("EVALLOOP_LOGS__BATCH_ROWS", "many")
    said = line(evalloop("serving", "show"))
    assert said.startswith("setting EVALLOOP_LOGS__BATCH_ROWS: 'many' is refused (")
