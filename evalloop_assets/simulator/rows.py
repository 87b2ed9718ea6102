"""A served day as rows of the log contract (design section 5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from evalloop_assets.logs.contract import ASSIGNMENTS, BATTLES, CHARACTERS, MODELS, SIGNUPS, TURNS, VISITS
from evalloop_assets.simulator.arrays import Floats, Ints
from evalloop_assets.simulator.arrow import day_start_us, table, times_us
from evalloop_assets.simulator.battles import Choices
from evalloop_assets.simulator.behaviour import FEEDBACK
from evalloop_assets.simulator.conversations import Chats, Talk
from evalloop_assets.simulator.day_plan import Moments
from evalloop_assets.simulator.lexicon import Lexicon
from evalloop_assets.simulator.policies import Policy
from evalloop_assets.simulator.traffic import Assignment
from evalloop_assets.simulator.users import Population

PRODUCT_LINE = "story companion"
SYSTEM_TOKENS, TURN_TOKENS, TURNS_SENT = 200, 80, 20
"""A prompt is the system text and the last TURNS_SENT turns at about TURN_TOKENS each."""
CHARS_PER_TOKEN, HAN_PER_TOKEN = 4.0, 1.5
"""In Latin and in Chinese script."""


class Dialogue(NamedTuple):
    """The conversations of a day; sequences and arrays of shape (conversations,)."""

    day: date
    conversation_id: list[str]
    start_s: Floats
    """Seconds after midnight UTC."""
    assigned: Sequence[Assignment]
    chats: Chats


def event_ids(dialogue: Dialogue, talk: Talk) -> list[str]:
    names = dialogue.conversation_id
    return [f"{names[c]}-{t:03d}" for c, t in zip(talk.chat.tolist(), talk.turn.tolist(), strict=True)]


def turn_rows(
    dialogue: Dialogue, talk: Talk, people: Population, policies: Mapping[str, Policy], lexicon: Lexicon
) -> pa.Table:
    """One row per reply, in the order in which they were written."""
    chat = talk.chat
    user = dialogue.chats.user[chat]
    pack = people.pack[user]
    conversation = np.array(dialogue.conversation_id, dtype=object)[chat]
    chars = _lengths(talk.reply_text)
    asked_chars = _lengths(talk.user_text)
    foreground = talk.read_s + talk.thinking_s + talk.typing_s
    shown = times_us(dialogue.day, dialogue.start_s[chat] + talk.shown_s)
    per_token = np.where(lexicon.han[pack], HAN_PER_TOKEN, CHARS_PER_TOKEN)
    prompt_tokens = (SYSTEM_TOKENS + np.minimum(talk.turn, TURNS_SENT) * TURN_TOKENS + asked_chars / per_token).astype(
        int
    )
    completion_tokens = np.maximum(chars / per_token, 1).astype(int)
    price = {name: policy.spec.cost_per_1k_tokens for name, policy in policies.items()}
    models = dialogue.chats.model[chat]
    replaced = [f"{c}-{t:03d}" if t >= 0 else None for c, t in zip(conversation, talk.replaces.tolist(), strict=True)]
    number = dialogue.chats.character[chat]
    roles = np.array([[c.role_type for c in p.characters] for p in lexicon.packs], dtype=object)
    arrival_ms = 40 + (shown // 1000 * 7919) % 400
    columns = {
        "event_id": event_ids(dialogue, talk),
        "user_id": people.user_id[user],
        "conversation_id": conversation,
        "model_id": models,
        "shown_at": shown,
        "received_at": shown + arrival_ms * 1000,
        "utc_offset_minutes": people.offset_minutes[user],
        "character_id": character_ids(lexicon)[pack, number],
        "role_type": roles[pack, number],
        "user_text": talk.user_text,
        "reply_text": talk.reply_text,
        "user_chars": asked_chars,
        "reply_chars": chars,
        "dwell_ms": _milliseconds(foreground + talk.background_s),
        "typing_ms": _milliseconds(talk.typing_s),
        "foreground_ms": _milliseconds(foreground),
        "scrolls": talk.scrolls,
        "clicks": talk.clicks,
        "replaces_event_id": replaced,
        "interrupted": talk.interrupted,
        "error": False,
        "feedback": np.array(FEEDBACK, dtype=object)[talk.feedback],
        "experiment_id": _of(dialogue, "experiment_id")[chat],
        "arm": _of(dialogue, "arm")[chat],
        "propensity": _of(dialogue, "propensity")[chat],
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "latency_ms": _milliseconds(talk.latency_s),
        "cost_usd": (prompt_tokens + completion_tokens) / 1000 * np.array([price[m] for m in models]),
        "locale": np.array([p.locale for p in lexicon.packs], dtype=object)[pack],
        "channel": people.channel[user],
        "product_line": PRODUCT_LINE,
        "time_source": "logged",
    }
    return table(TURNS, columns, len(chat))


def visit_rows(day: date, visits: Moments, people: Population) -> pa.Table:
    columns = {
        "user_id": people.user_id[visits.user],
        "opened_at": times_us(day, visits.second),
        "visit_id": [f"v-{day:%Y%m%d}-{number:06d}" for number in range(len(visits.user))],
        "channel": people.channel[visits.user],
        "utc_offset_minutes": people.offset_minutes[visits.user],
    }
    return table(VISITS, columns, len(visits.user))


def signup_rows(day: date, signups: Moments, people: Population, lexicon: Lexicon) -> pa.Table:
    columns = {
        "user_id": people.user_id[signups.user],
        "signed_up_at": times_us(day, signups.second),
        "channel": people.channel[signups.user],
        "locale": np.array([p.locale for p in lexicon.packs], dtype=object)[people.pack[signups.user]],
    }
    return table(SIGNUPS, columns, len(signups.user))


def battle_rows(day: date, battles: Choices, second: Floats, people: Population) -> pa.Table:
    """`second` is when each was decided, after midnight UTC."""
    n = len(battles.user)
    columns = {
        "battle_id": [f"b-{day:%Y%m%d}-{number:05d}" for number in range(n)],
        "user_id": people.user_id[battles.user],
        "model_a": battles.model_a,
        "model_b": battles.model_b,
        "outcome": battles.outcome,
        "decided_at": times_us(day, second),
        "reply_a": battles.reply_a,
        "reply_b": battles.reply_b,
        "user_text": battles.user_text,
        "turns_a": 1,
        "turns_b": 1,
        "chars_a": _lengths(battles.reply_a),
        "chars_b": _lengths(battles.reply_b),
        "shown_first": battles.shown_first,
        "propensity": battles.propensity,
    }
    return table(BATTLES, columns, n)


Exposure = tuple[str, str, str]
"""Experiment, user and arm of a user-randomised exposure."""


def assignment_rows(
    dialogue: Dialogue, people: Population, exposed: frozenset[Exposure]
) -> tuple[pa.Table, list[Exposure]]:
    """First exposures of the day, and the new ones among users; `exposed` users were reported on an earlier day."""
    rows: list[dict[str, object]] = []
    fresh: dict[Exposure, None] = {}
    at = times_us(dialogue.day, dialogue.start_s)
    for number in np.lexsort((np.arange(len(at)), at)).tolist():
        assigned = dialogue.assigned[number]
        if assigned.experiment_id is None:
            continue
        user_id = str(people.user_id[dialogue.chats.user[number]])
        if assigned.unit == "user":
            exposure = (assigned.experiment_id, user_id, str(assigned.arm))
            if exposure in exposed or exposure in fresh:
                continue
            fresh[exposure] = None
        rows.append(
            {
                "experiment_id": assigned.experiment_id,
                "unit": assigned.unit,
                "unit_id": user_id if assigned.unit == "user" else dialogue.conversation_id[number],
                "user_id": user_id,
                "arm": assigned.arm,
                "model_id": assigned.model_id,
                "assigned_at": int(at[number]),
                "propensity": assigned.propensity,
            }
        )
    columns = {name: [row[name] for row in rows] for name in ASSIGNMENTS.column_names}
    return table(ASSIGNMENTS, columns, len(rows)), list(fresh)


def character_rows(lexicon: Lexicon) -> pa.Table:
    speaking = [(pack, character) for pack in lexicon.packs for character in pack.characters]
    columns = {
        "character_id": character_ids(lexicon).ravel(),
        "role_type": [character.role_type for _, character in speaking],
        "persona": ["\n".join((character.name, *character.facts)) for _, character in speaking],
        "locale": [pack.locale for pack, _ in speaking],
    }
    return table(CHARACTERS, columns, len(speaking))


def model_rows(day: date, policies: Sequence[Policy]) -> pa.Table:
    """Models new on this day."""
    specs = [policy.spec for policy in policies]
    columns = {
        "model_id": [spec.model_id for spec in specs],
        "kind": [spec.kind for spec in specs],
        "parent": [spec.parent for spec in specs],
        "released_at": [day_start_us(day)] * len(specs),
        "cost_per_1k_tokens": [spec.cost_per_1k_tokens for spec in specs],
    }
    return table(MODELS, columns, len(specs))


def character_ids(lexicon: Lexicon) -> np.ndarray:
    """(packs, characters) ids of the contract."""
    return np.array(
        [[f"{p.name}-{number}" for number in range(lexicon.n_characters)] for p in lexicon.packs], dtype=object
    )


def _of(dialogue: Dialogue, field: str) -> np.ndarray:
    return np.array([getattr(assigned, field) for assigned in dialogue.assigned], dtype=object)


def _lengths(texts: np.ndarray) -> Ints:
    return np.array([len(text) for text in texts], dtype=np.int64)


def _milliseconds(seconds: Floats) -> Ints:
    return np.asarray(np.round(seconds * 1000), dtype=np.int64)
