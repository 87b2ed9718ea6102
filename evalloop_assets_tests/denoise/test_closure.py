"""`endings`: any dialogue in, the asset's answer out."""

import functools
import gzip
import json
import math
import random
from pathlib import Path

import hypothesis
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.denoise.closure import endings
from evalloop_assets.lake.errors import UserError
from evalloop_assets.settings import DenoiseSettings, Settings
from evalloop_assets_tests.denoise.closing_cases import CLOSING, GOING_ON
from evalloop_assets_tests.denoise.world import World, shifted, turn


def frame(dialogues: dict, speakers: tuple[str, str] = ("user", "assistant")) -> pd.DataFrame:
    """Dialogues by id, their messages in turn."""
    rows = [
        (name, place, speakers[place % 2], text) for name, said in dialogues.items() for place, text in enumerate(said)
    ]
    return pd.DataFrame(rows, columns=["conversation_id", "position", "speaker", "text"])


@functools.cache
def told_by_hand() -> dict[int, bool]:
    """Whether each hand-written case closes, CLOSING before GOING_ON: all in one call."""
    told = endings(frame(dict(enumerate(CLOSING + GOING_ON))))
    return dict(zip(told["conversation_id"], told["closed"], strict=True))


@pytest.mark.parametrize("number", range(len(CLOSING)), ids=lambda number: " | ".join(CLOSING[number][-2:]))
def test_it_closes(number: int):
    assert told_by_hand()[number]


@pytest.mark.parametrize("number", range(len(GOING_ON)), ids=lambda number: " | ".join(GOING_ON[number][-2:]))
def test_it_goes_on(number: int):
    assert not told_by_hand()[len(CLOSING) + number]


@pytest.mark.parametrize(
    ("said", "marker"),
    [
        (("a", "b", "ok, bye!", "Bye."), "farewell"),
        (("a", "b", "好的，谢谢！", "不客气。"), "thanks"),
        (("a", "b", "That's all I needed.", "Good."), "goal"),
        (("a", "b", "What a beautiful ending.", "It is."), "resolved"),
        (("a", "b", "and?", "And then she left."), None),
    ],
)
def test_markers(said: tuple[str, ...], marker: str | None):
    row = endings(frame({1: said})).iloc[0]
    assert (row["closed"], row["marker"]) == (marker is not None, marker)
    assert (row["score"] >= 0.5) == row["closed"]


def test_scores_are_graded_and_the_threshold_is_a_setting():
    told = frame({"weak": ("a", "b", "thanks", "Sure."), "strong": ("a", "b", "thanks, that's all, bye", "Goodbye!")})
    weak, strong = endings(told)["score"]
    assert 0.5 <= weak < strong <= 1
    strict = Settings(denoise=DenoiseSettings(closure_score=0.9))
    assert endings(told, strict)["closed"].tolist() == [False, True]


@pytest.mark.parametrize(
    "speakers",
    [
        ("Human", "BOT"),
        ("usr", "sys"),
        ("customer", "Mara"),
        ("A", "B"),
        ("x", "agent"),
        ("x", "bot:"),
        ("<|user|>", "[Mara]"),
        ("Mara ", "ASSISTANT: "),
        ("用户", "小雪"),
        ("小雪", "【客服】："),
        ("我", "AI助手"),
    ],
)
def test_speakers_are_known_by_their_names_or_by_who_begins(speakers: tuple[str, str]):
    told = endings(frame({"c": ("hi", "Is there anything else?", "no", "Fine.")}, speakers))
    assert told["marker"].tolist() == ["goal"]


def test_who_begins_is_the_user_only_where_no_name_tells():
    told = frame({"c": ("Anything else?", "nope", "Fine.")}, ("assistant", "user"))
    assert endings(told)["marker"].tolist() == ["goal"]
    assert endings(told.assign(speaker=["A", "B", "A"]))["marker"].tolist() == [None]


