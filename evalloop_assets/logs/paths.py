"""Paths into records: `user.id` is the key `user.id` itself, else `id` inside `user`; `choices.0` counts in a list."""

from __future__ import annotations

from collections.abc import Iterator

WHOLE = "."


def lookup(record: object, path: str) -> object:
    """The value at the path; None where it is not there."""
    if path == WHOLE:
        return record
    if isinstance(record, list):
        head, _, rest = path.partition(".")
        if not head.isdigit() or int(head) >= len(record):
            return None
        return lookup(record[int(head)], rest) if rest else record[int(head)]
    if not isinstance(record, dict):
        return None
    if path in record:
        return record[path]
    end = path.find(".")
    while end != -1:
        inner = record.get(path[:end])
        if isinstance(inner, dict | list):
            found = lookup(inner, path[end + 1 :])
            if found is not None:
                return found
        end = path.find(".", end + 1)
    return None


def known_paths(record: object, prefix: str = "") -> Iterator[str]:
    """Paths of all plain values of a record, for suggestions."""
    if isinstance(record, dict):
        for key, value in record.items():
            yield from known_paths(value, f"{prefix}{key}.")
    elif not isinstance(record, list):
        yield prefix.rstrip(".")
