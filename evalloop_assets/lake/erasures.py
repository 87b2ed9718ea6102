"""What the lake keeps of people who were erased: a salted hash of each id, and the versions that went with them.

The hash lets a delivery recognise a person who must not come back; it is no secret against somebody who holds the salt
and can guess ids. No id and no text of an erased person is kept anywhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from evalloop_assets.days import Days, Window
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.registry import declare
from evalloop_assets.lake.schema import Column, TableSchema

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.store import Inputs, Lake

ERASURES = declare(
    TableSchema(
        name="erasures",
        row="one person who was erased, known by a salted hash only; its day is that of the request",
        key=("user_hash",),
        columns=(
            Column("user_hash", "VARCHAR", "sha256 of salt and user id, hexadecimal"),
            Column("salt", "VARCHAR", "the lake's salt"),
            Column("begun_at", "TIMESTAMP", "when the erasure was asked for (UTC); deliveries refuse the id since"),
            Column("completed_at", "TIMESTAMP", "when nothing of the person was found any more (UTC); NULL before"),
        ),
    )
)
ERASED_VERSIONS = declare(
    TableSchema(
        name="erased_versions",
        row="versions of one table that can no longer be read, since files that they need held an erased person",
        key=("user_hash", "table_name", "first_version"),
        columns=(
            Column("user_hash", "VARCHAR", "the erasure"),
            Column("table_name", "VARCHAR", "the table"),
            Column("first_version", "BIGINT", "first version of the range"),
            Column("last_version", "BIGINT", "last version of the range, inclusive"),
            Column("erased_at", "TIMESTAMP", "when (UTC)"),
        ),
    )
)
WHOLE = Days.one(date(2000, 1, 1))
REFUSED: Mapping[str, Window] = {ERASURES.name: (None, None)}
"""What a writer of delivered rows reads besides, so that it sees who was erased until its commit."""


class ErasedMeanwhile(Exception):
    """Somebody was put on the list since rows were held against it."""


class Tombstones(NamedTuple):
    """Ids that must not come back."""

    version: int | None
    """Version of `erasures` that they were read from; None where nobody was ever erased."""
    rows: pa.Table
    """user_hash, salt."""

    def require_newest(self, inputs: Inputs) -> None:
        """Raise ErasedMeanwhile where the list has changed; for writers that read it (`REFUSED`) with their inputs."""
        if inputs.versions.get(ERASURES.name) != self.version:
            raise ErasedMeanwhile


class Erasure(NamedTuple):
    """One row of `erasures`."""

    user_hash: str
    salt: str
    begun_at: datetime
    completed_at: datetime | None

    @property
    def short(self) -> str:
        """Names the erasure where people read it."""
        return self.user_hash[:12]


class Unreadable(NamedTuple):
    """A range of versions of one table."""

    table: str
    first: int
    last: int
    erased_at: datetime


def user_hash(salt: str, user_id: str) -> str:
    return hashlib.sha256(f"{salt}{user_id}".encode()).hexdigest()


def tombstones(lake: Lake) -> Tombstones:
    """Hashes of everybody whose erasure was asked for, completed or not."""
    inputs = lake.inputs({ERASURES.name: (None, None)}, WHOLE)
    return Tombstones(
        inputs.versions.get(ERASURES.name), inputs.query("SELECT user_hash, salt FROM erasures ORDER BY user_hash")
    )


def find(lake: Lake, user_id: str) -> Erasure | None:
    """The erasure of that person; None where there was none."""
    if lake.version(ERASURES.name) is None:
        return None
    rows = lake.read(ERASURES.name).drop_columns(["day"]).to_pylist()
    found = [Erasure(**row) for row in rows if row["user_hash"] == user_hash(row["salt"], user_id)]
    return found[0] if found else None


def begin(lake: Lake, user_id: str, salt: str, now: datetime) -> Erasure:
    """Put the id on the list, before anything is touched. `salt` is used where the lake has none yet."""

    def with_it(inputs: Inputs) -> pa.Table:
        known = inputs.query("SELECT * FROM erasures ORDER BY user_hash").to_pylist()
        salts = {row["salt"] for row in known} or {salt}
        if any(row["user_hash"] == user_hash(row["salt"], user_id) for row in known):
            return _rows(ERASURES, known)
        chosen = min(salts)
        new = {"day": now.date(), **Erasure(user_hash(chosen, user_id), chosen, now, None)._asdict()}
        return _rows(ERASURES, [*known, new])

    lake.replace(ERASURES, Days.one(now.date()), {ERASURES.name: (None, None)}, with_it)
    found = find(lake, user_id)
    assert found is not None
    return found


def complete(lake: Lake, erasure: Erasure, now: datetime) -> None:
    """Note that nothing of the person was found any more."""

    def marked(inputs: Inputs) -> pa.Table:
        rows = inputs.query("SELECT * FROM erasures ORDER BY user_hash").to_pylist()
        same = [row | {"completed_at": now} if row["user_hash"] == erasure.user_hash else row for row in rows]
        return _rows(ERASURES, same)

    lake.replace(ERASURES, Days.one(erasure.begun_at.date()), {ERASURES.name: (None, None)}, marked)


def note_versions(lake: Lake, erasure: Erasure, ranges: Mapping[str, Sequence[tuple[int, int]]], now: datetime) -> None:
    """Note which versions are about to become unreadable; ranges that are known are left alone."""
    new = [
        {
            "day": now.date(),
            "user_hash": erasure.user_hash,
            "table_name": table,
            "first_version": first,
            "last_version": last,
            "erased_at": now,
        }
        for table, found in ranges.items()
        for first, last in found
    ]

    def with_them(inputs: Inputs) -> pa.Table:
        known = inputs.query("SELECT * FROM erased_versions").to_pylist()
        spans = {(row["table_name"], row["first_version"], row["last_version"]) for row in known}
        fresh = [row for row in new if (row["table_name"], row["first_version"], row["last_version"]) not in spans]
        return _rows(ERASED_VERSIONS, [*known, *fresh])

    if new:
        lake.replace(ERASED_VERSIONS, Days.one(now.date()), {ERASED_VERSIONS.name: (None, None)}, with_them)


def unreadable(lake: Lake) -> list[Unreadable]:
    """Every range of versions that went with an erased person."""
    if lake.version(ERASED_VERSIONS.name) is None:
        return []
    rows = lake.read(ERASED_VERSIONS.name).to_pylist()
    return [Unreadable(row["table_name"], row["first_version"], row["last_version"], row["erased_at"]) for row in rows]


def erased_citations(cited: Mapping[str, Iterable[int]], gone: Iterable[Unreadable]) -> list[str]:
    """`table version, erased on day` for each version of `cited` that can no longer be read, in order."""
    ranges = list(gone)
    found = []
    for table, versions in sorted(cited.items()):
        for version in sorted(set(versions)):
            dates = [one.erased_at for one in ranges if one.table == table and one.first <= version <= one.last]
            if dates:
                found.append(f"{table} version {version}, erased on {min(dates).date()}")
    return found


def _rows(schema: TableSchema, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    import pyarrow as pa

    return pa.Table.from_pylist(list(rows), arrow_schema(schema))
