"""The launch gate: its file, its verdicts and how often they are wrong, and that promotion reads it."""

import hashlib
import io
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console
from scipy import stats

from evalloop_assets.cli import main
from evalloop_assets.cli.gate import show_gate
from evalloop_assets.days import Days
from evalloop_assets.evaluation.launch.assets import launch_gates
from evalloop_assets.evaluation.launch.extras import mean
from evalloop_assets.evaluation.launch.figures import Figure, unknown
from evalloop_assets.evaluation.launch.gate import judge, result
from evalloop_assets.evaluation.launch.gate_day import gate_of
from evalloop_assets.evaluation.launch.gate_file import Gate, Line
from evalloop_assets.evaluation.launch.gate_metrics import ABOUT, figure, known
from evalloop_assets.evaluation.launch.item_means import benchmark_mean, judge_win_rate
from evalloop_assets.evaluation.launch.judged_items import judged_card
from evalloop_assets.lake.delta import arrow_schema
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.registry import declared
from evalloop_assets.logs.evaluation_contract import DIMENSIONS
from evalloop_assets_tests.guardrails.test_promotion import DAY as SERVED
from evalloop_assets_tests.guardrails.test_promotion import Loop
from evalloop_assets_tests.homes import ROOT
from evalloop_assets_tests.reward_model.stage import Stage, metadata

DAY = date(2026, 5, 3)
RETURN = {"metric": "return_next_day", "slice": "all", "dimension": "all", "model_id": "new"}


def write(stage: Stage, table: str, *rows: dict[str, object], day: date = DAY) -> None:
    schema = declared(table)
    data = pa.Table.from_pylist([{"day": day, **row} for row in rows], arrow_schema(schema))
    stage.lake.replace(schema, Days.one(day), {}, lambda inputs: data)


def line(direction: str = "at_least", threshold: float = 0.3, least: int = 100) -> Line:
    return Line("return_next_day", "all", threshold, direction, least)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("figure", "at_least", "at_most"),
    [
        (Figure(0.4, 0.35, 0.45, 500), "pass", "fail"),
        (Figure(0.2, 0.15, 0.25, 500), "fail", "pass"),
        (Figure(0.3, 0.25, 0.35, 500), "not enough data", "not enough data"),
        (Figure(0.4, 0.35, 0.45, 99), "not enough data", "not enough data"),
        (Figure(0.4, 0.3, 0.5, 500), "pass", "not enough data"),
        (unknown("nobody knows"), "not enough data", "not enough data"),
    ],
)
def test_a_line_passes_or_fails_only_where_its_whole_interval_does(figure: Figure, at_least: str, at_most: str):
    assert judge(line("at_least"), figure).verdict == at_least
    assert judge(line("at_most"), figure).verdict == at_most


def test_one_line_that_fails_fails_the_gate_and_one_that_is_open_leaves_it_open():
    good, bad, open_ = Figure(0.4, 0.35, 0.45, 500), Figure(0.2, 0.15, 0.25, 500), unknown("nobody knows")
    gate = Gate("g", (line(), line(threshold=0.31)), "h" * 64)
    assert result("m", gate, [good, good]).verdict == "pass"
    assert result("m", gate, [good, open_]).verdict == "not enough data"
    failed = result("m", gate, [open_, bad])
    assert (failed.verdict, failed.reason) == ("fail", "not reached: return_next_day at least 0.31")
    assert "nobody knows" in failed.to_markdown()
    changed = result("m", gate, [good, good], "other")
    assert changed.verdict == result("m", gate, [good, open_], "other").verdict == "not agreed"
    assert "The gate was changed after the first evaluation" in changed.reason
    assert "set evaluation.launch.agreed to hhhhhhhhhhhh" in changed.reason
    assert result("m", gate, [bad, bad], "other").verdict == "fail"
    anew = [result("m", gate, [good, figure], "other", "h" * 12).verdict for figure in (good, open_)]
    assert anew == ["pass", "not enough data"]
    assert result("m", gate, [good, good], "other", "hhhhhhhhhhhx").verdict == "not agreed"


