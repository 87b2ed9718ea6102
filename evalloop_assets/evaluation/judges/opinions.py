"""Verdicts as they come, made fit to be counted: ids as text, verdicts as scores, people's votes as one per person."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evalloop_assets.evaluation.judges.estimate import Estimate, share
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.frames import require_frame

if TYPE_CHECKING:
    import pandas as pd

CLASSES = ("a", "tie", "b")
"""Order of the classes in every matrix."""
SCORES = {"a": 1.0, "tie": 0.0, "b": -1.0}
OPTIONAL = ("order", "prompt_version", "user_text", "reply_a", "reply_b", "family_a", "family_b", "slice", "reason")
ITEM_COLUMNS = ("user_text", "reply_a", "reply_b", "family_a", "family_b", "slice")


def opinions(frame: pd.DataFrame, who: str, what: str) -> pd.DataFrame:
    """Rows of the frame that hold a verdict, with columns item_id, `who`, verdict, score (+1 a, 0 tie, -1 b), the
    optional ones, confidence and decided_at (UTC, without zone).

    Ids may be numbers: 1, 1.0 and "1" are one id. What is missing is NULL; an order other than ab or ba is unknown.
    Rows without item, `who` or verdict are left out; rows that are alike in all columns count once. UserError for a
    missing column, and for a verdict that is none of a, b and tie.
    """
    import pandas as pd

    require_frame(frame, f"Give a data frame of {what}, one row a verdict.", what)
    for name in ("item_id", who, "verdict"):
        if name not in frame.columns:
            raise UserError(f"column {name} of the {what}", "it is missing", "Give it; docs/log-contract.md lists all.")
    found = pd.DataFrame({"item_id": _ids(frame["item_id"]), who: _ids(frame[who])}, index=frame.index)
    found["verdict"] = frame["verdict"].astype(object).where(frame["verdict"].notna(), None)
    for name in OPTIONAL:
        found[name] = _texts(frame[name]) if name in frame.columns else None
    found["prompt_version"] = _ids(frame["prompt_version"]) if "prompt_version" in frame.columns else None
    found["confidence"] = _confidence(frame["confidence"]) if "confidence" in frame.columns else np.nan
    found["decided_at"] = _times(frame["decided_at"], what) if "decided_at" in frame.columns else pd.NaT
    found = found[found["item_id"].notna() & found[who].notna() & found["verdict"].notna()]
    known = found["verdict"].map(lambda value: isinstance(value, str) and value in SCORES)
    strange = found.loc[~known.astype(bool), "verdict"].to_list()
    if strange:
        raise UserError(
            f"verdict {strange[0]!r} of the {what}",
            "it is none of a, b and tie",
            "Name the item's own side, whatever was shown first; leave a verdict that nobody could read empty.",
        )
    found["score"] = found["verdict"].map(SCORES).astype(float)
    found.loc[~found["order"].isin(["ab", "ba"]), "order"] = None
    return found.drop_duplicates().reset_index(drop=True)


class People(NamedTuple):
    """What people said of each item; all have item_id as index."""

    votes: pd.DataFrame
    """Columns a, tie and b: how many people said so. A person has one vote on an item: the verdict that they gave most
    often, a tie where two were as frequent."""
    consensus: pd.Series
    """The verdict with more votes than any other; items whose first two verdicts are level are not in it."""
    disputed: int
    """Items without consensus."""


def people(gold: pd.DataFrame) -> People:
    """Votes and consensus from annotations as `opinions` gives them, with annotator_id."""
    votes = (
        votes_of(gold, "annotator_id")
        .reset_index()
        .groupby(["item_id", "verdict"])
        .size()
        .unstack(fill_value=0)
        .reindex(columns=list(CLASSES), fill_value=0)
    )
    votes.columns.name = None
    first = _first_of(votes)
    return People(votes, first.dropna(), int(first.isna().sum()))


def votes_of(said: pd.DataFrame, who: str) -> pd.Series:
    """The one vote that a judge or a person has on an item, by item_id and `who`: the verdict that they gave most
    often, a tie where two were as frequent.
    """
    return _first_of(_counted(said, ["item_id", who])).fillna("tie").rename("verdict")


def sound_reasons(ratings: pd.DataFrame | None) -> dict[str, Estimate]:
    """Share of each judge's rated reasons that are sound, items as clusters; UserError for what is no such frame."""
    if ratings is None:
        return {}
    what = "ratings of reasons"
    require_frame(ratings, f"Give a data frame of {what}, one row a reason.", what)
    for name in ("judge_id", "item_id", "sound"):
        if name not in ratings.columns:
            raise UserError(f"column {name} of the {what}", "it is missing", "Give judge_id, item_id and sound.")
    rated = ratings.dropna(subset=["judge_id", "item_id", "sound"])
    try:
        sound = rated["sound"].astype(float)
    except (ValueError, TypeError) as error:
        raise UserError(f"column sound of the {what}", f"is no share ({error})", "Give true or false.") from error
    if not sound.between(0, 1).all():
        raise UserError(f"column sound of the {what}", "goes beyond 0 and 1", "Give true or false.")
    means = sound.groupby([_ids(rated["judge_id"]), _ids(rated["item_id"])]).mean()
    return {str(judge): share(of_items.to_numpy()) for judge, of_items in means.groupby(level=0)}


