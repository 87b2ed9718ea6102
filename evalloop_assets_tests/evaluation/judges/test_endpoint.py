"""A judge behind a real HTTP server: good answers, bad ones, none."""

import hashlib
import json
from datetime import datetime
from time import monotonic

import pytest

from evalloop_assets.erasure.person import Person
from evalloop_assets.erasure.places import clean, left_in
from evalloop_assets.evaluation.judges.answered import Answered
from evalloop_assets.evaluation.judges.endpoint import Endpoint, NoAnswer, Patience, Price
from evalloop_assets.evaluation.judges.judging import Judge, ask_all, read_items
from evalloop_assets.evaluation.judges.rubric import Rubric, Unreadable, load_rubric, read_answer
from evalloop_assets.lake.errors import UserError
from evalloop_assets_tests.evaluation.judges.chat_server import HTML, chat_server, completion, prefers, verdict

NOW = datetime(2026, 3, 10, 12)
KEY = "sk-very-secret"
QUESTION = [{"role": "user", "content": "?"}]
ITEM = {"item_id": "i", "user_text": "Hé?", "reply_a": "好 good", "reply_b": "poor", "slice": "chat"}


class Time:
    """A clock that sleeping moves."""

    def __init__(self):
        self.now, self.slept = 0.0, []

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def clock(self):
        return self.now


def endpoint(url, time, **patience):
    return Endpoint(url, "m", KEY, Patience(**{"timeout": 2.0, "retries": 3, **patience}), time.sleep, time.clock)


@pytest.mark.parametrize(
    "bad",
    [
        (500, HTML),
        (429, b"{}"),
        (200, HTML),
        (200, b'{"choices": [{"message": {"content": "half'),
        (200, b'{"choices": []}'),
        (200, b"[]"),
        (200, b'{"choices": [{"message": {"content": null}}]}'),
        (200, b'{"choices": [', {"Content-Length": "5000"}),
        (200, b"[" * 200_000),
        None,
    ],
)
def test_what_fails_for_a_moment_is_asked_again_later_each_time(bad):
    time = Time()
    with chat_server(bad, bad, verdict("first")) as (url, script):
        found = endpoint(url, time, timeout=0.5).complete(QUESTION)
    assert read_answer(found.text).choice == "first"
    assert (len(script.calls), time.slept) == (3, [1.0, 2.0])


def test_silence_is_given_up():
    time = Time()
    with chat_server(0.6) as (url, _), pytest.raises(NoAnswer, match="in time, 2 times"):
        endpoint(url, time, timeout=0.1, retries=1).complete(QUESTION)


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_what_is_refused_is_not_asked_again(status):
    time = Time()
    with chat_server((status, b"{}")) as (url, script):
        with pytest.raises(NoAnswer, match=str(status)) as error:
            endpoint(url, time).complete(QUESTION)
        assert len(script.calls) == 1
    assert KEY not in f"{error.value!r} {error.getrepr()}"


def test_the_key_goes_to_its_address_only_and_is_shown_nowhere():
    time = Time()
    with chat_server(verdict("tie")) as (elsewhere, other):
        moved = (302, b"", {"Location": f"{elsewhere}/chat/completions"})
        with chat_server(moved) as (url, script):
            asked = endpoint(url, time)
            with pytest.raises(NoAnswer, match="302"):
                asked.complete(QUESTION)
        assert script.calls[0]["key"] == f"Bearer {KEY}"
        assert other.calls == []
    assert KEY not in repr(asked)


def test_a_server_that_says_when_is_asked_then():
    time = Time()
    with chat_server((429, b"", {"Retry-After": "7"}), (503, b"", {"Retry-After": "9999"}), verdict("tie")) as (url, _):
        endpoint(url, time).complete(QUESTION)
    assert time.slept == [7.0, 60.0]


def test_nobody_listening_is_no_answer():
    with chat_server(verdict("tie")) as (url, _):
        pass
    with pytest.raises(NoAnswer, match="connection failed, 2 times"):
        endpoint(url, Time(), retries=1).complete(QUESTION)


