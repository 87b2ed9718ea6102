"""What text encoders tell of a reply's quality and of contradictions: `python -m benchmarks.encoders [NAME …]`.

On sets of others, which are not part of the project (evalloop_assets_tests/real_data.py): USR-PersonaChat (English,
human ratings of replies) and CDConv (Chinese, contradictions). Names are those of `reward.encoder`; without any, the
encoders that need no download are measured.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.measure import cost
from evalloop_assets.reward_model.encoder import NARROW, WIDE, Encoder, HashedNgrams, find_encoder
from evalloop_assets_tests import real_data

FOLDS = 5
DRAWS = 400
PENALTIES = (0.1, 1.0, 10.0, 100.0)
SENTENCE = "the quiet keeper of the lamp walks down to the harbour and counts the boats that came home {}"


class Figure(NamedTuple):
    """A figure with its 95% interval over dialogues."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


class Rated(NamedTuple):
    """Replies with what they answer, and what people say of them."""

    before: list[str]
    replies: list[str]
    truth: dict[str, np.ndarray]
    group: np.ndarray
    """Of the dialogue."""


def usr(folder: Path) -> Rated:
    """Replies of USR-PersonaChat, each with the last message before it and the mean of its raters."""
    before, replies, group = [], [], []
    truth: dict[str, list[float]] = {"Overall": [], "Maintains Context": []}
    for number, item in enumerate(json.loads(gzip.decompress((folder / "pc_usr_data.json.gz").read_bytes()))):
        context = [line for line in item["context"].split("\n") if line.strip()]
        for response in item["responses"]:
            before.append(context[-1])
            replies.append(response["response"].strip())
            group.append(number)
            for name, values in truth.items():
                values.append(float(np.mean(response[name])))
    return Rated(before, replies, {name: np.array(values) for name, values in truth.items()}, np.array(group))


def cdconv(folder: Path) -> Rated:
    """Last replies of CDConv with the bot's reply before it; 1 where they contradict, in dialogues that begin alike."""
    lines = gzip.decompress((folder / "cdconv_1_to_3.jsonl.gz").read_bytes()).splitlines()
    rows = [json.loads(line) for line in lines]
    keys = [hashlib.md5((row["u1"] + row["b1"]).encode()).hexdigest() for row in rows]
    number = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    contradicts = np.array([float(row["label"] > 0) for row in rows])
    return Rated(
        [row["b1"] for row in rows],
        [row["b2"] for row in rows],
        {"contradiction": contradicts},
        np.array([number[key] for key in keys]),
    )


def lines(encoders: Sequence[Encoder] = (HashedNgrams(NARROW), HashedNgrams(), HashedNgrams(WIDE))) -> Iterator[str]:
    folder = real_data.FOLDER
    sets = {"usr_pc": usr, "cdconv": cdconv}
    missing = [name for name in sets if not (folder / name).is_dir()]
    for name in missing:
        yield f"encoders: no folder {folder / name}, so nothing is measured on it (set EVALLOOP_SHARED_DATA)"
    for name in sets.keys() - missing:
        rated = sets[name](folder / name)
        for what, truth in rated.truth.items():
            for shown, score in baselines(rated).items():
                yield f"encoders: {name}, {what}, {shown}: {figure(score, truth, rated.group)}"
        for encoder in encoders:
            a, b = encoder.encode(rated.before), encoder.encode(rated.replies)
            for what, truth in rated.truth.items():
                near = cosine(a, b)
                learned = cross_validated(pair_features(a, b), truth, rated.group)
                yield f"encoders: {name}, {what}, {encoder.name}, likeness: {figure(near, truth, rated.group)}"
                yield f"encoders: {name}, {what}, {encoder.name}, ridge: {figure(learned, truth, rated.group)}"
    for encoder in encoders:
        yield f"encoders: {encoder.name}: {speed(encoder):,.0f} sentences of 20 words a CPU-second"


def baselines(rated: Rated) -> dict[str, np.ndarray]:
    """Scores that need no encoder."""
    words = [(_grams(one), _grams(two)) for one, two in zip(rated.before, rated.replies, strict=True)]
    overlap = [len(one & two) / max(len(one | two), 1) for one, two in words]
    return {"word overlap": np.array(overlap), "length": np.array([float(len(text)) for text in rated.replies])}


def _grams(text: str) -> set[str]:
    words = text.lower().split()
    return set(words) if len(words) > 1 else {text[place : place + 2] for place in range(len(text) - 1)}


def pair_features(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.concatenate([b, np.abs(a - b), a * b], axis=1).astype(np.float64)


def cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    norms = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(axis=1) / np.where(norms > 0, norms, 1.0))


def cross_validated(features: np.ndarray, truth: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Predictions of a ridge regression for dialogues that it was not fitted on; its penalty is chosen in the fit."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    predicted = np.zeros(len(truth))
    for fold in range(FOLDS):
        out = group % FOLDS == fold
        penalties = [penalty * features.shape[1] for penalty in PENALTIES]
        model = make_pipeline(StandardScaler(), RidgeCV(penalties)).fit(features[~out], truth[~out])
        predicted[out] = model.predict(features[out])
    return predicted


def figure(score: np.ndarray, truth: np.ndarray, group: np.ndarray) -> Figure:
    """AUC where the truth is 0 or 1, else Spearman's correlation; the interval is a bootstrap over dialogues."""
    draw, rows = np.random.default_rng(0), [np.flatnonzero(group == one) for one in np.unique(group)]
    drawn = []
    for _ in range(DRAWS):
        chosen = np.concatenate([rows[place] for place in draw.integers(len(rows), size=len(rows))])
        drawn.append(_agreement(score[chosen], truth[chosen]))
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Figure(_agreement(score, truth), float(low), float(high))


def _agreement(score: np.ndarray, truth: np.ndarray) -> float:
    from scipy.stats import rankdata

    ranks = rankdata(score)
    if not set(np.unique(truth)) <= {0.0, 1.0}:
        return float(np.corrcoef(ranks, rankdata(truth))[0, 1])
    positive = truth > 0
    n = int(positive.sum())
    return float((ranks[positive].sum() - n * (n + 1) / 2) / (n * (len(truth) - n)))


def speed(encoder: Encoder, sentences: int = 2_000) -> float:
    """Distinct sentences of 20 words per CPU-second, all threads together."""
    texts = [SENTENCE.format(f"in year {number}") for number in range(sentences)]
    encoder.encode(texts[:10])
    return sentences / cost(lambda: encoder.encode(texts)).cpu


if __name__ == "__main__":
    named = [find_encoder(name) for name in sys.argv[1:]]
    for line in lines(named) if named else lines():
        print(line, flush=True)
