"""The query of `bad_signals` on rows worked out by hand."""

from datetime import date
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from evalloop_assets.evaluation.bad_cases import assets
from evalloop_assets.lake.dialect import broken_rules
from evalloop_assets.lake.sql import load

FOLDER = Path(assets.__file__).parent
SIGNALS, GROUPS, TRAINING = (
    load(FOLDER / f"{name}.sql") for name in ("bad_signals", "bad_case_groups", "training_cases")
)
DAY = date(2026, 3, 2)


def pair(name, a, b, immediate="censored", delayed_5="censored", same_prefix=True):
    return {
        "pair_id": name, "same_prefix": same_prefix, "event_id_a": a, "event_id_b": b, "reply_a": f"text {a}",
        "reply_b": f"text {b}", "immediate": immediate, "delayed_5": delayed_5,
    }  # fmt: skip


PAIRS = [
    pair("p1", "good", "replaced", "A"),
    pair("p2", "good", "sure", "A", same_prefix=False),
    pair("p3", "unsure", "good", "B"),
    pair("p4", "conflict", "good", "B", "A"),
    pair("p5", "good", "left", "tie", "A", same_prefix=False),
    pair("p6", "other", "left", "A"),
    pair("p0", "another", "left", delayed_5="A", same_prefix=False),
]
MARGINS = {"p1": 2.0, "p2": -1.0, "p3": 0.9, "p4": 5.0, "p6": 0.5}


def log():
    """Tables by name: one reply of each kind."""
    turn = {"user_text": "hi", "feedback": None, "error": False, "character_id": "c", "role_type": "friend"}
    turns = {
        "good": {"feedback": "like"},
        "complained": {"feedback": "complaint"},
        "disliked": {"feedback": "dislike"},
        "left": {},
        "broke": {},
        "weak": {},
        "replaced": {},
        "sure": {},
        "unsure": {},
        "conflict": {},
        "both": {"feedback": "complaint"},
        "failed": {"feedback": "complaint", "error": True},
        "blank": {"feedback": "complaint", "reply_text": " "},
        "wordless": {"feedback": "complaint", "reply_text": None},
        "bot": {"feedback": "complaint"},
    }
    rows = [{"event_id": name, "reply_text": f"text {name}"} | turn | told for name, told in turns.items()]
    turns = pd.DataFrame(rows)
    reading = turns[["event_id"]].assign(
        day=DAY, session_id=["bots" if name == "bot" else "s" for name in turns.event_id], user_id="u",
        conversation_id="k", model_id="m", position=[None if name == "replaced" else 1 for name in turns.event_id],
    )  # fmt: skip
    traffic = pd.DataFrame({"session_id": ["s", "bots"], "kind": ["people", "automatic"]})
    sessions = pd.DataFrame({"day": [DAY, DAY], "kept_turns": [4, 10]})
    credit = pd.DataFrame({"event_id": ["left", "both", "good"], "blame": [0.75, 0.5, 0.0]})
    breaks = pd.DataFrame(
        {"event_id": ["broke", "weak", "both"], "score": [0.5, 0.49, 0.8], "kind": ["promise", "rupture", "rupture"]}
    )
    return {
        "turns": turns,
        "reading": reading,
        "traffic": traffic,
        "sessions": sessions,
        "credit": credit,
        "breaks": breaks,
        "preference_pairs": pd.DataFrame(PAIRS),
        "pair_scores": scores(MARGINS),
        "settings": pd.DataFrame({"sure_margin": [1.0]}),
    }


def scores(margins):
    return pd.DataFrame({"pair_id": list(margins), "margin": list(margins.values())})


def cases():
    """ann met two of one kind (3 and 1), bob one (2), and one of another (1)."""
    return pd.DataFrame(
        {
            "day": DAY,
            "event_id": ["a", "b", "c", "d"],
            "same_prefix": [True, True, None, True],
            "user_id": ["ann", "ann", "bob", "bob"],
            "dedup_group": ["g", "g", "g", "h"],
            "certainty": [1.0, 0.5, 1.0, 0.5],
            "cost": [3.0, 2.0, 2.0, 2.0],
            "role_type": ["friend", "friend", None, None],
            "kind": ["exit", "exit", "exit", "promise"],
            "model_id": "m",
            "character_id": pd.Series([None] * 4, dtype="string"),
            "side": ["training", "training", "training", "evaluation"],
            "pair_id": ["p", "q", None, "r"],
            "better_reply": ["good", "better", None, "best"],
            "user_text": "hi",
            "reply_text": "bad",
        }
    )


def answer(query, **tables):
    with duckdb.connect() as connection:
        for name, rows in tables.items():
            connection.register(name, rows)
        return connection.sql(query).df()


@pytest.fixture(scope="module")
def found():
    return answer(SIGNALS.query, **log()).set_index("event_id")


