"""Bad cases through Dagster: groups, sides, harm, ranks, and what a run again leaves as it was."""

from datetime import timedelta

import pandas as pd
import pytest

from evalloop_assets.days import Days
from evalloop_assets.evaluation.bad_cases import assets
from evalloop_assets.evaluation.bad_cases.checks import CHECKS, not_worse, on_one_side
from evalloop_assets.evaluation.bad_cases.daily import alike_by, ranked
from evalloop_assets.evaluation.bad_cases.gram_sets import to_lists
from evalloop_assets.evaluation.bad_cases.pictures import PICTURES
from evalloop_assets.evaluation.bad_cases.sides import SIDES, cases
from evalloop_assets.lake.picture import drawn
from evalloop_assets_tests.evaluation.bad_cases.world import DAY, sentence, signal, stage_at, write
from evalloop_assets_tests.reward_model.stage import metadata, verdicts

NEXT = DAY + timedelta(days=1)
RUN = [assets.bad_cases, assets.bad_case_groups]


def by_event(stage):
    return {row["event_id"]: row for row in stage.rows("bad_cases")}


@pytest.fixture
def stage(tmp_path):
    return stage_at(tmp_path)


def test_harm_counts_a_user_once_a_group_and_ranks_the_groups(stage):
    signals = [
        signal("a1", sentence(1), "ann"),
        signal("a2", sentence(1) + " so", "ann", cost=3.0),
        signal("b1", sentence(1), "bob"),
        signal("c1", sentence(2), "cat", cost=2.0),
    ]
    write(stage, "bad_signals", signals)
    done = stage.run(DAY, RUN)
    rows = by_event(stage)
    assert {name: (row["users"], row["rank"]) for name, row in rows.items()} == {
        "a1": (2, 1), "a2": (2, 1), "b1": (2, 1), "c1": (1, 2)
    }  # fmt: skip
    assert rows["a1"]["harm"] == pytest.approx(0.9 * 3 + 0.9)
    assert len({rows[name]["dedup_group"] for name in ("a1", "a2", "b1")}) == 1
    assert metadata(done, "bad_cases")["groups"] == 2
    assert {row["value"]: row["users"] for row in stage.rows("bad_case_groups") if row["dimension"] == "kind"} == {
        "complaint": 3
    }


def test_only_the_most_harmful_groups_are_kept(tmp_path):
    stage = stage_at(tmp_path, bad_cases={"most_a_day": 2})
    write(stage, "bad_signals", [signal(f"e{at}", sentence(at), cost=1.0 + at) for at in range(4)])
    stage.run(DAY, RUN)
    assert {name: row["rank"] for name, row in by_event(stage).items()} == {"e3": 1, "e2": 2}


def test_sides_stand_over_days_and_runs(stage):
    write(stage, "bad_signals", [signal(f"e{at}", sentence(at)) for at in range(12)])
    stage.run(DAY, RUN)
    first = by_event(stage)
    assert {row["side"] for row in first.values()} == {"training", "evaluation"}
    write(stage, "bad_signals", [signal(f"f{at}", sentence(at) + " again") for at in range(12)], NEXT)
    stage.run(NEXT, RUN)
    second = by_event(stage)
    places = [(second[f"e{at}"], second[f"f{at}"]) for at in range(12)]
    assert all(one["side"] == other["side"] for one, other in places)
    assert all(one["dedup_group"] == other["dedup_group"] for one, other in places)
    write(stage, "bad_signals", [signal(f"e{at}", sentence(at)) for at in range(14)])
    stage.run(DAY, RUN)
    third = by_event(stage)
    assert {name: third[name]["side"] for name in second} == {name: row["side"] for name, row in second.items()}


def test_a_day_that_is_computed_late_goes_where_the_later_days_went(stage):
    write(stage, "bad_signals", [signal(f"f{at}", sentence(at)) for at in range(12)], NEXT)
    stage.run(NEXT, RUN)
    write(stage, "bad_signals", [signal(f"e{at}", sentence(at) + " before") for at in range(12)])
    stage.run(DAY, RUN)
    rows = by_event(stage)
    assert {row["side"] for row in rows.values()} == {"training", "evaluation"}
    for at in range(12):
        assert rows[f"e{at}"]["side"] == rows[f"f{at}"]["side"]


def test_two_bad_replies_to_one_message_are_on_one_side(stage):
    signals = [
        compared(
            f"{name}{at}", at, reply_text=f"{name} " + sentence(100 + at), better_reply=f"best {sentence(50 + at)}"
        )
        for at in range(12)
        for name in "ab"
    ]
    write(stage, "bad_signals", [one | {"reply_text": sentence(200 + at)} for at, one in enumerate(signals)])
    stage.run(DAY, RUN)
    rows = by_event(stage)
    assert {row["side"] for row in rows.values()} == {"training", "evaluation"}
    assert all(rows[f"a{at}"]["dedup_group"] == rows[f"b{at}"]["dedup_group"] for at in range(12))