def test_at_the_threshold_either_mistake_is_made_in_a_fortieth():
    random = np.random.default_rng(1)
    found = [judge(line(threshold=1.0), mean(random.exponential(1.0, 400))).verdict for _ in range(1_000)]
    for verdict in ("pass", "fail"):
        assert 0.005 < found.count(verdict) / 1_000 < 0.05
    better = [judge(line(threshold=1.0), mean(random.exponential(1.2, 400))).verdict for _ in range(300)]
    assert better.count("pass") > 0.9 * 300
    assert better.count("fail") == 0


def test_the_example_is_a_gate():
    gate = gate_of(str(ROOT / "docs/evaluation/gate.yaml"))
    assert gate.name == "launch"
    assert len(gate.lines) == 8
    assert gate.hash == hashlib.sha256((ROOT / "docs/evaluation/gate.yaml").read_bytes()).hexdigest()


GOOD = "{metric: return_next_day, threshold: 0.3, direction: at_least, minimum_sample: 9}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no list of lines"),
        ("lines: []", "no list of lines"),
        ("lines: [", "no YAML"),
        (f"lines: [{GOOD}]\nextra: 1", "extra beside"),
        ("lines: [3]", "line 1: it is no mapping"),
        (f"lines: [{GOOD}]\nlines: [{GOOD.replace('0.3', '0.1')}]", "lines stands twice"),
        (f"lines: [{GOOD.replace('metric', 'threshold: 0.1, metric')}]", "threshold stands twice"),
        ("lines: [{{[a]: b}: 3}]", "no YAML"),
        (f"lines: [{GOOD}, {GOOD}]", "line 2: return_next_day in all is named twice"),
        (f"lines: [{GOOD.replace('next_day', 'nextday')}]", "no metric return_nextday. Did you mean return_next_day?"),
        (f"lines: [{GOOD.replace('return_next_day', 'zzz')}]", "no metric zzz. Known are return_next_day, abrupt_end"),
        (
            "lines: [{metric: 'benchmark:', threshold: 1, direction: at_least, minimum_sample: 9}]",
            "no metric benchmark:",
        ),
        (f"lines: [{GOOD.replace('0.3', 'high')}]", "threshold is high"),
        (f"lines: [{GOOD.replace('0.3', '.nan')}]", "threshold is nan"),
        (f"lines: [{GOOD.replace('at_least', 'above')}]", "direction is above"),
        (f"lines: [{GOOD.replace('at_least', '[1]')}]", "direction is [1]"),
        (f"lines: [{GOOD.replace('9', '0')}]", "minimum_sample is 0"),
        (f"lines: [{GOOD.replace(', minimum_sample: 9', '')}]", "minimum_sample is missing"),
        (f"lines: [{GOOD.replace('metric', 'slice: en, metric')}]", "slice is en"),
        (f"lines: [{GOOD.replace('metric', 'level: 3, metric')}]", "it has level"),
    ],
)
def test_what_is_no_gate_is_refused(tmp_path: Path, text: str, said: str):
    file = tmp_path / "gate.yaml"
    file.write_text(text)
    with pytest.raises(UserError) as caught:
        gate_of(str(file))
    assert said in str(caught.value)
    assert str(file) in str(caught.value)


def test_a_gate_that_is_not_there_or_is_binary_is_refused(tmp_path: Path):
    with pytest.raises(UserError, match="No such file"):
        gate_of(str(tmp_path / "none.yaml"))
    (tmp_path / "g").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError, match="no YAML"):
        gate_of(str(tmp_path / "g"))


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    file = tmp_path / "gate.yaml"
    file.write_text(f"name: spring\nlines:\n  - {GOOD}\n")
    return Stage.at(tmp_path / "home", evaluation={"launch": {"gate": str(file)}})


def known_of(stage: Stage, low: float, high: float, day: date = DAY) -> None:
    write(stage, "models", {"model_id": "new", "kind": "candidate"}, {"model_id": "old", "kind": "incumbent"})
    told = {"mean": (low + high) / 2, "low": low, "high": high, "users": 400}
    write(stage, "slice_results", RETURN | told, day=day)


