"""What was said before the replies of the log, read in one pass over their conversations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evalloop_assets.distinct import distinct
from evalloop_assets.reward_model.history import MOST_EXCHANGES, NO_TEXT, Floats, Ints, Situations

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.store import Inputs

SPOKEN = """
    WITH spoken AS (
        SELECT
            kept.session_id, kept.root_event_id, kept.event_id, kept.conversation_id, kept.shown_at AS kept_at,
            coalesce(root.shown_at, kept.shown_at) AS shown_at
        FROM reading AS kept
        LEFT JOIN reading AS root ON root.session_id = kept.session_id AND root.event_id = kept.root_event_id
        WHERE kept.position IS NOT NULL AND kept.conversation_id IN ({conversations})
    )
"""
"""Kept replies; a version of a reply counts as shown when its first version was, or time would tell which was kept."""

EXCHANGES = """
    SELECT
        spoken.event_id, spoken.conversation_id, epoch_ms(spoken.shown_at) / 1000.0 AS seconds,
        turns.user_text, turns.reply_text
    FROM spoken JOIN turns ON turns.event_id = spoken.event_id
    ORDER BY spoken.conversation_id, spoken.shown_at, spoken.event_id
"""

VERSIONS = """
    SELECT reading.event_id, spoken.event_id AS kept_event_id
    FROM reading
    JOIN spoken ON spoken.session_id = reading.session_id AND spoken.root_event_id = reading.root_event_id
    WHERE reading.position IS NULL
"""


class Log(NamedTuple):
    """Kept exchanges of some conversations, in the order in which they were said."""

    user_texts: list[str | None]
    replies: list[str | None]
    conversation: Ints
    """[m] a number per conversation; rows of one conversation follow each other."""
    seconds: Floats
    """[m] when each reply was first shown."""
    place: Mapping[str, int]
    """Row by event id; of a version that was regenerated away, the row of the kept one."""


NO_LOG = Log([], [], np.zeros(0, np.int64), np.zeros(0), {})


def read_log(inputs: Inputs, conversations: str, parameters: Mapping[str, object]) -> Log:
    """Exchanges of the conversations that the SELECT `conversations` names, from `reading` and `turns`."""
    spoken = SPOKEN.format(conversations=conversations)
    return log_of(inputs.query(spoken + EXCHANGES, parameters), inputs.query(spoken + VERSIONS, parameters))


def log_of(said: pa.Table, versions: pa.Table) -> Log:
    """The log of the rows of EXCHANGES and VERSIONS."""
    place = {event: row for row, event in enumerate(said.column("event_id").to_pylist())}
    for event, kept in zip(*(versions.column(name).to_pylist() for name in ("event_id", "kept_event_id")), strict=True):
        place.setdefault(event, place.get(kept, NO_TEXT))
    numbers = said.column("conversation_id").combine_chunks().dictionary_encode().indices
    return Log(
        said.column("user_text").to_pylist(),
        said.column("reply_text").to_pylist(),
        numbers.to_numpy(zero_copy_only=False).astype(np.int64),
        said.column("seconds").to_numpy().astype(np.float64),
        place,
    )


def logged_situations(
    log: Log, events: Sequence[str | None], user_texts: Sequence[str | None], replies: Sequence[str | None]
) -> Situations:
    """Replies [n] with these texts in the places of these events; an unknown event stands at the start."""
    index: dict[str, int] = {}

    def indices(texts: Sequence[str | None]) -> Ints:
        return np.fromiter((index.setdefault(text or "", len(index)) for text in texts), np.int64, len(texts))

    message, reply = indices(user_texts), indices(replies)
    rows = np.fromiter((log.place.get(event or "", NO_TEXT) for event in events), np.int64, len(events))
    conversation, seconds = np.append(log.conversation, NO_TEXT), np.append(log.seconds, 0.0)
    earlier = rows[:, None] - np.arange(1, MOST_EXCHANGES + 1)
    known = (rows[:, None] >= 0) & (earlier >= 0)
    known &= conversation[np.where(known, earlier, NO_TEXT)] == conversation[rows][:, None]
    earlier = np.where(known, earlier, NO_TEXT)
    used = distinct(earlier[known])
    said = [np.full(len(log.replies) + 1, NO_TEXT) for _ in range(2)]
    for target, texts in zip(said, (log.user_texts, log.replies), strict=True):
        target[used] = indices([texts[row] for row in used.tolist()])
    since = np.where(known, seconds[rows][:, None] - seconds[earlier], np.inf)
    return Situations(list(index), message, reply, said[0][earlier], said[1][earlier], np.maximum(since, 0.0))
