"""The truth is read by the simulator and its scoreboard alone."""

import re
from pathlib import Path

import pytest

import evalloop_assets

PACKAGE = Path(evalloop_assets.__file__).parent
MAY_KNOW = {"simulator", "cli"}
QUERIES = sorted(path for path in PACKAGE.rglob("*.sql"))
STAGES = sorted(path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in MAY_KNOW)


def reads_truth(code: str) -> bool:
    """A table of the truth, or its folder, in code; the word in a sentence is no reading."""
    return re.search(r"truth_(turns|conversations|users|battles|dirt)\b|[\"'/]truth[\"'/]", code) is not None


@pytest.mark.parametrize("path", QUERIES, ids=lambda path: path.stem)
def test_no_query_reads_the_truth(path):
    text = path.read_text(encoding="utf-8")
    assert "truth" not in text.lower()


def test_no_stage_reads_the_truth():
    assert len(STAGES) > 80
    assert [path.name for path in STAGES if reads_truth(path.read_text(encoding="utf-8"))] == []


def test_the_search_would_find_it():
    assert reads_truth("SELECT * FROM truth_turns")
    assert reads_truth("read_parquet('data/truth/turns/*.parquet')")
    assert reads_truth('settings.home / "truth" / "users"')
    assert not reads_truth("a filter, never the final truth")
