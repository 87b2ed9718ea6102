"""The bad cases of one day: grouped, given their sides, ranked by harm."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from evalloop_assets.evaluation.bad_cases.gram_sets import from_arrow, joined, to_lists
from evalloop_assets.evaluation.bad_cases.sides import TRAINING, WITHHELD, Cases, Known, cases, give

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from evalloop_assets.settings import BadCaseSettings


def cases_of(signals: pd.DataFrame, known: pa.Table, options: BadCaseSettings) -> pd.DataFrame:
    """The signals that are kept as cases, with dedup_group, side, users, harm, rank, said_grams and better_grams.

    `signals` are the day's rows of `bad_signals`, `known` what `bad_cases` holds of all days; a reply that is among
    them keeps its group and side.
    """
    given = known.select(["event_id", "dedup_group", "side"]).to_pandas()
    new = ~signals["event_id"].isin(given["event_id"])
    placed = give(
        signals.loc[new, "event_id"].tolist(),
        alike_by(signals[new]),
        known_of(known),
        options.near_duplicate,
        options.evaluation_share,
    )
    placed_at = signals.loc[new, ["event_id"]].assign(dedup_group=placed.groups, side=placed.sides)
    sides = _together(given, placed_at)
    found = signals.merge(sides, on="event_id", how="left", validate="one_to_one")
    return with_grams(ranked(found, options.most_a_day, given["dedup_group"]))


def ranked(found: pd.DataFrame, most: int, before: Collection[str]) -> pd.DataFrame:
    """The cases of the `most` groups that did the most harm, with users, harm and rank of their group; and of groups
    below these, those that must not train: what is withheld, and what is of the evaluation side and a group `before`.

    The harm of a group is the sum over users of their largest certainty times cost: somebody who met the same reply
    twice counts once. Equal harm is ranked by the name of the group.
    """
    worst = (found["certainty"] * found["cost"]).groupby([found["dedup_group"], found["user_id"]]).max()
    by_group = worst.groupby("dedup_group").agg(users="size", harm="sum").reset_index()
    by_group = by_group.sort_values(["harm", "dedup_group"], ascending=[False, True])
    by_group["rank"] = range(1, len(by_group) + 1)
    all_ranked = found.merge(by_group, on="dedup_group")
    linked = (all_ranked["side"] == WITHHELD) | all_ranked["dedup_group"].isin(before)
    kept = all_ranked[(all_ranked["rank"] <= most) | (linked & (all_ranked["side"] != TRAINING))]
    return kept.sort_values(["rank", "event_id"], ignore_index=True)


def alike_by(rows: pd.DataFrame) -> Cases:
    """What tells that two cases are the same."""
    message = rows["user_text"].fillna("")
    better = (message + "\n" + rows["better_reply"]).where(rows["same_prefix"].eq(True))
    turn = (rows["conversation_id"] + "\n" + message).where(message.str.strip() != "")
    told = [column.astype(object).where(column.notna(), None).tolist() for column in (better, turn)]
    return cases((message + "\n" + rows["reply_text"]).tolist(), *told)


def known_of(rows: pa.Table) -> Known:
    """What was given before; of rows that were written without their n-grams these are computed."""
    import pyarrow.compute as pc

    lacking = pc.is_null(rows["said_grams"])
    stored, texts = rows.filter(pc.invert(lacking)), rows.filter(lacking)
    ordered = [stored, texts]
    parts = [_stored(stored), alike_by(texts.to_pandas())]
    both = Cases(
        joined([part.said for part in parts]),
        joined([part.better for part in parts]),
        np.concatenate([part.has_better for part in parts]),
        [turn for part in parts for turn in part.turns],
    )
    groups, sides = ([one for part in ordered for one in part[name].to_pylist()] for name in ("dedup_group", "side"))
    return Known(both, groups, sides)


def with_grams(found: pd.DataFrame) -> pd.DataFrame:
    """The cases with the n-grams by which later days are held against them."""
    import pandas as pd

    told = alike_by(found)
    said, better = to_lists(told.said), iter(to_lists(told.better))
    per_case = [next(better) if has else None for has in told.has_better]
    return found.assign(said_grams=pd.Series(said, dtype=object), better_grams=pd.Series(per_case, dtype=object))


def _stored(rows: pa.Table) -> Cases:
    has_better = rows["better_grams"].is_valid()
    better = from_arrow(rows["better_grams"].filter(has_better))
    return Cases(from_arrow(rows["said_grams"]), better, has_better.to_numpy().astype(bool), rows["turn"].to_pylist())


def _together(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    parts = [part for part in (one, other) if len(part)]
    return pd.concat(parts) if parts else other
