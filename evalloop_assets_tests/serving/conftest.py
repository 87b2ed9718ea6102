import pytest

from evalloop_assets.serving.ledger import Ledger


@pytest.fixture
def ledger(tmp_path):
    opened = Ledger(f"sqlite:///{tmp_path}/state/ledger.sqlite")
    yield opened
    opened.close()
