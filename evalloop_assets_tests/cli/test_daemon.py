"""The daemon beside a command, and the code server that it asks."""

import re

import pytest

from evalloop_assets.cli import daemon as beside
from evalloop_assets.cli.instance import open_instance
from evalloop_assets.lake.errors import UserError
from evalloop_assets.settings import Settings


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
