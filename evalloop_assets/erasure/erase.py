"""Erases one person from a lake and from the files around it, and proves it (docs/decisions/0010-erasure.md).

Every step may be repeated, and a killed erasure is completed by running it again: the list of refused ids comes first,
and the files that tell what to look for, those of the log tables and of the landing folder, go last.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from evalloop_assets.erasure import receipt as receipts
from evalloop_assets.erasure.landing import cleaned_landing, landing_rejects, landing_views
from evalloop_assets.erasure.models import Models, touched
from evalloop_assets.erasure.person import Person, gathered, only_theirs
from evalloop_assets.erasure.places import Cleaned, Left, clean, files_under, left_in
from evalloop_assets.erasure.proof import lake_left
from evalloop_assets.erasure.receipt import Receipt, iso
from evalloop_assets.erasure.servers import Server, erase_values, values_with
from evalloop_assets.erasure.versions import data_views, delete_files, held, unreadable_without
from evalloop_assets.lake import erasures
from evalloop_assets.lake.engine import View
from evalloop_assets.lake.erasures import Erasure
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.exports import note_erasure
from evalloop_assets.lake.removal import remove_rows
from evalloop_assets.lake.store import Lake
from evalloop_assets.logs.contract import DELIVERED, LOG_TABLES

ROUNDS = 2
OWN = (erasures.ERASURES.name, erasures.ERASED_VERSIONS.name)
EMBEDDINGS = "turn_embeddings"
"""Its rows are of a text, whoever has it; a text_hash anywhere else is a column of somebody's row."""
Progress = Callable[[str], None]


@dataclass(frozen=True)
class Scope:
    """Where a person may be."""

    lake: Lake
    derived: Sequence[str]
    """Tables that are computed, inputs before what reads them."""
    landing: Path
    places: Sequence[Path]
    """Folders and files outside the lake, the landing folder's own parent among them."""
    exports: Sequence[Path]
    """Files that were exported; their manifests follow them."""
    leftovers: Sequence[Path]
    """Folders with what killed steps left: they are removed unread."""
    receipts: Path
    servers: Sequence[Server] = ()
    """PostgreSQL databases that hold the ledger or Dagster's record."""
    models: Models | None = None
    """Where models are registered."""


class Attempt(NamedTuple):
    """One run of an erasure, the first or a later one."""

    erasure: Erasure
    receipt: Receipt
    started: datetime
    """UTC."""
    now: Callable[[], datetime]


class Outcome(NamedTuple):
    """How an erasure ended."""

    erasure: Erasure
    receipt: Receipt
    path: Path
    repeated: bool
    """It was complete before, and nothing of the person was found since."""


def erase(
    scope: Scope,
    user_id: str,
    salt: str,
    now: Callable[[], datetime],
    progress: Progress = lambda step: None,
    *,
    unknown: bool = False,
) -> Outcome:
    """Erase the person; UserError where something is left that cannot be erased. `salt` is for a lake without one.

    An id that nobody has is a UserError too, before anything is written, unless it may be `unknown`.
    """
    started = now()
    before = erasures.find(scope.lake, user_id)
    if before is None and not unknown:
        progress("looking for the person")
        _require_somebody(scope, user_id)
    erasure = before or erasures.begin(scope.lake, user_id, salt, started)
    receipt = receipts.opened(scope.receipts, erasure)
    if before is not None and before.completed_at is not None:
        progress("searching")
        if not _left(scope, Person(user_id), receipt):
            return Outcome(erasure, receipt, receipts.receipt_path(scope.receipts, erasure), True)
    receipts.write(scope.receipts, erasure, receipt)
    attempt, left = Attempt(erasure, receipt, started, now), list[Left]()
    for _ in range(ROUNDS):
        left = _round(scope, user_id, attempt, progress)
        path = receipts.write(scope.receipts, erasure, receipt)
        if not left:
            done = now()
            _mark_models(scope, receipt, done)
            path = receipts.write(scope.receipts, erasure, receipt)
            erasures.complete(scope.lake, erasure, done)
            receipt.completed_at = iso(done)
            path = receipts.write(scope.receipts, erasure, receipt)
            return Outcome(erasure, receipt, path, False)
    raise UserError(
        f"{left[0].path}" + (f" and {len(left) - 1} others" if len(left) > 1 else ""),
        f"it still holds the person, or nobody can tell: {left[0].why}",
        "Mend or remove it, and run the erasure again.",
    )


