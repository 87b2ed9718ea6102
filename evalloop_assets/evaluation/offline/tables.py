"""The tables that the comparison of offline and online writes."""

from __future__ import annotations

from evalloop_assets.lake.schema import Column, TableSchema

MODEL_VALUES = TableSchema(
    name="model_values",
    row="one model by one offline score or one online metric, over a window of days where it has one",
    key=("day", "kind", "name", "window_days", "model_id"),
    columns=(
        Column("kind", "VARCHAR", "benchmark, judge, reward_model or metric"),
        Column("name", "VARCHAR", "the benchmark, the judge, `champion`, or the metric"),
        Column("window_days", "BIGINT", "days up to this one that count; 0 for whatever was known by then"),
        Column("model_id", "VARCHAR", "the model"),
        Column(
            "value", "DOUBLE", "mean as if every model had been in every block: day, item or pair; in units of the name"
        ),
        Column(
            "se",
            "DOUBLE",
            "quasi-standard error, clustered by user or item: that of a contrast is the root of the sum of both "
            "squares; NULL where a published score has none, and where fewer than 30 are behind it",
        ),
        Column("units", "DOUBLE", "observations behind it"),
        Column("clusters", "BIGINT", "users, items or pairs behind it"),
    ),
)

OFFLINE_ONLINE = TableSchema(
    name="offline_online",
    row="one offline score against one online metric over one window: whether it orders the models as the users do",
    key=("day", "kind", "name", "metric", "window_days"),
    columns=(
        Column("kind", "VARCHAR", "benchmark, judge or reward_model"),
        Column("name", "VARCHAR", "the benchmark, the judge, or `champion`"),
        Column("metric", "VARCHAR", "the online metric; abrupt_exits counts with its sign turned"),
        Column("window_days", "BIGINT", "days of the metric up to this one, as far as they have matured by it"),
        Column("models", "BIGINT", "models with both"),
        Column("correlation", "DOUBLE", "Spearman's, of the estimates; positive where the score is right"),
        Column("low", "DOUBLE", "lower 95% bound of Spearman's correlation of the true values of these models"),
        Column("high", "DOUBLE", "upper 95% bound"),
        Column("lower", "DOUBLE", "lower bound at the one-sided level of a single look, for the ledger"),
        Column("upper", "DOUBLE", "upper bound at that level"),
        Column("kendall", "DOUBLE", "Kendall's tau-b of the estimates"),
        Column("kendall_low", "DOUBLE", "lower 95% bound of Kendall's tau of the true values of these models"),
        Column("kendall_high", "DOUBLE", "upper 95% bound"),
        Column("p_value", "DOUBLE", "one-sided: share of all orders of these models that agree as well"),
        Column("next_low", "DOUBLE", "lower 95% bound of the correlation that a further model would follow"),
        Column("next_high", "DOUBLE", "upper 95% bound"),
        Column("attenuation", "DOUBLE", "factor by which noise pulls `correlation` towards zero; NULL where unknown"),
        Column("ties", "BIGINT", "pairs of models with equal scores, offline or online"),
        Column("reversals", "BIGINT", "pairs that the score orders the other way round, both contrasts significant"),
        Column("reversed_pairs", "VARCHAR", "these: preferred offline > better online; surest first"),
        Column("reason", "VARCHAR", "why there is no figure; NULL where there is one"),
    ),
)

PREDICTORS = TableSchema(
    name="predictors",
    row="one offline score at the end of a day: may it still be trusted to order the models",
    key=("day", "kind", "name"),
    columns=(
        Column("kind", "VARCHAR", "benchmark, judge or reward_model"),
        Column("name", "VARCHAR", "the benchmark, the judge, or `champion`"),
        Column("status", "VARCHAR", "trusted, watch or demoted"),
        Column("since", "DATE", "first day of this status without a break"),
        Column(
            "doubtful_since", "DATE", "first day of the unbroken run with an estimate below the bar; NULL where none is"
        ),
        Column("correlation", "DOUBLE", "Spearman's with the deciding metric, of the estimates"),
        Column("low", "DOUBLE", "lower 95% bound"),
        Column("high", "DOUBLE", "upper 95% bound"),
        Column("models", "BIGINT", "models with both"),
        Column("reversals", "BIGINT", "pairs that it orders the other way round, both contrasts significant"),
        Column("metric", "VARCHAR", "the deciding online metric"),
        Column("reason", "VARCHAR", "what the evidence of the day says"),
    ),
)

EVALUATIONS_DUE = TableSchema(
    name="evaluations_due",
    row="one model that a benchmark has not scored, or scored too long ago",
    key=("day", "model_id", "benchmark"),
    columns=(
        Column("model_id", "VARCHAR", "the model or policy"),
        Column("benchmark", "VARCHAR", "the benchmark"),
        Column("reason", "VARCHAR", "never scored, released anew since, or too old"),
        Column("released_on", "DATE", "UTC day of the newest release; NULL where unknown"),
        Column("scored_on", "DATE", "UTC day of the newest score; NULL where there is none or its time is unknown"),
    ),
)
