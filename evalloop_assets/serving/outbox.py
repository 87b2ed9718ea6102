"""Messages to the outside (alerts, allocations for other routers), kept until they are delivered.

A message is written once for each channel. Whoever delivers claims it first, by compare-and-set on its attempts, so
that deliverers that run at once send it once; what cannot be delivered is tried again, after twice the time. Delivery
is at least once: a process that dies between sending and recording leaves a claim that runs out, and the message is
sent again with the same key, by which a receiver tells it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import sqlalchemy as sa

from evalloop_assets.serving.database import create_table, open_engine, reading

FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=1)
CLAIM = timedelta(minutes=2)
"""For so long a message belongs to whoever claimed it; longer than any channel takes to answer."""
TICK = timedelta(seconds=40)
"""No further message is begun after this time, since Dagster ends a sensor's tick after 60 s."""

_METADATA = sa.MetaData()
_MESSAGES = sa.Table(
    "outbox",
    _METADATA,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("channel", sa.Text, primary_key=True),
    sa.Column("thread", sa.Text, nullable=False),
    sa.Column("content", sa.Text, nullable=False),
    sa.Column("picture", sa.LargeBinary),
    sa.Column("created_at", sa.DateTime, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_try_at", sa.DateTime, nullable=False),
    sa.Column("last_error", sa.Text),
    sa.Column("delivered_at", sa.DateTime),
)
TABLES = tuple(_METADATA.tables)


class Undelivered(Exception):
    """A channel did not take a message; says why, without any secret."""


@dataclass(frozen=True)
class Message:
    """One message on one channel."""

    key: str
    """Idempotency key, such as `incident-3-opened`; the same on every channel and at every attempt."""
    channel: str
    """Name of the channel, which tells no secret."""
    thread: str
    """What it is about, such as `incident-3`; the messages of a thread arrive in order."""
    content: Mapping[str, Any]
    """Plain JSON values."""
    picture: bytes | None
    """A PNG that goes with it."""
    created_at: datetime
    attempts: int
    """Attempts so far, one under way included."""
    next_try_at: datetime
    last_error: str | None
    delivered_at: datetime | None
    """None until it is delivered."""


class Attempt(NamedTuple):
    """What came of one attempt to deliver."""

    message: Message
    error: str | None
    """None where it was delivered."""


Send = Callable[[Message], None]
"""Hands a message to a channel; raises `Undelivered`."""


class Outbox:
    """The messages at one SQLAlchemy URL. All times are UTC without zone."""

    def __init__(self, url: str) -> None:
        self._engine = open_engine(url)
        create_table(self._engine, _MESSAGES)

    def close(self) -> None:
        self._engine.dispose()

    def put(
        self,
        key: str,
        thread: str,
        channels: Iterable[str],
        content: Mapping[str, Any],
        now: datetime,
        picture: bytes | None = None,
    ) -> None:
        """Write a message for each channel that does not have it yet."""
        row = {
            "key": key,
            "thread": thread,
            "content": json.dumps(content, ensure_ascii=False),
            "picture": picture,
            "created_at": now,
            "attempts": 0,
            "next_try_at": now,
        }
        for channel in channels:
            self._insert(row | {"channel": channel})

    def claim(self, channels: Iterable[str], now: datetime) -> Message | None:
        """The next message that is due on one of these channels, for `CLAIM` the caller's to send."""
        earlier = _MESSAGES.alias("earlier")
        waits = sa.exists().where(
            earlier.c.channel == _MESSAGES.c.channel,
            earlier.c.thread == _MESSAGES.c.thread,
            earlier.c.delivered_at.is_(None),
            sa.or_(
                earlier.c.created_at < _MESSAGES.c.created_at,
                sa.and_(earlier.c.created_at == _MESSAGES.c.created_at, earlier.c.key < _MESSAGES.c.key),
            ),
        )
        due = (
            sa.select(_MESSAGES)
            .where(
                _MESSAGES.c.delivered_at.is_(None),
                _MESSAGES.c.next_try_at <= now,
                _MESSAGES.c.channel.in_(list(channels)),
                ~waits,
            )
            .order_by(_MESSAGES.c.created_at, _MESSAGES.c.key, _MESSAGES.c.channel)
            .limit(1)
        )
        while True:
            with self._engine.begin() as connection:
                row = connection.execute(due).one_or_none()
                if row is None:
                    return None
                found = _message(row)
                mine = replace(found, attempts=found.attempts + 1, next_try_at=now + CLAIM)
                taken = _at(found).values(attempts=mine.attempts, next_try_at=mine.next_try_at)
                if connection.execute(taken).rowcount:
                    return mine

    def delivered(self, claimed: Message, now: datetime) -> None:
        """Record that a claimed message has arrived."""
        self._record(claimed, {"delivered_at": now, "last_error": None})

    def failed(self, claimed: Message, why: str, now: datetime) -> None:
        """Record that it has not, and when it is tried again."""
        self._record(claimed, {"last_error": why, "next_try_at": now + wait_after(claimed.attempts)})

    def withdraw(self, thread: str, other_than: str | None = None) -> None:
        """Give up what is not delivered of a thread, but for the message of one key."""
        gone = sa.delete(_MESSAGES).where(_MESSAGES.c.thread == thread, _MESSAGES.c.delivered_at.is_(None))
        if other_than is not None:
            gone = gone.where(_MESSAGES.c.key != other_than)
        with self._engine.begin() as connection:
            connection.execute(gone)

    def readdress(self, kind: str, channels: Iterable[str], now: datetime) -> None:
        """Hand what waits for a channel that is no longer set to the channels that are; `kind` begins the threads."""
        there = list(channels)
        if not there:
            return
        stranded = sa.select(_MESSAGES).where(
            _MESSAGES.c.thread.startswith(kind), _MESSAGES.c.delivered_at.is_(None), _MESSAGES.c.channel.not_in(there)
        )
        with reading(self._engine) as connection:
            found = [_message(row) for row in connection.execute(stranded)]
        for one in found:
            self.put(one.key, one.thread, there, one.content, now, one.picture)
            with self._engine.begin() as connection:
                connection.execute(sa.delete(_MESSAGES).where(*_is(one)))

    def waiting(self) -> list[Message]:
        """What is not delivered, oldest first."""
        return self._all(_MESSAGES.c.delivered_at.is_(None))

    def of(self, thread: str) -> list[Message]:
        """Every message of a thread, oldest first."""
        return self._all(_MESSAGES.c.thread == thread)

    def _all(self, condition: sa.ColumnElement[bool]) -> list[Message]:
        order = (_MESSAGES.c.created_at, _MESSAGES.c.key, _MESSAGES.c.channel)
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(_MESSAGES).where(condition).order_by(*order))
            return [_message(row) for row in rows]

    def _insert(self, row: Mapping[str, Any]) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(_MESSAGES.insert().values(row))
        except sa.exc.IntegrityError:
            return  # the channel has it

    def _record(self, claimed: Message, values: Mapping[str, Any]) -> None:
        with self._engine.begin() as connection:
            connection.execute(_at(claimed).values(values))


