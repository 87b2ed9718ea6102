"""The tables about items of benchmarks."""

from __future__ import annotations

from evalloop_assets.evaluation.items.retirement import VERDICTS
from evalloop_assets.lake.schema import Column, TableSchema

ALIKE = (
    Column("overlap", "DOUBLE", "largest share of its n-grams in one training text that shares uncommon ones with it"),
    Column("likeness", "DOUBLE", "largest cosine with a training text; NULL where all its wording is common"),
    Column("alike", "BIGINT", "users of whom a training text is so alike that it would count, were they few"),
)

FOUND_ITEMS = TableSchema(
    name="found_items",
    row="one bad case of the evaluation side that may become an item, by the four weeks up to this day",
    key=("day", "item_id"),
    columns=(
        Column("item_id", "VARCHAR", "digest of text and reference"),
        Column("event_id", "VARCHAR", "the bad reply"),
        Column("user_id", "VARCHAR", "who met it"),
        Column("dedup_group", "VARCHAR", "the near duplicates that it stands for"),
        Column("text", "VARCHAR", "the message to be answered"),
        Column(
            "reference", "VARCHAR", "the reply to the same message that behaviour preferred; NULL where there is none"
        ),
        Column("slice", "VARCHAR", "kind of bad case"),
        Column("dimension", "VARCHAR", "what it examines; NULL where the kind does not tell"),
        Column("exact", "BOOLEAN", "the training data holds the same words, or the pair that the case is from"),
        *ALIKE,
        Column("contaminated", "BOOLEAN", "by any of the three; such items are not released"),
    ),
)

ITEM_STATISTICS = TableSchema(
    name="item_statistics",
    row="one item of a benchmark with how it separates the models that were scored on it",
    key=("day", "benchmark", "item_id"),
    columns=(
        Column("benchmark", "VARCHAR", "the benchmark"),
        Column("item_id", "VARCHAR", "the item"),
        Column("models", "BIGINT", "models that were scored on it"),
        Column("solved", "DOUBLE", "mean of their scores"),
        Column("solved_low", "DOUBLE", "lower 95% bound (Wilson)"),
        Column("solved_high", "DOUBLE", "upper 95% bound"),
        Column("discrimination", "DOUBLE", "slope a of the two-parameter logistic model; NULL with too few models"),
        Column("discrimination_low", "DOUBLE", "lower 95% bound"),
        Column("discrimination_high", "DOUBLE", "upper 95% bound"),
        Column("difficulty", "DOUBLE", "b, SDs of the models' ability; NULL where the discrimination may be 0"),
        Column("difficulty_low", "DOUBLE", "lower 95% bound"),
        Column("difficulty_high", "DOUBLE", "upper 95% bound"),
        Column(
            "verdict", "VARCHAR", "saturated and unsolved items retire; suspect: the better fail it", False, VERDICTS
        ),
    ),
)

ITEM_CONTAMINATION = TableSchema(
    name="item_contamination",
    row="one item of a benchmark held against what the reward model of the day learns from",
    key=("day", "benchmark", "item_id"),
    columns=(
        Column("benchmark", "VARCHAR", "the benchmark"),
        Column("item_id", "VARCHAR", "the item"),
        Column("exact", "BOOLEAN", "the training data holds the same words"),
        *ALIKE,
        Column("contaminated", "BOOLEAN", "by any of the three"),
    ),
)
