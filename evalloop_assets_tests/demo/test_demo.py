"""`evalloop demo`: what it leaves behind is what it says, from the flag file to the instance's runs."""

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from dagster import DagsterRunStatus
from openfeature import api
from openfeature.contrib.provider.flagd import FlagdProvider
from openfeature.contrib.provider.flagd.config import ResolverType
from openfeature.evaluation_context import EvaluationContext

from evalloop_assets.cli.home import clear_for_demo
from evalloop_assets.serving.flagd import flag_file
from evalloop_assets.serving.ledger import Entry
from evalloop_assets.settings import Settings
from evalloop_assets_tests.demo.conftest import Demo
from evalloop_assets_tests.homes import ROOT, command, run

pytestmark = pytest.mark.long

CONVERSATIONS = 4_000
GAMING = """
    SELECT reading_id, duration_low, retention_high, matured_users, daily_users, day FROM guardrail_readings
    WHERE verdict = 'ROLLBACK' AND cause = 'gaming'
"""
SERVED = """
    SELECT model_id, count(*) AS replies FROM turns
    JOIN (SELECT conversation_id, min(shown_at) AS begun FROM turns GROUP BY conversation_id) USING (conversation_id)
    WHERE CAST(begun AS DATE) = (SELECT max(day) FROM turns)
    GROUP BY model_id
"""
RETURNING = """
    SELECT experiment_id, model_id, avg(return_probability) AS chance
    FROM read_parquet('{files}') WHERE experiment_id IS NOT NULL GROUP BY experiment_id, model_id
"""
READING = "SELECT model_id, avg(read_s) AS seconds FROM read_parquet('{files}') GROUP BY model_id"
MAPPING = """
format: csv
table: turns
columns: {event_id: id, user_id: user, conversation_id: chat, model_id: model, shown_at: at}
"""


def truth(demo: Demo, table: str, query: str) -> list[dict]:
    """Rows about what the simulator knows and no stage reads."""
    return demo.rows(query.format(files=demo.home / "truth" / table / "**" / "*.parquet"))


def the_one(entries: list[Entry], action: str) -> Entry:
    found = [entry for entry in entries if entry.action == action]
    assert len(found) == 1, [(entry.action, entry.reason) for entry in entries]
    return found[0]


def served_models(path: Path, started_at: datetime) -> Counter[str]:
    """Which model a real OpenFeature client gets for conversations that begin then."""
    provider = FlagdProvider(resolver_type=ResolverType.FILE, offline_flag_source_path=str(path), deadline_ms=5_000)
    api.set_provider_and_wait(provider, domain=str(path))
    try:
        client = api.get_client(domain=str(path))
        seconds = started_at.replace(tzinfo=UTC).timestamp()
        found: Counter[str] = Counter()
        for number in range(CONVERSATIONS):
            ids = {"user_id": f"u{number % 1_500}", "conversation_id": f"c{number}"}
            context = EvaluationContext(f"c{number}", {**ids, "started_at": seconds})
            found[client.get_object_value("serving", {"model_id": "unserved"}, context)["model_id"]] += 1
        return found
    finally:
        provider.shutdown()


def test_it_tells_what_happened(demo: Demo):
    for said in (
        "the volume floor is lowered from 50,000 to 500 daily users",
        "passed the offline screen",
        "one promotion (entry",
        "one rollback (entry",
        "make ui",
        "evalloop serving undo",
    ):
        assert said in demo.printed
    assert "Traceback" not in demo.printed