def test_every_candidate_has_a_row_a_line_and_a_card(stage: Stage):
    known_of(stage, 0.4, 0.5)
    write(stage, "model_dimensions", *(
        {"model_id": "new", "dimension": name, "source": "none", "reason": "not measured"} for name in DIMENSIONS
    ))  # fmt: skip
    card = metadata(stage.run(DAY, [launch_gates]), "launch_gates")["card"]
    whole, only = sorted(stage.rows("launch_gates"), key=lambda row: row["line"])
    assert (whole["model_id"], whole["verdict"], whole["gate"], whole["changed"]) == ("new", "pass", "spring", False)
    assert (only["value"], only["n"], only["threshold"], only["verdict"]) == (0.45, 400, 0.3, "pass")
    assert "**new: pass**" in card
    assert (
        "| return_next_day | share of users and days with a return on the next local day | 0.450 [0.400, 0.500] |"
        in card
    )
    assert "| new | not measured | not measured |" in card


def test_a_gate_that_was_changed_after_the_first_evaluation_is_named(stage: Stage):
    known_of(stage, 0.1, 0.2)
    stage.run(DAY, [launch_gates])
    first = stage.rows("launch_gates")[0]["gate_hash"]
    file = Path(stage.settings.evaluation.launch.gate)
    file.write_text(file.read_text().replace("0.3", "0.05"))
    later = DAY + timedelta(days=1)
    known_of(stage, 0.1, 0.2, later)
    stage.run(later, [launch_gates])
    whole = next(row for row in stage.rows("launch_gates") if row["day"] == later and row["line"] == 0)
    assert (whole["verdict"], whole["changed"], whole["agreed_hash"]) == ("not agreed", True, first)
    assert f"The gate was changed after the first evaluation, from {first[:12]}" in whole["reason"]
    latest = later + timedelta(days=1)
    known_of(stage, 0.1, 0.2, latest)
    launch = stage.settings.evaluation.launch
    agreed = launch.model_copy(update={"agreed": whole["gate_hash"][:12]})
    evaluation = stage.settings.evaluation.model_copy(update={"launch": agreed})
    stage = stage._replace(settings=stage.settings.model_copy(update={"evaluation": evaluation}))
    stage.run(latest, [launch_gates])
    again = next(row for row in stage.rows("launch_gates") if row["day"] == latest and row["line"] == 0)
    assert (again["verdict"], again["changed"], again["agreed_hash"]) == ("pass", True, first)
    assert again["reason"].endswith(", and agreed anew")


@pytest.mark.parametrize("days", [0, -1])
def test_a_gate_that_was_changed_is_named_on_the_same_day_and_on_one_before_it_too(stage: Stage, days: int):
    """An hour later, or in a backfill, it is no other gate than a day later."""
    known_of(stage, 0.1, 0.2)
    stage.run(DAY, [launch_gates])
    first = stage.rows("launch_gates")[0]
    assert first["verdict"] == "fail"
    file = Path(stage.settings.evaluation.launch.gate)
    file.write_text(file.read_text().replace("0.3", "0.05"))
    day = DAY + timedelta(days=days)
    known_of(stage, 0.1, 0.2, day)
    for _ in range(2):
        stage.run(day, [launch_gates])
        whole = next(row for row in stage.rows("launch_gates") if row["day"] == day and row["line"] == 0)
        assert (whole["verdict"], whole["agreed_hash"]) == ("not agreed", first["gate_hash"])


def test_without_a_file_nobody_is_judged_and_what_is_not_known_is_open(tmp_path: Path, stage: Stage):
    bare = Stage.at(tmp_path / "bare")
    write(bare, "models", {"model_id": "new", "kind": "candidate"})
    bare.run(DAY, [launch_gates])
    assert bare.rows("launch_gates") == []
    write(stage, "models", {"model_id": "new", "kind": "candidate"})
    stage.run(DAY, [launch_gates])
    assert {row["verdict"] for row in stage.rows("launch_gates")} == {"not enough data"}


def test_the_newest_score_of_an_item_counts(stage: Stage):
    for at, (score, hour) in enumerate(((1.0, 9), (0.0, 8), (0.0, None))):
        scored_at = datetime(2026, 5, 1, hour) if hour is not None else None
        row = {"model_id": "new", "benchmark": "b", "score": score, "scored_at": scored_at}
        write(stage, "benchmark_scores", *(row | {"item_id": f"i{item}"} for item in range(4)),
              day=DAY + timedelta(days=at))  # fmt: skip
    found = benchmark_mean(stage.inputs(DAY, benchmark_items=(None, None), benchmark_scores=(None, None)), "new", "b")
    assert (found.value, found.n) == (1.0, 4)