def items_of(*frames: pd.DataFrame) -> pd.DataFrame:
    """What is known of each item, by item_id: the first text, family or slice that any of the frames tells of it."""
    import pandas as pd

    rows = pd.concat([frame[["item_id", *ITEM_COLUMNS]] for frame in frames], ignore_index=True)
    return rows.groupby("item_id", sort=True).first()


def single_calls(said: pd.DataFrame) -> pd.DataFrame:
    """Of the verdicts of one judge those that one call an item would give: in the order ab where it was asked so, else
    in an unknown order, else ba.
    """
    rank = said["order"].map({"ab": 0, "ba": 2}).fillna(1)
    return said[rank == rank.groupby(said["item_id"]).transform("min")]


def distribution(said: pd.DataFrame, *by: str) -> pd.DataFrame:
    """Share of each class among an item's verdicts, columns as CLASSES, by item_id and what else is named."""
    counts = _counted(said, ["item_id", *by])
    return counts.div(counts.sum(axis=1), axis=0)


def _counted(said: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    counts = said.groupby([*by, "verdict"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=list(CLASSES), fill_value=0)
    counts.columns.name = None
    return counts


def _first_of(counts: pd.DataFrame) -> pd.Series:
    """The most frequent class of each row; NULL where the first two are level."""
    ordered = np.sort(counts.to_numpy(), axis=1)
    first = counts.idxmax(axis=1) if len(counts) else counts.sum(axis=1).astype(object)
    return first.astype(object).where(ordered[:, -1] > ordered[:, -2], None)


def _ids(values: pd.Series) -> pd.Series:
    def text(value: object) -> str | None:
        if value is None or value != value:
            return None
        if isinstance(value, (float, np.floating)) and float(value).is_integer():
            return str(int(value))
        return str(value)

    return _each(values, text)


def _texts(values: pd.Series) -> pd.Series:
    return _each(values, lambda value: None if value is None or value != value else str(value))


def _each(values: pd.Series, convert: object) -> pd.Series:
    import pandas as pd

    known = values.astype(object).where(values.notna(), None)
    return pd.Series([convert(value) for value in known], index=values.index, dtype=object)  # type: ignore[operator]


def _confidence(values: pd.Series) -> pd.Series:
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    return numbers.where(numbers.between(0, 1))


def _times(values: pd.Series, what: str) -> pd.Series:
    import pandas as pd

    try:
        return pd.to_datetime(values, utc=True, format="mixed").dt.tz_localize(None)
    except (ValueError, TypeError, OverflowError) as error:
        why = f"not every value is a time: {str(error).splitlines()[0]}"
        raise UserError(f"column decided_at of the {what}", why, "Give times, or leave the column out.") from error
