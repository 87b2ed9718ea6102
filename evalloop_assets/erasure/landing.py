"""The landing folder: delivered files lose the person's rows and stay known as taken in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from evalloop_assets.erasure.person import Person
from evalloop_assets.erasure.places import Cleaned, clean, files_under
from evalloop_assets.lake.engine import View
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.logs.deliver import identify
from evalloop_assets.logs.landing import identity_mapping
from evalloop_assets.logs.ledger import resized


def landing_views(folder: Path) -> list[View]:
    """A view of each delivered Parquet file that can be decoded."""
    found = []
    with duckdb.connect() as connection:
        for path in files_under([folder], []):
            if path.suffix != ".parquet":
                continue
            try:
                described = connection.execute(f"DESCRIBE SELECT * FROM {_source(path)}").fetchall()
            except duckdb.Error:
                continue
            found.append(View({name: type_ for name, type_, *_ in described}, [str(path)]))
    return found


def landing_rejects(folder: Path, user_id: str) -> frozenset[tuple[str, int]]:
    """Delivery and position of each row of the person, by which `rejected_rows` knows them without their id."""
    person = Person(user_id)
    found: set[tuple[str, int]] = set()
    for view in landing_views(folder):
        path = Path(view.files[0])
        schema = LOG_TABLES.get(path.parent.name)
        if schema is None or "user_id" not in view.columns:
            continue
        try:
            delivery = identify(path, identity_mapping(path, schema))
        except UserError:
            continue
        own = person.condition({"user_id": view.columns["user_id"]})
        with duckdb.connect() as connection:
            for name, terms in person.views.items():
                connection.register(name, terms.rows)
            numbered = _source(path, ", file_row_number = true")
            rows = connection.execute(f"SELECT file_row_number + 1 FROM {numbered} WHERE {own}").fetchall()
        found |= {(delivery, position) for (position,) in rows}
    return frozenset(found)


def cleaned_landing(lake: Lake, folder: Path, person: Person) -> Iterator[Cleaned]:
    """Take the person out of each file; what was taken in stays known as such, so that it does not come in again."""
    for path in files_under([folder], []):
        size = path.stat().st_size
        done = clean(path, person)
        if done is None:
            continue
        if path.exists():
            resized(lake, f"{path.parent.name}/{path.name}", size, path.stat().st_size)
        yield done


def _source(path: Path, options: str = "") -> str:
    quoted = str(path).replace("'", "''")
    return f"read_parquet('{quoted}', hive_partitioning = false{options})"
