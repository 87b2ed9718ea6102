"""Late data that would have decided otherwise: noticed and told, never reversed without a person."""

from __future__ import annotations

from collections.abc import Iterable

from evalloop_assets.serving.ledger import Entry

NEEDS = {
    "rollback": frozenset({"ROLLBACK"}),
    "promote": frozenset({"PASS", "promote"}),
    "ramp": frozenset({"PASS", "advance", "promote"}),
}
"""Action of the ledger to the words of guardrail and decision on which it rests."""


def reading_id_of(experiment_id: str, day: object) -> str:
    """Names what was known of an experiment by the results of one day."""
    return f"{experiment_id}@{day}"


def reopened(entries: Iterable[Entry], reading_id: str, says: str) -> str | None:
    """What the ledger did on this reading that its figures, computed anew, no longer bear out; None where all stands.

    `says` is the guardrail's verdict or the decision's action as they are now.
    """
    told = [
        f"entry {entry.sequence} ({entry.action}) rests on this day, which now says {says}; "
        f"to take it back: evalloop serving undo {entry.sequence}"
        for entry in entries
        if reading_id in (entry.request_id, entry.evidence.get("reading_id"))
        and entry.action in NEEDS
        and says not in NEEDS[entry.action]
    ]
    return "; ".join(told) or None
