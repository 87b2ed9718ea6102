"""The words that the rules know, and what a clause is about in terms of them: `concepts.yaml` and `words.yaml`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

HAN = re.compile("[\u3400-\u9fff]")
WORD = re.compile(r"[a-z]+")


class Lexicon(NamedTuple):
    """The words of `concepts.yaml`, ready to be found."""

    english: Mapping[str, tuple[tuple[str, int], ...]]
    """Stem to concepts with sign."""
    phrases: tuple[tuple[re.Pattern[str], str, int], ...]
    """English of several words."""
    any_phrase: re.Pattern[str]
    chinese: re.Pattern[str]
    meanings: Mapping[str, tuple[tuple[str, int], ...]]
    """Chinese word to concepts with sign."""


LIKE = "@@attitude"
NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
NUMBERS = {word: number for number, word in enumerate(NUMBER_WORDS.split(" "))} | {
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "hundred": 100, "both": 2, "couple": 2
}  # fmt: skip
HAN_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九十")} | {"两": 2, "俩": 2}

LEFT = re.compile("(?:出|离开)过?$")
"""Before a place: out of it, not in it."""
CHINESE_NEGATORS = re.compile("从不|从没|从未|没有|没得|免了|算了|不是|不会|不能|不敢|[不没未别无莫非]")
NO_NEGATION = re.compile(
    "不错|没错|不过|不好意思|没事|没关系|不客气|不知不觉|不得不|差不多|不但|不仅|不光|不只|不管|不论|不如|不久|不一会|"
    "不少|不断|不然|无聊|无论|无所谓|无辣不欢|离不得|离不开|特别|别人|别的|区别|分别|个别|告别|非常|未来|未必|不小了|"
    "不怎么样|不用说|没想到|不愧|不止|不禁|不由|忍不住|不可思议|不料|非得|莫非|沉没"
)
CHINESE_STOP = re.compile(
    "[的了呢吗啊呀吧嘛哦哈呵嗯噢哎唉哇嘿么着过得地是在有和跟与就都也还很太真好挺最更又再才只来去到把被让给对从那这哪谁"
    "我你您他她它们咱个些点儿里上下中前后大小多少年月日天号岁时候么之所以因为但可不没一二三四五六七八九十两几0-9]+|"
    "特别|非常|比较|平时|一般|经常|觉得|知道|什么|怎么|现在|已经|自己|时候|一直|可以|应该|起来|出来|东西|事情|"
    "喜欢|讨厌|想|要|说|看|做|用|能|会|叫|呗|咯|哟|嗨|嘻"
)


def tokens_of(clause: str, han: bool) -> tuple[dict[str, int], int, str]:
    """What a clause is about, each with its sign, the attitude that it shows, and what is left of its words."""
    return _chinese_tokens(clause) if han else _english_tokens(clause)


def _english_tokens(clause: str) -> tuple[dict[str, int], int, str]:
    lexicon = lexicon_of_concepts()
    found: dict[str, int] = {}
    attitude, rest, stop = 0, clause, stop_words()
    for pattern, concept, sign in lexicon.phrases if lexicon.any_phrase.search(clause) else ():
        if match := pattern.search(clause):
            if concept == LIKE:
                attitude = attitude or sign
            else:
                found[concept] = sign
            rest = rest.replace(match[0], f" {match[1] or ''} ")
    for word in WORD.findall(clause):
        root = stem(word)
        for concept, sign in lexicon.english.get(root, ()):
            if concept == LIKE:
                attitude = attitude or sign
            else:
                found.setdefault(concept, sign)
        if len(root) > 2 and not (root in lexicon.english or root in stop or word in stop or root in NUMBERS):
            found.setdefault(root, 1)
    return found, attitude, rest


def _chinese_tokens(clause: str) -> tuple[dict[str, int], int, str]:
    lexicon = lexicon_of_concepts()
    found: dict[str, int] = {}
    attitude = 0

    def note(word: re.Match[str]) -> str:
        nonlocal attitude
        for concept, sign in lexicon.meanings[word[0]]:
            if concept == LIKE:
                attitude = attitude or sign
            else:
                left = concept.startswith("@in ") and LEFT.search(word.string, 0, word.start())
                found.setdefault(concept, -sign if left else sign)
        return " "

    rest = lexicon.chinese.sub(note, clause)
    content = CHINESE_STOP.sub(" ", NO_NEGATION.sub(" ", CHINESE_NEGATORS.sub(" ", rest)))
    for run in re.findall("[\u3400-\u9fff]+|[a-z]{3,}", content):
        if run[0] < "\u3400":
            found.setdefault(stem(run), 1)
        elif len(run) > 1:
            for place in range(len(run) - 1):
                found.setdefault(run[place : place + 2], 1)
    return found, attitude, rest


@lru_cache(maxsize=50_000)
def stem(word: str) -> str:
    """A crude English stem: the same for the inflections of a word, whatever it looks like."""
    if word in irregular_forms():
        return stem(irregular_forms()[word])
    for ending, kept in (("ies", "y"), ("sses", "ss"), ("ing", ""), ("ied", "y"), ("ed", ""), ("es", "e"), ("s", "")):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith(("ss", "us", "is", "news")):
            root = word[: len(word) - len(ending)] + kept
            if ending == "s":
                return stem(root)
            if ending in ("ing", "ed") and len(root) > 3 and root[-1] == root[-2] and root[-1] not in "lsz":
                root = root[:-1]
            return root[:-1] if root.endswith("e") and len(root) > 4 else root
    return word[:-1] if word.endswith("e") and len(word) > 4 else word


def _given(name: str) -> Any:
    import yaml

    return yaml.safe_load(Path(__file__).with_name(name).read_text(encoding="utf-8"))


@cache
def word_lists() -> dict[str, Any]:
    """`words.yaml`, read once."""
    return dict(_given("words.yaml"))


@cache
def stop_words() -> frozenset[str]:
    """English words that say nothing of what a clause is about."""
    return frozenset(word_lists()["stop"].split())


@cache
def irregular_forms() -> dict[str, str]:
    """English forms that no ending tells, with their stems."""
    return {form: root for root, forms in word_lists()["irregular"].items() for form in forms.split()}


@cache
def lexicon_of_concepts() -> Lexicon:
    """`concepts.yaml`, read once."""
    given = _given("concepts.yaml")
    english: dict[str, list[tuple[str, int]]] = {}
    phrases: list[tuple[re.Pattern[str], str, int]] = []
    meanings: dict[str, list[tuple[str, int]]] = {}

    def add(words: list[str], concept: str, sign: int) -> None:
        for word in words[0].split():
            bare, effect = word.removeprefix("-"), -sign if word.startswith("-") else sign
            if "_" in bare or "*" in bare:
                inside = bare.replace("_", " ").replace("*", r"\w*\s+((?:\w+\s+){0,4}?)")
                phrases.append((re.compile(rf"\b{inside}" if "*" in bare else rf"\b{inside}()"), concept, effect))
            else:
                english.setdefault(stem(bare), []).append((concept, effect))
        for word in words[1].split():
            bare, effect = word.removeprefix("-"), -sign if word.startswith("-") else sign
            meanings.setdefault(bare, []).append((concept, effect))

    for concept, words in given["concepts"].items():
        add(words, f"@{concept}", 1)
    add(given["likes"], LIKE, 1)
    add(given["dislikes"], LIKE, -1)
    for region, places in word_lists()["regions"].items():
        for place in places:
            if HAN.match(place):
                meanings.setdefault(place, []).append((f"@in {region}", 1))
                meanings.setdefault(f"{place}人", []).append((f"@from {region}", 1))
    longest_first = sorted(meanings, key=len, reverse=True)
    return Lexicon(
        {word: tuple(found) for word, found in english.items()},
        tuple(phrases),
        re.compile("|".join(pattern.pattern for pattern, _, _ in phrases)),
        re.compile("|".join(map(re.escape, longest_first))),
        {word: tuple(found) for word, found in meanings.items()},
    )
