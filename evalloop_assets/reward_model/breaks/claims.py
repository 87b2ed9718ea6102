"""What a speaker claims about oneself: clauses, answers to questions, and attributes that can have one value only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from typing import NamedTuple

from evalloop_assets.reward_model.breaks.clauses import OPEN, OTHER, SELF, THIRD, Clause, clauses_of
from evalloop_assets.reward_model.breaks.lexicon import HAN_DIGITS, NUMBERS, stem, word_lists
from evalloop_assets.reward_model.breaks.places import place_of

MOST_CLAUSES = 60
"""Different clauses of one message that are read: comparing them grows with their square."""


class Claim(NamedTuple):
    """A clause that its speaker stands for."""

    clause: Clause
    answers: bool = False
    """What it says comes from the question that it answers."""


class Attribute(NamedTuple):
    """One value of what can have one only: age, home, profession, a number of children."""

    name: str
    value: str
    sure: bool
    """The words leave no doubt that it is this attribute."""


class Answer(NamedTuple):
    """A reply to a question."""

    question: frozenset[str]
    """Words, or pairs of characters, of the question as it stands."""
    value: frozenset[str]
    """Of the reply."""
    unknown: bool
    """The speaker says not to know."""
    denies: bool
    like: int
    """Whether the question asks what is liked (1), disliked (-1), or neither (0)."""


class Said(NamedTuple):
    """One message, read."""

    clauses: tuple[Clause, ...]
    claims: tuple[Claim, ...]
    attributes: tuple[Attribute, ...]
    answer: Answer | None


ENGLISH_YES = re.compile(r"^(?:yes|yeah|yep|yup|sure|of course|absolutely|definitely|i (?:do|am|have|did|can)\b)")
ENGLISH_NO = re.compile(r"^(?:no\b|nope|nah|not |never|i do not|i am not|i have not|i did not|i cannot)")
CHINESE_YES = re.compile("^(?:是|对|嗯|恩|会|有|当然|可以|喜欢|想|能|爱|在|养|去过|结了)")
KNOWS = re.compile(r"\byou (?:know|remember|think|guess|mean)\b|你(?:还)?(?:知道|记得|觉得|认为|猜)")
RHETORICAL = re.compile("不是|难道|怎么不")
CHINESE_AGREES = re.compile("^(?:是|对|嗯|恩)")
CHINESE_NO = re.compile("^(?:不|没|还没|别|从不|从没)")
UNKNOWN = re.compile(
    r"\b(?:do not|did not|cannot) (?:know|remember|recall)\b|\bno idea\b|\bnot sure\b|\bforgot\b|"
    "不知道|不清楚|不晓得|不记得|忘了|忘记了|没印象"
)
WH = re.compile(r"\b(?:what|who|whom|where|when|why|which|how)\b|什么|哪|谁|几[个只岁点时]|多少|多大|怎么|为什么|咋|啥")

NUMBER = "|".join(sorted(NUMBERS, key=len, reverse=True))
AGE_EN = re.compile(
    rf"\bi am (?:only |now |almost |about )?(\d{{1,3}}|{NUMBER})"
    r"(?: ?[- ]?(?:years?[- ]old|yrs?|yo)\b|\s*[.!]*$)"
)
OWNS = re.compile(r"\b(?:have|had|has|got|own|owns|keep|raise|raised|with)\b")
COUNT_EN = re.compile(rf"\b(\d{{1,3}}|{NUMBER})\s+(?:\w+\s+)?([a-z]{{3,}})")
NAME_EN = re.compile(r"\b(?:my name is|call me|i am called) ([a-z]+)")
FROM_EN = re.compile(r"\bi (?:am|come|came) (?:originally )?from ([a-z ]{3,30})")
LIVE_EN = re.compile(r"\bi (?:live|am living|reside) (?:in|near) ([a-z ]{3,30})")
JOB_EN = re.compile(r"\bi (?:am|work as|was trained as) an? (?:[a-z]+ ){0,2}?([a-z]+)\b")
FAVOURITE_EN = re.compile(r"\bmy (?:favou?rite|fav) (?:[a-z]+ )??([a-z]+) (?:is|are) (?:the )?([a-z' ]{3,30})")

GENDER_EN = re.compile(r"\bi am an? (?:[a-z]+ )?(man|guy|male|boy|gentleman|husband|woman|female|girl|lady|wife)\b")
MALE = frozenset(["man", "guy", "male", "boy", "gentleman", "husband"])
FAVOURITE_ZH = re.compile("我?最(?:喜欢|爱)的?([\u3400-\u9fff]{1,4}?)是([\u3400-\u9fff]{1,6})")
GENDER_ZH = re.compile("我(?:可)?(?:就)?是(?:一个|个)?(男|女)")

DIGITS = "[零一二两三四五六七八九十百俩]+|[0-9]+"
AGE_ZH = re.compile(f"(?:我|今年|已经|都|才|刚|快)*({DIGITS})(?:多)?(?:周)?岁|我(?:今年|都|才|已经)+({DIGITS})(?:了|$)")
BORN_ZH = re.compile("([0-9]{2})(?:年|后)")
COUNT_ZH = re.compile(f"({DIGITS})(?:个|只|条|位|匹|辆)(?:小)?([\u3400-\u9fff]{{1,3}})")
NAME_ZH = re.compile("我(?:的名字)?(?:叫|是叫|名叫)([\u3400-\u9fffa-z]{2,4})")
HOME_ZH = re.compile(
    "(?:我|也|老家|家)*(?:来自|家在|老家是|老家在|是)(?:中国)?([\u3400-\u9fff]{2,6}?)(?:人|的|$)|"
    "我(?:们)?家([\u3400-\u9fff]{2,4})的"
)
LIVE_ZH = re.compile(
    "(?:住在|住|在)([\u3400-\u9fff]{2,6}?)"
    "(?:这边|那边|上班|工作|上学|读|住|生活|打工|$)"
)  # fmt: skip
JOB_ZH = re.compile("我?(?:是|做|当|干)(?:一名|一个|一位|个|名)?([\u3400-\u9fff]{0,6}?)(?:的|工作)?$")


MET_ZH = re.compile("[给找叫怕见等问跟把被交报喊请让骗帮救追]")
"""Has to do with somebody of that profession, and is not one."""


def read(text: str, prompt: Sequence[Clause] = ()) -> Said:
    """What a message claims; `prompt` are the clauses of the message that it answers."""
    clauses = list({clause.text: clause for clause in clauses_of(text)}.values())[:MOST_CLAUSES]
    stated = [clause for clause in clauses if _stated(clause)]
    claims = [Claim(clause) for clause in stated if clause.tokens or clause.attitude]
    attributes = [attribute for clause in stated for attribute in attributes_of(clause)]
    answer = None
    question = next((clause for clause in reversed(prompt) if clause.question), None)
    if question and clauses and not clauses[0].question and question.subject != THIRD:
        answered = _answered(question, clauses[0])
        if answered is not None:
            claims.append(Claim(answered, True))
        if not WH.search(question.text) and question.subject != SELF:
            claims += [
                Claim(clause._replace(tokens=question.tokens), True)
                for clause in clauses[1:]
                if clause.attitude and not clause.tokens and not clause.question and clause.subject != OTHER
            ]
        attributes += _asked(question, clauses[0])
        answer = _answer(question, clauses)
    return Said(tuple(clauses), tuple(claims), tuple(dict.fromkeys(attributes)), answer)


def _stated(clause: Clause) -> bool:
    return not clause.question and not clause.unreal and clause.subject in (SELF, OPEN)


def _answered(question: Clause, first: Clause) -> Clause | None:
    """The question as a claim of who answers it with yes or no; None where the reply does neither."""
    if WH.search(question.text) or KNOWS.search(question.text) or question.subject == SELF or not question.tokens:
        return None
    said = first.text.lstrip("，,。 ")
    if first.han:
        no = bool(CHINESE_NO.match(said))
        if not no and not CHINESE_YES.match(said):
            return None
        fact = -1 if no else 1
        if question.fact < 0 and not RHETORICAL.search(question.text):
            if CHINESE_AGREES.match(said):
                fact = -1
            elif said.startswith("不是"):
                fact = 1
    else:
        no = bool(ENGLISH_NO.match(said))
        if not no and not ENGLISH_YES.match(said):
            return None
        fact = -1 if no else 1
    base = question.attitude * question.fact
    attitude = first.attitude if first.attitude else base * fact
    return question._replace(subject=SELF, question=False, fact=fact, attitude=attitude, unreal=False)


def _answer(question: Clause, clauses: Sequence[Clause]) -> Answer:
    said = " ".join(clause.text for clause in clauses if not clause.question)
    value = frozenset(token for clause in clauses if not clause.question for token in clause.tokens)
    like = question.attitude if WH.search(question.text) else 0
    return Answer(grams(question), value, bool(UNKNOWN.search(said)), clauses[0].fact < 0, like)


def grams(clause: Clause) -> frozenset[str]:
    """The stems, or pairs of characters, of a clause as it stands."""
    if not clause.han:
        return frozenset(stem(word) for word in re.findall(r"[a-z]+", clause.text))
    letters = re.sub(r"\W", "", clause.text)
    return frozenset(letters[place : place + 2] for place in range(len(letters) - 1))


@cache
def english_jobs() -> frozenset[str]:
    """Stems of professions."""
    return frozenset(stem(word) for word in word_lists()["english_jobs"].split())


@cache
def chinese_jobs() -> re.Pattern[str]:
    """Finds professions."""
    return re.compile("|".join(sorted(word_lists()["chinese_jobs"].split(), key=len, reverse=True)))


def attributes_of(clause: Clause) -> Sequence[Attribute]:
    """Attributes that the clause gives its speaker; none where it denies."""
    if clause.fact < 0:
        return ()
    if clause.han:
        return _chinese_attributes(clause.text, clause.subject == SELF)
    return _english_attributes(clause.text, tuple(clause.tokens)) if clause.subject == SELF else ()


@lru_cache(maxsize=20_000)
def _english_attributes(text: str, tokens: Sequence[str]) -> tuple[Attribute, ...]:
    found = []
    for name, pattern in (("home", FROM_EN), ("residence", LIVE_EN)):
        if (match := pattern.search(text)) and (place := place_of(match[0])):
            found.append(Attribute(name, place, True))
    if match := NAME_EN.search(text):
        found.append(Attribute("name", match[1], True))
    if match := AGE_EN.search(text):
        found.append(Attribute("age", _number(match[1]), True))
    if match := GENDER_EN.search(text):
        found.append(Attribute("gender", "male" if match[1] in MALE else "female", True))
    if (match := JOB_EN.search(text)) and stem(match[1]) in english_jobs():
        found.append(Attribute("job", stem(match[1]), True))
    if match := FAVOURITE_EN.search(text):
        found.append(Attribute(f"favourite {stem(match[1])}", match[2].strip(), True))
    found += [
        Attribute(f"number of {token}", _number(match[1]), True)
        for match in (COUNT_EN.finditer(text) if OWNS.search(text) else ())
        if (token := _counted(tokens, match[2])) and stem(match[2]) not in NO_POSSESSION
    ]
    return tuple(found)


def _counted(tokens: Sequence[str], word: str) -> str:
    root = stem(word)
    return root if root in tokens or any(token[0] == "@" for token in tokens) else ""


NOT_OWNED = ("year", "month", "week", "day", "hour", "minute", "time", "mile", "dollar", "of", "or", "and", "more")
NO_POSSESSION = frozenset(map(stem, NOT_OWNED))


@lru_cache(maxsize=20_000)
def _chinese_attributes(clause: str, of_self: bool) -> tuple[Attribute, ...]:
    text, found = clause.strip(" 。！!.?？"), []
    if match := NAME_ZH.search(text):
        found.append(Attribute("name", match[1], True))
    if match := AGE_ZH.search(text):
        found.append(Attribute("age", _number(match[1] or match[2]), of_self))
    if match := FAVOURITE_ZH.search(text):
        found.append(Attribute(f"favourite {match[1]}", match[2], True))
    if match := GENDER_ZH.search(text):
        found.append(Attribute("gender", "male" if match[1] == "男" else "female", True))
    for name, pattern in (("home", HOME_ZH), ("residence", LIVE_ZH)):
        if (match := pattern.search(text)) and (place := place_of(match[0])):
            found.append(Attribute(name, place, True))
    if (match := JOB_ZH.search(text)) and not MET_ZH.search(match[1]) and (jobs := _jobs(match[1])):
        found.append(Attribute("job", jobs, of_self))
    found += [
        Attribute(f"number of {match[2][:2]}", _number(match[1]), of_self)
        for match in COUNT_ZH.finditer(text)
        if match[2][0] not in "大小多月半小时左"
    ]
    return tuple(found)


ASKED = {
    "age": re.compile("多大|几岁|\\bhow old\\b|\\byour age\\b"),
    "home": re.compile("哪里人|哪人|是哪的|哪儿人|是哪里的|来自哪|\\bwhere (?:are|do) (?:you|i) (?:come )?from\\b"),
    "residence": re.compile("住哪|住在哪|现在在哪|\\bwhere do (?:you|i) live\\b"),
    "job": re.compile(
        "什么工作|做什么的|\\bwhat do (?:you|i) do\\b(?! (?:for fun|in|on|when))|\\byour job\\b|\\bfor a living\\b"
    ),
    "name": re.compile("叫什么|什么名字|\\bmy name\\b|\\byour name\\b"),
}
"""What a question asks for, by the attribute of whom it asks."""
OF_OTHERS = re.compile("孩|儿|女|狗|猫|爸|妈|\\b(?:kid|child|children|son|daughter|dog|cat|mother|father|friend)s?\\b")


def asked_for(question: Clause) -> list[str]:
    """Names of the attributes that a question asks for."""
    if OF_OTHERS.search(question.text):
        return []
    return [name for name, pattern in ASKED.items() if pattern.search(question.text)]


def _asked(question: Clause, first: Clause) -> list[Attribute]:
    """The attribute that a question asks for, with the value of the answer."""
    text, found = first.text.strip(" 。！!.?？"), []
    if first.fact < 0 or question.subject == SELF:
        return []
    for name in asked_for(question):
        value = ""
        if name == "age" and (match := re.search(rf"\d+|{DIGITS}|\b(?:{NUMBER})\b", text)):
            value = _number(match[0])
        elif name in ("home", "residence"):
            value = place_of(text)
        elif name == "job" and first.han:
            value = _jobs(text)
        if value:
            found.append(Attribute(name, value, True))
    return found


SAME_JOB = {"教师": "老师", "幼师": "老师", "会计": "财务", "大学生": "学生", "搬砖": ""}


def _jobs(text: str) -> str:
    """The professions that a text names, joined by |; empty where it names none."""
    return "|".join(sorted({SAME_JOB.get(job, job) for job in chinese_jobs().findall(text)} - {""}))


def _number(text: str) -> str:
    if text.isdigit():
        return str(int(text))
    if text in NUMBERS:
        return str(NUMBERS[text])
    total, current = 0, 0
    for character in text:
        if character == "十":
            total, current = total + (current or 1) * 10, 0
        elif character == "百":
            total, current = total + (current or 1) * 100, 0
        else:
            current = HAN_DIGITS.get(character, 0)
    return str(total + current)


def about_other(clauses: Sequence[Clause]) -> list[Clause]:
    """Clauses that say something of whom they speak to."""
    return [clause for clause in clauses if clause.subject == OTHER and clause.tokens]
