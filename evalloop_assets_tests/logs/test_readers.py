import bz2
import gzip
import json
import lzma
import zipfile
from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs import collect, json_records
from evalloop_assets.logs.read import read
from evalloop_assets_tests.logs.world import (
    TURNS_AS_THEY_ARE,
    as_mapping,
    reasons,
    rows_of,
    take_in,
    turn,
    write_lines,
)

CSV = TURNS_AS_THEY_ARE.replace("jsonl", "csv")
SIX = (
    "format: {format}\ntable: turns\ncolumns: {{event_id: event_id, user_id: user_id, "
    "conversation_id: conversation_id, model_id: model_id, shown_at: shown_at, reply_text: reply_text}}\n"
)
HEADER = "event_id,user_id,conversation_id,model_id,shown_at,reply_text\n"

MISSPELT = ["evnt_id", "user_id", "conversation_id", "model_id", "shown_at", "user_text", "reply_text"]


def csv_line(number: int, text: str = "hello") -> str:
    return f"e{number},u1,c1,m,2026-03-01T10:{number:02d}:00,{text}\n"


def test_json_lines_with_every_kind_of_bad_line(lake, tmp_path):
    path = tmp_path / "log.jsonl"
    good = [json.dumps(turn(number)).encode() for number in (1, 2, 3)]
    lines = [
        good[0],
        b'{"event_id": "cut", "user_id": ',
        b"",
        b"[1, 2]",
        b'{"event_id": "\xff\xfe"}',
        json.dumps(turn(9, reply_text="\ud83d")).encode(),
        good[1],
        json.dumps(turn(10, reply_text="x" * 2_000_000)).encode(),
        good[2],
    ]
    path.write_bytes(b"\n".join(lines))
    delivery = take_in(lake, path)
    assert (delivery.rows_read, delivery.rows_added, delivery.rows_rejected) == (8, 3, 5)
    found = reasons(lake)
    assert sorted(found) == [2, 4, 5, 6, 8]
    assert found[2].startswith("the line is no JSON: Expecting value")
    assert found[4] == "the line is no JSON object"
    assert found[5] == "the line holds bytes that are no UTF-8"
    assert found[6] == "reply_text holds bytes that are no UTF-8"
    assert found[8].startswith("reply_text is 2000000 characters long")
    assert [row["event_id"] for row in rows_of(lake, "turns")] == ["e1", "e2", "e3"]


def test_a_line_beyond_all_measure_is_passed_over(lake, tmp_path, monkeypatch):
    monkeypatch.setattr(json_records, "MAX_LINE_BYTES", 1 << 20)
    path = write_lines(tmp_path / "log.jsonl", [turn(1), turn(2, reply_text="x" * 3_000_000), turn(3)])
    assert take_in(lake, path).rows_added == 2
    assert reasons(lake) == {2: "the line is longer than 1 MB"}


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zip"])
def test_packed_files_are_the_same_log(lake, tmp_path, suffix):
    plain = write_lines(tmp_path / "log.jsonl", [turn(1), turn(2)])
    packed = tmp_path / f"log.jsonl{suffix}"
    if suffix == ".zip":
        with zipfile.ZipFile(packed, "w") as archive:
            archive.write(plain, "log.jsonl")
    else:
        packed.write_bytes({".gz": gzip, ".bz2": bz2, ".xz": lzma}[suffix].compress(plain.read_bytes()))
    assert take_in(lake, packed).rows_added == 2


def test_a_packed_file_cut_short_changes_nothing(lake, tmp_path):
    packed = tmp_path / "log.jsonl.gz"
    content = "".join(json.dumps(turn(number)) + "\n" for number in range(2000)).encode()
    packed.write_bytes(gzip.compress(content)[:-500])
    with pytest.raises(UserError, match=r"log\.jsonl\.gz: is cut short or damaged"):
        take_in(lake, packed)
    assert lake.tables() == []


