"""Offline against online as assets."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from evalloop_assets.evaluation.offline.pictures import PICTURES
from evalloop_assets.evaluation.offline.tables import EVALUATIONS_DUE, MODEL_VALUES, OFFLINE_ONLINE, PREDICTORS
from evalloop_assets.lake.assets import Frame, frame_asset, sql_asset
from evalloop_assets.lake.delta import rows_of_day
from evalloop_assets.lake.store import Inputs
from evalloop_assets.settings import Settings

if TYPE_CHECKING:
    from evalloop_assets.evaluation.offline.scores import Scores

GROUP = "evaluation"
CHAMPION = "champion"
TO_DO = "to do"
"""Metadata by which the sensor knows what is due: a list of objects with DUE_KEYS."""
DUE_KEYS = ("model_id", "benchmark", "released_on", "scored_on")
LEDGER = """
    SELECT day, kind, name, models, correlation, low, high, lower, upper, p_value, reversals
    FROM offline_online WHERE metric = $metric AND window_days = $window ORDER BY kind, name, day
"""
DUE = """
    WITH released AS (
        SELECT model_id, max(released_on) AS released_on
        FROM (
            SELECT model_id, CAST(released_at AS DATE) AS released_on FROM models
            UNION ALL
            SELECT model_id, created_on AS released_on FROM policy_candidates
        )
        WHERE coalesce(released_on <= $day, TRUE)
        GROUP BY model_id
    ),
    scored AS (
        SELECT model_id, benchmark, max(CAST(scored_at AS DATE)) AS scored_on
        FROM benchmark_scores
        WHERE coalesce(CAST(scored_at AS DATE) <= $day, TRUE)
        GROUP BY model_id, benchmark
    ),
    named AS (
        SELECT DISTINCT
          benchmark, nullif(regexp_extract(benchmark, '^([^/]+)/[0-9]{4}-[0-9]{2}-[0-9]{2}/', 1), '') AS base
        FROM benchmark_scores WHERE item_id <> 'all'
    ),
    wanted AS (
        SELECT released.*, newest.benchmark
        FROM released CROSS JOIN (
            SELECT benchmark FROM named WHERE base IS NULL
            UNION ALL
            SELECT max(benchmark) FROM named WHERE base IS NOT NULL GROUP BY base
        ) AS newest
    )
    SELECT
      wanted.model_id, wanted.benchmark, wanted.released_on, scored.scored_on,
      CASE
        WHEN scored.model_id IS NULL THEN 'never scored'
        WHEN scored.scored_on < wanted.released_on THEN 'released anew since'
        WHEN scored.scored_on < $oldest THEN 'too old'
      END AS reason
    FROM wanted
    LEFT JOIN scored ON scored.model_id = wanted.model_id AND scored.benchmark = wanted.benchmark
    WHERE scored.model_id IS NULL OR scored.scored_on < wanted.released_on OR scored.scored_on < $oldest
    ORDER BY wanted.benchmark, wanted.model_id
"""

model_days = sql_asset("evaluation/offline/model_days.sql", group=GROUP)


@frame_asset(
    schema=MODEL_VALUES,
    reads={"model_days": (-27, 0), "benchmark_scores": (None, None), "judge_verdicts": (None, None)},
    group=GROUP,
    picture=PICTURES["model_values"],
)
def model_values(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Models are compared within blocks, by least squares: online on the same local days, with users as clusters;
    offline on the same items, and before a judge on the same pairs, with these as clusters. Of an online metric what
    has matured by the end of the day counts. A score of a whole benchmark is taken as it was published.
    """
    from evalloop_assets.evaluation.offline.metrics import METRICS, sums
    from evalloop_assets.evaluation.offline.queries import ITEMS, PUBLISHED, VERDICTS
    from evalloop_assets.evaluation.offline.values import metric_rows, offline_rows, published_rows

    windows = sorted(set(settings.evaluation.offline.windows))
    at = {"day": day}
    rows: list[dict[str, Any]] = []
    for name, metric in METRICS.items():
        observed = inputs.query(sums(metric), at if "$day" in sums(metric) else {})
        rows += metric_rows(observed, "metric", name, day, windows)
        if name == "reward":
            rows += metric_rows(observed, "reward_model", CHAMPION, day, windows[-1:])
    items = list(offline_rows(inputs.query(ITEMS, at), "benchmark"))
    rows += [*items, *published_rows(inputs.query(PUBLISHED, at), items)]
    rows += offline_rows(inputs.query(VERDICTS, at), "judge")
    return Frame(rows_of_day(MODEL_VALUES, day, rows))


