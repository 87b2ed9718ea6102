"""A served day: contract, causes that show in the log, reproducibility, kills."""

import os
import signal
import subprocess
import sys
import time
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from evalloop_assets.lake.errors import UserError
from evalloop_assets.logs.contract import LOG_TABLES
from evalloop_assets.logs.evaluation_contract import BENCHMARK_SCORES, EVALUATION_TABLES
from evalloop_assets.simulator.conditions import Scale
from evalloop_assets.simulator.delivery import complete_through
from evalloop_assets.simulator.demo_cast import demo_policies
from evalloop_assets.simulator.lexicon import CLOSINGS
from evalloop_assets.simulator.packs import LEXICON
from evalloop_assets.simulator.policies import Spoken
from evalloop_assets.simulator.traffic import OneModel
from evalloop_assets_tests.simulator.world import (
    FIRST,
    HalfOfConversations,
    HalfOfUsers,
    day,
    product,
    rows,
)

DAYS = 3


def serve(root: Path, days: int = DAYS, flags=HalfOfUsers("incumbent", "padded"), **options) -> Path:  # noqa: B008
    for number in range(days):
        product(root, **options).serve_day(day(number), flags, demo_policies(), root / "out")
    return root / "out"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("product")
    serve(folder)
    return folder


@pytest.fixture(scope="module")
def out(root) -> Path:
    return root / "out"


DELIVERED = set(LOG_TABLES) - {schema.name for schema in EVALUATION_TABLES} | {BENCHMARK_SCORES.name}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("name", sorted(DELIVERED))
def test_every_table_has_the_contract_columns_types_and_no_row_against_it(out, name):
    schema = LOG_TABLES[name]
    if name == "assignments":
        assert (out / name / f"{FIRST}.parquet").exists()
    found = rows(f"DESCRIBE SELECT * FROM '{{out}}/{name}/*.parquet'", out=out)
    assert [(column[0], column[1]) for column in found] == [(column.name, column.type) for column in schema.columns]
    source = f"FROM '{{out}}/{name}/*.parquet' WHERE"
    for column in schema.columns:
        if column.required:
            assert rows(f"SELECT count(*) {source} {column.name} IS NULL", out=out) == [(0,)]
        if column.choices:
            choices = ", ".join(f"'{choice}'" for choice in column.choices)
            assert rows(f"SELECT count(*) {source} {column.name} NOT IN ({choices})", out=out) == [(0,)]
        for bound, sign in ((column.minimum, "<"), (column.maximum, ">")):
            if bound is not None:
                assert rows(f"SELECT count(*) {source} {column.name} {sign} {bound}", out=out) == [(0,)]
    keys = ", ".join(schema.key)
    assert rows(f"SELECT count(*) - count(DISTINCT ({keys})) FROM '{{out}}/{name}/*.parquet'", out=out) == [(0,)]


@pytest.mark.parametrize("name", [name for name, schema in LOG_TABLES.items() if schema.day_from])
def test_a_file_holds_rows_of_its_own_day_only(out, name):
    time_column = LOG_TABLES[name].day_from
    for number in range(DAYS):
        query = f"SELECT min({time_column}), max({time_column}) FROM '{{out}}/{name}/{day(number)}.parquet'"
        first, last = rows(query, out=out)[0]
        assert first.date() == last.date() == day(number)


def test_turns_after_midnight_come_with_the_next_day(root, out):
    late = pq.read_table(root / "product" / "state" / str(FIRST) / "held" / "turns.parquet").to_pylist()
    assert late
    delivered = {row[0] for row in rows(f"SELECT event_id FROM '{{out}}/turns/{day(1)}.parquet'", out=out)}
    assert {row["event_id"] for row in late} <= delivered


