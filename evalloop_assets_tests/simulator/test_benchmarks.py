"""The benchmarks of the simulated product: what they reward, and that they are the same for everybody."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from scipy.stats import kendalltau

from evalloop_assets.simulator.benchmarks import BENCHMARKS, FIRST_IMPRESSION, ITEMS, LONG_STORY, benchmark_rows
from evalloop_assets.simulator.demo_cast import INCUMBENT, PADDED, REFERENCES
from evalloop_assets.simulator.policies import Templated
from evalloop_assets.simulator.scenarios import CANDIDATES

DAY = date(2026, 3, 2)


def means(specs, seed=1):
    rows = benchmark_rows(DAY, [Templated(spec) for spec in specs], seed).to_pandas()
    return rows.groupby(["benchmark", "model_id"]).score.mean()


def test_a_row_a_model_benchmark_and_item_scored_on_the_day():
    rows = benchmark_rows(DAY, [Templated(INCUMBENT), Templated(PADDED)], 1).to_pandas()
    assert len(rows) == 2 * len(BENCHMARKS) * ITEMS
    assert not rows.duplicated(["model_id", "benchmark", "item_id"]).any()
    assert set(rows.score) == {0.0, 1.0}
    assert set(rows.scored_at.dt.date) == {DAY}
    assert benchmark_rows(DAY, [], 1).num_rows == 0


def test_the_same_model_has_the_same_scores_whoever_is_scored_beside_it():
    alone, beside = means([INCUMBENT]), means([PADDED, INCUMBENT])
    assert alone["long-story", "incumbent"] == beside["long-story", "incumbent"]
    assert means([INCUMBENT], seed=2)["long-story", "incumbent"] != alone["long-story", "incumbent"]


def test_padding_pleases_at_a_glance_and_spoils_a_story():
    plain, padded = INCUMBENT, replace(INCUMBENT, model_id="padded", padding=7.0)
    assert FIRST_IMPRESSION.ability(padded) > FIRST_IMPRESSION.ability(plain)
    found = means([plain, padded])
    assert found["first-impression", "padded"] > found["first-impression", "incumbent"] + 0.1
    assert found["long-story", "padded"] < found["long-story", "incumbent"] - 0.1


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda benchmark: benchmark.name)
def test_scores_follow_ability_and_neither_floor_nor_ceiling_is_hit(benchmark):
    specs = [*CANDIDATES, *REFERENCES, INCUMBENT]
    found = means(specs)[benchmark.name]
    ability = {spec.model_id: benchmark.ability(spec) for spec in specs}
    assert kendalltau([ability[name] for name in found.index], found).statistic > 0.8
    assert found.between(0.1, 0.95).all()


def test_the_two_order_the_candidates_against_each_other():
    abilities = np.array([[one.ability(spec) for one in (FIRST_IMPRESSION, LONG_STORY)] for spec in CANDIDATES]).T
    assert kendalltau(*abilities).statistic < -0.3
