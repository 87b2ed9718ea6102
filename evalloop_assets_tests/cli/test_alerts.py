"""`evalloop alerts …` and what `evalloop status` says of incidents."""

from datetime import datetime, timedelta

import pytest

from evalloop_assets.guardrails.alerts import tell
from evalloop_assets.guardrails.channels import alert_channels
from evalloop_assets.guardrails.examples import digest, redacted
from evalloop_assets.guardrails.stores import open_stores
from evalloop_assets.serving.ledger import utc_now
from evalloop_assets.serving.outbox import deliver
from evalloop_assets.settings import Settings
from evalloop_assets_tests.cli.conftest import line
from evalloop_assets_tests.guardrails.test_alerts import BLIND, GAMING
from evalloop_assets_tests.guardrails.world import an_empty_world
from evalloop_assets_tests.postgresql import free_port
from evalloop_assets_tests.receiver import SECRET


@pytest.fixture
def incident(home):
    """Opens one, as the alert sensor does."""

    def open_one(content=BLIND, kind="no_data", at=None):
        with open_stores(Settings()) as stores:
            stores.incidents.open(content["experiment_id"], kind, content["reading_id"], content, at or utc_now())

    return open_one


def told(settings):
    """What a tick does after it has looked at the readings."""
    with open_stores(settings) as stores:
        channels = alert_channels(settings)
        tell(*stores, channels, settings.alerts, utc_now(), lambda _: None)
        return deliver(stores.outbox, channels, utc_now)


def test_nothing_to_tell(evalloop, home):
    assert "no incident is open" in evalloop("alerts", "list").printed
    assert "no incident" in evalloop("alerts", "list", "--all").printed
    printed = evalloop("status").printed
    assert "incidents 0 open" in printed
    assert "alerts go nowhere: set EVALLOOP_ALERTS__URLS" in printed


@pytest.mark.parametrize(
    "arguments", [("show", 4), ("ack", 4), ("silence", 4), ("resolve", 4, "--reason", "no such thing")]
)
def test_an_incident_that_there_is_not(evalloop, home, arguments):
    said = line(evalloop("alerts", *arguments))
    assert said == "incident 4: there is none. See them all: evalloop alerts list --all"


@pytest.mark.parametrize("arguments", [("ack", "one"), ("silence", 1, "--hours", -1), ("resolve", 1)])
def test_wrong_arguments_are_told_before_anything_is_done(evalloop, incident, arguments):
    incident()
    said = evalloop("alerts", *arguments)
    assert said.status == 2
    assert "Traceback" not in said.complained
    assert " open " in evalloop("alerts", "list").printed


def test_the_life_of_an_incident_in_commands(evalloop, incident):
    incident()
    assert "1 open x (no_data)" in " ".join(evalloop("status").printed.split())
    assert "nothing is told of x (no_data) until" in evalloop("alerts", "silence", 1, "--hours", 2).printed
    assert "silenced" in evalloop("alerts", "list").printed
    assert "acknowledged by" in evalloop("alerts", "ack", 1).printed
    assert ": resolved" in evalloop("alerts", "resolve", 1, "--reason", "the router was moved").printed
    assert "was over before (the router was moved" in evalloop("alerts", "resolve", 1, "--reason", "again").printed
    assert line(evalloop("alerts", "ack", 1)).startswith("incident 1: it is over (the router was moved")
    listed = evalloop("alerts", "list").printed
    assert "resolved" in listed
    assert "the router was moved" in listed


def test_what_is_over_for_long_is_listed_only_when_all_are_asked_for(evalloop, incident):
    long_ago = datetime(2020, 1, 1)
    incident(at=long_ago)
    with open_stores(Settings()) as stores:
        stores.incidents.resolve(1, "long ago", long_ago + timedelta(hours=1))
    assert "no incident is open" in evalloop("alerts", "list").printed
    assert "long ago" in evalloop("alerts", "list", "--all").printed


def test_an_alert_that_cannot_be_delivered_is_shown_until_it_is_acknowledged_and_its_address_never(
    evalloop, incident, monkeypatch
):
    monkeypatch.setenv("EVALLOOP_ALERTS__URLS", f"json://ops:{SECRET}@127.0.0.1:{free_port()}/{SECRET}")
    incident()
    (attempt,) = told(Settings())
    assert attempt.error
    printed = [evalloop(*command).printed for command in (("status",), ("alerts", "list"), ("alerts", "show", 1))]
    for text in printed:
        assert "incident-1-opened to json-" in text
        assert "1 attempts, next " in text
        assert SECRET not in text
    evalloop("alerts", "ack", 1)
    assert "not delivered" not in evalloop("status").printed


def test_a_shown_alert_leads_to_the_replies_behind_its_examples_and_masks_them(evalloop, home, incident):
    world = an_empty_world(home)
    arms = ("treatment", "control")
    world.write(
        "sessions",
        [{"session_id": arm, "experiment_id": "x", "arm": arm, "conversation_id": f"c-{arm}"} for arm in arms],
    )
    texts = [(arm, f"Call me at 555-7 or ana@example.org, {arm}!") for arm in arms]
    world.write("turns", [{"event_id": arm, "conversation_id": f"c-{arm}", "reply_text": text} for arm, text in texts])
    seen = {"digest": digest(GAMING["reading_id"], "c-treatment"), "replies": 1, "regenerations": 0, "complaints": 0}
    incident({**GAMING, "examples": [seen]}, "gaming")
    printed = evalloop("alerts", "show", 1).printed
    assert f"example: conversation {seen['digest']}, 1 replies" in printed
    assert f"{seen['digest']}: Call me at ###-# or [address] treatment!" in printed
    assert "control!" not in printed
    assert "nobody has been told" in printed


def test_a_redacted_text_is_one_short_line_without_digits_or_addresses():
    assert redacted("a\nb 12 ana@x.org", 80) == "a b ## [address]"
    assert redacted("x" * 90, 80) == "x" * 79 + "…"