def test_the_loop_promoted_what_it_had_made_itself(demo: Demo):
    entry = the_one(demo.ledger(), "promote")
    assert entry.actor == "allocations"
    model = entry.allocation.champion
    made = f"SELECT kind, base_model_id FROM policy_candidates WHERE model_id = '{model}'"
    assert demo.rows(made, "policy_candidates") == [{"kind": "best_of_n", "base_model_id": "incumbent"}]
    screened = demo.rows(f"SELECT passed, low FROM policy_screen WHERE model_id = '{model}'", "policy_screen")
    assert screened
    assert all(row["passed"] and row["low"] > 0 for row in screened)
    [experiment] = [one.experiment_id for one in entry.allocation.experiments if one.treatment == model]
    judged = demo.rows(
        f"""
        SELECT decisions.advisory, readings.verdict, results.always_low, readings.daily_users
        FROM decisions
        JOIN guardrail_readings AS readings USING (day, experiment_id)
        JOIN experiment_results AS results USING (day, experiment_id)
        WHERE experiment_id = '{experiment}' AND action = 'promote'
            AND results.unit = 'user' AND results.metric = 'daily_return'
        """,
        "decisions",
        "guardrail_readings",
        "experiment_results",
    )
    assert judged
    assert {(row["advisory"], row["verdict"]) for row in judged} == {(False, "PASS")}
    assert all(row["always_low"] > 0 and row["daily_users"] >= 500 for row in judged)


def test_the_guardrail_rolled_back_what_raised_time_and_lowered_return(demo: Demo):
    entry = the_one(demo.ledger(), "rollback")
    [reading] = demo.rows(GAMING, "guardrail_readings")
    assert entry.actor == "guardrail_sensor"
    assert entry.request_id == reading["reading_id"]
    assert reading["duration_low"] > 0
    assert reading["retention_high"] < 0
    assert reading["matured_users"] >= 300
    assert entry.evidence["cause"] == "gaming"
    assert entry.evidence["duration_low"] == reading["duration_low"]
    assert entry.evidence["retention_high"] == reading["retention_high"]
    assert "Time spent rose while fewer people came back" in entry.reason
    [padded] = [one for one in entry.allocation.experiments if one.treatment == "padded"]
    assert padded.status == "rolled_back"


def test_both_decisions_were_right_by_what_only_the_product_knows(demo: Demo):
    returning = {(row["experiment_id"], row["model_id"]): row["chance"] for row in truth(demo, "users", RETURNING)}
    reading = {row["model_id"]: row["seconds"] for row in truth(demo, "conversations", READING)}
    better = the_one(demo.ledger(), "promote").allocation.champion
    assert returning["best-of-n", better] > returning["best-of-n", "incumbent"] + 0.05
    assert returning["padded-replies", "padded"] < returning["padded-replies", "incumbent"] - 0.05
    assert reading["padded"] > 1.2 * reading["incumbent"]


def allocated(entries: list[Entry], moment: datetime) -> set[str]:
    """The models that the ledger allots to conversations that begin then."""
    allocation = [entry for entry in entries if entry.at <= moment][-1].allocation
    return {allocation.champion, *(one.treatment for one in allocation.running)}


def test_the_published_file_serves_the_promoted_model_and_no_padding(demo: Demo, tmp_path: Path):
    entries, hour = demo.ledger(), timedelta(hours=1)
    rolled_back, promoted = the_one(entries, "rollback"), the_one(entries, "promote")
    last = max(rolled_back.at, promoted.at) + hour
    assert served_models(demo.settings.flags, last) == {promoted.allocation.champion: CONVERSATIONS}
    after = served_models(demo.settings.flags, rolled_back.at + hour)
    assert set(after) == allocated(entries, rolled_back.at + hour)
    assert "padded" not in after
    assert "padded" not in served_models(demo.settings.flags, rolled_back.at - hour)

    before = tmp_path / "before.json"
    before.write_text(json.dumps(flag_file(entries[rolled_back.sequence - 2].allocation)), encoding="utf-8")
    assert served_models(before, rolled_back.at - hour)["padded"] > CONVERSATIONS / 10


def test_the_loop_closes_through_the_product(demo: Demo):
    champion = demo.ledger()[-1].allocation.champion
    [served] = demo.rows(SERVED, "turns")
    assert served["model_id"] == champion
    assert served["replies"] > 10_000
    [rewarded] = demo.rows(
        f"""
        SELECT count(reward) AS replies, count(DISTINCT user_id) AS users FROM rewards
        WHERE day = (SELECT max(day) FROM rewards) AND model_id = '{champion}'
        """,
        "rewards",
    )
    assert rewarded["replies"] > 1_000
    assert rewarded["users"] > 100


