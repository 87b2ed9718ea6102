"""Which tables the project knows: filled as assets are declared, so that a table not yet written reads as empty."""

from __future__ import annotations

from evalloop_assets.lake.schema import TableSchema

_DECLARED: dict[str, TableSchema] = {}


def declare(schema: TableSchema) -> TableSchema:
    """Make a table known; declaring another one under its name is a mistake in the code."""
    known = _DECLARED.setdefault(schema.name, schema)
    if known != schema:
        raise ValueError(f"table {schema.name} is declared twice, with different columns")
    return schema


def declared(name: str) -> TableSchema:
    """The schema of that name; KeyError where no asset declares it."""
    if name not in _DECLARED:
        raise KeyError(f"no asset or contract declares a table {name}")
    return _DECLARED[name]


def all_declared() -> dict[str, TableSchema]:
    return dict(_DECLARED)
