"""The allocation as a flagd file, which any OpenFeature client reads (design, section 8).

One flag, `serving`. Its value is an object: the model to serve and what the log must say about it. The rules decide in
this order: is the user in an experiment's segment (hash of the user id), did the conversation begin while it ran, is
the user one of those randomised by user (another hash of the user id), and then, for the others, which epoch the
conversation began in. flagd gives the lowest part of the hash range to the first variant, and the treatment is always
named first; yet what makes a ramp keep every running conversation is that each epoch's weights are frozen.
"""

from __future__ import annotations

import json
import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.state import Allocation, Experiment

if TYPE_CHECKING:
    from evalloop_assets.serving.ledger import Entry, Ledger

FLAG = "serving"
SCHEMA = "https://flagd.dev/schema/v0/flags.json"
BASIS_POINTS = 10_000
USER, CONVERSATION, STARTED = {"var": "user_id"}, {"var": "conversation_id"}, {"var": "started_at"}

Rule = dict[str, Any]


class Published(NamedTuple):
    """What a publication did."""

    sequence: int
    """The ledger entry that the file now holds."""
    changed: bool


def flag_file(allocation: Allocation, sequence: int = 0) -> dict[str, Any]:
    """The file's content. The context it asks for: user_id, conversation_id, started_at (seconds since 1970, UTC).

    Where one of the three is missing, the champion is served outside every experiment.
    """
    served = [one for one in allocation.experiments if one.status != "rolled_back"]
    variants: dict[str, Any] = {"champion": _value(allocation.champion)}
    rule: Any = "champion"
    if allocation.former is not None:
        variants["former"] = _value(allocation.former.model_id)
        rule = {"if": [{"<": [STARTED, _seconds(allocation.former.until)]}, "former", rule]}
    for experiment in reversed(served):
        variants |= _variants(experiment)
        rule = {"if": [_enrolled(experiment), _arm(experiment), rule]}
    flag: dict[str, Any] = {"state": "ENABLED", "variants": variants, "defaultVariant": "champion"}
    if rule != "champion":
        flag["targeting"] = {"if": [{"and": [USER, CONVERSATION, STARTED]}, rule, "champion"]}
    return {"$schema": SCHEMA, "flags": {FLAG: flag}, "metadata": {"sequence": sequence}}


def publish(path: Path, ledger: Ledger) -> Published:
    """Make the file say what the ledger says, atomically; nothing is written where it does already.

    The ledger is asked again after each write, so that of publishers that overtake each other the last one to write
    leaves the newest entry in the file.
    """
    changed = False
    entry = _newest(ledger)
    while True:
        content = flag_file(entry.allocation, entry.sequence)
        if _content(path) != content:
            replace_file(path, json.dumps(content, indent=1))
            changed = True
        newest = _newest(ledger)
        if newest.sequence == entry.sequence:
            return Published(entry.sequence, changed)
        entry = newest


def publish_if_stale(path: Path, ledger: Ledger) -> bool:
    """Publish where a process died between the ledger and the file; true where that was so. An empty ledger is none."""
    return ledger.head() is not None and publish(path, ledger).changed


def published_sequence(path: Path) -> int | None:
    """The ledger entry that the file holds; None where it holds none."""
    sequence: int | None = (_content(path) or {}).get("metadata", {}).get("sequence")
    return sequence


def _newest(ledger: Ledger) -> Entry:
    head = ledger.head()
    if head is None:
        raise UserError("the ledger", "it is empty, so there is nothing to publish", "Name a first champion.")
    return head


def _enrolled(experiment: Experiment) -> Rule:
    begun = [{">=": [STARTED, _seconds(experiment.epochs[0].starts_at)]}]
    if experiment.ended_at is not None:
        begun.append({"<": [STARTED, _seconds(experiment.ended_at)]})
    first, last = experiment.segment
    if (first, last) == (0, 100):
        return {"and": begun}
    spans = [("below", _points(first)), ("in", _points(last) - _points(first)), ("above", _points(100 - last))]
    return {"and": [*begun, {"==": [_split(["segment:", USER], spans), "in"]}]}


def _arm(experiment: Experiment) -> Any:
    name = experiment.experiment_id
    by_user = _split([f"{name}:arm:", USER], _weights(f"{name}.user", experiment.user_weight))
    by_conversation = _by_epoch(experiment)
    share = experiment.user_share
    if share in (0, 100):
        return by_user if share else by_conversation
    layer = _split([f"{name}:layer:", USER], [("user", _points(share)), ("conversation", _points(100 - share))])
    return {"if": [{"==": [layer, "user"]}, by_user, by_conversation]}


def _by_epoch(experiment: Experiment) -> Any:
    name = experiment.experiment_id
    splits = [
        _split([f"{name}:conversation:", CONVERSATION], _weights(f"{name}.conversation.{k}", epoch.weight_percent))
        for k, epoch in enumerate(experiment.epochs)
    ]
    rule = splits[0]
    for split, epoch in zip(splits[1:], experiment.epochs[1:], strict=True):
        rule = {"if": [{"<": [STARTED, _seconds(epoch.starts_at)]}, rule, split]}
    return rule


def _weights(prefix: str, treatment_percent: float) -> list[tuple[str, int]]:
    points = _points(treatment_percent)
    return [(f"{prefix}.treatment", points), (f"{prefix}.control", BASIS_POINTS - points)]


def _split(key: list[Any], spans: list[tuple[str, int]]) -> Any:
    """The name of the span that the key's hash falls into; spans in ten thousandths of the hash range."""
    return {"fractional": [{"cat": key}, *[[name, points] for name, points in spans if points]]}


def _variants(experiment: Experiment) -> dict[str, Any]:
    name = experiment.experiment_id
    found: dict[str, Any] = {}
    cells = [(f"{name}.user", "user", experiment.user_weight)] if experiment.user_share else []
    if experiment.user_share < 100:
        cells += [
            (f"{name}.conversation.{k}", "conversation", epoch.weight_percent)
            for k, epoch in enumerate(experiment.epochs)
        ]
    for prefix, unit, percent in cells:
        weight = _points(percent) / BASIS_POINTS
        found[f"{prefix}.treatment"] = _value(experiment.treatment, name, "treatment", unit, weight)
        found[f"{prefix}.control"] = _value(experiment.control, name, "control", unit, round(1 - weight, 4))
    return found


def _value(
    model_id: str,
    experiment_id: str | None = None,
    arm: str | None = None,
    unit: str | None = None,
    propensity: float | None = None,
) -> dict[str, Any]:
    return {
        "model_id": model_id,
        "experiment_id": experiment_id,
        "arm": arm,
        "unit": unit,
        "propensity": propensity,
    }


def _points(percent: float) -> int:
    return round(percent * BASIS_POINTS / 100)


def _seconds(moment: datetime) -> float:
    return moment.replace(tzinfo=UTC).timestamp()


def _content(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def replace_file(path: Path, text: str) -> None:
    """Write beside and swap in; a reader sees the old file or the new one, and a later time than before."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    beside = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.chmod(0o644)
        if path.exists():
            least = path.stat().st_mtime_ns + 1_000_000
            if beside.stat().st_mtime_ns < least:
                os.utime(beside, ns=(least, least))
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
