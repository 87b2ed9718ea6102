"""The bad cases of one day: grouped, given their sides, ranked by harm."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalloop_assets.evaluation.bad_cases.sides import Cases, Known, give

if TYPE_CHECKING:
    import pandas as pd

    from evalloop_assets.settings import BadCaseSettings


def cases_of(signals: pd.DataFrame, known: pd.DataFrame, options: BadCaseSettings) -> pd.DataFrame:
    """The signals that are kept as cases, with dedup_group, side, users, harm and rank.

    `signals` are the day's rows of `bad_signals`, `known` what `bad_cases` holds of all days; a reply that is among
    them keeps its group and side.
    """
    given = known.set_index("event_id")[["dedup_group", "side"]]
    new = ~signals["event_id"].isin(given.index)
    placed = give(
        signals.loc[new, "event_id"].tolist(),
        alike_by(signals[new]),
        Known(alike_by(known), known["dedup_group"].tolist(), known["side"].tolist()),
        options.near_duplicate,
        options.evaluation_share,
    )
    placed_at = signals.loc[new, ["event_id"]].assign(dedup_group=placed.groups, side=placed.sides)
    joined = signals.merge(_together(given.reset_index(), placed_at), on="event_id", how="left", validate="one_to_one")
    return ranked(joined, options.most_a_day)


def ranked(cases: pd.DataFrame, most: int) -> pd.DataFrame:
    """The cases of the `most` groups that did the most harm, with users, harm and rank of their group.

    The harm of a group is the sum over users of their largest certainty times cost: somebody who met the same reply
    twice counts once. Equal harm is ranked by the name of the group.
    """
    worst = (cases["certainty"] * cases["cost"]).groupby([cases["dedup_group"], cases["user_id"]]).max()
    by_group = worst.groupby("dedup_group").agg(users="size", harm="sum").reset_index()
    by_group = by_group.sort_values(["harm", "dedup_group"], ascending=[False, True]).head(most)
    by_group["rank"] = range(1, len(by_group) + 1)
    return cases.merge(by_group, on="dedup_group").sort_values(["rank", "event_id"], ignore_index=True)


def alike_by(rows: pd.DataFrame) -> Cases:
    """What tells that two cases are the same."""
    message = rows["user_text"].fillna("")
    better = (message + "\n" + rows["better_reply"]).where(rows["same_prefix"].eq(True))
    turn = (rows["conversation_id"] + "\n" + message).where(message.str.strip() != "")
    told = [column.astype(object).where(column.notna(), None).tolist() for column in (better, turn)]
    return Cases((message + "\n" + rows["reply_text"]).tolist(), *told)


def _together(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    parts = [part for part in (one, other) if len(part)]
    return pd.concat(parts) if parts else other
