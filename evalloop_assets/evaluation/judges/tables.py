"""The tables that the audit of judges writes."""

from __future__ import annotations

from evalloop_assets.lake.schema import Column, TableSchema

JUDGE_AUDITS = TableSchema(
    name="judge_audits",
    row="one question put to all verdicts of a judge known when the day was run, over all items or a slice of them",
    key=("day", "judge_id", "probe", "slice"),
    columns=(
        Column("judge_id", "VARCHAR", "the judge"),
        Column("probe", "VARCHAR", "what was asked (docs/evaluation/judges.md)"),
        Column("slice", "VARCHAR", "`all`, or a kind of item, a prompt version, a family, a kind of markup"),
        Column("value", "DOUBLE", "the answer, a share or a difference of shares; NULL where it cannot be told"),
        Column("low", "DOUBLE", "lower 95% bound, items as clusters"),
        Column("high", "DOUBLE", "upper 95% bound, likewise"),
        Column("n", "BIGINT", "items that it rests on"),
        Column("fired", "BOOLEAN", "the judge has this fault; NULL where the probe only describes, or cannot tell"),
        Column("reason", "VARCHAR", "why there is no value"),
        Column("ceiling", "DOUBLE", "beside an agreement: what a judge without error would reach; NULL where unknown"),
    ),
)

JUDGE_GRADES = TableSchema(
    name="judge_grades",
    row="one judge, by all of its verdicts known when the day was run",
    key=("day", "judge_id"),
    columns=(
        Column("judge_id", "VARCHAR", "the judge"),
        Column("grade", "VARCHAR", "A to F (docs/evaluation/judges.md); NULL where there is not enough to grade by"),
        Column("use", "VARCHAR", "what to use it for, and what holds it back"),
        Column("fired", "VARCHAR", "probes that fired, comma separated"),
        Column("agreement", "DOUBLE", "share of items on which a single call says what people say"),
        Column("ceiling", "DOUBLE", "the same of a judge without error, given how far people agree with each other"),
        Column("kappa", "DOUBLE", "Cohen's kappa of the same verdicts"),
        Column("position_consistency", "DOUBLE", "share of items with the same verdict in both orders"),
        Column("items", "BIGINT", "items that it judged"),
        Column("gold_items", "BIGINT", "of these, items on which people agree"),
        Column("disputed", "BIGINT", "of these, items on which people do not"),
        Column("a_a", "DOUBLE", "items that are a for people and a for the judge"),
        Column("a_tie", "DOUBLE", "a for people, tie for the judge"),
        Column("a_b", "DOUBLE", "a for people, b for the judge"),
        Column("tie_a", "DOUBLE", "tie for people, a for the judge"),
        Column("tie_tie", "DOUBLE", "tie for both"),
        Column("tie_b", "DOUBLE", "tie for people, b for the judge"),
        Column("b_a", "DOUBLE", "b for people, a for the judge"),
        Column("b_tie", "DOUBLE", "b for people, tie for the judge"),
        Column("b_b", "DOUBLE", "b for both"),
        Column("gold_version", "VARCHAR", "hash of the annotations that it was held against; NULL without any"),
    ),
)

LEADERBOARD_OUTLIERS = TableSchema(
    name="leaderboard_outliers",
    row="one model of a published leaderboard that wins far more often than replies of its length do",
    key=("day", "benchmark", "model_id"),
    columns=(
        Column("benchmark", "VARCHAR", "the leaderboard"),
        Column("model_id", "VARCHAR", "the model"),
        Column("score", "DOUBLE", "its published win rate, percent"),
        Column("mean_chars", "DOUBLE", "mean length of its replies, characters"),
        Column("z", "DOUBLE", "robust standard deviations above the line of the others"),
    ),
)

JURY_VERDICTS = TableSchema(
    name="jury_verdicts",
    row="one item, by all judges that saw it known when the day was run",
    key=("day", "item_id"),
    columns=(
        Column("item_id", "VARCHAR", "the pair of replies"),
        Column("verdict", "VARCHAR", "the better side by the judges together: a, b or tie"),
        Column("votes", "BIGINT", "judges that voted"),
        Column("share_a", "DOUBLE", "what the votes say of side a, each by what its judge confuses; not calibrated"),
        Column("share_tie", "DOUBLE", "the same of a tie"),
        Column("share_b", "DOUBLE", "the same of side b"),
        Column("confidence", "DOUBLE", "calibrated probability that people say the same; NULL where it is not known"),
        Column("grey", "BOOLEAN", "people have not judged it and the confidence is below the limit or not known"),
    ),
)