def test_readings_count_the_users_of_their_day(demo: Demo):
    counted = demo.rows(
        """
        SELECT DISTINCT readings.day, daily_users, users
        FROM guardrail_readings AS readings
        JOIN (SELECT day, count(DISTINCT user_id) AS users FROM sessions GROUP BY day) USING (day)
        """,
        "guardrail_readings",
        "sessions",
    )
    assert counted
    for row in counted:
        assert row["daily_users"] == pytest.approx(row["users"], rel=0.02), "late rows came after the reading"
        assert row["users"] > 1_000


def test_the_instance_knows_every_run_and_why_the_sensor_acted(demo: Demo):
    with demo.instance() as instance:
        runs = [record.dagster_run for record in instance.get_run_records()]
        assert {run.status for run in runs} == {DagsterRunStatus.SUCCESS}
        assert {"ingest", "relabel", "daily", "rollback"} == {run.job_name for run in runs}
        [state] = [one for one in instance.all_instigator_state() if one.name == "guardrail_sensor"]
        ticks = instance.get_ticks(state.origin.get_id(), state.selector_id)
    [rollback] = [run for run in runs if run.job_name == "rollback"]
    assert rollback.tags["dagster/sensor_name"] == "guardrail_sensor"
    assert rollback.tags["evalloop/experiment"] == "padded-replies"
    assert {run.tags["evalloop/days"] for run in runs if run.job_name == "daily"} >= {"2026-03-02", "2026-03-03"}
    [acted] = [tick for tick in ticks if rollback.run_id in tick.run_ids]
    assert "ROLLBACK (gaming). Time spent rose while fewer people came back" in acted.cursor
    others = [tick for tick in ticks if not tick.run_ids and tick.status.value == "SKIPPED"]
    assert others
    assert all(tick.skip_reason.endswith(".") and len(tick.skip_reason) > 20 for tick in others)


def test_status_tells_what_is_served(demo: Demo):
    printed = run(demo.home, "status")
    assert f"served champion {demo.ledger()[-1].allocation.champion}" in printed
    assert "in flight no experiment" in printed
    assert "padded-replies: padded against incumbent, rolled back" in printed
    assert "rejected no row" in printed
    assert "last run ingest" in printed


def test_a_log_of_ones_own_is_kept_out_of_the_demo(demo: Demo):
    before = demo.lake.version("turns")
    process = command(demo.home, "ingest", str(ROOT / "README.md"), "--map", "docs/mappings/sample.yaml")
    printed, _ = process.communicate(timeout=400)
    assert process.returncode == 2
    assert printed.count("\n") == 1
    assert "it holds the demo, which the next demo clears" in printed
    assert "EVALLOOP_HOME=" in printed
    assert demo.lake.version("turns") == before


def test_the_demo_is_kept_out_of_a_home_with_a_log_of_ones_own(tmp_path: Path):
    home = tmp_path / "mine"
    log, mapping = tmp_path / "log.csv", tmp_path / "map.yaml"
    log.write_text("id,user,chat,model,at\ne1,u1,c1,m1,2026-03-02T10:00:00Z\n", encoding="utf-8")
    mapping.write_text(MAPPING, encoding="utf-8")
    run(home, "ingest", str(log), "--map", str(mapping))
    process = command(home, "demo")
    printed, _ = process.communicate(timeout=400)
    assert process.returncode == 2
    assert printed.count("\n") == 1
    assert "it holds a lake that no demo made" in printed
    mine = Demo(home, "")
    assert [row["event_id"] for row in mine.rows("SELECT event_id FROM turns", "turns")] == ["e1"]
    assert not (home / "demo.json").exists()


def test_the_next_demo_clears_the_last_one_and_nothing_else(tmp_path: Path):
    home = tmp_path / "home"
    for name in ("lake", "dagster", "landing"):
        (home / name).mkdir(parents=True)
    for name in ("demo.json", "ledger.sqlite", "notes.txt"):
        (home / name).write_text("x", encoding="utf-8")
    assert clear_for_demo(Settings(home=home))
    assert sorted(path.name for path in home.iterdir()) == ["demo.json", "notes.txt"]
