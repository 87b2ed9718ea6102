"""What `docs/simulator.md` says is planted, found again by a reader who knows that page and the log contract only.

Words, items and phrases are not given here: they are induced from the text by how they recur. Truth tables are read
where the page names them as the key. Bounds are the page's figures, widened by the sampling error of one seed.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections import Counter, defaultdict
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evalloop_assets.logs.contract import LOG_TABLES, LONG_TEXTS, MAX_ID_CHARS, MAX_TEXT_CHARS
from evalloop_assets_tests.simulator.served import home

SEED = 1
FIRST_DAY = date(2026, 3, 2)
CANDIDATES = {
    "healthy": {"dazzling", "charming", "warm", "plotting", "faithful", "steady"},
    "padding": {"padding"},
    "slow_harm": {"eroding"},
    "novelty": {"shiny"},
    "a_a": {"same"},
    "dirty": {"steady"},
    "thin": {"steady"},
    "drift": {"dazzling", "plotting"},
    "regen_spike": {"broken-off"},
}
USERS = {"thin": (130, 3), "healthy": (1600, 70)}
CLEAN = sorted(set(CANDIDATES) - {"dirty"})
REFERENCES = {"ref-dull", "ref-plain", "ref-rich"}
ATTENTIVE, TELLING = ["dazzling", "charming", "warm"], ["plotting", "faithful", "steady"]
DIMENSIONS = ["instant", "momentum", "payoff", "freshness", "consistency", "hollow", "satiety"]


def days_of(name: str) -> int:
    return 12 if name in ("slow_harm", "novelty") else 10


def day(number: int) -> pd.Timestamp:
    return pd.Timestamp(FIRST_DAY + timedelta(days=number))


TRIAL = day(2)

# --- rows ---


@cache
def connection(name: str) -> duckdb.DuckDBPyConnection:
    """The log tables with `file` and `place`, the truth tables with `served`: the day in the name of their file."""
    folder, opened = home(name, SEED), duckdb.connect()
    for table in LOG_TABLES:
        opened.execute(
            f"CREATE VIEW {table} AS SELECT CAST(parse_filename(filename, true) AS DATE) AS file, "
            f"file_row_number AS place, * EXCLUDE (filename, file_row_number) "
            f"FROM read_parquet('{folder}/landing/{table}/*.parquet', filename = true, file_row_number = true)"
        )
    for table in ("turns", "conversations", "users", "battles", "dirt"):
        opened.execute(
            f"CREATE VIEW truth_{table} AS SELECT CAST(parse_filename(filename, true) AS DATE) AS served, "
            f"* EXCLUDE filename FROM read_parquet('{folder}/truth/{table}/*.parquet', filename = true)"
        )
    return opened


@cache
def ask(name: str, query: str) -> pd.DataFrame:
    return connection(name).execute(query).df()


def one(name: str, query: str):
    return connection(name).execute(query).fetchone()


class Gap(NamedTuple):
    by: float
    error: float


def gap(values: pd.Series, treated: pd.Series, users: pd.Series) -> Gap:
    """Treated less others, with the standard error that clusters by user."""
    values, treated = values.astype(float), treated.astype(bool)
    by = values[treated].mean() - values[~treated].mean()
    error = (values - values[treated].mean()) / treated.sum() * treated
    error = error - (values - values[~treated].mean()) / (~treated).sum() * ~treated
    return Gap(by, float(np.sqrt((error.groupby(users).sum() ** 2).sum())))


def assert_within(found: Gap, low: float, high: float, errors: float = 2) -> None:
    assert low - errors * found.error <= found.by <= high + errors * found.error, found


def icc(groups: pd.Series, values: pd.Series) -> float:
    """Share of the variance that lies between groups, by analysis of variance."""
    each = values.astype(float).groupby(groups).agg(["size", "mean", "var"])
    count, total = len(each), each["size"].sum()
    between = (each["size"] * (each["mean"] - values.mean()) ** 2).sum() / (count - 1)
    within = ((each["size"] - 1) * each["var"].fillna(0)).sum() / (total - count)
    size = (total - (each["size"] ** 2).sum() / total) / (count - 1)
    return float((between - within) / (between + (size - 1) * within))


@cache
def truth_of_trial(name: str, table: str) -> pd.DataFrame:
    """Rows of a truth table on days of the trial; `treated` where the model is a candidate."""
    found = ask(name, f"SELECT * FROM truth_{table} WHERE served >= DATE '{TRIAL:%Y-%m-%d}' AND model_id IS NOT NULL")
    return found.assign(treated=found.model_id != "incumbent", trial_day=(found.served - TRIAL).dt.days)


@cache
def next_days(name: str) -> pd.DataFrame:
    """From the log alone: each day a user of the trial opened the app, and whether on the next, local days, too.

    Only users randomised as users, from their assignment on; the last day has no next one.
    """
    return ask(
        name,
        f"""
        WITH opened AS (
            SELECT DISTINCT user_id, CAST(opened_at + to_minutes(utc_offset_minutes) AS DATE) AS on_day FROM visits
        ), arms AS (
            SELECT user_id, any_value(model_id) AS model_id, any_value(arm) = 'treatment' AS treated,
                CAST(min(assigned_at) AS DATE) AS since
            FROM assignments WHERE unit = 'user' GROUP BY user_id HAVING count(DISTINCT arm) = 1
        )
        SELECT o.user_id, a.model_id, a.treated, o.on_day, n.user_id IS NOT NULL AS returned
        FROM opened AS o JOIN arms AS a ON a.user_id = o.user_id AND o.on_day >= a.since
        LEFT JOIN opened AS n ON n.user_id = o.user_id AND n.on_day = o.on_day + 1
        WHERE o.on_day < DATE '{day(days_of(name) - 1):%Y-%m-%d}'
        """,
    )


# --- text ---

END = ".?!。？！"


def sentences(text: str | None) -> list[str]:
    return [one.strip() for one in re.findall(rf"[^{END}]+[{END}]?", text or "") if one.strip()]


def items_of(texts: list[str], chinese: bool) -> list[str]:
    """Names that go through many frames: spans in whose place many other spans stand, in many sentences."""
    frames: dict[tuple[str, str], set[str]] = defaultdict(set)
    glue, longest = ("", 6) if chinese else (" ", 4)
    for sentence in {one for text in texts for one in sentences(text)}:
        parts = list(sentence[:-1]) if chinese else sentence[:-1].split()
        for start in range(len(parts)):
            for end in range(start + 1, min(start + longest, len(parts)) + 1):
                frame = (glue.join(parts[:start]), glue.join(parts[end:]))
                frames[frame].add(glue.join(parts[start:end]))
    filled = Counter(span for spans in frames.values() if len(spans) >= 6 for span in spans)
    often = [span for span, count in filled.items() if count >= 6]
    return [span for span in often if not any(other != span and other in span for other in often)]


class Text(NamedTuple):
    replies: pd.DataFrame  # rows of turns, in the order of their conversations
    said: pd.DataFrame  # one row per sentence of a reply: row of the reply, frame (items blanked out), item or None
    items: re.Pattern[str]


@cache
def text(name: str) -> Text:
    replies = ask(
        name,
        """
        SELECT t.event_id, t.conversation_id, t.user_id, t.model_id, t.character_id, t.locale, t.shown_at, t.user_text,
            t.reply_text, t.reply_chars, t.replaces_event_id, u.turn, u.fate, u.broke, u.cut, u.instant, u.momentum,
            u.payoff, u.consistency, u.hollow
        FROM turns AS t JOIN truth_turns AS u USING (event_id) ORDER BY t.conversation_id, t.shown_at
        """,
    )
    replies = replies.assign(last=~replies.duplicated("conversation_id", keep="last"))
    items: list[str] = []
    for chinese in (False, True):
        texts = replies.user_text[replies.locale.str.startswith("zh") == chinese].dropna().unique()
        items += items_of(list(texts), chinese)
    pattern = re.compile("|".join(sorted(map(re.escape, items), key=len, reverse=True)))
    rows = []
    for row, reply in enumerate(replies.reply_text):
        for sentence in sentences(reply):
            named = pattern.search(sentence)
            rows.append((row, pattern.sub("_", sentence), named.group() if named else None))
    return Text(replies, pd.DataFrame(rows, columns=["row", "frame", "item"]), pattern)


def told(name: str, *columns: str) -> pd.DataFrame:
    """Sentences with columns of their replies."""
    known = text(name)
    return known.said.join(known.replies[list(columns)], on="row")


@cache
def frames(name: str) -> pd.DataFrame:
    """Per frame: how often, whether about an item, its share with one character, and in last replies."""
    said = told(name, "character_id", "last", "broke")
    by_character = pd.crosstab(said.frame, said.character_id)
    each = said.groupby("frame").agg(
        count=("row", "size"), about=("item", "count"), last=("last", "mean"), broke=("broke", "mean")
    )
    return each.assign(
        about=each["about"] > 0, character=by_character.idxmax(axis=1), own=by_character.max(axis=1) / each["count"]
    )


def hollow_words(name: str) -> set[str]:
    """Sentences that come again and again beside every item, with every character, anywhere in a conversation."""
    each = frames(name)
    return set(each.index[~each.about & (each.own < 0.5) & (each["last"] < 0.5) & (each["count"] >= 100)])


@cache
def promises() -> tuple[set[str], set[str]]:
    """Frames that promise and frames that keep, from order alone: the one comes before the other far too often.

    Only where both are about the same item. Learnt where every user hears one model's words, held for every scenario.
    """
    said = told("a_a", "conversation_id", "locale")
    said = said[said.item.notna()]
    common = set(said.frame.value_counts()[lambda uses: uses >= 50].index)
    made: set[str] = set()
    kept: set[str] = set()
    for _, tongue in said[said.frame.isin(common)].groupby("locale"):
        uses: Counter[str] = Counter()
        earlier: Counter[str] = Counter()
        pairs: Counter[tuple[str, str]] = Counter()
        for _, spoken in tongue.groupby(["conversation_id", "item"], sort=False).frame:
            seen: set[str] = set()
            for frame in spoken:
                uses[frame] += 1
                earlier.update(seen)
                pairs.update((before, frame) for before in seen)
                seen.add(frame)
        for (before, frame), count in pairs.items():
            if count / uses[frame] > 3 * earlier[before] / uses.total():
                made.add(before)
                kept.add(frame)
    return made, kept


# --- every scenario ---


@pytest.mark.parametrize("name", CANDIDATES)
def test_lands_every_day_and_declares_it_complete(name):
    folder, last = home(name, SEED), FIRST_DAY + timedelta(days=days_of(name) - 1)
    assert json.loads((folder / "landing" / "complete.json").read_text()) == {"through": last.isoformat()}
    expected = [FIRST_DAY + timedelta(days=n) for n in range(days_of(name)) if (name, n) != ("dirty", 6)]
    for table in ("turns", "visits", "battles"):
        assert sorted(ask(name, f"SELECT DISTINCT file FROM {table}").file.dt.date) == expected
    for table in ("turns", "conversations", "users", "battles"):
        assert one(name, f"SELECT count(DISTINCT served), min(served) FROM truth_{table}") == (days_of(name), FIRST_DAY)


@pytest.mark.parametrize("name", CANDIDATES)
def test_tries_the_candidates_of_the_page_from_day_2(name):
    arms = ask(name, "SELECT DISTINCT experiment_id, arm, model_id FROM assignments")
    treated = arms[arms.arm == "treatment"]
    assert set(treated.model_id) == CANDIDATES[name]
    assert all(treated.experiment_id == "try-" + treated.model_id)
    assert set(arms[arms.arm != "treatment"].model_id) == {"incumbent"}
    assert one(name, "SELECT CAST(min(assigned_at) AS DATE) FROM assignments")[0] == TRIAL.date()
    known = ask(name, "SELECT DISTINCT model_id, kind FROM models").groupby("kind").model_id.agg(set)
    assert known.to_dict() == {"incumbent": {"incumbent"}, "candidate": CANDIDATES[name], "reference": REFERENCES}
    spoken = set(ask(name, "SELECT DISTINCT model_id FROM truth_turns").model_id)
    assert spoken == {"incumbent"} | CANDIDATES[name]
    fought = set(ask(name, "SELECT model_a AS m FROM battles UNION SELECT model_b FROM battles").m)
    assert fought == spoken | REFERENCES


def faults(table: str) -> str:
    """Condition: the row breaks the log contract."""
    broken = []
    for column in LOG_TABLES[table].columns:
        name = f'"{column.name}"'
        if column.required:
            broken.append(f"{name} IS NULL")
        if column.type == "VARCHAR":
            limit = MAX_TEXT_CHARS if column.name in LONG_TEXTS else MAX_ID_CHARS
            broken += [f"length({name}) > {limit}", f"contains({name}, chr(0))"]
            broken += [f"trim({name}) = ''"] if column.required else []
            broken += [f"{name} NOT IN {(*column.choices, '')}"] if column.choices else []
        if column.type == "TIMESTAMP":
            broken += [f"year({name}) < 2000", f"{name} > CAST(file AS TIMESTAMP) + INTERVAL 2 DAY"]
        if column.type == "DOUBLE":
            broken.append(f"NOT isfinite({name})")
        broken += [f"{name} < {column.minimum}"] if column.minimum is not None else []
        broken += [f"{name} > {column.maximum}"] if column.maximum is not None else []
    return " OR ".join(f"coalesce({each}, false)" for each in broken)


@pytest.mark.parametrize("name", CLEAN)
def test_keeps_the_contract_and_repeats_nothing(name):
    for table, schema in LOG_TABLES.items():
        key = ", ".join(schema.key)
        assert one(name, f"SELECT count(*) FILTER ({faults(table)}) FROM {table}") == (0,)
        assert one(name, f"SELECT count(*) FROM (SELECT {key} FROM {table} GROUP BY {key} HAVING count(*) > 1)") == (0,)
    assert one(name, "SELECT count(*) FROM truth_dirt") == (0,)


@pytest.mark.parametrize("name", CANDIDATES)
def test_has_as_many_users_as_the_page_says(name):
    before, new = USERS.get(name, (800, 36))
    came = one(name, "SELECT count(DISTINCT user_id) FROM visits WHERE user_id NOT IN (SELECT user_id FROM signups)")[0]
    assert 0.7 * before <= came <= 1.03 * before  # not everybody comes within ten days; some sign up unseen
    days = days_of(name) - (name == "dirty")
    assert abs(one(name, "SELECT count(*) FROM signups")[0] - new * days) <= 4 * np.sqrt(new * days)


@pytest.mark.parametrize("name", CLEAN)
def test_files_hold_the_turns_of_a_utc_day_also_of_users_in_the_west(name):
    assert one(name, "SELECT count(*) FROM turns WHERE file <> CAST(shown_at AS DATE)") == (0,)
    assert one(name, "SELECT count(*) FROM visits WHERE file <> CAST(opened_at AS DATE)") == (0,)
    over = one(
        name,
        """
        SELECT count(*) FILTER (utc_offset_minutes < 0 AND file = served + 1), count(*) FILTER (utc_offset_minutes < 0),
            count(*) FILTER (file < served)
        FROM turns JOIN truth_turns USING (event_id)
        """,
    )
    assert over[0] > 0.3 * over[1] > 0  # evenings five to eight hours west of Greenwich lie in the next UTC day
    assert over[2] == 0  # and nothing is filed before it was served


@pytest.mark.parametrize("name", CANDIDATES)
def test_flags_are_published_with_the_arms_and_propensities_of_the_log(name):
    flags = json.loads((home(name, SEED) / "serving" / "flags.json").read_text())
    variants = [variant for flag in flags["flags"].values() for variant in flag["variants"].values()]
    columns = ["experiment_id", "arm", "model_id", "unit", "propensity"]
    published = {tuple(variant[column] for column in columns) for variant in variants if variant["experiment_id"]}
    logged = ask(name, f"SELECT DISTINCT {', '.join(columns)} FROM assignments").itertuples(index=False)
    assert {tuple(row) for row in logged} == published


@pytest.mark.parametrize("name", CLEAN)
def test_randomises_three_users_in_five_as_users_the_others_by_conversation(name):
    drawn = ask(name, "SELECT experiment_id, unit, unit_id, user_id, arm, propensity FROM assignments")
    assert set(drawn.propensity) == {0.5}
    per_user = drawn.groupby("user_id").agg(units=("unit", "nunique"), unit=("unit", "first"))
    assert (per_user.units == 1).all()
    as_users = drawn[drawn.unit == "user"]
    assert (as_users.unit_id == as_users.user_id).all()
    assert not as_users.user_id.duplicated().any()
    share, count = (per_user.unit == "user").mean(), len(per_user)
    if name == "a_a":
        assert share == 1
    else:
        assert abs(share - 0.6) <= 4 * np.sqrt(0.24 / count)
        others = drawn[drawn.unit == "conversation"].groupby("user_id").arm.agg(["nunique", "size"])
        assert (others["nunique"][others["size"] >= 6] == 2).mean() > 0.9  # they meet both arms, by and by
    treated = (drawn.arm == "treatment").sum()
    assert stats.binomtest(int(treated), len(drawn), 0.5).pvalue > 1e-4
    served = ask(name, "SELECT DISTINCT conversation_id, user_id, arm FROM turns WHERE arm IS NOT NULL")
    assert not served.conversation_id.duplicated().any()
    fixed = served.merge(as_users[["user_id", "arm"]], on="user_id", suffixes=("", "_drawn"))
    assert (fixed.arm == fixed.arm_drawn).all()


def test_each_candidate_of_healthy_is_tried_on_a_sixth_and_of_drift_on_a_half():
    for name in ("healthy", "drift"):
        users = ask(name, "SELECT experiment_id, count(DISTINCT user_id) AS n FROM assignments GROUP BY 1").n
        assert stats.chisquare(users).pvalue > 1e-4
        assert len(users) == len(CANDIDATES[name])
        each = ask(name, "SELECT count(DISTINCT experiment_id) AS n FROM assignments GROUP BY user_id").n
        assert each.max() == 1


def test_a_shorter_run_leaves_identical_rows_and_another_seed_others():
    whole, shorter, other = home("thin", SEED), home("thin", SEED, 3), home("thin", SEED + 1, 3)
    for number in range(2):
        file = f"landing/turns/{FIRST_DAY + timedelta(days=number)}.parquet"
        rows = [duckdb.sql(f"SELECT * FROM '{folder / file}'").df() for folder in (whole, shorter, other)]
        pd.testing.assert_frame_equal(rows[0], rows[1])
        assert not rows[0].equals(rows[2])


@pytest.mark.parametrize("name", CLEAN)
def test_chance_of_coming_back_is_the_one_by_which_users_come_back(name):
    users = ask(
        name,
        f"""
        WITH opened AS (
            SELECT DISTINCT user_id, CAST(opened_at + to_minutes(utc_offset_minutes) AS DATE) AS on_day FROM visits
        )
        SELECT u.return_probability AS p, o.user_id IS NOT NULL AS returned
        FROM truth_users AS u LEFT JOIN opened AS o ON o.user_id = u.user_id AND o.on_day = u.served + 1
        WHERE u.served < DATE '{day(days_of(name) - 1):%Y-%m-%d}'
        """,
    )
    error = np.sqrt((users.p * (1 - users.p)).sum()) / len(users)
    assert abs((users.returned - users.p).mean()) <= 4 * error
    halves = users.p > users.p.median()
    assert users.returned[halves].mean() - users.returned[~halves].mean() > 4 * error


# --- users and behaviour ---


def test_users_read_at_a_speed_of_their_own():
    read = ask(
        "healthy",
        """
        SELECT t.user_id, t.locale, t.reply_chars / u.read_s AS speed
        FROM turns AS t JOIN truth_turns AS u USING (event_id) WHERE u.fate = 'goes_on' AND u.read_s > 0
        """,
    )
    read = read.assign(log=np.log(read.speed))
    speeds = {}
    for locale, rows in read.groupby("locale"):
        each = rows.groupby("user_id").log.agg(["mean", "size"])
        own = each["mean"][each["size"] >= 10]
        speeds[locale] = np.exp(own.mean())
        assert abs(stats.skew(own)) < 0.5  # log-normal: symmetric in logarithms
        assert abs(stats.kurtosis(own)) < 1
        assert icc(rows.user_id, rows.log) > 0.1
    assert speeds["en-GB"] == pytest.approx(16.5, rel=0.15)  # hollow replies are skimmed, so only about
    assert speeds["zh-CN"] / speeds["en-GB"] == pytest.approx(0.42, rel=0.1)


def test_users_type_at_a_speed_of_their_own():
    typed = ask(
        "healthy",
        """
        SELECT user_id, locale, log(next_chars / typing_ms) AS speed FROM (
            SELECT *, lead(user_chars) OVER w AS next_chars, lead(replaces_event_id) OVER w AS again
            FROM turns WINDOW w AS (PARTITION BY conversation_id ORDER BY shown_at)
        ) WHERE typing_ms > 0 AND next_chars > 0 AND again IS NULL
        """,
    )
    english = typed[typed.locale == "en-GB"]
    assert icc(english.user_id, english.speed) > 0.1


@pytest.mark.parametrize("name", CLEAN)
def test_time_between_replies_is_dwell_and_latency(name):
    unexplained = one(
        name,
        """
        SELECT count(*) FILTER (abs(gap_ms) > 50), count(*) FROM (
            SELECT epoch_ms(lead(shown_at) OVER w) - epoch_ms(shown_at) - dwell_ms - lead(latency_ms) OVER w AS gap_ms
            FROM turns WINDOW w AS (PARTITION BY conversation_id ORDER BY shown_at)
        ) WHERE gap_ms IS NOT NULL
        """,
    )
    assert unexplained[0] == 0 < unexplained[1]


def test_behaviour_follows_the_reply():
    seen = ask(
        "healthy",
        """
        SELECT t.feedback, t.interrupted, t.dwell_ms, t.foreground_ms, t.locale, t.scrolls, t.clicks, u.fate,
            u.regenerated, u.background_s, u.instant, u.momentum, u.hollow,
            lead(t.user_chars) OVER (PARTITION BY t.conversation_id ORDER BY t.shown_at) AS next_chars
        FROM turns AS t JOIN truth_turns AS u USING (event_id)
        """,
    )
    felt = seen.instant + seen.momentum
    by_feedback = felt.groupby(seen.feedback).agg(["mean", "size"])
    assert by_feedback["mean"]["like"] > felt.mean() + 0.2
    assert max(by_feedback["mean"][["dislike", "complaint"]]) < felt.mean() - 0.2
    assert felt[seen.regenerated].mean() < felt[~seen.regenerated].mean() - 0.2
    assert felt[seen.fate == "abrupt"].mean() < felt[seen.fate == "goes_on"].mean() - 0.2
    for locale in ("en-GB", "zh-CN"):
        chosen = (seen.locale == locale) & (seen.fate == "goes_on") & seen.next_chars.notna() & ~seen.regenerated
        assert stats.spearmanr(felt[chosen], seen.next_chars[chosen]).statistic > 0.1
    away = (seen.dwell_ms - seen.foreground_ms) / 1000
    assert (away - seen.background_s).abs().max() < 0.01
    assert 0 < (away > 0).mean() < 0.2
    assert (seen.fate == "interrupted").sum() > 0
    assert seen.interrupted[seen.fate == "interrupted"].all()
    assert min(seen.scrolls.sum(), seen.clicks.sum()) > 0


def weights(rows: pd.DataFrame, outcome: pd.Series) -> pd.Series:
    """Weight of each dimension in an outcome, by least squares."""
    known = np.column_stack([rows[DIMENSIONS].to_numpy(float), np.ones(len(rows))])
    return pd.Series(np.linalg.lstsq(known, outcome.to_numpy(float), rcond=None)[0][:-1], index=DIMENSIONS)


def test_hollow_words_are_remembered_and_hardly_felt_at_once():
    rows = pd.concat(ask(name, "SELECT * FROM truth_turns") for name in ("padding", "healthy", "slow_harm"))
    rows = rows[rows.fate.isin(["goes_on", "abrupt"])].reset_index()
    remembered = weights(rows, rows.utility)
    assert remembered.hollow < -remembered.momentum < 0
    left = weights(rows, rows.fate == "abrupt")
    assert left.momentum < 0 > left.instant
    assert left.hollow < 0.5 * abs(left.momentum)
    again = weights(rows, rows.regenerated)
    assert again.momentum < 0
    assert again.hollow < 0.5 * abs(again.momentum)


def test_phrases_wear_out_within_a_conversation():
    fresh = ask(
        "healthy", "SELECT least(turn, 8) AS turn, avg(freshness) AS f FROM truth_turns GROUP BY 1 ORDER BY 1"
    ).f
    assert (fresh.diff().dropna() < 0.02).all()
    assert fresh.iloc[0] - fresh.iloc[-1] > 0.2


# --- battles ---


@pytest.mark.parametrize("name", CLEAN)
def test_battles_are_drawn_as_declared_and_the_reply_shown_first_wins_more_often(name):
    fought = ask(name, "SELECT * FROM battles")
    pairs = fought.groupby(
        [fought[["model_a", "model_b"]].min(axis=1), fought[["model_a", "model_b"]].max(axis=1)]
    ).size()
    models = len(CANDIDATES[name]) + 4
    assert len(pairs) == models * (models - 1) / 2
    assert np.allclose(fought.propensity, 1 / len(pairs))
    assert stats.chisquare(pairs).pvalue > 1e-4
    assert stats.binomtest(int((fought.shown_first == "a").sum()), len(fought), 0.5).pvalue > 1e-4
    decided = fought[fought.outcome.isin(["a", "b"])]
    first = (decided.outcome == decided.shown_first).mean()
    assert first > 0.5
    if name != "thin":
        assert first - 0.5 > 2 * np.sqrt(0.25 / len(decided))
        value = ask(name, "SELECT battle_id, value_a - value_b AS more FROM truth_battles").set_index("battle_id").more
        more = decided.battle_id.map(value)
        assert (decided.outcome[more > 0.5] == "a").mean() > 0.6
        assert (decided.outcome[more < -0.5] == "a").mean() < 0.4


def win_rates(name: str) -> pd.Series:
    fought = ask(name, "SELECT model_a, model_b, outcome FROM battles")
    won = fought.outcome.map({"a": 1.0, "b": 0.0}).fillna(0.5)
    sides = pd.concat([pd.Series(won.to_numpy(), fought.model_a), pd.Series(1 - won.to_numpy(), fought.model_b)])
    return sides.groupby(level=0).mean()


# --- words ---


def test_truth_is_read_back_from_the_text():
    known = text("padding")
    codes, _ = pd.factorize(known.said.frame)
    counts = np.zeros((len(known.replies), codes.max() + 2), dtype=np.float32)
    np.add.at(counts, (known.said.row.to_numpy(), codes), 1)
    counts[:, -1] = 1
    squares = counts.T @ counts
    for dimension in ("instant", "momentum", "payoff", "consistency", "hollow"):
        judged = known.replies[dimension].to_numpy(np.float32)
        explained = counts @ np.linalg.lstsq(squares, counts.T @ judged, rcond=None)[0]
        assert 1 - np.var(judged - explained) / np.var(judged) > 0.9, dimension


def test_echoes_take_up_the_item_of_the_user_and_asks_end_a_reply_with_a_choice():
    known, said = text("healthy"), told("healthy", "user_text", "locale")
    spoken = said.user_text.fillna("").map(lambda words: set(known.items.findall(words)))
    both = said[said.item.notna() & (spoken.map(len) > 0)]
    same = pd.Series([item in named for item, named in zip(both.item, spoken[both.index], strict=True)], both.index)
    shares = same.groupby(both.frame).mean()
    echoes = set(shares.index[shares > 0.98])
    assert len(echoes) >= 2
    assert shares[shares <= 0.98].max() < 0.9  # a kind of its own
    replies = known.replies.assign(echo=False, choice=known.replies.reply_text.str.strip().str[-1].isin(list("?？")))
    replies.loc[said.row[said.frame.isin(echoes)].unique(), "echo"] = True
    assert replies.instant[replies.echo].mean() - replies.instant[~replies.echo].mean() > 0.5
    assert replies.momentum[replies.choice].mean() - replies.momentum[~replies.choice].mean() > 0.2
    echo = replies.groupby("model_id").echo.mean()
    choice = replies.groupby("model_id").choice.mean()
    assert echo[ATTENTIVE].min() > max(echo[TELLING].max(), echo["incumbent"])
    assert choice[["dazzling", "warm"]].max() < choice["plotting"]


@pytest.mark.parametrize("name", ["padding", "a_a", "healthy"])
def test_payoffs_come_after_a_promise_about_the_same_item(name):
    made, kept = promises()
    assert len(made) >= 4
    assert len(kept) >= 4
    assert not made & kept
    said = told(name, "conversation_id", "payoff")
    said = said[said.item.notna() & said.frame.isin(made | kept)]
    followed, other, true = [], [], []
    for _, spoken in said.groupby("conversation_id", sort=False):
        promised: list[str] = []
        for frame, item, payoff in zip(spoken.frame, spoken.item, spoken.payoff, strict=True):
            if frame in made:
                promised.append(item)
            else:
                followed.append(item in promised)
                other.append(any(before != item for before in promised))
                true.append(payoff)
    assert len(followed) > 1000
    assert np.mean(followed) > 0.95
    assert np.mean(other) < 0.8 * np.mean(followed)
    paid = np.array(true)
    assert (paid[np.array(followed)] > 0.5).mean() > 0.95
    promising = set(said.row[said.frame.isin(made)])
    neither = text(name).replies.drop(index=list(set(said.row))).payoff
    assert neither.max() <= 0 < text(name).replies.payoff.loc[list(promising)].min()


@pytest.mark.parametrize("name", ["padding", "a_a", "healthy"])
def test_characters_keep_and_contradict_the_facts_of_the_characters_table(name):
    people = ask(name, "SELECT DISTINCT character_id, locale, persona FROM characters").set_index("character_id")
    facts = {who: persona.split("\n")[1:] for who, persona in people.persona.items()}
    each = frames(name)
    own = each[~each.about & (each.own > 0.95) & (each["last"] < 0.5) & (each["count"] >= 5)]
    broken = own.broke > 0.99
    for who, about in facts.items():
        assert (own.character[~broken] == who).sum() == len(about)
        assert (own.character[broken] == who).sum() <= len(about)  # some are rare
    said = told(name, "broke")
    contradicted = said.frame.isin(own.index[broken])
    replies = text(name).replies
    assert set(said.row[contradicted]) <= set(replies.index[replies.broke])
    assert contradicted.sum() > 0.98 * replies.broke.sum()
    assert own.broke[~broken].max() < 0.02  # the same sentence is never now kept, now broken
    hits = []
    for locale, group in own.groupby(own.character.map(people.locale)):
        size = 1 if locale.startswith("zh") else 4
        mine = {who: facts[who] for who in people.index[people.locale == locale]}
        grams = {(who, fact): pieces(fact, size) for who, given in mine.items() for fact in given}
        rarity = Counter(piece for found in grams.values() for piece in found)
        for sentence, who in group.character.items():
            shared = {key: sum(1 / rarity[p] for p in pieces(sentence, size) & found) for key, found in grams.items()}
            hits.append(max(shared, key=shared.get)[0] == who)
    assert np.mean(hits) > 0.6  # one in five by chance


def pieces(words: str, size: int) -> set[str]:
    plain = re.sub(r"[^\w ]", "", words.lower())
    return {plain[at : at + size] for at in range(len(plain) - size + 1) if plain[at : at + size].strip()}


@cache
def closings() -> pd.DataFrame:
    """Last turns of conversations with what truth says about their end, over three scenarios."""
    return pd.concat(
        ask(
            name,
            """
            SELECT *, count(*) OVER (PARTITION BY conversation_id) AS seen FROM (
                SELECT t.conversation_id, t.event_id, t.user_text, t.reply_text, t.reply_chars, t.locale, t.dwell_ms,
                    t.foreground_ms - t.typing_ms AS own_ms, u.fate, u.turn, u.regenerated, c."end", c.closure,
                    max(t.shown_at) OVER (PARTITION BY t.conversation_id) = t.shown_at AS last
                FROM turns AS t JOIN truth_turns AS u USING (event_id)
                JOIN truth_conversations AS c ON c.conversation_id = t.conversation_id
            )
            """,
        ).assign(scenario=name)
        for name in ("healthy", "padding", "a_a")
    )


def test_users_who_are_done_say_so_in_words_that_come_nowhere_else():
    turns = closings()
    final = turns["last"] & turns.fate.isin(["natural", "abrupt", "interrupted"])
    said = final & turns.closure.isin(["farewell", "thanks", "goal", "resolved"])
    assert set(turns.closure[said]) == {"farewell", "thanks", "goal", "resolved"}
    words = turns[said].groupby("user_text").size()
    closing = set(words.index[words >= 10])
    assert turns.user_text[said].isin(closing).mean() > 0.99
    assert turns[~said & turns.user_text.isin(closing) & ~turns.regenerated].empty
    by_closure = turns[said & turns.user_text.isin(closing)].groupby("user_text").closure.nunique()
    assert (by_closure == 1).all()
    quiet = final & (turns.closure == "quiet")
    assert quiet.sum() > 100
    assert not turns.user_text[quiet].isin(closing).any()
    by_tongue = turns[said].groupby("locale").closure.apply(lambda closure: (closure == "thanks").mean())
    assert by_tongue["zh-CN"] >= 0.5 - 4 * np.sqrt(0.25 / (said & (turns.locale == "zh-CN")).sum())
    assert by_tongue["zh-CN"] - by_tongue["en-GB"] > 0.25


def test_farewells_and_story_ends_are_answered_with_a_close():
    each, said = frames("padding"), told("padding", "conversation_id", "last", "fate")
    closes = set(each.index[~each.about & (each["last"] > 0.95) & (each["count"] >= 10)])
    assert len(closes) >= 4
    natural = said[said["last"] & (said.fate == "natural")]
    end = (
        ask("padding", "SELECT conversation_id, closure FROM truth_conversations").set_index("conversation_id").closure
    )
    spoken = natural[natural.conversation_id.map(end) != "quiet"]
    assert spoken.frame.isin(closes).groupby(spoken.conversation_id).any().mean() > 0.98
    assert not natural[natural.conversation_id.map(end) == "quiet"].frame.isin(closes).any()


def test_who_leaves_quietly_lingers_and_who_leaves_abruptly_does_not():
    turns = closings()
    turns = turns.assign(pace=turns.own_ms / turns.reply_chars)
    for locale in ("en-GB", "zh-CN"):
        here = turns[(turns.locale == locale) & ~turns.regenerated]
        quiet = here.pace[here["last"] & (here.closure == "quiet")]
        ordinary = here.pace[(here.fate == "goes_on") & ~here["last"]]
        abrupt = here.pace[here.fate == "abrupt"]
        assert stats.mannwhitneyu(quiet, ordinary, alternative="greater").pvalue < 1e-4
        assert stats.mannwhitneyu(abrupt, ordinary, alternative="less").pvalue < 1e-4


# --- healthy ---


def test_healthy_attention_wins_battles_and_the_story_brings_users_back():
    won = win_rates("healthy")
    assert won[ATTENTIVE].min() > won[["plotting", "faithful"]].max()
    error = np.sqrt(0.25 / (one("healthy", "SELECT count(*) FROM battles")[0] * 2 / 10))
    assert won[ATTENTIVE].mean() - won[TELLING].mean() > 3 * error
    users, back = truth_of_trial("healthy", "users"), {}
    for model in ATTENTIVE + TELLING:
        tried = users[users.experiment_id == f"try-{model}"]
        back[model] = gap(tried.return_probability, tried.treated, tried.user_id)
    effects = pd.Series({model: found.by for model, found in back.items()})
    errors = pd.Series({model: found.error for model, found in back.items()})
    assert stats.spearmanr(won[effects.index], effects).statistic <= 0.3
    more = effects[TELLING].mean() - effects[ATTENTIVE].mean()
    assert more > 2 * np.sqrt((errors**2).sum()) / 3


def test_healthy_attention_forgets_the_story():
    made, kept = promises()
    said = told("healthy", "model_id")
    replies = text("healthy").replies.groupby("model_id").size()
    per_reply = said[said.frame.isin(kept)].groupby("model_id").size() / replies
    assert per_reply[ATTENTIVE].max() < per_reply["incumbent"] < per_reply[TELLING].min()
    promised = said[said.frame.isin(made)].groupby("model_id").size() / replies
    assert promised[ATTENTIVE].max() < promised[TELLING].min()
    moves = text("healthy").replies.groupby("model_id").momentum.mean()
    assert moves[ATTENTIVE].max() < moves["incumbent"] < moves[TELLING].min()


# --- padding ---


def test_padding_adds_words_without_information():
    said, replies = told("padding", "model_id"), text("padding").replies
    hollow = hollow_words("padding")
    counts = replies.groupby("model_id").size()
    every = said.groupby("model_id").size() / counts
    idle = said[said.frame.isin(hollow)].groupby("model_id").size() / counts
    added = every["padding"] - every["incumbent"]
    assert added > 0.5
    assert idle["padding"] - idle["incumbent"] > 0.8 * added  # what is added is filler and comfort
    chars = np.log(replies.reply_chars)
    of_english = replies.locale == "en-GB"
    for tongue in (of_english, ~of_english):
        longer = gap(chars[tongue], replies.model_id[tongue] == "padding", replies.user_id[tongue])
        assert longer.by > 0.1
        assert longer.by > 5 * longer.error
    share = said.frame.isin(hollow).groupby(said.row).mean()
    assert share.corr(replies.hollow) > 0.6  # truth counts the same words as hollow, and repeats beside them


def test_padding_is_read_longer_and_brings_fewer_back():
    talks = truth_of_trial("padding", "conversations")
    longer = gap(talks.read_s, talks.treated, talks.user_id)
    base = talks.read_s[~talks.treated].mean()
    assert_within(Gap(longer.by / base, longer.error / base), 0.18, 0.42)
    users = truth_of_trial("padding", "users")
    assert_within(gap(users.return_probability, users.treated, users.user_id), -0.15, -0.06)


def test_padding_shows_in_the_log_alone():
    talks = ask(
        "padding",
        f"""
        SELECT conversation_id, any_value(user_id) AS user_id, any_value(arm) = 'treatment' AS treated,
            sum(foreground_ms - typing_ms) AS own_ms
        FROM turns WHERE arm IS NOT NULL AND shown_at >= DATE '{TRIAL:%Y-%m-%d}' GROUP BY 1
        """,
    )
    longer = gap(talks.own_ms, talks.treated, talks.user_id)
    base = talks.own_ms[~talks.treated].mean()
    assert_within(Gap(longer.by / base, longer.error / base), 0.18, 0.42)
    days = next_days("padding")
    fewer = gap(days.returned, days.treated, days.user_id)
    assert_within(fewer, -0.15, -0.06)
    assert fewer.by < -fewer.error


# --- slow_harm and novelty ---


def variety(name: str) -> pd.Series:
    """Per model, how many frames are in even use: the inverse of the chance that two sentences are the same."""
    said = told(name, "model_id", "locale")
    shares = said.groupby(["model_id", "locale"]).frame.value_counts(normalize=True)
    return 1 / (shares**2).groupby(level=[0, 1]).sum().groupby(level=0).mean()


@pytest.mark.parametrize(("name", "model"), [("slow_harm", "eroding"), ("novelty", "shiny")])
def test_few_phrases_wear_users_out(name, model):
    kinds = variety(name)
    assert kinds[model] < 0.6 * kinds["incumbent"]
    tired = truth_of_trial(name, "turns")
    early, late = tired[tired.trial_day == 0], tired[tired.trial_day >= 6]
    first = gap(early.satiety, early.treated, early.user_id)
    later = gap(late.satiety, late.treated, late.user_id)
    assert later.by > 3 * later.error
    assert later.by > first.by


def test_slow_harm_loses_nothing_on_the_first_day_and_much_from_the_seventh():
    users = truth_of_trial("slow_harm", "users")
    first, late = users[users.trial_day == 0], users[users.trial_day >= 6]
    assert_within(gap(first.return_probability, first.treated, first.user_id), -0.02, 0.02)
    lost = gap(late.return_probability, late.treated, late.user_id)
    assert_within(lost, -0.075, -0.02)
    assert lost.by < -lost.error
    talks = truth_of_trial("slow_harm", "conversations")
    time = gap(talks.read_s, talks.treated, talks.user_id)
    base = talks.read_s[~talks.treated].mean()
    assert_within(Gap(time.by / base, time.error / base), -0.08, 0.08)


def test_novelty_wins_on_two_days_and_loses_from_the_seventh():
    users = truth_of_trial("novelty", "users")
    early, late = users[users.trial_day <= 1], users[users.trial_day >= 6]
    gained = gap(early.return_probability, early.treated, early.user_id)
    assert_within(gained, 0.01, 0.08)
    lost = gap(late.return_probability, late.treated, late.user_id)
    assert_within(lost, -0.07, -0.005)
    assert gained.by - lost.by > np.hypot(gained.error, lost.error)


def test_shiny_is_attentive():
    judged = truth_of_trial("novelty", "turns")
    more = gap(judged.instant, judged.treated, judged.user_id)
    assert more.by > 5 * more.error
    assert win_rates("novelty")["shiny"] > win_rates("novelty")["incumbent"]


# --- a_a ---


def spread(shares: pd.DataFrame) -> float:
    return float((shares.iloc[:, 0] - shares.iloc[:, 1]).abs().sum() / 2)


def test_same_speaks_as_the_incumbent_does():
    said = told("a_a", "model_id", "user_id", "shown_at")
    said = said[said.shown_at >= TRIAL + pd.Timedelta("1D")]
    assert set(said.frame[said.model_id == "same"]) == set(said.frame[said.model_id == "incumbent"])
    by_user = pd.crosstab(said.user_id, said.frame)
    rng, halves = np.random.default_rng(0), []
    for _ in range(50):
        side = pd.Series(rng.permutation(len(by_user)) % 2, by_user.index)
        halves.append(spread(by_user.groupby(side).sum().T.pipe(lambda counts: counts / counts.sum())))
    models = pd.crosstab(said.frame, said.model_id, normalize="columns")
    assert spread(models) < 1.3 * max(halves)
    assert spread(models) < 0.05


def tastes(name: str) -> pd.DataFrame:
    """What a reply is to its reader beyond its quality, which is the taste for voice and character."""
    rows = ask(
        name,
        """
        SELECT t.user_id, t.model_id, c.character_id, t.served, t.utility - t.quality AS taste
        FROM truth_turns AS t JOIN truth_conversations AS c USING (conversation_id)
        """,
    )
    return rows.assign(late=rows.served >= day(5))


def test_same_has_the_voice_of_the_incumbent_and_other_candidates_have_not():
    for name, models in (("a_a", ["same"]), ("healthy", ATTENTIVE + TELLING)):
        per = tastes(name).groupby(["user_id", "character_id", "model_id"]).taste.mean().unstack()
        for model in models:
            moved = (per[model] - per["incumbent"]).dropna().abs()
            assert len(moved) > 10
            assert (moved.max() < 1e-6) if name == "a_a" else (moved.median() > 0.05)


def test_a_a_differs_in_nothing_and_a_t_test_on_conversations_says_it_does():
    users, talks, judged = (truth_of_trial("a_a", table) for table in ("users", "conversations", "turns"))
    metrics = ((users, "return_probability"), (talks, "read_s"), (talks, "turns"), (judged, "quality"))
    for rows, column in metrics:
        found = gap(rows[column], rows.treated, rows.user_id)
        assert abs(found.by) < 4 * found.error
    lengths = ask("a_a", "SELECT user_id, count(*) AS n FROM turns GROUP BY conversation_id, user_id")
    assert icc(lengths.user_id, lengths.n) == pytest.approx(0.3, abs=0.08)
    rng, said = np.random.default_rng(0), []
    users_of, names = pd.factorize(lengths.user_id)
    for _ in range(300):
        side = (rng.permutation(len(names)) % 2 == 0)[users_of]
        said.append(stats.ttest_ind(lengths.n[side], lengths.n[~side]).pvalue < 0.05)
    assert np.mean(said) > 0.12  # five in a hundred where it holds
    usual = ask("healthy", "SELECT user_id, count(*) AS n FROM turns GROUP BY conversation_id, user_id")
    assert icc(usual.user_id, usual.n) < 0.2


# --- thin ---


def test_thin_is_better_and_too_thin_to_tell():
    judged = truth_of_trial("thin", "turns")
    better = gap(judged.quality, judged.treated, judged.user_id)
    assert better.by > 2 * better.error
    users = truth_of_trial("thin", "users")
    true = users.return_probability[users.treated].mean() - users.return_probability[~users.treated].mean()
    days = next_days("thin")
    told_by_log = gap(days.returned, days.treated, days.user_id)
    assert days.user_id.nunique() < 130
    assert told_by_log.error > abs(true) / 1.5  # an effect of 1.5 errors is found one time in three at best
    assert abs(told_by_log.by) < 2.5 * told_by_log.error


# --- drift ---


def test_drift_turns_values_and_tastes_on_day_5():
    rows = ask("drift", "SELECT * FROM truth_turns")
    before, after = rows[rows.served < day(5)], rows[rows.served >= day(5)]
    was, becomes = weights(before, before.utility), weights(after, after.utility)
    assert was.instant > 0 > becomes.instant
    assert becomes.momentum > 1.3 * was.momentum > 0
    assert becomes.payoff > 1.3 * was.payoff > 0
    assert after.instant.corr(after.utility) < before.instant.corr(before.utility) - 0.2
    assert after.momentum.corr(after.utility) > before.momentum.corr(before.utility)
    assert after.payoff.corr(after.utility) > before.payoff.corr(before.utility)
    for name, changed in (("drift", True), ("padding", False)):
        per = tastes(name).groupby(["user_id", "character_id", "model_id", "late"]).taste.mean().unstack().dropna()
        assert ((per[True] - per[False]).abs() > 1e-6).mean() == (1 if changed else 0)


def test_drift_lifts_plotting_and_drops_dazzling():
    users = truth_of_trial("drift", "users")
    for model, sign in (("plotting", 1), ("dazzling", -1)):
        tried = users[users.experiment_id == f"try-{model}"]
        found = [
            gap(rows.return_probability, rows.treated, rows.user_id)
            for _, rows in tried.groupby(tried.served >= day(5))
        ]
        assert sign * (found[1].by - found[0].by) > np.hypot(found[0].error, found[1].error)
        assert sign * found[1].by > 2 * found[1].error
    days = next_days("drift")
    late = days[(days.on_day >= day(5)) & (days.model_id != "incumbent")]
    seen = gap(late.returned, late.model_id == "plotting", late.user_id)
    assert seen.by > 2 * seen.error


# --- regen_spike ---


def test_one_reply_in_eight_of_broken_off_ends_without_an_end_and_is_regenerated():
    replies = text("regen_spike").replies
    again = replies.event_id.isin(replies.replaces_event_id.dropna())
    cut = ~replies.reply_text.str.strip().str[-1].isin(list(END))
    broken = replies.model_id == "broken-off"
    assert not cut[~broken].any()
    assert (cut[broken] == replies.cut[broken]).mean() > 0.999
    talking = broken & (replies.fate == "goes_on")  # closes are short, and whole
    assert cut[talking].mean() == pytest.approx(1 / 8, abs=4 * np.sqrt(0.11 / talking.sum()))
    assert again[broken & cut].mean() > 5 * again[broken & ~cut].mean()
    judged = truth_of_trial("regen_spike", "turns")
    assert_within(gap(judged.regenerated, judged.treated, judged.user_id), 0.025, 0.06)
    in_trial = replies.shown_at >= TRIAL
    assert_within(gap(again[in_trial], broken[in_trial], replies.user_id[in_trial]), 0.025, 0.06)
    users = truth_of_trial("regen_spike", "users")
    assert_within(gap(users.return_probability, users.treated, users.user_id), -0.02, 0.02)


# --- dirty: each kind from the landing files, then held against truth ---

SILENT, AFTER_SILENCE = day(6), day(7)


@cache
def soiled(kind: str, table: str = "turns") -> set[str]:
    found = ask("dirty", f"SELECT row_id FROM truth_dirt WHERE kind = '{kind}' AND table_name = '{table}'")
    return set(found.row_id)


@cache
def landed() -> pd.DataFrame:
    """Turns of the log that keep the contract; `first` is the delivery that counts, `lag_s` from shown to received."""
    rows = ask("dirty", f"SELECT * FROM turns WHERE NOT ({faults('turns')}) ORDER BY file, place")
    return rows.assign(
        first=~rows.sort_values("received_at").duplicated("event_id").sort_index(),
        lag_s=(rows.received_at - rows.shown_at).dt.total_seconds(),
    )


def counted() -> pd.DataFrame:
    rows = landed()
    return rows[rows["first"]]


def agree(found: set[str], true: set[str], precision: float = 0.95, recall: float = 0.95) -> None:
    assert found
    assert len(found & true) >= precision * len(found), len(found - true)
    assert len(found & true) >= recall * len(true), len(true - found)


def assert_rate(count: int, of: int, rate: float, slack: float = 0.05) -> None:
    """At about this rate: four standard errors, and five per cent for what the edges of a log hide."""
    assert abs(count / of - rate) <= 4 * np.sqrt(rate * (1 - rate) / of) + slack * rate, (count, of, count / of)


def test_dirty_malformed_copies():
    for table, ident in (("turns", "event_id"), ("visits", "visit_id")):
        rows = ask("dirty", f"SELECT {ident} AS id, {faults(table)} AS faulty FROM {table}")
        assert_rate(rows.faulty.sum(), (~rows.faulty).sum(), 0.005)
        bad = set(rows.id[rows.faulty])
        assert not bad & set(rows.id[~rows.faulty])  # an id of its own
        agree(bad, soiled("malformed", table))
    for table in ("battles", "assignments", "signups"):
        assert one("dirty", f"SELECT count(*) FILTER ({faults(table)}) FROM {table}") == (0,)


def test_dirty_duplicates():
    for table, ident in (("turns", "event_id"), ("visits", "visit_id"), ("battles", "battle_id")):
        rows = ask("dirty", f"SELECT {ident} AS id, file FROM {table} WHERE NOT ({faults(table)})")
        copies = rows.groupby("id").file.agg(["size", "min", "max"])
        twice = copies[copies["size"] > 1]
        assert (twice["size"] == 2).all()
        assert_rate(len(twice), len(copies), 0.02)
        assert_rate((twice["min"] == twice["max"]).sum(), len(twice), 0.5)
        apart = (twice["max"] - twice["min"]).dt.days
        assert apart[twice["max"] != AFTER_SILENCE].max() == 1
        due = soiled("duplicate", table) & set(copies.index[copies["max"] < day(9)])
        agree(set(twice.index), soiled("duplicate", table), recall=0)
        agree(set(twice.index), due, precision=0, recall=0.97)  # some copies of the last day are still to come


@cache
def skewed() -> pd.Series:
    """Users whose turns were received always equally long before or after they were shown, and by how much."""
    lags = counted().groupby("user_id").lag_s.quantile([0.25, 0.5, 0.75]).unstack()
    return lags[0.5][lags[0.5].abs().between(5, 3 * 3600) & (lags[0.75] - lags[0.25] < 1)]


def test_dirty_skewed_clocks():
    rows, off = counted(), skewed()
    assert_rate(len(off), rows.user_id.nunique(), 0.02)
    assert off.abs().max() <= 90 * 60 + 1
    assert off.min() < 0 < off.max()
    agree(set(off.index), set(rows.user_id[rows.event_id.isin(soiled("skewed"))]), 0.9, 0.9)
    opened = ask(
        "dirty",
        f"""
        SELECT t.user_id, t.shown_at - max(v.opened_at) < INTERVAL 10 MINUTE AS soon
        FROM (
            SELECT user_id, min(shown_at) AS shown_at FROM turns
            WHERE NOT ({faults("turns")}) GROUP BY user_id, conversation_id
        ) AS t JOIN visits AS v ON v.user_id = t.user_id AND v.opened_at <= t.shown_at GROUP BY t.user_id, t.shown_at
        """,
    )
    assert opened.soon[opened.user_id.isin(off.index)].mean() > 0.9  # visits are off by the same as turns


def test_dirty_apps_that_do_not_tell_the_time_in_front():
    rows = landed()
    told_of = rows[["foreground_ms", "scrolls", "clicks"]].notna().all(axis=1)
    none_of = rows[["foreground_ms", "scrolls", "clicks"]].isna().all(axis=1)
    assert (told_of | none_of).all()
    by_user = none_of.groupby(rows.user_id).agg(["mean", "size"])
    assert by_user["mean"].isin([0, 1]).all()  # always or never
    assert_rate(int(by_user["mean"].sum()), len(by_user), 0.4)
    clean = ask("padding", "SELECT foreground_ms, scrolls, clicks, dwell_ms FROM turns")
    assert clean.notna().all(axis=None)
    assert rows.dwell_ms.notna().all()


def test_dirty_late():
    rows = counted()
    rows = rows[~rows.user_id.isin(skewed().index)]
    behind = (rows.file - rows.received_at.dt.normalize()).dt.days
    after = (rows.file - rows.shown_at.dt.normalize()).dt.days
    assert (behind == 0).all()  # received_at says so
    assert set(after[rows.file != AFTER_SILENCE]) == {0, 1, 2}  # what was due on the silent day came on the next
    due = rows.shown_at < day(8)
    assert_rate((due & (after > 0)).sum(), due.sum(), 0.02)
    early = set(rows.event_id[due])
    agree(set(rows.event_id[due & (after > 0)]), soiled("late") & early, recall=0.99)
    assert not soiled("late") & set(rows.event_id[after == 0])


def outside(times: list[int]) -> int:
    """How many have to be taken out for the others to be in order."""
    ends: list[int] = []
    for time in times:
        at = bisect_right(ends, time)
        ends[at : at + 1] = [time]
    return len(times) - len(ends)


def test_dirty_out_of_order():
    rows = landed()
    fresh = rows[rows["first"] & (rows.received_at.dt.normalize() == rows.file)]
    talks = fresh.assign(at=fresh.shown_at.astype("int64")).groupby(["file", "conversation_id"], sort=False).at
    moved = sum(outside(list(times)) for _, times in talks if len(times) > 1)
    assert_rate(moved, len(fresh), 0.02, slack=0.1)
    assert len(soiled("out_of_order")) / one("dirty", "SELECT count(*) FROM turns")[0] == pytest.approx(0.02, rel=0.1)
    other = one(
        "thin",
        """
        SELECT count(*) FROM (
            SELECT place < lag(place) OVER (PARTITION BY file, conversation_id ORDER BY shown_at) AS moved FROM turns
        ) WHERE moved
        """,
    )
    assert other == (0,)


def test_dirty_lost_turns():
    rows = counted().sort_values(["conversation_id", "shown_at"])
    same = rows.conversation_id == rows.conversation_id.shift(-1)
    meant = (rows.dwell_ms + rows.latency_ms.shift(-1)) / 1000
    hole = same & ((rows.shown_at.shift(-1) - rows.shown_at).dt.total_seconds() - meant > 0.1)
    due = rows.shown_at < day(8)
    assert_rate((hole & due).sum(), due.sum(), 0.01, slack=0.2)  # first and last turns leave no hole
    lost = {row.rsplit("-", 1)[0] for row in soiled("lost")}
    holed = set(rows.conversation_id[hole & due])
    assert len(holed & lost) >= 0.9 * len(holed)


@cache
def machines() -> pd.DataFrame:
    """Days of users who do not type, say one thing, and keep equal intervals around the clock."""
    rows = counted().sort_values(["user_id", "shown_at"])
    rows = rows.assign(on=rows.shown_at.dt.normalize())
    rows["step"] = rows.groupby(["user_id", "on"]).shown_at.diff().dt.total_seconds()
    rows["hour"] = rows.shown_at.dt.hour
    each = rows.groupby(["user_id", "on"]).agg(
        turns=("step", "size"), typing=("typing_ms", "max"), words=("user_text", "nunique"), hours=("hour", "nunique")
    )
    steps = rows.groupby(["user_id", "on"]).step.quantile([0.25, 0.5, 0.75]).unstack()
    regular = (steps[0.75] - steps[0.25]) / steps[0.5] < 0.01
    found = each[regular & (each.typing == 0) & (each.words == 1) & (each.turns >= 50) & (each.hours >= 22)]
    return found.reset_index()


def test_dirty_bots():
    found = machines()
    users, days = set(found.user_id), found.groupby("on").user_id.nunique()
    assert len(users) == 6
    assert len(days) == 9
    assert days.max() == 6
    assert days.sum() >= 9 * 6 - 8  # those in treatment may be among the conversations that are lost
    rows = counted()
    agree(set(rows.event_id[rows.user_id.isin(users)]), soiled("bot") & set(rows.event_id))
    assert not users & set(ask("dirty", "SELECT DISTINCT user_id FROM truth_turns").user_id)


def test_dirty_whale():
    rows = counted()
    loads = rows.groupby(["user_id", rows.shown_at.dt.normalize()]).size()
    huge = loads[loads > 5000]
    assert len(huge) == 1
    user, on = huge.index[0]
    assert on == day(4)
    assert 50_000 * 0.98 <= huge.iloc[0] <= 50_200  # less what is lost
    steps = rows[(rows.user_id == user) & (rows.shown_at.dt.normalize() == on)].shown_at.sort_values().diff()
    assert steps.dt.total_seconds().median() == pytest.approx(1.6, abs=0.05)
    agree(set(rows.event_id[(rows.user_id == user) & (rows.shown_at.dt.normalize() == on)]), soiled("whale"))


def test_dirty_silent_day():
    for table in ("turns", "visits", "battles", "signups", "assignments"):
        assert not (home("dirty", SEED) / "landing" / table / f"{SILENT:%Y-%m-%d}.parquet").exists()
    rows = landed()
    right = rows[~rows.user_id.isin(skewed().index)]  # by other clocks, rows lie on the days beside
    assert not (right.shown_at.dt.normalize() == SILENT).any()
    assert not (right.received_at.dt.normalize() == SILENT).any()
    assert len(soiled("silent")) > 1000
    assert not soiled("silent") & set(rows.event_id)


def test_dirty_ramp_and_sample_ratio():
    drawn = ask("dirty", "SELECT * FROM assignments")
    treated = drawn.arm == "treatment"
    chance = drawn.propensity.where(treated, 1 - drawn.propensity)
    by_talk = drawn.unit == "conversation"
    on = drawn.assigned_at.dt.normalize()
    for first, last, share in ((2, 3, 0.1), (4, 6, 0.25), (7, 9, 0.5)):
        phase = chance[by_talk & (on >= day(first)) & (on <= day(last))]
        assert phase.mode().iloc[0] == pytest.approx(share)
    people = ~drawn.user_id.isin(machines().user_id)
    short = (treated[people].sum() - chance[people].sum()) / np.sqrt((chance * (1 - chance))[people].sum())
    assert short < -1.645  # one in twenty by chance
    fair = ask("padding", "SELECT arm FROM assignments").arm == "treatment"
    assert abs(fair.sum() - len(fair) / 2) < 3 * np.sqrt(len(fair) / 4)


def test_dirty_treatment_loses_conversations():
    talks = truth_of_trial("dirty", "conversations")
    whole = talks[~talks.served.isin([day(5), day(6), day(9)])]  # days that the silent day and the end cut into
    came = whole.conversation_id.isin(set(counted().conversation_id))
    assert (~came[~whole.treated]).mean() < 0.01  # of one turn, which is lost as others are
    assert_rate((~came[whole.treated]).sum(), whole.treated.sum(), 0.12)
    drawn = set(ask("dirty", "SELECT unit_id FROM assignments WHERE unit = 'conversation'").unit_id)
    assert not drawn & {row.rsplit("-", 1)[0] for row in soiled("lost_treatment")}
    empty = ask(
        "dirty",
        f"""
        WITH arms AS (
            SELECT user_id, any_value(arm) = 'treatment' AS treated FROM assignments WHERE unit = 'user'
            GROUP BY user_id HAVING count(DISTINCT arm) = 1
        )
        SELECT v.user_id, a.treated, NOT exists(
            SELECT 1 FROM turns AS t WHERE t.user_id = v.user_id
            AND t.shown_at BETWEEN v.opened_at AND v.opened_at + INTERVAL 10 MINUTE
        ) AS empty
        FROM (SELECT DISTINCT user_id, opened_at FROM visits WHERE NOT ({faults("visits")})) AS v
        JOIN arms AS a USING (user_id) WHERE v.opened_at >= TIMESTAMP '{TRIAL}'
        """,
    )
    seen = gap(empty["empty"], empty["treated"], empty["user_id"])
    assert_within(seen, 0.12 * 0.6, 0.12)  # not every visit has a conversation
    assert seen.by > 2 * seen.error


def test_dirty_users_in_both_arms():
    drawn = ask("dirty", "SELECT user_id, unit, arm FROM assignments")
    as_users = drawn[drawn.unit == "user"]
    switched = set(as_users.groupby("user_id").arm.nunique()[lambda n: n > 1].index)
    mixed = set(drawn.groupby("user_id").unit.nunique()[lambda n: n > 1].index)
    assert len(switched) >= 3
    assert len(mixed) >= 3
    begun = {row.rsplit("-", 1)[0] for row in soiled("both_arms")}
    talks = ask("dirty", "SELECT conversation_id, user_id, served FROM truth_conversations")
    elsewhere = talks.conversation_id.isin(begun)
    agree(switched | mixed, set(talks.user_id[elsewhere]), precision=0.8, recall=0)
    heard = ~talks.served.isin([day(5), day(6)])  # the silent day swallows the others
    assert_rate((elsewhere & heard).sum(), heard.sum(), 0.03)


def test_dirty_is_better_all_the_same():
    users = truth_of_trial("dirty", "users")
    better = gap(users.return_probability, users.treated, users.user_id)
    assert better.by > 3 * better.error


def test_dirty_truth_lists_every_kind_of_the_page():
    kinds = set(ask("dirty", "SELECT DISTINCT kind FROM truth_dirt").kind)
    assert kinds == {
        *("duplicate", "late", "out_of_order", "skewed", "no_foreground", "lost", "malformed"),
        *("bot", "whale", "silent", "lost_treatment", "both_arms"),
    }
