"""Users who are no people: bots that send the same message at regular intervals around the clock, and a script that
talks without a pause. Their ids look like everybody's; only what they do gives them away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa

from evalloop_assets.logs.contract import ASSIGNMENTS, TURNS, VISITS
from evalloop_assets.simulator.arrays import Floats, Ints
from evalloop_assets.simulator.arrow import arrow_schema, table, times_us
from evalloop_assets.simulator.dirt import TRUTH_DIRT, WHALE_INTERVAL_S, Dirt, truth_of_dirt
from evalloop_assets.simulator.hashed import uniform
from evalloop_assets.simulator.lexicon import Kind, Lexicon
from evalloop_assets.simulator.rows import (
    CHARS_PER_TOKEN,
    HAN_PER_TOKEN,
    PRODUCT_LINE,
    SYSTEM_TOKENS,
    TURN_TOKENS,
    TURNS_SENT,
    character_ids,
)
from evalloop_assets.simulator.traffic import Assignment
from evalloop_assets.simulator.users import BASE_COHORT

BOT, WHALE = "bot", "whale"
BOT_TURNS = (60, 500)
"""Turns a day of a bot, from and below: intervals of 3 to 24 minutes."""
BOT_JITTER_S, WHALE_JITTER_S = 0.3, 0.05
"""Seconds by which a reply comes later than the interval says, at most."""
OPENED_S = 2.0
"""From the opening of the app to the first message."""
LATENCY_MS = (250, 350)
SAID = (Kind.ECHO, Kind.DETAIL, Kind.ADVANCE)
"""Kinds of the sentences of a reply."""
MESSAGES = (Kind.SAY_ACT, Kind.SAY_ASK, Kind.SAY_SHORT)
CHINA_MINUTES = 480


@dataclass(frozen=True)
class Strangers:
    """The automated users of a day, one entry each; each holds one conversation a day."""

    day: date
    user_id: list[str]
    conversation_id: list[str]
    kind: list[str]
    """BOT or WHALE."""
    turns: Ints
    interval_s: Floats
    """Seconds from one reply to the next."""
    start_s: Floats
    """Seconds after midnight UTC at which the conversation starts."""
    pack: Ints
    """Language, a pack of the lexicon."""
    character: Ints
    message: Ints
    """The sentence, of the lexicon, that it says every time."""

    def __len__(self) -> int:
        return len(self.user_id)

    @property
    def started_at(self) -> list[datetime]:
        """UTC without zone."""
        midnight = datetime(self.day.year, self.day.month, self.day.day)
        return [midnight + timedelta(seconds=second) for second in self.start_s.tolist()]

    def utc_offset_minutes(self, lexicon: Lexicon) -> Ints:
        """(strangers,) local time less UTC: that of China for who writes Chinese, else none."""
        return np.where(lexicon.han[self.pack], CHINA_MINUTES, 0)


@dataclass(frozen=True)
class StrangerRows:
    """What the automated users of a day leave in the log."""

    tables: dict[str, pa.Table]
    """`turns`, `visits` and `assignments` rows of the contract. Where users are randomised, they are reported daily."""
    truth: pa.Table
    """TRUTH_DIRT rows, one for each of them."""


def strangers(
    dirt: Dirt, lexicon: Lexicon, *, day: date, first_day: date, base_users: int, first_conversation: int, seed: int
) -> Strangers:
    """Who comes on a day. The same bots every day, and the whale on its own.

    `base_users`: the product's from before its first day; they look like some more of these. Their conversations are
    numbered from `first_conversation` on, behind those of the people.
    """
    whales = 1 if dirt.whale_turns and (day - first_day).days == dirt.whale_day else 0
    n = dirt.bots + whales
    whale = np.arange(n) >= dirt.bots
    user_id = [_user_id(number, base_users) for number in range(dirt.bots)]
    user_id += [_user_id(dirt.bots, base_users)] * whales

    def drawn(purpose: str) -> Floats:
        return uniform(user_id, seed, purpose)

    low, high = BOT_TURNS
    turns = np.where(whale, dirt.whale_turns, low + np.floor(drawn("turns") * (high - low)).astype(np.int64))
    interval_s = np.where(whale, WHALE_INTERVAL_S, 86_400 / np.maximum(turns, 1))
    free_s = np.where(whale, 86_400 - turns * interval_s, interval_s) - 2 * OPENED_S
    pack = np.floor(drawn("pack") * len(lexicon.packs)).astype(np.int64)
    kind = np.array(MESSAGES)[np.floor(drawn("message kind") * len(MESSAGES)).astype(np.int64)]
    template = np.floor(drawn("message") * lexicon.count[pack, kind]).astype(np.int64)
    item = np.floor(drawn("item") * lexicon.n_items).astype(np.int64)
    return Strangers(
        day=day,
        user_id=user_id,
        conversation_id=[f"c-{day:%Y%m%d}-{first_conversation + number:05d}" for number in range(n)],
        kind=[BOT] * dirt.bots + [WHALE] * whales,
        turns=turns,
        interval_s=interval_s,
        start_s=OPENED_S + drawn(f"start of {day}") * free_s,
        pack=pack,
        character=np.floor(drawn("character") * lexicon.n_characters).astype(np.int64),
        message=lexicon.ids(pack, kind, template, item),
    )


def stranger_rows(
    who: Strangers,
    served: Sequence[Assignment],
    price: Mapping[str, float],
    lexicon: Lexicon,
    *,
    first_visit: int,
    rng: np.random.Generator,
) -> StrangerRows:
    """Their rows, user by user. `served` has (strangers,) entries, `price` is in US dollars per 1,000 tokens by model.

    `first_visit`: their visits are numbered from there on.
    """
    if len(served) != len(who):
        raise ValueError(f"{len(who)} strangers, but {len(served)} assignments")
    tables = {
        "turns": _turns(who, served, price, lexicon, rng),
        "visits": _visits(who, first_visit, lexicon),
        "assignments": _assignments(who, served),
    }
    kind_of = dict(zip(who.user_id, who.kind, strict=True))
    truth = [arrow_schema(TRUTH_DIRT).empty_table()]
    for name, rows in tables.items():
        kinds = np.array([kind_of[user] for user in rows["user_id"].to_pylist()], dtype=object)
        for kind in (BOT, WHALE):
            found = rows.filter(pa.array(kinds == kind, pa.bool_()))
            truth.append(truth_of_dirt(name, found, kind, found["user_id"]))
    return StrangerRows(tables, pa.concat_tables(truth))


def _turns(
    who: Strangers,
    served: Sequence[Assignment],
    price: Mapping[str, float],
    lexicon: Lexicon,
    rng: np.random.Generator,
) -> pa.Table:
    user = np.repeat(np.arange(len(who)), who.turns)
    n = len(user)
    turn = np.arange(n) - np.repeat(np.cumsum(who.turns) - who.turns, who.turns)
    jitter_s = np.where(np.array(who.kind) == WHALE, WHALE_JITTER_S, BOT_JITTER_S)
    latency_ms = rng.integers(*LATENCY_MS, n)
    seconds = who.start_s[user] + turn * who.interval_s[user] + latency_ms / 1000 + rng.random(n) * jitter_s[user]
    shown = times_us(who.day, seconds)
    last = turn == who.turns[user] - 1
    gap_ms = np.append(np.diff(shown) // 1000 - latency_ms[1:], 0)
    dwell_ms = np.where(last, np.round(who.interval_s[user] * 1000).astype(np.int64) - latency_ms, gap_ms)
    pack = who.pack[user]
    sentences = np.array(lexicon.sentences, dtype=object)
    reply = _replies(pack, sentences, lexicon, rng)
    message = sentences[who.message][user]
    per_token = np.where(lexicon.han[pack], HAN_PER_TOKEN, CHARS_PER_TOKEN)
    user_chars, reply_chars = _lengths(message), _lengths(reply)
    history = np.minimum(turn, TURNS_SENT) * TURN_TOKENS
    prompt_tokens = (SYSTEM_TOKENS + history + user_chars / per_token).astype(np.int64)
    completion_tokens = np.maximum(reply_chars / per_token, 1).astype(np.int64)
    most = int(who.turns.max(initial=0))
    numbers = np.array([f"{number:03d}" for number in range(most)], dtype=object)[turn]
    columns = {
        "event_id": np.array(who.conversation_id, dtype=object)[user] + "-" + numbers,
        "user_id": np.array(who.user_id, dtype=object)[user],
        "conversation_id": np.array(who.conversation_id, dtype=object)[user],
        "model_id": _of(served, "model_id")[user],
        "shown_at": shown,
        "received_at": shown + (40 + (shown // 1000 * 7919) % 400) * 1000,
        "utc_offset_minutes": who.utc_offset_minutes(lexicon)[user],
        "character_id": character_ids(lexicon)[pack, who.character[user]],
        "role_type": np.array([[c.role_type for c in p.characters] for p in lexicon.packs], dtype=object)[
            pack, who.character[user]
        ],
        "user_text": message,
        "reply_text": reply,
        "user_chars": user_chars,
        "reply_chars": reply_chars,
        "dwell_ms": dwell_ms,
        "typing_ms": np.zeros(n, dtype=np.int64),
        "foreground_ms": dwell_ms,
        "scrolls": np.zeros(n, dtype=np.int64),
        "clicks": np.zeros(n, dtype=np.int64),
        "interrupted": False,
        "error": False,
        "experiment_id": _of(served, "experiment_id")[user],
        "arm": _of(served, "arm")[user],
        "propensity": _of(served, "propensity")[user],
        "prompt_tokens": prompt_tokens,
        "completion_tokens": completion_tokens,
        "latency_ms": latency_ms,
        "cost_usd": (prompt_tokens + completion_tokens)
        / 1000
        * np.array([price[one.model_id] for one in served], dtype=np.float64)[user],
        "locale": np.array([one.locale for one in lexicon.packs], dtype=object)[pack],
        "channel": "organic",
        "product_line": PRODUCT_LINE,
        "time_source": "logged",
    }
    return table(TURNS, columns, n)


def _replies(pack: Ints, sentences: np.ndarray, lexicon: Lexicon, rng: np.random.Generator) -> np.ndarray:
    """(turns,) texts: one sentence of each kind of SAID."""
    joint = np.array([one.joint for one in lexicon.packs], dtype=object)[pack]
    said = []
    for kind in SAID:
        template = np.floor(rng.random(len(pack)) * lexicon.count[pack, kind]).astype(np.int64)
        said.append(sentences[lexicon.ids(pack, kind, template, rng.integers(0, lexicon.n_items, len(pack)))])
    first, second, third = said
    return np.asarray(first + joint + second + joint + third)


def _visits(who: Strangers, first_visit: int, lexicon: Lexicon) -> pa.Table:
    columns = {
        "user_id": who.user_id,
        "opened_at": times_us(who.day, who.start_s - OPENED_S),
        "visit_id": [f"v-{who.day:%Y%m%d}-{first_visit + number:06d}" for number in range(len(who))],
        "channel": "organic",
        "utc_offset_minutes": who.utc_offset_minutes(lexicon),
    }
    return table(VISITS, columns, len(who))


def _assignments(who: Strangers, served: Sequence[Assignment]) -> pa.Table:
    tested = [number for number, one in enumerate(served) if one.experiment_id is not None]
    rows = [served[number] for number in tested]
    units = [who.user_id if one.unit == "user" else who.conversation_id for one in rows]
    columns = {
        "experiment_id": [one.experiment_id for one in rows],
        "unit": [one.unit for one in rows],
        "unit_id": [ids[number] for ids, number in zip(units, tested, strict=True)],
        "user_id": [who.user_id[number] for number in tested],
        "arm": [one.arm for one in rows],
        "model_id": [one.model_id for one in rows],
        "assigned_at": times_us(who.day, who.start_s)[tested],
        "propensity": [one.propensity for one in rows],
    }
    return table(ASSIGNMENTS, columns, len(rows))


def _user_id(number: int, base_users: int) -> str:
    """Numbered on behind the users from before the first day."""
    return f"u-{BASE_COHORT}-{base_users + number:05d}"


def _of(served: Sequence[Assignment], field: str) -> np.ndarray:
    return np.array([getattr(one, field) for one in served], dtype=object)


def _lengths(texts: np.ndarray) -> Ints:
    return np.array([len(text) for text in texts], dtype=np.int64)
