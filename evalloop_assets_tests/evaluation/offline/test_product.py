"""In the simulated product the benchmark that pleases at a glance is found out, and the one that predicts is kept."""

import pytest

from benchmarks.offline_product import judged

pytestmark = pytest.mark.long


def test_the_misleading_benchmark_is_demoted_and_the_good_one_kept(tmp_path):
    rows = judged(tmp_path, seed=1, users=2_500, days=10)
    last = {row["name"]: row for row in rows if row["day"] == max(row["day"] for row in rows)}
    misleading, good = last["first-impression"], last["long-story"]
    assert misleading["status"] == "demoted"
    assert misleading["high"] < 0.5
    assert misleading["reversals"] >= 2
    assert misleading["doubtful_since"] <= misleading["since"]
    assert good["status"] != "demoted"
    assert good["low"] > 0
    assert all(row["status"] != "demoted" for row in rows if row["name"] == "long-story")
