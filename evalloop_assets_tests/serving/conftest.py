import pytest

from evalloop_assets.serving.ledger import Ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request, tmp_path):
    """Where a ledger may be: a file, or a shared server."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/state/ledger.sqlite"
    return request.getfixturevalue("postgresql_url")


@pytest.fixture
def ledger(ledger_url):
    opened = Ledger(ledger_url)
    yield opened
    opened.close()