def test_every_metric_that_may_be_named_is_found_where_it_lies(stage: Stage):
    known_of(stage, 0.4, 0.5)
    write(stage, "fairness_gaps", {
        "model_id": "new", "metric": "return_next_day", "dimension": "locale", "gap": 0.1, "low": 0.0, "high": 0.2,
        "users": 150,
    })  # fmt: skip
    write(stage, "policy_screen", {
        "model_id": "new", "reward_gain": 0.5, "low": 0.4, "high": 0.6, "users": 50, "unsafe": 0.0, "valid": 1.0,
    })  # fmt: skip
    write(stage, "policy_screen", {
        "model_id": "new", "reward_gain": 9.0, "low": 8.0, "high": 9.5, "users": 50, "unsafe": 0.5, "valid": 0.5,
    }, day=DAY - timedelta(days=1))  # fmt: skip
    scores = [0.0, 1.0, 1.0, 1.0]
    write(stage, "benchmark_items", *({"benchmark": "b", "item_id": f"i{at}", "slice": "math"} for at in range(2)))
    write(
        stage, "benchmark_scores",
        *({"model_id": "new", "benchmark": "b", "item_id": f"i{at}", "score": one} for at, one in enumerate(scores)),
        *({"model_id": "new", "benchmark": "graded", "item_id": f"i{at}", "score": at * 0.3 + 0.1} for at in range(3)),
        *({"model_id": "new", "benchmark": "flat", "item_id": f"i{at}", "score": 0.5} for at in range(2)),
        {"model_id": "new", "benchmark": "published", "item_id": "all", "score": 0.7, "standard_error": 0.1},
        {"model_id": "new", "benchmark": "bare", "item_id": "all", "score": 0.7},
    )  # fmt: skip
    verdict = {"judge_id": "j", "family_a": "new", "family_b": "old", "slice": "chat"}
    write(
        stage, "judge_verdicts",
        *({**verdict, "item_id": f"i{at}", "verdict": said, "order": order}
          for at, both in enumerate(["aa", "ab", "bb"]) for order, said in zip(("ab", "ba"), both, strict=True)),
        {**verdict, "item_id": "i9", "verdict": "b", "family_a": "old", "family_b": "new", "order": "ab"},
        {**verdict, "item_id": "i8", "verdict": "b", "family_b": "new", "order": "ab"},
    )  # fmt: skip
    import evalloop_assets.evaluation.launch.gate_metrics as registry

    inputs = stage.inputs(DAY, **registry.READS)

    def found(metric: str, place: str = "all") -> Figure:
        assert known(metric)
        return figure(inputs, "new", Line(metric, place, 0.0, "at_least", 1))

    assert found("return_next_day")[:4] == (0.45, 0.4, 0.5, 400)
    assert found("return_next_day", "locale=de").reason == "nothing is known of it there"
    assert found("fairness_gap", "locale=all")[:4] == (0.1, 0.0, 0.2, 150)
    assert found("fairness_gap").reason == "the slice must name the dimension, as locale=all"
    assert found("reward_gain")[:4] == (0.5, 0.4, 0.6, 50)
    assert not found("reward_gain", "locale=de").known
    theirs = stats.binomtest(0, 50).proportion_ci(method="wilson")
    assert found("unsafe")[:4] == pytest.approx((0.0, theirs.low, theirs.high, 50))
    assert not found("off_policy_gain").known
    theirs = stats.binomtest(3, 4).proportion_ci(method="wilson")
    assert found("benchmark:b")[:4] == pytest.approx((0.75, theirs.low, theirs.high, 4))
    assert found("benchmark:b", "slice=math").n == 2
    interval = stats.ttest_1samp([0.1, 0.4, 0.7], 0).confidence_interval()
    assert found("benchmark:graded")[:4] == pytest.approx((0.4, interval.low, interval.high, 3))
    assert found("benchmark:flat").reason.startswith("not enough data: all 2 items score 0.5")
    assert found("benchmark:published")[:3] == pytest.approx((0.7, 0.7 - 1.96 * 0.1, 0.7 + 1.96 * 0.1), abs=1e-4)
    assert found("benchmark:bare").reason == "a published score without a standard error"
    assert found("benchmark:none").reason == "no score of it in the lake"
    interval = stats.ttest_1samp([1.0, 0.5, 0.0], 0).confidence_interval()
    assert found("judge_win_rate")[:4] == pytest.approx((0.5, interval.low, interval.high, 3))
    assert found("judge_win_rate", "slice=other").n == 0
    assert {"latency_ms", "cost_usd", "valid"} <= set(ABOUT)