def test_the_rate_is_kept():
    time = Time()
    with chat_server(verdict("tie")) as (url, _):
        asked = endpoint(url, time, calls_per_minute=30)
        for _ in range(4):
            asked.complete(QUESTION)
    assert time.now == pytest.approx(6.0)


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://",
        "http://[::1/v1",
        "http://host:port/v1",
        "http://host:99999/v1",
        "http://主机/v1",
        "http://host/a b",
        "",
    ],
)
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(UserError, match="no http"):
        endpoint(url, Time())


@pytest.mark.parametrize("key", [KEY + "\n", "sk-密钥", "sk-\x00", "sk a"])
def test_a_key_that_no_header_carries_is_refused_and_not_shown(key):
    with pytest.raises(UserError, match="no header can carry") as error:
        Endpoint("http://127.0.0.1/v1", "m", key, Patience(), lambda seconds: None, lambda: 0.0)
    assert key.strip() not in str(error.value)


def test_an_answer_that_trickles_in_is_given_up():
    slow = (200, [*[b" "] * 10, completion("at last")])
    with chat_server(slow) as (url, _), pytest.raises(NoAnswer, match="in time, 1 times"):
        Endpoint(url, "m", KEY, Patience(0.2, 0), lambda seconds: None, monotonic).complete(QUESTION)


def test_half_a_character_is_replaced():
    """JSON may hold it, and no table."""
    with chat_server((200, b'{"choices": [{"message": {"content": "a\\ud800b"}}]}')) as (url, _):
        assert endpoint(url, Time()).complete(QUESTION).text == "a?b"


def judge(url, rubric=None, price=None):
    return Judge("j", endpoint(url, Time(), retries=0), rubric or Rubric("1", "Prefer good ones."), price, lambda: NOW)


@pytest.fixture
def answered(tmp_path):
    kept = Answered(tmp_path / "answers.sqlite")
    yield kept
    kept.close()


def test_both_orders_name_the_items_own_side(answered):
    with chat_server(prefers("good")) as (url, script):
        done = list(ask_all(judge(url), [ITEM], ("ab", "ba"), answered, 2))
    assert [(one.row["order"], one.row["verdict"]) for one in done] == [("ab", "a"), ("ba", "a")]
    assert {one.row["reason"] for one in done} == {"it answers"}
    shown = sorted(json.loads(call["body"]["messages"][-1]["content"])["first"] for call in script.calls)
    assert shown == ["poor", "好 good"]


def test_a_judge_that_takes_the_first_contradicts_itself(answered):
    with chat_server(verdict("first")) as (url, _):
        done = list(ask_all(judge(url), [ITEM], ("ab", "ba"), answered, 1))
    assert [one.row["verdict"] for one in done] == ["a", "b"]


def test_what_was_asked_before_is_not_asked_again_and_keeps_its_time_and_cost(answered):
    with chat_server(prefers("good")) as (url, script):
        first = list(ask_all(judge(url, price=Price(10, 100)), [ITEM], ("ab",), answered, 1))
        again = list(ask_all(judge(url, price=Price(10, 100)), [ITEM], ("ab",), answered, 1))
        assert len(script.calls) == 1
        other = list(ask_all(judge(url, Rubric("2", "Another.")), [ITEM], ("ab",), answered, 1))
        assert len(script.calls) == 2
    assert first[0].row == again[0].row
    assert first[0].row["cost_usd"] == pytest.approx(100 * 10e-6 + 10 * 100e-6)
    assert (first[0].cost, again[0].cost, again[0].cached) == (pytest.approx(0.002), 0.0, True)
    assert other[0].cost is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("I prefer the first.", "no JSON object"),
        ('{"verdict": "fir', "no JSON object"),
        ('{"verdict": "first",}', "broken"),
        ('{"verdict": "A"}', "verdict is 'A'"),
        ('{"verdict": ["first"]}', "verdict is"),
        ("<html>{}</html>", "verdict is 'None'"),
        ("", "no JSON object"),
    ],
)
def test_nonsense_is_no_verdict_and_is_asked_anew_next_time(answered, text, why):
    with chat_server(completion(text), verdict("tie")) as (url, _):
        [done] = ask_all(judge(url), [ITEM], ("ab",), answered, 1)
        assert done.row is None
        assert why in done.why
        assert done.answered
        [again] = ask_all(judge(url), [ITEM], ("ab",), answered, 1)
    assert again.row["verdict"] == "tie"