@pytest.mark.parametrize("speakers", [("助手", "用户"), ("機器人", "顧客"), ("系统：", "我："), ("小雪", "客户")])
def test_a_chinese_dialogue_that_the_bot_begins_is_read_as_one_with_english_names(speakers: tuple[str, str]):
    dialogues = {"c": ("您好，有什么可以帮您", "不用了，谢谢，再见"), "d": ("再见！", "等等，几点关门？")}
    told = endings(frame(dialogues, speakers))
    assert told["marker"].tolist() == ["farewell", None]
    assert told.equals(endings(frame(dialogues, ("assistant", "user"))))


def test_several_messages_in_a_row_and_last_words_without_a_reply_take_part():
    rows = [("user", "hm"), ("bot", "So it is."), ("user", "ok"), ("user", "see you tomorrow!")]
    told = pd.DataFrame(rows, columns=["speaker", "text"]).assign(conversation_id=7, position=range(4))
    assert endings(told)["closed"].tolist() == [True]
    assert endings(told.iloc[:3])["closed"].tolist() == [False]


def test_order_is_that_of_position_and_ids_come_back_as_they_were():
    told = frame({2: ("a", "b", "bye", "bye"), 10: ("bye", "So soon?", "no, tell me more", "There was a wolf.")})
    shuffled = told.sample(frac=1, random_state=1)
    assert endings(shuffled).sort_values("conversation_id", ignore_index=True).equals(endings(told))
    assert endings(told)["conversation_id"].tolist() == [2, 10]


def test_little_or_nothing_said_closes_nothing():
    told = endings(frame(dict(enumerate([("",), (None,), ("hello",), (None, None, "", ""), ("?", "!")]))))
    assert told["closed"].tolist() == [False] * 5
    assert told["marker"].tolist() == [None] * 5


def test_no_rows_give_no_rows():
    assert len(endings(frame({}))) == 0


@pytest.mark.parametrize("missing", ["conversation_id", "position", "speaker", "text"])
def test_a_missing_column_is_named(missing: str):
    with pytest.raises(UserError, match=f"column {missing}"):
        endings(frame({"c": ("a", "b")}).drop(columns=missing))


def test_a_message_without_a_place_is_refused():
    with pytest.raises(UserError, match="column position"):
        endings(frame({"c": ("a", "b")}).assign(position=[None, "second"]))


@pytest.mark.parametrize(
    ("column", "values", "named"),
    [
        ("position", [1j, 2], "column position"),
        ("conversation_id", [["c"], ["c"]], "column conversation_id"),
        ("text", ["a", "half \ud83d"], r"column text, 'half \\ud83d'"),
        ("text", ["\udc00", None], "column text"),
        ("text", ["a", b"bye"], "column text: not every value is a text: bytes is no text"),
        ("text", [["bye", "bye"], None], "column text: not every value is a text: list is no text"),
        ("event_id", [["e"], "f"], "column event_id: not every value is a text: list is no text"),
        ("replaces_event_id", [["e"], None], "column replaces_event_id: not every value is a text: list is no text"),
        ("user_id", [b"ann", None], "column user_id: not every value is a text: bytes is no text"),
    ],
)
def test_a_value_that_no_table_can_hold_is_named(column: str, values: list, named: str):
    told = (
        frame({"c": ("a", "b"), "d": ("a", "b")}, ("bot", "bot"))
        .head(2)
        .assign(event_id=["e", "f"], replaces_event_id=None)
    )
    told[column] = pd.Series(values, dtype=object)
    with pytest.raises(UserError, match=named):
        endings(told)


def test_what_is_no_frame_of_single_columns_is_refused():
    with pytest.raises(UserError, match="no data frame of pandas but NoneType"):
        endings(None)  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"no data frame of pandas but polars\S*\.DataFrame"):
        endings(pl.DataFrame({"text": ["bye"]}))  # type: ignore[arg-type]
    told = frame({"c": ("a", "b")})
    with pytest.raises(UserError, match="column speaker: it is there more than once"):
        endings(pd.concat([told, told[["speaker"]]], axis=1))


