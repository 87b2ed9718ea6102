"""Signed webhooks to a real receiver, and the allocation for other routers."""

import hashlib
import hmac
import json
import re
import time

import pytest
from pydantic import SecretStr

from evalloop_assets.serving.flagd import flag_file
from evalloop_assets.serving.ledger import Ledger
from evalloop_assets.serving.outbox import Outbox, Undelivered
from evalloop_assets.serving.routers import offer_allocation, router_channels, tell_routers
from evalloop_assets.serving.transitions import ramp, roll_back, start_experiment
from evalloop_assets.serving.webhook import REPLAY_SECONDS, is_authentic, webhook
from evalloop_assets.settings import Settings, WebhookSettings
from evalloop_assets_tests.homes import ROOT
from evalloop_assets_tests.postgresql import free_port
from evalloop_assets_tests.receiver import SECRET, receiving

from .cases import NOON, after, change

KEY = "a shared secret"
SENT_AT = 1_772_366_400


@pytest.fixture
def receiver():
    with receiving() as one:
        yield one


@pytest.fixture
def message(tmp_path):
    outbox = Outbox(f"sqlite:///{tmp_path}/outbox.sqlite")
    outbox.put("incident-1-opened", "incident-1", ["a"], {"event": "opened", "title": "Füße"}, NOON)
    return outbox.claim(["a"], NOON)


@pytest.fixture
def settings(tmp_path, receiver):
    return Settings(home=tmp_path, webhooks=WebhookSettings(routers=SecretStr(receiver.url), secret=SecretStr(KEY)))


@pytest.fixture
def served(settings):
    ledger = Ledger(settings.ledger_url)
    ledger.begin("old", change("start", "first"))
    ledger.apply(change("start", "exp"), lambda state: start_experiment(state, "exp", "new", NOON, weight_percent=5))
    return ledger


def test_the_signature_is_the_documented_one(receiver, message):
    webhook(receiver.url, KEY, lambda: SENT_AT + 0.9)(message)
    (got,) = receiver.got
    assert got.json == {"key": "incident-1-opened", "event": "opened", "title": "Füße"}
    assert (got.headers["Evalloop-Key"], got.headers["Evalloop-Timestamp"]) == ("incident-1-opened", str(SENT_AT))
    expected = hmac.new(KEY.encode(), f"{SENT_AT}.".encode() + got.body, hashlib.sha256).hexdigest()
    assert got.headers["Evalloop-Signature"] == f"v1={expected}"
    assert is_authentic(KEY, got.headers, got.body, SENT_AT + REPLAY_SECONDS)


@pytest.mark.parametrize(
    ("forge", "seconds_later"),
    [
        (lambda headers, body: (headers, body + b" "), 0),
        (lambda headers, body: (headers | {"Evalloop-Timestamp": str(SENT_AT + 1)}, body), 0),
        (lambda headers, body: (headers | {"Evalloop-Timestamp": "now"}, body), 0),
        (lambda headers, body: (headers | {"Evalloop-Signature": "v1=ö"}, body), 0),
        (lambda headers, body: ({}, body), 0),
        (lambda headers, body: (headers, body), REPLAY_SECONDS + 1),
        (lambda headers, body: (headers, body), -REPLAY_SECONDS - 1),
    ],
)
def test_what_is_forged_or_replayed_is_not_authentic(receiver, message, forge, seconds_later):
    webhook(receiver.url, KEY, lambda: SENT_AT)(message)
    (got,) = receiver.got
    headers, body = forge(got.headers, got.body)
    assert not is_authentic(KEY, headers, body, SENT_AT + seconds_later)
    assert not is_authentic("another secret", got.headers, got.body, SENT_AT)


def test_the_receiver_of_the_documentation_knows_what_is_ours(receiver, message):
    [code] = re.findall(r"```python\n(.+?)```", (ROOT / "docs" / "webhooks.md").read_text(encoding="utf-8"), re.DOTALL)
    documented: dict = {}
    exec(code, documented)  # noqa: S102 - the page's own code
    webhook(receiver.url, KEY, time.time)(message)
    (got,) = receiver.got
    assert documented["is_authentic"](KEY.encode(), got.headers, got.body)
    assert not documented["is_authentic"](b"another", got.headers, got.body)
    late = got.headers | {"Evalloop-Timestamp": str(int(time.time()) - REPLAY_SECONDS - 1)}
    assert not documented["is_authentic"](KEY.encode(), late, got.body)


