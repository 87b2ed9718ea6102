"""Ranking as assets."""

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from evalloop_assets.lake.assets import Frame, frame_asset, sql_asset
from evalloop_assets.lake.delta import rows_of_day
from evalloop_assets.lake.store import Inputs
from evalloop_assets.ranking.pictures import PICTURES
from evalloop_assets.ranking.tables import (
    ELIMINATIONS,
    MATCHUPS,
    PUBLISHED_MATCHUPS,
    RATING_STABILITY,
    RATING_STATES,
    RATINGS,
)
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.ranking.battles import Battles
    from evalloop_assets.ranking.contrasts import Ratings
    from evalloop_assets.serving.ledger import Entry

# A model has no day of its own: its row lies on the day on which it was delivered, after the days of an older log.
READS = {"battles": (-13, 0), "votes": (-13, 0), "models": (None, None)}
COUNTED = """
    SELECT model_a, model_b, outcome, user_id, position_lead, length_lead, decided_at, choice_id
    FROM battles JOIN votes ON votes.day = battles.day AND votes.battle_id = battles.battle_id
    WHERE counted
    QUALIFY row_number() OVER (
        PARTITION BY user_id, least(model_a, model_b), greatest(model_a, model_b) ORDER BY decided_at, battles.battle_id
    ) = 1
    ORDER BY decided_at, battles.battle_id
"""
"""Of a user's votes on a pairing the first in the window: what an hour counts, no later vote changes."""
FOUGHT = "SELECT model_id, battles FROM ratings"
RELEASED = """
    SELECT DISTINCT model_id FROM models
    WHERE kind = $kind AND coalesce(CAST(released_at AS DATE) <= $day, TRUE) ORDER BY model_id
"""
votes = sql_asset("ranking/votes.sql", group="ranking")


