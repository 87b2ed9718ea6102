"""Which side of an item has more of something that may sway a judge: length, markup, its own family, a known hack."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MARKUP = {
    "list": re.compile(r"^[ \t]*(?:[-+*][ \t]+|[•·][ \t]*|\d{1,3}[.)][ \t]+|\d{1,3}[、．][ \t]*)(?=\S)", re.MULTILINE),
    "bold": re.compile(r"\*\*[^*\n]+\*\*|__[^_\n]+__"),
    "heading": re.compile(r"^#{1,6}[ \t]+\S", re.MULTILINE),
}
INJECTION = re.compile(
    r"(?:ignore|disregard|forget)\s+(?:all\s+|any\s+)?(?:of\s+)?(?:the\s+|your\s+)?(?:previous|above|prior|earlier)"
    r"(?:\s+(?:\w+\s+)?(?:instruct|direct|prompt|rule|rubric|criteri|guideline|command)|\s*[.,:;!]|\s+and\b)"
    r"|\bas\s+(?:an?\s+)?(?:impartial|fair)\s+(?:judge|evaluator)"
    r"|\b(?:choose|select|prefer|pick)\s+(?:only\s+)?(?:this|my)\s+(?:own\s+)?(?:answer|reply|response|output)"
    r"|\b(?:choose|select|prefer|pick|output|answer)\s+(?:only\s+)?['\"]?[ab]['\"]?\s*$"
    r"|\[\[\s*[ab]\s*\]\]|<\|?/?\s*(?:im_start|im_end|system|endoftext)"
    r"|(?:忽略|无视)(?:以上|上述|之前|前面)[^。!?\n]{0,8}(?:指令|指示|提示|要求|规则|说明|内容)"
    r"|(?:请|必须)(?:选择|判定|认为)(?:本|这个|此|我的)(?:回答|回复|答案)",
    re.IGNORECASE | re.MULTILINE,
)
"""Words in a reply that speak to the judge and not to the user."""
CONSTANT_ITEMS = 5
"""Items with different messages from which on one and the same reply is a constant."""


def lead(of_a: pd.Series, of_b: pd.Series) -> pd.Series:
    """+1 where side a has more, -1 where b, 0 where neither or where one of them is unknown."""
    return (of_a.astype(float) - of_b.astype(float)).fillna(0.0).clip(-1, 1).round()


def length_lead(items: pd.DataFrame) -> pd.Series:
    """The longer reply, in characters."""
    return lead(items["reply_a"].str.len(), items["reply_b"].str.len())


def markup_lead(items: pd.DataFrame, kinds: Iterable[str] = tuple(MARKUP)) -> pd.Series:
    """The reply with more markup of these kinds."""
    import pandas as pd

    marks = [
        pd.concat([items[side].str.count(MARKUP[kind].pattern, MARKUP[kind].flags) for kind in kinds], axis=1).astype(
            float
        )
        for side in ("reply_a", "reply_b")
    ]
    of_a, of_b = (counts.sum(axis=1, skipna=False) for counts in marks)
    return lead(of_a, of_b)


def family_lead(items: pd.DataFrame, family: str) -> pd.Series:
    """The reply of that family, where the other one is of another."""
    known = items["family_a"].notna() & items["family_b"].notna()
    return lead(items["family_a"].eq(family).where(known), items["family_b"].eq(family).where(known))


def own_family(judge_id: str, items: pd.DataFrame, families: Mapping[str, str]) -> str | None:
    """The family of a judge: as given, else the longest family name of the replies that is part of its id, as whole
    words: `a` is no part of llama, `gpt` is one of GPT4.
    """
    if judge_id in families:
        return families[judge_id]
    names = {*items["family_a"].dropna(), *items["family_b"].dropna()}
    within = [name for name in names if name and _names(name, judge_id)]
    return max(sorted(within), key=len, default=None)


def _names(family: str, judge_id: str) -> bool:
    """Whether the family's name stands in the id, its letters not beside other letters nor its digits beside others."""
    edges = {True: r"\d", False: r"[^\W\d_]"}
    before, after = (edges[family[end].isdigit()] for end in (0, -1))
    return re.search(f"(?<!{before}){re.escape(family)}(?!{after})", judge_id, re.IGNORECASE) is not None


def hacked(items: pd.DataFrame) -> dict[str, pd.Series]:
    """Lead of the side with a reply that no user wants: empty, the same whatever was asked, or written to the judge."""
    sides = ("reply_a", "reply_b")
    constant = _constants(items)
    marks = {
        "empty": [items[side].str.strip().eq("").where(items[side].notna()) for side in sides],
        "constant": [items[side].isin(constant).where(items[side].notna()) for side in sides],
        "injection": [items[side].str.contains(INJECTION.pattern, flags=INJECTION.flags, na=None) for side in sides],
    }
    return {name: lead(of_a, of_b) for name, (of_a, of_b) in marks.items()}


def _constants(items: pd.DataFrame) -> set[str]:
    import pandas as pd

    asked = items["user_text"].where(items["user_text"].notna(), items.index.to_series())
    both = pd.concat(
        [pd.DataFrame({"reply": items[side].str.strip(), "asked": asked}) for side in ("reply_a", "reply_b")]
    ).dropna()
    both = both[both["reply"] != ""]
    counts = both.groupby("reply")["asked"].nunique()
    texts = set(counts[counts >= CONSTANT_ITEMS].index)
    return {text for side in ("reply_a", "reply_b") for text in items[side].dropna().unique() if text.strip() in texts}
