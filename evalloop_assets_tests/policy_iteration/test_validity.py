import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.policy_iteration.safety import read_safety_words
from evalloop_assets.policy_iteration.validity import flaws, known_trigrams, novelty


@pytest.mark.parametrize(
    ("reply", "locale", "found"),
    [
        ("The gulls fall silent.", "en-GB", []),
        ("“Come in,” she said. *smiles!*", "en-GB", []),
        ("你一眼就看见了铜钥匙。", "zh-CN", []),
        ("你来啦～ 😊", "zh-CN", []),
        ("", "en-GB", ["empty"]),
        ("  \n ", "", ["empty"]),
        ("The gulls fall", "en-GB", ["unfinished"]),
        ("<|end|> The gulls fall silent.", "en-GB", ["special_token"]),
        ("The gulls fall sil\ufffdent.", "en-GB", ["special_token"]),
        ("The gulls\0 fall silent.", "en-GB", ["special_token"]),
        ("The gulls\n\nfall silent.", "en-GB", []),
        ("你一眼就看见了铜钥匙。", "en-GB", ["script"]),
        ("The gulls fall silent.", "zh-CN", ["script"]),
        ("The gulls fall silent.", "", []),
        ("42!", "zh-CN", []),
        ("so 你好你好你好 [PAD]", "en", ["special_token", "unfinished", "script"]),
    ],
)
def test_flaws(reply: str, locale: str, found: list[str]):
    assert flaws(reply, locale) == found


def test_a_reply_of_50_000_characters_is_judged_like_any_other():
    assert flaws("word " * 10_000, "en") == ["unfinished"]
    assert novelty("word " * 10_000, known_trigrams(["word word word"])) == 0


def test_novelty_counts_runs_that_nobody_said():
    known = known_trigrams(["The gulls fall silent at once.", "你一眼就看见了铜钥匙。"])
    assert novelty("the gulls fall silent", known) == 0
    assert novelty("Silent gulls the fall", known) == 1
    assert novelty("The gulls fall asleep", known) == pytest.approx(0.5)
    assert novelty("看见了铜钥匙", known) == 0
    assert novelty("铜见钥看匙了", known) == 1
    assert novelty("two words", known) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("You could KILL   yourself.", ["kill yourself"]),
        ("He is skilled at methods.", []),
        ("METH and ｍｅｔｈ", ["meth", "meth"]),
        ("他想自杀", ["自杀"]),
        ("kill\u200b yourself, 自\u200b杀", ["kill yourself", "自杀"]),
        ("A quiet evening.", []),
    ],
)
def test_safety_words(text: str, words: list[str]):
    assert read_safety_words().found(text) == words


@pytest.mark.parametrize(
    "content", [None, "", "- a\n- b", "kind: word", "kind: ['']", "kind: [1]", "a: [b", b"\xff\xfe\x00"]
)
def test_a_file_that_holds_no_words_is_one_line(tmp_path, content):
    path = tmp_path / "words.yaml"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(UserError, match=r"words\.yaml"):
        read_safety_words(path)


def test_another_file_takes_the_place_of_the_list(tmp_path):
    path = tmp_path / "words.yaml"
    path.write_text("ours: [harbour]", encoding="utf-8")
    words = read_safety_words(path)
    assert words.found("The harbour") == ["harbour"]
    assert words.found("suicide") == []
