"""The tables that ranking writes."""

from __future__ import annotations

from evalloop_assets.lake.schema import Column, TableSchema

RATINGS = TableSchema(
    name="ratings",
    row="one model that fought in the 14 days up to this day, rated on these battles",
    key=("day", "model_id"),
    columns=(
        Column("model_id", "VARCHAR", "the model"),
        Column("mu", "DOUBLE", "TrueSkill mean, skill points; drifts with the pool, so compare contrasts"),
        Column("sigma", "DOUBLE", "TrueSkill's own sigma, skill points; ignores that a user's votes hang together"),
        Column("contrast", "DOUBLE", "mu less the level (the anchors' mean, or the mean of all), skill points"),
        Column("low", "DOUBLE", "lower 95% bound of the contrast, users as clusters"),
        Column("high", "DOUBLE", "upper 95% bound of the contrast, users as clusters"),
        Column("rank", "BIGINT", "1 is the best"),
        Column("anchor", "BOOLEAN", "its value is part of the level"),
        Column("battles", "BIGINT", "battles it fought in the window"),
    ),
)

ELIMINATIONS = TableSchema(
    name="eliminations",
    row="one model compared with the best model or with the served champion",
    key=("day", "model_id", "against"),
    columns=(
        Column("model_id", "VARCHAR", "the model"),
        Column("against", "VARCHAR", "the best model, or the served champion"),
        Column("contrast", "DOUBLE", "skill points above the other; negative is worse"),
        Column("z", "DOUBLE", "contrast by its user-clustered standard error"),
        Column("battles", "BIGINT", "battles of the model in the window"),
        Column("eliminated", "BOOLEAN", "clearly worse, so it leaves the pool"),
        Column("reason", "VARCHAR", "why or why not, with figures"),
    ),
)
