"""What identifies one person in the data: the id, the ids of what they did, and words that nobody else used.

It is held in memory only. It is gathered from every file there is, old versions included, and the files that it is
gathered from are the last to go, so that an erasure that is killed finds it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from evalloop_assets.erasure.needles import LEAST_TEXT, Needles, is_distinctive, pattern
from evalloop_assets.lake.engine import View

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.engine import DuckDBEngine

TEXTS = (
    "user_text", "user_text_a", "user_text_b", "reply_text", "reply_a", "reply_b", "better_reply", "chosen", "rejected",
    "text", "reference",
)  # fmt: skip
IDS = {
    "session_id": "session",
    "conversation_id": "conversation",
    "pair_id": "pair",
    "text_hash": "hash",
    "item_id": "item",
}
"""Column name to kind of id; whatever holds `event_id` is an event."""


FINDABLE = ("event", "session", "conversation", "pair")
"""Kinds that are looked for in running text too."""


def kind_of(column: str) -> str | None:
    """What the values of a column of that name are: user, event, …, text; None of any other column."""
    if column == "user_id":
        return "user"
    if column == "unit_id":
        return "unit"
    if "event_id" in column:
        return "event"
    if column in TEXTS:
        return "text"
    return IDS.get(column)


@dataclass(frozen=True)
class Person:
    """What is looked for."""

    user_id: str
    terms: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Kind (event, session, conversation, pair, item, hash, text) to what only this person has; `any_hash` are the
    hashes of all texts on the person's rows."""
    rejects: frozenset[tuple[str, int]] = frozenset()
    """Delivery and position of the person's rows in files of the landing folder."""

    @cached_property
    def needles(self) -> Needles:
        ids = [one for kind, found in self.terms.items() if kind in FINDABLE for one in found]
        return Needles([self.user_id, *ids], self.terms.get("text", ()))

    @cached_property
    def views(self) -> dict[str, View]:
        """The tables that `condition` names."""
        import pyarrow as pa

        rows = [("user", self.user_id)]
        rows += [(kind, term) for kind, found in self.terms.items() for term in found]
        rows += [("unit", self.user_id)] + [("unit", term) for term in self.terms.get("conversation", ())]
        if is_distinctive(self.user_id):
            rows.append(("word", pattern(self.user_id)))
        kinds, terms = zip(*rows, strict=True)
        deliveries, positions = zip(*self.rejects, strict=True) if self.rejects else ((), ())
        rejects = {"delivery_id": pa.array(deliveries, pa.string()), "position": pa.array(positions, pa.int64())}
        return {
            "person_terms": View({}, rows=pa.table({"kind": pa.array(kinds), "term": pa.array(terms, pa.string())})),
            "person_rejects": View({}, rows=pa.table(rejects)),
        }

    def condition(self, columns: Mapping[str, str]) -> str:
        """SQL on a row that is the person's, or that names them or something of theirs."""
        parts = ["false"]
        for column, type_ in columns.items():
            quoted = '"' + column.replace('"', '""') + '"'
            kind = kind_of(column)
            if kind == "item":
                # A pair that people or judges were asked about is one. One that was made of a finding goes with its
                # text; what models scored on it says nothing of anybody.
                meant = "'pair', 'item'" if set(columns) & set(TEXTS) else "'pair'"
                parts.append(f"CAST(item_id AS VARCHAR) IN (SELECT term FROM person_terms WHERE kind IN ({meant}))")
                kind = None
            if kind is not None and not type_.endswith("]"):
                value = f"CAST(CAST({quoted} AS BIGINT) AS VARCHAR)" if type_ in ("DOUBLE", "FLOAT") else quoted
                parts.append(f"CAST({value} AS VARCHAR) IN (SELECT term FROM person_terms WHERE kind = '{kind}')")
            elif kind is None and type_ == "VARCHAR":
                word = "(SELECT max(term) FROM person_terms WHERE kind = 'word')"
                user = "(SELECT max(term) FROM person_terms WHERE kind = 'user')"
                parts.append(f"CASE WHEN contains({quoted}, {user}) THEN regexp_matches({quoted}, {word}) END")
        if {"delivery_id", "position"} <= set(columns):
            parts.append("(delivery_id, position) IN (SELECT (delivery_id, position) FROM person_rejects)")
        return "(" + " OR ".join(parts) + ")"


