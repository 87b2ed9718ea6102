"""Tables of results by slice, of the six dimensions, and of the launch gate."""

from __future__ import annotations

from evalloop_assets.lake.schema import Column, TableSchema

SLICE_RESULTS = TableSchema(
    name="slice_results",
    row="one metric of one model among the users of one slice, over the 14 days up to this day",
    key=("day", "model_id", "metric", "dimension", "slice"),
    columns=(
        Column("model_id", "VARCHAR", "the model"),
        Column("metric", "VARCHAR", "see docs/evaluation/slices.md"),
        Column("dimension", "VARCHAR", "what the slices are told by, as in slice_units; all: no slices"),
        Column("slice", "VARCHAR", "the slice, or all"),
        Column("users", "BIGINT", "users with a known unit, the unit of variance"),
        Column("units", "DOUBLE", "what the mean is over: days of users, sessions or replies"),
        Column("mean", "DOUBLE", "the mean; NULL where too few users tell"),
        Column("low", "DOUBLE", "lower 95% bound, users as clusters"),
        Column("high", "DOUBLE", "upper 95% bound"),
        Column("shrunk", "DOUBLE", "the mean drawn towards the model's other slices; known of small slices too"),
        Column("shrunk_low", "DOUBLE", "lower 95% bound of it"),
        Column("shrunk_high", "DOUBLE", "upper 95% bound of it"),
        Column("less_rest", "DOUBLE", "the mean less that of the model's other slices together"),
        Column("p_value", "DOUBLE", "two-sided, that there is no such difference"),
        Column("p_adjusted", "DOUBLE", "for all slices of the model and metric (Benjamini and Hochberg)"),
        Column("reason", "VARCHAR", "why there is no figure; NULL where there is"),
    ),
)

FAIRNESS_GAPS = TableSchema(
    name="fairness_gaps",
    row="how far apart one model's slices of one dimension are in one metric, over the 14 days up to this day",
    key=("day", "model_id", "metric", "dimension"),
    columns=(
        Column("model_id", "VARCHAR", "the model"),
        Column("metric", "VARCHAR", "see docs/evaluation/slices.md"),
        Column("dimension", "VARCHAR", "what the slices are told by"),
        Column("gap", "DOUBLE", "greatest less smallest mean, less what chance adds to that; NULL below two slices"),
        Column("low", "DOUBLE", "lower 95% bound; of all dimensions of the model and metric together"),
        Column("high", "DOUBLE", "upper 95% bound, likewise"),
        Column("naive", "DOUBLE", "greatest less smallest mean"),
        Column("slices", "BIGINT", "slices with enough users"),
        Column("users", "BIGINT", "users of the smallest of them"),
        Column("lowest", "VARCHAR", "slice with the smallest mean"),
        Column("highest", "VARCHAR", "slice with the greatest mean"),
        Column("reason", "VARCHAR", "why there is no figure; NULL where there is"),
    ),
)

SLICE_REVERSALS = TableSchema(
    name="slice_reversals",
    row="two models of which one is better overall and the other where it matters, over the 14 days up to this day",
    key=("day", "metric", "dimension", "kind", "slice", "better_overall", "better_there"),
    columns=(
        Column("metric", "VARCHAR", "return_next_day, abrupt_end or reward"),
        Column("dimension", "VARCHAR", "what the slices are told by"),
        Column("kind", "VARCHAR", "slice; same mix (both models with the same slices); business weights"),
        Column("slice", "VARCHAR", "the slice; all where slices are weighed"),
        Column("better_overall", "VARCHAR", "the model that is better overall"),
        Column("better_there", "VARCHAR", "the model that is better there"),
        Column("overall", "DOUBLE", "by how much the first is better overall, above 0"),
        Column("overall_low", "DOUBLE", "lower 95% bound, users as clusters"),
        Column("overall_high", "DOUBLE", "upper 95% bound"),
        Column("there", "DOUBLE", "by how much the second is better there, above 0"),
        Column("there_low", "DOUBLE", "lower 95% bound, users as clusters"),
        Column("there_high", "DOUBLE", "upper 95% bound"),
        Column("interaction_p", "DOUBLE", "p-value that the effect is the same in all slices (Wald)"),
        Column("p_value", "DOUBLE", "that it is none: the largest of those of its parts"),
        Column("p_adjusted", "DOUBLE", "for all that were tested on the day (Benjamini and Hochberg)"),
        Column("claimed", "BOOLEAN", "p_adjusted is at most 0.05"),
    ),
)

MODEL_DIMENSIONS = TableSchema(
    name="model_dimensions",
    row="one model in one of the six dimensions by one source",
    key=("day", "model_id", "dimension", "source"),
    columns=(
        Column("model_id", "VARCHAR", "the model"),
        Column("dimension", "VARCHAR", "accuracy, safety, hallucination, robustness, fairness or explainability"),
        Column("source", "VARCHAR", "the benchmark, or the online metric; none where nothing measures it"),
        Column("value", "DOUBLE", "mean score of the benchmark's items, the metric, or the gap; NULL: not measured"),
        Column("low", "DOUBLE", "lower 95% bound"),
        Column("high", "DOUBLE", "upper 95% bound"),
        Column("n", "BIGINT", "items or users behind it"),
        Column("reason", "VARCHAR", "why there is no figure; NULL where there is"),
    ),
)

LAUNCH_GATES = TableSchema(
    name="launch_gates",
    row="one line of the launch gate held against one candidate; line 0 is the gate as a whole",
    key=("day", "model_id", "line"),
    columns=(
        Column("model_id", "VARCHAR", "the candidate"),
        Column("line", "BIGINT", "number of the line in the file, from 1; 0: the whole gate"),
        Column("metric", "VARCHAR", "what is measured; all for the whole gate"),
        Column("slice", "VARCHAR", "where: all, or dimension=value"),
        Column("direction", "VARCHAR", "at_least or at_most; NULL for the whole gate"),
        Column("threshold", "DOUBLE", "the number agreed; NULL for the whole gate"),
        Column("minimum_sample", "BIGINT", "least users, items or prompts; NULL for the whole gate"),
        Column("value", "DOUBLE", "what was measured; NULL where nothing was"),
        Column("low", "DOUBLE", "lower 95% bound"),
        Column("high", "DOUBLE", "upper 95% bound"),
        Column("n", "BIGINT", "users, items or prompts behind it"),
        Column("verdict", "VARCHAR", "pass, fail or not enough data; of the whole gate also not agreed"),
        Column("reason", "VARCHAR", "why, in plain words"),
        Column("gate", "VARCHAR", "name of the gate"),
        Column("gate_hash", "VARCHAR", "SHA-256 of the file's bytes"),
        Column("agreed_hash", "VARCHAR", "that of the gate by which the candidate was first judged"),
        Column("changed", "BOOLEAN", "the gate was changed after the candidate was first judged"),
    ),
)
