"""A person leaves a PostgreSQL database: other writers at work, pages on the disk, other tables of the database."""

import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from dagster import DagsterInstance

from evalloop_assets.cli.instance import dagster_tables
from evalloop_assets.erasure.person import Person
from evalloop_assets.erasure.servers import Server, erase_values, values_with
from evalloop_assets.lake.errors import UserError
from evalloop_assets.serving.ledger import TABLES, Ledger
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
