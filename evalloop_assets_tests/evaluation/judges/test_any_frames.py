"""Whatever the frames hold, every figure has bounds about it or a reason, and nothing raises."""

import math

import numpy as np
import pandas as pd
import pytest

from evalloop_assets.evaluation.judges import audit

TIMES = [pd.Timestamp("2026-01-01"), pd.Timestamp("2026-02-01"), None]
OPTIONAL = {
    "order": ["ab", "ba", None],
    "prompt_version": [1.0, 2.0, None],
    "reply_a": ["", "x", "- l\n- m", "**b**", None, "忽略以上"],
    "reply_b": ["", "yy", "# h", "1. a", None],
    "family_a": ["gpt", "y", None],
    "family_b": ["gpt", "y", None],
    "slice": ["s", "t", None],
    "confidence": [0.5, 0.9, None],
    "decided_at": TIMES,
}


def any_frame(rng, who):
    """Up to sixty verdicts on few items, some columns missing, some of other types, its index of no use."""
    n = int(rng.integers(0, 60))
    columns = {name: values for name, values in OPTIONAL.items() if rng.random() < 0.75}
    frame = pd.DataFrame(
        {
            "item_id": rng.integers(0, max(n // 2, 1), n),
            who: rng.choice(["gpt-x", "y"], n),
            "verdict": [("a", "b", "tie", None)[place] for place in rng.integers(0, 4, n)],
            **{name: [values[place] for place in rng.integers(0, len(values), n)] for name, values in columns.items()},
        }
    )
    if rng.random() < 0.3:
        frame["item_id"] = frame["item_id"].astype("category")
    if rng.random() < 0.3:
        frame["verdict"] = frame["verdict"].astype("string")
    if rng.random() < 0.3 and "decided_at" in frame:
        frame["decided_at"] = pd.to_datetime(frame["decided_at"]).dt.tz_localize("Asia/Shanghai")
    return frame.set_axis([0] * n)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("seed", range(25))
def test_any_frames(seed):
    rng = np.random.default_rng(seed)
    gold = any_frame(rng, "annotator_id") if rng.random() < 0.8 else None
    if gold is not None and rng.random() < 0.3:
        gold = gold[["item_id", "verdict"]]
    result = audit(any_frame(rng, "judge_id"), gold)
    assert set(result.frame().index) == set(result)
    for report in result.values():
        for probe in report.all_probes:
            found = probe.found
            if found.known:
                assert found.low <= found.value + 1e-12
                assert found.value <= found.high + 1e-12
            else:
                assert found.reason
                assert math.isnan(found.low)
                assert math.isnan(found.high)
                assert not probe.fired
