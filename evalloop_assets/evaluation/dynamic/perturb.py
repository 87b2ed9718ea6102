"""The same message, harder: with slips of the keyboard, in noise, or with an attack on the role after it."""

from __future__ import annotations

import random
from collections.abc import Callable

from evalloop_assets.evaluation.dynamic.grid import phrases

SLIP_RATE = 0.06
"""Share of letters that are struck wrongly."""
ATTACK_EVERY = 3
"""Turns from one attack to the next; the first is in the third turn."""
NOISE = ("...", "!!", "😂", "~~", " ", "  ", "??", "🙏")
LIKE = str.maketrans({"在": "再", "的": "得", "做": "作", "是": "事", "他": "她", "那": "哪", "吗": "嘛", "已": "以"})
"""Characters that are typed for one another since they sound alike."""


def perturbed(text: str, kind: str, seed: str, turn: int, locale: str) -> str:
    """The message under that perturbation; the same for the same seed. KeyError for an unknown kind."""
    return _KINDS[kind](text, random.Random(f"{kind}/{seed}/{turn}"), turn, locale)


def _none(text: str, draw: random.Random, turn: int, locale: str) -> str:
    return text


def _typos(text: str, draw: random.Random, turn: int, locale: str) -> str:
    """Letters doubled, left out or swapped; in Chinese also characters that sound alike."""
    out: list[str] = []
    at = 0
    while at < len(text):
        here = text[at]
        if not here.isalpha() or draw.random() >= SLIP_RATE:
            out.append(here)
            at += 1
            continue
        slip = draw.randrange(3)
        if slip == 0:
            out.append(here * 2)
        elif slip == 1 and at + 1 < len(text):
            out.append(text[at + 1] + here)
            at += 1
        at += 1
    typed = "".join(out)
    return typed.translate(LIKE) if locale == "zh" and draw.random() < 0.5 else typed


def _noise(text: str, draw: random.Random, turn: int, locale: str) -> str:
    """Case lost, and marks, blanks and faces strewn in."""
    words = text.lower().split(" ") if " " in text else [text]
    strewn = [word + (draw.choice(NOISE) if draw.random() < 0.3 else "") for word in words]
    return " ".join(strewn) + draw.choice(NOISE)


def _adversarial(text: str, draw: random.Random, turn: int, locale: str) -> str:
    """Every third turn an attack on the role comes after what was to be said."""
    if (turn + 1) % ATTACK_EVERY:
        return text
    return f"{text} {draw.choice(phrases(locale)['attack'])}"


_KINDS: dict[str, Callable[[str, random.Random, int, str], str]] = {
    "none": _none,
    "typos": _typos,
    "noise": _noise,
    "adversarial": _adversarial,
}
PERTURBATIONS = tuple(_KINDS)
