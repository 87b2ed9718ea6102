"""Logged replies with what they answer: what a base model learns from, and on which candidates are probed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from evalloop_assets.policy_iteration.prompts import MOST_CHARS, Prompt
from evalloop_assets.reward_model.pairs import is_held_out

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs

LOGGED = """
    WITH personas AS (
        SELECT character_id, arg_max(persona, day) AS persona FROM characters GROUP BY character_id
    ),
    told AS (
        SELECT *, list([coalesce(user_text, ''), coalesce(reply_text, '')]) OVER (
            PARTITION BY conversation_id ORDER BY shown_at, event_id ROWS BETWEEN 8 PRECEDING AND 1 PRECEDING
        ) AS said
        FROM turns
    )
    SELECT told.event_id, told.user_id, coalesce(told.user_text, '') AS user_text, told.reply_text,
        coalesce(told.locale, '') AS locale, coalesce(personas.persona, '') AS persona,
        coalesce(flatten(told.said), []) AS said
    FROM told LEFT JOIN personas ON personas.character_id = told.character_id
    WHERE told.model_id = $model AND trim(told.reply_text) <> '' AND length(told.reply_text) <= $longest
    ORDER BY md5(told.event_id), told.event_id
    LIMIT $most
"""
"""A reply above MOST_CHARS teaches nothing but length and is left out."""

KEPT_PAIRS = """
    WITH personas AS (
        SELECT character_id, arg_max(persona, day) AS persona FROM characters GROUP BY character_id
    )
    SELECT pairs.pair_id, pairs.user_id, coalesce(pairs.user_text, '') AS user_text, pairs.chosen, pairs.rejected,
        coalesce(min(turns.locale), '') AS locale, coalesce(min(personas.persona), '') AS persona
    FROM policy_pairs AS pairs
    LEFT JOIN turns ON turns.user_id = pairs.user_id AND turns.user_text = pairs.user_text
        AND turns.reply_text IN (pairs.chosen, pairs.rejected)
    LEFT JOIN personas ON personas.character_id = turns.character_id
    WHERE pairs.kept AND length(pairs.chosen) <= $longest AND length(pairs.rejected) <= $longest
    GROUP BY pairs.pair_id, pairs.user_id, pairs.user_text, pairs.chosen, pairs.rejected
    ORDER BY pairs.pair_id
"""


class Example(NamedTuple):
    """A logged reply with what it answers."""

    user_id: str
    prompt: Prompt
    reply: str


class Preference(NamedTuple):
    """A pair that the filter kept."""

    prompt: Prompt
    chosen: str
    rejected: str


class Split(NamedTuple):
    """Examples by user: those who are held out of all training, and the others."""

    fit: list[Example]
    held_out: list[Example]


def read_examples(inputs: Inputs, model_id: str, most: int) -> Split:
    """The first `most` replies of a model, in the order of a hash of their id, by the reward model's own split."""
    rows = inputs.query(LOGGED, {"model": model_id, "longest": MOST_CHARS, "most": most}).to_pylist()
    examples = [
        Example(
            row["user_id"],
            Prompt(row["user_text"], tuple(row["said"]), row["persona"], row["locale"]),
            row["reply_text"],
        )
        for row in rows
    ]
    held = is_held_out([one.user_id for one in examples])
    return Split(
        [one for one, out in zip(examples, held, strict=True) if not out],
        [one for one, out in zip(examples, held, strict=True) if out],
    )


def read_preferences(inputs: Inputs) -> list[Preference]:
    """The kept pairs of users who are not held out."""
    rows = inputs.query(KEPT_PAIRS, {"longest": MOST_CHARS}).to_pylist()
    held = is_held_out([row["user_id"] for row in rows])
    return [
        Preference(Prompt(row["user_text"], (), row["persona"], row["locale"]), row["chosen"], row["rejected"])
        for row, out in zip(rows, held, strict=True)
        if not out
    ]
