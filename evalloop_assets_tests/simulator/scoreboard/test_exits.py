"""Ends of sessions against the truth, in a world with each way to end."""

import math

import pytest
from sklearn.metrics import f1_score, precision_score, recall_score

from evalloop_assets.simulator.scoreboard.exits import ALL_FAIL, ENDS, KINDS, measured_exits
from evalloop_assets_tests.simulator.scoreboard.tiny import TinyRun, at, values

MIDNIGHT = 12 * 60
HERE, LOST, AFTER_THE_LOG = "here", "lost", "after the log"
CONVERSATIONS = {
    # conversation: locale, closure, replies (session, minute, fate, interrupted, where it is)
    "farewell": ("en-GB", "farewell", [("farewell", 0, "goes_on", False, HERE),
                                       ("farewell", 1, "natural", False, HERE)]),
    "quiet": ("zh-CN", "quiet", [("quiet", 0, "natural", False, HERE)]),
    "left": ("en-GB", None, [("left", 0, "goes_on", False, HERE), ("left", 2, "abrupt", False, HERE)]),
    "called": ("en-GB", None, [("called", 0, "interrupted", True, HERE)]),
    "resumed": ("en-GB", None, [("paused", 0, "goes_on", True, HERE), ("resumed", 60, "abrupt", False, HERE)]),
    "midnight": (
        "zh-CN",
        "goal",
        [("midnight", MIDNIGHT - 40, "goes_on", False, HERE), ("none", 0, "natural", False, AFTER_THE_LOG)],
    ),
    "late": ("en-GB", None, [("late", MIDNIGHT - 29, "abrupt", False, HERE)]),
    "unheard": ("zh-CN", "thanks", [("unheard", 0, "goes_on", False, HERE), ("none", 1, "natural", False, LOST)]),
    "hole": ("en-GB", None, [("hole", 0, "goes_on", False, HERE), ("none", 1, "goes_on", True, LOST),
                             ("after the hole", 90, "abrupt", False, HERE)]),
    "away": ("en-GB", "goal", [("away", 0, "goes_on", False, HERE), ("back", 60, "natural", False, HERE)]),
}  # fmt: skip
TRULY = {
    "farewell": "natural", "quiet": "natural", "left": "abrupt", "called": "interrupted", "paused": "interrupted",
    "resumed": "abrupt", "midnight": "open", "late": "open", "unheard": "natural", "hole": "interrupted",
    "after the hole": "abrupt", "away": "interrupted", "back": "natural",
}  # fmt: skip
WRONG = TRULY | {"quiet": "abrupt", "unheard": "abrupt", "left": "natural"}


def run_of(said):
    """A loop that says so of each session, and a bot that it takes for somebody who left."""
    turns, reading, truth, dirt = [], [], [], []
    for conversation, (locale, _, replies) in CONVERSATIONS.items():
        for turn, (session, minute, fate, interrupted, where) in enumerate(replies):
            event = f"{conversation}-{turn}"
            truth.append({"event_id": event, "conversation_id": conversation, "turn": turn, "fate": fate,
                          "interrupted": interrupted})  # fmt: skip
            if where == HERE:
                turns.append({"event_id": event, "shown_at": at(minute), "locale": locale})
                reading.append({"event_id": event, "session_id": session, "shown_at": at(minute)})
            if where == LOST:
                dirt.append({"table_name": "turns", "row_id": event, "kind": "lost"})
    turns.append({"event_id": "bot-0", "shown_at": at(0), "locale": "en-GB"})
    reading.append({"event_id": "bot-0", "session_id": "bot", "shown_at": at(0)})
    return TinyRun(
        turns=turns,
        reading=reading,
        exits=[{"session_id": session, "kind": kind} for session, kind in {**said, "bot": "abrupt"}.items()],
        truth_turns=truth,
        truth_dirt=dirt,
        truth_conversations=[
            {"conversation_id": name, "closure": closure} for name, (_, closure, _) in CONVERSATIONS.items()
        ],
    )


def test_each_session_has_its_true_end():
    rows = run_of({session: session for session in TRULY}).query(ENDS)
    assert dict(zip(rows["said"].to_pylist(), rows["truly"].to_pylist(), strict=True)) == TRULY


def test_a_perfect_loop_has_full_marks():
    found = values(measured_exits(run_of(TRULY)))
    assert math.isnan(found.pop("natural ends by resolved, recall"))
    assert len(found) == 3 * len(KINDS) + 4 + 2
    assert set(found.values()) == {1.0}


def test_a_wrong_loop_has_the_marks_counted_by_hand():
    found = values(measured_exits(run_of(WRONG)))
    by_hand = {
        "natural ends, precision": 2 / 3,
        "natural ends, recall": 2 / 4,
        "natural ends, F1": 4 / 7,
        "abrupt ends, precision": 2 / 4,
        "abrupt ends, recall": 2 / 3,
        "abrupt ends, F1": 4 / 7,
        "natural ends by farewell, recall": 1,
        "natural ends by quiet, recall": 0,
        "natural ends by thanks, recall": 0,
        "natural ends by goal, recall": 1,
        "natural ends in en-GB, recall": 1,
        "natural ends in zh-CN, recall": 0,
    }
    assert {name: found[name] for name in by_hand} == pytest.approx(by_hand)


@pytest.mark.parametrize("kind", KINDS)
def test_marks_are_those_of_scikit_learn(kind):
    found = values(measured_exits(run_of(WRONG)))
    truly, said = ([kinds[session] == kind for session in TRULY] for kinds in (TRULY, WRONG))
    for name, score in {"precision": precision_score, "recall": recall_score, "F1": f1_score}.items():
        assert found[f"{kind} ends, {name}"] == pytest.approx(score(truly, said))


def test_to_call_every_end_a_failure_finds_all_failures_and_much_else():
    found = values(measured_exits(run_of(WRONG)), ALL_FAIL)
    by_hand = {"abrupt ends, precision": 3 / 13, "abrupt ends, recall": 1, "abrupt ends, F1": 6 / 16}
    assert found == pytest.approx(by_hand)


def test_nothing_is_measured_without_sessions():
    assert all(math.isnan(one.value) for one in measured_exits(TinyRun()))