@pytest.mark.parametrize("users", [["ann", "bot", "ann", "bot2"], [None, None, "ann", None], [None] * 4])
def test_a_conversation_has_one_user_whatever_the_rows_name(users: list):
    told = frame({"c": ("hi", "Is there anything else?", "no", "Fine.")})
    for column in (pd.Series(users, dtype=object), pd.Categorical(users)):
        assert endings(told.assign(user_id=column)).equals(endings(told))


def test_names_of_speakers_may_be_categories():
    told = frame({"c": ("hi", "Is there anything else?", "no", "Fine.")})
    assert endings(told.astype({"speaker": "category"})).equals(endings(told))
    gaps = told.assign(speaker=pd.Categorical(["user", None, "user", "bot"]))
    assert endings(gaps)["marker"].tolist() == ["goal"]


def test_unknown_languages_are_told_by_time_alone():
    told = frame({"c": ("привет", "Жили-были старик со старухой. " * 5, "дальше", "И пошёл он к морю. " * 6)})
    dwell = {"read": [None, 14_000, None, 15_000], "left": [None, 14_000, None, 2_000]}
    markers = {name: endings(told.assign(dwell_ms=ms))["marker"].item() for name, ms in dwell.items()}
    assert markers == {"read": "quiet", "left": None}


WORDS = st.sampled_from(
    ["bye", "Thanks!", "谢谢", "再见", "that's all", "Anything else?", "No", "go on", "", "晚安", "hm", "The End."]
)


@hypothesis.settings(max_examples=15)
@given(st.lists(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4), min_size=1, max_size=5))
def test_equal_to_the_asset(dialogues: list[list[tuple[str, str]]]):
    """Replies of the log, one after the other, against the same messages in a frame."""
    turns = [
        turn(f"{n}-{k}", f"05-01 10:{k:02}", user_id=f"u{n}", conversation_id=f"c{n}",
             user_text=said or None, reply_text=reply or None, dwell_ms=4_000 if k else None)
        for n, dialogue in enumerate(dialogues)
        for k, (said, reply) in enumerate(dialogue)
    ]  # fmt: skip
    world = World(turns=turns)
    told = {row["session_id"]: row for row in world.run_to("closures")}
    names = {row["conversation_id"]: row["session_id"] for row in world.tables["sessions"].to_pylist()}
    messages = frame({f"c{n}": [text for pair in dialogue for text in pair] for n, dialogue in enumerate(dialogues)})
    messages["dwell_ms"] = [4_000 if place > 1 and place % 2 else None for place in messages["position"]]
    for row in endings(messages).to_dict("records"):
        asset = told[names[row["conversation_id"]]]
        assert (row["closed"], row["marker"]) == (asset["closed"], asset["marker"])
        assert row["score"] == pytest.approx(asset["score"], rel=1e-12)


def test_equal_to_the_asset_with_times_and_versions():
    """Two days, one with enough replies to know their pace, some of whose dialogues end on the other; dwell times about
    that of reading, and regenerations."""
    chance = random.Random(5)
    turns = []
    for n, (day, user) in enumerate([("05-01", k % 5) for k in range(30)] + [("05-02", k) for k in range(6)]):
        begun = f"{day} 23:57" if day == "05-01" and n % 3 == 0 else f"{day} {n % 20:02}:00"
        for k in range(6):
            reply = "the river runs on and on " * chance.randint(3, 12)
            dwell_ms = int(len(reply) / 15 * 1e3 * chance.lognormvariate(0.6, 0.6))
            replaced = f"{n}-{k - 1}" if k and chance.random() < 0.2 else None
            turns.append(
                turn(f"{n}-{k}", shifted(begun, k), user_id=f"u{user}", conversation_id=f"c{n}",
                     user_text="go on", reply_text=reply, dwell_ms=dwell_ms, replaces_event_id=replaced)
            )  # fmt: skip
    world = World(turns=turns)
    told = {row["session_id"]: row for row in world.run_to("closures", "05-01", "05-02")}
    names = {row["conversation_id"]: row["session_id"] for row in world.tables["sessions"].to_pylist()}
    log = pd.DataFrame(turns).reset_index(names="place")
    said = pd.DataFrame(
        {"conversation_id": log["conversation_id"], "position": 2 * log["place"], "speaker": "user", "text": "go on"}
    )
    replies = log.assign(position=2 * log["place"] + 1, speaker="bot", text=log["reply_text"])
    messages = pd.concat([said, replies.drop(columns=["reply_text", "user_text"])], ignore_index=True)

    def differences(messages: pd.DataFrame) -> int:
        both = [(told[names[mine["conversation_id"]]], mine) for mine in endings(messages).to_dict("records")]
        return sum(
            (asset["closed"], asset["marker"]) != (mine["closed"], mine["marker"])
            or abs(asset["score"] - mine["score"]) > 1e-12
            for asset, mine in both
        )

    assert {row["marker"] for row in told.values()} == {"quiet", None}
    assert differences(messages) == 0
    assert differences(messages.drop(columns="shown_at")) > 0
    lasts = messages.groupby("conversation_id")["shown_at"].transform("max")
    assert differences(messages.assign(shown_at=lasts)) > 0
    assert differences(messages.drop(columns="replaces_event_id")) > 0


