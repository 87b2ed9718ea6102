"""The flagd file, read by a real OpenFeature client from a real file."""

import json
import time
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openfeature import api
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext
from scipy.stats import chi2_contingency

from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.flagd import flag_file, publish, publish_if_stale
from evalloop_assets.serving.ledger import Ledger
from evalloop_assets.serving.state import Allocation, Epoch, Experiment
from evalloop_assets.serving.transitions import begin, promote, ramp, roll_back, start_experiment, stop
from evalloop_assets_tests.processes import PROCESSES

from .cases import NOON, after, change, one_experiment
from .pools import ended

NOTHING = {"model_id": "unserved"}
MANY = 10_000


def context(user, conversation, started_at=NOON):
    seconds = started_at.replace(tzinfo=UTC).timestamp() if isinstance(started_at, datetime) else started_at
    attributes = {"user_id": user, "conversation_id": conversation, "started_at": seconds}
    return EvaluationContext(targeting_key=conversation, attributes=attributes)


@contextmanager
def client_of(path, poll_ms=20):
    provider = FlagdProvider(resolver_type=ResolverType.FILE, offline_flag_source_path=str(path), deadline_ms=poll_ms)
    api.set_provider_and_wait(provider, domain=str(path))
    try:
        yield api.get_client(domain=str(path))
    finally:
        provider.shutdown()


@pytest.fixture
def serve(tmp_path):
    """Evaluates the flag under an allocation for many contexts."""

    def evaluate(allocation, contexts):
        path = tmp_path / "flags.json"
        path.write_text(json.dumps(flag_file(allocation)))
        with client_of(path) as client:
            return [client.get_object_value("serving", NOTHING, one) for one in contexts]

    return evaluate


def conversations(count=MANY, started_at=NOON, users=5_000):
    return [context(f"u{index % users}", f"c{index}", started_at) for index in range(count)]


def test_without_an_experiment_everybody_gets_the_champion(serve):
    assert serve(begin("old"), [context("u", "c")]) == [
        {"model_id": "old", "experiment_id": None, "arm": None, "unit": None, "propensity": None}
    ]


def test_the_value_says_what_the_log_must_know(serve):
    found = serve(one_experiment(25.0, user_share=20.0), conversations(4_000, users=4_000))
    kinds = {(one["unit"], one["arm"], one["model_id"], one["experiment_id"], one["propensity"]) for one in found}
    assert kinds == {
        ("conversation", "treatment", "new", "exp", 0.25),
        ("conversation", "control", "old", "exp", 0.75),
        ("user", "treatment", "new", "exp", 0.5),
        ("user", "control", "old", "exp", 0.5),
    }


def test_the_split_has_the_weights_it_promises(serve):
    found = serve(one_experiment(5.0, user_share=0.0), conversations())
    share = sum(one["arm"] == "treatment" for one in found) / MANY
    assert abs(share - 0.05) < 4 * (0.05 * 0.95 / MANY) ** 0.5


@pytest.mark.parametrize("ladder", [(1, 5, 25, 50, 100), (50, 5, 100)])
def test_running_conversations_keep_their_arm_through_every_ramp(serve, ladder):
    allocation = one_experiment(ladder[0], user_share=20.0)
    begun = conversations()
    before = serve(allocation, begun)
    assert {one["arm"] for one in before} == {"control", "treatment"}
    for step, weight in enumerate(ladder[1:], start=1):
        allocation = ramp(allocation, "exp", weight, after(step))
        assert serve(allocation, begun) == before


def test_later_conversations_get_the_later_weight(serve):
    allocation = ramp(one_experiment(5.0, user_share=0.0), "exp", 50.0, after(24))
    late = serve(allocation, conversations(started_at=after(24)))
    share = sum(one["arm"] == "treatment" for one in late) / MANY
    assert abs(share - 0.5) < 0.015
    assert {one["propensity"] for one in late} == {0.5}


