"""The ceiling of the reward model: a logistic regression on true dimensions, against scikit-learn."""

import numpy as np
import pyarrow as pa
from sklearn.linear_model import LogisticRegression

from evalloop_assets.reward_model.model import HORIZONS
from evalloop_assets.reward_model.pairs import is_held_out
from evalloop_assets.simulator.conversations import DIMENSIONS
from evalloop_assets.simulator.scoreboard import reward_ceiling

USERS = [f"u{number}" for number in range(200)]


class Asked:
    """A run that knows logged pairs and no battle."""

    def __init__(self, rows):
        self.rows = rows

    def query(self, sql):
        return self.rows if "truth_turns" in sql else self.rows.slice(0, 0)


def taught(labels=400):
    draw = np.random.default_rng(0)
    differences = draw.normal(size=(labels, len(DIMENSIONS)))
    first = draw.random(labels) < 1 / (1 + np.exp(-differences @ np.linspace(-1, 2, len(DIMENSIONS))))
    users = [USERS[at % len(USERS)] for at in range(labels)]
    columns = {"user_id": users, "immediate": np.where(first, "A", "B").tolist()}
    columns |= dict.fromkeys(HORIZONS[1:], ["censored"] * labels)
    columns |= {name: differences[:, at] for at, name in enumerate(DIMENSIONS)}
    return pa.table(columns), differences, first, np.array(users)


def test_it_is_a_logistic_regression_on_users_who_are_not_held_out():
    rows, differences, first, users = taught()
    replies = pa.table(
        {name: [1.0 if at == other else 0.0 for other in range(7)] for at, name in enumerate(DIMENSIONS)}
    )
    nothing = pa.table({name: [0.0] * 7 for name in DIMENSIONS})
    leads = reward_ceiling.ceiling_leads(Asked(rows), replies, nothing)
    chosen = ~is_held_out(users.tolist())
    oracle = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-9).fit(differences[chosen], first[chosen])
    np.testing.assert_allclose(leads["immediate"], oracle.coef_[0], atol=1e-3)
    np.testing.assert_allclose(leads["delayed_session"], leads["immediate"] / leads["immediate"].std())


def test_without_labels_there_is_no_ceiling():
    rows = taught(20)[0]
    leads = reward_ceiling.ceiling_leads(Asked(rows), rows, rows)
    assert all(np.isnan(lead).all() for lead in leads.values())
