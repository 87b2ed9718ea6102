import pytest

from evalloop_assets_tests.denoise.world import Row, World, turn

UNTIMED = "no closing words, time on the last reply unknown"


def ending(log_end: str = "12-31 23:59", first: Row | None = None, **last: object) -> tuple[str, str]:
    """Kind and reason of the exit of a session of two replies, the second as told."""
    opening = {"user_text": "hi", "reply_text": "bye"} | (first or {})
    turns = [turn("e1", "05-01 10:00", **opening), turn("e2", "05-01 10:01", **last)]
    (row,) = World(log_end=log_end, turns=turns).run_to("exits")
    return row["kind"], row["reason"]


FAREWELLS = (
    "bye", "Bye!", "ok, bye bye", "Goodbye my friend.", "GOOD NIGHT", "see you later", "see ya!", "ttyl",
    "I’m leaving now.", "It was nice talking to you", "have a great evening", "gotta go, dinner", "I have to go.",
    "拜拜", "好的,再见!", "晚安~", "明天见", "那我们下次再聊吧", "我先睡了", "886",
)  # fmt: skip
NO_FAREWELLS = (
    "let's bye-pass it? no, bypass", "I love byes-backs and kbye1", "by the way", "the goodbyes were long",
    "I see you like cars", "nice to meet you", "I take care of my kids", "what is a good nightclub?",
    "I have to go to school every day", "再见到你真好", "再见面的时候", "我1886年出生", "房间号是886吗", "明白白的",
    "",
)  # fmt: skip


@pytest.mark.parametrize(
    ("words", "reply", "kind"), [(FAREWELLS, "…", "natural"), (NO_FAREWELLS, "And then?", "abrupt")]
)
def test_farewells_and_what_looks_like_them(words: tuple[str, ...], reply: str, kind: str):
    turns = [
        turn(f"{number}-{place}", f"05-01 10:0{place}", conversation_id=str(number), **said)
        for number, text in enumerate(words)
        for place, said in enumerate(
            [{"user_text": "hi", "reply_text": "hi"}, {"user_text": text, "reply_text": reply}]
        )
    ]
    kinds = {row["conversation_id"]: row["kind"] for row in World(turns=turns).run_to("exits")}
    assert [text for number, text in enumerate(words) if kinds[str(number)] != kind] == []


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ({"user_text": "Thanks, that helps", "reply_text": "You're welcome."}, "thanks"),
        ({"user_text": "好的,谢谢你", "reply_text": "不客气"}, "thanks"),
        ({"user_text": "OK, that's all."}, "goal reached"),
        ({"user_text": "没有别的问题了"}, "goal reached"),
        ({"user_text": "hm", "reply_text": "It was fun. See you tomorrow!"}, "farewell"),
        ({"user_text": "嗯", "reply_text": "那就晚安,好梦。"}, "farewell"),
        ({"user_text": "go on", "reply_text": "…and they rode home.\n\nThe End."}, "end of the story"),
        ({"user_text": "bye", "error": True}, "farewell"),
        ({"user_text": "bye", "interrupted": True}, "farewell"),
    ],
)
def test_closings_are_natural_and_say_how(last: Row, reason: str):
    assert ending(**last) == ("natural", reason)


@pytest.mark.parametrize(
    "words", ["Thanks! And what is your job?", "谢谢,那你能帮我找个酒店吗", "thanksgiving is near"]
)
def test_thanks_with_a_question_go_on(words: str):
    assert ending(user_text=words)[0] == "abrupt"


def test_thanks_and_goals_count_only_when_the_user_says_them():
    assert ending(user_text="hm", reply_text="Thanks for asking, I am done.")[0] == "abrupt"


def test_closing_words_stand_at_the_end():
    assert ending(user_text="Bye, said the wolf. " + "And he went on and on. " * 10)[0] == "abrupt"


READ = {"reply_text": "x" * 160, "dwell_ms": 10_000}


@pytest.mark.parametrize(
    ("dwell_ms", "more", "kind", "reason"),
    [
        (12_000, {}, "natural", "no closing words, last reply read to its end"),
        (4_000, {}, "abrupt", "no closing words, last reply left early"),
        (None, {}, "abrupt", UNTIMED),
        (12_000, {"time_source": "interpolated"}, "abrupt", UNTIMED),
        (12_000, {"interrupted": True}, "interrupted", "cut from outside"),
        (12_000, {"foreground_ms": 0}, "abrupt", "no closing words, away during the last reply"),
    ],
)
def test_without_words_the_time_on_the_last_reply_decides(dwell_ms: int | None, more: Row, kind: str, reason: str):
    last = READ | {"user_text": "go on", "dwell_ms": dwell_ms} | more
    assert ending(first=READ, **last) == (kind, reason)


@pytest.mark.parametrize(("dwell_ms", "kind"), [(10_000, "natural"), (24_000, "abrupt")])
def test_how_long_reading_takes_is_judged_by_the_other_replies_of_the_session(dwell_ms: int, kind: str):
    """Twelve seconds for a reply like the one that took the same user 10, or 24."""
    last = READ | {"user_text": "go on", "dwell_ms": 12_000}
    assert ending(first=READ | {"dwell_ms": dwell_ms}, **last)[0] == kind


@pytest.mark.parametrize(
    ("last", "kind", "reason"),
    [
        ({"interrupted": True}, "interrupted", "cut from outside"),
        ({"error": True}, "interrupted", "the last reply failed"),
        ({"interrupted": False, "error": False}, "abrupt", UNTIMED),
        ({}, "abrupt", UNTIMED),
    ],
)
def test_interruptions(last: Row, kind: str, reason: str):
    assert ending(first={"reply_text": "hm"}, **last) == (kind, reason)


@pytest.mark.parametrize(("log_end", "kind"), [("05-01 10:31", "open"), ("05-01 10:32", "natural")])
def test_a_session_at_the_end_of_the_log_is_open_whatever_was_said(log_end: str, kind: str):
    assert ending(log_end, user_text="bye")[0] == kind


def test_a_character_that_speaks_on_after_the_farewell_changes_nothing():
    turns = [turn("e1", "05-01 10:00", user_text="bye"), turn("e2", "05-01 10:01", reply_text="Are you still here?")]
    (row,) = World(turns=turns).run_to("exits")
    assert (row["kind"], row["reason"]) == ("natural", "farewell")


def test_of_replies_shown_at_once_the_greater_id_is_the_last():
    turns = [turn("e2", "05-01 10:00", user_text="bye", model_id="m2"), turn("e1", "05-01 10:00", user_text="hi")]
    (row,) = World(turns=turns).run_to("exits")
    assert (row["kind"], row["model_id"]) == ("natural", "m2")
