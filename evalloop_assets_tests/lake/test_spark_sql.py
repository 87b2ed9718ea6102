"""What is said to Spark, and what is said when there is no Spark: neither needs one."""

import sys
from pathlib import Path

import pytest

from evalloop_assets.lake.engine import View
from evalloop_assets.lake.errors import UserError
from evalloop_assets.lake.java_pattern import java_pattern
from evalloop_assets.lake.resource import open_lake
from evalloop_assets.lake.schema import Column, TableSchema
from evalloop_assets.lake.spark import SparkEngine
from evalloop_assets.lake.spark_session import SparkSetup, require_spark
from evalloop_assets.lake.spark_sql import spark_query, spark_steps, spark_type
from evalloop_assets.settings import Settings

FRUIT = TableSchema("fruit", "one fruit", (Column("n", "BIGINT", "count"),), ("n",))


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("SELECT percentile_cont(5e-1) WITHIN GROUP (ORDER BY x) AS m FROM t", "PERCENTILE(x, 5e-1)"),
        ("SELECT epoch_ms(at) AS m FROM t", "UNIX_MILLIS(at)"),
        ("SELECT lower(ln(epoch_ms(at))) AS m FROM t", "LN(UNIX_MILLIS(at))"),
        ("SELECT x FROM t WHERE day = $day", ":day"),
        ("SELECT regexp_matches(lower(x), 'a.' || 'b$') AS m FROM t", r"RLIKE 'a[^\\n]' || 'b\\z'"),
    ],
)
def test_puts_the_translation_right(query: str, words: str):
    assert words in spark_query(query)


@pytest.mark.parametrize(
    ("re2", "java"),
    [
        (r"bye[ .!]*$", r"bye[ .!]*\z"),
        (r"a\.b\$.", r"a\.b\$[^\n]"),
        (r"[[:alpha:]_][^[:^space:]]", r"[\p{Alpha}_][^\P{Space}]"),
        (r"[a[b&&c]", r"[a\[b&\&c]"),
        (r"[]a][^]a]", r"[\]a][^\]a]"),
        (r"\p{Han}[\P{Latin}]\pL", r"\p{IsHan}[\P{IsLatin}]\pL"),
        (r"[\s]\s\S", r"[\t\n\f\r ][\t\n\f\r ][^\t\n\f\r ]"),
    ],
)
def test_a_pattern_means_the_same_in_java(re2: str, java: str):
    assert java_pattern(re2) == java


def test_types_keep_their_width():
    assert [spark_type(name) for name in ("BIGINT", "INTEGER", "TIMESTAMP", "VARCHAR[]")] == [
        "BIGINT", "INT", "TIMESTAMP_NTZ", "ARRAY<STRING>",
    ]  # fmt: skip


def test_what_a_recursion_reads_and_what_reads_it_is_computed_once():
    query = (
        "WITH RECURSIVE a AS (SELECT x FROM t), b AS (SELECT x FROM a), "
        "c AS (SELECT x FROM b UNION ALL SELECT b.x FROM b JOIN c ON b.x = c.x + 1), d AS (SELECT x FROM c), "
        "e AS (SELECT one.x FROM d AS one JOIN d AS other ON one.x = other.x) "
        "SELECT percentile_cont(5e-1) WITHIN GROUP (ORDER BY x) AS m FROM e JOIN a USING (x)"
    )
    before, rest = spark_steps(query)
    assert list(before) == ["b", "d"]
    assert before["b"] == "WITH RECURSIVE a AS (SELECT x FROM t), b AS (SELECT x FROM a) SELECT * FROM b"
    assert "b AS (" not in before["d"]
    assert "c AS (" in before["d"]
    assert not any(f"{name} AS (" in rest for name in "bd")
    assert "PERCENTILE(x, 5e-1)" in rest
    assert "a AS (" in rest


def test_the_engine_is_chosen_by_one_word(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("EVALLOOP_HOME", str(tmp_path))
    assert not isinstance(open_lake(Settings()).engine, SparkEngine)
    monkeypatch.setenv("EVALLOOP_ENGINE", "spark")
    monkeypatch.setenv("EVALLOOP_ENGINE__MEMORY_LIMIT", "1GB")
    monkeypatch.setenv("EVALLOOP_SPARK__MASTER", "spark://127.0.0.1:7077")
    settings = Settings()
    assert (settings.engine.kind, settings.engine.memory_limit) == ("spark", "1GB")
    engine = open_lake(settings).engine
    assert isinstance(engine, SparkEngine)
    assert engine.setup.master == "spark://127.0.0.1:7077"
    assert Path(engine.setup.home).is_relative_to(tmp_path)


def test_the_file_may_name_the_engine_and_the_environment_its_limits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir(tmp_path)
    Path("evalloop.yaml").write_text("engine: spark\n", encoding="utf-8")
    monkeypatch.setenv("EVALLOOP_ENGINE__THREADS", "1")
    assert (Settings().engine.kind, Settings().engine.threads) == ("spark", 1)


def test_without_java_the_mend_is_named(monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("pyspark")
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(UserError, match=r"there is no Java.*openjdk-17-jre-headless"):
        require_spark()


def test_an_old_java_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    pytest.importorskip("pyspark")
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n", encoding="utf-8")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(UserError, match="is not Java 17 or newer"):
        require_spark()


def test_without_pyspark_the_mend_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(UserError, match=r"pip install 'evalloop-assets\[spark\]'"):
        require_spark()


def test_an_object_store_is_refused_before_spark_starts(tmp_path: Path):
    engine = SparkEngine(SparkSetup("local[2]", str(tmp_path)))
    with pytest.raises(UserError, match=r"s3://bucket/lake.*EVALLOOP_ENGINE=duckdb"):
        engine.write("SELECT 1 AS n", {"t": View({})}, FRUIT, "s3://bucket/lake/fruit")
