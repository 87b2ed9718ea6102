"""100,000 conversations through a whole ramp: each keeps its arm, a third arm comes, a rollback takes one out.

Every published file is read for all of them by our own reading, and a real OpenFeature client has to agree with it on a
sample.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from evalloop_assets.serving.flagd import flag_file, publish
from evalloop_assets.serving.ledger import Ledger
from evalloop_assets.serving.transitions import ramp, roll_back, start_experiment

from .cases import NOON, after, change, one_experiment
from .flag_reading import Conversations, begun, joined, models, variants
from .test_flagd import NOTHING, client_of, context

LADDER = (1, 5, 25, 50, 100)
EACH = 20_000
"""Conversations that begin at each rung."""
SAMPLE = 1_250


class Step(NamedTuple):
    """One published file, and the conversations begun so far."""

    file: dict
    conversations: Conversations


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def agrees_with_a_real_client(path, conversations: Conversations) -> None:
    sample = conversations.part(np.linspace(0, len(conversations.ids) - 1, SAMPLE).astype(int))
    file = json.loads(path.read_text())
    with client_of(path) as client:
        for user, one, started, name in zip(*sample, variants(file, sample), strict=True):
            asked = context(str(user), str(one), moment(started))
            assert client.get_object_value("serving", NOTHING, asked) == file["flags"]["serving"]["variants"][name]


def changes() -> Iterator:
    """`exp` on users 0-60% up the ladder, `third` on the others, and `exp` rolled back."""
    yield lambda state: start_experiment(
        state, "exp", "new", after(0), weight_percent=LADDER[0], user_share=20, segment=(0, 60)
    )
    for hour, weight in enumerate(LADDER[1:], start=1):
        yield partial(ramp, experiment_id="exp", weight_percent=weight, at=after(hour))
    yield lambda state: start_experiment(
        state, "third", "newest", after(5), weight_percent=50, user_share=20, segment=(60, 100)
    )
    yield lambda state: roll_back(state, "exp", after(6))


@pytest.fixture(scope="module")
def steps(tmp_path_factory) -> list[Step]:
    home = tmp_path_factory.mktemp("ramps")
    ledger, path = Ledger(f"sqlite:///{home}/ledger.sqlite"), home / "flags.json"
    ledger.begin("old", change("start", "first"))
    found, so_far = [], begun(0, 0, NOON)
    for hour, transition in enumerate(changes()):
        ledger.apply(change("ramp", f"step {hour}", after(hour)), transition)
        publish(path, ledger)
        so_far = joined(so_far, begun(hour * EACH, (hour + 1) * EACH, after(hour)))
        agrees_with_a_real_client(path, so_far)
        found.append(Step(json.loads(path.read_text()), so_far))
    ledger.close()
    return found


def test_every_conversation_keeps_its_arm_through_every_rung_and_when_a_third_arm_comes(steps):
    *ramps, third, _ = steps
    assert len(ramps[-1].conversations.ids) == 100_000
    for rung, step in enumerate(ramps):
        mine = step.conversations.part(slice(rung * EACH, None))
        at_first = variants(step.file, mine)
        arms = {name.rpartition(".")[2] for name in at_first}
        assert arms == {"champion", "control", "treatment"}
        for later in [*ramps[rung + 1 :], third]:
            kept = variants(later.file, mine) == at_first
            assert kept.mean() == 1.0


def test_each_rung_gives_new_conversations_its_weight_and_the_third_arm_its_own(steps):
    *ramps, third, _ = steps
    for rung, (step, weight) in enumerate(zip(ramps, LADDER, strict=True)):
        names = variants(step.file, step.conversations.part(slice(rung * EACH, None)))
        treated = np.char.endswith(names, f"conversation.{rung}.treatment")
        control = np.char.endswith(names, f"conversation.{rung}.control")
        share, expected = treated.sum() / (treated.sum() + control.sum()), weight / 100
        assert abs(share - expected) <= 4 * (expected * (1 - expected) / (0.48 * EACH)) ** 0.5
        by_user = np.char.find(names, "exp.user") == 0
        assert abs(by_user.mean() - 0.6 * 0.2) < 0.012
    served = models(third.file, third.conversations.part(slice(5 * EACH, None)))
    assert {name: round(float((served == name).mean()), 1) for name in ("old", "new", "newest")} == {
        "old": 0.3, "new": 0.5, "newest": 0.2,
    }  # fmt: skip


def test_a_rollback_takes_the_candidate_from_every_conversation_and_leaves_the_third_arm_alone(steps):
    third, rolled = steps[-2:]
    before, after_it = models(third.file, third.conversations), models(rolled.file, third.conversations)
    assert (before == "new").sum() > 20_000
    assert not (after_it == "new").any()
    assert ((before == "newest") == (after_it == "newest")).all()
    assert set(after_it[before == "new"]) == {"old"}


def test_the_arm_by_user_is_independent_of_the_arm_by_conversation():
    people = begun(0, 100_000, NOON)
    by_user, by_conversation = (
        models(flag_file(one_experiment(50.0, user_share=share)), people) == "new" for share in (100.0, 0.0)
    )
    table = [[(by_user & by_conversation).sum(), (by_user & ~by_conversation).sum()]]
    table.append([(~by_user & by_conversation).sum(), (~by_user & ~by_conversation).sum()])
    assert chi2_contingency(table).pvalue > 1e-4
    assert abs(by_user.mean() - 0.5) < 0.007
