"""A lake whose tables say things that a report must repeat, and the pages made from it."""

from datetime import date, datetime

import pyarrow as pa

import evalloop_assets.definitions  # noqa: F401 - declares every table
from evalloop_assets.days import Days
from evalloop_assets.evaluation.pyramid.contents import fill, reads
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.registry import declared
from evalloop_assets.serving.ledger import Change, Ledger
from evalloop_assets.serving.transitions import roll_back, start_experiment

LAST = date(2026, 5, 9)
WEEK = Days(date(2026, 5, 3), LAST)
HOSTILE = "<script>alert('owned')</script>&\"|"


def write(lake, table, *rows, day=LAST):
    """These rows, and no others, as that day of the table; columns that are not named are NULL."""
    schema = declared(table)
    full = [{"day": day} | {name: row.get(name) for name in schema.column_names} for row in rows]
    data = pa.Table.from_pylist(full, arrow_schema(schema))
    lake.replace(schema, Days.one(day), {}, lambda inputs: data)


def page(lake, days=WEEK, history=()):
    return fill(lake.inputs(reads(len(list(days))), Days.one(days.last)), days, history)


def values(kind, name, window, **models):
    """Rows of model_values; a model is (value, se, units)."""
    return [
        {
            "kind": kind,
            "name": name,
            "window_days": window,
            "model_id": model,
            "value": value,
            "se": se,
            "units": float(units),
            "clusters": units,
        }
        for model, (value, se, units) in models.items()
    ]


def predictor(name, status, **others):
    told = {"kind": "benchmark", "name": name, "status": status, "since": date(2026, 5, 4), "reason": "as measured"}
    return told | {"metric": "returned_next_day"} | others


