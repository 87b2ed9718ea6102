import json
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.flagd import flag_file
from evalloop_assets.serving.state import Allocation, Epoch, Reign
from evalloop_assets.serving.transitions import (
    KEPT_AFTER_END,
    begin,
    promote,
    ramp,
    roll_back,
    start_experiment,
    stop,
    undo,
)

from .cases import NOON, after, one_experiment
from .flag_reading import begun, joined, models, variants


def test_a_start_serves_the_treatment_against_the_champion():
    exp = one_experiment(5.0).experiment("exp")
    assert (exp.control, exp.treatment, exp.status, exp.weight_percent) == ("old", "new", "running", 5.0)


def test_a_ramp_adds_an_epoch_and_leaves_the_earlier_ones_alone():
    exp = ramp(one_experiment(), "exp", 25.0, after(24)).experiment("exp")
    assert exp.epochs == (Epoch(NOON, 1.0), Epoch(after(24), 25.0))


def test_a_ramp_to_the_weight_it_has_changes_nothing():
    before = one_experiment(5.0)
    assert ramp(before, "exp", 5.0, after(1)) is before


def test_a_promotion_crowns_the_treatment_and_remembers_the_old_champion():
    allocation = promote(one_experiment(), "exp", after(48))
    assert allocation.champion == "new"
    assert allocation.former == Reign("old", after(48))
    assert allocation.experiment("exp").status == "promoted"
    assert promote(allocation, "exp", after(50)) is allocation


def test_a_promotion_ends_the_other_experiments_against_the_old_champion():
    two = start_experiment(
        one_experiment(segment=(0, 50)), "other", "third", NOON, weight_percent=10, segment=(50, 100)
    )
    other = promote(two, "exp", after(1)).experiment("other")
    assert (other.status, other.ended_at) == ("stopped", after(1))


def test_a_rollback_of_a_running_candidate_leaves_the_champion():
    allocation = roll_back(one_experiment(), "exp", after(3))
    assert (allocation.champion, allocation.experiment("exp").status) == ("old", "rolled_back")
    assert roll_back(allocation, "exp", after(4)) is allocation


def test_a_rollback_of_a_promoted_candidate_gives_the_throne_back():
    allocation = roll_back(promote(one_experiment(), "exp", after(1)), "exp", after(2))
    assert (allocation.champion, allocation.former) == ("old", None)


def test_a_rollback_ends_what_compares_against_the_candidate():
    promoted = promote(one_experiment(), "exp", after(1))
    following = start_experiment(promoted, "next", "third", after(2), weight_percent=10)
    allocation = roll_back(following, "exp", after(3))
    assert allocation.experiment("next").status == "rolled_back"
    ended = roll_back(stop(following, "next", after(3)), "exp", after(4))
    assert ended.experiment("next") is None


def test_a_rollback_ends_every_other_experiment_that_tries_the_same_candidate():
    two = start_experiment(one_experiment(segment=(0, 50)), "again", "new", NOON, weight_percent=10, segment=(50, 100))
    allocation = roll_back(two, "exp", after(3))
    assert [(one.status, one.ended_at) for one in allocation.experiments] == [("rolled_back", after(3))] * 2
    stopped = roll_back(stop(two, "again", after(1)), "exp", after(3))
    assert [one.status for one in stopped.experiments] == ["rolled_back"] * 2
    crowned = roll_back(promote(two, "exp", after(1)), "again", after(3))
    assert (crowned.champion, crowned.former) == ("old", None)
    assert [one.status for one in crowned.experiments] == ["rolled_back"] * 2
    assert '"new"' not in json.dumps(flag_file(crowned, 1))


def test_a_rollback_leaves_other_candidates_alone():
    two = start_experiment(
        one_experiment(segment=(0, 50)), "other", "third", NOON, weight_percent=10, segment=(50, 100)
    )
    assert roll_back(two, "exp", after(3)).experiment("other") == two.experiment("other")


def test_a_rolled_back_former_champion_is_served_to_nobody():
    crowned = promote(one_experiment(), "exp", after(1))
    twice = promote(start_experiment(crowned, "next", "third", after(2), weight_percent=10), "next", after(3))
    assert twice.former == Reign("new", after(3))
    rolled = roll_back(twice, "exp", after(4))
    assert (rolled.champion, rolled.former) == ("third", None)