def test_turns_of_a_conversation_follow_each_other(out):
    query = """
        SELECT count(*) FROM (
            SELECT shown_at, dwell_ms, latency_ms,
                lead(shown_at) OVER w AS next_at, lead(latency_ms) OVER w AS next_latency
            FROM '{out}/turns/*.parquet' WINDOW w AS (PARTITION BY conversation_id ORDER BY shown_at))
        WHERE next_at IS NOT NULL AND abs(epoch_ms(next_at) - epoch_ms(shown_at) - dwell_ms - next_latency) > 4"""
    assert rows(query, out=out) == [(0,)]
    parts = "dwell_ms < foreground_ms - 1 OR foreground_ms < typing_ms OR received_at < shown_at"
    assert rows(f"SELECT count(*) FROM '{{out}}/turns/*.parquet' WHERE {parts}", out=out) == [(0,)]
    lengths = "reply_chars <> length(reply_text) OR user_chars <> length(user_text)"
    assert rows(f"SELECT count(*) FROM '{{out}}/turns/*.parquet' WHERE {lengths}", out=out) == [(0,)]


def test_a_regenerated_reply_answers_the_same_message(out):
    query = """
        SELECT count(*), count(*) FILTER (r.user_text = t.user_text AND r.conversation_id = t.conversation_id)
        FROM '{out}/turns/*.parquet' t JOIN '{out}/turns/*.parquet' r ON r.event_id = t.replaces_event_id"""
    [(replaced, same)] = rows(query, out=out)
    assert replaced == same > 20
    assert rows("SELECT count(replaces_event_id) FROM '{out}/turns/*.parquet'", out=out) == [(replaced,)]


def test_natural_ends_say_closing_words_or_are_quiet_and_other_ends_have_none(root, out):
    query = """
        WITH last AS (SELECT conversation_id, arg_max(user_text, shown_at) AS said
                      FROM '{out}/turns/*.parquet' GROUP BY conversation_id)
        SELECT coalesce(closure, "end"), avg((said IN ({closing}))::INTEGER), count(*)
        FROM last JOIN '{truth}/conversations/*.parquet' USING (conversation_id)
        WHERE conversation_id NOT IN (SELECT conversation_id FROM '{late}') GROUP BY 1"""
    late = root / "product" / "state" / str(day(DAYS - 1)) / "held" / "turns.parquet"
    said = [LEXICON.sentences[i] for i in np.flatnonzero(np.isin(LEXICON.kind, CLOSINGS))]
    closing = ", ".join("'" + sentence.replace("'", "''") + "'" for sentence in said)
    shares = {end: share for end, share, _ in rows(query, out=out, truth=root / "truth", late=late, closing=closing)}
    assert shares.keys() == {"farewell", "thanks", "goal", "resolved", "quiet", "abrupt", "interrupted"}
    assert all(shares[closure] == 1 for closure in ("farewell", "thanks", "goal", "resolved"))
    assert shares["quiet"] == shares["abrupt"] == shares["interrupted"] == 0


def test_new_users_sign_up_every_day_before_they_open_the_app(out):
    query = """
        SELECT count(*), count(*) FILTER (signed_up_at < first_visit)
        FROM '{out}/signups/*.parquet' LEFT JOIN
            (SELECT user_id, min(opened_at) AS first_visit FROM '{out}/visits/*.parquet' GROUP BY 1) USING (user_id)
        GROUP BY signed_up_at::DATE"""
    days = rows(query, out=out)
    assert len(days) == DAYS
    assert all(new == before > 10 for new, before in days)


def test_each_conversation_is_opened_by_a_visit_and_by_one_model(out):
    query = """
        WITH c AS (SELECT conversation_id, any_value(user_id) AS user_id, min(shown_at) AS start,
                          count(DISTINCT model_id) AS models, count(DISTINCT user_id) AS users
                   FROM '{out}/turns/*.parquet' GROUP BY 1)
        SELECT count(*) FROM c WHERE models > 1 OR users > 1 OR NOT EXISTS (
            SELECT 1 FROM '{out}/visits/*.parquet' v WHERE v.user_id = c.user_id
            AND v.opened_at BETWEEN c.start - INTERVAL 3 MINUTE AND c.start)"""
    assert rows(query, out=out) == [(0,)]


