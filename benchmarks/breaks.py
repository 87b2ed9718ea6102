"""How well breaks are found in conversations of others, and how fast: `python -m benchmarks.breaks`.

On CDConv (Chinese, contradictions), on clean talk of SGD and CrossWOZ and real chats of ConvAI2, which are not part of
the project (evalloop_assets_tests/real_data.py), and on two days of the simulated product `healthy`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.encoders import Figure, baselines, cdconv, cosine, figure
from benchmarks.measure import Cost, cost
from evalloop_assets.reward_model.breaks import find_breaks
from evalloop_assets.reward_model.encoder import HashedNgrams
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.lexicon import Lexicon
from evalloop_assets.simulator.packs import HELD_OUT, LEXICON
from evalloop_assets.simulator.scenarios import SCENARIOS
from evalloop_assets.simulator.serve import serve, truth_folder
from evalloop_assets_tests import real_data
from evalloop_assets_tests.reward_model.breaks import talk

KINDS = {1: "within a sentence", 2: "role confusion", 3: "with the history"}
SERVED = """
    SELECT t.event_id, t.conversation_id, t.user_text, t.reply_text, c.persona, x.broke
    FROM read_parquet('{home}/landing/turns/*.parquet') AS t
    JOIN (SELECT DISTINCT character_id, persona FROM read_parquet('{home}/landing/characters/*.parquet')) AS c
        ON c.character_id = t.character_id
    JOIN read_parquet('{truth}/turns/*.parquet') AS x ON x.event_id = t.event_id
    WHERE NOT x.regenerated AND NOT x.cut
    QUALIFY row_number() OVER (PARTITION BY t.event_id) = 1
    ORDER BY t.conversation_id, t.shown_at, t.event_id
"""


def lines() -> Iterator[str]:
    folder = real_data.FOLDER
    for name, measured in (("cdconv", contradictions), ("sgd", clean), ("crosswoz", clean), ("convai", thumbs)):
        if (folder / name).is_dir():
            yield from measured(name, folder / name)
        else:
            yield f"breaks: no folder {folder / name}, so nothing is measured on it (set EVALLOOP_SHARED_DATA)"
    yield from simulated("in words that were known when the rules were written", LEXICON)
    yield from simulated("in other words", HELD_OUT)


def contradictions(name: str, folder: Path) -> Iterator[str]:
    """AUC of contradictions against none, and what a threshold of 0.5 finds, on the half that rules were tuned on
    (`read`) and on the other; beside it what needs no rules."""
    frame, truth = talk.cdconv(folder)
    found, spent = timed(frame)
    score = found["score"].to_numpy().reshape(-1, 4)[:, 3]
    rated, encoder = cdconv(folder), HashedNgrams()
    near = cosine(encoder.encode(rated.before), encoder.encode(rated.replies))
    scores = {"find_breaks": score, "embedding distance": -near} | {
        shown: -value if shown == "word overlap" else value for shown, value in baselines(rated).items()
    }
    label = truth["label"].to_numpy()
    for half in ("read", "unread"):
        of = (truth["half"] == half).to_numpy()
        for shown, value in scores.items():
            yield f"breaks: {name}, {half} half, AUC of {shown}: {judged(value, label > 0, rated.group, of)}"
        for kind, about in KINDS.items():
            which = of & ((label == kind) | (label == 0))
            told = judged(score, label == kind, rated.group, which)
            yield f"breaks: {name}, {half} half, AUC of contradictions {about}: {told}"
        taken, broken = score[of] >= 0.5, label[of] > 0
        yield (
            f"breaks: {name}, {half} half, at 0.5: recall {taken[broken].mean():.3f}, precision "
            f"{broken[taken].mean():.3f}, false positives {taken[~broken].mean():.4f} of {(~broken).sum()}"
        )
    yield speed(name, frame, spent)


def judged(score: np.ndarray, positive: np.ndarray, group: np.ndarray, rows: np.ndarray) -> Figure:
    return figure(score[rows], positive[rows].astype(float), group[rows])


def clean(name: str, folder: Path) -> Iterator[str]:
    frame = talk.annotated(name, folder)
    found, spent = timed(frame)
    taken = found["score"][frame["speaker"] == "character"] >= 0.5
    yield f"breaks: {name}, clean replies taken for a break: {taken.mean():.5f} of {len(taken)}"
    yield speed(name, frame, spent)


def thumbs(name: str, folder: Path) -> Iterator[str]:
    frame = talk.convai(folder)
    found, spent = timed(frame)
    for thumb, shown in ((1, "up"), (0, "down")):
        of = found["score"][frame["thumb"] == thumb] >= 0.5
        yield f"breaks: {name}, replies with thumbs {shown} taken for a break: {of.mean():.4f} of {len(of)}"
    yield speed(name, frame, spent)


def simulated(words: str, lexicon: Lexicon, days: int = 2, seed: int = 3) -> Iterator[str]:
    """Recall and precision against the planted contradictions of personas."""
    import duckdb

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        serve(SCENARIOS["healthy"], Settings(home=home), seed, days=days, lexicon=lexicon)
        turns = duckdb.sql(SERVED.format(home=home, truth=truth_folder(home))).df()
    place = np.arange(len(turns))
    sides = [
        pd.DataFrame(
            {
                "conversation_id": turns["conversation_id"],
                "position": 2 * place + number,
                "speaker": ("user", "character")[number],
                "text": turns[column],
                "persona": turns["persona"] if number else None,
            }
        )
        for number, column in enumerate(("user_text", "reply_text"))
    ]
    frame = pd.concat(sides, ignore_index=True)
    found, spent = timed(frame)
    taken, broke = found["score"].to_numpy()[len(turns) :] >= 0.5, turns["broke"].to_numpy()
    yield (
        f"breaks: simulated healthy {words}, {broke.sum()} planted among {len(turns)} replies: recall "
        f"{taken[broke].mean():.3f}, precision {broke[taken].mean():.3f}, false positives {taken[~broke].mean():.5f}"
    )
    yield speed("simulated healthy", frame, spent)


def timed(frame: pd.DataFrame) -> tuple[pd.DataFrame, Cost]:
    found: list[pd.DataFrame] = []
    spent = cost(lambda: found.append(find_breaks(frame)))
    return found[0], spent


def speed(name: str, frame: pd.DataFrame, spent: Cost) -> str:
    replies = int((frame["speaker"] == "character").sum())
    return f"breaks: {name}: {replies / spent.cpu:,.0f} replies a CPU-second, with the messages that they answer"


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
