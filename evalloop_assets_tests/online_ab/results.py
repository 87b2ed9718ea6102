"""Results with chosen figures, for decisions and verdicts."""

from evalloop_assets.online_ab.results import Result
from evalloop_assets.online_ab.sequential import always_valid_bounds

PLANNED, ALPHA = 10_000, 0.05


def result(unit, metric, effect, se, users=5_000, srm_p=0.5, control_mean=0.4, **more):
    """`users` per arm; bounds follow from effect, standard error and users."""
    low, high = always_valid_bounds(effect, se, 2 * users, PLANNED, ALPHA)
    values = {
        "experiment_id": "x",
        "unit": unit,
        "metric": metric,
        "control": "old",
        "treatment": "new",
        "control_mean": control_mean,
        "treatment_mean": control_mean + effect,
        "effect": effect,
        "se": se,
        "low": effect - 1.96 * se,
        "high": effect + 1.96 * se,
        "relative": effect / control_mean if control_mean else None,
        "relative_low": None,
        "relative_high": None,
        "p_value": 0.5,
        "always_low": low,
        "always_high": high,
        "planned_low": None,
        "planned_high": None,
        "users_control": users,
        "users_treatment": users,
        "srm_p": srm_p,
        "coverage": 1.0,
        "variance_reduction": None,
    }
    return Result(**(values | more))


def returns(effect, se=0.001, unit="user", metric="daily_return", **more):
    return result(unit, metric, effect, se, **more)


def duration(effect, se=1.0, unit="conversation", **more):
    return result(unit, "chat_duration", effect, se, control_mean=120.0, **more)


def sent(effect, se=0.1, unit="conversation", **more):
    return result(unit, "chat_send", effect, se, control_mean=10.0, **more)


def exposure(both_arms=0.0, unit="conversation", **more):
    return result(unit, "exposure", 0.0, 0.0, control_mean=both_arms, **more)
