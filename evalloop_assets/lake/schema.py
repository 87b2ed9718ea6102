"""What a table of the lake is: its columns with type and meaning, its key, and what one row stands for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Column:
    """One column: DuckDB type, meaning with unit, and, for logs, what the contract demands of a value."""

    name: str
    type: str
    about: str
    required: bool = False
    choices: Sequence[str] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class TableSchema:
    """One table. `day` is not listed among the columns: it is the partition of every table, a UTC date."""

    name: str
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    day_from: str | None = field(default=None)
    """The timestamp column whose UTC date is the partition; None where the writer sets `day` itself."""

    def __post_init__(self) -> None:
        missing = set(self.key) - {"day", *self.column_names}
        if missing:
            raise ValueError(f"table {self.name}: key columns {sorted(missing)} are not among its columns")

    @property
    def column_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError names the table."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name} has no column {name}")


def by_name(tables: Iterable[TableSchema]) -> dict[str, TableSchema]:
    return {table.name: table for table in tables}
