"""From readings to alerts at a real receiver: one for each incident, kept until it arrives, over when it is over."""

import base64
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from pydantic import SecretStr

from evalloop_assets.guardrails.alert_picture import draw_effects, effects_png
from evalloop_assets.guardrails.alerts import alert_of, tell
from evalloop_assets.guardrails.channels import alert_channels
from evalloop_assets.guardrails.incidents import Incident, Incidents
from evalloop_assets.guardrails.watch import Rollback, observe, settle
from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.ledger import Change, Ledger
from evalloop_assets.serving.outbox import Outbox, deliver
from evalloop_assets.serving.transitions import roll_back, start_experiment
from evalloop_assets.serving.webhook import is_authentic
from evalloop_assets.settings import AlertSettings, Settings, WebhookSettings
from evalloop_assets_tests.pictures import LONG_NAME, assert_everything_fits
from evalloop_assets_tests.receiver import SECRET, receiving

T = datetime(2026, 5, 4, 9)
PNG = b"\x89PNG"


def later(minutes):
    return T + timedelta(minutes=minutes)


def reading(verdict, cause=None, day="2026-05-03", name="x", **more):
    return {
        "reading_id": f"{name}@{day}", "experiment_id": name, "control": "old", "treatment": "new", "day": day,
        "verdict": verdict, "cause": cause, "reason": f"The words of {verdict}.",
        "duration_effect": 30.0, "duration_low": 25.0, "duration_high": 35.0,
        "retention_effect": -0.3, "retention_low": -0.38, "retention_high": -0.22,
        "matured_users": 800, "srm_p": 0.5, "daily_users": 1_000, "as_of": "2026-05-04T00:30:00", **more,
    }  # fmt: skip


GAMING, BLIND, SRM = reading("ROLLBACK", "gaming"), reading("BLIND", "no_data"), reading("HOLD", "srm")
THIN, PASS = reading("HOLD", "thin"), reading("PASS")


class OnCall:
    """One home with an experiment in flight, its receiver, and a clock that is set by hand."""

    def __init__(self, folder, receiver, **alerts):
        self.settings = Settings(
            home=folder,
            alerts=AlertSettings(urls=SecretStr(receiver.apprise), **alerts),
            webhooks=WebhookSettings(secret=SecretStr("a shared secret")),
        )
        self.receiver = receiver
        url = self.settings.ledger_url
        self.ledger, self.incidents, self.outbox = Ledger(url), Incidents(url), Outbox(url)
        self.days: dict[str, str] = {}
        self.ledger.begin("old", Change("start", "test", "first", T, "first"))
        self.ledger.apply(
            Change("start", "test", "x", T, "x"),
            lambda state: start_experiment(state, "x", "new", T, weight_percent=25),
        )

    def tick(self, minutes, *readings, settings=None):
        now, channels = later(minutes), alert_channels(settings or self.settings)
        self.days = observe(self.incidents, self.ledger, readings, self.days, now)
        settle(self.incidents, self.ledger, now)
        tell(self.incidents, self.outbox, self.ledger, channels, self.settings.alerts, now, lambda _: PNG)
        return deliver(self.outbox, channels, lambda: now)

    def roll_back(self):
        self.ledger.apply(
            Change("rollback", "test", "padding", T, "x@2026-05-03"), lambda state: roll_back(state, "x", T)
        )

    def told(self):
        return [(got.json["type"], got.json["title"]) for got in self.receiver.got]

    def open(self):
        return [(one.topic, one.kind) for one in self.incidents.open_ones()]


@pytest.fixture
def receiver():
    with receiving() as one:
        yield one


@pytest.fixture
def on_call(tmp_path, receiver):
    return OnCall(tmp_path, receiver)


