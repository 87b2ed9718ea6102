import pytest

from evalloop_assets_tests.denoise.world import Row, World, turn


def ending(log_end: str = "12-31 23:59", **last: object) -> tuple[str, str]:
    """Kind and reason of the exit of a session of two replies, the second as told."""
    turns = [turn("e1", "05-01 10:00", user_text="hi", reply_text="bye"), turn("e2", "05-01 10:01", **last)]
    world = World(log_end=log_end, turns=turns)
    (row,) = world.run_to("exits")
    return row["kind"], row["reason"]


@pytest.mark.parametrize(
    "words",
    [
        "bye", "Bye!", "ok, bye bye", "Goodbye my friend.", "GOOD NIGHT", "see you later", "see ya!", "ttyl",
        "I’m leaving now.", "It was nice talking to you", "have a great evening", "gotta go, dinner", "I have to go.",
        "拜拜", "好的,再见!", "晚安~", "明天见", "那我们下次再聊吧", "我先睡了", "886",
    ],
)  # fmt: skip
def test_farewells_of_the_user_are_natural(words: str):
    assert ending(user_text=words, reply_text="…") == ("natural", "farewell by the user")


@pytest.mark.parametrize(
    "words",
    [
        "let's bye-pass it? no, bypass", "I love byes-backs and kbye1", "by the way", "the goodbyes were long",
        "I see you like cars", "nice to meet you", "I take care of my kids", "what is a good nightclub?",
        "I have to go to school every day", "再见到你真好", "再见面的时候", "我1886年出生", "房间号是886吗", "明白白的",
        "",
    ],
)  # fmt: skip
def test_no_false_farewell(words: str):
    assert ending(user_text=words, reply_text="And then?") == ("abrupt", "no closing words")


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ({"user_text": "Thanks, that helps"}, "thanks by the user"),
        ({"user_text": "好的,谢谢你"}, "thanks by the user"),
        ({"user_text": "OK, that's all."}, "goal reached"),
        ({"user_text": "没有别的问题了"}, "goal reached"),
        ({"user_text": "hm", "reply_text": "It was fun. See you tomorrow!"}, "farewell by the character"),
        ({"user_text": "嗯", "reply_text": "那就晚安,好梦。"}, "farewell by the character"),
        ({"user_text": "go on", "reply_text": "…and they rode home.\n\nThe End."}, "end of the story"),
        ({"user_text": "bye", "error": True}, "farewell by the user"),
    ],
)
def test_other_closings_are_natural(last: Row, reason: str):
    assert ending(**last) == ("natural", reason)


@pytest.mark.parametrize(
    "words", ["Thanks! And what is your job?", "谢谢,那你能帮我找个酒店吗", "thanksgiving is near", "are you done?"]
)
def test_thanks_with_a_question_go_on(words: str):
    assert ending(user_text=words)[0] == "abrupt"


def test_thanks_and_goals_count_only_when_the_user_says_them():
    assert ending(user_text="hm", reply_text="Thanks for asking, I am done.")[0] == "abrupt"


def test_closing_words_stand_at_the_end():
    assert ending(user_text="Bye, said the wolf. " + "And he went on and on. " * 10)[0] == "abrupt"


@pytest.mark.parametrize(
    ("last", "kind", "reason"),
    [
        ({"interrupted": True}, "interrupted", "cut from outside"),
        ({"error": True}, "interrupted", "the last reply failed"),
        ({"interrupted": False, "error": False}, "abrupt", "no closing words"),
        ({}, "abrupt", "no closing words"),
    ],
)
def test_interruptions(last: Row, kind: str, reason: str):
    assert ending(**last) == (kind, reason)


@pytest.mark.parametrize(("log_end", "kind"), [("05-01 10:31", "open"), ("05-01 10:32", "natural")])
def test_a_session_at_the_end_of_the_log_is_open_whatever_was_said(log_end: str, kind: str):
    assert ending(log_end, user_text="bye")[0] == kind


def test_a_character_that_speaks_on_after_the_farewell_changes_nothing():
    turns = [turn("e1", "05-01 10:00", user_text="bye"), turn("e2", "05-01 10:01", reply_text="Are you still here?")]
    (row,) = World(turns=turns).run_to("exits")
    assert (row["kind"], row["reason"]) == ("natural", "farewell by the user")


def test_of_replies_shown_at_once_the_greater_id_is_the_last():
    turns = [turn("e2", "05-01 10:00", user_text="bye", model_id="m2"), turn("e1", "05-01 10:00", user_text="hi")]
    (row,) = World(turns=turns).run_to("exits")
    assert (row["kind"], row["model_id"]) == ("natural", "m2")
