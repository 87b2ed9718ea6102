"""Ranking as assets."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from evalloop_assets.lake.assets import Frame, frame_asset
from evalloop_assets.lake.schema import TableSchema
from evalloop_assets.lake.store import Inputs
from evalloop_assets.ranking.tables import ELIMINATIONS, RATINGS
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    import pyarrow as pa

    from evalloop_assets.ranking.contrasts import Ratings

READS = {"battles": (-13, 0), "models": (None, None)}
# A model has no day of its own: its row lies on the day on which it was delivered, after the days of an older log.


@frame_asset(schema=RATINGS, reads=READS, group="ranking", code_version="1", once=True)
def ratings(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """TrueSkill over the battles of 14 days in order of decision, both_bad as a draw. Reported are contrasts against
    the anchors' mean with user-clustered bounds: a filter that finds what is clearly worse, not the truth about what is
    best.
    """
    from evalloop_assets.ranking.contrasts import Z_95

    fit = _fit(inputs, settings)
    if fit is None:
        return Frame(_table(RATINGS, day, []), {"level": "no battles in the window"})
    rank = fit.rank()
    rows = []
    for index, model in enumerate(fit.models):
        contrast = fit.against_level(model)
        half = Z_95 * contrast.se
        rows.append(
            {
                "model_id": model,
                "mu": float(fit.mu[index]),
                "sigma": float(fit.sigma[index]),
                "contrast": contrast.value,
                "low": contrast.value - half,
                "high": contrast.value + half,
                "rank": rank[model],
                "anchor": model in fit.anchors,
                "battles": int(fit.battles[index]),
            }
        )
    metadata = {"level": fit.level, "draw_probability": round(fit.draw_probability, 4), "best": fit.best}
    return Frame(_table(RATINGS, day, rows), metadata)


@frame_asset(schema=ELIMINATIONS, reads=READS, group="ranking", code_version="1", once=True)
def eliminations(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """A model leaves the pool when it is at least 3 standard errors below the best, or the served champion, after
    enough battles; never an anchor, never the champion. What survives goes on to the A/B test.
    """
    from evalloop_assets.ranking.elimination import eliminations as compare

    fit = _fit(inputs, settings)
    if fit is None:
        return Frame(_table(ELIMINATIONS, day, []), {"eliminated": "none"})
    limits = settings.ranking
    found = compare(fit, _champion(inputs, day, settings), _references(inputs), limits.z_limit, limits.minimum_battles)
    out = sorted({one.model_id for one in found if one.eliminated})
    rows = [one._asdict() for one in found]
    return Frame(_table(ELIMINATIONS, day, rows), {"eliminated": ", ".join(out) or "none"})


def _fit(inputs: Inputs, settings: Settings) -> "Ratings | None":
    from evalloop_assets.ranking.battles import battles
    from evalloop_assets.ranking.contrasts import rate

    rows = inputs.query(
        "SELECT model_a, model_b, outcome, user_id FROM battles WHERE model_a <> model_b ORDER BY decided_at, battle_id"
    )
    if rows.num_rows == 0:
        return None
    fought = battles(*(rows.column(name).to_pylist() for name in ("model_a", "model_b", "outcome", "user_id")))
    return rate(fought, settings.ranking.anchors, _references(inputs))


def _references(inputs: Inputs) -> list[str]:
    rows = inputs.query("SELECT DISTINCT model_id FROM models WHERE kind = 'reference'")
    return [str(name) for name in rows.column("model_id").to_pylist()]


def _champion(inputs: Inputs, day: date, settings: Settings) -> str | None:
    """The champion served at the end of the day; failing a ledger, the newest incumbent of the log."""
    from evalloop_assets.serving.ledger import Ledger

    ledger = Ledger(settings.ledger_url)
    try:
        entry = ledger.as_of(datetime.combine(day, datetime.max.time(), UTC).replace(tzinfo=None))
    finally:
        ledger.close()
    if entry is not None:
        return entry.allocation.champion
    rows = inputs.query(
        "SELECT model_id FROM models WHERE kind = 'incumbent' AND coalesce(CAST(released_at AS DATE) <= $day, TRUE) "
        "ORDER BY released_at DESC NULLS LAST, model_id LIMIT 1",
        {"day": day},
    )
    return rows.column("model_id")[0].as_py() if rows.num_rows else None


def _table(schema: TableSchema, day: date, rows: Sequence[Mapping[str, object]]) -> "pa.Table":
    import pyarrow as pa

    from evalloop_assets.lake.delta import arrow_schema

    return pa.Table.from_pylist([{"day": day, **row} for row in rows], arrow_schema(schema))


ASSETS = [ratings, eliminations]
