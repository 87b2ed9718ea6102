"""How often contamination, items and the flywheel err: unrelated real dialogues, edited copies, known parameters; and
what a day of bad cases costs against the days before it.

`python -m benchmarks.bad_cases` takes some minutes. The dialogues are those of ConvAI2 and of the Schema-Guided
Dialogue set, from `EVALLOOP_SHARED_DATA`; without them their lines are left out.
"""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from evalloop_assets.evaluation.bad_cases.daily import cases_of, with_grams
from evalloop_assets.evaluation.bad_cases.flywheel import BETTER, SAME, generations
from evalloop_assets.evaluation.items.contamination import LEAST_WORDS, Training, contamination
from evalloop_assets.evaluation.items.item_response import item_parameters
from evalloop_assets.evaluation.items.retirement import KEEP, SATURATED, SUSPECT, verdicts
from evalloop_assets.reward_model.encoder import find_encoder
from evalloop_assets.settings import Settings
from evalloop_assets_tests.real_data import FOLDER

ITEMS, TIMES = 50, 40
CONVAI, SGD = FOLDER / "convai" / "data_intermediate.json.gz", FOLDER / "sgd"

Words = list[str]


def lines() -> Iterator[str]:
    if CONVAI.exists() and SGD.exists():
        yield from contamination_lines()
    for models in (12, 40, 150):
        yield item_line(models)
    for error, spread in ((0.4, 0.0), (0.4, 0.2), (0.02, 0.0)):
        yield flywheel_line(error, error, spread)
    for gain in (0.1, 0.15, 0.25):
        yield flywheel_line(0.4, 0.4 - gain, 0.0)
    for days in (30, 120, 365):
        yield history_line(days)


def contamination_lines() -> Iterator[str]:
    encoder = find_encoder(Settings().reward.encoder)
    chats, tasks = json.loads(gzip.decompress(CONVAI.read_bytes())), []
    for path in sorted(SGD.glob("*.json.gz")):
        tasks += json.loads(gzip.decompress(path.read_bytes()))
    said = _said(enumerate([line["text"] for line in chat["dialog"]] for chat in chats))
    asked = _said(enumerate([turn["utterance"] for turn in task["turns"]] for task in tasks))
    for name, items, training in (
        ("ConvAI2 against SGD", said, asked),
        ("SGD against ConvAI2", asked, said),
        ("every eighth dialogue of SGD against its others", _eighth(asked, True), _eighth(asked, False)),
    ):
        chosen = items.texts[:1_000]
        found = contamination(chosen, training, encoder)
        yield (
            f"not learned, {name}: {found.contaminated.mean():.1%} of {len(chosen):,} items flagged against "
            f"{len(training.texts):,} texts"
        )
    random = np.random.default_rng(0)
    edits: dict[str, Callable[[Words], Words]] = {
        "the last word replaced": lambda words: [*words[:-1], "something"],
        "one word of eight replaced": lambda words: ["something" if at % 8 == 3 else w for at, w in enumerate(words)],
        "one word of four replaced": lambda words: ["something" if at % 4 == 1 else w for at, w in enumerate(words)],
        "words shuffled": lambda words: [str(word) for word in random.permutation(words)],
    }
    for of, training in (("ConvAI2", said), ("SGD", asked)):
        copied = training.texts[:500]
        for name, edit in edits.items():
            found = contamination([" ".join(edit(text.split())) for text in copied], training, encoder)
            yield f"copies of {of} with {name}: {found.contaminated.mean():.1%} of {len(copied):,} flagged"


