"""Who is still needed: two people an item, a third where they disagree, and what the judges are not sure of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from evalloop_assets.evaluation.judges.opinions import CLASSES, votes_of
from evalloop_assets.evaluation.judges.voting import grey_zone

if TYPE_CHECKING:
    import pandas as pd

PER_ITEM = 2
"""People who judge each item, independently."""
THIRD, SECOND, GREY = "third", "second", "grey_zone"
PURPOSES = (THIRD, SECOND, GREY)
"""Why an item of `annotation_queue` waits, most urgent first."""
BAD_CASE = "bad_case"
"""Why an item of `relabel_queue` waits."""
ASKED_FIRST = (THIRD, SECOND, BAD_CASE, GREY)
COLUMNS = ("item_id", "purpose", "needed", "asked", "confidence")


def waiting(marks: pd.DataFrame, joint: pd.DataFrame, least_confidence: float, most: int) -> pd.DataFrame:
    """The items that wait for people, in the order in which they are to be judged, `most` at most.

    `marks` are annotations as `opinions` gives them, `joint` is the `jury` on the items that judges have seen. Items
    whose two people disagree come first (one more), then those with one person (one more), then those of the grey zone,
    the least sure first (two). An item on which three disagree stays disputed, and waits no more.

    Back: item_id, purpose, needed (people), asked (annotators who have judged it and are not to be asked again, joined
    by ", "), confidence (of the judges; NaN where it is not known).
    """
    import pandas as pd

    single = votes_of(marks, "annotator_id").reset_index()
    grouped = single.groupby("item_id")
    people = pd.DataFrame(
        {
            "votes": grouped.size(),
            "classes": grouped["verdict"].nunique(),
            "asked": grouped["annotator_id"].agg(lambda names: ", ".join(sorted(names))),
        }
    )
    confidence = pd.to_numeric(joint["confidence"]) if len(joint) else pd.Series(dtype=float)
    third = people[(people["votes"] == PER_ITEM) & (people["classes"] == PER_ITEM)]
    second = people[people["votes"] < PER_ITEM]
    grey = grey_zone(joint, least_confidence)
    grey = grey[~grey.index.isin(people.index)]
    parts = [
        third.assign(purpose=THIRD, needed=1),
        second.assign(purpose=SECOND, needed=PER_ITEM - second["votes"]),
        pd.DataFrame({"purpose": GREY, "needed": PER_ITEM, "asked": ""}, index=grey.index),
    ]
    found = pd.concat([part.assign(confidence=confidence.reindex(part.index)) for part in parts])
    return found.rename_axis("item_id").reset_index()[list(COLUMNS)].head(most)


def together(*queues: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The rows of several queues as one: what people have begun, then bad cases, then what judges are not sure of, each
    by its place. An item that waits in two of them comes once, for the more urgent reason.
    """
    rows = sorted(chain(*queues), key=lambda row: (ASKED_FIRST.index(row["purpose"]), row["place"]))
    first: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        first.setdefault(row["item_id"], row)
    return list(first.values())


def disagreements(marks: pd.DataFrame) -> pd.DataFrame:
    """Items on which people differ: how many said each class, columns as CLASSES, by item_id."""
    single = votes_of(marks, "annotator_id").reset_index()
    table = (
        single.groupby(["item_id", "verdict"]).size().unstack(fill_value=0).reindex(columns=list(CLASSES), fill_value=0)
    )
    return table[(table > 0).sum(axis=1) > 1]
