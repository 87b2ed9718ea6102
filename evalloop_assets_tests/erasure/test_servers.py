"""A person leaves a PostgreSQL database: other writers at work, pages on the disk, other tables of the database."""

import threading
import uuid
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance

from evalloop_assets.cli.instance import dagster_tables
from evalloop_assets.erasure.person import Person
from evalloop_assets.erasure.servers import Server, erase_values, values_with
from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.ledger import TABLES, Change, Ledger
from evalloop_assets_tests.postgresql import connected, pages, reader_of

PERSON = Person("user-1x")
ROWS = 3_000


@pytest.fixture
def engine(postgresql_url: str) -> sa.Engine:
    found = connected(postgresql_url)
    with found.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE notes (id BIGINT PRIMARY KEY, changes BIGINT, words TEXT, more TEXT)")
        connection.exec_driver_sql(
            "INSERT INTO notes SELECT n, 0, n || CASE WHEN mod(n, 3) = 0 THEN ' of user-1x' ELSE ' of user-0x' END, "
            f"'user-1x' FROM generate_series(1, {ROWS}) AS n"
        )
    return found


def expected(row: int) -> tuple[str, str]:
    return f"{row} of {'[erased]' if row % 3 == 0 else 'user-0x'}", "[erased]"


def found(engine: sa.Engine) -> dict[int, tuple[str, str]]:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT id, words, more FROM notes")
        return {row: (words, more) for row, words, more in rows}


def test_rows_that_others_change_meanwhile_lose_the_person_and_nothing_else(engine: sa.Engine, postgresql_url: str):
    stop, changes = threading.Event(), []

    def change() -> None:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            while not stop.is_set():
                connection.exec_driver_sql("UPDATE notes SET changes = changes + 1 WHERE mod(id, 5) = 0")
                changes.append(connection.exec_driver_sql("VACUUM notes"))

    writer = threading.Thread(target=change)
    writer.start()
    try:
        while not changes:
            stop.wait(0.01)
        erase_values(Server("a store", postgresql_url, ("notes",)), PERSON)
    finally:
        stop.set()
        writer.join()
    assert found(engine) == {row: expected(row) for row in range(1, ROWS + 1)}


def test_what_was_overwritten_is_on_no_page_even_where_an_erasure_was_killed(engine: sa.Engine, postgresql_url: str):
    server = Server("a store", postgresql_url, ("notes",))
    assert b"user-1x" in pages(engine, "notes")
    erase_values(server, PERSON)
    assert b"user-1x" not in pages(engine, "notes")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE notes SET more = 'user-1x'")
    with engine.begin() as connection:  # as far as an erasure comes that is killed before it writes the table anew
        connection.exec_driver_sql("UPDATE notes SET more = '[erased]'")
    assert values_with(server, PERSON) == 0
    assert b"user-1x" in pages(engine, "notes")
    erase_values(server, PERSON)
    assert b"user-1x" not in pages(engine, "notes")


def test_statistics_of_the_server_do_not_quote_the_person(engine: sa.Engine, postgresql_url: str):
    quoted = "SELECT count(*) FROM pg_stats WHERE most_common_vals::text LIKE '%%user-1x%%'"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE notes")
        assert connection.exec_driver_sql(quoted).scalar_one() == 1
    assert b"user-1x" in pages(engine, "pg_statistic")
    erase_values(Server("a store", postgresql_url, ("notes",)), PERSON)
    with engine.connect() as connection:
        assert connection.exec_driver_sql(quoted).scalar_one() == 0
    assert b"user-1x" not in pages(engine, "pg_statistic")