def test_a_judge_that_always_says_a_and_verdicts_in_one_order_tell_no_win_rate(stage: Stage):
    """The candidate stands first in all items of one kind; in the other kind each item is shown in both orders."""
    verdict = {"judge_id": "j", "family_a": "new", "family_b": "old"}
    write(
        stage, "judge_verdicts",
        *({**verdict, "item_id": f"i{at}", "verdict": "a", "order": "ab", "slice": "first"} for at in range(50)),
        *({**verdict, "item_id": f"n{at}", "verdict": "a", "slice": "not told"} for at in range(50)),
        *({**verdict, "item_id": f"b{at}", "verdict": said, "order": order, "decided_at": datetime(2026, 5, day),
           "slice": "both"}
          for at in range(50) for order, said, day in (("ab", "a", 1), ("ab", "a", 2), ("ba", "b", 1))),
    )  # fmt: skip
    inputs = stage.inputs(DAY, judge_verdicts=(None, None))
    for place in ("first", "not told"):
        found = judge_win_rate(inputs, "new", place)
        assert found.reason == "not enough data: 0 of 50 items were shown in both orders"
    assert judge_win_rate(inputs, "new", "both").reason.startswith("not enough data: all 50 items score 0.5")


def test_the_card_has_the_confusion_of_judges_and_people(stage: Stage):
    """Of 40 items people see the candidate win 20, lose 15 and tie 5; judges take 4 losses for wins."""
    known_of(stage, 0.4, 0.5)
    people = ["wins"] * 20 + ["loses"] * 15 + ["tie"] * 5
    judges = ["wins"] * 24 + ["loses"] * 11 + ["tie"] * 5

    def rows(said: list[str], who: str) -> list[dict[str, object]]:
        """Every second item has the candidate as side b."""
        found: list[dict[str, object]] = []
        for at, one in enumerate(said):
            is_a = at % 2 == 0
            side = "tie" if one == "tie" else "a" if (one == "wins") == is_a else "b"
            families = ("new", "old") if is_a else ("old", "new")
            found.append({"item_id": f"i{at}", who: "w", "verdict": side, "family_a": families[0],
                          "family_b": families[1]})  # fmt: skip
        return found

    write(stage, "judge_verdicts", *rows(judges, "judge_id"))
    write(stage, "gold_annotations", *rows(people[:29], "annotator_id"))
    reads = {"judge_verdicts": (None, None), "gold_annotations": (None, None)}
    assert judged_card(stage.inputs(DAY, **reads), "new") is None
    write(stage, "gold_annotations", *rows(people, "annotator_id"))
    found = judged_card(stage.inputs(DAY, **reads), "new")
    assert found is not None
    assert (found.labels, found.confusion_matrix) == (("loses", "tie", "wins"), ((11, 0, 4), (0, 5, 0), (0, 0, 20)))
    other = judged_card(stage.inputs(DAY, **reads), "old")
    assert other is not None
    assert other.confusion_matrix == ((20, 0, 0), (0, 5, 0), (4, 0, 11))
    said = str(metadata(stage.run(DAY, [launch_gates]), "launch_gates")["card"])
    assert "Judges (predicted) against people (true), 40 items" in said
    assert "| wins | 0 | 0 | 20 |" in said
    assert "| wins | 20 | 0.833" in said


def gated(loop: Loop, verdict: str, day: date, gate: str = "gate.yaml", model: str = "new") -> None:
    loop.world.settings = loop.world.settings.model_copy(
        update={"evaluation": type(loop.world.settings.evaluation)(launch={"gate": gate})}
    )
    row = {"model_id": model, "line": 0, "gate": "spring", "verdict": verdict, "reason": "abrupt_end at most 0.1"}
    loop.world.write("launch_gates", [row], day)


@pytest.mark.parametrize(("verdict", "said"), [("fail", "failed"), ("not agreed", "did not pass")])
@pytest.mark.parametrize(("action", "weight"), [("advance", 5.0), ("promote", 50.0)])
def test_whom_the_gate_failed_last_is_served_to_nobody_more(
    tmp_path: Path, action: str, weight: float, verdict: str, said: str
):
    loop = Loop(tmp_path, weight)
    gated(loop, verdict, SERVED)
    outcome = loop.carry_out(action)
    assert outcome.done is None
    assert outcome.reason == f"new {said} the launch gate spring on {SERVED}: abrupt_end at most 0.1"
    assert len(loop.ledger.history()) == 2


