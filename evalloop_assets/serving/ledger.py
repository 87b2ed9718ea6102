"""The allocation ledger: an append-only table in SQLite (WAL) or PostgreSQL, changed by compare-and-set only.

The newest entry is what is to be served. Sequence numbers run 1, 2, 3, … without a gap; a writer names the entry that
it saw last and is refused with `Conflict` when there is a newer one. A request that was already carried out is
recognised by its `request_id`, adds nothing, and gets the earlier entry back (design, section 8).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.database import create_table, name_of, open_engine, reading
from evalloop_assets.serving.state import Allocation
from evalloop_assets.serving.transitions import begin, undo

Action = Literal["start", "ramp", "promote", "rollback", "undo", "stop"]
Transition = Callable[[Allocation], Allocation]

ATTEMPTS = 1_000

_METADATA = sa.MetaData()
_ENTRIES = sa.Table(
    "allocation_ledger",
    _METADATA,
    sa.Column("sequence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("recorded_at", sa.DateTime, nullable=False),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("allocation", sa.Text, nullable=False),
    sa.Column("evidence", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text, nullable=False, unique=True),
)
TABLES = tuple(_METADATA.tables)
"""Names of the ledger's tables in its database."""
_APPEND_ONLY_SQLITE = tuple(
    f"CREATE TRIGGER IF NOT EXISTS allocation_ledger_no_{verb.lower()} BEFORE {verb} ON allocation_ledger "
    "BEGIN SELECT RAISE(ABORT, 'the allocation ledger is append-only'); END"
    for verb in ("UPDATE", "DELETE")
)
_APPEND_ONLY_POSTGRESQL = (
    "CREATE OR REPLACE FUNCTION allocation_ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the allocation ledger is append-only'; END $$",
    "CREATE TRIGGER allocation_ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON allocation_ledger "
    "FOR EACH STATEMENT EXECUTE FUNCTION allocation_ledger_append_only()",
)


class Conflict(Exception):
    """Somebody else changed the allocation since it was read."""

    def __init__(self, expected: int, found: int) -> None:
        super().__init__(f"the ledger is at entry {found}, not at {expected}")
        self.expected, self.found = expected, found