@frame_asset(schema=OFFLINE_ONLINE, reads={"model_values": (0, 0)}, group=GROUP, picture=PICTURES["offline_online"])
def offline_online(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Whether each benchmark, judge and reward model orders the models as the users do. The interval is that of the
    rank correlation of the models' true values: it makes up for the noise of both sides, which pulls the correlation of
    the estimates towards zero. With few models, look at the chance that so good an order is luck, too.
    """
    import numpy as np

    from evalloop_assets.evaluation.offline.agreement import NotEnough, agreement
    from evalloop_assets.evaluation.offline.metrics import METRICS

    chosen = settings.evaluation.offline
    scores = _scores(inputs.query("SELECT * FROM model_values ORDER BY model_id").to_pylist())
    online = {key: value for key, value in scores.items() if key[0] == "metric"}
    rows = []
    for (kind, name, _), offline in scores.items():
        if kind == "metric":
            continue
        for (_, metric, window), values in online.items():
            if kind == "reward_model" and metric == "reward":
                continue
            better = METRICS[metric].better
            rng = np.random.default_rng([day.toordinal(), window])
            found = agreement(
                offline,
                values._replace(value=better * values.value),
                rng,
                chosen.least_models,
                chosen.alpha / chosen.looks,
            )
            row = {"kind": kind, "name": name, "metric": metric, "window_days": window, "models": found.models}
            if isinstance(found, NotEnough):
                rows.append(row | {"reason": f"not enough data: {found.reason}"})
                continue
            told = {one: _known(value) for one, value in found._asdict().items() if one in OFFLINE_ONLINE.column_names}
            pairs = "; ".join(f"{one.preferred} > {one.over}" for one in found.reversals)
            rows.append(
                row
                | told
                | {"correlation": found.spearman, "reversals": len(found.reversals), "reversed_pairs": pairs or None}
            )
    told_all = sum(row.get("reason") is None for row in rows)
    return Frame(rows_of_day(OFFLINE_ONLINE, day, rows), {"comparisons": f"{told_all} of {len(rows)} with enough data"})


@frame_asset(schema=PREDICTORS, reads={"offline_online": (None, 0)}, group=GROUP, picture=PICTURES["predictors"])
def predictors(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """The ledger of offline scores. trusted: the order of the models surely goes with that of the deciding online
    metric, and is no chance. demoted: it surely does so less than the bar. watch: nothing is sure, or a trusted score
    can no longer be told from none. Bounds decide, never estimates, so thin data change nothing, and a demoted score
    comes back by evidence only. Within `looks` days a score that deserves trust is demoted with probability alpha at
    most.
    """
    from evalloop_assets.evaluation.offline.ledger import Evidence, standing

    chosen = settings.evaluation.offline
    found = inputs.query(LEDGER, {"metric": chosen.metric, "window": max(chosen.windows)}).to_pylist()
    rows = []
    for kind, name in dict.fromkeys((row["kind"], row["name"]) for row in found):
        mine = [row for row in found if (row["kind"], row["name"]) == (kind, name)]
        if mine[-1]["day"] != day:
            mine.append({**dict.fromkeys(mine[-1]), "day": day, "models": 0})
        days = [Evidence(**{field: row[field] for field in Evidence._fields}) for row in mine]
        now = standing(days, chosen.bar)
        if now is None:
            continue
        last = {field: mine[-1][field] for field in ("correlation", "low", "high", "models", "reversals")}
        rows.append({"kind": kind, "name": name, "metric": chosen.metric, **now._asdict(), **last})
    demoted = [f"{row['name']} since {row['since']}" for row in rows if row["status"] == "demoted"]
    return Frame(rows_of_day(PREDICTORS, day, rows), {"demoted": "; ".join(demoted) or "none"})


@frame_asset(
    schema=EVALUATIONS_DUE,
    reads={"models": (None, None), "policy_candidates": (None, 0), "benchmark_scores": (None, None)},
    group=GROUP,
    once=True,
)
def evaluations_due(inputs: Inputs, day: date, settings: Settings) -> Frame:
    """Each model and policy against each benchmark that scored items of any, of one in versions against the newest:
    what was never scored, was released anew since, or was scored more than `stale_days` days ago. A sensor starts the
    configured command for what becomes due.
    """
    from datetime import timedelta

    oldest = day - timedelta(days=settings.evaluation.offline.stale_days)
    rows = inputs.query(DUE, {"day": day, "oldest": oldest}).to_pylist()
    reasons = [row["reason"] for row in rows]
    told: dict[str, Any] = {f"due: {reason}": reasons.count(reason) for reason in sorted(set(reasons))}
    to_do = [{name: None if row[name] is None else str(row[name]) for name in DUE_KEYS} for row in rows]
    return Frame(rows_of_day(EVALUATIONS_DUE, day, rows), {"due": len(rows), **told, TO_DO: to_do})


def _scores(rows: Sequence[Mapping[str, Any]]) -> "dict[tuple[str, str, int], Scores]":
    """By kind, name and window."""
    from itertools import groupby
    from operator import itemgetter

    from evalloop_assets.evaluation.offline.values import scores_in

    key = itemgetter("kind", "name", "window_days")
    return {one: scores_in(list(found)) for one, found in groupby(sorted(rows, key=key), key)}


def _known(value: Any) -> Any:
    return None if value != value else value


ASSETS = [model_days, model_values, offline_online, predictors, evaluations_due]
