"""The query of `slice_units` on rows worked out by hand."""

from datetime import date, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from evalloop_assets.evaluation.launch import assets
from evalloop_assets.lake.dialect import broken_rules
from evalloop_assets.lake.sql import load

TRANSFORM = load(Path(assets.__file__).with_name("slice_units.sql"))
DAY = date(2026, 3, 2)


def turn(event, session, user, at, text, model="m", **more):
    told = {
        "event_id": event, "session_id": session, "user_id": user, "model_id": model, "position": 1,
        "shown_at": datetime(2026, 3, 2, 10, at), "user_text": text, "user_chars": None, "role_type": "friend",
        "locale": "en", "channel": None, "product_line": "chat", "feedback": None, "error": False,
        "latency_ms": 100, "cost_usd": 0.5,
    }  # fmt: skip
    return told | more


@pytest.fixture
def found():
    log = pd.DataFrame(
        [
            turn("a1", "s1", "ann", 0, "Could you tell me a story?"),
            turn("a2", "s1", "ann", 1, "lol 哈哈", feedback="complaint", latency_ms=None),
            turn("a3", "s2", "ann", 9, "你在吗", locale="zh", cost_usd=None),
            turn("b1", "s3", "bob", 2, None, user_chars=150, model="n", error=True),
            turn("x1", "s4", "bot", 3, "hello"),
            turn("gone", "s1", "ann", 0, "regenerated away", position=None),
        ]
    )
    reading = log[["event_id", "session_id", "user_id", "model_id", "position", "shown_at"]].assign(day=DAY)  # noqa: F841
    turns = log.drop(columns=["session_id", "position"]).assign(day=DAY)  # noqa: F841
    traffic = pd.DataFrame({"session_id": ["s1", "s2", "s3", "s4"], "kind": ["people"] * 3 + ["automatic"]})  # noqa: F841
    exits = pd.DataFrame({"session_id": ["s1", "s2", "s3"], "kind": ["abrupt", "open", "natural"]})  # noqa: F841
    horizon_labels = pd.DataFrame(  # noqa: F841
        {"event_id": ["a1", "a2", "a3", "b1"], "delayed_session": [1.0, 1.0, None, -1.0]}
    )
    rewards = pd.DataFrame({"event_id": ["a1", "a2", "b1"], "reward": [0.5, -1.5, None]})  # noqa: F841
    breaks = pd.DataFrame(  # noqa: F841
        {
            "event_id": ["a1", "a2", "a3"],
            "kind": ["contradiction", "contradiction", "promise"],
            "score": [0.9, 0.4, 0.9],
        }
    )
    first_seen = pd.DataFrame({"user_id": ["bob"], "day": [DAY]})  # noqa: F841
    return duckdb.sql(TRANSFORM.query).df().set_index(["user_id", "model_id", "dimension", "slice"]).sort_index()


def test_it_is_portable():
    assert broken_rules(TRANSFORM.query) == []


def test_everything_of_a_user_is_counted_once(found):
    ann = found.loc[("ann", "m", "all", "all")]
    assert ann[["replies", "return_known", "returned", "ended", "abrupt"]].tolist() == [3, 1, 1, 1, 1]
    assert ann[["rewarded", "reward", "judged", "contradictions"]].tolist() == [2, -1.0, 3, 1]
    assert ann[["complaints", "errors", "timed", "latency_ms", "costed", "cost_usd"]].tolist() == [1, 0, 2, 200, 2, 1.0]
    bob = found.loc[("bob", "n", "all", "all")]
    assert bob[["replies", "returned", "abrupt", "rewarded", "reward", "errors"]].tolist() == [1, 0, 0, 0, 0.0, 1]
    assert "bot" not in found.index.get_level_values(0)


def test_a_reply_is_in_one_slice_of_each_dimension_or_in_none(found):
    slices = {key: int(replies) for key, replies in found.replies.items()}
    assert {key[2:]: n for key, n in slices.items() if key[0] == "ann"} == {
        ("all", "all"): 3, ("role_type", "friend"): 3, ("locale", "en"): 2, ("locale", "zh"): 1,
        ("product_line", "chat"): 3, ("seniority", "existing"): 3,
        ("length", "medium"): 1, ("length", "short"): 2,
        ("form", "question"): 2, ("form", "statement"): 1,
        ("script", "latin"): 1, ("script", "han"): 2,
        ("formality", "formal"): 1, ("formality", "casual"): 1, ("formality", "plain"): 1,
    }  # fmt: skip
    assert {key[2:] for key in slices if key[0] == "bob"} == {
        ("all", "all"), ("role_type", "friend"), ("locale", "en"), ("product_line", "chat"), ("seniority", "new"),
        ("length", "long"),
    }  # fmt: skip


def test_the_end_of_a_session_is_that_of_its_last_reply(found):
    ended = found.xs("formality", level="dimension").abrupt
    assert ended.to_dict() == {("ann", "m", "formal"): 0, ("ann", "m", "casual"): 1, ("ann", "m", "plain"): 0}
