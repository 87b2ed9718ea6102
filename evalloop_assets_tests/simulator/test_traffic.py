"""A real OpenFeature client on real flagd files."""

import json
from datetime import datetime
from pathlib import Path

import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.flagd import flag_file
from evalloop_assets.serving.state import Allocation, Epoch, Experiment
from evalloop_assets.simulator.traffic import Assignment, published_flags

NOON = datetime(2026, 3, 2, 12)


def published(path: Path, allocation: Allocation) -> Path:
    path.write_text(json.dumps(flag_file(allocation)), encoding="utf-8")
    return path


def experiment(user_share: float, weight: float) -> Allocation:
    epochs = (Epoch(datetime(2026, 3, 2), weight),)
    return Allocation("incumbent", (Experiment("exp-1", "incumbent", "padded", (0, 100), user_share, epochs),))


def asked(path: Path, users: int, conversations: int = 1) -> list[list[Assignment]]:
    with published_flags(path) as flags:
        return [
            [flags.resolve(f"u-{user}", f"c-{user}-{number}", NOON) for number in range(conversations)]
            for user in range(users)
        ]


def test_without_experiment_everybody_gets_the_champion(tmp_path):
    answers = asked(published(tmp_path / "flags.json", Allocation("incumbent")), 5)
    assert answers == [[Assignment("incumbent")]] * 5


def test_a_user_keeps_the_arm_in_a_user_randomised_experiment(tmp_path):
    answers = asked(published(tmp_path / "flags.json", experiment(100, 0)), 400, 3)
    assert all(len(set(each)) == 1 for each in answers)
    treated = [each[0] for each in answers if each[0].arm == "treatment"]
    assert 150 < len(treated) < 250
    assert set(treated) == {Assignment("padded", "exp-1", "treatment", "user", 0.5)}


def test_conversations_of_a_user_are_split_with_the_weight_of_the_epoch(tmp_path):
    answers = [one for each in asked(published(tmp_path / "flags.json", experiment(0, 25)), 200, 4) for one in each]
    treated = [one for one in answers if one.arm == "treatment"]
    assert 140 < len(treated) < 260
    assert {one.propensity for one in treated} == {0.25}
    assert {one.unit for one in answers} == {"conversation"}


def test_the_flags_are_those_of_the_beginning_and_the_next_client_sees_the_new_ones(tmp_path):
    path = published(tmp_path / "flags.json", Allocation("incumbent"))
    with published_flags(path) as flags:
        published(path, Allocation("ref-rich"))
        assert flags.resolve("u", "c", NOON).model_id == "incumbent"
    assert asked(path, 1) == [[Assignment("ref-rich")]]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "there is none"),
        ('{"flags": {}}', "FLAG_NOT_FOUND"),
        ('{"flags": {"serv', "cannot read it"),
        ("[]", "cannot read it"),
        (
            '{"flags": {"serving": {"state": "ENABLED", "variants": {"a": {"arm": "x"}}, "defaultVariant": "a"}}}',
            "names no model",
        ),
    ],
)
def test_a_broken_flag_file_is_named(tmp_path, content, why):
    path = tmp_path / "flags.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")

    def ask() -> None:
        with published_flags(path) as flags:
            flags.resolve("u", "c", NOON)

    with pytest.raises(UserError, match=why) as caught:
        ask()
    assert str(path) in str(caught.value)