@pytest.mark.parametrize("status", [302, 404, 500])
def test_an_answer_other_than_success_is_no_delivery(receiver, message, status):
    receiver.status = status
    with pytest.raises(Undelivered, match=f"^the receiver answered {status}$"):
        webhook(receiver.url, KEY, lambda: SENT_AT)(message)


@pytest.mark.parametrize(
    ("url", "secret", "why"),
    [
        ("http://127.0.0.1:{port}/" + SECRET, KEY, "cannot be reached"),
        ("file:///etc/passwd", KEY, "no http or https URL"),
        ("http://" + SECRET + "@[/", KEY, "cannot be reached"),
        ("http://127.0.0.1:{port}/" + SECRET, "", "EVALLOOP_WEBHOOKS__SECRET is not set"),
    ],
)
def test_why_it_was_not_delivered_tells_no_secret(message, url, secret, why):
    with pytest.raises(Undelivered, match=why) as refused:
        webhook(url.replace("{port}", str(free_port())), secret, lambda: SENT_AT)(message)
    assert SECRET not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_receiver_that_does_not_answer_is_given_up(receiver, message, monkeypatch):
    monkeypatch.setattr("evalloop_assets.serving.webhook.ANSWER_SECONDS", 0.2)
    receiver.delay = 1
    with pytest.raises(Undelivered, match=r"no answer within 0\.2 s"):
        webhook(receiver.url, KEY, lambda: SENT_AT)(message)


def test_routers_get_the_newest_allocation_once_after_each_change(settings, served, receiver):
    for _ in range(2):
        tell_routers(settings, served)
    served.apply(change("rollback", "r", after(1)), lambda state: roll_back(state, "exp", after(1)))
    tell_routers(settings, served)
    assert [got.json["sequence"] for got in receiver.got] == [2, 3]
    assert receiver.got[-1].json["flags"] == flag_file(served.head().allocation, 3)
    assert [got.headers["Evalloop-Key"] for got in receiver.got] == ["allocation-2", "allocation-3"]


def test_a_router_that_was_down_gets_only_the_newest_when_it_is_back(settings, served, receiver):
    receiver.status = 500
    (attempt,) = tell_routers(settings, served, lambda: NOON)
    assert attempt.error == "the receiver answered 500"
    served.apply(change("ramp", "w", after(1)), lambda state: ramp(state, "exp", 25, after(1)))
    receiver.status = 200
    assert [one.error for one in tell_routers(settings, served, lambda: after(1))] == [None]
    assert [got.json["sequence"] for got in receiver.got] == [2, 3]
    assert tell_routers(settings, served, lambda: after(9)) == []


def test_of_two_that_overtake_each_other_the_last_leaves_the_newest_entry(settings, served):
    channels = router_channels(settings)

    class Overtaken(Ledger):
        """Somebody else changes the ledger, and offers that, right after it was read."""

        def head(self):
            found = super().head()
            if found.sequence == 2:
                served.apply(change("ramp", "w", after(1)), lambda state: ramp(state, "exp", 25, after(1)))
                offer_allocation(outbox, served, channels, NOON)
            return found

    outbox = Outbox(settings.ledger_url)
    offer_allocation(outbox, Overtaken(settings.ledger_url), channels, NOON)
    assert [one.key for one in outbox.waiting()] == ["allocation-3"]
    outbox.close()


def test_neither_the_database_nor_the_settings_tell_the_address_or_the_secret(settings, served, receiver):
    receiver.status = 500
    tell_routers(settings, served)
    held = b"".join(path.read_bytes() for path in settings.home.glob("ledger.sqlite*"))
    assert b"allocation-2" in held
    told = [held.decode(errors="replace"), repr(settings), json.dumps(settings.model_dump(mode="json"))]
    assert not [text for text in told if SECRET in text or KEY in text]