@frame_asset(schema=RATINGS, reads=READS, group="ranking", code_version="4", once=True, picture=PICTURES["ratings"])
def ratings(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """TrueSkill's likelihood at its maximum over the counted battles of 14 days, both_bad as a draw. Reported are
    contrasts against the anchors' mean with user-clustered bounds: a filter that finds what is clearly worse, not the
    truth about what is best.
    """
    fit = _fit(inputs, settings)
    if fit is None:
        return Frame(rows_of_day(RATINGS, day, []), {"level": "no battles in the window"})
    rank, tier = fit.rank(), fit.tiers()
    rows = []
    for index, model in enumerate(fit.models):
        contrast = fit.against_level(model)
        rows.append(
            {
                "model_id": model,
                "mu": float(fit.mu[index]),
                "sigma": float(fit.sigma[index]),
                "contrast": contrast.value,
                "low": _known(contrast.low),
                "high": _known(contrast.high),
                "rank": rank[model],
                "tier": tier[model],
                "component": int(fit.component[index]),
                "anchor": model in fit.anchors,
                "battles": int(fit.battles[index]),
            }
        )
    metadata = {"level": fit.level, "best": fit.best, "draw margin": round(fit.margin, 3), **_told(fit)}
    return Frame(rows_of_day(RATINGS, day, rows), metadata)


@frame_asset(schema=RATING_STABILITY, reads=READS, group="ranking", code_version="3", once=True)
def rating_stability(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Whether the order of the models would be another one: with other users (a bootstrap of users), with the battles
    in another order (shuffles of the online pass), and by another engine (Bradley-Terry).
    """
    from evalloop_assets.ranking.likelihood import scale_of
    from evalloop_assets.ranking.logistic import agreement
    from evalloop_assets.ranking.stability import stability

    fought = _fought(inputs, settings)
    if fought is None:
        return Frame(rows_of_day(RATING_STABILITY, day, []), {"agreement": "no battles in the window"})
    chosen = settings.ranking
    fit = _rated(fought, inputs, settings)
    anchors = {name: chosen.anchors[name] for name in fit.anchors} if fit.constant else {}
    scale, rank = scale_of(fought), fit.rank()
    found = stability(fought, fit.mu, anchors, scale, chosen.shuffles, chosen.user_samples, day.toordinal())
    rows = [
        {
            "model_id": model,
            "rank": rank[model],
            "rank_low": int(found.rank_low[index]),
            "rank_high": int(found.rank_high[index]),
            "best": float(found.best[index]),
            "shuffle_sd": float(found.shuffle_sd[index]),
            "bradley_terry_rank": int(found.bradley_terry_rank[index]),
        }
        for index, model in enumerate(fit.models)
    ]
    told = agreement(fit.mu, -found.bradley_terry_rank.astype(float))
    return Frame(
        rows_of_day(RATING_STABILITY, day, rows), {"agreement": f"rank correlation with Bradley-Terry {told:.3f}"}
    )


@frame_asset(schema=RATING_STATES, reads=READS, group="ranking", code_version="3", picture=PICTURES["rating_states"])
def rating_states(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """The online rating after each hour of the day that has begun, over the 14 days up to then: how it converges, and
    what the open day knows already.
    """
    import numpy as np

    from evalloop_assets.ranking.likelihood import scale_of
    from evalloop_assets.ranking.online import passes

    fought = _fought(inputs, settings)
    if fought is None:
        return Frame(rows_of_day(RATING_STATES, day, []))
    begun = datetime.combine(day, datetime.min.time())
    decided = inputs.query(COUNTED).column("decided_at").to_numpy()
    hours = [begun + timedelta(hours=hour) for hour in range(24)]
    if inputs.clock.log_end is not None:
        known = max(inputs.clock.log_end, decided[-1].astype("datetime64[us]").item())
        hours = [hour for hour in hours if hour < known]
    ends = np.searchsorted(decided, [np.datetime64(hour + timedelta(hours=1)) for hour in hours])
    rows = [
        {
            "model_id": model,
            "hour": hour,
            "mu": float(mu[index]),
            "sigma": float(sigma[index]),
            "battles": int(end),
        }
        for hour, (end, (mu, sigma)) in enumerate(
            zip(ends, passes(fought, scale_of(fought), _constants(settings, fought), ends.tolist()), strict=True)
        )
        for index, model in enumerate(fought.models)
    ]
    return Frame(rows_of_day(RATING_STATES, day, rows))


@frame_asset(schema=ELIMINATIONS, reads=READS, group="ranking", code_version="3", once=True)
def eliminations(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """A model leaves the pool when it is 3 standard errors and more, and by an always-valid bound, below the best or
    the served champion, after enough battles; never an anchor, never the champion. What survives goes on to the A/B
    test.
    """
    from evalloop_assets.ranking.elimination import Limits
    from evalloop_assets.ranking.elimination import eliminations as compare

    fit = _fit(inputs, settings)
    if fit is None:
        return Frame(rows_of_day(ELIMINATIONS, day, []), {"eliminated": "none"})
    chosen = settings.ranking
    limits = Limits(chosen.z_limit, chosen.minimum_battles, chosen.elimination_alpha, chosen.planned_users)
    found = compare(fit, _champion(inputs, day, settings), _references(inputs), limits)
    out = sorted({one.model_id for one in found if one.eliminated})
    rows = [one._asdict() for one in found]
    return Frame(rows_of_day(ELIMINATIONS, day, rows), {"eliminated": ", ".join(out) or "none"})


@frame_asset(
    schema=MATCHUPS,
    reads={"ratings": (0, 0), "eliminations": (None, 0), "models": (None, None)},
    group="ranking",
    code_version="2",
    once=True,
)
def matchups(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Whom the battles to come are between, drawn at random: most between survivors, a share each against anchors, for
    newcomers, and between any two. A model that was eliminated once is out, and so is one that was rolled back last.
    """
    from evalloop_assets.ranking.matchups import Shares, pool_of
    from evalloop_assets.ranking.matchups import matchups as pairs_of

    chosen = settings.ranking
    fought = {row["model_id"]: row["battles"] for row in inputs.query(FOUGHT).to_pylist()}
    candidates, references = (
        inputs.query(RELEASED, {"kind": kind, "day": day}).column("model_id").to_pylist()
        for kind in ("candidate", "reference")
    )
    anchors = {*references, *(name for name in chosen.anchors if name in fought)}
    eliminated = inputs.query("SELECT DISTINCT model_id FROM eliminations WHERE eliminated").column("model_id")
    out = {*eliminated.to_pylist(), *_rolled_back(day, settings)}
    champion = _champion(inputs, day, settings)
    pool = pool_of(fought, candidates, anchors, champion, out, chosen.minimum_battles)
    pairs = pairs_of(pool, Shares(chosen.anchor_share, chosen.newcomer_share, chosen.uniform_share))
    told = {name: ", ".join(models) or "none" for name, models in pool._asdict().items()}
    return Frame(rows_of_day(MATCHUPS, day, [pair._asdict() for pair in pairs]), told)


@frame_asset(schema=PUBLISHED_MATCHUPS, reads={"matchups": (0, 0)}, group="ranking", once=True)
def published_matchups(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Publishes the day's matchups for the product, unless those of a later day are published already."""
    from evalloop_assets.serving.matchups import Pair, publish

    rows = inputs.query("SELECT model_a, model_b, propensity FROM matchups ORDER BY propensity DESC, model_a, model_b")
    done = publish(settings.matchups, [Pair(**row) for row in rows.to_pylist()], day)
    row = {"of_day": done.day, "pairs": done.pairs}
    return Frame(rows_of_day(PUBLISHED_MATCHUPS, day, [row]), {"file": str(settings.matchups), "changed": done.changed})


def _fit(inputs: Inputs, settings: Settings) -> "Ratings | None":
    fought = _fought(inputs, settings)
    return None if fought is None else _rated(fought, inputs, settings)


def _fought(inputs: Inputs, settings: Settings) -> "Battles | None":
    """The battles that count, in order of decision; None where there are none."""
    from evalloop_assets.ranking.battles import battles

    rows = inputs.query(COUNTED)
    if rows.num_rows == 0:
        return None
    leads = {"position": "position_lead"} | ({"length": "length_lead"} if settings.ranking.control_length else {})
    side_a, side_b, outcome, user = (rows.column(name) for name in ("model_a", "model_b", "outcome", "user_id"))
    covariates = {name: rows.column(lead).to_numpy() for name, lead in leads.items() if _varies(rows.column(lead))}
    return battles(side_a, side_b, outcome, user, covariates, rows.column("choice_id"))


def _rated(fought: "Battles", inputs: Inputs, settings: Settings) -> "Ratings":
    from evalloop_assets.ranking.contrasts import rate

    return rate(fought, settings.ranking.anchors, _references(inputs), settings.ranking.anchor_z)


def _constants(settings: Settings, fought: "Battles") -> dict[str, float]:
    """The given anchors that hold, where enough of them do."""
    from evalloop_assets.ranking.anchors import LEAST_ANCHORS, held

    kept, _ = held(fought, settings.ranking.anchors, settings.ranking.anchor_z)
    return kept if len(kept) >= LEAST_ANCHORS else {}


def _varies(column: "pa.ChunkedArray") -> bool:
    import pyarrow.compute as pc

    found = pc.min_max(column)
    return bool(found["min"].as_py() != found["max"].as_py())


def _known(value: float) -> float | None:
    return None if value != value else value


def _told(fit: "Ratings") -> dict[str, str]:
    """Effects of the covariates with their bounds, and models that nothing joins with the rest."""
    from evalloop_assets.ranking.contrasts import Z_95

    told = {
        f"effect of {name}": f"{one.value:+.3f} [{one.value - Z_95 * one.se:+.3f}, {one.value + Z_95 * one.se:+.3f}]"
        for name, one in fit.coefficients.items()
    }
    return told | ({"apart": ", ".join(fit.apart)} if fit.apart else {})


def _references(inputs: Inputs) -> list[str]:
    rows = inputs.query("SELECT DISTINCT model_id FROM models WHERE kind = 'reference'")
    return [str(name) for name in rows.column("model_id").to_pylist()]


def _champion(inputs: Inputs, day: date, settings: Settings) -> str | None:
    """The champion served at the end of the day; failing a ledger, the newest incumbent of the log."""
    if entries := _entries(day, settings):
        return entries[-1].allocation.champion
    rows = inputs.query(
        "SELECT model_id FROM models WHERE kind = 'incumbent' AND coalesce(CAST(released_at AS DATE) <= $day, TRUE) "
        "ORDER BY released_at DESC NULLS LAST, model_id LIMIT 1",
        {"day": day},
    )
    return rows.column("model_id")[0].as_py() if rows.num_rows else None


def _rolled_back(day: date, settings: Settings) -> set[str]:
    """Candidates that were rolled back by the end of the day, and neither restored nor tried again since."""
    last = {one.treatment: one.status for entry in _entries(day, settings) for one in entry.allocation.experiments}
    return {model for model, status in last.items() if status == "rolled_back"}


def _entries(day: date, settings: Settings) -> "list[Entry]":
    """What the ledger held at the end of the day, oldest first."""
    from evalloop_assets.serving.ledger import Ledger

    ledger = Ledger(settings.ledger_url)
    try:
        return [entry for entry in ledger.history() if entry.at.date() <= day]
    finally:
        ledger.close()


ASSETS = [votes, ratings, rating_stability, rating_states, eliminations, matchups, published_matchups]
