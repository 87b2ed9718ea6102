"""The allocation ledger: an append-only table in SQLite (WAL) or PostgreSQL, changed by compare-and-set only.

The newest entry is what is to be served. Sequence numbers run 1, 2, 3, … without a gap; a writer names the entry that
it saw last and is refused with `Conflict` when there is a newer one. A request that was already carried out is
recognised by its `request_id`, adds nothing, and gets the earlier entry back (design, section 8).
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import sqlalchemy as sa

from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.state import Allocation
from evalloop_assets.serving.transitions import begin

Action = Literal["start", "ramp", "promote", "rollback", "undo", "stop"]
Transition = Callable[[Allocation], Allocation]

BUSY_SECONDS = 60
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
_APPEND_ONLY_SQLITE = [
    f"CREATE TRIGGER IF NOT EXISTS allocation_ledger_no_{verb.lower()} BEFORE {verb} ON allocation_ledger "
    "BEGIN SELECT RAISE(ABORT, 'the allocation ledger is append-only'); END"
    for verb in ("UPDATE", "DELETE")
]
_APPEND_ONLY_POSTGRESQL = [
    "CREATE OR REPLACE FUNCTION allocation_ledger_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the allocation ledger is append-only'; END $$",
    "CREATE TRIGGER allocation_ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON allocation_ledger "
    "FOR EACH STATEMENT EXECUTE FUNCTION allocation_ledger_append_only()",
]
_SETTING = "setting EVALLOOP_LEDGER"
_MAKING = 7_300_214
"""Advisory lock of PostgreSQL under which the table is made: IF NOT EXISTS alone fails when two make it at once."""


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
        self._engine = _engine(url)
        try:
            self._make()
        except sa.exc.OperationalError as error:
            raise UserError(
                self.name,
                f"cannot be opened ({str(error.orig).strip().splitlines()[0]})",
                "Start the database, or set EVALLOOP_LEDGER to the one that runs.",
            ) from None

    @property
    def name(self) -> str:
        """What people read: where it is, without the password."""
        return f"the ledger at {self._engine.url.render_as_string(hide_password=True)}"

    def close(self) -> None:
        self._engine.dispose()

    def _make(self) -> None:
        """Make the table where it is missing."""
        with self._engine.begin() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.execute(sa.schema.CreateTable(_ENTRIES, if_not_exists=True))
                statements = _APPEND_ONLY_SQLITE
            else:
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MAKING)))
                if sa.inspect(connection).has_table(_ENTRIES.name):
                    return
                connection.execute(sa.schema.CreateTable(_ENTRIES))
                statements = _APPEND_ONLY_POSTGRESQL
            for statement in statements:
                connection.exec_driver_sql(statement)

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
        with self._reading() as connection:
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

    def undo(self, to_sequence: int, change: Change) -> Applied:
        """Restore the allocation of an earlier entry by a new entry."""
        earlier = self.at(to_sequence)
        if earlier is None:
            raise UserError(f"ledger entry {to_sequence}", "there is none", "Name one that the ledger's history shows.")
        return self.apply(change, lambda _: earlier.allocation)

    def _head(self) -> Entry:
        head = self.head()
        if head is None:
            raise UserError(self.name, "it is empty, so nothing is served yet", "Name a first champion.")
        return head

    def _one(self, query: sa.Select[Any]) -> Entry | None:
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
            return None if row is None else _entry(row)

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with self._engine.connect().execution_options(reading=True) as connection:
            yield connection


def address(url: str) -> sa.URL:
    """The URL with its driver; UserError, without the URL and its password, where it is none that a ledger can have."""
    mend = "Write it as postgresql://user:password@host:5432/database."
    try:
        parsed = sa.make_url(url)
        if parsed.drivername in ("postgres", "postgresql"):
            parsed = parsed.set(drivername="postgresql+psycopg")
        backend = parsed.get_dialect().name
    except (sa.exc.ArgumentError, ValueError):
        raise UserError(_SETTING, "it is no database URL", mend) from None
    if backend not in ("sqlite", "postgresql"):
        raise UserError(_SETTING, f"{backend} is neither PostgreSQL nor SQLite", mend)
    return parsed


def _engine(url: str) -> sa.Engine:
    parsed = address(url)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
    try:
        text = {} if parsed.get_backend_name() == "sqlite" else {"client_encoding": "utf8"}
        engine = sa.create_engine(parsed, pool_pre_ping=True, connect_args=text)
    except ImportError as error:
        install = "Install it: pip install 'evalloop-assets[postgres]'"
        raise UserError(_SETTING, f"the driver is missing ({error})", install) from error
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _configure_sqlite)
        sa.event.listen(engine, "begin", _begin_immediate)
    return engine


def _by_request(request_id: str) -> sa.Select[Any]:
    return sa.select(_ENTRIES).where(_ENTRIES.c.request_id == request_id)


def _entry(row: sa.Row[Any]) -> Entry:
    values = dict(row._mapping)
    values["allocation"] = Allocation.from_json(json.loads(values["allocation"]))
    values["evidence"] = json.loads(values["evidence"])
    return Entry(**values)


def _configure_sqlite(connection: Any, _: Any) -> None:
    """Take transactions into our own hands, wait for other writers, and let readers read meanwhile (WAL)."""
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    for attempt in range(ATTEMPTS):
        try:
            if cursor.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                cursor.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(0.01)
    cursor.close()


def _begin_immediate(connection: sa.Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
