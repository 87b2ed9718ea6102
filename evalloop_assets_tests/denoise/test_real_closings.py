"""Ends of dialogues that others annotated. Rules were written on one half of each set, and hold on both."""

from pathlib import Path

import pytest

from evalloop_assets.denoise.closure import endings
from evalloop_assets_tests.denoise.dialogues import SETS, figures, prefixes


@pytest.mark.parametrize(("name", "f1_at_least"), [("sgd", 0.95), ("crosswoz", 0.90)])
def test_ends_are_told_from_middles(shared_data: Path, name: str, f1_at_least: float):
    messages, cuts = prefixes(SETS[name](shared_data / name))
    told = cuts.merge(endings(messages), on="conversation_id")
    for _, part in told.groupby("half"):
        found = figures(part)
        assert part["whole"].sum() > 400
        assert found["F1"] >= f1_at_least
        assert found["AUC"] >= 0.98
        assert found["false positives after a user's message"] <= 0.01
        assert found["false positives after a reply"] <= 0.01
