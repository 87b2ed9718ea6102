"""Every turn scored: by the reward model as an answer in its place, by its text, or by any other scorer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.evaluation.dynamic.converse import Conversation
from evalloop_assets.evaluation.dynamic.user import grams
from evalloop_assets.reward_model.breaks import find_breaks
from evalloop_assets.reward_model.gated import BLANK_REWARD, Gate, Scores, gated_rewards
from evalloop_assets.reward_model.history import Exchange, History

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
SECONDS_A_TURN = 60.0
"""Time that is taken to pass from one reply to the next."""
UNIT_METRICS = ("consistency", "diversity", "recall", "completed")
"""Metrics between 0 and 1."""


class TurnScorer(Protocol):
    """Whatever scores the replies of conversations."""

    @property
    def version(self) -> str:
        """Names the scorer so exactly that equal versions give equal scores."""

    def score(self, talks: Sequence[Conversation]) -> Mapping[str, Floats]:
        """Per metric one score a turn, float64 [turns of all conversations, in order]; larger is better, and NaN where
        there is nothing to score.
        """


@dataclass(frozen=True)
class RewardScorer:
    """The gated reward of each reply after what was said before it, in anchor standard deviations.

    A blank reply gets BLANK_REWARD: a policy that says nothing must lose. Replies are held against what the user meant,
    so that a misspelt message is judged by the same words as the plain one.
    """

    model: Scores
    at: Gate
    reward_version: str

    @property
    def version(self) -> str:
        return f"reward/{self.reward_version}/{hashlib.sha256(repr(self.at).encode()).hexdigest()[:8]}"

    def score(self, talks: Sequence[Conversation]) -> dict[str, Floats]:
        messages = [turn.meant for talk in talks for turn in talk.turns]
        replies = [turn.reply for talk in talks for turn in talk.turns]
        histories = [_history(talk, at) for talk in talks for at in range(len(talk.turns))]
        if not replies:
            return {"reward": np.empty(0)}
        found = gated_rewards(self.model, messages, replies, histories, at=self.at).reward
        return {"reward": np.where(np.isnan(found), BLANK_REWARD, found)}


@dataclass(frozen=True)
class TextScorer:
    """What the text alone tells: consistency, diversity, and whether what was told is remembered; all in [0, 1]."""

    version: str = "text/2"

    def score(self, talks: Sequence[Conversation]) -> dict[str, Floats]:
        recalled = [turn.recalled for talk in talks for turn in talk.turns]
        return {
            "consistency": _consistency(talks),
            "diversity": np.array([share for talk in talks for share in _new_shares(talk)], np.float64),
            "recall": np.array([np.nan if one is None else float(one) for one in recalled], np.float64),
        }


def scored(model_id: str, talks: Sequence[Conversation], scorers: Sequence[TurnScorer]) -> pd.DataFrame:
    """One row a turn and metric that was scored, in order of conversation, turn and scorer.

    Columns: model_id, pair (what a conversation has in common with the same one of another model or perturbation),
    role_type, intent, prompt_setting, locale, perturbation, turn, metric, scorer, score.
    """
    import pandas as pd

    turns = pd.DataFrame(
        [
            {
                "model_id": model_id,
                "pair": talk.pair,
                "role_type": talk.scenario.role.role_type,
                "intent": talk.scenario.intent,
                "prompt_setting": talk.scenario.prompt_setting,
                "locale": talk.scenario.role.locale,
                "perturbation": talk.perturbation,
                "turn": turn.turn,
            }
            for talk in talks
            for turn in talk.turns
        ]
    )
    parts = [
        turns.assign(metric=metric, scorer=scorer.version, score=values).dropna(subset="score")
        for scorer in scorers
        for metric, values in scorer.score(talks).items()
        if len(turns)
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _history(talk: Conversation, at: int) -> History:
    return [
        Exchange(turn.meant, turn.reply, SECONDS_A_TURN * (at - place)) for place, turn in enumerate(talk.turns[:at])
    ]


def _consistency(talks: Sequence[Conversation]) -> Floats:
    """1 less the evidence of a break; NaN for a blank reply, which breaks nothing and keeps nothing."""
    import pandas as pd

    rows = [
        (number, 2 * turn.turn + (speaker == "role"), speaker, text, "\n".join(talk.scenario.role.persona))
        for number, talk in enumerate(talks)
        for turn in talk.turns
        for speaker, text in (("user", turn.meant), ("role", turn.reply))
    ]
    if not rows:
        return np.empty(0)
    said = pd.DataFrame(rows, columns=["conversation_id", "position", "speaker", "text", "persona"])
    said.loc[said["speaker"] == "user", "persona"] = None
    replies = (said["speaker"] == "role").to_numpy()
    blank = (said["text"].str.strip() == "").to_numpy()
    kept = 1.0 - find_breaks(said)["score"].to_numpy(np.float64)
    return np.asarray(np.where(blank, np.nan, kept)[replies], np.float64)


def _new_shares(talk: Conversation) -> list[float]:
    """Of each reply's runs of characters, the share that no earlier reply held; NaN for a blank reply."""
    seen: set[str] = set()
    shares = []
    for turn in talk.turns:
        held = grams(turn.reply)
        shares.append(len(held - seen) / len(held) if held else float("nan"))
        seen |= held
    return shares
