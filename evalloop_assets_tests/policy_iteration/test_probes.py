import numpy as np
import pytest

from evalloop_assets.policy_iteration.probes import Probed, ProbeLimits, Speech, broken_limits, probed
from evalloop_assets.policy_iteration.safety import read_safety_words

LIMITS = ProbeLimits(
    least_gain=0.0, kl=0.5, length_ratio=1.5, repetition_gain=0.05, validity_loss=0.05, novelty_gain=0.3
)
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
    assert (found.length_ratio, found.repetition_gain, found.novelty) == (1, 0, 0)
    assert (found.valid, found.valid_reference) == (1, 1)
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
    assert found.valid == pytest.approx(39 / 40)


def test_nothing_said_at_all_is_refused():
    nothing = np.full(40, np.nan)
    found = probed(USERS, ["en"] * 40, Speech([""] * 40, nothing), Speech(SHOWN, nothing), SHOWN, WORDS)
    told = "; ".join(broken_limits(found, LIMITS))
    assert "reward gain" in told
    assert "times as long" in told
    assert "well-formed" in told