def test_users_are_exposed_once_and_conversations_each(out, tmp_path):
    by_user = rows(
        "SELECT count(*), count(DISTINCT unit_id), any_value(unit) FROM '{out}/assignments/*.parquet'", out=out
    )
    users = rows("SELECT count(DISTINCT user_id) FROM '{out}/turns/*.parquet'", out=out)[0][0]
    assert by_user == [(users, users, "user")]
    each = serve(tmp_path, 1, HalfOfConversations("incumbent", "padded"))
    query = """SELECT count(*), count(*) FILTER (a.model_id = t.model_id AND a.arm = t.arm AND a.propensity = 0.5)
        FROM '{out}/assignments/*.parquet' a JOIN
        (SELECT DISTINCT conversation_id, model_id, arm FROM '{out}/turns/*.parquet') t
        ON t.conversation_id = a.unit_id"""
    [(conversations, agreeing)] = rows(query, out=each)
    assert conversations == agreeing > 100


def test_battles_know_quality_position_and_all_models(tmp_path):
    served = serve(tmp_path, 1, OneModel("incumbent"), scale=Scale(base_users=300, new_users=10, battles=6000))
    query = """
        WITH side AS (SELECT model_a AS m, outcome = 'a' AS won FROM '{out}/battles/*.parquet' UNION ALL
                      SELECT model_b, outcome = 'b' FROM '{out}/battles/*.parquet')
        SELECT m FROM side GROUP BY m ORDER BY avg(won::INTEGER)"""
    order = [name for (name,) in rows(query, out=served)]
    assert [name for name in order if name.startswith("ref")] == ["ref-dull", "ref-plain", "ref-rich"]
    assert set(order) == set(demo_policies())
    query = """
        SELECT avg(CASE WHEN outcome = shown_first THEN 1 WHEN outcome IN ('a', 'b') THEN -1 ELSE 0 END),
        count(DISTINCT propensity), sum((model_a = model_b)::INTEGER) FROM '{out}/battles/*.parquet'"""
    [(lead, propensities, selves)] = rows(query, out=served)
    assert 0.03 < lead < 0.3
    assert (propensities, selves) == (1, 0)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(root, tmp_path):
    again, other = tmp_path / "again", tmp_path / "other"
    serve(again)
    assert contents(again) == contents(root)
    serve(other, 1, seed=6)
    turns = Path("out") / "turns" / f"{FIRST}.parquet"
    assert (other / turns).read_bytes() != (root / turns).read_bytes()


def test_serving_a_day_again_changes_nothing_and_gives_its_summary(root):
    before = contents(root)
    summary = product(root).serve_day(day(1), OneModel("ref-rich"), demo_policies(), root / "out")
    assert summary.turns_by_model.keys() == {"incumbent", "padded"}
    assert contents(root) == before


def test_a_model_is_announced_when_it_first_can_be_served(tmp_path):
    policies = demo_policies()
    first = {name: policy for name, policy in policies.items() if name != "padded"}
    product(tmp_path).serve_day(day(0), OneModel("incumbent"), first, tmp_path / "out")
    product(tmp_path).serve_day(day(1), OneModel("incumbent"), policies, tmp_path / "out")
    query = "SELECT model_id, kind, parent, released_at FROM '{file}'"
    assert rows(query, file=tmp_path / "out" / "models" / f"{day(1)}.parquet") == [
        ("padded", "candidate", "incumbent", datetime.combine(day(1), datetime.min.time()))
    ]
    assert not (tmp_path / "out" / "characters" / f"{day(1)}.parquet").exists()


def test_days_out_of_order_and_another_product_are_refused(root):
    with pytest.raises(UserError, match="has not served the day before"):
        product(root).serve_day(day(7), OneModel("incumbent"), demo_policies(), root / "out")
    with pytest.raises(UserError, match="it was begun as another one"):
        product(root, seed=9).serve_day(day(DAYS), OneModel("incumbent"), demo_policies(), root / "out")


def no_connection(prompts):
    raise RuntimeError("no connection")


def fails_in_the_middle(prompts):
    if any(one.history for one in prompts):
        raise RuntimeError("out of memory")
    return ["Once upon a time."] * len(prompts)


