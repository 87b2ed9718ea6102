"""`evalloop serving …` where there is nothing to act on."""

import json
import re
from datetime import date

import pyarrow as pa
import pytest

from evalloop_assets.serving.ledger import Change, Ledger, utc_now
from evalloop_assets.serving.transitions import roll_back
from evalloop_assets.settings import Settings
from evalloop_assets_tests.cli.conftest import line
from evalloop_assets_tests.receiver import SECRET, receiving

WHY = ("--reason", "because")


@pytest.fixture
def served(evalloop):
    assert evalloop("serving", "begin", "first").status == 0
    return evalloop


@pytest.mark.parametrize("command", ["show", "history"])
def test_an_empty_ledger(evalloop, command):
    said = evalloop("serving", command)
    assert (said.status, said.complained) == (0, "")
    assert re.match(r"nothing is served yet: the ledger at sqlite:///\S+ledger\.sqlite is empty", said.printed)


@pytest.mark.parametrize(
    "arguments",
    [["start", "exp", "--treatment", "m"], ["ramp", "exp", "20", *WHY], ["rollback", "exp", *WHY]],
)
def test_before_the_first_champion(evalloop, arguments):
    assert re.match(
        r"the ledger at \S+: it is empty, so nothing is served yet\.", line(evalloop("serving", *arguments))
    )


def test_undo_of_a_missing_entry(evalloop, served):
    assert line(served("serving", "undo", 3, *WHY)) == (
        "ledger entry 3: there is none. See them all: evalloop serving history"
    )
    assert line(served("serving", "undo", 1, *WHY)).startswith("ledger entry 1: nothing was served before it.")


def test_undo_does_not_take_later_entries_along_unasked(served):
    for name, model, first, last in (("one", "m", "0", "50"), ("two", "n", "50", "100")):
        segment = ("--segment-from", first, "--segment-to", last)
        assert served("serving", "start", name, "--treatment", model, *segment).status == 0
    said = line(served("serving", "undo", 2, *WHY))
    assert said.startswith("undo of entry 2: it would take back entries 3 (start) too. Undo the newest first")
    assert "two" in served("serving", "show").printed
    assert served("serving", "undo", 2, "--discard-later", *WHY).status == 0
    assert "two" not in served("serving", "show").printed
    assert "one" not in served("serving", "show").printed


@pytest.mark.parametrize("arguments", [["ramp", "exp", "20", *WHY], ["rollback", "exp", *WHY]])
def test_an_unknown_experiment(served, arguments):
    said = line(served("serving", *arguments))
    assert said == "experiment exp: the allocation does not know it. Known are: none."


def test_begin_again(served):
    assert "holds already" in served("serving", "begin", "first").printed
    said = line(served("serving", "begin", "second"))
    assert said.startswith("first champion second: the ledger has begun, and first is served.")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--treatment", "first"], "its treatment first is the champion already"),
        (["--treatment", "m", "--weight", "500"], "weight 500.0 is no percentage"),
        (["--treatment", "m", "--segment-from", "50", "--segment-to", "20"], "segment 50.0 to 20.0 is no span"),
    ],
)
def test_a_start_that_makes_no_sense(served, arguments, expected):
    assert expected in line(served("serving", "start", "exp", *arguments))


def test_a_life_in_commands(served):
    assert "undo 2" in served("serving", "start", "exp", "--treatment", "m").printed
    assert line(served("serving", "start", "exp", "--treatment", "m")).startswith("experiment exp: the id is taken.")
    assert line(served("serving", "ramp", "exp", 25, "--reason", " ")).startswith("--reason: is empty.")
    assert served("serving", "ramp", "exp", 25, *WHY).status == 0
    assert "rollback" in served("serving", "rollback", "exp", *WHY).printed
    assert "nothing to change" in served("serving", "rollback", "exp", *WHY).printed
    assert served("serving", "undo", 4, *WHY).status == 0
    assert "exp: m against first, running; 25% of conversations" in served("serving", "show").printed
    told = served("serving", "history").printed.splitlines()
    assert [text.split()[3] for text in told] == ["start", "start", "ramp", "rollback", "undo"]
    assert [text.partition("champion")[0].split()[4:] for text in told] == [
        [], ["exp", "5%,"], ["exp", "25%,"], ["exp", "rolled", "back,"], ["exp", "25%,"],
    ]  # fmt: skip


def test_show_says_that_the_published_file_is_stale(served, home):
    assert "not published" not in served("serving", "show").printed
    file = home / "serving" / "flags.json"
    file.write_text(file.read_text().replace('"sequence": 1', '"sequence": 0'))
    assert "flags.json holds entry 0; the next tick of alert_sensor publishes" in served("serving", "show").printed
    file.unlink()
    assert "flags.json holds no entry" in served("serving", "show").printed


