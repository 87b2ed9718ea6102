"""What only the simulator knows, one Parquet file per table and day: no stage reads it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa

from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.simulator.arrays import Bools, Floats
from evalloop_assets.simulator.arrow import table
from evalloop_assets.simulator.conversations import DIMENSIONS, Talk
from evalloop_assets.simulator.rows import Dialogue, event_ids
from evalloop_assets.simulator.users import Population

TRUTH_TURNS = TableSchema(
    "truth_turns",
    "one reply shown",
    (
        Column("event_id", "VARCHAR", "as in turns"),
        Column("conversation_id", "VARCHAR", "as in turns"),
        Column("user_id", "VARCHAR", "as in turns"),
        Column("model_id", "VARCHAR", "as in turns"),
        Column("quality", "DOUBLE", "true quality in its place; 0 dull, 1 very good"),
        *(Column(name, "DOUBLE", f"its {name}, see oracle.Appraisal") for name in DIMENSIONS),
        Column("utility", "DOUBLE", "quality less the habitual one, with the user's liking of the voice"),
        Column("read_s", "DOUBLE", "seconds truly spent reading"),
        Column("background_s", "DOUBLE", "seconds with the app in the background"),
        Column("regenerated", "BOOLEAN", "the user asked for another one instead"),
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
        Column("end", "VARCHAR", "natural, abrupt or interrupted"),
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


def truth_of_turns(dialogue: Dialogue, talk: Talk, people: Population) -> pa.Table:
    chat = talk.chat
    columns = {
        "event_id": event_ids(dialogue, talk),
        "conversation_id": np.array(dialogue.conversation_id, dtype=object)[chat],
        "user_id": people.user_id[dialogue.chats.user[chat]],
        "model_id": dialogue.chats.model[chat],
        "quality": talk.quality,
        **{name: talk.dimensions[:, number] for number, name in enumerate(DIMENSIONS)},
        "utility": talk.utility,
        "read_s": talk.read_s,
        "background_s": talk.background_s,
        "regenerated": talk.regenerated,
    }
    return table(TRUTH_TURNS, columns, len(chat))


def truth_of_conversations(dialogue: Dialogue, talk: Talk, memory: Floats, people: Population) -> pa.Table:
    n = len(dialogue.conversation_id)
    columns = {
        "conversation_id": dialogue.conversation_id,
        "user_id": people.user_id[dialogue.chats.user],
        "model_id": dialogue.chats.model,
        "end": talk.end,
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


def truth_file(folder: Path, schema: TableSchema, day: date) -> Path:
    return folder / schema.name.removeprefix("truth_") / f"{day}.parquet"