def test_values_that_would_become_the_same_where_each_stands_once_are_told_apart(
    engine: sa.Engine, postgresql_url: str
):
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE requests (id BIGINT, request TEXT UNIQUE)")
        connection.exec_driver_sql("INSERT INTO requests VALUES (1, 'by conv-1a'), (2, 'by conv-1b'), (3, 'by conv-2')")
    person = Person("user-1x", {"conversation": frozenset({"conv-1a", "conv-1b"})})
    erase_values(Server("a store", postgresql_url, ("requests",)), person)
    with engine.connect() as connection:
        left = connection.exec_driver_sql("SELECT request FROM requests ORDER BY id").scalars().all()
    assert left[0] == "by [erased]"
    assert left[1].startswith("by [erased] ")
    assert left[2] == "by conv-2"


def test_a_table_that_somebody_holds_is_waited_for_and_then_named(
    engine: sa.Engine, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("evalloop_assets.erasure.servers.LOCK_SECONDS", 1)
    with engine.begin() as holding:
        holding.exec_driver_sql("SELECT count(*) FROM notes")
        with pytest.raises(UserError, match=r"lock timeout.*no open transaction holds its tables"):
            erase_values(Server("a store", postgresql_url, ("notes",)), PERSON)
    erase_values(Server("a store", postgresql_url, ("notes",)), PERSON)
    assert b"user-1x" not in pages(engine, "notes")


def test_a_database_without_an_encoding_is_read_as_utf8(engine: sa.Engine, postgresql_url: str):
    name = f"ascii_{uuid.uuid4().hex}"
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name} ENCODING SQL_ASCII LOCALE 'C' TEMPLATE template0")
    url = sa.make_url(postgresql_url).set(database=name).render_as_string(hide_password=False)
    ledger = Ledger(url)
    ledger.begin("m", Change("start", "ops", "user-1x: schön", datetime(2026, 5, 1), "first"))
    erase_values(Server("the ledger", url, TABLES), PERSON)
    assert [entry.reason for entry in ledger.history()] == ["[erased]: schön"]
    ledger.close()


def test_a_server_is_known_by_its_host_wherever_the_url_tells_it():
    servers = [Server("the ledger", f"postgresql:///db?host=/run/{name}", ()) for name in ("one", "two")]
    assert len({server.name for server in servers}) == 2


def test_tables_that_are_not_the_loops_stay_and_those_that_are_missing_do_no_harm(
    engine: sa.Engine, postgresql_url: str
):
    before = found(engine)
    erase_values(Server("a store", postgresql_url, (*TABLES, *dagster_tables())), PERSON)
    assert found(engine) == before


def test_whoever_does_not_own_a_table_is_told_so_and_changes_nothing(engine: sa.Engine, postgresql_url: str):
    with (
        reader_of(postgresql_url, "notes") as url,
        pytest.raises(UserError, match=r"a store at postgresql://127.0.0.1:\d+/test_\w+: .* cleaned .*must be owner"),
    ):
        erase_values(Server("a store", url, ("notes",)), PERSON)
    assert b"user-1x" in pages(engine, "notes")


PLAIN = ("bigint", "integer", "double precision", "boolean", "timestamp without time zone", "timestamp with time zone")


def test_text_of_the_loops_tables_lies_in_columns_that_are_searched(postgresql_url: str, tmp_path: Path):
    """Only the snapshots of jobs hold more than numbers and times beside; they are of the code, not of the data."""
    Ledger(postgresql_url).close()
    url = postgresql_url.replace("postgresql://", "postgresql+psycopg2://")
    (tmp_path / "dagster.yaml").write_text(f"storage: {{postgres: {{postgres_url: '{url}'}}}}", encoding="utf-8")
    with DagsterInstance.from_config(str(tmp_path)):
        pass
    with connected(postgresql_url).connect() as connection:
        columns = connection.exec_driver_sql(
            "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'public'"
        ).all()
    assert {table for table, _, _ in columns} - {*TABLES, *dagster_tables()} <= {"alembic_version"}
    others = {(table, column) for table, column, kind in columns if kind not in (*PLAIN, "text", "character varying")}
    assert others == {("snapshots", "snapshot_body")}