def test_the_treated_stay_among_the_treated_when_a_ramp_widens(serve):
    narrow, wide = one_experiment(5.0, user_share=0.0), one_experiment(25.0, user_share=0.0)
    pairs = list(zip(serve(narrow, conversations()), serve(wide, conversations()), strict=True))
    assert all(later["arm"] == "treatment" for first, later in pairs if first["arm"] == "treatment")


def test_a_rollback_takes_the_candidate_from_running_conversations_too(serve):
    allocation = ramp(one_experiment(25.0), "exp", 100.0, after(1))
    rolled = roll_back(allocation, "exp", after(2))
    for started in (after(0.5), after(1.5), after(3)):
        assert {one["model_id"] for one in serve(rolled, conversations(2_000, started))} == {"old"}


def test_a_conversation_begun_before_the_experiment_is_not_in_it(serve):
    early = serve(one_experiment(100.0), conversations(200, after(-1)))
    assert {(one["model_id"], one["experiment_id"]) for one in early} == {("old", None)}


def test_a_promotion_reaches_new_conversations_and_leaves_running_ones_alone(serve):
    allocation = one_experiment(25.0, segment=(0, 50))
    promoted = promote(allocation, "exp", after(10))
    begun = conversations(2_000)
    assert serve(promoted, begun) == serve(allocation, begun)
    assert {one["model_id"] for one in serve(promoted, conversations(500, after(10)))} == {"new"}


def test_a_stop_leaves_running_conversations_alone_and_ends_new_exposure(serve):
    allocation = one_experiment(50.0)
    stopped = stop(allocation, "exp", after(10))
    begun = conversations(2_000)
    assert serve(stopped, begun) == serve(allocation, begun)
    assert {one["experiment_id"] for one in serve(stopped, conversations(500, after(10)))} == {None}


def test_users_randomised_by_user_have_one_arm_whatever_they_start_and_when(serve):
    allocation = ramp(one_experiment(1.0, user_share=30.0), "exp", 100.0, after(24))
    arms: dict[str, set] = {}
    layers: dict[str, set] = {}
    found = conversations(users=4_000)
    found += conversations(users=4_000, started_at=after(25))
    for one, value in zip(found, serve(allocation, found), strict=True):
        user = one.attributes["user_id"]
        layers.setdefault(user, set()).add(value["unit"])
        if value["unit"] == "user":
            arms.setdefault(user, set()).add(value["arm"])
    assert all(len(units) == 1 for units in layers.values())
    assert all(len(one) == 1 for one in arms.values())
    assert abs(len(arms) / 4_000 - 0.3) < 0.03


def test_layer_arm_and_segment_are_drawn_independently(serve):
    half = one_experiment(50.0, user_share=50.0, segment=(0, 50))
    whole = one_experiment(50.0, user_share=50.0)
    people = [context(f"u{index}", f"c{index}") for index in range(MANY)]
    inside, everybody = serve(half, people), serve(whole, people)
    enrolled = [one["experiment_id"] is not None for one in inside]
    assert abs(sum(enrolled) / MANY - 0.5) < 0.015
    for one, other in (
        (enrolled, [value["unit"] for value in everybody]),
        (enrolled, [value["arm"] for value in everybody]),
        ([value["unit"] for value in everybody], [value["arm"] for value in everybody]),
    ):
        table = [
            [sum(a == x and b == y for a, b in zip(one, other, strict=True)) for y in set(other)] for x in set(one)
        ]
        assert chi2_contingency(table).pvalue > 1e-4


def test_experiments_in_disjoint_segments_never_share_a_user(serve):
    first = one_experiment(50.0, segment=(0, 30))
    both = start_experiment(first, "other", "third", NOON, weight_percent=50, segment=(30, 100))
    people = conversations(10_000)
    alone, together = serve(first, people), serve(both, people)
    assert {one["experiment_id"] for one in together} == {"exp", "other"}
    assert all(b == a for a, b in zip(alone, together, strict=True) if a["experiment_id"] == "exp")


@pytest.mark.parametrize("missing", ["user_id", "conversation_id", "started_at"])
def test_a_context_that_lacks_something_gets_the_champion(serve, missing):
    one = context("u", "c")
    del one.attributes[missing]
    assert serve(one_experiment(100.0), [one])[0]["model_id"] == "old"


