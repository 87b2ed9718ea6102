"""Ratings of a frame of battles: what the asset `ratings` computes, without a lake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from numbers import Real
from typing import TYPE_CHECKING

from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.frames import require_frame, typed_column
from evalloop_assets.lake.schema import Column
from evalloop_assets.logs.contract import BATTLES
from evalloop_assets.ranking.anchors import LEAST_ANCHORS
from evalloop_assets.ranking.battles import OUTCOMES, battles
from evalloop_assets.ranking.contrasts import ANCHOR_Z
from evalloop_assets.ranking.contrasts import rate as rate_battles
from evalloop_assets.ranking.likelihood import MU

if TYPE_CHECKING:
    import pandas as pd

FARTHEST = 100.0
"""Skill points from the prior's mean beyond which there is no rating: 60 points win always."""
USER = Column("user_id", "VARCHAR", "who chose")
NEEDED = {
    "model_a": "the model of one side",
    "model_b": "the model of the other",
    "outcome": f"the choice: {', '.join(OUTCOMES)}",
}


def rate(
    given: pd.DataFrame,
    anchors: Mapping[str, float] | pd.Series | None = None,
    covariates: Sequence[str] = (),
    anchor_z: float = ANCHOR_Z,
) -> pd.DataFrame:
    """As `evalloop_assets.ranking.rate` says."""
    import pandas as pd

    require_frame(given, f"Give one with the columns {', '.join(NEEDED)}.", "battles")
    for name, about in NEEDED.items():
        if name not in given:
            raise UserError(f"column {name}", "it is missing", f"Give it: {about}.")
    columns = {name: typed_column(given[name], BATTLES.column(name)).to_pylist() for name in NEEDED}
    strange = sorted({str(one) for one in columns["outcome"]} - OUTCOMES.keys())
    if strange:
        raise UserError("column outcome", f"{strange[0]!r} is no outcome", f"Give one of {', '.join(OUTCOMES)}.")
    users = typed_column(given["user_id"], USER).to_pylist() if "user_id" in given else None
    if isinstance(covariates, str):
        raise UserError("covariates", f"they are a text, {covariates!r}", f"Give a list: [{covariates!r}].")
    leads = {name: _lead(given, name) for name in covariates}
    if not _is_number(anchor_z) or not anchor_z > 0:
        raise UserError("anchor_z", f"{anchor_z!r} is no number of standard errors", f"Give one, say {ANCHOR_Z}.")
    fought = battles(columns["model_a"], columns["model_b"], columns["outcome"], users, leads)
    told = rate_battles(fought, _anchors(anchors, fought.models), (), anchor_z)
    rank, tier = told.rank(), told.tiers()
    contrasts = [told.against_level(model) for model in told.models]
    found = pd.DataFrame(
        {
            "model_id": list(told.models),
            "mu": told.mu,
            "sigma": told.sigma,
            "low": [one.low for one in contrasts],
            "high": [one.high for one in contrasts],
            "rank": [rank[model] for model in told.models],
            "tier": [tier[model] for model in told.models],
            "battles": told.battles,
        }
    )
    found = found.sort_values("rank", ignore_index=True)
    found.attrs |= {"level": told.level, "released_anchors": {one.model_id: one.z for one in told.released}}
    return found


def _lead(given: pd.DataFrame, name: str):  # type: ignore[no-untyped-def]
    """Values of a covariate; UserError where it is missing, or says nothing somewhere."""
    if name not in given:
        raise UserError(
            f"covariate {name}", "there is no such column", f"Name one of {', '.join(map(str, given.columns))}."
        )
    column = Column(name, "DOUBLE", "the advantage of side a, 0 for none", required=True)
    values = typed_column(given[name], column).to_numpy()
    if not all(map(isfinite, values)):
        raise UserError(f"column {name}", "a value is infinite", "Give finite numbers.")
    return values


def _anchors(anchors: Mapping[str, float] | pd.Series | None, models: Sequence[str]) -> dict[str, float]:
    """The anchors by id as text; UserError for a value that is none, and for too few that fought."""
    import pandas as pd

    if anchors is None:
        return {}
    if not isinstance(anchors, (Mapping, pd.Series)):
        raise UserError("anchors", f"they are no mapping but {type(anchors).__name__}", "Give model ids with ratings.")
    given = {}
    for name, value in anchors.items():
        if str(name) in given:
            raise UserError(f"anchor {name}", "it is there more than once", "Keep one of its ratings.")
        if not _is_number(value) or not abs(value - MU) <= FARTHEST:
            raise UserError(f"anchor {name}", f"{value!r} is no rating", "Give a number of skill points, say 25.0.")
        given[str(name)] = float(value)
    known = [name for name in given if name in models]
    if given and len(known) < LEAST_ANCHORS:
        raise UserError(
            f"anchors {', '.join(given)}",
            f"{len(known)} of them fought, and {LEAST_ANCHORS} are needed",
            "Name more models with known ratings, or leave the anchors out.",
        )
    return given


def _is_number(value: object) -> bool:
    """Of Python or NumPy; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)
