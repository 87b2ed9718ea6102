"""Runs the configured program that evaluates one model on one benchmark."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from evalloop_assets.lake.errors import UserError

SETTING = "setting evaluation.offline.command"
SHOWN = 2_000
"""Characters of the program's last output that a message shows."""


def run_command(command: Sequence[str], model_id: str, benchmark: str, landing: Path, minutes: float) -> str:
    """The end of what the program printed. It is started without a shell; ids are whole arguments or parts of one.

    UserError where there is none, it cannot be started, fails, or takes longer.
    """
    if not command:
        raise UserError(SETTING, "is empty", "Give the program and its arguments (docs/evaluation/offline.md).")
    named = {"{model_id}": model_id, "{benchmark}": benchmark, "{landing}": str(landing.resolve())}
    arguments = [_filled(argument, named) for argument in command]
    what = f"evaluation of {model_id} on {benchmark}"
    with tempfile.TemporaryFile() as output:
        try:
            program = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
            )
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or error
            raise UserError(SETTING, f"{arguments[0]} cannot be started: {why}", "Correct the program.") from error
        try:
            status = program.wait(60 * minutes)
        except subprocess.TimeoutExpired as error:
            mend = "Give evaluation.offline.command_minutes more, or the program less to do."
            raise UserError(what, f"it took longer than {minutes:g} minutes and was ended", mend) from error
        finally:
            _end_all(program)
        said = _last_of(output)
    if status:
        raise UserError(what, f"the program ended with {status}: {said or 'no word'}", "Mend it; run `evaluate` again.")
    return said


def _end_all(program: subprocess.Popen[bytes]) -> None:
    """The program and whatever it started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, signal.SIGKILL)
    program.wait()


def _last_of(output: IO[bytes]) -> str:
    size = output.seek(0, os.SEEK_END)
    output.seek(max(size - 4 * SHOWN, 0))
    return output.read().decode("utf-8", "replace")[-SHOWN:].strip()


def _filled(argument: str, named: dict[str, str]) -> str:
    """Every name once: one that stands in an id is none."""
    return re.sub("|".join(map(re.escape, named)), lambda found: named[found[0]], argument)