def test_an_answer_within_words_is_read_and_a_confidence_that_is_none_is_left_out():
    said = read_answer('Sure:\n```json\n{"reason": "好", "verdict": "second", "confidence": "high"}\n```')
    assert said == ("second", "好", None)
    assert read_answer('{"verdict": "tie", "confidence": 0.7}').confidence == 0.7
    assert read_answer('{"verdict": "tie", "confidence": 70}').confidence is None
    with pytest.raises(Unreadable):
        read_answer("[1]")


@pytest.mark.parametrize(
    "text",
    [
        '<think>{maybe} {"verdict": "tie"}</think> {"reason": "{x}", "verdict": "second"}',
        '```json\n{"verdict": "Second "}\n``` so {second} it is',
        "{" * 5_000 + '{"verdict": "second"}',
    ],
)
def test_the_last_object_with_a_verdict_counts_whatever_stands_around_it(text):
    assert read_answer(text).choice == "second"


@pytest.mark.parametrize(
    "text", ["{" * 200_000, '{"x":' * 100_000, "[" * 200_000, '{"x":[' * 1_000 + "1.5," * 1_000_000]
)
def test_nonsense_without_end_is_unreadable(text):
    with pytest.raises(Unreadable):
        read_answer(text)


def test_a_rubric_has_another_version_when_it_is_edited(tmp_path):
    path = tmp_path / "rubric.yaml"
    path.write_text("version: 3\nrubric: Prefer warmth.\nfew_shot: [{first: x, second: y, verdict: second}]\n")
    held = load_rubric(path)
    assert held.version.startswith("3+")
    told = held.messages("m", "f", "s")
    assert [one["role"] for one in told] == ["system", "user", "assistant", "user"]
    assert json.loads(told[-1]["content"]) == {"message": "m", "first": "f", "second": "s"}
    path.write_text("version: 3\nrubric: Prefer brevity.\n")
    assert load_rubric(path).version != held.version
    text = tmp_path / "rubric.txt"
    text.write_text("Prefer warmth.")
    assert load_rubric(text).few_shot == ()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("rubric: [", "no YAML"),
        ("- a", "no mapping"),
        ("version: 1", "no text `rubric`"),
        ("rubric: x\nexamples: []", "examples"),
        ("rubric: x\nfew_shot: [{first: a, second: b, verdict: A}]", "few_shot"),
    ],
)
def test_a_rubric_at_fault_is_named(tmp_path, content, words):
    path = tmp_path / "rubric.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=words):
        load_rubric(path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"item_id": 1, "reply_a": "x", "reply_b": ["y"]}', "reply_b that is no text"),
        (
            '{"item_id": 1, "reply_a": "x", "reply_b": "y"}\n{"item_id": "1", "reply_a": "x", "reply_b": "z"}',
            "of line 1",
        ),
        ("[" * 100_000, "no JSON"),
        ("", "no item"),
        ("{}", "line 1: has no item_id"),
        ('{"item_id": 1', "no JSON"),
        ("[1]", "item_id"),
    ],
)
def test_items_at_fault_are_named(tmp_path, content, words):
    path = tmp_path / "items.jsonl"
    path.write_text(content)
    with pytest.raises(UserError, match=words):
        read_items(path)


def test_an_erased_persons_words_leave_the_answers_though_they_are_quoted_in_part(answered, tmp_path):
    others = {**ITEM, "item_id": "k", "user_text": "Somebody else's words."}
    with chat_server(verdict("first", "The user says Hé, so it fits."), verdict("tie", "Both answer.")) as (url, _):
        for item in (ITEM, {**others, "reply_a": "fine", "reply_b": "bad"}):
            [_] = ask_all(judge(url), [item], ("ab",), answered, 1)
    answered.close()
    path = tmp_path / "answers.sqlite"
    words = frozenset({hashlib.md5("Hé?".encode()).hexdigest()})
    person = Person("u-1", {"any_hash": words})
    assert left_in(path, person) is not None
    assert clean(path, person).number == 1
    assert left_in(path, person) is None
    left = b"".join(one.read_bytes() for one in tmp_path.glob("answers.sqlite*"))
    assert "says Hé".encode() not in left
    assert b"says H" not in left
    assert b"Both answer." in left
