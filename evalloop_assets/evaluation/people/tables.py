"""The tables about people who compare replies."""

from __future__ import annotations

from evalloop_assets.evaluation.people.queue import PURPOSES
from evalloop_assets.lake.schema import Column, TableSchema

ANNOTATION_QUEUE = TableSchema(
    name="annotation_queue",
    row="one item that waits for people, by all that was said known when the day was run",
    key=("day", "item_id"),
    columns=(
        Column("item_id", "VARCHAR", "the pair of replies"),
        Column("place", "BIGINT", "1 is to be judged first"),
        Column("purpose", "VARCHAR", "two people disagree, one has judged it, or judges are unsure", choices=PURPOSES),
        Column("needed", "BIGINT", "people who are still needed"),
        Column("asked", "VARCHAR", "annotators who have judged it and are not to be asked again, comma separated"),
        Column("confidence", "DOUBLE", "calibrated confidence of the judges; NULL where it is not known"),
        Column("slice", "VARCHAR", "kind of item"),
        Column("user_text", "VARCHAR", "the message that both replies answer"),
        Column("reply_a", "VARCHAR", "one side"),
        Column("reply_b", "VARCHAR", "the other"),
    ),
)

REASON_QUEUE = TableSchema(
    name="reason_queue",
    row="one reason of a judge, of a sample, that waits for a person to rate it",
    key=("day", "reason_id"),
    columns=(
        Column("reason_id", "VARCHAR", "hash of item, judge, prompt version, order and words"),
        Column("place", "BIGINT", "1 is to be rated first"),
        Column("judge_id", "VARCHAR", "whose reason it is; annotators are not told"),
        Column("item_id", "VARCHAR", "the pair of replies"),
        Column("order", "VARCHAR", "which side the judge was shown first: ab or ba; NULL where not known"),
        Column("verdict", "VARCHAR", "what it said: a, b or tie"),
        Column("reason", "VARCHAR", "and why"),
        Column("user_text", "VARCHAR", "the message that both replies answer"),
        Column("reply_a", "VARCHAR", "one side"),
        Column("reply_b", "VARCHAR", "the other"),
    ),
)

ANNOTATOR_QUALITY = TableSchema(
    name="annotator_quality",
    row="one person who has compared replies known when the day was run",
    key=("day", "annotator_id"),
    columns=(
        Column("annotator_id", "VARCHAR", "the annotator"),
        Column("items", "BIGINT", "items that others judged too"),
        Column("agreement", "DOUBLE", "share of others' votes on these items that say the same; NULL without others"),
        Column("agreement_low", "DOUBLE", "lower 95% bound, items as clusters"),
        Column("agreement_high", "DOUBLE", "upper 95% bound, likewise"),
        Column(
            "accuracy", "DOUBLE", "probability of being right by Dawid and Skene; NULL with fewer than three people"
        ),
        Column("accuracy_low", "DOUBLE", "lower 95% bound"),
        Column("accuracy_high", "DOUBLE", "upper 95% bound"),
        Column("worse", "BOOLEAN", "surely agrees with others less often than they do; NULL where not known"),
    ),
)

GOLD_SETS = TableSchema(
    name="gold_sets",
    row="the annotations known when the day was run, all of them or those under one version of the guideline",
    key=("day", "guideline"),
    columns=(
        Column("guideline", "VARCHAR", "prompt_version of the annotations; `all` for all, empty where none is told"),
        Column("gold_version", "VARCHAR", "hash of who said what: another hash, another set"),
        Column("items", "BIGINT", "items"),
        Column("annotators", "BIGINT", "people"),
        Column("disputed", "BIGINT", "items without a verdict that more people gave than any other"),
        Column("agreement", "DOUBLE", "share of pairs of people who say the same of an item, ties as a class"),
        Column("agreement_low", "DOUBLE", "lower 95% bound, items as clusters"),
        Column("agreement_high", "DOUBLE", "upper 95% bound, likewise"),
        Column("alpha", "DOUBLE", "Krippendorff's alpha, nominal"),
        Column("alpha_low", "DOUBLE", "lower 95% bound"),
        Column("alpha_high", "DOUBLE", "upper 95% bound"),
        Column("ceiling", "DOUBLE", "accuracy that a judge without error would reach against the consensus"),
        Column("ceiling_low", "DOUBLE", "lower 95% bound"),
        Column("ceiling_high", "DOUBLE", "upper 95% bound"),
    ),
)