@pytest.mark.parametrize(
    ("verdict", "action", "weight", "done"),
    [
        ("pass", "promote", 50.0, "promoted"),
        ("not enough data", "promote", 50.0, None),
        ("pass", "advance", 5.0, "ramped to 25%"),
        ("not enough data", "advance", 5.0, "ramped to 25%"),
    ],
)
def test_a_newer_verdict_counts_and_what_is_open_hinders_the_promotion_alone(
    tmp_path: Path, verdict: str, action: str, weight: float, done: str | None
):
    loop = Loop(tmp_path, weight)
    gated(loop, "fail", SERVED - timedelta(days=1))
    gated(loop, verdict, SERVED)
    outcome = loop.carry_out(action)
    assert outcome.done == done
    if done is None:
        assert outcome.reason == f"new did not pass the launch gate spring on {SERVED}: abrupt_end at most 0.1"


def test_whom_the_gate_has_not_judged_is_not_promoted(tmp_path: Path):
    loop = Loop(tmp_path, 50.0)
    gated(loop, "pass", SERVED, model="another")
    outcome = loop.carry_out("promote")
    assert (outcome.done, outcome.reason) == (None, "the launch gate has not judged new")
    assert Loop(tmp_path / "ramp", 5.0).carry_out("advance").done == "ramped to 25%"


def test_where_no_gate_is_set_nothing_changes(tmp_path: Path):
    loop = Loop(tmp_path, 50.0)
    gated(loop, "fail", SERVED, gate="")
    assert loop.carry_out("promote", now=datetime(2026, 5, 4, 1, 10)).done == "promoted"


def test_the_command_prints_every_line_and_says_what_is_missing(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    file = Path(stage.settings.evaluation.launch.gate)
    monkeypatch.setenv("EVALLOOP_HOME", str(stage.settings.home))
    console = Console(file=io.StringIO(), width=200)
    with pytest.raises(UserError, match="no day was evaluated yet"):
        show_gate(console, file, [])
    write(stage, "slice_results", RETURN | {"mean": 0.45, "low": 0.4, "high": 0.5, "users": 400})
    with pytest.raises(UserError, match="there is no candidate on 2026-05-03"):
        show_gate(console, file, [])
    with pytest.raises(UserError, match=r"model neu: nothing is known of it. Did you mean new\? There are new\."):
        show_gate(console, file, ["new", "neu"])
    write(stage, "benchmark_scores", {"model_id": "else", "benchmark": "b", "item_id": "i", "score": 1.0})
    assert show_gate(console, file, ["new", "else"]) == 3
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert "gate spring" in said
    assert "0.450 [0.400, 0.500]" in said
    assert "new: pass" in said
    assert "else: not enough data" in said


@pytest.mark.parametrize(("name", "status"), [("spring", 3), ("safety", 0)])
def test_the_command_compares_a_changed_gate_with_those_of_its_name(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, name: str, status: int
):
    known_of(stage, 0.4, 0.5)
    stage.run(DAY, [launch_gates])
    file = Path(stage.settings.evaluation.launch.gate)
    file.write_text(file.read_text().replace("0.3", "0.05").replace("spring", name))
    monkeypatch.setenv("EVALLOOP_HOME", str(stage.settings.home))
    assert show_gate(Console(file=io.StringIO()), file, []) == status


@pytest.mark.parametrize(
    ("low", "arguments", "status"),
    [
        (0.4, [], 0),
        (0.1, [], 1),
        (0.25, [], 3),
        (0.1, ["--model", "new", "--model", "old"], 1),
        (0.4, ["--model", "neu"], 2),
    ],
    ids=["pass", "fail", "open", "one fails, one is open", "a mistake"],
)
def test_a_pipeline_reads_the_verdict_from_the_exit_status(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, low: float, arguments: list[str], status: int
):
    known_of(stage, low, low + 0.1)
    monkeypatch.setenv("EVALLOOP_HOME", str(stage.settings.home))
    monkeypatch.setattr("sys.argv", ["evalloop", "gate", stage.settings.evaluation.launch.gate, *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == status