def wait_after(attempts: int) -> timedelta:
    """Time until the next attempt: 30 s, then twice as long each time, an hour at most."""
    return min(FIRST_WAIT * 2.0 ** min(attempts - 1, 20), LONGEST_WAIT)


def deliver(outbox: Outbox, channels: Mapping[str, Send], now: Callable[[], datetime]) -> list[Attempt]:
    """Try every message that is due on these channels once; gives what came of it."""
    attempts, end = [], now() + TICK
    while now() < end and (claimed := outbox.claim(channels, now())) is not None:
        try:
            channels[claimed.channel](claimed)
        except Undelivered as error:
            outbox.failed(claimed, str(error), now())
            attempts.append(Attempt(claimed, str(error)))
        else:
            outbox.delivered(claimed, now())
            attempts.append(Attempt(claimed, None))
    return attempts


def _is(message: Message) -> tuple[sa.ColumnElement[bool], ...]:
    """That message, as long as nobody else has claimed or delivered it."""
    return (
        _MESSAGES.c.key == message.key,
        _MESSAGES.c.channel == message.channel,
        _MESSAGES.c.attempts == message.attempts,
        _MESSAGES.c.delivered_at.is_(None),
    )


def _at(message: Message) -> sa.Update:
    return sa.update(_MESSAGES).where(*_is(message))


def _message(row: sa.Row[Any]) -> Message:
    values = dict(row._mapping)
    return Message(**{**values, "content": json.loads(values["content"])})