def item_line(models: int) -> str:
    random = np.random.default_rng(models)
    held, told = [], []
    for _ in range(TIMES):
        slope, intercept = random.normal(1, 0.6, ITEMS).clip(0.1), random.normal(0, 1.2, ITEMS)
        slope[:3], intercept[:3] = (0.0, -1.5, 1.5), (6.0, 0.0, 0.0)
        chance = 1 / (1 + np.exp(-(random.normal(size=(models, 1)) * slope + intercept)))
        found = item_parameters((random.random((models, ITEMS)) < chance).astype(float))
        held.append((found.discrimination_low[3:] <= slope[3:]) & (slope[3:] <= found.discrimination_high[3:]))
        told.append(verdicts(found))
    share = [np.mean([one[at] == verdict for one in told]) for at, verdict in enumerate((SATURATED, SUSPECT, KEEP))]
    return (
        f"{models} models, {TIMES} benchmarks of {ITEMS} items: {np.mean(held):.1%} of intervals hold the "
        f"discrimination; an item that all solve retires in {share[0]:.0%}, one that the better fail (a = -1.5) is "
        f"suspected in {share[1]:.0%}, a good one (a = 1.5) is kept in {share[2]:.0%}"
    )


def flywheel_line(before: float, after: float, spread: float, users: int = 60, per_user: int = 4) -> str:
    random = np.random.default_rng(0)
    said = []
    for _ in range(400):
        lean = np.repeat(random.normal(0, spread, users), per_user)
        errors = [(random.random(len(lean)) < np.clip(mean + lean, 0, 1)).astype(float) for mean in (before, after)]
        pairs = [f"p{at}" for at in range(len(lean))]
        owners = [f"u{at // per_user}" for at in range(len(lean))]
        parts = [
            pd.DataFrame({"pair_id": pairs, "user_id": owners, "reward_version": version, "error": error})
            for version, error in zip("ab", errors, strict=True)
        ]
        said.append(generations(pd.concat(parts))[1].verdict)
    shares = {verdict: np.mean([one == verdict for one in said]) for verdict in (BETTER, SAME)}
    return (
        f"error {before:g} to {after:g}, spread of users {spread:g}, {users} users of {per_user} cases: better in "
        f"{shares[BETTER]:.1%}, no difference shown in {shares[SAME]:.1%} of {len(said)}"
    )


def history_line(days: int, signals: int = 5_000) -> str:
    """A day of so many signals against days on which as many cases were kept as the settings allow, all with a better
    reply; words are as frequent as Zipf's law has them.
    """
    options = Settings().evaluation.bad_cases
    random = np.random.default_rng(days)
    share = 1 / np.arange(1, 20_001)
    words = np.array([f"w{at}" for at in range(20_000)])

    def made(name: str, rows: int) -> pd.DataFrame:
        said = words[random.choice(len(words), (rows, 100), p=share / share.sum())]
        texts = {"user_text": said[:, :10], "reply_text": said[:, 10:55], "better_reply": said[:, 55:]}
        ids = [f"{name}{at}" for at in range(rows)]
        frame = pd.DataFrame({"event_id": ids, "conversation_id": ids, "user_id": ids})
        return frame.assign(
            **{column: [" ".join(text) for text in told] for column, told in texts.items()},
            same_prefix=True,
            certainty=0.9,
            cost=1.0,
        )

    def stored(rows: int) -> pa.Table:
        frame = with_grams(made("before", rows))
        frame = frame.assign(dedup_group=frame["event_id"], side="training", turn=frame["event_id"])
        return pa.Table.from_pandas(frame, preserve_index=False)

    before, today = stored(days * options.most_a_day), made("today", signals)
    cases_of(today.head(2), before.slice(0, 2), options)
    begun = time.process_time()
    cases_of(today, before, options)
    return (
        f"bad cases of a day, {signals:,} signals against {before.num_rows:,} cases of {days} days: "
        f"{time.process_time() - begun:.1f} CPU-s"
    )


def _said(dialogues: Iterable[tuple[int, Sequence[str]]]) -> Training:
    """The long utterances, each dialogue a user of its own."""
    told = dict.fromkeys((text, str(at)) for at, texts in dialogues for text in texts)
    long = [(text, user) for text, user in told if len(text.split()) >= LEAST_WORDS]
    return Training([text for text, _ in long], [user for _, user in long])


def _eighth(said: Training, chosen: bool) -> Training:
    told = [(text, user) for text, user in zip(*said, strict=True) if (int(user) % 8 == 0) == chosen]
    return Training([text for text, _ in told], [user for _, user in told])


if __name__ == "__main__":
    for line in lines():
        print(line, flush=True)
