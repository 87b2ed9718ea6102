"""Which column of which table each output column of a SELECT comes from, by SQLGlot."""

from __future__ import annotations

from collections.abc import Mapping

from evalloop_assets.lake.sql import SqlTransform


def column_lineage(
    transform: SqlTransform, columns: Mapping[str, Mapping[str, str]]
) -> dict[str, list[tuple[str, str]]]:
    """For each output column, the (table, column) pairs it is computed from.

    `columns` gives the columns of every table that the query reads, name to type. Costs about 2 ms a column, so
    it is called when an asset is materialised and not when the code is loaded.
    """
    from sqlglot import exp, parse_one
    from sqlglot.lineage import lineage
    from sqlglot.optimizer import build_scope, qualify

    schema: dict[str, object] = {name: dict(found) for name, found in columns.items()}
    if transform.settings:
        schema["settings"] = {name.rpartition(".")[2]: "DOUBLE" for name in transform.settings}
    if transform.clock:
        schema["clock"] = {"watermark": "DATE", "log_end": "TIMESTAMP"}
    tree = qualify.qualify(
        parse_one(transform.query, read="duckdb"), schema=schema, dialect="duckdb", validate_qualify_columns=False
    )
    scope = build_scope(tree)
    found: dict[str, list[tuple[str, str]]] = {}
    for name in transform.schema.column_names:
        root = lineage(name, tree, schema=schema, dialect="duckdb", scope=scope, copy=False)
        leaves = set()
        for node in root.walk():
            if not node.downstream and isinstance(node.expression, exp.Table):
                leaves.add((node.expression.name, node.name.rpartition(".")[2].strip('"')))
        found[name] = sorted(leaf for leaf in leaves if leaf[0] in transform.reads)
    return found