def test_an_alert_waits_for_the_rollback_and_says_all_that_is_asked_at_three_in_the_morning(on_call, receiver):
    examples = [{"digest": "3f9a1c2b77", "replies": 14, "regenerations": 2, "complaints": 1}]
    assert on_call.tick(0, {**GAMING, "examples": examples}) == []
    assert on_call.open() == [("x", "gaming")]
    on_call.roll_back()
    on_call.tick(1)
    (got,) = receiver.got
    assert (got.json["type"], got.json["title"]) == ("failure", "ROLLBACK x (gaming)")
    for line in (
        "The words of ROLLBACK.",
        "duration: +30.00 s [+25.00, +35.00]",
        "retention: -30.00 points [-38.00, -22.00]",
        "matured users: 800 on 2026-05-03; sample ratio: p 0.5",
        "example: conversation 3f9a1c2b77, 14 replies, 2 regenerated, 1 complained about",
        "weights: 25% of new conversations before, 0% since ledger entry 3",
        'undo: evalloop serving undo 3 --reason "…"',
        "runbook: docs/runbooks/gaming.md",
        "incident 1: evalloop alerts show 1",
        "key: incident-1-opened",
    ):
        assert line in got.json["message"].splitlines(), got.json["message"]
    assert "alerts ack" not in got.json["message"], "it is over"
    (attached,) = got.json["attachments"]
    assert (attached["mimetype"], base64.b64decode(attached["base64"])) == ("image/png", PNG)
    assert on_call.open() == []
    assert on_call.incidents.get(1).resolution == "rolled back by ledger entry 3"
    assert on_call.tick(2) == []


def test_a_rollback_that_does_not_come_is_told_after_five_minutes_and_its_end_later(on_call):
    on_call.tick(0, GAMING)
    assert on_call.tick(4.9) == []
    on_call.tick(5)
    assert on_call.told() == [("failure", "ROLLBACK x (gaming)")]
    message = on_call.receiver.got[0].json["message"]
    assert "weights: 25% of new conversations get the candidate; NOT rolled back so far" in message
    assert 'take it out: evalloop serving rollback x --reason "…"' in message
    assert "acknowledge: evalloop alerts ack 1" in message
    on_call.roll_back()
    on_call.tick(20)
    assert on_call.told()[1:] == [("success", "RESOLVED x (gaming)")]
    assert "rolled back by ledger entry 3" in on_call.receiver.got[1].json["message"]


def test_every_effect_of_a_reading_is_told_with_its_bounds_and_what_is_unknown_is_not(on_call):
    late = {"late_retention_effect": -0.02, "late_retention_low": -0.04, "late_retention_high": -0.01}
    unknown = {"duration_effect": None, "duration_low": None, "duration_high": None}
    one = Incident(1, "x", "harm", "s", {**GAMING, **late, **unknown}, T, *[None] * 6)
    lines = alert_of(one, Rollback(True, 3, 50.0), on_call.settings.alerts).text.splitlines()
    assert "late_retention: -2.00 points [-4.00, -1.00]" in lines
    assert not [text for text in lines if text.startswith("duration")]
    assert effects_png([{**GAMING, **late}]).startswith(PNG)


def test_a_command_in_an_alert_is_safe_to_paste_whatever_the_experiment_is_called(on_call):
    one = Incident(1, "x; rm -rf $HOME", "harm", "s", {**GAMING, "cause": "harm"}, T, *[None] * 6)
    text = alert_of(one, Rollback(True, None, 50.0), on_call.settings.alerts).text
    assert "evalloop serving rollback 'x; rm -rf $HOME' --reason" in text


def test_the_rollback_of_an_experiment_of_another_router_is_told_at_once_and_says_where(on_call):
    on_call.tick(0, reading("ROLLBACK", "harm", name="elsewhere"))
    assert on_call.told() == [("failure", "ROLLBACK elsewhere (harm)")]
    assert "another router serves it" in on_call.receiver.got[0].json["message"]
    on_call.tick(1, reading("PASS", name="elsewhere", day="2026-05-04"))
    assert on_call.told()[1:] == [("success", "RESOLVED elsewhere (harm)")]


