"""OpenTelemetry GenAI spans and Langfuse exports."""

import json
from datetime import datetime

import pytest

from evalloop_assets_tests.logs.world import rows_of, take_in, write_lines

BEGAN = 1_772_323_200_000_000_000
OTEL = "format: otel\ncolumns: {channel: service.name, character_id: gen_ai.agent.id}\n"
LANGFUSE = "format: langfuse\ncolumns: {feedback: {from: scores.thumb, values: {1: like, 0: dislike}}}\n"


def attribute(key, value):
    if isinstance(value, str):
        return {"key": key, "value": {"stringValue": value}}
    if isinstance(value, int):
        return {"key": key, "value": {"intValue": str(value)}}
    return {"key": key, "value": value}


def span(number, events=(), status=None, **attributes):
    given = {
        "gen_ai.operation.name": "chat",
        "gen_ai.conversation.id": "c1",
        "user.id": "u1",
        "gen_ai.request.model": "m",
        "gen_ai.response.model": "m-2026",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.input.messages": json.dumps(
            [
                {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
                {"role": "assistant", "parts": [{"type": "text", "content": "hello"}]},
                {"role": "user", "parts": [{"type": "text", "content": f"question {number}"}]},
            ]
        ),
        "gen_ai.output.messages": json.dumps(
            [{"role": "assistant", "parts": [{"type": "text", "content": f"answer {number}"}], "finish_reason": "stop"}]
        ),
    }
    given |= {key.replace("__", "."): value for key, value in attributes.items()}
    return {
        "traceId": "t" * 32,
        "spanId": f"{number:016x}",
        "name": "chat m",
        "startTimeUnixNano": str(BEGAN + number * 10**9),
        "endTimeUnixNano": str(BEGAN + number * 10**9 + 250_000_000),
        "attributes": [attribute(key, value) for key, value in given.items() if value is not None],
        "events": list(events),
        **({"status": {"code": status}} if status else {}),
    }


def batch(*spans):
    resource = {"attributes": [attribute("service.name", "companion-app")]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {}, "spans": list(spans)}]}]}


def test_spans_become_turns(lake, tmp_path):
    path = write_lines(tmp_path / "spans.jsonl", [batch(span(1), span(2)), batch(span(3, gen_ai__agent__id="fox"))])
    assert take_in(lake, path, OTEL).rows_added == 3
    row = rows_of(lake, "turns")[0]
    assert row["event_id"] == f"{'t' * 32}:{1:016x}"
    assert (row["conversation_id"], row["user_id"], row["model_id"]) == ("c1", "u1", "m-2026")
    assert (row["user_text"], row["reply_text"]) == ("question 1", "answer 1")
    assert row["shown_at"] == datetime(2026, 3, 1, 0, 0, 1, 250_000)
    assert (row["latency_ms"], row["prompt_tokens"], row["completion_tokens"]) == (250, 12, 5)
    assert (row["error"], row["channel"], row["dwell_ms"]) == (False, "companion-app", None)
    assert [row["character_id"] for row in rows_of(lake, "turns")] == [None, None, "fox"]


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("in_array", [False, True])
def test_one_object_or_an_array_of_them(lake, tmp_path, indent, in_array):
    path = tmp_path / "spans.json"
    exported = batch(span(1), span(2))
    path.write_text(json.dumps([exported, batch(span(3))] if in_array else exported, indent=indent))
    assert take_in(lake, path, OTEL).rows_added == (3 if in_array else 2)


def test_spans_that_show_no_reply_are_left_out(lake, tmp_path):
    called = json.dumps(
        [{"role": "assistant", "parts": [{"type": "tool_call", "name": "f"}], "finish_reason": "tool_call"}]
    )
    spans = [
        span(1),
        span(2, gen_ai__operation__name="execute_tool"),
        span(3, gen_ai__operation__name="invoke_agent"),
        span(4, gen_ai__output__messages=called),
        span(5, gen_ai__output__messages=None),
    ]
    delivery = take_in(lake, write_lines(tmp_path / "spans.jsonl", [batch(*spans)]), OTEL)
    assert (delivery.rows_added, delivery.records_skipped) == (1, 4)


def test_a_failed_call_is_a_turn_with_an_error(lake, tmp_path):
    path = write_lines(tmp_path / "spans.jsonl", [batch(span(1, status=2, gen_ai__output__messages=None))])
    take_in(lake, path, OTEL)
    row = rows_of(lake, "turns")[0]
    assert (row["error"], row["reply_text"], row["user_text"]) == (True, None, "question 1")


def test_messages_on_an_event_and_structured_values(lake, tmp_path):
    structured = {
        "arrayValue": {
            "values": [
                {
                    "kvlistValue": {
                        "values": [
                            attribute("role", "assistant"),
                            attribute(
                                "parts",
                                {
                                    "arrayValue": {
                                        "values": [
                                            {
                                                "kvlistValue": {
                                                    "values": [
                                                        attribute("type", "text"),
                                                        attribute("content", "from an event"),
                                                    ]
                                                }
                                            }
                                        ]
                                    }
                                },
                            ),
                        ]
                    }
                }
            ]
        }
    }
    event = {
        "name": "gen_ai.client.inference.operation.details",
        "attributes": [{"key": "gen_ai.output.messages", "value": structured}],
    }
    path = write_lines(tmp_path / "spans.jsonl", [batch(span(1, events=[event], gen_ai__output__messages=None))])
    take_in(lake, path, OTEL)
    assert rows_of(lake, "turns")[0]["reply_text"] == "from an event"


