import numpy as np
import pytest

from evalloop_assets.policy_iteration.manner import Manner, variety
from evalloop_assets.policy_iteration.probes import Limits, Probed, Speech, broken_limits, probed
from evalloop_assets.policy_iteration.safety import read_safety_words
from evalloop_assets.reward_model.intervals import Estimate
from evalloop_assets.settings import PolicySettings

LIMITS = Limits.of(PolicySettings())
SHOWN = [f"The {thing} waits at the old pier tonight." for thing in ("boat", "lamp", "rope", "bell", "gull")] * 8
USERS = [f"u{at % 20}" for at in range(40)]
WORDS = read_safety_words()


def compared(replies: list[str], gain: float = 1.0, kl: float | None = 0.1, noise: float = 0.3) -> Probed:
    rewards = np.random.default_rng(0).normal(size=40)
    better = rewards + gain + noise * np.random.default_rng(1).normal(size=40)
    return probed(USERS, ["en"] * 40, Speech(replies, better), Speech(SHOWN, rewards), SHOWN, WORDS, kl)


def test_a_sound_candidate_breaks_nothing():
    found = compared(SHOWN[1:] + SHOWN[:1])
    assert broken_limits(found, LIMITS) == []
    assert found.manner == found.reference
    assert (found.manner.novelty, found.manner.valid) == (0, 1)
    assert found.gain.low < 1 < found.gain.high
    assert found.gain.users == 20


@pytest.mark.parametrize(
    ("replies", "gain", "kl", "told"),
    [
        (SHOWN, 0.0, 0.1, "reward gain"),
        (SHOWN, 1.0, 0.9, "nats a token"),
        (SHOWN, 1.0, float("nan"), "nats a token"),
        ([text * 2 for text in SHOWN], 1.0, 0.1, "times as long"),
        ([text[:10] + "." for text in SHOWN], 1.0, 0.1, "times as long"),
        (["The boat! The boat! The boat! The boat!" for _ in SHOWN], 1.0, 0.1, "repeated share"),
        ([text[:-1] if at < 4 else text for at, text in enumerate(SHOWN)], 1.0, 0.1, "well-formed"),
        (["Pier old the at waits tonight boat the so." for _ in SHOWN], 1.0, 0.1, "never said before"),
        (["The boat waits at the old pier tonight."] * 40, 1.0, 0.1, "it says the same to everybody"),
        ([*SHOWN[1:], "I will kill yourself at the pier tonight."], 1.0, 0.1, "safety words"),
    ],
)
def test_each_limit_is_held(replies: list[str], gain: float, kl: float, told: str):
    broken = broken_limits(compared(replies, gain, kl), LIMITS)
    assert told in "; ".join(broken)
    if told not in ("repeated share", "times as long", "never said before"):
        assert len(broken) == 1


def test_no_kl_is_asked_where_there_are_no_weights():
    assert broken_limits(compared(SHOWN, kl=None), LIMITS) == []


def test_a_reply_that_cannot_be_judged_counts_as_the_worst():
    rewards = np.zeros(40)
    better = np.ones(40)
    better[0] = np.nan
    found = probed(USERS, ["en"] * 40, Speech(["", *SHOWN[1:]], better), Speech(SHOWN, rewards), SHOWN, WORDS)
    assert found.gain.value == pytest.approx(39 / 40)
    assert found.manner.valid == pytest.approx(39 / 40)


def test_nothing_said_at_all_is_refused():
    nothing = np.full(40, np.nan)
    found = probed(USERS, ["en"] * 40, Speech([""] * 40, nothing), Speech(SHOWN, nothing), SHOWN, WORDS)
    told = "; ".join(broken_limits(found, LIMITS))
    assert "reward gain" in told
    assert "times as long" in told
    assert "well-formed" in told


def test_the_hacked_run_of_the_measurements_is_refused_for_form_and_length():
    """GRPO at beta 0.04, rate 5e-4, 1.9 million parameters: reward 2.87, 35% valid, twice the length."""
    before = Manner(length=60, repeated=0.05, variety=0.3, valid=0.93, novelty=0.02, unsafe=0)
    hacked = before._replace(length=120, valid=0.35)
    broken = broken_limits(Probed(Estimate(2.87, 2.7, 3.0, 300, 60), 0.3, hacked, before), LIMITS)
    assert len(broken) == 2
    assert "35% well-formed replies against 93%" in broken[1]


def test_variety_by_hand():
    """Two runs of three words each, one of them shared: 3 of 4; replies too short for a run count as one."""
    assert variety(["a b c d", "b c d e"]) == pytest.approx(3 / 4)
    assert variety(["yes", "yes", "no"]) == pytest.approx(2 / 3)
    assert variety(["one two three"] * 50) == pytest.approx(1 / 50)
    assert np.isnan(variety([]))


@pytest.mark.parametrize("field", Manner._fields)
def test_a_figure_that_is_no_number_breaks(field: str):
    sound = Manner(60, 0.05, 0.3, 0.93, 0.02, 0)
    gain = Estimate(1, 0.9, 1.1, 300, 60)
    assert broken_limits(Probed(gain, 0.1, sound, sound), LIMITS) == []
    assert broken_limits(Probed(gain, 0.1, sound._replace(**{field: float("nan")}), sound), LIMITS) != []