@dataclass(frozen=True)
class Change:
    """Who wants what, why, and as of when."""

    action: Action
    actor: str
    """Person or part of the loop, such as `guardrail_sensor`."""
    reason: str
    """Plain words."""
    at: datetime
    """When it takes effect, in the product's time (UTC, without zone)."""
    request_id: str
    """Names the request, so that repeating it changes nothing."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """Figures and versions that decided it, as JSON."""


@dataclass(frozen=True)
class Entry:
    """One line of the ledger."""

    sequence: int
    at: datetime
    recorded_at: datetime
    """When it was written (UTC, without zone)."""
    actor: str
    reason: str
    action: Action
    allocation: Allocation
    evidence: Mapping[str, Any]
    request_id: str


class Applied(NamedTuple):
    """What came of a change."""

    entry: Entry
    """The entry that holds the change: the new one, the earlier one of the same request, or the newest."""
    appended: bool


def utc_now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


class Ledger:
    """The ledger at one SQLAlchemy URL. Opening it creates the table where it is missing."""

    def __init__(self, url: str, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._engine = open_engine(url)
        create_table(self._engine, _ENTRIES, {"sqlite": _APPEND_ONLY_SQLITE, "postgresql": _APPEND_ONLY_POSTGRESQL})

    @property
    def name(self) -> str:
        """What people read: where it is, without the password."""
        return name_of(self._engine)

    def close(self) -> None:
        self._engine.dispose()

    def head(self) -> Entry | None:
        """The newest entry; None where nothing has ever been served."""
        return self._one(sa.select(_ENTRIES).order_by(_ENTRIES.c.sequence.desc()).limit(1))

    def at(self, sequence: int) -> Entry | None:
        return self._one(sa.select(_ENTRIES).where(_ENTRIES.c.sequence == sequence))

    def as_of(self, moment: datetime) -> Entry | None:
        """The newest entry that had taken effect at `moment` (product time, UTC); None where there was none."""
        effective = sa.select(_ENTRIES).where(_ENTRIES.c.at <= moment)
        return self._one(effective.order_by(_ENTRIES.c.sequence.desc()).limit(1))

    def history(self) -> list[Entry]:
        """Every entry, oldest first."""
        with reading(self._engine) as connection:
            return [_entry(row) for row in connection.execute(sa.select(_ENTRIES).order_by(_ENTRIES.c.sequence))]

    def append(self, expected_sequence: int, change: Change, allocation: Allocation) -> Applied:
        """Write entry `expected_sequence + 1`, or give back the earlier entry of the same request.

        0 is expected of an empty ledger. Raises `Conflict` when the newest entry is not the expected one.
        """
        entry = Entry(
            sequence=expected_sequence + 1,
            at=change.at,
            recorded_at=self._now(),
            actor=change.actor,
            reason=change.reason,
            action=change.action,
            allocation=allocation,
            evidence=dict(change.evidence),
            request_id=change.request_id,
        )
        row = {
            **{name: getattr(entry, name) for name in _ENTRIES.c.keys()},  # noqa: SIM118
            "allocation": json.dumps(allocation.to_json()),
            "evidence": json.dumps(entry.evidence, default=str),
        }
        try:
            with self._engine.begin() as connection:
                earlier = connection.execute(_by_request(change.request_id)).one_or_none()
                if earlier is not None:
                    return Applied(_entry(earlier), False)
                found = connection.execute(sa.select(sa.func.max(_ENTRIES.c.sequence))).scalar() or 0
                if found != expected_sequence:
                    raise Conflict(expected_sequence, found)
                connection.execute(_ENTRIES.insert().values(row))
        except sa.exc.IntegrityError:
            earlier_entry = self.request(change.request_id)
            if earlier_entry is not None:
                return Applied(earlier_entry, False)
            head = self.head()
            raise Conflict(expected_sequence, head.sequence if head else 0) from None
        return Applied(entry, True)

    def request(self, request_id: str) -> Entry | None:
        """The entry that carried out that request."""
        return self._one(_by_request(request_id))

    def begin(self, champion: str, change: Change) -> Applied:
        """Write the first entry; a ledger that has one already is left alone."""
        head = self.head()
        if head is not None:
            return Applied(head, False)
        try:
            return self.append(0, change, begin(champion))
        except Conflict:
            return Applied(self._head(), False)

    def apply(self, change: Change, transition: Transition) -> Applied:
        """Apply `transition` to the newest allocation, anew whenever somebody else was faster.

        Nothing is appended when the request was carried out before or the transition changes nothing. A `UserError` of
        the transition passes through.
        """
        for attempt in range(ATTEMPTS):
            earlier = self.request(change.request_id)
            if earlier is not None:
                return Applied(earlier, False)
            head = self._head()
            allocation = transition(head.allocation)
            if allocation == head.allocation:
                return Applied(head, False)
            try:
                return self.append(head.sequence, change, allocation)
            except Conflict:
                time.sleep(min(0.001 * attempt, 0.05))
        raise RuntimeError(f"the ledger changed {ATTEMPTS} times while {change.request_id} was tried")

    def undo(self, to_sequence: int, change: Change, expected_sequence: int | None = None) -> Applied:
        """Serve what an earlier entry said from `change.at` on, by a new entry.

        `expected_sequence` is the newest entry that is known to be taken back; unless said the one after `to_sequence`.
        UserError where there is a newer one, which nobody has asked to take back.
        """
        earlier = self.at(to_sequence)
        if earlier is None:
            raise UserError(f"ledger entry {to_sequence}", "there is none", "Name one that the ledger's history shows.")
        expected = to_sequence + 1 if expected_sequence is None else expected_sequence
        done = self.request(change.request_id)
        if done is not None:
            return Applied(done, False)
        head = self._head()
        allocation = undo(head.allocation, earlier.allocation, change.at)
        try:
            if head.sequence > expected:
                raise Conflict(expected, head.sequence)
            if allocation == head.allocation:
                return Applied(head, False)
            return self.append(head.sequence, change, allocation)
        except Conflict as conflict:
            raise UserError(
                f"undo back to ledger entry {to_sequence}",
                f"it would take back entry {conflict.found} too, and what is known is entry {expected}",
                "See what is newer: evalloop serving history",
            ) from None

    def _head(self) -> Entry:
        head = self.head()
        if head is None:
            raise UserError(self.name, "it is empty, so nothing is served yet", "Name a first champion.")
        return head

    def _one(self, query: sa.Select[Any]) -> Entry | None:
        with reading(self._engine) as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else _entry(row)


def _by_request(request_id: str) -> sa.Select[Any]:
    return sa.select(_ENTRIES).where(_ENTRIES.c.request_id == request_id)


def _entry(row: sa.Row[Any]) -> Entry:
    values = dict(row._mapping)
    values["allocation"] = Allocation.from_json(json.loads(values["allocation"]))
    values["evidence"] = json.loads(values["evidence"])
    return Entry(**values)
