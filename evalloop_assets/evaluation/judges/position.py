"""Whether a judge prefers the same reply in both orders, and which place draws it where it does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from evalloop_assets.evaluation.judges.estimate import Estimate, difference, share, unknown
from evalloop_assets.evaluation.judges.opinions import CLASSES

if TYPE_CHECKING:
    import pandas as pd

ONE_ORDER = "no item was judged in both orders, ab and ba"


def by_order(said: pd.DataFrame) -> pd.DataFrame:
    """Share of each class by item, prompt version and order; columns are (class, order), only rows with both orders.

    Verdicts of two versions of the prompt are never compared with each other.
    """
    counts = (
        said.assign(prompt_version=said["prompt_version"].fillna(""))
        .dropna(subset=["order"])
        .groupby(["item_id", "prompt_version", "order", "verdict"])
        .size()
        .unstack(fill_value=0)
        .reindex(columns=list(CLASSES), fill_value=0)
    )
    import pandas as pd

    wide = pd.DataFrame(counts.div(counts.sum(axis=1), axis=0).unstack("order"))
    return wide.reindex(columns=pd.MultiIndex.from_product([CLASSES, ("ab", "ba")])).dropna()


def consistency(orders: pd.DataFrame) -> Estimate:
    """Share of items with the same verdict in both orders, from `by_order`."""
    import pandas as pd

    if orders.empty:
        return unknown(ONE_ORDER)
    first, second = (pd.DataFrame(orders.xs(order, axis=1, level=1)) for order in ("ab", "ba"))
    return share((first * second).sum(axis=1).groupby("item_id").mean())


def first_shown(orders: pd.DataFrame) -> Estimate:
    """By how much the share of verdicts for the reply shown first exceeds one half, ties as halves; negative where the
    second draws. An item counts both orders alike, so that its better side cancels out.
    """
    if orders.empty:
        return unknown(ONE_ORDER)
    lead = (orders[("a", "ab")] - orders[("b", "ab")] + orders[("b", "ba")] - orders[("a", "ba")]) / 2
    found = difference(lead.groupby("item_id").mean().to_numpy())
    return found._replace(value=found.value / 2, low=found.low / 2, high=found.high / 2)