@pytest.mark.parametrize(
    ("first", "kind"), [(BLIND, "no_data"), (SRM, "srm"), (reading("HOLD", "multiple_exposure"), "multiple_exposure")]
)
def test_what_blinds_the_loop_is_one_incident_while_it_lasts(on_call, first, kind):
    on_call.tick(0, first)
    on_call.tick(1, first)
    on_call.tick(2, {**first, "day": "2026-05-04", "reading_id": "x@2026-05-04"})
    assert on_call.open() == [("x", kind)]
    on_call.tick(3, reading("PASS", day="2026-05-05"))
    assert on_call.open() == []
    assert [kind for kind, _ in on_call.told()] == ["warning", "success"]


@pytest.mark.parametrize("quiet", [THIN, PASS, reading("HOLD", "immature")])
def test_early_and_good_verdicts_open_nothing(on_call, quiet):
    assert on_call.tick(0, quiet) == []
    assert on_call.open() == []


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        (GAMING, THIN, ["gaming"]),
        (GAMING, BLIND, ["gaming", "no_data"]),
        (GAMING, reading("ROLLBACK", "harm"), ["harm"]),
        (GAMING, PASS, []),
        (SRM, BLIND, ["srm", "no_data"]),
        (SRM, THIN, []),
        (BLIND, SRM, ["srm"]),
        (BLIND, GAMING, ["gaming"]),
    ],
)
def test_a_verdict_that_cannot_tell_ends_nothing(on_call, first, second, left):
    on_call.tick(0, first)
    on_call.tick(1, {**second, "day": "2026-05-04", "reading_id": "x@2026-05-04"})
    assert [kind for _, kind in on_call.open()] == left


def test_a_backfill_of_an_earlier_day_neither_opens_nor_ends_anything_but_asks_for_a_rollback(on_call):
    on_call.tick(0, BLIND)
    for early in (PASS, SRM):
        on_call.tick(1, {**early, "day": "2026-05-01", "reading_id": "x@2026-05-01"})
    assert on_call.open() == [("x", "no_data")]
    on_call.tick(2, reading("ROLLBACK", "harm", day="2026-05-01"))
    assert on_call.open() == [("x", "no_data"), ("x", "harm")]


def test_one_rollback_is_one_alert_whatever_other_days_say(on_call):
    on_call.tick(0, GAMING)
    on_call.roll_back()
    on_call.tick(1, GAMING)
    for day in ("2026-05-02", "2026-05-04"):
        on_call.tick(2, reading("ROLLBACK", "harm", day=day))
    assert on_call.told() == [("failure", "ROLLBACK x (gaming)")]
    assert on_call.open() == []


def test_an_open_day_ends_nothing_and_opens_only_what_rolls_back(on_call):
    on_call.tick(0, BLIND)
    for verdict in (reading("HOLD", "immature"), SRM, PASS):
        on_call.tick(1, {**verdict, "day": "2026-05-04", "reading_id": "x@2026-05-04", "is_open": True})
    assert on_call.open() == [("x", "no_data")]
    on_call.tick(2, reading("ROLLBACK", "red_flag", day="2026-05-04", is_open=True))
    assert on_call.open() == [("x", "no_data"), ("x", "red_flag")]
    on_call.tick(3, reading("PASS", day="2026-05-04"))
    assert on_call.open() == []


def test_an_experiment_that_is_out_of_flight_blinds_nobody(on_call):
    on_call.tick(0, BLIND)
    on_call.roll_back()
    on_call.tick(1)
    assert on_call.incidents.get(1).resolution == "the experiment is rolled back"


def test_a_reading_that_was_undone_opens_no_second_incident(on_call):
    on_call.tick(0, GAMING)
    on_call.roll_back()
    on_call.tick(1)
    on_call.ledger.undo(2, Change("undo", "ada", "false alarm", T, "undo"))
    on_call.tick(2, GAMING)
    assert on_call.open() == []
    on_call.tick(3, {**GAMING, "day": "2026-05-04", "reading_id": "x@2026-05-04"})
    assert on_call.open() == [("x", "gaming")]


