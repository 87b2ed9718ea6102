"""The words that the rules know, and what a clause is about in terms of them: `concepts.yaml` and `words.yaml`."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

HAN = re.compile("[\u3400-\u9fff]")
WORD = re.compile(r"[a-z]+")


class Meaning(NamedTuple):
    """What a word says."""

    concept: str
    sign: int
    kind: str = ""
    """The token of the word itself, where it is one kind of the concept: beef is a meat."""


class Lexicon(NamedTuple):
    """The words of `concepts.yaml`, ready to be found."""

    english: Mapping[str, tuple[Meaning, ...]]
    """By stem."""
    phrases: Mapping[str, tuple[tuple[tuple[str, ...], tuple[Meaning, ...]], ...]]
    """English of several words, as stems, by the first of them; the longest first. * stands for up to GAP stems."""
    chinese: re.Pattern[str]
    meanings: Mapping[str, tuple[Meaning, ...]]
    """By Chinese word."""
    apart: tuple[tuple[str, re.Pattern[str], tuple[Meaning, ...]], ...]
    """Chinese words that others may part, each with what it begins with."""
    alternatives: tuple[frozenset[str], ...]
    """Groups of concepts of which "only" one denies the others."""
    unasked: frozenset[str]
    """Concepts of what comes to one unasked."""
    consumed: frozenset[str]
    """Concepts of what is eaten, drunk or smoked."""


END = "$"
"""Stands for the end of a clause in a phrase."""
GAP = 4
"""Words, or Chinese characters, for which a * stands at most."""
LIKE = "@@attitude"
NUMBER_WORDS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)
NUMBERS = {word: number for number, word in enumerate(NUMBER_WORDS.split(" "))} | {
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "hundred": 100, "both": 2, "couple": 2
}  # fmt: skip
HAN_DIGITS = {character: value for value, character in enumerate("零一二三四五六七八九十")} | {"两": 2, "俩": 2}

ONLY_EN = re.compile(
    r"(?<!not )\b(?:only ever|nothing but|exclusively|"
    r"only (?:drinks?|eats?|rides?|travels? by|goes? by|gets? around by))\b"
)
ONLY_ZH = re.compile("(?<!不)只(?:爱|肯|会|坐|骑|喝|吃|穿|用|乘)+(?![了过完])|除了.+(?:都不|别的不|什么也不)")
LEFT = re.compile("(?:出|离开)过?$")
"""Before a place: out of it, not in it."""
CHINESE_NEGATORS = re.compile(
    "戒掉|戒了|拒绝|远离|推开|推掉|谢绝|婉拒|推辞|让给|倒掉|避开|躲开|绕开|绕着|从不|从没|从未|没有|没得|免了|算了|哪有|哪来的?|哪会|哪敢|不是|不会|不能|不敢|[不没未别无莫非]"
)
NO_NEGATION = re.compile(
    "从不错过|没错过|没断过|没停过|从不落下|一天不落|离不了|缺不得|少不了|忘不了|戒不掉|改不掉|停不下|舍不得|"
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


class Found:
    """What the words of one clause say, gathered."""

    def __init__(self) -> None:
        self.tokens: dict[str, int] = {}
        self.attitude = 0

    def note(self, meanings: tuple[Meaning, ...], turned: bool = False) -> None:
        """Adds what a word says; `turned` where what stands before a place denies it."""
        for concept, sign, kind in meanings:
            if concept == LIKE:
                self.attitude = self.attitude or sign
                continue
            self.tokens.setdefault(concept, -sign if turned and concept.startswith("@in ") else sign)
            if kind:
                self.tokens.setdefault(kind, 1)

    def exclude(self) -> None:
        """Denies what stands beside a concept in a group of alternatives: who only drinks tea drinks no beer."""
        for group in lexicon_of_concepts().alternatives:
            if group & self.tokens.keys():
                self.tokens |= dict.fromkeys(group - self.tokens.keys(), -1)


def _english_tokens(clause: str) -> tuple[dict[str, int], int, str]:
    lexicon, stop, found = lexicon_of_concepts(), stop_words(), Found()
    words = WORD.findall(clause)
    stems = [*map(stem, words), END]
    used: set[int] = set()
    for place, root in enumerate(stems):
        for phrase, meanings in lexicon.phrases.get(root, ()):
            places = _match(phrase, stems, place)
            if places and used.isdisjoint(places):
                used.update(places)
                found.note(meanings)
    left = [place for place in range(len(words)) if place not in used]
    for place in left:
        found.note(lexicon.english.get(stems[place], ()))
    if ONLY_EN.search(clause):
        found.exclude()
    light = light_words()[0] if found.tokens else frozenset()
    for place in left:
        word, root = words[place], stems[place]
        known = root in lexicon.english or root in stop or word in stop or root in NUMBERS or root in light
        if len(root) > 2 and not known:
            found.tokens.setdefault(root, 1)
    return found.tokens, found.attitude, " ".join(words[place] for place in left) if used else clause


def _match(phrase: tuple[str, ...], stems: Sequence[str], start: int) -> list[int]:
    """Places of the phrase's words, of which the first stands at `start`; empty where the rest does not follow."""
    places, gap = [start], False
    for part in phrase[1:]:
        if part == "*":
            gap = True
            continue
        after = places[-1] + 1
        try:
            places.append(stems.index(part, after, after + (GAP if gap else 0) + 1))
        except ValueError:
            return []
        gap = False
    return places


