"""What a commit says of itself in Delta's log, and what the notes of a table say of its days."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from evalloop_assets.lake.clock import Clock

NOTE = "evalloop"
"""Key of the note in a commit's metadata."""

Entry = Mapping[str, Any]
"""One commit as `DeltaTable.history` gives it."""


class Computed(NamedTuple):
    """How one day of a table came to be."""

    version: int
    """Version of the table in which the day was last computed."""
    changed: int
    """Version of the table in which its rows last changed."""
    inputs: Mapping[str, int]
    """Version of each table that was read."""
    code: str
    """Version of the definition, and after a slash that of the model that its rows were made with."""
    watermark: date | None
    """Last complete day of the logs at that time."""
    log_end: datetime | None = None
    """Time up to which the logs were known."""
    waits: bool = False
    """Some of its rows change as the logs go on."""


class Change(NamedTuple):
    """One change of the rows of a day, by a delivery or a computation."""

    day: date
    version: int
    """Version of the table that brought it."""
    read: Mapping[str, tuple[int, int]]
    """For each input, the version that the rows before were computed from and that of the new. Where the day had none,
    that of the table's commit before, since the day would have read it; -1 where there was none. Inputs that another
    definition reads for the first time are left out: what they hold did not come since."""


def note_of(
    days: Sequence[date],
    changed: Sequence[date],
    inputs: Mapping[str, int],
    code: str,
    run: str,
    clock: Clock,
    waiting: Sequence[date],
) -> dict[str, Any]:
    """The note of a commit that computed these days."""
    return {
        "days": [day.isoformat() for day in days],
        "changed": [day.isoformat() for day in changed],
        "inputs": dict(inputs),
        "code": code,
        "run": run,
        "watermark": _iso(clock.watermark),
        "log_end": _iso(clock.log_end),
        "waits": [day.isoformat() for day in waiting],
    }


def notes_after(history: Iterable[Entry], base: int) -> list[dict[str, Any]]:
    """Notes of the commits after that version."""
    return [json.loads(entry[NOTE]) for entry in history if entry["version"] > base and NOTE in entry]


def days_computed(history: Sequence[Entry]) -> dict[date, Computed]:
    """How each day came to be, from a table's commits, newest first."""
    found: dict[date, Computed] = {}
    for entry in reversed(history):
        if NOTE not in entry:
            continue
        note = json.loads(entry[NOTE])
        if "erasure" in note:  # rows were left out; nothing was computed
            for text in note["changed"]:
                day = date.fromisoformat(text)
                if day in found:
                    found[day] = found[day]._replace(changed=entry["version"])
            continue
        mark = date.fromisoformat(note["watermark"]) if note["watermark"] else None
        log_end = datetime.fromisoformat(note["log_end"]) if note.get("log_end") else None
        changed, waits = set(note["changed"]), set(note.get("waits", ()))
        for text in note["days"]:
            day = date.fromisoformat(text)
            before = found[day].changed if day in found else entry["version"]
            last = entry["version"] if text in changed else before
            found[day] = Computed(entry["version"], last, note["inputs"], note["code"], mark, log_end, text in waits)
    return found


def changes(table: str, history: Sequence[Entry]) -> list[Change]:
    """Every change, oldest first, from the table's commits, newest first; an erasure brings no rows and is none.

    What a table has of its own past it had read by the end of a commit, as in `freshness.causes`.
    """
    found: list[Change] = []
    before: dict[str, tuple[Mapping[str, int], str]] = {}
    latest: tuple[Mapping[str, int], str] = ({}, "")
    for note, version in [(json.loads(entry[NOTE]), entry["version"]) for entry in reversed(history) if NOTE in entry]:
        if "erasure" in note:
            continue
        for day in note["days"]:
            if day in note["changed"]:
                known, code = before.get(day, latest)
                read = {
                    name: (known.get(name, -1), now)
                    for name, now in note["inputs"].items()
                    if name in known or not known or same_definition(code, note["code"])
                }
                found.append(Change(date.fromisoformat(day), version, read))
        latest = ({**note["inputs"], table: version}, note["code"])
        before |= dict.fromkeys(note["days"], latest)
    return found


def same_definition(code: str, other: str) -> bool:
    """Whether two versions of a table's rows are of one definition, whatever models they were made with."""
    return code.partition("/")[0] == other.partition("/")[0]


def same_reading(table: str, computed: Mapping[date, Computed], days: Sequence[date], note: Mapping[str, Any]) -> bool:
    """Whether every day was computed before from just this: there is nothing to note then.

    A table that reads its own past cites its own version, which moves with every commit: for it counts whether other
    days changed since.
    """

    def read(inputs: Mapping[str, int]) -> dict[str, int]:
        return {name: version for name, version in inputs.items() if name != table}

    others = max((how.changed for day, how in computed.items() if day not in days), default=-1)
    return all(
        day in computed
        and read(computed[day].inputs) == read(note["inputs"])
        and (table not in note["inputs"] or others <= computed[day].version)
        and computed[day].code == note["code"]
        and _iso(computed[day].watermark) == note["watermark"]
        for day in days
    )


def _iso(day: date | datetime | None) -> str | None:
    return day.isoformat() if day else None
