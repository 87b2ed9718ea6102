"""A transform's SELECT in Spark's words: SQLGlot's translation, and what it gets wrong put right.

What cannot be put right here is refused by the dialect's lint (docs/decisions/0003, 0011).
"""

from __future__ import annotations

import functools

from sqlglot import exp, parse_one

from evalloop_assets.lake.java_pattern import java_pattern

_TYPES = {
    "VARCHAR": "STRING",
    "BIGINT": "BIGINT",
    "INTEGER": "INT",
    "DOUBLE": "DOUBLE",
    "FLOAT": "FLOAT",
    "BOOLEAN": "BOOLEAN",
    "DATE": "DATE",
    "TIMESTAMP": "TIMESTAMP_NTZ",
}
_FOLDED_OTHERWISE = ("İΣ", "iσ")
"""Capitals that Java turns into two letters, or into another letter at the end of a word; DuckDB never does."""


def spark_type(name: str) -> str:
    """Spark's name for one of the types that a table may declare."""
    return f"ARRAY<{spark_type(name[:-2])}>" if name.endswith("[]") else _TYPES[name]


@functools.lru_cache(maxsize=256)
def spark_query(query: str) -> str:
    """The SELECT for Spark 4 in ANSI mode; `$name` becomes `:name`."""
    return _translated(query).sql(dialect="spark")


def spark_steps(query: str) -> tuple[dict[str, str], str]:
    """What recursive steps of the query read and what reads them, as SELECTs by name in order, and the query without
    these steps.

    Spark would compute what a recursion reads anew in every round, and the recursion anew wherever it is read; so its
    engine keeps these rows first.
    """
    tree = _translated(query)
    steps = {cte.alias: cte for cte in tree.find_all(exp.CTE)}
    reads = {name: _read(cte) & steps.keys() for name, cte in steps.items()}
    recursive = {name for name in steps if name in reads[name]}
    needed = {one for name in recursive for one in reads[name]} | {name for name in steps if reads[name] & recursive}
    kept: dict[str, str] = {}
    waiting: list[str] = []
    for name, step in steps.items():
        waiting.append(step.sql(dialect="spark"))
        if name in needed - recursive:
            kept[name] = f"WITH RECURSIVE {', '.join(waiting)} SELECT * FROM {name}"
            waiting.pop()
            step.pop()
    return kept, tree.sql(dialect="spark")


def _translated(query: str) -> exp.Expr:
    tree = parse_one(query, read="duckdb")
    for node in reversed(list(tree.dfs())):
        better = _put_right(node)
        if better is not node:
            node.replace(better)
    return tree


def _read(step: exp.CTE) -> set[str]:
    return {table.name for table in step.this.find_all(exp.Table)}


def _put_right(node: exp.Expr) -> exp.Expr:
    match node:
        case exp.WithinGroup(this=exp.PercentileCont() as percentile):
            ordered = node.expression.find(exp.Ordered)
            assert ordered is not None
            return exp.func("PERCENTILE", ordered.this, percentile.this)
        case exp.UnixToTime(this=moment) if node.args.get("scale") == exp.UnixToTime.MILLIS:
            return exp.func("UNIX_MILLIS", moment)
        case exp.Ln(this=number):
            infinite = exp.cast(exp.Literal.string("-Infinity"), exp.DType.DOUBLE)
            return (
                exp.case()
                .when(exp.EQ(this=number.copy(), expression=exp.Literal.number(0)), infinite)
                .else_(node.copy())
            )
        case exp.Lower(this=text):
            return exp.Lower(this=exp.func("TRANSLATE", text, *map(exp.Literal.string, _FOLDED_OTHERWISE)))
        case exp.RegexpLike() | exp.RegexpReplace() | exp.RegexpExtract():
            node.set("expression", node.expression.transform(_java_literal))
    return node


def _java_literal(node: exp.Expr) -> exp.Expr:
    return exp.Literal.string(java_pattern(node.this)) if isinstance(node, exp.Literal) and node.is_string else node
