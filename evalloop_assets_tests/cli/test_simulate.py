"""`evalloop simulate`, and what a mistaken `evalloop scoreboard` says."""

import json

import pytest

from evalloop_assets_tests.cli.conftest import line


def test_a_product_is_served_and_the_loop_takes_it_from_there(evalloop, home, monkeypatch):
    said = evalloop("simulate", "thin", "--days", "3", "--seed", "2")
    assert (said.status, said.complained) == (0, "")
    assert said.printed.startswith("thin Some sixty users")
    assert "2026-03-04" in said.printed
    assert "evalloop run" in said.printed
    assert json.loads((home / "landing" / "complete.json").read_text()) == {"through": "2026-03-04"}
    assert {path.name for path in (home / "truth").iterdir()} >= {"turns", "conversations", "users", "battles"}
    served = evalloop("serving", "show")
    assert "incumbent" in served.printed
    assert "try-steady" in served.printed


def test_serving_it_again_goes_on_where_it_ended(evalloop, home):
    for days in (1, 1, 2):
        assert evalloop("simulate", "thin", "--days", days, "--users", 60).status == 0
    assert sorted(path.stem for path in (home / "landing" / "turns").iterdir()) == ["2026-03-02", "2026-03-03"]


def test_another_product_in_the_same_home_is_refused(evalloop):
    assert evalloop("simulate", "thin", "--days", 1).status == 0
    said = evalloop("simulate", "thin", "--days", 2, "--seed", 5)
    assert said.status == 2
    assert "it was begun as" in line(said)


def test_a_home_with_a_log_of_ones_own_is_left_alone(evalloop, home):
    assert evalloop("serving", "begin", "ours").status == 0
    said = evalloop("simulate", "thin", "--days", 1)
    assert said.status == 2
    assert "it holds ledger.sqlite, which no simulation made" in line(said)
    assert not (home / "landing").exists()


def test_two_at_once_in_one_home_do_not_mix(evalloop, home):
    from filelock import FileLock

    home.mkdir(parents=True)
    with FileLock(home / "product.lock"):
        said = evalloop("simulate", "thin", "--days", 1)
    assert said.status == 2
    assert "another process serves a product in it" in line(said)
    assert evalloop("simulate", "thin", "--days", 1).status == 0


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["simulate", "padded"], "scenario 'padded': there is none of that name. Choose one of: healthy, padding,"),
        (["simulate", "thin", "--days", "0"], "--days 0: a product serves a day at least. Give 1 or more."),
        (["simulate", "thin", "--users", "-3"], "--users -3: a product has a user. Give 1 or more."),
        (["simulate", "thin", "--seed", "-1"], "--seed -1: a seed is a whole number from 0 on. Give another."),
        (["scoreboard", "--seeds", "1"], "--seeds 1: an interval over seeds needs two of them. Give 2 or more."),
        (["scoreboard", "--scenario", "padded"], "scenario 'padded': there is none of that name."),
    ],
)
def test_a_mistake_is_named_with_its_mend(evalloop, arguments, why):
    assert line(evalloop(*arguments)).startswith(why)
