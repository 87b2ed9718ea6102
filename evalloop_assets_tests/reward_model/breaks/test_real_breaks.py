"""Conversations of others: what they call contradictions, and clean talk on which it must stay silent.

Rules were tuned on one half of CDConv; the floors lie below what was measured (`python -m benchmarks.breaks`).
"""

from pathlib import Path

import pytest

from evalloop_assets.reward_model.breaks import find_breaks
from evalloop_assets_tests.reward_model.breaks.talk import annotated, auc, cdconv, convai


def test_contradictions_in_chinese_chats(shared_data: Path):
    frame, truth = cdconv(shared_data / "cdconv")
    score = find_breaks(frame)["score"].to_numpy().reshape(-1, 4)[:, 3]
    for half in ("read", "unread"):
        of = (truth["half"] == half).to_numpy()
        label = truth["label"].to_numpy()[of]
        assert auc(score[of], label > 0) > 0.62
        history = (label == 3) | (label == 0)
        assert auc(score[of][history], label[history] == 3) > 0.66
        assert (score[of][label == 0] >= 0.5).mean() < 0.06
        assert (label[score[of] >= 0.5] > 0).mean() > 0.7


@pytest.mark.parametrize(("name", "at_most"), [("sgd", 0.004), ("crosswoz", 0.003)])
def test_clean_talk_is_left_alone(shared_data: Path, name: str, at_most: float):
    frame = annotated(name, shared_data / name)
    found = find_breaks(frame)[frame["speaker"] == "character"]
    assert len(found) > 6000
    assert (found["score"] >= 0.5).mean() < at_most


def test_replies_that_people_liked_break_less_than_those_that_they_did_not(shared_data: Path):
    frame = convai(shared_data / "convai")
    broke = find_breaks(frame)["score"] >= 0.5
    assert broke[frame["thumb"] == 1].mean() < 0.02
    assert broke[frame["thumb"] == 0].mean() > 0.03
