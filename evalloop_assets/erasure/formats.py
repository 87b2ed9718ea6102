"""JSON Lines, JSON and CSV: an id is found as a whole value, and whole records go, objects of a JSON list too.

An id that may be any word or number is the person only under a name that speaks of a user (`user_id`,
`"user": {"id": …}`): who is called 7 or ana must not take the rows of others along. A record is a line of JSON Lines,
and of CSV what the csv module reads as one, line breaks within quotes included.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from evalloop_assets.erasure.needles import ERASED, is_distinctive
from evalloop_assets.erasure.person import TEXTS, Person

JSON_LINES = (".jsonl", ".ndjson")
SEPARATED = (".csv", ".tsv")
JSON = ".json"
DELIMITERS = ",;\t|"
USER = re.compile("user|participant|customer|member|player|visitor|author", re.IGNORECASE)
"""Part of the name of a column or key whose values are people."""
ITEM = re.compile(rb'"item_id"\s*:\s*"([0-9A-Za-z-]+)"')
TEXT = re.compile(rb'"(?:' + "|".join(TEXTS).encode() + rb')"\s*:')
FIELD_BYTES = 2**31 - 1
"""Longest field of a CSV file; the csv module's own limit is shorter than some replies."""


def form_of(path: Path) -> str | None:
    """The last of the file's suffixes that names a format (`a.jsonl.gz`, `.a.jsonl.17.part`); None where none does."""
    known = (*JSON_LINES, *SEPARATED, JSON)
    return next((suffix for suffix in map(str.lower, reversed(path.suffixes)) if suffix in known), None)


def without(form: str, content: bytes, person: Person) -> tuple[bytes, int]:
    """The content without the person's records, and their number; csv.Error where it is no CSV. Of JSON that is no list
    of objects the values go.
    """
    if form == JSON:
        if (listed := _listed(content)) is not None:
            theirs = [own for _, own in _json_lines(b"\n".join(map(_written, listed)), person)]
            left = [one for one, own in zip(listed, theirs, strict=True) if not own]
            return (_written(left), sum(theirs)) if any(theirs) else (content, 0)
        number = person.needles.count(content)
        clean, values = _value(person.user_id).subn(rb'\g<before>"' + ERASED + b'"', person.needles.without(content))
        return clean, number + values
    kept, number = [], 0
    for raw, own in _json_lines(content, person) if form in JSON_LINES else _separated(form, content, person):
        number += own
        if not own:
            kept.append(raw)
    return b"".join(kept), number


def _written(held: object) -> bytes:
    """JSON on one line; half a pair of surrogates stays as JSON writes it."""
    return json.dumps(held, ensure_ascii=False).encode(errors="backslashreplace")


def _listed(content: bytes) -> list[object] | None:
    """The objects of a JSON list, as of an annotation tool; None of any other content."""
    try:
        held = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return held if isinstance(held, list) and held and all(isinstance(one, dict) for one in held) else None


def _json_lines(content: bytes, person: Person) -> Iterator[tuple[bytes, bool]]:
    value = _value(person.user_id)
    for line in content.splitlines(keepends=True):
        yield line, bool(person.needles.count(line) or value.search(line) or _tells_an_item(line, person))


def _tells_an_item(line: bytes, person: Person) -> bool:
    """Whether an item that was made of the person's words is told with a text, however short: as in a table."""
    items = person.terms.get("item", frozenset())
    return any(found.decode() in items for found in ITEM.findall(line)) and TEXT.search(line) is not None


def _separated(form: str, content: bytes, person: Person) -> Iterator[tuple[bytes, bool]]:
    lines = list(io.StringIO(content.decode(errors="surrogateescape"), newline=""))
    delimiter = "\t" if form == ".tsv" else max(DELIMITERS, key=(lines[0] if lines else "").count)
    csv.field_size_limit(FIELD_BYTES)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    done, header = 0, None
    for fields in reader:
        raw = "".join(lines[done : reader.line_num]).encode(errors="surrogateescape")
        done = reader.line_num
        header = header or fields
        values = "\n".join(fields).encode(errors="surrogateescape")  # in them quotes are not doubled
        named = person.user_id in (field.strip() for field in _of_users(header, fields, person.user_id))
        yield raw, bool(named or person.needles.count(raw) or person.needles.count(values))


def _of_users(header: Sequence[str], fields: Sequence[str], user_id: str) -> list[str]:
    """The fields in which the id would be the person."""
    if is_distinctive(user_id):
        return list(fields)
    return [field for name, field in zip(header, fields, strict=False) if USER.search(name)]


def _value(user_id: str) -> re.Pattern[bytes]:
    """A JSON value that is the person's id, and no key; what stands before it in the match is the group `before`."""
    forms = [json.dumps(user_id, ensure_ascii=ascii).encode() for ascii in (True, False)]
    whole = rb"(?:" + b"|".join(re.escape(form) for form in dict.fromkeys(forms)) + rb")(?!\s*:)"
    if is_distinctive(user_id):
        return re.compile(rb"(?P<before>)(?<!\\)" + whole)
    if user_id.isascii() and user_id.isdigit():
        whole = rb"(?:" + whole + rb"|" + user_id.encode() + rb"(?=\s*[,}\]]))"
    name = rb'"[^"\\]*(?i:' + USER.pattern.encode() + rb')[^"\\]*"\s*:\s*'
    return re.compile(rb"(?P<before>" + name + rb'(?:\{[^{}]*?"id"\s*:\s*)?)' + whole)