def test_a_change_by_hand_is_published_and_told_to_other_routers_or_says_that_it_could_not_be(
    served, home, monkeypatch
):
    def published():
        return json.loads((home / "serving" / "flags.json").read_text())

    served("serving", "start", "exp", "--treatment", "m", "--weight", 50)
    with receiving() as receiver:
        monkeypatch.setenv("EVALLOOP_WEBHOOKS__ROUTERS", receiver.url)
        monkeypatch.setenv("EVALLOOP_WEBHOOKS__SECRET", "a shared secret")
        assert re.search(r"router-\w{6} told of it", served("serving", "rollback", "exp", *WHY).printed)
        receiver.status = 503
        said = served("serving", "undo", 3, *WHY)
    assert [got.json["sequence"] for got in receiver.got] == [3, 4]
    assert receiver.got[0].json["flags"]["metadata"] == {"sequence": 3}
    assert set(receiver.got[0].json["flags"]["flags"]["serving"]["variants"]) == {"champion"}
    assert (said.status, published()) == (0, receiver.got[1].json["flags"])
    assert re.search(r"router-\w{6} not told, and tried again: the receiver answered 503", said.printed)
    assert SECRET not in said.printed + served("status").printed


@pytest.mark.parametrize("weight", ["nan", "inf", "-1", "101"])
def test_a_weight_that_is_none(served, weight):
    served("serving", "start", "exp", "--treatment", "m")
    assert "is no percentage. Give a number from 0 to 100." in line(
        served("serving", "ramp", "exp", *WHY, "--", weight)
    )


def test_names_that_look_like_markup_are_printed_as_they_are(served):
    assert served("serving", "start", "[/x]", "--treatment", "[red]m").status == 0
    for command in (["serving", "show"], ["status"]):
        assert "[/x]: [red]m against first" in served(*command).printed
    assert served("serving", "rollback", "[/x]", "--reason", "[/]").status == 0
    assert "[/]" in served("serving", "history").printed


def test_undo_takes_back_no_rollback_that_comes_while_it_looks(served, monkeypatch):
    assert served("serving", "start", "exp", "--treatment", "m").status == 0
    looked = Ledger.history

    def overtaken(ledger):
        seen = looked(ledger)
        monkeypatch.setattr(Ledger, "history", looked)
        now = utc_now()
        ledger.apply(Change("rollback", "guardrail_sensor", "harm", now, "exp@1"), lambda a: roll_back(a, "exp", now))
        return seen

    monkeypatch.setattr(Ledger, "history", overtaken)
    said = line(served("serving", "undo", 2, *WHY))
    assert said.startswith("undo back to ledger entry 1: it would take back entry 3 too")
    assert "rolled back" in served("serving", "show").printed


@pytest.mark.parametrize(
    "command",
    [
        ["serving", "undo", 10**23, *WHY],
        *(["alerts", verb, 10**23] for verb in ("show", "ack", "silence")),
        ["alerts", "resolve", 10**23, *WHY],
    ],
)
def test_a_number_that_no_database_has_is_refused(served, command):
    said = served(*command)
    assert said.status == 2
    assert "2147483647" in said.complained


@pytest.mark.parametrize("url", ["postgresql://ada:{}@db/loop", "postgresql://db/loop?user=ada&password={}"])
def test_a_ledgers_password_in_the_file_is_refused_and_not_repeated(evalloop, tmp_path, monkeypatch, url):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evalloop.yaml").write_text(f"ledger: {url.format(SECRET)}\n")
    said = line(evalloop("serving", "show"))
    assert said.startswith("setting EVALLOOP_LEDGER: evalloop.yaml is no place for it")
    assert said.endswith("Set the variable EVALLOOP_LEDGER instead.")
    assert SECRET not in said


def test_a_ledger_without_a_password_may_stand_in_the_file(evalloop, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evalloop.yaml").write_text(f"ledger: sqlite:///{tmp_path}/shared.sqlite\n")
    assert "shared.sqlite is empty" in evalloop("serving", "show").printed


def test_no_user_meets_a_candidate_before_it_passed_the_gate(served, home):
    from evalloop_assets.days import Days
    from evalloop_assets.lake.resource import open_lake
    from evalloop_assets.policy_iteration.step import rows_of
    from evalloop_assets.policy_iteration.tables import POLICY_CANDIDATES, POLICY_SCREEN

    lake, first, last = open_lake(Settings()), date(2026, 3, 1), date(2026, 3, 2)

    def write(schema, day, rows):
        table = rows_of(schema, rows)
        table = table.append_column("day", pa.array([day] * len(rows), pa.date32()))
        lake.replace(schema, Days.one(day), {}, lambda inputs: table)

    def start(name):
        return served("serving", "start", name, "--treatment", name, "--segment-from", "0", "--segment-to", "10")

    write(POLICY_CANDIDATES, first, [{"model_id": name} for name in ("refused", "sound", "unjudged", "mended")])
    verdict = {"model_id": "refused", "passed": False, "reason": "replies 3.00 times as long"}
    sound = {"model_id": "sound", "passed": True, "reason": "within all limits"}
    write(POLICY_SCREEN, first, [verdict, verdict | {"model_id": "mended"}, sound])
    write(POLICY_SCREEN, last, [sound | {"model_id": "mended"}])
    assert line(start("refused")) == (
        "candidate refused: the offline gate turned it down (replies 3.00 times as long). "
        "No user meets it before it passes: see policy_screen."
    )
    assert "has not judged it yet" in line(start("unjudged"))
    for name in ("sound", "mended", "a-model-of-the-product"):
        assert start(name).status == 0
        assert served("serving", "undo", newest(home), *WHY).status == 0


def newest(home) -> int:
    return len(Ledger(Settings().ledger_url).history())
