"""Logged replies with what they answer: what a base model learns from, and on which candidates are probed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from evalloop_assets.policy_iteration.prompts import MOST_CHARS, Prompt
from evalloop_assets.reward_model.pairs import is_held_out

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs

TOLD = """
    SELECT *, epoch_ms(shown_at) AS shown_ms, list([coalesce(user_text, ''), coalesce(reply_text, '')])
            FILTER (WHERE kept) OVER earlier AS said,
        list(epoch_ms(shown_at)) FILTER (WHERE kept) OVER earlier AS said_ms
    FROM (SELECT *, event_id NOT IN (SELECT replaces_event_id FROM turns WHERE replaces_event_id IS NOT NULL) AS kept
        FROM turns)
    WINDOW earlier AS (
        PARTITION BY conversation_id ORDER BY shown_at, event_id ROWS BETWEEN 8 PRECEDING AND 1 PRECEDING
    )
"""
"""Replies with the exchanges before them, those that the user had written anew left out."""

LOGGED = f"""
    WITH personas AS (
        SELECT character_id, arg_max(persona, day) AS persona FROM characters GROUP BY character_id
    ),
    told AS ({TOLD})
    SELECT told.event_id, told.user_id, coalesce(told.user_text, '') AS user_text, told.reply_text,
        coalesce(told.locale, '') AS locale, coalesce(personas.persona, '') AS persona,
        told.shown_ms, coalesce(told.said, []) AS said, coalesce(told.said_ms, []) AS said_ms,
        told.event_id IN (SELECT event_id FROM bad_cases WHERE side <> 'training') AS evaluates
    FROM told LEFT JOIN personas ON personas.character_id = told.character_id
    WHERE told.model_id = $model AND trim(told.reply_text) <> '' AND length(told.reply_text) <= $longest
    ORDER BY md5(told.event_id), told.event_id
    LIMIT $most
"""
"""A reply above MOST_CHARS teaches nothing but length and is left out."""

KEPT_PAIRS = """
    WITH personas AS (
        SELECT character_id, arg_max(persona, day) AS persona FROM characters GROUP BY character_id
    ),
    kept AS (SELECT *, coalesce(user_text, '') AS message FROM policy_pairs WHERE kept),
    undisputed AS (
        SELECT kept.* FROM kept
        WHERE length(kept.chosen) <= $longest AND length(kept.rejected) <= $longest
            AND (message, chosen, rejected) NOT IN (
                SELECT (coalesce(user_text, ''), rejected, chosen) FROM policy_pairs WHERE chosen IS NOT NULL
            )
        QUALIFY row_number() OVER (PARTITION BY message, chosen, rejected ORDER BY day, pair_id) = 1
    ),
    shared AS (
        SELECT * FROM undisputed
        QUALIFY row_number() OVER (PARTITION BY user_id ORDER BY md5(pair_id), pair_id) <= $per_user
    )
    SELECT pairs.pair_id, pairs.user_id, pairs.message AS user_text, pairs.chosen, pairs.rejected,
        coalesce(min(turns.locale), '') AS locale, coalesce(min(personas.persona), '') AS persona
    FROM shared AS pairs
    LEFT JOIN turns ON turns.user_id = pairs.user_id AND turns.user_text = pairs.user_text
        AND turns.reply_text IN (pairs.chosen, pairs.rejected)
    LEFT JOIN personas ON personas.character_id = turns.character_id
    GROUP BY pairs.pair_id, pairs.user_id, pairs.message, pairs.chosen, pairs.rejected
    ORDER BY pairs.pair_id
"""
"""The filter looks at one day: what another day decides the other way or again, and a user's share of the whole, are
seen only here."""


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
    """Without the bad cases that evaluate."""
    held_out: list[Example]


def read_examples(inputs: Inputs, model_id: str, most: int) -> Split:
    """The first `most` replies of a model, in the order of a hash of their id, by the reward model's own split."""
    rows = inputs.query(LOGGED, {"model": model_id, "longest": MOST_CHARS, "most": most}).to_pylist()
    examples = [
        Example(
            row["user_id"],
            Prompt(row["user_text"], said_before(row), row["persona"], row["locale"], seconds_before(row)),
            row["reply_text"],
        )
        for row in rows
    ]
    held = is_held_out([one.user_id for one in examples])
    return Split(
        [one for one, out, row in zip(examples, held, rows, strict=True) if not out and not row["evaluates"]],
        [one for one, out in zip(examples, held, strict=True) if out],
    )


def said_before(row: Mapping[str, Any]) -> tuple[str, ...]:
    """Messages and replies before a row of `TOLD`, in turn."""
    return tuple(text for exchange in row["said"] for text in exchange)


def seconds_before(row: Mapping[str, Any]) -> tuple[float, ...]:
    """Seconds from each of those replies to the row's own."""
    return tuple((row["shown_ms"] - one) / 1000 for one in row["said_ms"])


def read_preferences(inputs: Inputs, per_user: int) -> list[Preference]:
    """The kept pairs of users who are not held out, each once, at most `per_user` of a user over all days."""
    rows = inputs.query(KEPT_PAIRS, {"longest": MOST_CHARS, "per_user": per_user}).to_pylist()
    held = is_held_out([row["user_id"] for row in rows])
    return [
        Preference(Prompt(row["user_text"], (), row["persona"], row["locale"]), row["chosen"], row["rejected"])
        for row, out in zip(rows, held, strict=True)
        if not out
    ]