def test_a_span_without_a_user_is_rejected_and_named(lake, tmp_path):
    path = write_lines(tmp_path / "spans.jsonl", [batch(span(1), span(2, user__id=None))])
    delivery = take_in(lake, path, OTEL)
    assert (delivery.rows_added, delivery.rows_rejected) == (1, 1)
    assert rows_of(lake, "rejected_rows")[0]["reason"] == "entry 2: user_id is missing"


def observation(number, **changes):
    return {
        "id": f"o{number}",
        "traceId": "t1",
        "type": "GENERATION",
        "sessionId": "s1",
        "userId": "u1",
        "model": "m",
        "startTime": f"2026-03-01T10:0{number}:00.000Z",
        "endTime": f"2026-03-01T10:0{number}:02.500Z",
        "input": [{"role": "system", "content": "be kind"}, {"role": "user", "content": f"question {number}"}],
        "output": {"role": "assistant", "content": f"answer {number}"},
        "usageDetails": {"input": 10, "output": 4},
        "totalCost": 0.002,
        "level": "DEFAULT",
    } | changes


def test_observations(lake, tmp_path):
    rows = [observation(1), observation(2, type="SPAN"), observation(3, output="plain", input="text", level="ERROR")]
    delivery = take_in(lake, write_lines(tmp_path / "observations.jsonl", rows), LANGFUSE)
    assert (delivery.rows_added, delivery.records_skipped) == (2, 1)
    first, failed = rows_of(lake, "turns")
    assert (first["event_id"], first["conversation_id"], first["user_id"]) == ("o1", "s1", "u1")
    assert (first["user_text"], first["reply_text"], first["error"]) == ("question 1", "answer 1", False)
    assert (first["latency_ms"], first["prompt_tokens"], first["completion_tokens"]) == (2500, 10, 4)
    assert (first["cost_usd"], first["shown_at"]) == (0.002, datetime(2026, 3, 1, 10, 1, 2, 500_000))
    assert (failed["user_text"], failed["reply_text"], failed["error"]) == ("text", "plain", True)


def test_the_blob_storage_export_has_other_names_and_json_in_text(lake, tmp_path):
    row = {
        "id": "o1",
        "trace_id": "t1",
        "type": "GENERATION",
        "session_id": "s1",
        "user_id": "u1",
        "provided_model_name": "m",
        "start_time": "2026-03-01 10:01:00.000000",
        "end_time": "2026-03-01 10:01:01.000000",
        "input": json.dumps({"messages": [{"role": "user", "content": "hi"}]}),
        "output": json.dumps({"role": "assistant", "content": "hello"}),
        "usage_details": json.dumps({"input": 3, "output": 2}),
        "total_cost": 0.5,
    }
    take_in(lake, write_lines(tmp_path / "observations.jsonl", [row]), LANGFUSE)
    found = rows_of(lake, "turns")[0]
    assert (found["conversation_id"], found["model_id"], found["user_text"]) == ("s1", "m", "hi")
    assert (found["reply_text"], found["prompt_tokens"], found["cost_usd"]) == ("hello", 3, 0.5)


def test_traces_with_observations_and_scores(lake, tmp_path):
    trace = {
        "id": "t1",
        "timestamp": "2026-03-01T10:00:00Z",
        "sessionId": "s9",
        "userId": "u9",
        "observations": [
            {key: value for key, value in observation(number).items() if key not in ("sessionId", "userId", "traceId")}
            for number in (1, 2, 3)
        ],
        "scores": [
            {"name": "thumb", "value": 1, "observationId": None},
            {"name": "thumb", "value": 0, "observationId": "o2"},
        ],
    }
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(trace, indent=2))
    take_in(lake, path, LANGFUSE)
    rows = rows_of(lake, "turns")
    assert {(row["conversation_id"], row["user_id"]) for row in rows} == {("s9", "u9")}
    assert [row["feedback"] for row in rows] == ["like", "dislike", "like"]


def test_sessions_of_traces_without_observations(lake, tmp_path):
    trace = {"timestamp": "2026-03-01T10:00:00Z", "userId": "u1", "input": "hi", "metadata": {"model": "m"}}
    session = {"id": "s1", "traces": [{**trace, "id": "t1", "output": "yes"}, {**trace, "id": "t2", "output": None}]}
    content = LANGFUSE.replace("{feedback", "{model_id: metadata.model, feedback")
    delivery = take_in(lake, write_lines(tmp_path / "sessions.jsonl", [session]), content)
    assert (delivery.rows_added, delivery.records_skipped) == (1, 1)
    row = rows_of(lake, "turns")[0]
    assert (row["event_id"], row["conversation_id"], row["reply_text"]) == ("t1", "s1", "yes")


def test_generations_can_be_narrowed_to_those_that_the_user_sees(lake, tmp_path):
    rows = [observation(1, name="plan"), observation(2, name="chat-reply")]
    path = write_lines(tmp_path / "observations.jsonl", rows)
    delivery = take_in(lake, path, LANGFUSE + "where: {name: chat-reply}\n")
    assert (delivery.rows_added, delivery.records_skipped) == (1, 1)
    assert rows_of(lake, "turns")[0]["event_id"] == "o2"
