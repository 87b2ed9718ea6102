"""The truth is read by the simulator and its scoreboard alone."""

import re
from pathlib import Path

import pytest
import yaml
from sqlglot import exp, parse_one

import evalloop_assets

PACKAGE = Path(evalloop_assets.__file__).parent
MAY_KNOW = {"simulator", "cli"}
QUERIES = sorted(path for path in PACKAGE.rglob("*.sql"))
STAGES = sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in MAY_KNOW)


def reads_truth(code: str) -> bool:
    """A table of the truth, or its folder, in code; the word in a sentence is no reading."""
    return re.search(r"truth_(turns|conversations|users|battles|dirt)\b|[\"'/]truth[\"'/]", code) is not None


def query_reads_truth(text: str) -> bool:
    """A table, a column or a file of the truth, in the header or in the SELECT; the word in a pattern is no reading."""
    _, header, query = re.split(r"/\*(.*?)\*/", text, maxsplit=1, flags=re.DOTALL)
    tree = parse_one(query, read="duckdb")
    names = [*yaml.safe_load(header)["reads"], *(found.name for found in tree.find_all(exp.Table, exp.Identifier))]
    texts = [found.name for found in tree.find_all(exp.Literal) if found.is_string]
    return any("truth" in name.lower() for name in names) or any(reads_truth(f"'{one}'") for one in texts)


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_no_query_reads_the_truth(path):
    assert not query_reads_truth(path.read_text(encoding="utf-8"))


def test_no_stage_reads_the_truth():
    assert len(STAGES) > 80
    assert [path.name for path in STAGES if reads_truth(path.read_text(encoding="utf-8"))] == []


def test_the_search_would_find_it():
    assert reads_truth("SELECT * FROM truth_turns")
    assert reads_truth("read_parquet('data/truth/turns/*.parquet')")
    assert reads_truth('settings.home / "truth" / "users"')
    assert not reads_truth("a filter, never the final truth")


@pytest.mark.parametrize(
    ("reads", "query"),
    [
        ("{turns: [0, 0], truth_turns: [0, 0]}", "SELECT day FROM turns JOIN truth_turns USING (event_id)"),
        ("{turns: [0, 0]}", "SELECT day FROM turns WHERE event_id IN (SELECT event_id FROM Truth_Users)"),
        ("{turns: [0, 0]}", "SELECT day FROM read_parquet('data/truth/turns/*.parquet')"),
        ("{turns: [0, 0]}", "SELECT turns.truth FROM turns"),
        ("{truth: [0, 0]}", "SELECT 1 AS day"),
    ],
)
def test_the_search_would_find_a_query_that_reads_it(reads: str, query: str):
    assert query_reads_truth(f"/*\nreads: {reads}\n*/\n{query}")


def test_the_word_in_a_pattern_is_no_reading():
    query = "SELECT day FROM turns WHERE REGEXP_MATCHES(user_text, 'know (the truth|answer)')"
    assert not query_reads_truth(f"/*\nreads: {{turns: [0, 0]}}\n*/\n{query}")