@pytest.mark.parametrize(
    ("speak", "why"),
    [
        (no_connection, "no connection"),
        (fails_in_the_middle, "out of memory"),
        (lambda prompts: [b"bytes"] * len(prompts), "returned bytes"),
        (lambda prompts: time.sleep(30), "not answered"),
    ],
    ids=["raises", "raises later", "bytes", "hangs"],
)
def test_a_policy_that_fails_leaves_no_trace_of_the_day(tmp_path, speak, why):
    policies = demo_policies()
    broken = policies | {"padded": Spoken(policies["padded"].spec, speak, time_limit_s=1.0)}
    with pytest.raises(UserError, match=why):
        product(tmp_path).serve_day(day(0), HalfOfUsers("incumbent", "padded"), broken, tmp_path / "out")
    assert list(tmp_path.rglob("*")) == []


SERVE = """
import sys
from pathlib import Path
from evalloop_assets_tests.simulator.test_product import serve
serve(Path(sys.argv[1]), int(sys.argv[2]))
"""


def test_a_killed_day_is_complete_or_absent_and_serving_it_again_heals(root, tmp_path):
    """Kills when the first, a middle and the last file of the day has appeared, in the order of writing."""
    files = (f"{folder}/{FIRST}.parquet" for folder in ("truth/turns", "out/visits", "out/turns"))
    marks = ("out/turns", *files, f"product/state/{FIRST}")
    for mark in marks:
        folder = tmp_path / mark.replace("/", "-")
        folder.mkdir()
        running = subprocess.Popen([sys.executable, "-c", SERVE, str(folder), "1"])
        deadline = time.monotonic() + 60
        while not (folder / mark).exists() and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.0005)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        declared = complete_through(folder / "out")
        present = {path.parent.name for path in (folder / "out").rglob(f"{FIRST}.parquet")}
        assert declared is None or present == DELIVERED
        serve(folder)
        healed = {name: data for name, data in contents(folder).items() if not name.endswith(".partial")}
        assert healed == contents(root)


def test_a_foreign_voice_is_logged_and_judged_like_any_other(tmp_path):
    def speak(prompts):
        return [f"You say: {prompt.message} And then it rains, {len(prompt.history)}." for prompt in prompts]

    policies = demo_policies()
    policies["incumbent"] = Spoken(policies["incumbent"].spec, speak)
    product(tmp_path).serve_day(day(0), OneModel("incumbent"), policies, tmp_path / "out")
    query = """
        SELECT count(*), count(*) FILTER (reply_text LIKE '%And then it rains, %.'),
            count(*) FILTER (regexp_extract(reply_text, '([0-9]+)[.]$', 1)::INT = 2 * place)
        FROM (SELECT *, count(*) FILTER (event_id NOT IN
                  (SELECT replaces_event_id FROM '{out}/turns/*.parquet' WHERE replaces_event_id IS NOT NULL)) OVER
                  (PARTITION BY conversation_id ORDER BY shown_at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
                  AS place FROM '{out}/turns/*.parquet')"""
    [(turns, foreign, with_history)] = rows(query, out=tmp_path / "out")
    assert turns == foreign == with_history > 500


def test_parts_of_a_day_are_held_like_the_whole(tmp_path, monkeypatch):
    """Many small parts: other draws, but the same people on the same day, every conversation once."""
    monkeypatch.setattr("evalloop_assets.simulator.product.PART", 50)
    served = serve(tmp_path, 1)
    conversations = (
        "SELECT count(DISTINCT conversation_id), count(DISTINCT event_id), count(*) FROM '{out}/turns/*.parquet'"
    )
    [(found, events, turns)] = rows(conversations, out=served)
    truth = rows("SELECT count(*), sum(turns) FROM '{root}/truth/conversations/*.parquet'", root=tmp_path)
    assert 150 < found <= truth[0][0]
    assert events == turns <= truth[0][1]


def test_complete_through_follows_the_days(out):
    assert complete_through(out) == FIRST + timedelta(days=DAYS - 1)
