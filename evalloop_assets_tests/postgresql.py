"""A PostgreSQL server of its own on loopback, in a temporary folder, gone when the tests are over."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

PASSWORD = "not-for-any-log"
INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def missing() -> str | None:
    """Why no server can be started here."""
    if not (INSTALLED or shutil.which("initdb")):
        return "PostgreSQL is not installed (Debian: apt-get install postgresql)"
    return None


@contextmanager
def server() -> Iterator[str]:
    """URL of the database `postgres`, its password in it."""
    programs = INSTALLED[-1].parent if INSTALLED else Path(str(shutil.which("initdb"))).parent
    account = "postgres" if os.getuid() == 0 else None  # initdb refuses root
    with tempfile.TemporaryDirectory(prefix="evalloop-postgresql-") as folder:
        if account:
            shutil.chown(folder, account)
        port, data = free_port(), f"{folder}/data"
        secret = Path(folder, "password")
        secret.write_text(PASSWORD, encoding="utf-8")
        secret.chmod(0o644)

        def program(*arguments: str) -> None:
            told = subprocess.run(
                arguments,
                user=account,
                cwd=folder,
                text=True,
                check=False,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            assert told.returncode == 0, told.stdout

        program(
            f"{programs}/initdb", "-D", data, "-U", "evalloop", f"--pwfile={secret}", "--auth=scram-sha-256",
            "--encoding=UTF8", "--no-sync",
        )  # fmt: skip
        options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"
        program(f"{programs}/pg_ctl", "-D", data, "-o", options, "-l", f"{folder}/log", "-w", "start")
        url = f"postgresql://evalloop:{PASSWORD}@127.0.0.1:{port}/postgres"
        try:
            with connected(url).begin() as connection:
                connection.exec_driver_sql(f"ALTER ROLE evalloop PASSWORD '{_quickly_verified(PASSWORD)}'")
            yield url
        finally:
            program(f"{programs}/pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")


def _quickly_verified(password: str) -> str:
    """What the server keeps of the password, hashed once instead of 4,096 times: Dagster connects for each event."""
    salt = os.urandom(16)
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, 1)
    client, server = (hmac.digest(salted, whose, "sha256") for whose in (b"Client Key", b"Server Key"))
    kept, stored, proved = (base64.b64encode(one).decode() for one in (salt, hashlib.sha256(client).digest(), server))
    return f"SCRAM-SHA-256$1:{kept}${stored}:{proved}"


def connected(url: str) -> sa.Engine:
    return sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"), poolclass=sa.NullPool)


@contextmanager
def reader_of(url: str, table: str) -> Iterator[str]:
    """URL of somebody who may read that table and owns nothing."""
    name = f"reader_{uuid.uuid4().hex}"
    engine = connected(url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"CREATE ROLE {name} LOGIN PASSWORD '{PASSWORD}'")
        connection.exec_driver_sql(f"GRANT SELECT ON {table} TO {name}")
    yield sa.make_url(url).set(username=name).render_as_string(hide_password=False)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP OWNED BY {name}")
        connection.exec_driver_sql(f"DROP ROLE {name}")


def pages(engine: sa.Engine, table: str) -> bytes:
    """The file of the table as it lies on the disk."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("CHECKPOINT")
        folder = connection.exec_driver_sql("SHOW data_directory").scalar_one()
        file = connection.exec_driver_sql(f"SELECT pg_relation_filepath('{table}')").scalar_one()
    return Path(folder, file).read_bytes()


def texts(url: str) -> list[str]:
    """Every value of every text column of the database."""
    with connected(url).connect() as connection:
        columns = connection.exec_driver_sql(
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND data_type IN ('text', 'character varying')"
        ).all()
        return [
            value
            for table, column in columns
            for value in connection.exec_driver_sql(
                f'SELECT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL'
            ).scalars()
        ]