def _chinese_tokens(clause: str) -> tuple[dict[str, int], int, str]:
    lexicon, found = lexicon_of_concepts(), Found()
    rest = clause
    for first, pattern, meanings in lexicon.apart:
        if first in rest and pattern.search(rest):
            found.note(meanings)
            rest = pattern.sub(lambda words: f" {words[1]} ", rest, count=1)

    def note(word: re.Match[str]) -> str:
        found.note(lexicon.meanings[word[0]], bool(LEFT.search(word.string, 0, word.start())))
        return " "

    rest = lexicon.chinese.sub(note, rest)
    if ONLY_ZH.search(clause):
        found.exclude()
    content = CHINESE_STOP.sub(" ", NO_NEGATION.sub(" ", CHINESE_NEGATORS.sub(" ", rest)))
    if found.tokens:
        content = light_words()[1].sub(" ", content)
    for run in re.findall("[\u3400-\u9fff]+|[a-z]{3,}", content):
        if run[0] < "\u3400":
            found.tokens.setdefault(stem(run), 1)
        elif len(run) > 1:
            for place in range(len(run) - 1):
                found.tokens.setdefault(run[place : place + 2], 1)
    return found.tokens, found.attitude, rest


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
def bare_verbs() -> frozenset[str]:
    """Stems of verbs that say little without an object."""
    return frozenset(map(stem, word_lists()["verbs"].split()))


@cache
def irregular_forms() -> dict[str, str]:
    """English forms that no ending tells, with their stems."""
    return {form: root for root, forms in word_lists()["irregular"].items() for form in forms.split()}


@cache
def light_words() -> tuple[frozenset[str], re.Pattern[str]]:
    """Stems, and a pattern of Chinese words, that add nothing to a concept: who never touches a drink never drinks."""
    english, chinese = word_lists()["light"]
    longest_first = sorted(chinese.split(), key=len, reverse=True)
    return frozenset(stem(word) for word in english.split()), re.compile("|".join(longest_first))


@cache
def lexicon_of_concepts() -> Lexicon:
    """`concepts.yaml`, read once."""
    given = _given("concepts.yaml")
    words: dict[str, list[Meaning]] = defaultdict(list)
    for concept, both in given["concepts"].items():
        for word in " ".join(both).split():
            bare = word.lstrip("+-")
            kind = f"#{concept}:{bare if HAN.match(bare) else stem(bare)}" if word[0] == "+" else ""
            words[bare].append(Meaning(f"@{concept}", -1 if word[0] == "-" else 1, kind))
    for word, meanings in words.items():
        for concept, sign, _ in tuple(meanings):
            if sign > 0 and (wider := given["wider"].get(concept[1:])):
                words[word].append(Meaning(f"@{wider}", 1, f"#{wider}:{concept}"))
    for name, sign in (("likes", 1), ("dislikes", -1)):
        for word in " ".join(given[name]).split():
            words[word].append(Meaning(LIKE, sign))
    for word in " ".join(given["idioms"]).split():
        words[word] = []
    for region, places in word_lists()["regions"].items():
        for place in filter(HAN.match, places):
            words[place].append(Meaning(f"@in {region}", 1))
            words[f"{place}人"].append(Meaning(f"@from {region}", 1))
    english: dict[str, tuple[Meaning, ...]] = {}
    phrases: dict[tuple[str, ...], tuple[Meaning, ...]] = {}
    for word, meanings in words.items():
        parts = re.findall(r"[a-z]+|[*$]", word)
        if len(parts) > 1:
            phrase = tuple(part if part in "*$" else stem(part) for part in parts)
            phrases[phrase] = (*phrases.get(phrase, ()), *meanings)
        elif parts:
            english[stem(word)] = (*english.get(stem(word), ()), *meanings)
    by_first: dict[str, list[tuple[tuple[str, ...], tuple[Meaning, ...]]]] = defaultdict(list)
    for phrase in sorted(phrases, key=len, reverse=True):
        by_first[phrase[0]].append((phrase, phrases[phrase]))
    han = {word: tuple(meanings) for word, meanings in words.items() if HAN.match(word)}
    apart = sorted((word for word in han if "*" in word), key=len, reverse=True)
    whole = sorted((word for word in han if "*" not in word), key=len, reverse=True)
    return Lexicon(
        english,
        {first: tuple(found) for first, found in by_first.items()},
        re.compile("|".join(whole)),
        han,
        tuple((word.split("*")[0], re.compile(word.replace("*", f"(.{{0,{GAP}}}?)")), han[word]) for word in apart),
        tuple(frozenset(f"@{concept}" for concept in group.split()) for group in given["alternatives"]),
        *(frozenset(f"@{concept}" for concept in given[name].split()) for name in ("unasked", "consumed")),
    )
