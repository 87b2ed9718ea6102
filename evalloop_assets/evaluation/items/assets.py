"""Items of benchmarks as assets."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from evalloop_assets.evaluation.items.pictures import PICTURES
from evalloop_assets.evaluation.items.tables import FOUND_ITEMS, ITEM_CONTAMINATION, ITEM_STATISTICS
from evalloop_assets.lake.assets import Frame, frame_asset
from evalloop_assets.lake.store import Inputs
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from evalloop_assets.reward_model.encoder import Encoder

GROUP = "evaluation"
LEARNED = """
    SELECT user_id, user_text_a AS message, reply_a AS reply FROM preference_pairs WHERE reply_a IS NOT NULL
    UNION
    SELECT user_id, user_text_b AS message, reply_b AS reply FROM preference_pairs WHERE reply_b IS NOT NULL
    ORDER BY ALL
"""
ITEMS = "SELECT benchmark, item_id, text, reference FROM benchmark_items WHERE text IS NOT NULL ORDER BY ALL"
SCORES = "SELECT model_id, benchmark, item_id, score FROM benchmark_scores WHERE item_id <> 'all' ORDER BY ALL"


@frame_asset(schema=FOUND_ITEMS, reads={"bad_cases": (-27, 0), "preference_pairs": (-13, 0)}, group=GROUP, once=True)
def found_items(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Bad cases of the evaluation side that may become items of a benchmark, one a group of near duplicates, held
    against what the reward model of the day learns from. `evalloop benchmark release` makes a version of those that are
    not contaminated.
    """
    from evalloop_assets.evaluation.items.daily import found_items as items_of

    cases = inputs.query("SELECT * FROM bad_cases ORDER BY day, event_id").to_pandas()
    learned = inputs.query(LEARNED).to_pandas()
    found = items_of(cases, learned, _encoder(settings))
    told = {"items": len(found), "contaminated": int(found["contaminated"].sum())}
    return Frame(found[list(FOUND_ITEMS.column_names)], told)


@frame_asset(
    schema=ITEM_CONTAMINATION,
    reads={"benchmark_items": (None, None), "preference_pairs": (-13, 0)},
    group=GROUP,
    once=True,
)
def item_contamination(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Every item of every benchmark held against what the reward model of the day learns from: the same words, the same
    n-grams, the same meaning. A model that learned an item is not examined by it.
    """
    from evalloop_assets.evaluation.items.daily import held_against

    items = inputs.query(ITEMS).to_pandas()
    found = held_against(items, inputs.query(LEARNED).to_pandas(), _encoder(settings))
    return Frame(found, {"items": len(found), "contaminated": int(found["contaminated"].sum())})


@frame_asset(
    schema=ITEM_STATISTICS,
    reads={"benchmark_scores": (None, None)},
    group=GROUP,
    once=True,
    picture=PICTURES["item_statistics"],
)
def item_statistics(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """How hard each item is and how well it tells models apart, by all scores there are. Items that all or no models
    solve and that separate none retire; an item that the better models fail is suspected of a wrong reference.
    """
    import pandas as pd

    from evalloop_assets.evaluation.items.daily import statistics

    rows = pd.DataFrame(statistics(inputs.query(SCORES).to_pandas()), columns=list(ITEM_STATISTICS.column_names))
    told = {str(verdict): int(count) for verdict, count in rows["verdict"].value_counts().items()}
    return Frame(rows, told)


def _encoder(settings: Settings) -> Encoder:
    from evalloop_assets.reward_model.embeddings import SpreadEncoder
    from evalloop_assets.reward_model.encoder import find_encoder

    return SpreadEncoder(find_encoder(settings.reward.encoder), settings.engine.threads)


ASSETS = [found_items, item_contamination, item_statistics]