def fill_lake(lake):
    """Something in every block, with names that are hostile where data names things."""
    metric = values("metric", "returned_next_day", 28, good=(0.5, 0.01, 900), **{HOSTILE: (0.3, 0.02, 400)})
    offline = values("benchmark", "trivia", 0, good=(0.4, 0.02, 50), **{HOSTILE: (0.9, 0.02, 50)})
    write(lake, "model_values", *metric, *offline, *values("benchmark", "published", 0, good=(71.0, None, 1)))
    write(lake, "predictors", predictor("trivia", "demoted"), predictor("published", "watch"))
    write(
        lake,
        "offline_online",
        {
            "kind": "benchmark", "name": "trivia", "metric": "returned_next_day", "window_days": 28, "models": 5,
            "correlation": -0.8, "low": -0.95, "high": -0.2, "reversed_pairs": "bad > good",
        },
    )  # fmt: skip
    rating = {"mu": 25.0, "sigma": 1.0, "component": 0, "anchor": False, "battles": 300, "rank": 1}
    write(lake, "ratings", rating | {"model_id": HOSTILE, "contrast": 1.5, "low": 0.5, "high": 2.5})
    write(lake, "rating_stability", {"model_id": HOSTILE, "rank": 1, "rank_low": 1, "rank_high": 3})
    write(
        lake, "judge_grades", {"judge_id": "lazy", "grade": "D", "fired": "position", "gold_items": 80, "use": "none"}
    )
    agreed = {"judge_id": "lazy", "slice": "all", "value": 0.6, "low": 0.5, "high": 0.7, "n": 80}
    write(
        lake, "judge_audits", agreed | {"probe": "agreement"}, agreed | {"probe": "position_consistency", "value": 0.1}
    )
    write(lake, "leaderboard_outliers", {"benchmark": "board", "model_id": "null", "score": 76.9, "mean_chars": 20.0})
    gold = {"guideline": "all", "items": 80, "annotators": 2, "disputed": 4, "agreement": 0.9, "alpha": 0.8}
    write(lake, "gold_sets", gold | {"ceiling": 0.95})
    talk = {"metric": "reward", "scorer": "v1", "role_type": "all", "intent": "all", "prompt_setting": "all", "turn": 0}
    talk |= {"model_id": "good", "conversations": 40, "against": ""}
    write(
        lake,
        "dynamic_results",
        talk | {"figure": "slope", "value": -0.2, "low": -0.3, "high": -0.1},
        talk | {"figure": "slope", "intent": "greeting", "value": 9.0},
        talk | {"figure": "slope", "metric": "diversity", "value": -0.2, "low": -0.3, "high": -0.1},
        talk | {"figure": "mean", "metric": "completed", "scorer": "", "value": 1.0, "low": 0.9, "high": 1.0},
    )
    write(
        lake,
        "model_dimensions",
        {
            "model_id": "good",
            "dimension": "fairness",
            "source": "online: gap",
            "value": 0.2,
            "low": 0.1,
            "high": 0.3,
            "n": 99,
        },
        {"model_id": "good", "dimension": "safety", "source": "none", "n": 0},
    )
    item = {"benchmark": "trivia", "models": 9}
    write(
        lake,
        "item_statistics",
        *(
            item | {"item_id": name, "verdict": told}
            for name, told in [("1", "saturated"), ("2", "suspect"), ("3", None)]
        ),
    )
    write(lake, "item_contamination", {"benchmark": "trivia", "item_id": "1", "contaminated": True})
    write(lake, "evaluations_due", {"model_id": "good", "benchmark": "trivia", "reason": "too old"})
    effect = {"experiment_id": "x", "unit": "user", "control": "old", "treatment": "new", "users_control": 60}
    effect |= {"users_treatment": 40}
    write(
        lake,
        "experiment_results",
        effect
        | {
            "metric": "daily_return",
            "effect": -0.05,
            "low": -0.07,
            "high": -0.03,
            "always_low": -0.09,
            "always_high": -0.01,
        },
        effect | {"metric": "chat_duration", "effect": 12.0, "low": 5.0, "high": 19.0},
    )
    reading = {
        "reading_id": "x@1",
        "experiment_id": "x",
        "verdict": "HOLD",
        "reason": "too few users",
        "reopened": "no more",
    }
    write(lake, "guardrail_readings", reading)
    write(
        lake,
        "slice_reversals",
        {
            "metric": "reward",
            "dimension": "locale",
            "kind": "slice",
            "slice": "fr",
            "better_overall": "a",
            "better_there": "b",
            "claimed": True,
        },
        {
            "metric": "reward",
            "dimension": "locale",
            "kind": "slice",
            "slice": "de",
            "better_overall": "a",
            "better_there": "b",
            "claimed": False,
        },
    )
    out = {"model_id": "bad", "against": "good", "eliminated": True, "reason": "z -9"}
    write(lake, "eliminations", out, day=date(2026, 5, 5))
    write(lake, "eliminations", out | {"reason": "still"}, {"model_id": "good", "against": "bad", "eliminated": False})
    write(
        lake,
        "launch_gates",
        {"model_id": "new", "line": 0, "verdict": "fail", "gate": "strict", "reason": "unsafe"},
        {"model_id": "new", "line": 1, "verdict": "fail", "gate": "strict", "reason": "a line of it"},
    )
    write(lake, "policy_screen", {"model_id": "new", "passed": True, "reason": "gain 0.6"})
    write(lake, "flywheel", {"reward_version": "v2", "previous_version": "v1", "difference_low": 0.1})
    group = {"cases": 12, "groups": 3, "users": 7, "harm": 4.0, "share": 0.4}
    write(
        lake,
        "bad_case_groups",
        group | {"dimension": "kind", "value": "complaint", "rank": 1},
        group | {"dimension": "kind", "value": "dislike", "rank": 2},
    )  # fmt: skip


def history(url):
    """A ledger: begun before the week, an experiment started in it and rolled back at the end of its last day."""
    ledger = Ledger(url)
    ledger.begin("old", Change("start", "somebody", "first champion", datetime(2026, 4, 1), "1"))
    at = datetime(2026, 5, 4)
    ledger.apply(
        Change("start", "somebody", "a try", at, "2"),
        lambda allocation: start_experiment(allocation, "x", "new", at, weight_percent=5),
    )
    end = datetime(2026, 5, 10)
    ledger.apply(Change("rollback", "guardrail_sensor", "harm", end, "3"), lambda a: roll_back(a, "x", end))
    found = ledger.history()
    ledger.close()
    return found