def test_files_that_are_not_there_or_no_files(lake, tmp_path):
    with pytest.raises(UserError, match=r"absent\.jsonl: does not exist"):
        take_in(lake, tmp_path / "absent.jsonl")
    with pytest.raises(UserError, match="cannot be read"):
        take_in(lake, tmp_path)


def test_csv_rows_of_another_width_and_open_quotes(lake, tmp_path):
    path = tmp_path / "log.csv"
    shifted = "e3,u1,c1,m,2026-03-01T10:03:00,hello,there\n"
    lines = [HEADER, csv_line(1), csv_line(2, '"two\nlines, ""quoted"""'), shifted, csv_line(4), "e5,u1\n", "\n"]
    path.write_bytes("".join([*lines, csv_line(6), 'e7,u1,c1,m,2026-03-01T10:07:00,"open']).encode("utf-8"))
    delivery = take_in(lake, path, SIX.format(format="csv"))
    assert delivery.rows_added == 4
    assert reasons(lake) == {
        5: "the row has 7 fields, the header 6",
        7: "the row has 2 fields, the header 6",
        10: "the row is no CSV: unexpected end of data",
    }
    assert rows_of(lake, "turns", where="event_id = 'e2'")[0]["reply_text"] == 'two\nlines, "quoted"'


def test_csv_bytes_that_are_no_utf8_and_a_byte_order_mark(lake, tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(
        b"\xef\xbb\xbf" + HEADER.encode() + csv_line(1, "caf\xe9").encode("latin-1") + csv_line(2).encode()
    )
    assert take_in(lake, path, SIX.format(format="csv")).rows_added == 1
    assert reasons(lake) == {2: "the row holds bytes that are no UTF-8"}


def test_csv_that_shifts_within_its_width_is_rejected_by_type(lake, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(HEADER + csv_line(1) + "u1,c1,m,2026-03-01T10:02:00,hello,e2\n")
    assert take_in(lake, path, SIX.format(format="csv")).rows_added == 1
    assert reasons(lake) == {3: "shown_at is no time: hello"}


def test_csv_headers(lake, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text(HEADER.replace("user_id", "userid") + csv_line(1))
    with pytest.raises(UserError, match=r"test\.yaml: `user_id`: is no column of log\.csv\. Did you mean `userid`\?"):
        take_in(lake, path, SIX.format(format="csv"))
    path.write_text(HEADER.replace("user_id", "event_id") + csv_line(1))
    with pytest.raises(UserError, match=r"log\.csv: has column `event_id` twice"):
        take_in(lake, path, SIX.format(format="csv"))
    path.write_text("")
    with pytest.raises(UserError, match=r"log\.csv: is empty"):
        take_in(lake, path, SIX.format(format="csv"))
    path.write_text(HEADER.replace(",", ";") + csv_line(1).replace(",", ";"))
    assert take_in(lake, path, SIX.format(format="csv") + "delimiter: ';'\n").rows_added == 1


def test_parquet_types_of_every_writer(lake, tmp_path):
    moments = [datetime(2026, 3, 1, 10), datetime(2026, 3, 1, 11)]
    berlin = timezone(timedelta(hours=1))
    table = pa.table(
        {
            "event_id": pa.array([b"e1", b"\xff\xfe"], pa.binary()),
            "user_id": pa.array(["u1", "u1"]).dictionary_encode(),
            "conversation_id": pa.array(["c", "c"], pa.large_string()),
            "model_id": pa.array([7, 8]),
            "shown_at": pa.array([m.replace(tzinfo=berlin) for m in moments], pa.timestamp("ns", "Europe/Berlin")),
            "reply_text": ["hello", "there"],
            "nested": pa.array([{"cost": 1}, {"cost": 2}]),
        }
    )
    path = tmp_path / "log.parquet"
    pq.write_table(table, path)
    content = SIX.format(format="parquet").replace("}\n", ", cost_usd: nested.cost}\n")
    assert take_in(lake, path, content).rows_added == 1
    row = rows_of(lake, "turns")[0]
    assert (row["event_id"], row["model_id"], row["cost_usd"]) == ("e1", "7", 1.0)
    assert row["shown_at"] == moments[0].replace(tzinfo=berlin).astimezone(UTC).replace(tzinfo=None)
    assert reasons(lake) == {2: "event_id holds bytes that are no UTF-8"}


@pytest.mark.parametrize("keep", [0, 3, 0.5, 0.95])
def test_a_parquet_file_cut_short_names_the_file(lake, tmp_path, keep):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.Table.from_pylist([turn(number) for number in range(5000)]), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(UserError, match=r"log\.parquet: is (no whole Parquet file|cut short)"):
        take_in(lake, path, SIX.format(format="parquet"))
    assert lake.tables() == []


def test_a_parquet_file_damaged_in_the_middle_changes_nothing(lake, tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.Table.from_pylist([turn(number) for number in range(5000)]), path, write_page_checksum=True)
    whole = bytearray(path.read_bytes())
    whole[100:2000] = bytes(1900)
    path.write_bytes(whole)
    with pytest.raises(UserError, match=r"log\.parquet: is"):
        take_in(lake, path, SIX.format(format="parquet"))
    assert lake.tables() == []


def test_an_unknown_parquet_column_is_suggested(lake, tmp_path):
    path = tmp_path / "log.parquet"
    pq.write_table(pa.Table.from_pylist([turn(1)]).rename_columns(MISSPELT), path)
    with pytest.raises(UserError, match=r"`event_id`: is no column of log\.parquet\. Did you mean `evnt_id`\?"):
        take_in(lake, path, SIX.format(format="parquet"))


def test_a_path_that_no_record_has_is_an_error_where_it_is_required(lake, tmp_path):
    path = write_lines(tmp_path / "log.jsonl", [turn(1)])
    content = TURNS_AS_THEY_ARE.replace("user_id: user_id", "user_id: usr_id")
    with pytest.raises(
        UserError, match=r"user_id: reads `usr_id`, which no record of log\.jsonl has\. Did you mean `user_id`"
    ):
        take_in(lake, path, content)


def test_columns_of_mixed_kinds_are_text(lake, tmp_path):
    rows = [turn(1, user_id=5, dwell_ms="12"), turn(2, user_id="u", dwell_ms=12.0), turn(3, user_id=True, dwell_ms=[1])]
    take_in(lake, write_lines(tmp_path / "log.jsonl", rows))
    assert [(row["user_id"], row["dwell_ms"]) for row in rows_of(lake, "turns")] == [("5", 12), ("u", 12)]
    assert reasons(lake) == {3: "dwell_ms is no whole number: [1]"}


def test_transforms(lake, tmp_path):
    content = """
format: jsonl
table: turns
where: {kind: [reply, 7]}
columns:
  event_id: {hash: [a, b]}
  user_id: {from: [missing, nested.user]}
  conversation_id: {from: c, default: none}
  model_id: {value: m9}
  shown_at: {from: at, time: epoch_s}
  received_at: {from: got, time: "%d.%m.%Y %H:%M"}
  dwell_ms: {from: dwell, unit: s}
  utc_offset_minutes: {from: zone, unit: h}
  feedback: {from: thumb, values: {1: like, 0: dislike, "*": null}}
  reply_text: {from: parts, join: " "}
"""
    base = {"a": "x", "b": 1, "nested": {"user": "u"}, "at": 1772323200.5, "kind": "reply"}
    rows = [
        {**base, "got": "01.03.2026 08:30", "dwell": 1.25, "zone": -5.5, "thumb": 1, "parts": ["one", "two"]},
        {**base, "b": 2, "c": "c2", "thumb": "down", "dwell": "soon", "kind": 7},
        {**base, "b": 3, "thumb": 0, "kind": 7, "got": "2026"},
        {**base, "kind": "tool"},
    ]
    delivery = take_in(lake, write_lines(tmp_path / "log.jsonl", rows), content)
    assert (delivery.rows_read, delivery.rows_added, delivery.records_skipped) == (3, 1, 1)
    row = rows_of(lake, "turns")[0]
    assert row["shown_at"] == datetime(2026, 3, 1, 0, 0, 0, 500_000)
    assert row["received_at"] == datetime(2026, 3, 1, 8, 30)
    assert (row["dwell_ms"], row["utc_offset_minutes"], row["feedback"]) == (1250, -330, "like")
    assert (row["user_id"], row["conversation_id"], row["model_id"]) == ("u", "none", "m9")
    assert row["reply_text"] == "one two"
    assert len(row["event_id"]) == 32
    assert reasons(lake) == {2: "dwell_ms is no whole number: soon", 3: "received_at is no time: 2026"}


@pytest.mark.parametrize(
    ("time", "value"),
    [
        ("epoch_s", 1772323200),
        ("epoch_ms", 1772323200000),
        ("epoch_us", 1772323200000000),
        ("epoch_ns", "1772323200000000000"),
    ],
)
def test_epochs(lake, tmp_path, time, value):
    content = TURNS_AS_THEY_ARE.replace("shown_at: shown_at", f"shown_at: {{from: shown_at, time: {time}}}")
    take_in(lake, write_lines(tmp_path / "log.jsonl", [turn(1, shown_at=value)]), content)
    assert rows_of(lake, "turns")[0]["shown_at"] == datetime(2026, 3, 1)


def test_a_json_array_inside_an_object(lake, tmp_path):
    path = tmp_path / "log.json"
    path.write_text(json.dumps({"meta": {"n": 2}, "data": {"rows": [turn(1), turn(2)]}}))
    content = TURNS_AS_THEY_ARE.replace("jsonl", "json")
    assert take_in(lake, path, content + "records: data.rows\n").rows_added == 2
    with pytest.raises(UserError, match=r"log\.json: has no array of records at `data\.row`"):
        take_in(lake, path, content + "records: data.row\n")


def test_a_json_array_with_bad_bytes_loses_only_that_record(lake, tmp_path):
    path = tmp_path / "log.json"
    text = json.dumps([turn(1), turn(2, reply_text="BAD"), turn(3)])
    path.write_bytes(text.encode().replace(b"BAD", b"caf\xe9"))
    assert take_in(lake, path, TURNS_AS_THEY_ARE.replace("jsonl", "json")).rows_added == 2
    assert reasons(lake) == {2: "reply_text holds bytes that are no UTF-8"}


def test_a_json_array_cut_short_changes_nothing(lake, tmp_path):
    path = tmp_path / "log.json"
    path.write_text(json.dumps([turn(1), turn(2)])[:-20])
    with pytest.raises(UserError, match=r"log\.json: is no whole JSON after record 1"):
        take_in(lake, path, TURNS_AS_THEY_ARE.replace("jsonl", "json"))
    assert lake.tables() == []


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet", "json"])
def test_batches_stay_within_their_rows(tmp_path, format_):
    rows = [turn(number) for number in range(25)]
    path = tmp_path / "log"
    if format_ == "parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif format_ == "csv":
        path.write_text(HEADER + "".join(csv_line(number) for number in range(25)))
    elif format_ == "json":
        path.write_text(json.dumps(rows))
    else:
        write_lines(path, rows)
    sizes = [batch.data.num_rows for batch in read(path, as_mapping(SIX.format(format=format_)), 10)]
    assert sum(sizes) == 25
    assert max(sizes) <= 10


def test_batches_stay_within_their_bytes(tmp_path, monkeypatch):
    monkeypatch.setattr(collect, "BATCH_BYTES", 100_000)
    path = write_lines(tmp_path / "log.jsonl", [turn(number, reply_text="x" * 30_000) for number in range(20)])
    sizes = [batch.data.num_rows for batch in read(path, as_mapping(TURNS_AS_THEY_ARE), 1000)]
    assert sum(sizes) == 20
    assert max(sizes) == 4
