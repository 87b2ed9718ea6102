"""The launch gate: hard numbers, agreed in a YAML file before anything is measured."""

from __future__ import annotations

import difflib
import hashlib
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from evalloop_assets.lake.errors import UserError

Direction = Literal["at_least", "at_most"]
DIRECTIONS: Mapping[str, Direction] = {"at_least": "at_least", ">=": "at_least", "at_most": "at_most", "<=": "at_most"}
FIELDS = ("metric", "slice", "threshold", "direction", "minimum_sample")
EVERYWHERE = "all"


class Line(NamedTuple):
    """One number that must be reached."""

    metric: str
    slice: str
    """all, or dimension=value."""
    threshold: float
    direction: Direction
    minimum_sample: int
    """Least users, items or prompts behind the figure."""

    @property
    def words(self) -> str:
        place = "" if self.slice == EVERYWHERE else f" where {self.slice}"
        return f"{self.metric}{place} {self.direction.replace('_', ' ')} {self.threshold:g}"


class Gate(NamedTuple):
    """What was agreed."""

    name: str
    lines: tuple[Line, ...]
    hash: str
    """SHA-256 of the file's bytes."""


def read_gate(path: Path, known: Callable[[str], bool], names: tuple[str, ...]) -> Gate:
    """The gate of a file. UserError names the file, the line and the mend; `names` are the metrics to suggest."""
    what = f"launch gate {path}"
    try:
        content = path.read_bytes()
        told = yaml.load(content.decode("utf-8"), _EveryKeyOnce)
    except OSError as error:
        raise UserError(what, f"it cannot be read ({error.strerror or error})", "Name a YAML file.") from error
    except (UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(what, f"it is no YAML ({' '.join(str(error).split())})", "Mend the file.") from error
    if not isinstance(told, dict) or not isinstance(told.get("lines"), list) or not told["lines"]:
        raise UserError(
            what, "it has no list of lines", "Write `lines:` with one number a line, as docs/evaluation/gate.yaml."
        )
    if unknown := set(told) - {"name", "lines"}:
        raise UserError(what, f"it has {_listed(unknown)} beside name and lines", "Leave that out.")
    lines = tuple(_line(f"{what}, line {at}", one, known, names) for at, one in enumerate(told["lines"], 1))
    seen: set[tuple[str, str, str]] = set()
    for at, one in enumerate(lines, 1):
        if (*one[:2], one.direction) in seen:
            raise UserError(f"{what}, line {at}", f"{one.metric} in {one.slice} is named twice", "Leave one of them.")
        seen.add((*one[:2], one.direction))
    return Gate(str(told.get("name") or path.stem), lines, hashlib.sha256(content).hexdigest())


class _EveryKeyOnce(yaml.SafeLoader):
    """YAML of which nothing is lost: of a key that stands twice, the first would go without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [key.value for key, _ in node.value]
        if twice := {str(name) for name in names if names.count(name) > 1}:
            problem = f"{_listed(twice)} stands twice"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return super().construct_mapping(node, deep)


def _line(what: str, told: Any, known: Callable[[str], bool], names: tuple[str, ...]) -> Line:
    if not isinstance(told, dict):
        raise UserError(what, "it is no mapping", f"Give it {', '.join(FIELDS)}.")
    if unknown := set(told) - set(FIELDS):
        raise UserError(what, f"it has {_listed(unknown)}", f"A line has {', '.join(FIELDS)}.")
    if missing := {"metric", "threshold", "direction", "minimum_sample"} - set(told):
        raise UserError(what, f"{_listed(missing)} is missing", f"A line has {', '.join(FIELDS)}.")
    metric = told["metric"]
    if not isinstance(metric, str) or not known(metric):
        near = difflib.get_close_matches(str(metric), names, 1, 0.5)
        hint = f"Did you mean {near[0]}? " if near else ""
        raise UserError(what, f"there is no metric {metric}", f"{hint}Known are {', '.join(names)}.")
    direction = DIRECTIONS.get(str(told["direction"]))
    if direction is None:
        raise UserError(what, f"direction is {told['direction']}", "Write at_least or at_most.")
    threshold, sample, place = told["threshold"], told["minimum_sample"], told.get("slice", EVERYWHERE)
    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not math.isfinite(threshold):
        raise UserError(what, f"threshold is {threshold}, no number", "Write the number that was agreed.")
    if isinstance(sample, bool) or not isinstance(sample, int) or sample < 1:
        raise UserError(what, f"minimum_sample is {sample}", "Write a whole number of at least 1.")
    if not isinstance(place, str) or (place != EVERYWHERE and not all(place.partition("="))):
        raise UserError(what, f"slice is {place}", "Write all, or a dimension and its value: locale=de-DE.")
    return Line(metric, place, float(threshold), direction, sample)


def _listed(names: set[Any]) -> str:
    return ", ".join(sorted(map(str, names)))
