"""The outbox on real databases: once to each channel, in order, kept until it arrives."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from evalloop_assets.serving.outbox import CLAIM, LONGEST_WAIT, Outbox, Undelivered, deliver, wait_after

from .cases import NOON


@pytest.fixture
def outbox(ledger_url):
    opened = Outbox(ledger_url)
    yield opened
    opened.close()


def put(outbox, key="m-1", thread="m", channels=("a",), at=NOON):
    outbox.put(key, thread, channels, {"text": key}, at)


def refuse(message):
    raise Undelivered("the receiver answered 500")


def test_a_message_goes_to_each_channel_once_however_often_it_is_put_and_delivered(outbox):
    sent = []
    channels = {name: lambda one: sent.append((one.channel, one.key, one.content["text"])) for name in "ab"}
    for _ in range(3):
        put(outbox, channels="ab")
        deliver(outbox, channels, lambda: NOON)
    assert sent == [("a", "m-1", "m-1"), ("b", "m-1", "m-1")]
    assert outbox.waiting() == []
    assert [one.delivered_at for one in outbox.of("m")] == [NOON, NOON]


def test_what_is_refused_is_kept_and_tried_again_after_twice_the_time(outbox):
    put(outbox, channels="ab")
    sent, now = [], NOON
    for number, seconds in enumerate((30, 60, 120, 240), start=1):
        attempts = deliver(outbox, {"a": refuse, "b": sent.append}, lambda now=now: now)
        assert [one.error for one in attempts if one.message.channel == "a"] == ["the receiver answered 500"]
        (waiting,) = outbox.waiting()
        assert (waiting.attempts, waiting.last_error) == (number, "the receiver answered 500")
        assert waiting.next_try_at - now == timedelta(seconds=seconds)
        just_before = waiting.next_try_at - timedelta(microseconds=1)
        assert deliver(outbox, {"a": refuse}, lambda at=just_before: at) == []
        now = waiting.next_try_at
    assert [one.channel for one in sent] == ["b"]
    assert [one.error for one in deliver(outbox, {"a": sent.append}, lambda: now)] == [None]
    assert outbox.waiting() == []
    assert wait_after(50) == LONGEST_WAIT


def test_the_messages_of_a_thread_arrive_in_order(outbox):
    put(outbox, "m-opened")
    put(outbox, "m-resolved", at=NOON + timedelta(minutes=1))
    put(outbox, "n-opened", "n", at=NOON + timedelta(minutes=2))
    now = NOON + timedelta(minutes=3)
    tried = deliver(outbox, {"a": refuse}, lambda: now)
    assert [one.message.key for one in tried] == ["m-opened", "n-opened"]
    later = now + timedelta(minutes=1)
    arrived = deliver(outbox, {"a": lambda message: None}, lambda: later)
    assert [one.message.key for one in arrived] == ["m-opened", "m-resolved", "n-opened"]


def test_twenty_deliverers_at_once_send_each_message_once(outbox, ledger_url):
    for number in range(10):
        put(outbox, f"m-{number}", f"m-{number}")
    sent, lock = [], threading.Lock()

    def send(message):
        with lock:
            sent.append(message.key)

    def run(_):
        mine = Outbox(ledger_url)
        deliver(mine, {"a": send}, lambda: NOON)
        mine.close()

    with ThreadPoolExecutor(20) as threads:
        list(threads.map(run, range(20)))
    assert sorted(sent) == sorted(f"m-{number}" for number in range(10))


@pytest.mark.parametrize("ledger_url", ["sqlite"], indirect=True)
def test_a_deliverer_killed_after_sending_sends_again_with_the_same_key_when_its_claim_runs_out(
    outbox, ledger_url, tmp_path
):
    put(outbox)
    sent = tmp_path / "sent"
    code = f"""
import os, signal
from evalloop_assets.serving.outbox import Outbox, deliver
from evalloop_assets_tests.serving.cases import NOON
def send(message):
    open({str(sent)!r}, "a").write(message.key)
    os.kill(os.getpid(), signal.SIGKILL)
deliver(Outbox({ledger_url!r}), {{"a": send}}, lambda: NOON)
"""
    killed = subprocess.run([sys.executable, "-c", code], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert sent.read_text() == "m-1"
    again = []
    deliver(outbox, {"a": again.append}, lambda: NOON + CLAIM - timedelta(seconds=1))
    assert again == []
    deliver(outbox, {"a": again.append}, lambda: NOON + CLAIM)
    assert [(one.key, one.attempts) for one in again] == [("m-1", 2)]
    assert outbox.waiting() == []


def test_what_waits_for_a_channel_that_is_no_longer_set_goes_to_those_that_are(outbox):
    put(outbox, "incident-1-opened", "incident-1", ["old", "kept"])
    put(outbox, "allocation-4", "allocation", ["router"])
    deliver(outbox, {"kept": lambda message: None}, lambda: NOON)
    outbox.readdress("incident-", ["kept", "new"], NOON)
    assert {(one.key, one.channel) for one in outbox.waiting()} == {
        ("incident-1-opened", "new"),
        ("allocation-4", "router"),
    }
    outbox.readdress("incident-", [], NOON)
    assert len(outbox.waiting()) == 2


def test_what_is_withdrawn_is_sent_no_more(outbox):
    put(outbox, "m-1")
    put(outbox, "m-2")
    outbox.withdraw("m", other_than="m-2")
    assert [one.key for one in outbox.waiting()] == ["m-2"]
    outbox.withdraw("m")
    assert outbox.waiting() == []


def test_many_that_open_a_new_outbox_at_once_all_find_it(ledger_url):
    with ThreadPoolExecutor(12) as threads:
        opened = list(threads.map(lambda _: Outbox(ledger_url), range(12)))
    assert [one.waiting() for one in opened] == [[]] * 12
    for one in opened:
        one.close()
