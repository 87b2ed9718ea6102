"""What a policy is truly worth: a small product that it serves alone, and what its users have of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from evalloop_assets.reward_model.intervals import Estimate, mean_over_users
from evalloop_assets.simulator.conditions import Conditions, Scale
from evalloop_assets.simulator.policies import Policy
from evalloop_assets.simulator.product import Product
from evalloop_assets.simulator.traffic import Assignment
from evalloop_assets.simulator.truth import TRUTH_TURNS, TRUTH_USERS, read_truth

if TYPE_CHECKING:
    import pandas as pd

WORLD = Scale(base_users=150, new_users=8, battles=0)
DAYS = 2


@dataclass(frozen=True)
class Everybody:
    """Serves everybody with one model."""

    model_id: str

    def resolve(self, user_id: str, conversation_id: str, started_at: datetime) -> Assignment:
        return Assignment(self.model_id)


class TrueValue(NamedTuple):
    """Means with 95% intervals over users."""

    utility: Estimate
    """Of a reply, to its reader; what the oracle reads from its text and the story before it."""
    returning: Estimate
    """Probability of coming on the next day, of the users who talked on the last."""


class World(NamedTuple):
    """Truth of one small product."""

    value: TrueValue
    utility: pd.Series
    """Mean utility of the replies of a user, by user."""


def world(policy: Policy, folder: Path, seed: int, first_day: date, scale: Scale = WORLD, days: int = DAYS) -> World:
    """Serves `days` days; the users and what they want depend on the seed alone, whoever serves them."""
    product = Product(folder / "product", folder / "truth", seed, first_day, Conditions(scale))
    name = policy.spec.model_id
    for number in range(days):
        product.serve_day(first_day + timedelta(days=number), Everybody(name), {name: policy}, folder / "landing")
    turns = read_truth(folder / "truth", TRUTH_TURNS).to_pandas()
    turns = turns[~turns["regenerated"]]
    users = read_truth(folder / "truth", TRUTH_USERS).to_pandas()
    last = users[users["day"] == users["day"].max()]
    value = TrueValue(
        mean_over_users(turns["utility"], turns["user_id"]),
        mean_over_users(last["return_probability"], last["user_id"]),
    )
    return World(value, turns.groupby("user_id")["utility"].mean())


def true_gain(candidate: World, champion: World) -> Estimate:
    """Mean utility of a reply under the candidate less that under the champion, over the users who met both."""
    both = candidate.utility.to_frame("new").join(champion.utility.rename("old"), how="inner")
    return mean_over_users((both["new"] - both["old"]).to_numpy(), both.index.to_numpy())
