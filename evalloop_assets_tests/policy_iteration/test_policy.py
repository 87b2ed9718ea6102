import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.policy_iteration.candidates import Served, arm_candidate
from evalloop_assets.policy_iteration.policy import BestOf, load_policy
from evalloop_assets.policy_iteration.prompts import Prompt
from evalloop_assets.policy_iteration.rewarding import Rewards
from evalloop_assets.settings import ArmSettings, Settings
from evalloop_assets_tests.policy_iteration.tiny import base_model, small_rewards
from evalloop_assets_tests.reward_model.world import DAY

ASKED = [Prompt("and then?", (), "", "en"), Prompt("where are we", (), "", "en")]


class Scripted:
    """Says line `seed` of its script."""

    name = "scripted"

    def __init__(self, *lines: str) -> None:
        self.lines = lines

    def reply(self, prompts: Sequence[Prompt], seed: int) -> list[str]:
        return [self.lines[seed]] * len(prompts)


@pytest.fixture(scope="module")
def rewards() -> Rewards:
    return small_rewards()


def test_the_best_of_n_is_what_the_reward_likes(rewards: Rewards):
    base = Scripted("okay whatever stuff", "lantern comet violin", "", "thing basically")
    assert BestOf("best", base, 4, rewards).reply(ASKED, 0) == ["lantern comet violin"] * 2
    assert BestOf("best", base, 2, rewards).reply(ASKED, 2) == ["thing basically"] * 2, "an empty reply is never chosen"


def test_what_was_said_before_counts(rewards: Rewards):
    """What repeats the replies of the last minutes is worth less; without their times nobody can tell."""
    again, fresh = "lantern comet violin meadow ribbon", "orchard harbour saffron compass cascade"
    base = Scripted(again, fresh)
    told = Prompt("and then?", ("tell me more", again) * 3, "", "en", (180.0, 120.0, 60.0))
    turned = told._replace(history=("tell me more", fresh) * 3)
    assert BestOf("best", base, 2, rewards).reply([told, turned], 0) == [fresh, again]
    unknown = [told._replace(seconds=()), turned._replace(seconds=())]
    assert len(set(BestOf("best", base, 2, rewards).reply(unknown, 0))) == 1


def test_where_nothing_can_be_judged_the_first_is_taken(rewards: Rewards):
    assert BestOf("best", Scripted("", " "), 2, rewards).reply(ASKED, 0) == ["", ""]
    assert BestOf("best", Scripted("", " "), 2, rewards).reply([], 0) == []


def test_an_arm_speaks_by_its_own_settings(tmp_path: Path):
    arm = ArmSettings(model=str(base_model(tmp_path)), temperature=0, max_reply_tokens=12, system="Be brief.")
    row = arm_candidate(Served("incumbent", None, None, 0), arm, DAY)._asdict()
    assert json.loads(row["settings"])["system"] == "Be brief."
    policy = load_policy(Settings(home=tmp_path), row)
    assert policy.reply(ASKED, 1) == policy.reply(ASKED, 2), "temperature 0 draws nothing"
    assert policy.decoding.system == "Be brief."


def test_best_of_n_needs_somebody_who_draws():
    row = {"kind": "best_of_n", "model_id": "b", "base_model_id": "incumbent", "n": 4, "reward_version": "v"}
    with pytest.raises(UserError, match="incumbent, which only the product can draw"):
        load_policy(Settings(), row)
