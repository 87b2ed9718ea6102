"""Incidents: what the engineer on call has to know of, one for each topic and kind while it lasts.

A topic is an experiment, or the job of a failed run. An incident is opened, told, perhaps acknowledged or silenced,
and resolved; each step is a compare-and-set in the ledger's database, so that ticks at the same time do it once. What
opened an incident (a reading, a run) opens no second one, however often it is seen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.database import create_table, open_engine, reading

_METADATA = sa.MetaData()
_INCIDENTS = sa.Table(
    "incidents",
    _METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("opened_at", sa.DateTime, nullable=False),
    sa.Column("told_at", sa.DateTime),
    sa.Column("acknowledged_at", sa.DateTime),
    sa.Column("acknowledged_by", sa.Text),
    sa.Column("silenced_until", sa.DateTime),
    sa.Column("resolved_at", sa.DateTime),
    sa.Column("resolution", sa.Text),
    sa.UniqueConstraint("topic", "kind", "source", name="incidents_once_a_source"),
)
_IS_OPEN = _INCIDENTS.c.resolved_at.is_(None)
sa.Index(
    "incidents_one_open", _INCIDENTS.c.topic, _INCIDENTS.c.kind,
    unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN,
)  # fmt: skip
TABLES = tuple(_METADATA.tables)


@dataclass(frozen=True)
class Incident:
    """One incident. Times are UTC without zone, None where it has not come to that."""

    number: int
    """1, 2, 3, … in the order of opening."""
    topic: str
    """Experiment, or job of a failed run."""
    kind: str
    """Cause of a verdict (gaming, harm, red_flag, no_data, srm, multiple_exposure), or reopened, dead_man or
    run_failure."""
    source: str
    """The reading or run that opened it."""
    content: Mapping[str, Any]
    """What was seen: figures and words, of no user."""
    opened_at: datetime
    told_at: datetime | None
    """When its alert was handed to the outbox."""
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    silenced_until: datetime | None
    resolved_at: datetime | None
    resolution: str | None

    @property
    def thread(self) -> str:
        """Its thread in the outbox."""
        return f"incident-{self.number}"

    def is_silent(self, now: datetime) -> bool:
        return self.silenced_until is not None and self.silenced_until > now

    def state(self, now: datetime) -> str:
        """One word for people."""
        if self.resolved_at is not None:
            return "resolved"
        if self.is_silent(now):
            return "silenced"
        return "open" if self.acknowledged_at is None else "acknowledged"


class Incidents:
    """The incidents at one SQLAlchemy URL."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        create_table(self._engine, _INCIDENTS)

    def close(self) -> None:
        self._engine.dispose()

    def open(self, topic: str, kind: str, source: str, content: Mapping[str, Any], now: datetime) -> bool:
        """Open one, unless one of that topic and kind is open or the source has opened one; True where it was opened.

        A silence of the topic and kind that has not run out covers it too.
        """
        row = {
            "topic": topic,
            "kind": kind,
            "source": source,
            "content": json.dumps(content, ensure_ascii=False),
            "opened_at": now,
            "silenced_until": self._silence(topic, kind, now),
        }
        try:
            with self._engine.begin() as connection:
                if self._is_known(connection, topic, kind, source):
                    return False
                connection.execute(_INCIDENTS.insert().values(row))
        except sa.exc.IntegrityError:
            return False
        return True

    def told(self, incident: Incident, now: datetime) -> bool:
        """Note that its alert has been handed over; False where somebody did before."""
        return self._set(incident.number, {"told_at": now}, _INCIDENTS.c.told_at.is_(None))

    def acknowledge(self, number: int, who: str, now: datetime) -> Incident:
        """Note that somebody takes care; UserError where there is none of that number or it is over."""
        return self._changed(number, {"acknowledged_at": now, "acknowledged_by": who})

    def silence(self, number: int, until: datetime) -> Incident:
        """Tell nothing of it, nor of others of its topic and kind, until then; UserError as above."""
        return self._changed(number, {"silenced_until": until})

    def resolve(self, number: int, resolution: str, now: datetime) -> bool:
        """Close it; False where it was closed before."""
        return self._set(number, {"resolved_at": now, "resolution": resolution}, _IS_OPEN)

    def get(self, number: int) -> Incident:
        """UserError where there is none of that number."""
        found = self._all(_INCIDENTS.c.number == number)
        if not found:
            raise UserError(f"incident {number}", "there is none", "See them all: evalloop alerts list --all")
        return found[0]

    def open_ones(self) -> list[Incident]:
        """Oldest first."""
        return self._all(_IS_OPEN)

    def since(self, moment: datetime) -> list[Incident]:
        """Those that are open or were resolved at or after `moment`, oldest first."""
        return self._all(sa.or_(_IS_OPEN, _INCIDENTS.c.resolved_at >= moment))

    def _changed(self, number: int, values: Mapping[str, Any]) -> Incident:
        if not self._set(number, values, _IS_OPEN):
            over = self.get(number)
            raise UserError(
                f"incident {number}", f"it is over ({over.resolution})", "See what is open: evalloop alerts list"
            )
        return self.get(number)

    def _set(self, number: int, values: Mapping[str, Any], only: sa.ColumnElement[bool]) -> bool:
        change = sa.update(_INCIDENTS).where(_INCIDENTS.c.number == number, only).values(values)
        with self._engine.begin() as connection:
            return connection.execute(change).rowcount == 1

    def _silence(self, topic: str, kind: str, now: datetime) -> datetime | None:
        of_kind = _INCIDENTS.c.topic == topic, _INCIDENTS.c.kind == kind, _INCIDENTS.c.silenced_until > now
        with reading(self._engine) as connection:
            return connection.execute(sa.select(sa.func.max(_INCIDENTS.c.silenced_until)).where(*of_kind)).scalar()

    def _is_known(self, connection: sa.Connection, topic: str, kind: str, source: str) -> bool:
        same = _INCIDENTS.c.topic == topic, _INCIDENTS.c.kind == kind, sa.or_(_IS_OPEN, _INCIDENTS.c.source == source)
        return connection.execute(sa.select(_INCIDENTS.c.number).where(*same).limit(1)).first() is not None

    def _all(self, condition: sa.ColumnElement[bool]) -> list[Incident]:
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(_INCIDENTS).where(condition).order_by(_INCIDENTS.c.number))
            return [_incident(row) for row in rows]


def _incident(row: sa.Row[Any]) -> Incident:
    values = dict(row._mapping)
    return Incident(**{**values, "content": json.loads(values["content"])})
