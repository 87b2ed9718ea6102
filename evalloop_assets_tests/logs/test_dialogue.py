"""Dialogues taken apart: nested JSON and OpenAI-style messages."""

import json
from datetime import datetime

import pytest

from evalloop_assets_tests.logs.world import reasons, rows_of, take_in, write_lines

NESTED = """
format: json
table: turns
columns:
  conversation_id: chat
  user_id: people.human
  model_id: people.bot
  character_id: {hash: profile}
dialogue:
  turns: said
  speaker: by
  user: Human
  assistant: Bot
  text: words
  start: began
  end: ended
  reply:
    feedback: {from: thumb, values: {1: like, 0: dislike}}
also:
  characters:
    character_id: {hash: profile}
    persona: {from: profile, join: "\\n"}
"""


def said(*parts: str) -> list[dict[str, object]]:
    """`H:` and `B:` messages."""
    speakers = {"H": "Human", "B": "Bot", "S": "system", "X": "Cat"}
    return [{"by": speakers[part[0]], "words": part[2:] or None} for part in parts]


def chat(*parts: str, **changes):
    record = {
        "chat": "c1",
        "people": {"human": "User 1", "bot": "Bot 7"},
        "profile": ["likes tea", "hates rain"],
        "began": "2026-03-01 10:00:00",
        "ended": "2026-03-01 10:04:00",
        "said": said(*parts),
    }
    return {**record, **changes}


def written(tmp_path, *records):
    path = tmp_path / "chats.json"
    path.write_text(json.dumps(list(records)))
    return path


def test_turns_and_interpolated_times(lake, tmp_path):
    path = written(tmp_path, chat("B:hello", "H:hi", "H:there", "B:how are you", "B:still here?"))
    assert take_in(lake, path, NESTED).rows_added == 3
    found = rows_of(lake, "turns", ["event_id", "user_text", "reply_text", "shown_at", "time_source", "dwell_ms"])
    assert found == [
        {
            "event_id": f"c1:{number:04d}",
            "user_text": asked,
            "reply_text": reply,
            "shown_at": datetime(2026, 3, 1, 10, minute),
            "time_source": "interpolated",
            "dwell_ms": None,
        }
        for number, asked, reply, minute in [
            (0, None, "hello", 0),
            (3, "hi\nthere", "how are you", 3),
            (4, None, "still here?", 4),
        ]
    ]
    assert rows_of(lake, "characters")[0]["persona"] == "likes tea\nhates rain"
    assert rows_of(lake, "turns")[0]["character_id"] == rows_of(lake, "characters")[0]["character_id"]


def test_feedback_comes_from_the_reply(lake, tmp_path):
    record = chat("H:hi", "B:a", "H:so", "B:b", "B:c")
    record["said"][1]["thumb"], record["said"][3]["thumb"], record["said"][0]["thumb"] = 1, 0, 1
    take_in(lake, written(tmp_path, record), NESTED)
    assert [row["feedback"] for row in rows_of(lake, "turns")] == ["like", "dislike", None]


def test_dialogues_without_a_reply_are_counted(lake, tmp_path):
    path = written(tmp_path, chat("H:anyone?"), chat(), chat("H:hi", "B:yes", chat="c2"))
    delivery = take_in(lake, path, NESTED)
    assert (delivery.rows_read, delivery.rows_added, delivery.records_skipped) == (1, 1, 2)


def test_records_that_are_no_dialogue_are_rejected_with_their_number(lake, tmp_path):
    path = written(
        tmp_path,
        chat("H:hi", "B:yes"),
        chat("H:hi", "X:meow", "B:yes", chat="c2"),
        chat(chat="c3", said="hello"),
        chat("H:hi", "B:a", chat="c4", ended="2026-03-01 09:00:00"),
        chat("H:hi", "B:a", chat="c5", began="long ago"),
        chat("H:hi", "B:a", "H:b", "B:c", chat="c6", people={"bot": "x"}),
    )
    delivery = take_in(lake, path, NESTED)
    assert (delivery.rows_added, delivery.rows_rejected) == (1, 6)
    found = [(row["position"], row["reason"]) for row in rows_of(lake, "rejected_rows")]
    assert sorted(found) == [
        (2, "message 2 is spoken by `Cat`, which is neither user nor assistant"),
        (3, "`said` is no list of messages"),
        (4, "`ended` is before `began`"),
        (5, "message 2: shown_at is no time: long ago"),
        (6, "message 2: user_id is missing"),
        (6, "message 4: user_id is missing"),
    ]


