"""Results from the stage's tables: adjusted, cut, and placed in the plan."""

import pytest

from evalloop_assets.online_ab.daily import results_of
from evalloop_assets.online_ab.lan_demets import planned_bounds
from evalloop_assets.settings import ABSettings, Settings

from .tables_in_memory import experiment, inputs


def results(tables, **settings):
    found = results_of(inputs(**tables), Settings(ab=ABSettings(planned_users=1_000, **settings)))
    return {result.metric: result for result in found}


def test_what_users_did_before_takes_variance_away():
    tables = experiment(effect=1.0)
    plain, adjusted = results(tables, cuped=False)["chat_send"], results(tables)["chat_send"]
    assert plain.variance_reduction is None
    assert 0.5 < adjusted.variance_reduction < 0.9
    assert adjusted.se == pytest.approx(plain.se * (1 - adjusted.variance_reduction) ** 0.5)
    assert abs(adjusted.effect - 1.0) < 3 * adjusted.se
    assert (adjusted.control_mean, adjusted.users) == (plain.control_mean, 800)


def test_users_of_whom_nothing_is_known_are_compared_as_they_are():
    tables = experiment()
    del tables["experiment_people"]
    found = results(tables)["chat_send"]
    assert found.variance_reduction == pytest.approx(0.0, abs=1e-9)
    assert found.effect == pytest.approx(results(tables, cuped=False)["chat_send"].effect)


def test_one_user_out_of_all_proportion_decides_nothing_and_shares_are_never_cut():
    tables = experiment()
    sent = [row for row in tables["experiment_users"] if row["metric"] == "chat_send"]
    whale = next(row for row in sent if row["arm"] == "treatment")
    whale["total"] = 49_854.0
    assert results(tables, winsorise_quantile=1.0)["chat_send"].effect > 50
    assert abs(results(tables)["chat_send"].effect) < 2
    for row in tables["experiment_users"]:
        row["metric"] = row["metric"].replace("chat_send", "complaint")
    assert results(tables)["complaint"].effect > 50


def test_the_looks_of_a_plan_are_the_days_on_which_users_came():
    found = results(experiment(), spending="pocock")["chat_send"]
    expected = planned_bounds(found.effect, found.se, [200, 400, 600, 800], 1_000, 0.05, "pocock")
    assert (found.planned_low, found.planned_high) == expected


def test_late_returns_are_compared_with_the_rest():
    tables = experiment()
    tables["experiment_returns"] = [
        row | {"metric": "d1", "total": float(k % 3 == 0)}
        for k, row in enumerate(tables["experiment_users"])
        if row["metric"] == "chat_send"
    ]
    assert set(results(tables)) == {"exposure", "chat_send", "d1"}