def test_a_receiver_that_is_down_gets_the_alert_when_it_is_back(tmp_path):
    with receiving() as receiver:
        port, on_call = receiver.port, OnCall(tmp_path, receiver)
    (attempt,) = on_call.tick(0, BLIND)
    assert "Connection error" in attempt.error
    (waiting,) = on_call.outbox.waiting()
    assert waiting.channel.startswith("json-")
    assert on_call.tick(0.4) == []
    with receiving(port) as back:
        assert [one.error for one in on_call.tick(0.5)] == [None]
        assert [got.json["title"] for got in back.got] == ["BLIND x (no_data)"]
    assert on_call.outbox.waiting() == []


def test_an_answer_of_500_and_a_slow_receiver_are_no_delivery(on_call, receiver):
    receiver.status = 500
    (attempt,) = on_call.tick(0, BLIND)
    assert "error=500" in attempt.error
    receiver.status, receiver.delay = 200, 1.0
    impatient = on_call.settings.model_copy(
        update={"alerts": AlertSettings(urls=SecretStr(receiver.apprise.replace("rto=60", "rto=0.2")))}
    )
    (attempt,) = on_call.tick(1, settings=impatient)
    assert attempt.error is not None
    receiver.delay = 0.0
    assert [one.error for one in on_call.tick(10)] == [None]
    assert len({got.json["message"] for got in receiver.got}) == 1, "the same key each time"


def test_concurrent_ticks_tell_an_incident_once(on_call, receiver):
    url, channels = on_call.settings.ledger_url, alert_channels(on_call.settings)

    def tick(_):
        incidents, outbox, ledger = Incidents(url), Outbox(url), Ledger(url)
        observe(incidents, ledger, [BLIND], {}, T)
        settle(incidents, ledger, T)
        tell(incidents, outbox, ledger, channels, on_call.settings.alerts, T, lambda _: None)
        deliver(outbox, channels, lambda: T)
        for store in (incidents, outbox, ledger):
            store.close()

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(tick, range(16)))
    assert on_call.open() == [("x", "no_data")]
    assert len(receiver.got) == 1


def test_an_incident_that_is_acknowledged_or_over_is_said_to_be(on_call):
    on_call.tick(0, BLIND)
    found = on_call.incidents.acknowledge(1, "ada", later(1))
    assert (found.state(later(1)), found.acknowledged_by) == ("acknowledged", "ada")
    assert on_call.incidents.resolve(1, "by hand", later(2))
    assert not on_call.incidents.resolve(1, "again", later(3))
    with pytest.raises(UserError, match=r"incident 1: it is over \(by hand\)"):
        on_call.incidents.acknowledge(1, "ada", later(3))
    with pytest.raises(UserError, match="incident 7: there is none"):
        on_call.incidents.silence(7, later(3))


def test_silence_covers_the_kind_and_what_lasts_longer_is_told_then(on_call):
    on_call.tick(0, BLIND)
    on_call.incidents.silence(1, later(60))
    on_call.tick(1, PASS)
    assert on_call.told() == [("warning", "BLIND x (no_data)")], "its end is silent too"
    on_call.tick(2, {**BLIND, "day": "2026-05-04", "reading_id": "x@2026-05-04"}, reading("HOLD", "srm", name="y"))
    assert on_call.incidents.get(2).state(later(2)) == "silenced"
    assert on_call.told()[1:] == [("warning", "HOLD y (srm)")], "another topic is not silent"
    on_call.tick(61)
    assert ("warning", "BLIND x (no_data)") in on_call.told()[2:]


def test_without_any_channel_an_incident_waits_and_is_told_once_there_is_one(on_call):
    nobody = on_call.settings.model_copy(update={"alerts": AlertSettings()})
    on_call.tick(0, BLIND, settings=nobody)
    assert (on_call.open(), on_call.outbox.waiting()) == ([("x", "no_data")], [])
    on_call.tick(1)
    assert on_call.told() == [("warning", "BLIND x (no_data)")]


