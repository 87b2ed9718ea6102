"""The process's one Spark session: started when a step first needs it, stopped when the process ends."""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from evalloop_assets.lake.errors import UserError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

OLDEST_JAVA = 17
_SAME_AS_DUCKDB = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "true",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.sources.partitionColumnTypeInference.enabled": "false",
    "spark.sql.cteRecursionLevelLimit": "-1",
    "spark.sql.cteRecursionRowLimit": "-1",
    "spark.sql.parquet.compression.codec": "zstd",
}
"""Without these a SELECT gives other rows, or stops: Spark follows a chain of regenerations for 100 versions only."""
_QUIET = """\
rootLogger.level = error
rootLogger.appenderRef.err.ref = err
appender.err.type = Console
appender.err.name = err
appender.err.target = SYSTEM_ERR
appender.err.layout.type = PatternLayout
appender.err.layout.pattern = spark: %p %c{1}: %m%n
"""


@dataclass(frozen=True)
class SparkSetup:
    """Where Spark runs and what it may use."""

    master: str
    """`local[2]`, or `spark://host:port` of a standalone master."""
    home: str
    """Folder for spill and whatever else Spark wants to write on this machine."""
    driver_host: str = "127.0.0.1"
    """Address under which workers reach this process."""
    memory: str = "2g"
    """Heap of the driver, and of each executor."""
    shuffle_partitions: int = 16
    options: Mapping[str, str] = field(default_factory=dict)
    """Further `spark.…` options, which go over all of these."""


_lock = threading.Lock()
_running: tuple[SparkSetup, SparkSession] | None = None


def spark_session(setup: SparkSetup) -> SparkSession:
    """A session of its own for each call (temporary views, settings) on the process's one Spark context.

    Raises UserError without pyspark or Java, and where the master does not answer.
    """
    global _running
    with _lock:
        if _running is None or _running[0] != setup:
            _stop()
            _running = setup, _start(setup)
        return _running[1].newSession()


def stop_spark() -> None:
    """Stop the process's Spark context, where there is one."""
    with _lock:
        _stop()


def _stop() -> None:
    global _running
    if _running is not None:
        session, _running = _running[1], None
        with contextlib.suppress(Exception):  # a JVM that died has nothing left to stop
            session.stop()


def require_spark() -> None:
    """UserError where pyspark or Java is missing."""
    try:
        import pyspark  # noqa: F401
    except ImportError as error:
        raise UserError(
            "engine spark", f"pyspark is not installed ({error})", "Install it: pip install 'evalloop-assets[spark]'"
        ) from error
    _require_java()


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin" if home else None)
    mend = f"Install Java {OLDEST_JAVA} or newer (Debian: openjdk-17-jre-headless) or set JAVA_HOME to one."
    if java is None:
        raise UserError("engine spark", "there is no Java", mend)
    told = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', told)
    if found is None or int(found[1]) < OLDEST_JAVA:
        raise UserError("engine spark", f"{java} is not Java {OLDEST_JAVA} or newer", mend)


def _start(setup: SparkSetup) -> SparkSession:
    require_spark()
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    folder = Path(setup.home)
    (folder / "spill").mkdir(parents=True, exist_ok=True)
    quiet = folder / "log4j2.properties"
    quiet.write_text(_QUIET, encoding="utf-8")
    options = {
        "spark.master": setup.master,
        "spark.app.name": "evalloop",
        "spark.log.level": "ERROR",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": setup.driver_host,
        "spark.driver.bindAddress": setup.driver_host,
        "spark.driver.memory": setup.memory,
        "spark.executor.memory": setup.memory,
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={quiet.as_uri()} -Djava.io.tmpdir={folder}/spill "
        f"-Dderby.system.home={folder}",
        "spark.local.dir": f"{folder}/spill",
        "spark.sql.warehouse.dir": (folder / "warehouse").as_uri(),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.shuffle.partitions": str(setup.shuffle_partitions),
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        **_SAME_AS_DUCKDB,
        **setup.options,
    }
    logging.getLogger("SQLQueryContextLogger").setLevel(logging.CRITICAL)  # repeats what is raised anyway
    builder = SparkSession.builder
    for name, value in options.items():
        builder = builder.config(name, value)
    try:
        session = builder.getOrCreate()
    except (PySparkException, OSError, RuntimeError) as error:
        raise UserError(
            f"Spark master {setup.master}",
            f"no session could be started ({str(error).splitlines()[0]})",
            "Check EVALLOOP_SPARK__MASTER and EVALLOOP_SPARK__DRIVER_HOST.",
        ) from error
    atexit.register(stop_spark)
    return session
