"""The tables that ranking writes."""

from __future__ import annotations

from evalloop_assets.lake.schema import Column, TableSchema

RATINGS = TableSchema(
    name="ratings",
    row="one model that fought in the 14 days up to this day, rated on these battles",
    key=("day", "model_id"),
    columns=(
        Column("model_id", "VARCHAR", "the model"),
        Column("mu", "DOUBLE", "batch TrueSkill, skill points; drifts with the pool, so compare contrasts"),
        Column("sigma", "DOUBLE", "its standard error as if no user voted twice, skill points; 0 for constants"),
        Column("contrast", "DOUBLE", "mu less the level (the anchors' mean, or the mean of all), skill points"),
        Column("low", "DOUBLE", "lower 95% bound of the contrast, users as clusters; NULL where no battles join it"),
        Column("high", "DOUBLE", "upper 95% bound of the contrast, likewise"),
        Column("rank", "BIGINT", "1 is the best; models of other components than 0 come last"),
        Column(
            "tier", "BIGINT", "1 is the best; models of a tier cannot be told from its first, and are of one component"
        ),
        Column("component", "BIGINT", "models of one number are joined by battles or constants; 0 fought most"),
        Column("anchor", "BOOLEAN", "its value is part of the level"),
        Column("battles", "BIGINT", "battles it fought in the window"),
    ),
)

RATING_STABILITY = TableSchema(
    name="rating_stability",
    row="one rated model, and how far its rating would be another one",
    key=("day", "model_id"),
    columns=(
        Column("model_id", "VARCHAR", "the model"),
        Column("rank", "BIGINT", "its rank in `ratings`"),
        Column("rank_low", "BIGINT", "best rank in 95% of samples of the users, with all their votes"),
        Column("rank_high", "BIGINT", "worst rank in 95% of these samples"),
        Column("best", "DOUBLE", "share of these samples in which it comes first"),
        Column("shuffle_sd", "DOUBLE", "SD over random orders of the battles of the online rating, skill points"),
        Column("bradley_terry_rank", "BIGINT", "its rank by Bradley-Terry strengths"),
    ),
)

RATING_STATES = TableSchema(
    name="rating_states",
    row="one model after an hour of the day, by the online pass over the 14 days up to then",
    key=("day", "model_id", "hour"),
    columns=(
        Column("model_id", "VARCHAR", "the model"),
        Column("hour", "BIGINT", "hour of the UTC day, 0 to 23; of the open day the last one may still run"),
        Column("mu", "DOUBLE", "online TrueSkill mean, skill points"),
        Column("sigma", "DOUBLE", "its own sigma, skill points; ignores that a user's votes hang together"),
        Column("battles", "BIGINT", "battles of the window so far"),
    ),
)

ELIMINATIONS = TableSchema(
    name="eliminations",
    row="one model compared with the best model (highest lower bound) or with the served champion",
    key=("day", "model_id", "against"),
    columns=(
        Column("model_id", "VARCHAR", "the model"),
        Column("against", "VARCHAR", "the best model, or the served champion"),
        Column("contrast", "DOUBLE", "skill points above the other; negative is worse"),
        Column("z", "DOUBLE", "contrast by its user-clustered standard error"),
        Column(
            "always_high", "DOUBLE", "upper bound of the contrast at every look and for all pairs of the pool together"
        ),
        Column("battles", "BIGINT", "battles of the model in the window"),
        Column("eliminated", "BOOLEAN", "clearly worse, so it leaves the pool"),
        Column("reason", "VARCHAR", "why or why not, with figures"),
    ),
)

MATCHUPS = TableSchema(
    name="matchups",
    row="two models that meet in the battles after this day",
    key=("day", "model_a", "model_b"),
    columns=(
        Column("model_a", "VARCHAR", "one model"),
        Column("model_b", "VARCHAR", "the other, later by name; which is shown first is another draw"),
        Column("propensity", "DOUBLE", "probability that a battle is between these two; 1 over all pairs of the day"),
        Column("why", "VARCHAR", "the shares that the pair is part of, with what each adds to the propensity"),
    ),
)

PUBLISHED_MATCHUPS = TableSchema(
    name="published_matchups",
    row="what the product draws its battles from once this day is ranked",
    key=("day",),
    columns=(
        Column("of_day", "DATE", "the day whose matchups the published file holds: this one, or a later one"),
        Column("pairs", "BIGINT", "pairs in the file"),
    ),
)
