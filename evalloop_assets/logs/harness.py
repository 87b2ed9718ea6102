"""Result files of evaluation harnesses made into flat records: one a model, benchmark, metric and item.

Each has `model`, `task`, `metric`, `benchmark` (task and metric), `item` (`all` for a figure of the whole task),
`score`, `standard_error` and `scored_at` (seconds of the epoch, or ISO), None where the file does not tell; one of an
item also its `text` and `reference`, and the harness's own record as `sample`. Metrics of an item that are no single
number, such as sums for a perplexity, are left out.

- lm-evaluation-harness 0.4: `results_<time>.json`, and the `samples_<task>_<time>.jsonl` of `--log_samples`, which name
  no model: it is the name of their folder, `__` standing for `/`. Figures that are better when low are negated in the
  former, which tells them. Other filters than `none` are part of the metric; samples of versions that do not name the
  filter are left out.
- EvalScope 1: `reports/<model>/<dataset>.json`, a record a subset, and `reviews/<model>/<dataset>_<subset>.jsonl`. Both
  call the task `<dataset>_<subset>`. Figures of which a report says that they are better when low are negated. Of
  several generations of an item the first counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalloop_assets.logs.harness_items import evalscope_item, lm_eval_item
from evalloop_assets.logs.opened import COMPRESSED

WHOLE = "all"
NAMED_BY_PATH = ("lm_eval", "evalscope")
"""Formats in which a file's name and folder say what its rows are of."""
MODEL_ARGUMENTS = ("peft", "delta", "pretrained", "model", "path", "engine")
SAMPLES = re.compile(r"samples_(?P<task>.+)_(?P<day>\d{4}-\d\d-\d\d)T(?P<time>\d\d-\d\d-\d\d)[.\d]*")


def lm_eval_rows(record: object, path: Path) -> Iterator[dict[str, Any]]:
    """Of one results file, or of one line of a samples file."""
    if not isinstance(record, dict):
        return
    if isinstance(record.get("results"), dict):
        yield from _lm_eval_results(record)
    elif isinstance(record.get("metrics"), list) and "doc_id" in record:
        name = SAMPLES.fullmatch(_stem(path))
        task = name["task"] if name else _stem(path)
        about = lm_eval_item(record)._asdict()
        for metric in record["metrics"]:
            if isinstance(record.get(str(metric)), list | dict | str):
                continue
            yield {
                **_named(path.parent.name.replace("__", "/"), task, metric, record.get("filter")),
                "item": record["doc_id"],
                "score": record.get(str(metric)),
                "standard_error": None,
                "scored_at": f"{name['day']}T{name['time'].replace('-', ':')}Z" if name else None,
                **about,
                "sample": record,
            }


def evalscope_rows(record: object, path: Path) -> Iterator[dict[str, Any]]:
    """Of one report, or of one line of a reviews file."""
    if not isinstance(record, dict):
        return
    if isinstance(record.get("metrics"), list) and "dataset_name" in record:
        for metric in _objects(record["metrics"]):
            low = _object(metric.get("semantics")).get("direction") == "lower_is_better"
            for subset in _subsets(metric):
                task = f"{record['dataset_name']}_{subset.get('name')}"
                yield {
                    **_named(record.get("model_name"), task, _metric_name(metric), None),
                    "item": WHOLE,
                    "score": _signed(subset.get("score"), low),
                    "standard_error": None,
                    "scored_at": None,
                }
    elif isinstance(record.get("sample_score"), dict):
        sample = record["sample_score"]
        if sample.get("generation_index"):
            return
        first = sample.get("group_id") if sample.get("generation_index") == 0 else None
        about = evalscope_item(record)._asdict()
        for name, value in _object(_object(sample.get("score")).get("value")).items():
            if isinstance(value, list | dict | str):
                continue
            yield {
                **_named(_speaker(record) or path.parent.name, _stem(path), name, None),
                "item": sample.get("sample_id", record.get("index")) if first is None else first,
                "score": value,
                "standard_error": None,
                "scored_at": None,
                **about,
                "sample": record,
            }


def _lm_eval_results(record: dict[str, Any]) -> Iterator[dict[str, Any]]:
    model = record.get("model_name") or _configured(record.get("config"))
    for task, figures in record["results"].items():
        better = _object(_object(record.get("higher_is_better")).get(task))
        for key, value in _object(figures).items():
            metric, comma, chosen = key.partition(",")
            if not comma or metric.endswith("_stderr") or isinstance(value, str):
                continue
            error = figures.get(f"{metric}_stderr,{chosen}")
            yield {
                **_named(model, task, metric, chosen),
                "item": WHOLE,
                "score": _signed(value, better.get(metric) is False),
                "standard_error": error if isinstance(error, int | float) else None,
                "scored_at": record.get("date"),
            }


def _configured(config: object) -> object:
    """The model that the arguments name, as the harness itself reads them since 0.4.3; before, a file says no more."""
    given = _object(config).get("model_args")
    if isinstance(given, str):
        given = dict(pair.split("=", 1) for pair in given.split(",") if "=" in pair)
    named = [_object(given)[key] for key in MODEL_ARGUMENTS if _object(given).get(key)]
    return named[0] if named else _object(config).get("model")


def _signed(score: object, lower_is_better: bool) -> object:
    """So that higher is better."""
    return -score if lower_is_better and isinstance(score, int | float) else score


def _named(model: object, task: str, metric: object, chosen: object) -> dict[str, Any]:
    name = str(metric) if chosen in (None, "none", "") else f"{metric} {chosen}"
    return {"model": model, "task": task, "metric": name, "benchmark": f"{task} {name}"}


def _subsets(metric: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for category in _objects(metric.get("categories")):
        for subset in _objects(category.get("subsets")):
            if not subset.get("is_aggregate"):
                yield subset


def _metric_name(metric: dict[str, Any]) -> object:
    return _object(metric.get("identity")).get("name") or metric.get("name")


def _speaker(record: dict[str, Any]) -> object:
    """The model that the last message of the assistant names."""
    said = [message for message in _objects(record.get("messages")) if message.get("role") == "assistant"]
    return said[-1].get("model") if said else None


def _stem(path: Path) -> str:
    """The file's name without the endings of its format and of its compression."""
    name = path.name
    for ending in (*COMPRESSED, ".jsonl", ".json"):
        name = name.removesuffix(ending)
    return name


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _objects(values: object) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
