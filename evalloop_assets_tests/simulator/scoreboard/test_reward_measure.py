"""The reward model against true preferences, by hand."""

import math

import numpy as np
import pytest

import evalloop_assets.reward_model.assets  # noqa: F401
from evalloop_assets.reward_model.model import HORIZONS, Head, ModelConfig, RewardModel
from evalloop_assets.reward_model.pairs import is_held_out, split_by_user
from evalloop_assets.settings import Settings
from evalloop_assets.simulator.arrays import Floats
from evalloop_assets.simulator.oracle import Appraisal, Values
from evalloop_assets.simulator.scoreboard import reward
from evalloop_assets.simulator.scoreboard.reward import accuracy, calibration_error, held_out_choices
from evalloop_assets_tests.reward_model.world import FEATURES, pair_rows, planted
from evalloop_assets_tests.simulator.scoreboard.tiny import TinyRun, at, values

USERS = [f"u{number}" for number in range(60)]
HELD_OUT = [user for user, out in zip(USERS, is_held_out(USERS), strict=True) if out]


def accuracies(found):
    return {horizon: found[f"accuracy on true preferences, {horizon}"] for horizon in HORIZONS}


class Knowing:
    """A reward model that reads the reward off the reply."""

    def __init__(self, sign=1):
        self.sign = sign


def read_off(model, run, choices):
    """Differences of what the replies state, as the only feature of a model that was not learned."""
    a, b = (np.array([float(text.split()[0]) for text in side.column("reply_text").to_pylist()]) for side in choices)
    return (a - b)[:, None].astype(np.float32)


def told(replies=12):
    """Conversations of held-out users whose replies state how good they are, the longest of them the worst; each is
    better than the one before it. One reply was regenerated away, and one user is not held out."""
    truth, turns = [], []
    for user in [*HELD_OUT[:4], next(user for user in USERS if user not in HELD_OUT)]:
        for turn in range(replies):
            name, good = f"{user}-{turn}", turn if user in HELD_OUT else -turn
            truth.append(
                {
                    "event_id": name,
                    "user_id": user,
                    "conversation_id": f"c-{user}",
                    "turn": turn,
                    "quality": good,
                    "utility": good,
                    "instant": good,
                    "momentum": 0.0,
                    "payoff": 0.0,
                    "consistency": 0.0,
                    "hollow": 0.0,
                    "regenerated": turn == 5,
                }
            )
            text = f"{100 if turn == 5 else good} " + "x" * (replies - turn)
            turns.append(
                {
                    "event_id": name,
                    "user_id": user,
                    "conversation_id": f"c-{user}",
                    "user_text": "and?",
                    "reply_text": text,
                    "dwell_ms": 1000 + turn,
                    "shown_at": at(turn),
                }
            )
    return {"truth_turns": truth, "turns": turns}


@pytest.fixture
def run_of(tmp_path, monkeypatch):
    def give(champion, **rows):
        run = TinyRun(**{**told(), **rows})
        run.seed, run.settings = 1, Settings(home=tmp_path)
        monkeypatch.setattr(reward, "find_champion", lambda settings: champion)
        if isinstance(champion, Knowing):
            monkeypatch.setattr(reward, "differences", read_off)
            monkeypatch.setattr(
                reward,
                "value_lead",
                lambda model, difference, at: (
                    np.full(len(difference), np.nan) if model is None else model.sign * difference[:, 0]
                ),
            )
            monkeypatch.setattr(reward, "stated_probabilities", lambda model, difference: {})
        return run

    return give


# --- true preferences -------------------------------------------------------------------------------------------------


def test_a_model_that_knows_is_right_on_every_horizon_and_its_opposite_never(run_of):
    assert accuracies(values(reward.measured_reward(run_of(Knowing())))) == dict.fromkeys(HORIZONS, 1.0)
    assert accuracies(values(reward.measured_reward(run_of(Knowing(-1))))) == dict.fromkeys(HORIZONS, 0.0)


def test_dwell_and_length_are_measured_on_the_same_pairs(run_of):
    found = reward.measured_reward(run_of(Knowing()))
    assert accuracies(values(found, reward.DWELL)) == dict.fromkeys(HORIZONS, 1.0)
    assert accuracies(values(found, reward.LENGTH))["delayed_session"] < 0.1


def test_without_champion_battles_or_held_out_users_nothing_is_measured(run_of):
    found = reward.measured_reward(run_of(None))
    assert all(math.isnan(one.value) for one in found if one.method in ("loop", reward.SINGLE_TURN))
    found = reward.measured_reward(run_of(Knowing(), truth_turns=[], turns=[]))
    assert all(math.isnan(one.value) for one in found)


def test_five_kept_replies_follow_and_what_was_regenerated_is_none(run_of):
    rows = run_of(None).query(reward.REPLIES).to_pylist()
    first = [row for row in rows if row["user_id"] == HELD_OUT[0]]
    assert [row["delayed_session"] for row in first] == [0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11]
    assert first[0]["delayed_5"] == pytest.approx((0 + 1 + 2 + 3 + 4 + 6) / 6)
    assert first[-2]["delayed_5"] == pytest.approx(10.5)