def test_what_tells_that_two_cases_are_the_same():
    """A better reply to another message is none to this one; a message is told by its conversation, over sessions."""
    rows = [
        signal("a", "bad", conversation_id="c", session_id="s1", better_reply="good", same_prefix=True),
        signal("b", "bad", conversation_id="c", session_id="s2", better_reply="other", same_prefix=False),
        signal("d", "bad", conversation_id="c", user_text=None, better_reply=None, same_prefix=None),
    ]
    found = alike_by(pd.DataFrame(rows))
    expected = cases(
        ["hello\nbad", "hello\nbad", "\nbad"], ["hello\ngood", None, None], ["c\nhello", "c\nhello", None]
    )  # fmt: skip
    assert [to_lists(sets)[0].tolist() for sets in (found.said, found.better)] == [
        to_lists(sets)[0].tolist() for sets in (expected.said, expected.better)
    ]
    assert (found.has_better.tolist(), found.turns) == ([True, False, False], expected.turns)


def test_a_day_is_held_against_what_earlier_days_kept_and_not_against_their_texts(stage):
    """Stored n-grams decide, so that a day computes only its own; a row without them, of an older lake, is read."""
    write(stage, "bad_signals", [signal(f"e{at}", sentence(at)) for at in range(4)])
    stage.run(DAY, RUN)
    first = by_event(stage)
    assert all(row["said_grams"] for row in first.values())
    lost = [row | {"reply_text": "gone"} for row in first.values()]
    older = [row | {"said_grams": None, "better_grams": None} for row in first.values()]
    for before in (lost, older):
        write(stage, "bad_cases", before)
        write(stage, "bad_signals", [signal(f"f{at}", sentence(at) + " again") for at in range(4)], NEXT)
        stage.run(NEXT, RUN)
        rows = by_event(stage)
        assert all(rows[f"f{at}"]["dedup_group"] == first[f"e{at}"]["dedup_group"] for at in range(4))
        write(stage, "bad_cases", [], NEXT)


def test_below_the_most_harmful_only_what_must_not_train_is_kept():
    sides = ["training", "withheld", "evaluation", "evaluation", "training"]
    names = ["worst", "links both", "new", "as before", "trains as before"]
    found = pd.DataFrame({"event_id": names, "dedup_group": names, "user_id": "u", "side": sides})
    rows = ranked(found.assign(certainty=1.0, cost=[9.0, 1.0, 1.0, 1.0, 1.0]), 1, ["as before", "trains as before"])
    assert rows.set_index("event_id")["rank"].to_dict() == {"worst": 1, "as before": 2, "links both": 3}


def test_what_is_near_an_evaluation_case_is_kept_from_training_however_little_harm_it_did(tmp_path):
    """Else `policy_pairs` would not know of it, and learn what the case asks for."""
    stage = stage_at(tmp_path, bad_cases={"most_a_day": 12})
    write(stage, "bad_signals", [signal(f"e{at}", sentence(at)) for at in range(12)])
    stage.run(DAY, RUN)
    sides = {at: by_event(stage)[f"e{at}"]["side"] for at in range(12)}
    worse = [signal(f"w{at}", sentence(50 + at), cost=9.0) for at in range(12)]
    again = [signal(f"f{at}", sentence(at) + " again") for at in range(12)]
    alone = [signal(f"n{at}", sentence(70 + at)) for at in range(12)]
    write(stage, "bad_signals", [*worse, *again, *alone], NEXT)
    stage.run(NEXT, RUN)
    rows = by_event(stage)
    evaluated = {f"f{at}" for at, side in sides.items() if side == "evaluation"}
    assert 0 < len(evaluated) < 12
    assert {name for name in rows if name[0] in "fn"} == evaluated, "what is near no earlier case is dropped"
    assert all(rows[name]["side"] == "evaluation" and rows[name]["rank"] > 12 for name in evaluated)


def test_a_day_without_signals_and_signals_without_messages(stage):
    write(stage, "bad_signals", [])
    assert stage.run(DAY, RUN).success
    assert stage.rows("bad_cases") == []
    write(stage, "bad_signals", [signal("e", "no", user_text=None)], NEXT)
    assert stage.run(NEXT, RUN).success
    assert [row["rank"] for row in stage.rows("bad_cases")] == [1]


def compared(event_id, number, user_id="u", **more):
    """A regenerated reply and the version that was kept."""
    pair = {"pair_id": f"p {event_id}", "same_prefix": True, "better_reply": f"better {number}"}
    return signal(event_id, sentence(number), user_id, kind="regeneration") | pair | more


QUEUED = [assets.bad_cases, assets.training_cases, assets.relabel_queue]


