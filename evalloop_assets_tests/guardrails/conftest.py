import pytest
from dagster import DagsterInstance


@pytest.fixture
def instance(tmp_path):
    with DagsterInstance.ephemeral(tempdir=str(tmp_path)) as one:
        yield one