def test_a_dialogue_without_a_time_beside_others_is_named():
    told = frame({"c": ("a", "b"), "d": ("a", "b")}).assign(shown_at=["2026-05-01", None, None, None])
    with pytest.raises(UserError, match="conversation d: none of its messages has shown_at"):
        endings(told)
    assert endings(told.iloc[:2].assign(shown_at="2026-05-01"))["closed"].tolist() == [False]
    with pytest.raises(UserError, match="column shown_at: not every value is a time"):
        endings(told.assign(shown_at="noon"))


@pytest.mark.parametrize("nothing", [math.nan, None, pd.NaT])
def test_times_that_are_all_missing_are_not_given(nothing: object):
    told = frame({"c": ("a", "b", "bye", "bye")})
    for column in (nothing, pd.Series([nothing] * 4, dtype=object)):
        assert endings(told.assign(shown_at=column)).equals(endings(told))


def test_closing_words_are_kept_where_something_speaks_for_an_end():
    thanked = [("a tale, please", "Once there was a fox."), ("谢謝！ ok？", "Bye.")]
    goes_on = [("What is the capital?", "Paris. Shall I book it?"), ("tell me more", "It lies on the Seine.")]
    turns = [
        turn(f"{name}-{k}", f"05-01 10:0{k}", user_id=name, conversation_id=name, user_text=said, reply_text=reply)
        for name, dialogue in {"thanked": thanked, "goes_on": goes_on}.items()
        for k, (said, reply) in enumerate(dialogue)
    ]
    world = World(turns=turns)
    scores = {row["session_id"]: row["score"] for row in world.run_to("closures")}
    sessions = {row["session_id"]: row["conversation_id"] for row in world.tables["sessions"].to_pylist()}
    assert {sessions[name]: score > 0 for name, score in scores.items()} == {"thanked": True, "goes_on": False}
    told = [
        (sessions[row["session_id"]], row["place"], row["by_user"], row["length"],
         {name for name, value in row.items() if value is True and name != "by_user"})
        for row in world.tables["closing_words"].to_pylist()
    ]  # fmt: skip
    assert sorted(told, key=repr) == [
        ("thanked", 2, True, 14, set()),
        ("thanked", 3, False, 21, set()),
        ("thanked", 4, True, 21, {"thanks", "asks"}),
        ("thanked", 5, False, 4, {"farewell"}),
    ]


def test_real_chats_of_a_partial_log_are_told_without_a_loop(shared_data: Path):
    chats = json.loads(gzip.decompress((shared_data / "convai" / "data_intermediate.json.gz").read_bytes()))
    rows = [
        (number, place, message["sender_class"], message["text"])
        for number, chat in enumerate(chats)
        for place, message in enumerate(chat["dialog"])
    ]
    told = endings(pd.DataFrame(rows, columns=["conversation_id", "position", "speaker", "text"]))
    assert len(told) == len({row[0] for row in rows})
    assert 0 < told["closed"].sum() < len(told) / 4
    assert "quiet" not in set(told["marker"])
