"""The day's preference pairs by the champion: what it makes of each, whatever people preferred."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from evalloop_assets.reward_model.daily import COMPARED, CONVERSATIONS, SAMPLE
from evalloop_assets.reward_model.embeddings import STORED, CachedEncoder
from evalloop_assets.reward_model.encoder import find_encoder
from evalloop_assets.reward_model.logged import read_log
from evalloop_assets.reward_model.pairs import PAIR_COLUMNS, read_pairs
from evalloop_assets.reward_model.registry import find_champion
from evalloop_assets.reward_model.scoring import DIGITS, Scored
from evalloop_assets.reward_model.tables import PAIR_SCORES

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs
    from evalloop_assets.settings import Settings

ALL_PAIRS = 2**31 - 1


def score_pairs(inputs: Inputs, day: date, settings: Settings) -> Scored:
    """One row per pair with text on both sides, ordered by pair_id; none where there is no champion."""
    import pyarrow as pa

    from evalloop_assets.lake.delta import arrow_schema

    schema = arrow_schema(PAIR_SCORES)
    schema = schema.remove(schema.get_field_index("day"))
    champion = find_champion(settings)
    if champion is None:
        return Scored(schema.empty_table(), {"skipped": "no reward model was ever promoted"})
    drawn = {"pairs": ALL_PAIRS, "anchors": 0, "day": day}
    table = inputs.query(f"SELECT {', '.join(PAIR_COLUMNS)} FROM ({SAMPLE})", {"pairs": ALL_PAIRS})
    name, said = champion.config.encoder, COMPARED.format(conversations=CONVERSATIONS)
    stored = inputs.query(STORED.format(hashes=said), {**drawn, "encoder": name})
    encoder = CachedEncoder(find_encoder(name), stored)
    pairs = read_pairs(table, encoder, read_log(inputs, CONVERSATIONS, drawn))
    rows = {
        "pair_id": pairs.ids.tolist(),
        "user_id": pairs.users.tolist(),
        "source": pairs.sources.tolist(),
        "margin": champion.margin(pairs.difference).round(DIGITS).tolist(),
        "reward_version": [champion.version] * len(pairs.ids),
    }
    return Scored(pa.table(rows, schema=schema), {"reward_version": champion.version, "pairs": len(pairs.ids)})
