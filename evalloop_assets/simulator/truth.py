"""What only the simulator knows, one Parquet file per table and day: no stage reads it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from evalloop_assets.lake.schema import Column, TableSchema, by_name
from evalloop_assets.simulator.arrays import Bools, Floats
from evalloop_assets.simulator.arrow import table
from evalloop_assets.simulator.battles import Choices
from evalloop_assets.simulator.behaviour import FATES
from evalloop_assets.simulator.conversations import DIMENSIONS, Talk
from evalloop_assets.simulator.dirt import TRUTH_DIRT
from evalloop_assets.simulator.lexicon import Lexicon
from evalloop_assets.simulator.rows import Dialogue, character_ids, event_ids
from evalloop_assets.simulator.users import Population

TRUTH_TURNS = TableSchema(
    "truth_turns",
    "one reply shown",
    (
        Column("event_id", "VARCHAR", "as in turns"),
        Column("conversation_id", "VARCHAR", "as in turns"),
        Column("user_id", "VARCHAR", "as in turns"),
        Column("model_id", "VARCHAR", "as in turns"),
        Column("turn", "BIGINT", "replies shown before it in its conversation"),
        Column("quality", "DOUBLE", "true quality in its place; 0 dull, 1 very good"),
        *(Column(name, "DOUBLE", f"its {name}, see oracle.Appraisal") for name in DIMENSIONS),
        Column("utility", "DOUBLE", "quality less the habitual one, with the user's liking of the voice"),
        Column("read_s", "DOUBLE", "seconds truly spent reading"),
        Column("background_s", "DOUBLE", "seconds with the app in the background"),
        Column("regenerated", "BOOLEAN", "the user asked for another one instead"),
        Column("fate", "VARCHAR", "what the user did next: goes_on, natural, abrupt or interrupted"),
        Column("interrupted", "BOOLEAN", "a call or crash came, whether the conversation went on later or not"),
        Column("broke", "BOOLEAN", "it contradicts a fact of the persona"),
        Column("cut", "BOOLEAN", "its text breaks off"),
    ),
    ("event_id",),
)
TRUTH_CONVERSATIONS = TableSchema(
    "truth_conversations",
    "one conversation, by the day it began",
    (
        Column("conversation_id", "VARCHAR", "as in turns"),
        Column("user_id", "VARCHAR", "as in turns"),
        Column("model_id", "VARCHAR", "as in turns"),
        Column("character_id", "VARCHAR", "as in turns"),
        Column("end", "VARCHAR", "natural, abrupt or interrupted"),
        Column("closure", "VARCHAR", "of a natural end: farewell, thanks, goal, resolved or quiet (no closing words)"),
        Column("turns", "BIGINT", "replies shown"),
        Column("mean_utility", "DOUBLE", "over the replies kept"),
        Column("remembered", "DOUBLE", "value in the user's memory, mean and end"),
        Column("read_s", "DOUBLE", "seconds truly spent reading"),
    ),
    ("conversation_id",),
)
TRUTH_USERS = TableSchema(
    "truth_users",
    "one user in the app on a day",
    (
        Column("user_id", "VARCHAR", "as in turns"),
        Column("new_user", "BOOLEAN", "signed up this day"),
        Column("model_id", "VARCHAR", "model of the last conversation of the day, NULL without one"),
        Column("experiment_id", "VARCHAR", "of that conversation"),
        Column("satisfaction", "DOUBLE", "after the day"),
        Column("return_probability", "DOUBLE", "true probability of opening the app on the next day"),
    ),
    ("user_id",),
)
TRUTH_BATTLES = TableSchema(
    "truth_battles",
    "one choice between two replies",
    (
        Column("battle_id", "VARCHAR", "as in battles"),
        Column("model_a", "VARCHAR", "as in battles"),
        Column("model_b", "VARCHAR", "as in battles"),
        Column("value_a", "DOUBLE", "what reply a is worth to this user at a glance"),
        Column("value_b", "DOUBLE", "likewise"),
        Column("quality_a", "DOUBLE", "true quality of reply a to this user at the start of a story"),
        Column("quality_b", "DOUBLE", "likewise"),
        *(Column(f"{name}_{side}", "DOUBLE", f"{name} of reply {side}") for side in "ab" for name in DIMENSIONS),
    ),
    ("battle_id",),
)
TRUTH_TABLES = by_name((TRUTH_TURNS, TRUTH_CONVERSATIONS, TRUTH_USERS, TRUTH_BATTLES, TRUTH_DIRT))
BROKEN_BELOW = -0.5
"""Consistency of a reply below which it contradicts the persona."""


def truth_of_turns(dialogue: Dialogue, talk: Talk, people: Population) -> pa.Table:
    chat = talk.chat
    columns = {
        "event_id": event_ids(dialogue, talk),
        "conversation_id": np.array(dialogue.conversation_id, dtype=object)[chat],
        "user_id": people.user_id[dialogue.chats.user[chat]],
        "model_id": dialogue.chats.model[chat],
        "turn": talk.turn,
        "quality": talk.quality,
        **{name: talk.dimensions[:, number] for number, name in enumerate(DIMENSIONS)},
        "utility": talk.utility,
        "read_s": talk.read_s,
        "background_s": talk.background_s,
        "regenerated": talk.regenerated,
        "fate": np.array(FATES, dtype=object)[np.asarray(talk.fate, dtype=np.int64)],
        "interrupted": talk.interrupted,
        "broke": talk.dimensions[:, DIMENSIONS.index("consistency")] < BROKEN_BELOW,
        "cut": talk.cut,
    }
    return table(TRUTH_TURNS, columns, len(chat))


def truth_of_conversations(
    dialogue: Dialogue, talk: Talk, memory: Floats, people: Population, lexicon: Lexicon
) -> pa.Table:
    n = len(dialogue.conversation_id)
    columns = {
        "conversation_id": dialogue.conversation_id,
        "user_id": people.user_id[dialogue.chats.user],
        "model_id": dialogue.chats.model,
        "character_id": character_ids(lexicon)[people.pack[dialogue.chats.user], dialogue.chats.character],
        "end": talk.end,
        "closure": talk.closure,
        "turns": np.bincount(talk.chat, minlength=n),
        "mean_utility": talk.mean_utility,
        "remembered": memory,
        "read_s": np.bincount(talk.chat, weights=talk.read_s, minlength=n),
    }
    return table(TRUTH_CONVERSATIONS, columns, n)


def truth_of_users(
    dialogue: Dialogue, people: Population, came: Bools, new: Bools, satisfaction: Floats, returning: Floats
) -> pa.Table:
    model = np.full(len(people), None, dtype=object)
    experiment = np.full(len(people), None, dtype=object)
    for number in np.argsort(dialogue.start_s, kind="stable").tolist():
        user = dialogue.chats.user[number]
        model[user] = dialogue.assigned[number].model_id
        experiment[user] = dialogue.assigned[number].experiment_id
    columns = {
        "user_id": people.user_id[came],
        "new_user": new[came],
        "model_id": model[came],
        "experiment_id": experiment[came],
        "satisfaction": satisfaction[came],
        "return_probability": returning[came],
    }
    return table(TRUTH_USERS, columns, int(came.sum()))


def truth_of_battles(battle_ids: Sequence[str], fought: Choices) -> pa.Table:
    columns = {"battle_id": battle_ids} | {
        name: getattr(fought, name) for name in ("model_a", "model_b", "value_a", "value_b", "quality_a", "quality_b")
    }
    for side, dimensions in (("a", fought.dimensions_a), ("b", fought.dimensions_b)):
        columns |= {f"{name}_{side}": dimensions[:, at] for at, name in enumerate(DIMENSIONS)}
    return table(TRUTH_BATTLES, columns, len(battle_ids))


def read_truth(folder: Path, schema: TableSchema) -> pa.Table:
    """One truth table of a product, with `day`, the day of serving."""
    parts = []
    for path in sorted((folder / schema.name.removeprefix("truth_")).glob("*.parquet")):
        rows = pq.read_table(path)
        day = pa.array([date.fromisoformat(path.stem)] * rows.num_rows, pa.date32())
        parts.append(rows.append_column("day", day))
    return pa.concat_tables(parts)


def truth_file(folder: Path, schema: TableSchema, day: date) -> Path:
    return folder / schema.name.removeprefix("truth_") / f"{day}.parquet"
