"""The part of the log contract that offline evaluation delivers: benchmarks, verdicts of judges, marks of people.

`order` is the order in which the two replies were shown: ab, reply_a first, or ba. A verdict `a` or `b` names the
item's own side in both orders, whatever stood first.
"""

from __future__ import annotations

from evalloop_assets.lake.schema import Column, TableSchema

ID, TEXT, TIME, SHARE, NUMBER, FLAG = "VARCHAR", "VARCHAR", "TIMESTAMP", "DOUBLE", "DOUBLE", "BOOLEAN"

DIMENSIONS = ("accuracy", "safety", "hallucination", "robustness", "fairness", "explainability")
"""What an item examines (`001_1b89fe0c69b2ecb6.txt`, the six evaluation targets)."""
VERDICTS = ("a", "b", "tie")
ORDERS = ("ab", "ba")

BENCHMARK_ITEMS = TableSchema(
    name="benchmark_items",
    row="one item of a benchmark",
    key=("benchmark", "item_id"),
    columns=(
        Column("benchmark", ID, "the benchmark, with its version where it has one", required=True),
        Column("item_id", ID, "the item, within the benchmark", required=True),
        Column("text", TEXT, "what the model is given"),
        Column("reference", TEXT, "what a right answer is"),
        Column("slice", TEXT, "kind of item: task, subject or role type"),
        Column("dimension", TEXT, "what it examines", choices=DIMENSIONS),
    ),
)

BENCHMARK_SCORES = TableSchema(
    name="benchmark_scores",
    row="one item scored offline for one model; an item `all` is a published score of the whole benchmark",
    key=("model_id", "benchmark", "item_id"),
    columns=(
        Column("model_id", ID, "the model or policy that was scored", required=True),
        Column("benchmark", ID, "the benchmark", required=True),
        Column("item_id", ID, "the item", required=True),
        Column("score", NUMBER, "higher is better", required=True),
        Column("standard_error", NUMBER, "of a published score", minimum=0),
        Column("mean_chars", NUMBER, "of a published score: mean length of the model's replies, characters", minimum=0),
        Column("slice", TEXT, "kind of item"),
        Column("scored_at", TIME, "when (UTC)"),
    ),
)


def _verdicts(name: str, row: str, who: str, about: str) -> TableSchema:
    return TableSchema(
        name=name,
        row=row,
        key=("item_id", who, "prompt_version", "order", "decided_at"),
        columns=(
            Column("item_id", ID, "the pair of replies", required=True),
            Column(who, ID, about, required=True),
            Column("verdict", TEXT, "the better side of the item, whatever was shown first", True, VERDICTS),
            Column("order", TEXT, "which side was shown first: ab, reply_a, or ba", choices=ORDERS),
            Column("prompt_version", ID, "version of the judge's prompt, or of the people's guideline and gold set"),
            Column("reason", TEXT, "why"),
            Column("confidence", SHARE, "stated probability that the verdict is right", minimum=0, maximum=1),
            Column("user_text", TEXT, "the message that both replies answer"),
            Column("reply_a", TEXT, "one side"),
            Column("reply_b", TEXT, "the other"),
            Column("family_a", ID, "family of the model behind reply_a"),
            Column("family_b", ID, "family of the model behind reply_b"),
            Column("slice", TEXT, "kind of item"),
            Column("cost_usd", NUMBER, "what the verdict cost, US dollars", minimum=0),
            Column("decided_at", TIME, "when (UTC)"),
        ),
    )


JUDGE_VERDICTS = _verdicts("judge_verdicts", "one verdict of a judge on a pair", "judge_id", "the judge, a model")
GOLD_ANNOTATIONS = _verdicts("gold_annotations", "one verdict of a person on a pair", "annotator_id", "the annotator")

REASON_RATINGS = TableSchema(
    name="reason_ratings",
    row="what one person says of the reason that a judge gave for a verdict",
    key=("reason_id", "annotator_id", "prompt_version", "decided_at"),
    columns=(
        Column("reason_id", ID, "the reason, as `reason_queue` names it", required=True),
        Column("annotator_id", ID, "the annotator", required=True),
        Column("sound", FLAG, "it is true of the replies and speaks for the verdict", required=True),
        Column("item_id", ID, "the pair of replies"),
        Column("prompt_version", ID, "version of the people's guideline"),
        Column("reason", TEXT, "why"),
        Column("decided_at", TIME, "when (UTC)"),
    ),
)

EVALUATION_TABLES = (BENCHMARK_ITEMS, BENCHMARK_SCORES, JUDGE_VERDICTS, GOLD_ANNOTATIONS, REASON_RATINGS)
