"""Which column of which table each output column of a SELECT comes from, by the scopes of SQLGlot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from evalloop_assets.lake.sql import SqlTransform

if TYPE_CHECKING:
    from sqlglot.optimizer import Scope

Origins = frozenset[tuple[str, str]]


def column_lineage(
    transform: SqlTransform, columns: Mapping[str, Mapping[str, str]]
) -> dict[str, list[tuple[str, str]]]:
    """For each output column, the (table, column) pairs it is computed from.

    `columns` gives the columns of every table that the query reads, name to type. Costs up to a tenth of a second a
    query, so it is called when an asset is materialised and not when the code is loaded.
    """
    from sqlglot import exp, parse_one
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
    assert scope is not None
    assert isinstance(scope.expression, exp.Query)
    known: dict[tuple[int, int], Origins] = {}
    names = scope.expression.named_selects
    return {
        name: sorted(leaf for leaf in _origins(scope, names.index(name), known) if leaf[0] in transform.reads)
        for name in transform.schema.column_names
    }


def _origins(scope: Scope, position: int, known: dict[tuple[int, int], Origins]) -> Origins:
    """What the column at this position of a scope comes from; each is followed once, however many read it.

    `sqlglot.lineage` follows every path anew, and paths multiply with every CTE.
    """
    if (id(scope), position) not in known:
        known[id(scope), position] = frozenset(_followed(scope, position, known))
    return known[id(scope), position]


def _followed(scope: Scope, position: int, known: dict[tuple[int, int], Origins]) -> Iterator[tuple[str, str]]:
    from sqlglot import exp
    from sqlglot.optimizer import Scope, find_all_in_scope

    query = scope.expression
    assert isinstance(query, exp.Query)
    for side in scope.set_operation_scopes:
        yield from _origins(side, position, known)
    if scope.set_operation_scopes:
        return
    chosen = query.selects[position]
    for inner in scope.subquery_scopes:
        if any(node is inner.expression for node in chosen.walk()):
            yield from _origins(inner, 0, known)
    for column in find_all_in_scope(chosen, exp.Column):
        source = scope.sources.get(column.table)
        if isinstance(source, Scope):
            if isinstance(source.expression, exp.Query):  # VALUES come from no table
                yield from _origins(source, source.expression.named_selects.index(column.name), known)
        elif source is not None:
            yield source.name, column.name