@pytest.mark.parametrize("transform", [SIGNALS, GROUPS, TRAINING])
def test_it_is_portable(transform):
    assert broken_rules(transform.query) == []


def test_training_cases_by_hand():
    """Two pairs of one group, of certainty 1 and one half, share its weight."""
    found = answer(TRAINING.query, bad_cases=cases()).set_index("pair_id")
    assert found["weight"].to_dict() == {"p": 0.5, "q": 0.25}
    assert found.loc["q", ["chosen", "rejected"]].tolist() == ["better", "bad"]


def test_a_reply_to_another_message_is_not_to_be_chosen_for_this_one():
    other = cases().assign(same_prefix=[True, False, None, True])
    assert answer(TRAINING.query, bad_cases=other)["pair_id"].tolist() == ["p"]


def test_only_what_went_wrong_for_people_is_found(found):
    """Not the failed one, those without text, a bot's, a break below one half, a conflict of labels, a small margin."""
    assert found["reasons"].to_dict() == {
        "complained": "complaint",
        "disliked": "dislike",
        "left": "exit",
        "broke": "break",
        "replaced": "regeneration",
        "sure": "disagreement",
        "both": "complaint, exit, break",
    }
    assert found["kind"].to_dict() == {
        "complained": "complaint",
        "disliked": "dislike",
        "left": "exit",
        "broke": "promise",
        "replaced": "regeneration",
        "sure": "disagreement",
        "both": "rupture",
    }
    assert found.index[~found["by_behaviour"]].tolist() == ["sure"]


def test_certainty_and_cost_by_hand(found):
    """Doubts of the last: 0.1, 0.5 and 0.2, so 1 - 0.01; a session has (4 + 10) / 2 = 7 replies."""
    assert found["certainty"].to_dict() == pytest.approx(
        {"complained": 0.9, "disliked": 0.7, "left": 0.75, "broke": 0.5, "replaced": 0.5, "sure": 0.5, "both": 0.99}
    )
    assert found["cost"].to_dict() == pytest.approx(
        {"complained": 1, "disliked": 1, "left": 1 + 0.75 * 7, "broke": 1, "replaced": 1, "sure": 1, "both": 4.5}
    )


def test_what_behaviour_speaks_against_is_ranked_by_behaviour_alone():
    """Else the cases that are kept would be those on which the champion errs."""
    told = log()
    told["turns"].loc[told["turns"]["event_id"] == "sure", "feedback"] = "dislike"
    both = answer(SIGNALS.query, **told).set_index("event_id").loc["sure"]
    assert (both["reasons"], both["by_behaviour"]) == ("dislike, disagreement", True)
    assert both["certainty"] == pytest.approx(0.7)


def test_the_pair_of_two_answers_to_one_message_goes_first(found):
    assert found["pair_id"].dropna().to_dict() == {"replaced": "p1", "sure": "p2", "left": "p6"}
    assert found["better_reply"].dropna().to_dict() == {
        "replaced": "text good",
        "sure": "text good",
        "left": "text other",
    }
    assert found["margin"].dropna().to_dict() == {"replaced": 2.0, "sure": -1.0, "left": 0.5}


def test_the_margin_is_the_preferred_side_s_whatever_side_it_is():
    """The same pairs with sides and margins turned round give the same rows."""
    turned = [
        row | {"event_id_a": row["event_id_b"], "event_id_b": row["event_id_a"], "reply_a": row["reply_b"],
               "reply_b": row["reply_a"]} | {name: {"A": "B", "B": "A"}.get(row[name], row[name])
                                              for name in ("immediate", "delayed_5")}
        for row in PAIRS
    ]  # fmt: skip
    assert _rejected(turned, {name: -margin for name, margin in MARGINS.items()}) == _rejected(PAIRS, MARGINS)


def _rejected(pairs, margins):
    part = SIGNALS.query.split("-- One pair")[0].rstrip().rstrip(",")
    query = f"{part} SELECT * FROM rejected ORDER BY pair_id"
    found = answer(query, preference_pairs=pd.DataFrame(pairs), pair_scores=scores(margins))
    return found.fillna(-99).to_dict("records")


def test_groups_by_hand():
    table = answer(GROUPS.query, bad_cases=cases()).set_index(["dimension", "value"])
    by_kind = table.loc["kind"]
    assert by_kind.loc["exit", ["cases", "groups", "users", "harm", "rank"]].tolist() == [3, 1, 2, 5.0, 1]
    assert by_kind.loc["promise", ["cases", "groups", "users", "harm", "rank"]].tolist() == [1, 1, 1, 1.0, 2]
    assert by_kind["share"].tolist() == pytest.approx([5 / 6, 1 / 6])
    assert table.loc["role_type", "harm"].to_dict() == {"friend": 3.0, "unknown": 2.0}
    assert set(table.loc["together"].index) == {
        "friend · exit · m · unknown",
        "unknown · exit · m · unknown",
        "unknown · promise · m · unknown",
    }
