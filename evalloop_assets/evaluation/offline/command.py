"""Runs the configured program that evaluates one model on one benchmark."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

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
    try:
        done = subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60 * minutes,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise UserError(
            SETTING, f"{arguments[0]} cannot be started: {error.strerror}", "Correct the program."
        ) from error
    except subprocess.TimeoutExpired as error:
        mend = "Give evaluation.offline.command_minutes more, or the program less to do."
        raise UserError(what, f"it took longer than {minutes:g} minutes and was ended", mend) from error
    said = done.stdout[-SHOWN:].strip()
    if done.returncode:
        raise UserError(
            what, f"the program ended with {done.returncode}: {said or 'no word'}", "Mend it; run `evaluate` again."
        )
    return said


def _filled(argument: str, named: dict[str, str]) -> str:
    for name, value in named.items():
        argument = argument.replace(name, value)
    return argument