def _mark_models(scope: Scope, receipt: Receipt, done: datetime) -> None:
    """Name the models that learned from the person, on the receipt and in the registry."""
    if scope.models is None:
        return
    found = touched(scope.models.trained(), receipt.versions)
    for one in found:
        named = receipt.retrain.setdefault(one.kind, [])
        named += [] if one.name in named else [one.name]
    scope.models.mark(found, f"it was trained on data of somebody who was erased on {done.date()}")


def _require_somebody(scope: Scope, user_id: str) -> None:
    if _gathered(scope, user_id, list(LOG_TABLES)):
        return
    _, left = _searched(scope, Person(user_id))
    if not any(one.decoded for one in left):
        raise UserError(
            f"ID {user_id}",
            "nobody of that id was found, and nothing was written",
            "Give the id as the log has it, or `--unknown` for somebody whose log is still to come.",
        )


def _round(scope: Scope, user_id: str, attempt: Attempt, progress: Progress) -> list[Left]:
    receipt = attempt.receipt
    for folder in scope.leftovers:
        shutil.rmtree(folder, ignore_errors=True)
    progress("reading every version of every table")
    rejects = landing_rejects(scope.landing, user_id)
    tables = [name for name in scope.lake.tables() if name not in OWN]
    found = _gathered(scope, user_id, tables)
    person = _person(scope, user_id, found, rejects)
    progress("leaving rows out")
    _leave_out(scope, list(DELIVERED), person, attempt)
    late = _gathered(scope, user_id, list(LOG_TABLES))  # by writers who could still pass when it was read first
    if any(not terms <= found.get(kind, set()) for kind, terms in late.items()):
        person = _person(
            scope, user_id, {kind: found.get(kind, set()) | late.get(kind, set()) for kind in found | late}, rejects
        )
        _leave_out(scope, list(DELIVERED), person, attempt)
    known = {*DELIVERED, *scope.derived, *OWN}
    derived = [*scope.derived, *(name for name in scope.lake.tables() if name not in known)]
    _leave_out(scope, derived, person, attempt)
    progress("deleting old files")
    others = [*derived, *(name for name in DELIVERED if name not in LOG_TABLES)]
    for table in others:
        _delete_old(scope.lake, table, person, attempt)
        receipts.write(scope.receipts, attempt.erasure, receipt)
    progress("cleaning files outside the lake")
    for path in files_under(scope.places, [scope.landing, *_lake_folder(scope.lake)]):
        _note(scope, attempt, clean(path, person))
    for server in scope.servers:
        _clean_server(scope, server, person, attempt)
    for path in scope.exports:
        if taken := receipt.elsewhere.get(str(path)):
            note_erasure(path, attempt.now().date(), sum(taken.values()))
    progress("searching")
    left = _left(scope, person, receipt, without=(*LOG_TABLES, "landing"))
    if left:
        return left
    progress("deleting old logs")
    for table in LOG_TABLES:
        _delete_old(scope.lake, table, person, attempt)
        receipts.write(scope.receipts, attempt.erasure, receipt)
    for done in cleaned_landing(scope.lake, scope.landing, person):
        _note(scope, attempt, done)
    progress("searching again")
    return _left(scope, person, receipt)


def _gathered(scope: Scope, user_id: str, tables: Sequence[str]) -> dict[str, set[str]]:
    sources = [view for table in tables for view in data_views(scope.lake, table)]
    return gathered(scope.lake.reader, user_id, [*sources, *landing_views(scope.landing)])


def _person(scope: Scope, user_id: str, found: Mapping[str, set[str]], rejects: frozenset[tuple[str, int]]) -> Person:
    newest = [view for table in LOG_TABLES if (view := scope.lake.view(table)).files]
    terms = only_theirs(scope.lake.reader, user_id, found, [*newest, *landing_views(scope.landing)])
    return Person(user_id, terms, rejects)


