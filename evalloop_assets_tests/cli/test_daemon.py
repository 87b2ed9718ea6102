"""The daemon beside a command, and the code server that it asks."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evalloop_assets.cli import daemon as beside
from evalloop_assets.cli.instance import open_instance
from evalloop_assets.lake.errors import UserError
from evalloop_assets.settings import Settings
from evalloop_assets_tests.reward_model.test_blocks import alive, waited


def test_a_code_server_that_ends_at_once_is_told_with_its_log(home, monkeypatch):
    monkeypatch.setattr(beside, "MODULE", "evalloop_assets.no_such_module")
    settings = Settings()
    with (
        open_instance(settings),
        pytest.raises(UserError, match=re.escape(f"Look at {beside.daemon_log(settings)}")),
        beside.daemon(settings),
    ):
        pytest.fail("there is no such module")
    assert "no_such_module" in beside.daemon_log(settings).read_text(encoding="utf-8")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent was killed")
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGTERM])
def test_a_command_that_is_killed_leaves_no_daemon_behind(tmp_path: Path, kill: signal.Signals):
    script = tmp_path / "command.py"
    script.write_text(
        "import os, sys, time\n"
        "from evalloop_assets.cli.daemon import _running\n"
        "with _running(['/bin/sleep', '600'], os.environ, sys.stderr) as process:\n"
        "    print(process.pid, flush=True)\n"
        "    time.sleep(600)\n"
    )
    root = str(Path(beside.__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, str(script)], env={**os.environ, "PYTHONPATH": root}, stdout=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None
        process = int(command.stdout.readline())
        assert waited(lambda: "sleep" in Path(f"/proc/{process}/cmdline").read_text().split("\0")[0])
        command.send_signal(kill)
        command.wait()
    assert waited(lambda: not alive(process), 10)