def test_the_next_start_drops_what_ended_long_ago():
    ended = stop(one_experiment(), "exp", after(1))
    soon = start_experiment(ended, "b", "third", after(2), weight_percent=10)
    late = start_experiment(ended, "b", "third", after(1) + KEPT_AFTER_END, weight_percent=10)
    assert soon.experiment("exp") is not None
    assert late.experiment("exp") is None


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (lambda a: start_experiment(a, "exp", "third", NOON, weight_percent=1), "taken"),
        (lambda a: start_experiment(a, "b", "third", NOON, weight_percent=1), "overlaps that of exp"),
        (lambda a: start_experiment(a, "b", "old", NOON, weight_percent=1), "champion already"),
        (lambda a: start_experiment(a, "b", "third", NOON, weight_percent=101), "no percentage"),
        (lambda a: start_experiment(a, "b", "third", NOON, weight_percent=1, segment=(60, 50)), "no span"),
        (lambda a: ramp(a, "exp", 5.0, NOON), "would not follow"),
        (lambda a: ramp(a, "nowhere", 5.0, after(1)), "does not know it"),
        (lambda a: promote(roll_back(a, "exp", NOON), "exp", NOON), "it is rolled_back"),
        (lambda a: roll_back(a, "nowhere", NOON), "Known are: exp"),
        (lambda a: begin(""), "no champion"),
    ],
)
def test_a_step_that_makes_no_sense_is_refused(step, reason):
    with pytest.raises(UserError, match=reason):
        step(one_experiment())


steps = st.lists(
    st.tuples(
        st.sampled_from(["start", "ramp", "promote", "stop", "rollback"]), st.integers(0, 3), st.integers(0, 100)
    ),
    max_size=12,
)


@given(steps)
def test_whatever_is_done_the_state_stays_sound(actions):
    allocation, rolled = begin("m0"), set()
    for hour, (action, which, percent) in enumerate(actions):
        at, name, model = NOON + timedelta(hours=hour), f"e{which}", f"m{which}"
        try:
            match action:
                case "start":
                    allocation = start_experiment(
                        allocation, name, model, at, weight_percent=percent, segment=(which * 25, which * 25 + 25)
                    )
                    rolled.discard(model)
                case "ramp":
                    allocation = ramp(allocation, name, percent, at)
                case "promote":
                    allocation = promote(allocation, name, at)
                case "stop":
                    allocation = stop(allocation, name, at)
                case "rollback":
                    allocation = roll_back(allocation, name, at)
                    rolled.add(model)
        except UserError:
            continue
        assert Allocation.from_json(allocation.to_json()) == allocation
        assert len(allocation.running) == len({one.segment for one in allocation.running})
        assert all(one.control == allocation.champion for one in allocation.running)
        for one in allocation.experiments:
            starts = [epoch.starts_at for epoch in one.epochs]
            assert starts == sorted(set(starts))
            assert (one.ended_at is None) == (one.status == "running")
        if action == "rollback" and model != "m0":
            assert allocation.champion != model


def test_an_undone_ramp_moves_no_running_conversation():
    narrow = one_experiment(5.0)
    wide = ramp(narrow, "exp", 25.0, after(1))
    undone = undo(wide, narrow, after(2))
    assert undone.experiment("exp").epochs == (Epoch(NOON, 5.0), Epoch(after(1), 25.0), Epoch(after(2), 5.0))
    running = joined(begun(0, 5_000, after(0.5)), begun(5_000, 10_000, after(1.5)))
    assert (variants(flag_file(undone), running) == variants(flag_file(wide), running)).all()
    assert undo(undone, narrow, after(3)) == undone


@pytest.mark.parametrize("crowned", [False, True])
def test_an_undone_rollback_pulls_nobody_in_who_began_before_it(crowned):
    before = promote(one_experiment(25.0), "exp", after(1)) if crowned else one_experiment(25.0)
    rolled = roll_back(before, "exp", after(2))
    undone = undo(rolled, before, after(3))
    assert undone.champion == before.champion
    running = joined(begun(0, 5_000, after(1.5)), begun(5_000, 10_000, after(2.5)))
    assert (models(flag_file(undone), running) == models(flag_file(rolled), running)).all()
    later = begun(0, 5_000, after(4))
    assert (models(flag_file(undone), later) == "new").mean() == (1 if crowned else pytest.approx(0.3, abs=0.03))
    assert undo(undone, before, after(5)) == undone


def test_an_undone_promotion_leaves_most_of_its_conversations_with_the_candidate_and_all_earlier_ones_alone():
    before = one_experiment(25.0, user_share=0.0)
    crowned = promote(before, "exp", after(1))
    undone = undo(crowned, before, after(2))
    assert (undone.champion, undone.experiment("exp").weight_percent) == ("old", 25.0)
    running = joined(begun(0, 5_000, after(-1)), begun(5_000, 10_000, after(0.5)), begun(10_000, 15_000, after(1.5)))
    assert (models(flag_file(undone), running) == models(flag_file(crowned), running)).all()
