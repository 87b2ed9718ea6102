"""The items of a day: what production found, and how the items of each benchmark do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evalloop_assets.evaluation.bad_cases.sides import EVALUATION
from evalloop_assets.evaluation.items.contamination import Contamination, Training, contamination
from evalloop_assets.evaluation.items.item_response import ItemParameters, item_parameters
from evalloop_assets.evaluation.items.release import item_id
from evalloop_assets.evaluation.items.retirement import UNKNOWN, verdicts
from evalloop_assets.reward_model.pairs import is_held_out

if TYPE_CHECKING:
    import pandas as pd

    from evalloop_assets.reward_model.encoder import Encoder

DIMENSIONS = {"contradiction": "hallucination", "promise": "hallucination", "rupture": "robustness"}
"""Kind of bad case to what an item made of it examines; the other kinds do not tell."""


def found_items(cases: pd.DataFrame, pairs: pd.DataFrame, encoder: Encoder) -> pd.DataFrame:
    """One item a group of the evaluation side that has a message, of its surest case, held against the training data.

    `cases` are rows of `bad_cases`, `pairs` have user_id, message and reply, one row a side; what users who are held
    out of training said is no training data. A pair of anybody else was learned from on its own day, whether or not it
    is among these, and its group with it. A reply that behaviour preferred is a reference where it answers the same
    message. An item without one is its message alone, and is held against the training data as that, too.
    """
    usable = cases[(cases["side"] == EVALUATION) & (cases["user_text"].fillna("").str.strip() != "")]
    surest = usable.sort_values(["certainty", "day", "event_id"], ascending=[False, True, True])
    chosen = surest.drop_duplicates("dedup_group").sort_values("event_id", ignore_index=True)
    better = chosen["better_reply"].where(chosen["same_prefix"].eq(True))
    references = better.astype(object).where(better.notna(), None)
    answer = better.fillna(chosen["reply_text"])
    fitted = usable[usable["pair_id"].notna() & ~is_held_out(usable["user_id"].tolist())]
    own = chosen["dedup_group"].isin(fitted["dedup_group"]).to_numpy()
    whole, alone = chosen["user_text"] + "\n" + answer, chosen["user_text"].where(references.isna(), "")
    read = contamination([*whole, *alone], learned(pairs), encoder)
    found = _worse(read.rows(slice(len(chosen))), read.rows(slice(len(chosen), None)))
    return chosen.assign(
        item_id=[item_id(*one) for one in zip(chosen["dedup_group"], chosen["user_text"], references, strict=True)],
        text=chosen["user_text"],
        reference=references,
        slice=chosen["kind"],
        dimension=chosen["kind"].map(DIMENSIONS),
        exact=found.exact | own,
        overlap=found.overlap,
        likeness=found.likeness,
        alike=found.alike,
        contaminated=found.contaminated | own,
    )


def _worse(whole: Contamination, alone: Contamination) -> Contamination:
    """Of each item the reading that contaminates it; that of the `whole` where both or neither do."""
    alone_counts = alone.contaminated & ~whole.contaminated
    return Contamination(*(np.where(alone_counts, *both) for both in zip(alone, whole, strict=True)))


def learned(pairs: pd.DataFrame) -> Training:
    """What is learned from: messages with their replies, and messages alone, as items have them; not those of users who
    are held out.
    """
    import pandas as pd

    fitted = pairs[~is_held_out(pairs["user_id"].tolist())]
    message, reply = fitted["message"].fillna(""), fitted["reply"].fillna("")
    parts = [pd.DataFrame({"text": text, "user": fitted["user_id"]}) for text in (message + "\n" + reply, message)]
    rows = pd.concat(parts).drop_duplicates()
    said = rows[rows["text"].str.strip() != ""]
    return Training(said["text"].tolist(), said["user"].tolist())


def held_against(items: pd.DataFrame, pairs: pd.DataFrame, encoder: Encoder) -> pd.DataFrame:
    """Items, with benchmark, item_id, text and reference, held against the training data."""
    texts = (items["text"].fillna("") + "\n" + items["reference"].fillna("")).str.strip()
    found = contamination(texts.tolist(), learned(pairs), encoder)
    return items[["benchmark", "item_id"]].assign(
        exact=found.exact,
        overlap=found.overlap,
        likeness=found.likeness,
        alike=found.alike,
        contaminated=found.contaminated,
    )


def statistics(scores: pd.DataFrame) -> list[dict[str, Any]]:
    """A row for each item of each benchmark; `scores` has model_id, benchmark, item_id, score.

    A benchmark with a score outside [0, 1] has no rows: what solves such an item is not known.
    """
    rows = []
    for benchmark, part in scores.groupby("benchmark", sort=True):
        if not part["score"].between(0, 1).all():
            continue
        wide = part.pivot(index="model_id", columns="item_id", values="score")
        found = item_parameters(wide.to_numpy(float))
        for at, (item, verdict) in enumerate(zip(wide.columns, verdicts(found), strict=True)):
            rows.append({"benchmark": benchmark, "item_id": item, **_row(found, at, verdict)})
    return rows


def _row(found: ItemParameters, at: int, verdict: str) -> dict[str, Any]:
    told = {name: float(values[at]) for name, values in found._asdict().items() if name != "models"}
    fitted = verdict != UNKNOWN
    known = {
        name: value if np.isfinite(value) and (fitted or name.startswith("solved")) else None
        for name, value in told.items()
    }
    return {"models": int(found.models[at]), "verdict": verdict, **known}
