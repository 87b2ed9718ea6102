"""Tables for a terminal, and for a file or pipe."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

UNLIMITED = 1_000_000
"""Characters of a line, more than any table has."""


def print_table(console: Console, table: Table) -> None:
    """Print it; where that is no terminal, as wide as the table needs to be, so that no text is wrapped or cut."""
    fitting = console if console.file.isatty() else Console(file=console.file, width=UNLIMITED, highlight=False)
    fitting.print(table)
