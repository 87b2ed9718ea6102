"""How something is done: again and again, never, for the first time, for others."""

from __future__ import annotations

import re
from functools import lru_cache

HABIT = re.compile(
    r"\b(?:most (?:mornings|days|nights|evenings|weekends)|every (?:day|morning|night|evening|week|weekend)|"
    r"daily|always|keeps?|owns?|raises?|my (?:second|third|fourth)|pour (?:me|myself)|order(?:ed)? (?:me|myself)|"
    r"(?:another|one more) (?:round|glass|cup|pint|slice|bowl|plate|bite|helping|serving|drink|bottle))\b|"
    "一[天日][一两二三四五六七八九十]+[杯碗顿包根盘]|每天|天天|每周|每晚|每早|经常|总是|养了|养着|养的|"
    "再来[一两]?[杯碗份盘块根壶]|又[点要来]了|给我[来上满]"
)
"""Done again and again, kept, or asked for: nobody does so with what is detested."""
ABSTAINS = re.compile(
    r"\b(?:do not|does not|never|no longer|cannot) (?:ever )?"
    r"(?:eat|drink|touch|smoke|gamble|dance|sing|swim|cook|play|wear|ride|watch|read|listen|fight|drive)|"
    "(?:从不|不能?|不再|没法)(?:吃|喝|碰|抽|赌|跳|唱|看|听|玩|穿|骑|沾)|不能吃"
)
"""Never does what one might love to do."""
INTAKE = re.compile(
    r"\b(?:eat|ate|eaten|drank|drink|finished|devoured|adopted|"
    r"(?:have|had|own|keep) (?:a|an|two|three|four|some|many))\b|"
    "吃了|喝了|啃了|爱吃|养了|养着|养的"
)
"""Takes, or has, what one might be allergic to."""
NOT_TAKEN = re.compile(
    r"\b(?:leave|left|trade|traded|swap|swapped|give|gave|hand|handed|pass|passed|pour|poured|serve|served) "
    r"(?!me\b|myself\b)(?:\w+ ){1,4}(?:to (?!me\b|my mouth)|for (?!me\b|myself\b)|back\b|over\b|away\b)|"
    r"\b(?:seen?|saw|smell|smelled|watch|watched|hear|heard) |"
    r"\b(?:pour|serve|make|made|brew|bring|brought|hand|give|gave|offer|buy|bought|fetch|get|got|light|lit)(?:ed|d|s)? "
    r"(?:you|him|her|them|everyone|(?:the|my) (?:others|guests?|customers?|crew|children|kids|neighbou?rs?))\b|"
    r"\bfor (?:you|him|her|them|everyone|others)\b|"
    "闻|一见|看见|挑出|砸了|扔了|洒了|倒了|[给替为]了?(?:你们?|您|他们?|她们?|大家|客官?人?|别人)"
)
"""Seen, given, or done for others: not eaten, drunk or smoked."""
FIRST_TIME = re.compile(
    r"\b(?:this|it) (?:is|was) my (?:very )?first\b|\bmy (?:very )?first time\b|\b(?:new to|beginner|novice)\b|"
    r"\bfor the first time(?: ever| in my life)?(?! (?:in|this|since|to))\b|"
    "(?:这|我|还|才)是?(?:头一回|第一次|头一次|头一遭|第一回)(?!.*(?:时候|那))|刚学|初学|新手"
)
PRACTICE = re.compile(
    r"\b(?:for (?:\w+ ){0,3}(?:years|decades|ages)|since (?:i|he|she|they) (?:was|were|could)|since childhood|"
    r"veteran|expert|all (?:my|his|her) life|every (?:day|morning|night|evening|week|weekend|year)|lifelong|daily|"
    r"professional|master)\b|"
    "多年|从小|打小|每天|天天|每晚|每早|[0-9一二三四五六七八九十几]+年|老手|行家|高手|[一半]辈子|常年|自幼"
)


def begins(one: str, other: str) -> bool:
    """Whether one clause calls new what the other has long done."""
    return _first_time(one) and not _first_time(other) and bool(PRACTICE.search(other))


@lru_cache(maxsize=20_000)
def _first_time(clause: str) -> bool:
    return bool(FIRST_TIME.search(clause))
