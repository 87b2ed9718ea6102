"""The table of the report."""

from evalloop_assets.evaluation.pyramid.contents import FINDINGS
from evalloop_assets.lake.schema import Column, TableSchema

PYRAMID = TableSchema(
    name="pyramid",
    row="one finding of the report over the week up to this day",
    key=("day", "place"),
    columns=(
        Column("place", "BIGINT", "1 comes first on the page"),
        Column("part", "VARCHAR", "decisions, risks or agreement", choices=FINDINGS),
        Column("status", "VARCHAR", "what holds, in a word: promote, demoted, stale, …"),
        Column("subject", "VARCHAR", "of which model, experiment, benchmark or judge"),
        Column("words", "VARCHAR", "the reason, with figures"),
    ),
)
