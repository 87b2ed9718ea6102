"""Simulated judges and people with a known truth, and faults that can be planted in the judge.

Each pair has a truly better side, which is the longer one more often than not; people err; a judge errs beside that
and, with a planted fault, follows something else than the truth in some of its verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evalloop_assets.evaluation.judges.opinions import CLASSES, opinions

if TYPE_CHECKING:
    import pandas as pd

FAULTS = ("position", "length", "family", "format", "drift", "side", "prompt")
BEGUN = datetime(2026, 3, 2)
SHORT, LONG = "A short reply. ", "A reply that goes on for longer. "


@dataclass(frozen=True)
class Panel:
    """Who is asked, and how well they see."""

    items: int = 600
    longer_better: float = 0.7
    """Share of pairs whose longer side is the better one."""
    people: float = 0.9
    """Accuracy of one person."""
    annotators: int = 1
    judge: float = 0.8
    """Accuracy of the judge without its fault."""


class Answers(NamedTuple):
    """Frames as `audit` takes them."""

    verdicts: pd.DataFrame
    gold: pd.DataFrame


def answers(rng: np.random.Generator, panel: Panel, fault: str = "", strength: float = 0.0) -> Answers:
    """Verdicts of the judge `gpt-judge` in both orders, early and late, under two versions of its prompt, and people's.

    With the share `strength` of its verdicts it follows the fault: the reply shown first, the longer one, its own
    family, the formatted one, side a; with `drift` and `prompt` it answers at random, late or under the second version.
    """
    import pandas as pd

    n = panel.items
    a_longer, a_better = rng.random(n) < 0.5, rng.random(n)
    a_better = np.where(a_longer, a_better < panel.longer_better, a_better >= panel.longer_better)
    a_formatted, a_own = rng.random(n) < 0.5, rng.random(n) < 0.5
    items = pd.DataFrame(
        {
            "item_id": [f"i{k}" for k in range(n)],
            "reply_a": [_reply(k, *side) for k, side in enumerate(zip(a_longer, a_formatted, strict=True))],
            "reply_b": [_reply(k, *side) for k, side in enumerate(zip(~a_longer, ~a_formatted, strict=True))],
            "family_a": np.where(a_own, "gpt", "llama"),
            "family_b": np.where(a_own, "llama", "gpt"),
            "slice": np.where(rng.random(n) < 0.5, "chat", "code"),
        }
    )
    asked = []
    for late, version in ((False, "1"), (True, "1"), (False, "2")):
        for order in ("ab", "ba"):
            followed = {
                "position": np.full(n, order == "ab"),
                "length": a_longer,
                "family": a_own,
                "format": a_formatted,
                "side": np.full(n, True),
                "drift": rng.random(n) < 0.5,
                "prompt": rng.random(n) < 0.5,
            }
            at_fault = fault in FAULTS and (fault != "drift" or late) and (fault != "prompt" or version == "2")
            says_a = _seen(rng, a_better, panel.judge)
            if at_fault:
                says_a = np.where(rng.random(n) < strength, followed[fault], says_a)
            at = BEGUN + timedelta(days=30 * late)
            asked.append(
                items.assign(
                    judge_id="gpt-judge", verdict=np.where(says_a, "a", "b"), order=order, prompt_version=version,
                    decided_at=at,
                )
            )  # fmt: skip
    marks = [
        pd.DataFrame(
            {
                "item_id": items["item_id"],
                "annotator_id": f"p{who}",
                "verdict": np.where(_seen(rng, a_better, panel.people), "a", "b"),
            }
        )
        for who in range(panel.annotators)
    ]
    return Answers(pd.concat(asked, ignore_index=True), pd.concat(marks, ignore_index=True))


def crowd(rng: np.random.Generator, accuracies: Sequence[float], items: int, an_item: int) -> pd.DataFrame:
    """Annotations of people p0, p1, … with these accuracies over three classes, as `opinions` gives them: `an_item` of
    them, drawn at random, judge each item.
    """
    import pandas as pd

    truth = rng.integers(0, 3, items)
    who = rng.permuted(np.tile(np.arange(len(accuracies)), (items, 1)), axis=1)[:, :an_item]
    right = rng.random(who.shape) < np.asarray(accuracies)[who]
    said = np.where(right, truth[:, None], (truth[:, None] + rng.integers(1, 3, who.shape)) % 3)
    marks = pd.DataFrame(
        {
            "item_id": np.repeat([f"i{k}" for k in range(items)], an_item),
            "annotator_id": [f"p{number}" for number in who.ravel()],
            "verdict": np.array(CLASSES)[said.ravel()],
        }
    )
    return opinions(marks, "annotator_id", "gold annotations")


def _seen(rng: np.random.Generator, truth: np.ndarray, accuracy: float) -> np.ndarray:
    return np.where(rng.random(len(truth)) < accuracy, truth, ~truth)


def _reply(number: int, longer: bool, formatted: bool) -> str:
    words = (LONG * 3 if longer else SHORT) + f"Number {number}."
    return f"- {words}" if formatted else words