def test_training_cases_are_those_of_the_training_side_and_a_group_weighs_as_one(stage):
    signals = [compared(f"e{at}", at) for at in range(8)] + [compared("twin", 0), signal("alone", sentence(20))]
    write(stage, "bad_signals", signals)
    stage.run(DAY, QUEUED)
    cases, rows = by_event(stage), {row["event_id"]: row for row in stage.rows("training_cases")}
    assert set(rows) == {name for name, row in cases.items() if row["side"] == "training" and name != "alone"}
    assert not {row["event_id"] for row in cases.values() if row["side"] == "evaluation"} & set(rows)
    for name, row in rows.items():
        assert row["weight"] == pytest.approx(0.45 if cases[name]["reply_text"] == sentence(0) else 0.9)
        assert (row["chosen"], row["rejected"]) == (cases[name]["better_reply"], cases[name]["reply_text"])


def test_the_queue_asks_once_about_a_group_and_no_more_than_is_needed(stage):
    signals = [
        compared("once", 1, cost=5.0),
        compared("twin", 1, cost=4.0),
        compared("judged", 2),
        compared("done", 3),
        compared("elsewhere", 4, same_prefix=False),
        signal("alone", sentence(5)),
    ]
    write(stage, "bad_signals", signals)
    said = [("judged", "ann"), ("judged", "ann"), ("done", "ann"), ("done", "bob")]
    marks = [
        {"item_id": f"p {item}", "annotator_id": who, "verdict": "a", "prompt_version": str(at)}
        for at, (item, who) in enumerate(said)
    ]
    write(stage, "gold_annotations", marks, NEXT)  # answers come after the days that they are about
    stage.run(DAY, QUEUED)
    queue = sorted(stage.rows("relabel_queue"), key=lambda row: row["place"])
    assert [(row["item_id"], row["needed"], row["asked"]) for row in queue] == [
        ("p once", 2, ""),
        ("p judged", 1, "ann"),
    ]
    assert all(
        {row["reply_a"], row["reply_b"]} == {sentence(n), f"better {n}"} for row, n in zip(queue, (1, 2), strict=True)
    )


def test_what_neither_trains_nor_evaluates_is_not_asked_about(stage):
    before = [
        signal(f"old {at}", sentence(at)) | {"dedup_group": side, "side": side}
        for at, side in enumerate(["training", "evaluation"])
    ]
    write(stage, "bad_cases", before, DAY - timedelta(days=1))
    bridge = compared("bridge", 0, reply_text=sentence(0), better_reply=sentence(1))
    write(stage, "bad_signals", [bridge, compared("other", 2)])
    stage.run(DAY, QUEUED)
    assert by_event(stage)["bridge"]["side"] == "withheld"
    assert [row["item_id"] for row in stage.rows("relabel_queue")] == ["p other"]


def test_which_side_is_the_bad_one_is_a_toss(stage):
    write(stage, "bad_signals", [compared(f"e{at}", at) for at in range(40)])
    stage.run(DAY, QUEUED)
    first = sum(row["reply_b"].startswith("better") for row in stage.rows("relabel_queue"))
    assert 8 <= first <= 32


def test_a_group_on_both_sides_and_a_worse_champion_warn(stage):
    cases = [signal(f"e{at}", sentence(at)) | {"dedup_group": "g", "side": side} for at, side in enumerate(SIDES)]
    assert on_one_side(stage.lake, Days.one(DAY)).passed
    write(stage, "bad_cases", cases)
    assert not on_one_side(stage.lake, Days.one(DAY)).passed
    rows = [
        {"reward_version": "2026-05-01-a", "verdict": "worse", "difference": 0.3},
        {"reward_version": "2026-05-02-b", "verdict": "no difference shown", "difference": 0.1},
    ]
    bounds = {"difference_low": 0.1, "difference_high": 0.5, "previous_version": "2026-04-30-z"}
    write(stage, "flywheel", [row | bounds for row in rows])
    assert not_worse(stage.lake, Days.one(DAY)).passed
    write(stage, "flywheel", [row | bounds for row in rows[:1]], NEXT)
    found = not_worse(stage.lake, Days.one(NEXT))
    assert not found.passed
    assert found.description == "2026-05-01-a errs on 0.300 [0.100, 0.500] more of them than 2026-04-30-z"


def test_the_pages_show_pictures(stage):
    write(stage, "bad_signals", [signal(f"e{at}", sentence(at), f"u{at}") for at in range(5)])
    done = stage.run(DAY, [*RUN, *CHECKS[:1]])
    assert verdicts(done) == {"cases_on_one_side": True}
    assert any("data:image/png" in str(one) for one in metadata(done, "bad_case_groups").values())
    row = {"reward_version": "v", "cases": 20, "error": 0.4, "error_low": 0.3, "error_high": 0.5, "verdict": "better"}
    assert drawn(PICTURES["flywheel"], [row, row | {"verdict": "worse"}]).startswith(b"\x89PNG")
