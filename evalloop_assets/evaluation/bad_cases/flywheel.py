"""Whether retraining mends what went wrong: the error of successive champions on bad cases that none of them saw.

Counted are cases of the evaluation side, of users who are held out of training for good, in groups without a case of
anybody else. Cases that were found only because a champion disagreed with behaviour are left out: a champion errs on
all of those that it found itself, and the next one on fewer of them by chance alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from evalloop_assets.evaluation.bad_cases.sides import EVALUATION
from evalloop_assets.reward_model.intervals import Estimate, mean_over_users, share_over_users
from evalloop_assets.reward_model.pairs import is_held_out

if TYPE_CHECKING:
    import pandas as pd

LEAST_USERS = 10
"""Users below which no interval is told."""
BETTER, WORSE, SAME, UNKNOWN = "better", "worse", "no difference shown", "not enough data"
VERDICTS = (BETTER, WORSE, SAME, UNKNOWN)


class Generation(NamedTuple):
    """One champion on the cases, and against the one before it on those that both scored."""

    reward_version: str
    previous_version: str | None
    error: Estimate
    """Share of the cases of which it prefers the bad reply, a tie as one half."""
    difference: Estimate
    """Its error less that of the one before, on common cases; below 0 it is better."""

    @property
    def verdict(self) -> str:
        if self.difference.users < LEAST_USERS:
            return UNKNOWN
        if self.difference.high < 0:
            return BETTER
        return WORSE if self.difference.low > 0 else SAME


def unseen(cases: pd.DataFrame) -> pd.DataFrame:
    """The rows of `bad_cases` that no champion saw anything of, those with a pair, found by behaviour."""
    fitted = cases[~is_held_out(cases["user_id"].tolist())]
    usable = (
        (cases["side"] == EVALUATION)
        & cases["by_behaviour"].astype(bool)
        & cases["pair_id"].notna()
        & ~cases["dedup_group"].isin(fitted["dedup_group"])
    )
    return cases[usable]


def errors(margins: pd.Series) -> pd.Series:
    """1 where the bad reply is rated above the better one, 0.5 for a tie; `margins` are the lead of the better one."""
    return (margins < 0) + 0.5 * (margins == 0)


def generations(scores: pd.DataFrame) -> list[Generation]:
    """Successive champions, oldest first, from rows with pair_id, user_id, reward_version, error.

    A version begins with the last day that it was trained on, so its name tells the order.
    """
    wide = scores.drop_duplicates(["pair_id", "reward_version"]).pivot(
        index=["pair_id", "user_id"], columns="reward_version", values="error"
    )
    versions = sorted(wide.columns)
    users = wide.index.get_level_values("user_id").to_numpy(str)
    found = []
    for version, previous in zip(versions, [None, *versions], strict=False):
        own = wide[version].to_numpy(float)
        known = ~np.isnan(own)
        lead = own - wide[previous].to_numpy(float) if previous is not None else np.full(len(own), np.nan)
        both = ~np.isnan(lead)
        error = share_over_users(own[known], users[known])
        found.append(Generation(version, previous, error, difference(lead[both], users[both])))
    return found


def difference(lead: NDArray[np.float64], users: NDArray[np.str_]) -> Estimate:
    """Mean of paired differences, each in [-1, 1], with its 95% interval over users.

    The width is that with two users more, of whom one speaks for either side (Agresti & Min, Statistics in Medicine 24,
    2005, for matched pairs), so that it never vanishes where both champions agree on all cases.
    """
    plain = mean_over_users(lead, users)
    wider = mean_over_users(np.append(lead, [1.0, -1.0]), np.append(users, ["\0for", "\0against"]))
    half = (wider.high - wider.low) / 2
    return plain._replace(low=max(-1.0, plain.value - half), high=min(1.0, plain.value + half))
