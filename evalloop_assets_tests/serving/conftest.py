import pytest

from evalloop_assets.serving.ledger import Ledger


@pytest.fixture
def ledger(ledger_url):
    opened = Ledger(ledger_url)
    yield opened
    opened.close()