def test_one_message_and_missing_ends_take_the_start(lake, tmp_path):
    path = written(tmp_path, chat("B:hi"), chat("H:a", "B:b", "B:c", chat="c2", ended=None))
    take_in(lake, path, NESTED)
    assert {row["shown_at"] for row in rows_of(lake, "turns")} == {datetime(2026, 3, 1, 10)}


def test_without_an_id_the_record_itself_names_the_conversation(lake, tmp_path):
    content = NESTED.replace("  conversation_id: chat\n", "")
    take_in(lake, written(tmp_path, chat("H:a", "B:b"), chat("H:a", "B:b"), chat("H:a", "B:c")), content)
    assert len({row["conversation_id"] for row in rows_of(lake, "turns")}) == 2
    assert len(rows_of(lake, "turns")) == 2


OPENAI = """
format: openai
dialogue: {clock: epoch_s, start: created, end: ended, time: at}
"""


def openai(**changes):
    record = {
        "id": "r1",
        "user": "u1",
        "model": "m1",
        "created": 1772323200,
        "ended": 1772323260,
        "messages": [
            {"role": "system", "content": "You are kind."},
            {"role": "user", "content": "weather?"},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "t"}]},
            {"role": "tool", "content": "sunny"},
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "Sunny."}, {"type": "image_url", "image_url": {}}],
            },
            {"role": "user", "content": [{"type": "text", "text": "thanks"}], "at": 1772323300},
            {"role": "assistant", "content": "Welcome.", "at": 1772323301.5},
        ],
    }
    return {**record, **changes}


def test_openai_messages(lake, tmp_path):
    path = write_lines(tmp_path / "log.jsonl", [openai(), openai(id="r2", metadata={"conversation_id": "deep"})])
    assert take_in(lake, path, OPENAI).rows_added == 4
    first, second, *_ = rows_of(lake, "turns", where="conversation_id = 'r1'")
    assert (first["user_text"], first["reply_text"]) == ("weather?", "Sunny.")
    assert (second["user_text"], second["reply_text"]) == ("thanks", "Welcome.")
    assert (first["time_source"], second["time_source"]) == ("interpolated", "logged")
    assert first["shown_at"] == datetime(2026, 3, 1, 0, 0, 40)
    assert second["shown_at"] == datetime(2026, 3, 1, 0, 1, 41, 500_000)
    assert {row["conversation_id"] for row in rows_of(lake, "turns")} == {"r1", "deep"}


def test_request_logs_give_their_last_reply_only(lake, tmp_path):
    path = write_lines(tmp_path / "log.jsonl", [openai()])
    take_in(lake, path, OPENAI.replace("clock", "replies: last, clock"))
    assert [row["reply_text"] for row in rows_of(lake, "turns")] == ["Welcome."]


@pytest.mark.parametrize("as_array", [False, True])
def test_openai_lines_or_array_and_bad_lines(lake, tmp_path, as_array):
    path = tmp_path / "log.json"
    if as_array:
        path.write_text(json.dumps([openai(), openai(id="r2", messages="none")]))
    else:
        path.write_text(json.dumps(openai()) + "\n" + json.dumps(openai(id="r2", messages="none")) + "\n{oops\n")
    assert take_in(lake, path, OPENAI).rows_added == 2
    found = reasons(lake)
    assert found[2] == "`messages` is no list of messages"
    assert as_array or found[3].startswith("the line is no JSON")
