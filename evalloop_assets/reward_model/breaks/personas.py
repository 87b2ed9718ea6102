"""The personas behind a day's replies."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.lake.store import Inputs

PERSONAS = """
    SELECT character_id, persona
    FROM characters
    WHERE character_id IN (
        SELECT t.character_id
        FROM reading AS r JOIN turns AS t ON t.event_id = r.event_id
        WHERE r.position IS NOT NULL
    )
    QUALIFY row_number() OVER (PARTITION BY character_id ORDER BY day DESC) = 1
    ORDER BY character_id
"""


def personas_of_day(inputs: Inputs) -> pa.Table:
    """Rows of `personas`: each known character of a kept reply, with what was delivered of it last."""
    return inputs.query(PERSONAS)