def test_what_shows_at_a_glance_is_what_the_oracle_says(run_of):
    names = ("instant", "momentum", "payoff", "freshness", "consistency", "hollow", "satiety")
    parts = dict(zip(names, np.random.default_rng(2).random((7, 1)), strict=True))
    appraisal = Appraisal(Values(), cut=np.zeros(1, np.bool_), **parts)
    row = {"event_id": "e", "conversation_id": "c", "user_id": "u", "turn": 0, "regenerated": False}
    run = run_of(
        None,
        truth_turns=[row | {name: float(value[0]) for name, value in parts.items()}],
        turns=[{"event_id": "e", "reply_text": "yes", "shown_at": at(0)}],
    )
    assert run.query(reward.REPLIES).to_pylist()[0]["immediate"] == pytest.approx(float(appraisal.at_a_glance[0]))


# --- pairs ------------------------------------------------------------------------------------------------------------


def test_pairs_are_two_replies_of_one_conversation_of_a_held_out_user(run_of):
    chosen = held_out_choices(run_of(None).query(reward.REPLIES), np.random.default_rng(0), 500)
    a, b = (side.to_pylist() for side in chosen)
    assert len(a) == len(b) == 500
    assert {row["user_id"] for row in a} == set(HELD_OUT[:4])
    assert all(one["conversation_id"] == other["conversation_id"] for one, other in zip(a, b, strict=True))
    assert all(one["reply_text"] != other["reply_text"] for one, other in zip(a, b, strict=True))
    assert len({(one["reply_text"], other["reply_text"]) for one, other in zip(a, b, strict=True)}) > 100


def test_a_reply_alone_in_its_conversation_makes_no_pair(run_of):
    assert held_out_choices(run_of(None, **told(1)).query(reward.REPLIES), np.random.default_rng(0)).a.num_rows == 0


def test_who_is_held_out_is_as_in_training():
    found, _ = planted(300)
    held_out = set(split_by_user(found).held_out.users.tolist())
    everybody = sorted(set(found.users.tolist()))
    assert {user for user, out in zip(everybody, is_held_out(everybody), strict=True) if out} == held_out
    assert held_out


# --- figures ----------------------------------------------------------------------------------------------------------


def floats(*numbers) -> Floats:
    return np.array(numbers, np.float64)


def test_accuracy_counts_no_ties_of_the_truth_and_half_of_those_of_the_score():
    assert accuracy(floats(1, -2, 0, 5), floats(2, 3, 1, 0)) == pytest.approx(0.5)
    assert math.isnan(accuracy(floats(1, np.nan), floats(0, 1)))


def test_a_probability_that_comes_true_is_calibrated_and_one_that_does_not_is_off_by_the_distance():
    truth = floats(*[1] * 7, *[-1] * 3)
    assert calibration_error(np.full(10, 0.7), truth) == pytest.approx(0)
    assert calibration_error(np.full(10, 0.95), truth) == pytest.approx(0.25)
    assert calibration_error(floats(1.0, 0.0), floats(1, -1)) == 0
    assert math.isnan(calibration_error(floats(np.nan), floats(1)))


def test_a_head_that_was_not_learned_states_no_probability_and_the_reward_stands_in():
    linear = np.zeros((FEATURES, 3), np.float32)
    linear[0] = 1.0, -1.0, 5.0
    heads = tuple(
        Head(name, weight, 2.0, (0.0, 0.0, 0.0), 1.0) for name, weight in zip(HORIZONS, (1, 0.5, 0), strict=True)
    )
    model = RewardModel(
        ModelConfig("e", heads, 1.0, 1.0, 1.0, 2, "", "", 1.0),
        {"scale": np.ones(FEATURES, np.float32), "linear": linear},
    )
    difference = np.zeros((1, FEATURES), np.float32)
    difference[0, 0] = 3.0
    stated = reward.stated_probabilities(model, difference)
    assert np.isnan(stated["delayed_session"]).all()
    assert stated["immediate"][0] == pytest.approx(1 / (1 + np.exp(-1.5)))
    leads = [reward.value_lead(model, difference, at)[0] for at in range(3)]
    assert leads == pytest.approx([3.0, -3.0, 1.0 * 3.0 - 0.5 * 3.0])
    assert np.isnan(reward.value_lead(None, difference, 0)).all()


# --- the naive reward model -------------------------------------------------------------------------------------------


def test_the_single_turn_reward_learns_from_battles_alone_and_once(run_of):
    rows = [row | {"source": "battle"} for row in pair_rows(600)]
    flipped = {"A": "B", "B": "A"}
    misleading = [
        row | {"source": "tail", "pair_id": f"t{row['pair_id']}"} | {h: flipped.get(row[h], row[h]) for h in HORIZONS}
        for row in pair_rows(900, seed=3)
    ]
    run = run_of(None, preference_pairs=[_pair(row) for row in rows + misleading])
    model = reward.single_turn_reward(run)
    good, bad = model.score(["and then?"] * 2, ["lantern harbour comet orchard", "okay maybe whatever sure"])
    assert good > bad + 1
    assert reward.single_turn_reward(run_of(None)).version == model.version


def _pair(row):
    names = ("pair_id", "source", "user_id", "user_text_a", "user_text_b", "reply_a", "reply_b", *HORIZONS)
    return {name: row[name] for name in names}
