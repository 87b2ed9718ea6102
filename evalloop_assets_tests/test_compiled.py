"""Compiled functions: what one process compiled the next one reads, and one that can keep nothing still runs."""

import importlib.util
from types import ModuleType

import pytest
from numba.core.caching import CompileResultCacheImpl

SOURCE = """
from evalloop_assets.compiled import compiled

@compiled()
def doubled(number):
    return {times} * number
"""


@pytest.fixture
def loaded(tmp_path):
    """Loads the module anew, as another process does."""
    path = tmp_path / "kernel.py"

    def load(source: str) -> ModuleType:
        if not path.exists() or path.read_text() != source:
            path.write_text(source)
        spec = importlib.util.spec_from_file_location("kernel", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    return load


def test_it_is_compiled_once_and_anew_when_its_file_changes(loaded):
    first, second = loaded(SOURCE.format(times=2)), loaded(SOURCE.format(times=2))
    assert [module.doubled(21) for module in (first, second)] == [42, 42]
    assert [sum(module.doubled.stats.cache_hits.values()) for module in (first, second)] == [0, 1]
    changed = loaded(SOURCE.format(times="2.0"))
    assert changed.doubled(21) == 42.0
    assert sum(changed.doubled.stats.cache_hits.values()) == 0


def test_where_nothing_can_be_kept_it_runs_all_the_same(loaded, monkeypatch):
    monkeypatch.setattr(CompileResultCacheImpl, "_locator_classes", [])
    assert loaded(SOURCE.format(times=2)).doubled(21) == 42
