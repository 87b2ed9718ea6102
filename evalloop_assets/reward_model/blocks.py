"""A pure function of blocks, in several processes: the same results as in one, in the same order.

Rules over texts are Python, so that threads would wait for each other. A process takes a second to start: a single
block is computed here, and the steps that follow each other in a run share their processes. These end when they have
had nothing to do for IDLE_S, or with this one, however that ends, and never run its script again, as those that
Python's own pool spawns do (loky).
"""

from __future__ import annotations

import os
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, TypeVar

from evalloop_assets.end_with import end_with
from evalloop_assets.garbage import collect_seldom

if TYPE_CHECKING:
    from concurrent.futures import Future

    import pyarrow as pa

Given = TypeVar("Given")
Made = TypeVar("Made")
WAITING = 2
"""Blocks a process that are handed out at once, so that memory does not grow with their number."""
IDLE_S = 30


def blocks(rows: pa.Table, key: str, most: int) -> Iterator[pa.Table]:
    """The rows in blocks of about `most`, which end where the key changes: rows of one key follow each other."""
    keys, first = rows.column(key), 0
    while first < rows.num_rows:
        last = min(first + most, rows.num_rows)
        while last < rows.num_rows and keys[last].as_py() == keys[last - 1].as_py():
            last += 1
        yield rows.slice(first, last - first)
        first = last


def each(work: Callable[[Given], Made], given: Iterable[Given], processes: int) -> Iterator[Made]:
    """What `work` makes of each block, in their order. `work`, the blocks and what it makes of them can be pickled.

    What it raises is raised here. RuntimeError where a process is killed.
    """
    waiting = iter(given)
    begin = list(islice(waiting, 2))
    if processes == 1 or len(begin) < 2:
        yield from map(work, chain(begin, waiting))
    else:
        yield from _apart(work, chain(begin, waiting), processes)


def _apart(work: Callable[[Given], Made], given: Iterable[Given], processes: int) -> Iterator[Made]:
    from loky import get_reusable_executor

    # A process that had just been idle for IDLE_S is started anew, and the work is done: nothing to tell the user.
    warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning, "loky")
    futures: deque[Future[Any]] = deque()
    pool = get_reusable_executor(processes, timeout=IDLE_S, initializer=_begin, initargs=(os.getpid(),))
    try:
        for block in given:
            futures.append(pool.submit(_worked, work, _packed(block)))
            if len(futures) == WAITING * processes:
                yield _unpacked(futures.popleft().result())
        while futures:
            yield _unpacked(futures.popleft().result())
    except BaseException:  # also where the caller wants no more
        pool.shutdown(kill_workers=True)
        raise


def _worked(work: Callable[[Any], Any], block: Any) -> Any:
    return _packed(work(_unpacked(block)))


def _packed(block: Any) -> Any:
    """Of a table its rows alone: a pickled slice would bring the whole table."""
    import pyarrow as pa

    if not isinstance(block, pa.Table):
        return block
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, block.schema) as writer:
        writer.write_table(block)
    return sink.getvalue()


def _unpacked(block: Any) -> Any:
    import pyarrow as pa

    return pa.ipc.open_stream(block).read_all() if isinstance(block, pa.Buffer) else block


def _begin(parent: int) -> None:
    collect_seldom()
    end_with(parent)
