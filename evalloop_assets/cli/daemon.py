"""Dagster's daemon beside a command: it evaluates the sensors and launches the runs that they request.

It asks one code server, which loads the code location once: of locations that it loads itself, the daemon starts a new
server every minute.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import yaml

from evalloop_assets.cli.instance import instance_home
from evalloop_assets.lake.errors import UserError
from evalloop_assets.settings import Settings

LOCATION = "evalloop"
"""As workspace.yaml calls it: the UI then shows these sensors and runs as its own."""
MODULE = "evalloop_assets.definitions"
BOUND = "import ctypes, os, sys; ctypes.CDLL(None).prctl(1, 15); os.execv(sys.argv[1], sys.argv[1:])"
"""A command that Linux asks to end (PR_SET_PDEATHSIG, SIGTERM) when its parent was killed; other systems do not."""
STARTS_WITHIN_S = 60
ENDS_WITHIN_S = 20


@contextmanager
def daemon(settings: Settings) -> Iterator[None]:
    """A daemon that runs until the end of the block; UserError where its code server does not start."""
    environment = {**os.environ, "DAGSTER_HOME": str(instance_home(settings))}
    log = daemon_log(settings)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as out, tempfile.TemporaryDirectory() as folder:
        socket, workspace = Path(folder) / "code", Path(folder) / "workspace.yaml"  # a socket's path must be short
        server = {"socket": str(socket), "location_name": LOCATION}
        workspace.write_text(yaml.safe_dump({"load_from": [{"grpc_server": server}]}), encoding="utf-8")
        beside = Path(sys.executable).parent
        serve = [str(beside / "dagster"), "api", "grpc", "-m", MODULE, "-s", str(socket), "--location-name", LOCATION]
        with _running([*serve, "--log-level", "warning"], environment, out) as code_server:
            _await(socket, code_server, log)
            with _running([str(beside / "dagster-daemon"), "run", "-w", str(workspace)], environment, out):
                yield


def daemon_log(settings: Settings) -> Path:
    return settings.home / "dagster" / "daemon.log"


@contextmanager
def _running(command: Sequence[str], environment: Mapping[str, str], out: IO[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that ends with the block, and on Linux also with this process, however that ends."""
    bound = [sys.executable, "-c", BOUND, *command] if sys.platform == "linux" else command
    process = subprocess.Popen(bound, env=environment, stdout=out, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _await(socket: Path, server: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + STARTS_WITHIN_S
    while not socket.exists():
        if server.poll() is not None or time.monotonic() > end:
            why = f"it did not start within {STARTS_WITHIN_S} s" if server.poll() is None else "it ended at once"
            raise UserError("the code server", why, f"Look at {log}.")
        time.sleep(0.1)