def test_a_signed_webhook_gets_the_alert_with_its_figures(on_call, receiver):
    hooks = WebhookSettings(alerts=SecretStr(receiver.url), secret=SecretStr("a shared secret"))
    settings = on_call.settings.model_copy(update={"alerts": AlertSettings(), "webhooks": hooks})
    on_call.tick(0, BLIND, settings=settings)
    (got,) = receiver.got
    assert is_authentic("a shared secret", got.headers, got.body, float(got.headers["Evalloop-Timestamp"]))
    assert {name: got.json[name] for name in ("key", "event", "incident", "topic", "kind", "level")} == {
        "key": "incident-1-opened", "event": "opened", "incident": 1, "topic": "x", "kind": "no_data",
        "level": "warning",
    }  # fmt: skip
    assert got.json["reading"]["matured_users"] == 800


@pytest.mark.parametrize("address", ["json://ops:{secret}@127.0.0.1:{port}/{secret}", "slack://{secret}", "{secret}"])
def test_secrets_are_in_no_log_no_error_and_no_database(tmp_path, receiver, caplog, capfd, address):
    caplog.set_level(logging.DEBUG)
    receiver.status = 500
    on_call = OnCall(tmp_path, receiver)
    url = address.format(secret=SECRET, port=receiver.port)
    settings = on_call.settings.model_copy(update={"alerts": AlertSettings(urls=SecretStr(url))})
    (attempt,) = on_call.tick(0, BLIND, settings=settings)
    assert attempt.error
    held = b"".join(path.read_bytes() for path in tmp_path.glob("ledger.sqlite*")).decode(errors="replace")
    assert "incident-1-opened" in held
    said = [held, caplog.text, *capfd.readouterr(), attempt.error, repr(settings), repr(attempt)]
    assert not [text for text in said if SECRET in text]


def test_an_alert_whose_picture_cannot_be_drawn_goes_out_without_it_and_says_so(on_call, receiver):
    channels = alert_channels(on_call.settings)
    observe(on_call.incidents, on_call.ledger, [BLIND], {}, T)
    tell(on_call.incidents, on_call.outbox, on_call.ledger, channels, on_call.settings.alerts, T, lambda _: 1 / 0)
    deliver(on_call.outbox, channels, lambda: T)
    assert [got.json["attachments"] for got in receiver.got] == [[]]
    assert receiver.got[0].json["message"].endswith("no picture: ZeroDivisionError while it was drawn")


def to(receiver, on_call, scheme):
    alerts = AlertSettings(urls=SecretStr(f"{scheme}://127.0.0.1:{receiver.port}/"))
    return on_call.settings.model_copy(update={"alerts": alerts})


def test_a_service_that_reads_files_gets_the_picture(on_call, receiver):
    assert [one.error for one in on_call.tick(0, BLIND, settings=to(receiver, on_call, "form"))] == [None]
    (got,) = receiver.got
    assert b"BLIND x (no_data)" in got.body
    assert b'filename="figures.png"' in got.body
    assert PNG in got.body


def test_a_service_that_refuses_the_picture_gets_the_words(on_call, receiver):
    receiver.refuses = PNG
    assert [one.error for one in on_call.tick(0, BLIND, settings=to(receiver, on_call, "form"))] == [None]
    assert [PNG in got.body for got in receiver.got] == [True, False]


def test_the_picture_is_one_and_a_reading_without_figures_has_none():
    days = [reading("PASS", day="2026-05-02"), GAMING]
    assert effects_png(days).startswith(PNG)
    nothing = {name: None for name in GAMING if name.endswith(("_effect", "_low", "_high"))}
    assert effects_png([{**BLIND, **nothing}]) is None
    assert effects_png([]) is None


@pytest.mark.parametrize("names", [["retention"], ["duration", "retention"]])
def test_a_long_name_leaves_room_for_the_picture(names):
    days = [reading("PASS", day="2026-05-02", name=LONG_NAME), {**GAMING, "experiment_id": LONG_NAME}]
    assert_everything_fits(lambda figure: draw_effects(figure, days, names))
