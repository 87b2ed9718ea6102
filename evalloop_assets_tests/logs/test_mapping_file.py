import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs.mapping_file import load_mapping, parse_mapping

GOOD = """
format: jsonl
table: turns
columns:
  event_id: id
  user_id: {from: [user.id, user_id]}
  conversation_id: {hash: [user.id, started]}
  model_id: {value: m1}
  shown_at: {from: at, time: epoch_ms}
  dwell_ms: {from: dwell, unit: s}
  feedback: {from: thumb, values: {1: like, 0: dislike}}
"""


def fault(content: str) -> str:
    with pytest.raises(UserError) as raised:
        parse_mapping(content, "shop.yaml")
    assert "\n" not in str(raised.value)
    return str(raised.value)


def test_reads_every_kind_of_source():
    mapping = parse_mapping(GOOD, "shop.yaml")
    assert mapping.columns["event_id"].from_ == ("id",)
    assert mapping.columns["user_id"].from_ == ("user.id", "user_id")
    assert mapping.columns["conversation_id"].hash == ("user.id", "started")
    assert mapping.columns["model_id"].value == "m1"
    assert mapping.columns["feedback"].values == {"1": "like", "0": "dislike"}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (
            ("event_id: id", "evnt_id: id"),
            "shop.yaml: columns.evnt_id: is no column of turns. Did you mean `event_id`?",
        ),
        (
            ("format: jsonl", "format: jsonl\nformt: csv"),
            "shop.yaml: formt: is no key of a mapping. Did you mean `format`?",
        ),
        (("format: jsonl", "format: xlsx"), "shop.yaml: format: input should be 'parquet', 'jsonl'"),
        (("table: turns", "table: turn"), "shop.yaml: table turn: is not in the log contract. Did you mean `turns`?"),
        (
            ("  event_id: id\n", ""),
            "columns: says nothing of event_id, which every row of turns needs. Add `event_id: ",
        ),
        (("event_id: id", "event_id: id\n  event_id: key"), "line 6: key `event_id` is given twice"),
        (("{value: m1}", "{valu: m1}"), "columns.model_id.valu: is no key of a mapping. Did you mean `value`?"),
        (
            ("{value: m1}", "{value: m1, from: x}"),
            "columns.model_id: give exactly one of `from`, `value`, `hash` and `interval`",
        ),
        (("{value: m1}", "{}"), "columns.model_id: give exactly one of `from`, `value`, `hash` and `interval`"),
        (("epoch_ms", "epoch_m"), "columns.shown_at.time: `epoch_m` is no time format; use iso, epoch_s, epoch_ms"),
        (("{from: dwell, unit: s}", "{from: dwell, unit: days}"), "columns.dwell_ms.unit: input should be 'ns', 'us'"),
        (
            ("event_id: id", "event_id: {from: id, unit: s}"),
            "columns.event_id: has `unit`, but the column is no duration",
        ),
        (
            ("event_id: id", "event_id: {from: id, time: epoch_s}"),
            "columns.event_id: has `time`, but the column is no time",
        ),
        (("columns:", "columns: ["), "shop.yaml: line "),
    ],
)
def test_a_mistake_is_one_line_with_file_key_and_mend(change, expected):
    assert expected in fault(GOOD.replace(*change))


def test_a_file_that_is_no_mapping_or_not_there(tmp_path):
    assert "is no mapping" in fault("just words")
    with pytest.raises(UserError, match=r"absent\.yaml: does not exist"):
        load_mapping(tmp_path / "absent.yaml")
    (tmp_path / "latin.yaml").write_bytes("format: \xe9".encode("latin-1"))
    with pytest.raises(UserError, match=r"latin\.yaml: is no text in UTF-8"):
        load_mapping(tmp_path / "latin.yaml")


def test_dialogue_needs_a_time_and_goes_with_json_only():
    nested = """
format: json
columns: {user_id: user, model_id: bot}
dialogue: {turns: messages, speaker: role, user: u, assistant: a, text: text}
"""
    assert "says nothing of shown_at" in fault(nested)
    assert "does not go with format csv" in fault(nested.replace("json", "csv"))
    assert parse_mapping(nested.replace("text: text}", "text: text, start: began}"), "x").dialogue is not None
    wrong = nested.replace("speaker: role", "spaeker: role")
    assert "dialogue.spaeker: is no key of a mapping. Did you mean `speaker`?" in fault(wrong) or "speaker" in fault(
        wrong
    )


def test_further_tables_name_all_their_required_columns():
    more = GOOD + "also: {characters: {persona: bio}}\n"
    assert "also.characters: says nothing of character_id" in fault(more)
    assert "also.turns: is the main table again" in fault(GOOD + "also: {turns: {event_id: id}}\n")


def test_presets_can_be_replaced_column_by_column():
    mapping = parse_mapping("format: otel\ncolumns: {user_id: app.user}\n", "otel.yaml")
    assert mapping.columns["user_id"].from_ == ("app.user",)
    assert mapping.columns["conversation_id"].from_ == ("gen_ai.conversation.id", "session.id")
