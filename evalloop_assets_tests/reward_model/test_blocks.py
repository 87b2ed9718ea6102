"""Blocks of rows in several processes: the same as in one, in bounded memory, and none outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalloop_assets.reward_model import blocks as module
from evalloop_assets.reward_model.blocks import blocks, each
from evalloop_assets_tests.processes import alive, waited

ROWS = pa.table({"key": [f"k{number // 3}" for number in range(60)], "value": list(range(60))})


def doubled(block: pa.Table, times: int = 2) -> pa.Table:
    return block.append_column("process", pa.array([os.getpid()] * block.num_rows)).set_column(
        1, "value", pc.multiply(block["value"], times)
    )


def faulty(block: pa.Table) -> pa.Table:
    raise ValueError(f"no {block['key'][0]}")


def killed(block: pa.Table) -> pa.Table:
    if block["key"][0].as_py() != "k0":
        os.kill(os.getpid(), signal.SIGKILL)
    return block


@given(st.lists(st.integers(1, 9), max_size=12), st.integers(1, 10))
def test_blocks_hold_all_rows_in_order_and_never_part_a_key(sizes: list[int], most: int):
    keys = [str(number) for number, size in enumerate(sizes) for _ in range(size)]
    parts = list(blocks(pa.table({"key": pa.array(keys, pa.string())}), "key", most))
    assert [key for part in parts for key in part["key"].to_pylist()] == keys
    owners = [set(part["key"].to_pylist()) for part in parts]
    assert sum(map(len, owners)) == len(set(keys))
    assert all(part.num_rows < most + max(sizes) for part in parts)


def test_two_processes_give_what_one_gives_in_its_order():
    work = partial(doubled, times=3)
    apart, here = (pa.concat_tables(each(work, blocks(ROWS, "key", 9), processes)) for processes in (2, 1))
    assert apart.drop_columns(["process"]) == here.drop_columns(["process"])
    assert set(here["process"].to_pylist()) == {os.getpid()}
    assert os.getpid() not in apart["process"].to_pylist()


def slow(numbers: int) -> Iterator[int]:
    for number in range(numbers):
        time.sleep(0.013)
        yield number


@pytest.mark.filterwarnings("always")
def test_processes_that_end_idle_while_work_comes_lose_none_of_it_and_say_nothing(monkeypatch, recwarn):
    monkeypatch.setattr(module, "IDLE_S", 0.01)
    assert list(each(float, slow(40), 2)) == list(range(40))
    assert [str(one.message) for one in recwarn] == []


def test_steps_that_follow_each_other_share_their_processes_and_nobody_is_left_idle(monkeypatch):
    monkeypatch.setattr(module, "IDLE_S", 1)
    first, second = (
        {one for part in each(doubled, blocks(ROWS, "key", 3), 2) for one in part["process"].to_pylist()}
        for _ in range(2)
    )
    assert len(first | second) <= 2
    assert waited(lambda: not any(map(alive, first | second)))


def test_a_single_block_starts_no_process():
    (found,) = each(doubled, [ROWS], 2)
    assert set(found["process"].to_pylist()) == {os.getpid()}
    assert list(each(doubled, [], 2)) == []


def test_what_a_block_raises_is_raised_here():
    with pytest.raises(ValueError, match="no k0"):
        list(each(faulty, blocks(ROWS, "key", 9), 2))


def test_where_a_process_is_killed_no_block_is_lost_without_a_word():
    with pytest.raises(RuntimeError, match="terminated"):
        list(each(killed, blocks(ROWS, "key", 9), 2))


def test_blocks_are_taken_as_they_are_needed():
    taken = []

    def counted():
        for block in blocks(ROWS, "key", 3):
            taken.append(block)
            yield block

    found = each(doubled, counted(), 2)
    next(found)
    assert len(taken) <= module.WAITING * 2
    found.close()


def test_a_slice_goes_without_the_rows_around_it():
    assert len(module._packed(ROWS.slice(0, 3))) < len(module._packed(ROWS)) - 500


def test_no_process_outlives_a_parent_that_was_killed(tmp_path: Path):
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, sys, time\n"
        "from pathlib import Path\n"
        "import pyarrow as pa\n"
        "from evalloop_assets.reward_model.blocks import each\n"
        "def slow(block):\n"
        f"    Path({str(tmp_path)!r}, f'{{os.getpid()}}.pid').touch()\n"
        "    time.sleep(600)\n"
        "if __name__ == '__main__':\n"
        "    list(each(slow, [pa.table({'a': [1]})] * 2, 2))\n"
    )
    parent = subprocess.Popen([sys.executable, str(script)])
    try:
        found = waited(lambda: len(list(tmp_path.glob("*.pid"))) == 2)
        assert found
    finally:
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    children = [int(path.stem) for path in tmp_path.glob("*.pid")]
    assert waited(lambda: not any(map(alive, children)))


def test_a_script_without_a_guard_is_not_run_again(tmp_path: Path):
    script = tmp_path / "plain.py"
    script.write_text(
        "import pyarrow as pa\n"
        "from evalloop_assets.reward_model.blocks import each\n"
        "from evalloop_assets_tests.reward_model.test_blocks import ROWS, blocks, doubled\n"
        "print('begun')\n"
        "print(pa.concat_tables(each(doubled, blocks(ROWS, 'key', 9), 2)).num_rows)\n"
    )
    root = Path(module.__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, str(script)], env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True
    )
    assert ran.stdout.split() == ["begun", "60"], ran.stderr
