"""Pools of processes that end by themselves."""

from multiprocessing.pool import Pool


def ended(pool: Pool) -> None:
    """Wait until its processes are gone: where SIGTERM is ignored, as behind a shell's `&`, leaving a pool hangs."""
    pool.close()
    pool.join()