def gathered(engine: DuckDBEngine, user_id: str, sources: Iterable[View]) -> dict[str, set[str]]:
    """Ids and texts on the person's rows of these views, by kind; a view without user_id has none."""
    person = Person(user_id)
    found: dict[str, set[str]] = {}
    for view in sources:
        if "user_id" not in view.columns:
            continue
        columns = {name: kind_of(name) for name, type_ in view.columns.items() if type_ == "VARCHAR"}
        listed = [(name, kind) for name, kind in columns.items() if kind not in (None, "user", "unit")]
        if not listed:
            continue
        own = person.condition({"user_id": view.columns["user_id"]})
        union = " UNION ".join(
            f"SELECT '{kind}' AS kind, \"{name}\" AS term FROM source WHERE {own} AND \"{name}\" <> ''"
            for name, kind in listed
        )
        for kind, term in _pairs(engine.fetch(union, {**person.views, "source": view}, {})):
            found.setdefault(kind, set()).add(term)
    return found


def only_theirs(
    engine: DuckDBEngine, user_id: str, found: Mapping[str, set[str]], others: Sequence[View]
) -> dict[str, frozenset[str]]:
    """What was gathered, without the ids and texts that other people's rows in `others` have too.

    Of texts those count that are `LEAST_TEXT` bytes long and part of no text of anybody else.
    """
    kept = {kind: set(terms) for kind, terms in found.items()}
    kept["hash"] = _md5(kept.get("text", ()))
    kept["any_hash"] = set(kept["hash"])
    texts = Needles((), kept.get("text", ()))
    kept["text"] = {text for text in kept.get("text", ()) if len(text.encode()) >= LEAST_TEXT}
    shared: set[bytes] = set()
    own = Person(user_id)
    for view in others:
        if "user_id" not in view.columns:
            continue
        not_own = f"NOT coalesce({own.condition({'user_id': view.columns['user_id']})}, false)"
        for name in view.columns:
            kind, column = kind_of(name), f'"{name}"'
            if kind in ("event", "conversation"):
                rows = engine.fetch(
                    f"SELECT DISTINCT {column} AS term FROM source WHERE {not_own} AND {column} IN "
                    f"(SELECT term FROM person_terms WHERE kind = '{kind}')",
                    {**Person(user_id, {kind: frozenset(kept.get(kind, ()))}).views, "source": view},
                    {},
                )
                kept.get(kind, set()).difference_update(rows.column("term").to_pylist())
            elif kind == "text":
                rows = engine.fetch(
                    f"SELECT DISTINCT {column} AS term FROM source WHERE {not_own} AND {column} <> ''",
                    {**own.views, "source": view},
                    {},
                )
                for batch in rows.to_batches(max_chunksize=10_000):
                    values = batch.column("term").to_pylist()
                    shared |= texts.texts_in("\0".join(values).encode())
                    kept["hash"] -= _md5(values)
    kept["text"] = {text for text in kept["text"] if text.encode() not in shared}
    return {kind: frozenset(terms) for kind, terms in kept.items() if terms}


def _md5(texts: Iterable[str]) -> set[str]:
    import hashlib

    return {hashlib.md5(text.encode(), usedforsecurity=False).hexdigest() for text in texts}


def _pairs(rows: pa.Table) -> Iterable[tuple[str, str]]:
    return zip(rows.column("kind").to_pylist(), rows.column("term").to_pylist(), strict=True)
