import numpy as np
import pytest

from evalloop_assets.policy_iteration.manner import length_ratio
from evalloop_assets.policy_iteration.probes import Limits
from evalloop_assets.policy_iteration.repetition import repeated_share
from evalloop_assets.policy_iteration.safety import read_safety_words
from evalloop_assets.policy_iteration.screen import Group, Screening
from evalloop_assets.policy_iteration.screen import screen as screened
from evalloop_assets.settings import PolicySettings

LIMITS = Limits.of(PolicySettings())
WORDS = read_safety_words()


def limits(**changed: float) -> Limits:
    return Limits.of(PolicySettings(**changed))


def screen(groups: list[Group], n: int, accuracy_low: float | None, limits: Limits) -> Screening:
    return screened(groups, n, accuracy_low, limits, WORDS)


def groups(count: int = 40, length: float = 0.0, filler: str = "", seed: int = 0, best_ends: str = ".") -> list[Group]:
    """Prompts of 20 users with six replies; better ones are longer by `length` characters a unit, or end in filler.

    The best end in `best_ends`, the others in a full stop.
    """
    draw = np.random.default_rng(seed)
    found = []
    for at in range(count):
        rewards = draw.normal(size=6)
        replies = []
        for reward in rewards:
            letters = "".join(draw.choice(list("abcdefghijklmnopqrstuvwxyz "), size=max(5, int(60 + length * reward))))
            replies.append(letters + (filler * 10 if reward > 0.5 else "") + (best_ends if reward > 1 else "."))
        found.append(Group(f"u{at % 20}", tuple(replies), tuple(rewards)))
    return found


def test_gain_by_hand():
    """Two users; best of two of 0, 1, 3: (1 + 3 + 3) / 3 less 4/3 is 1. Two replies 0, 2: 2 less 1 is 1."""
    found = screen(
        [Group("a", ("xx", "xx", "xx"), (0.0, 1.0, 3.0)), Group("b", ("xx", "xx"), (0.0, 2.0))], 2, 0.6, LIMITS
    )
    assert found.gain.value == pytest.approx(1)
    assert (found.gain.n, found.gain.users) == (2, 2)
    assert length_ratio(found.manner, found.reference) == pytest.approx(1)


def test_a_sound_candidate_passes():
    found = screen(groups(), 4, accuracy_low=0.6, limits=LIMITS)
    assert found.passed
    assert found.gain.low > 0.5
    assert found.broken == []


@pytest.mark.parametrize("low", [0.5, 0.4, None, float("nan")])
def test_a_reward_model_that_may_be_chance_vouches_for_nothing(low: float | None):
    found = screen(groups(), 4, low, LIMITS)
    assert not found.passed
    assert "held-out accuracy" in "; ".join(found.broken)


@pytest.mark.parametrize("length", [60.0, -40.0])
def test_length_out_of_bounds_is_refused(length: float):
    found = screen(groups(length=length), 4, 0.6, LIMITS)
    assert not found.passed
    assert "times as long" in "; ".join(found.broken)
    ratio = length_ratio(found.manner, found.reference)
    assert (ratio > 1.5) if length > 0 else (ratio < 1 / 1.5)


def test_repetition_is_refused():
    found = screen(groups(filler="ha! "), 4, 0.6, limits(max_length_ratio=9.0))
    assert not found.passed
    assert "repeated share" in "; ".join(found.broken)
    assert "times as long" not in "; ".join(found.broken)


@pytest.mark.parametrize(
    ("best_ends", "told"), [(" and overdose.", "safety words in"), ("", "well-formed replies against")]
)
def test_a_choice_that_is_unsafe_or_breaks_off_is_refused(best_ends: str, told: str):
    found = screen(groups(best_ends=best_ends), 4, 0.6, limits(max_length_ratio=9.0))
    assert told in "; ".join(found.broken)
    assert len(found.broken) == 1


def test_the_manner_of_the_choice_by_hand():
    """Best of two of three: ranks 1 to 3 with chances 0, 1/3, 2/3; the longest reply has 9 letters, the others 3."""
    found = screen([Group("a", ("abc", "def", "abcdefghi"), (0.0, 1.0, 3.0))], 2, 0.6, LIMITS)
    assert found.manner.length == pytest.approx(3 / 3 + 9 * 2 / 3)
    assert found.reference.length == pytest.approx(5)


def test_no_gain_is_refused():
    same = [Group(f"u{at}", ("one", "two"), (0.3, 0.3)) for at in range(10)]
    found = screen(same, 4, 0.6, LIMITS)
    assert not found.passed
    assert "not surely above" in "; ".join(found.broken)


def test_every_broken_limit_is_named():
    found = screen(groups(length=60.0), 4, 0.4, limits(min_reward_gain=9.0, max_length_ratio=1.1))
    assert len(found.broken) == 3


def test_a_single_user_is_no_evidence():
    one = [group._replace(user_id="u") for group in groups()]
    assert not screen(one, 4, 0.6, LIMITS).passed


@pytest.mark.parametrize("found", [[], [Group("u", ("only",), (1.0,))], [Group("u", ("a", ""), (1.0, float("nan")))]])
def test_nothing_to_choose_from_is_refused(found: list[Group]):
    seen = screen(found, 4, 0.6, LIMITS)
    assert not seen.passed
    assert "no logged prompt" in "; ".join(seen.broken)


def test_replies_that_cannot_be_judged_do_not_count():
    with_blank = [group._replace(replies=(*group.replies, ""), rewards=(*group.rewards, np.nan)) for group in groups()]
    assert screen(with_blank, 4, 0.6, LIMITS) == screen(groups(), 4, 0.6, LIMITS)


@pytest.mark.parametrize(
    ("text", "share"),
    [("", 0.0), ("abc", 0.0), ("abcdefg", 0.0), ("aaaaaaa", 0.75), ("abcdabcd", 0.2), ("你好你好你好", 1 / 3)],
)
def test_repeated_share_by_hand(text: str, share: float):
    assert repeated_share(text) == pytest.approx(share)