def _leave_out(scope: Scope, tables: Sequence[str], person: Person, attempt: Attempt) -> None:
    for table in tables:
        views = dict(person.views)

        def condition(columns: Mapping[str, str], table: str = table) -> str:
            if table == EMBEDDINGS:  # a day keeps the texts that somebody else has on it
                return f"{_hashed('any_hash')} AND (day, text_hash) NOT IN (SELECT (day, term) FROM day_texts)"
            return person.condition(columns)

        if table == EMBEDDINGS:
            views["day_texts"] = _day_texts(scope.lake, person)
        removed = remove_rows(scope.lake, table, condition, views, attempt.erasure.user_hash)
        if removed is not None:
            attempt.receipt.add(attempt.receipt.rows, table, removed.rows)
            receipts.write(scope.receipts, attempt.erasure, attempt.receipt)


def _day_texts(lake: Lake, person: Person) -> View:
    """Day and hash of those texts of the person that the newest turns of others have too."""
    union = (
        " UNION ALL ".join(
            f"SELECT day, md5({name}) AS text_hash FROM turns WHERE {name} IS NOT NULL"
            for name in ("user_text", "reply_text")
            if name in lake.view("turns").columns
        )
        or "SELECT DATE '2000-01-01' AS day, '' AS text_hash WHERE false"
    )
    rows = lake.reader.fetch(
        f"SELECT DISTINCT day, text_hash AS term FROM ({union}) AS texts WHERE {_hashed('any_hash')}",
        {**person.views, "turns": lake.view("turns")},
        {},
    )
    return View({}, rows=rows)


def _hashed(kind: str) -> str:
    return f"text_hash IN (SELECT term FROM person_terms WHERE kind = '{kind}')"


def _delete_old(lake: Lake, table: str, person: Person, attempt: Attempt) -> None:
    started, receipt = attempt.started.replace(tzinfo=UTC).timestamp(), attempt.receipt
    found = held(lake, table, person)
    broken = [file.uri for file in found.undecodable if file.changed_at < started]
    ranges = unreadable_without(lake, table, found.holding)
    erasures.note_versions(lake, attempt.erasure, {table: ranges}, attempt.now())
    delete_files(lake, [*found.holding, *broken])
    receipt.add(receipt.files, table, len(found.holding) + len(broken))
    if ranges:
        receipt.versions[table] = sorted([*receipt.versions.get(table, []), *([first, last] for first, last in ranges)])


def _note(scope: Scope, attempt: Attempt, done: Cleaned | None) -> None:
    if done is not None:
        receipt = attempt.receipt
        receipt.add(receipt.elsewhere.setdefault(str(done.path), {}), done.what, done.number)
        receipts.write(scope.receipts, attempt.erasure, receipt)


def _clean_server(scope: Scope, server: Server, person: Person, attempt: Attempt) -> None:
    """Clean it even where no value names the person: its pages may keep what was overwritten."""
    known, found = attempt.receipt.elsewhere.get(server.name, {}), values_with(server, person)
    if found:
        attempt.receipt.elsewhere[server.name] = {"values": max(known.get("values", 0), found)}
        receipts.write(scope.receipts, attempt.erasure, attempt.receipt)
    erase_values(server, person)


def _left(scope: Scope, person: Person, receipt: Receipt, without: Sequence[str] = ()) -> list[Left]:
    """Search, and note what was searched for the receipt."""
    searched, left = _searched(scope, person, without)
    receipt.proof = {
        "files_searched": searched,
        "ids_looked_for": 1
        + sum(len(found) for kind, found in person.terms.items() if not kind.endswith(("text", "hash"))),
        "texts_looked_for": len(person.terms.get("text", ())),
        "files_left": len(left),
    }
    return left


def _searched(scope: Scope, person: Person, without: Sequence[str] = ()) -> tuple[int, list[Left]]:
    """Decode and search every file that there is; their number, and where the person is left."""
    searched, left = lake_left(scope.lake, person, [name for name in without if name in LOG_TABLES])
    left_out = [*_lake_folder(scope.lake), *([scope.landing] if "landing" in without else [])]
    for path in files_under(scope.places, left_out):
        searched += 1
        found = left_in(path, person)
        left += [found] if found is not None else []
    for server in scope.servers:
        searched += 1
        values = values_with(server, person)
        left += [Left(server.name, f"{values} values")] if values else []
    return searched, left


def _lake_folder(lake: Lake) -> list[Path]:
    return [] if "://" in lake.root else [Path(lake.root)]