def test_ids_of_any_language_and_form_are_served(serve):
    odd = ["用户", "o'brien", 'a"b', "../x", "a/b", " ", "😀", "0"]
    found = serve(one_experiment(50.0), [context(user, user) for user in odd])
    assert {one["experiment_id"] for one in found} == {"exp"}


percents = st.integers(0, 100)


@settings(max_examples=40)
@given(st.lists(percents, min_size=1, max_size=5), percents, percents, st.integers(0, 99))
def test_every_variant_a_rule_can_name_exists(weights, share, user_weight, first):
    epochs = tuple(Epoch(after(k), weight) for k, weight in enumerate(weights))
    experiment = Experiment("e", "old", "new", (first, 100), share, epochs, user_weight)
    flag = flag_file(Allocation("old", (experiment,)))["flags"]["serving"]
    named = {word for word in words(flag["targeting"]) if word.startswith("e.")}
    assert named <= set(flag["variants"])
    for variant in flag["variants"].values():
        assert variant["propensity"] is None or 0 <= variant["propensity"] <= 1


def words(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from words(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from words(inner)


def test_publishing_is_idempotent_and_says_what_it_did(ledger, tmp_path):
    path = tmp_path / "deep" / "flags.json"
    with pytest.raises(UserError, match="empty"):
        publish(path, ledger)
    assert not publish_if_stale(path, ledger)
    ledger.begin("old", change("start", "first"))
    assert publish(path, ledger) == (1, True)
    assert publish(path, ledger) == (1, False)
    assert json.loads(path.read_text())["metadata"] == {"sequence": 1}
    assert [one.name for one in path.parent.iterdir()] == ["flags.json"]


@pytest.mark.parametrize("damage", [None, "", "{", '{"flags": {}}'])
def test_a_lost_or_damaged_file_is_published_again(ledger, tmp_path, damage):
    path = tmp_path / "flags.json"
    ledger.begin("old", change("start", "first"))
    publish(path, ledger)
    whole = path.read_text()
    path.unlink() if damage is None else path.write_text(damage)
    assert publish_if_stale(path, ledger)
    assert path.read_text() == whole


def test_a_client_follows_a_rollback_while_it_runs(ledger, tmp_path):
    path = tmp_path / "flags.json"
    ledger.begin("old", change("start", "first"))
    ledger.apply(change("start", "exp"), lambda state: start_experiment(state, "exp", "new", NOON, weight_percent=100))
    publish(path, ledger)
    people = conversations(200)
    with client_of(path) as client:
        assert any(client.get_object_value("serving", NOTHING, one)["model_id"] == "new" for one in people)
        ledger.apply(change("rollback", "r"), lambda state: roll_back(state, "exp", after(1)))
        publish(path, ledger)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            served = {client.get_object_value("serving", NOTHING, one)["model_id"] for one in people}
            if served == {"old"}:
                break
            time.sleep(0.02)
        assert served == {"old"}


def widen_and_publish(url, path, step):
    ledger = Ledger(url)

    def wider(state):
        latest = state.experiment("exp").epochs[-1]
        return ramp(state, "exp", latest.weight_percent + 1, latest.starts_at + (after(1) - NOON))

    ledger.apply(change("ramp", f"w{step}"), wider)
    publish(path, ledger)
    ledger.close()


def test_publishers_that_overtake_each_other_leave_the_newest_entry(ledger, tmp_path):
    path = tmp_path / "flags.json"
    ledger.begin("old", change("start", "first"))
    ledger.apply(change("start", "exp"), lambda state: start_experiment(state, "exp", "new", NOON, weight_percent=1))
    url = ledger._engine.url.render_as_string(hide_password=False)
    with PROCESSES.Pool(4) as pool:
        pool.starmap(widen_and_publish, [(url, path, step) for step in range(24)])
        ended(pool)
    assert json.loads(path.read_text()) == flag_file(ledger.head().allocation, 26)
