"""Mean scores of benchmarks and win rates by judges, with items as the unit of variance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from evalloop_assets.evaluation.launch.figures import Figure, share, unknown

if TYPE_CHECKING:
    from evalloop_assets.lake.store import Inputs

MARKS = "bool_and({0} IN (0, 1)) AS is_marked, CAST(sum({0}) AS DOUBLE) AS total"
"""Whether all of them are 0 or 1, right or wrong."""
NEWEST_SCORES = """
    SELECT scores.model_id, scores.benchmark, scores.item_id, scores.score, scores.standard_error,
      coalesce(scores.slice, items.slice) AS slice, items.dimension
    FROM benchmark_scores AS scores
    LEFT JOIN (
      SELECT benchmark, item_id, slice, dimension FROM benchmark_items
      QUALIFY row_number() OVER (PARTITION BY benchmark, item_id ORDER BY day DESC) = 1
    ) AS items ON items.benchmark = scores.benchmark AND items.item_id = scores.item_id
    QUALIFY row_number() OVER (
      PARTITION BY scores.model_id, scores.benchmark, scores.item_id
      ORDER BY scores.scored_at DESC NULLS LAST, scores.day DESC
    ) = 1
"""
BENCHMARK = f"""
    WITH scores AS ({NEWEST_SCORES})
    SELECT count(*) AS n, avg(score) AS value, stddev_samp(score) AS spread, {MARKS.format("score")},
      max(standard_error) AS standard_error,
      bool_and(item_id = 'all') AS is_published
    FROM scores
    WHERE model_id = $model AND benchmark = $benchmark AND ($slice = '' OR slice = $slice) AND
      ((item_id = 'all') = (NOT EXISTS (
        FROM scores WHERE model_id = $model AND benchmark = $benchmark AND item_id <> 'all'
      )))
"""
BY_DIMENSION = f"""
    SELECT model_id, dimension, benchmark, count(*) AS n, avg(score) AS value, stddev_samp(score) AS spread,
      {MARKS.format("score")}
    FROM ({NEWEST_SCORES}) WHERE dimension IS NOT NULL AND item_id <> 'all'
    GROUP BY ALL ORDER BY ALL
"""
WIN_RATE = f"""
    WITH sides AS (
      SELECT item_id, CASE verdict WHEN 'a' THEN 1.0 WHEN 'b' THEN 0.0 ELSE 0.5 END AS won, "order", slice
      FROM judge_verdicts WHERE family_a = $model AND family_b <> $model
      UNION ALL
      SELECT item_id, CASE verdict WHEN 'b' THEN 1.0 WHEN 'a' THEN 0.0 ELSE 0.5 END AS won, "order", slice
      FROM judge_verdicts WHERE family_b = $model AND family_a <> $model
    ),
    items AS (
      SELECT item_id, (avg(won) FILTER ("order" = 'ab') + avg(won) FILTER ("order" = 'ba')) / 2 AS won
      FROM sides WHERE $slice = '' OR slice = $slice GROUP BY item_id
    )
    SELECT count(won) AS n, avg(won) AS value, stddev_samp(won) AS spread, {MARKS.format("won")}, count(*) AS judged
    FROM items
"""
NO_SCORE = "no score of it in the lake"


class DimensionMean(NamedTuple):
    """The mean score of a model on a benchmark's items of one dimension."""

    model_id: str
    dimension: str
    benchmark: str
    figure: Figure


def benchmark_mean(inputs: Inputs, model: str, benchmark: str, slice: str = "") -> Figure:
    """Of the model's items of a benchmark; where only a published score is known, that with its standard error."""
    row = _row(inputs, BENCHMARK, {"model": model, "benchmark": benchmark, "slice": slice})
    if row["is_published"]:
        if row["standard_error"] is None:
            return unknown("a published score without a standard error", 1)
        return _figure(row["value"], row["standard_error"], row["n"], None)
    return _mean(row)


def dimension_means(inputs: Inputs) -> list[DimensionMean]:
    """Of every model, dimension and benchmark whose items say what they examine."""
    rows = inputs.query(BY_DIMENSION).to_pylist()
    return [DimensionMean(row["model_id"], row["dimension"], row["benchmark"], _mean(row)) for row in rows]


def judge_win_rate(inputs: Inputs, model: str, slice: str = "") -> Figure:
    """Share of items on which judges prefer the model's reply to another's, a tie one half, all verdicts of an item
    one, either order the same weight. An item that was shown in one order only does not count: a judge that prefers
    what stands first would decide it.
    """
    row = _row(inputs, WIN_RATE, {"model": model, "slice": slice})
    if row["n"] < 2 <= row["judged"]:
        return unknown(f"not enough data: {row['n']} of {row['judged']} items were shown in both orders", row["n"])
    return _mean(row)


def _row(inputs: Inputs, sql: str, values: dict[str, object]) -> dict[str, Any]:
    found: dict[str, Any] = inputs.query(sql, values).to_pylist()[0]
    return found


def _mean(row: dict[str, Any]) -> Figure:
    n = row["n"]
    if n < 2:
        return unknown(f"not enough data: {n} items" if n else NO_SCORE, n)
    if row["is_marked"]:
        return share(round(row["total"]), n)
    if not row["spread"]:
        return unknown(f"not enough data: all {n} items score {row['value']:g}, so that no interval can be told", n)
    return _figure(row["value"], row["spread"] / n**0.5, n, n - 1)


def _figure(value: float, error: float, n: int, freedom: int | None) -> Figure:
    from scipy.special import ndtri, stdtrit

    reach = float(ndtri(0.975) if freedom is None else stdtrit(freedom, 0.975))
    return Figure(value, value - reach * error, value + reach * error, n)
