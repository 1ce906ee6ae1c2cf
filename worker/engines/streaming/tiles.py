"""Threads that work tiles in parallel, and stop between tiles on request."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

from worker.engines.port import Check
from worker.engines.streaming.windows import Window

T = TypeVar("T")


class TileCrew:
    """Threads that each work one tile at a time; no thread waits for another.

    Raises, between tiles, what `check` raises.
    """

    def __init__(self, pool: ThreadPoolExecutor, threads: int, check: Check) -> None:
        self._pool = pool
        self._threads = threads
        self._check = check

    def each(self, tiles: Iterable[Window], work: Callable[[Window], T]) -> Iterator[T]:
        """Yield what `work` returns of each tile, in their order."""
        running: deque[Future[T]] = deque()
        for tile in tiles:
            self._check()
            running.append(self._pool.submit(_calculate, work, tile))
            # One tile queued for each thread, so that none idles while results are consumed.
            if len(running) > 2 * self._threads:
                yield running.popleft().result()
        while running:
            self._check()
            yield running.popleft().result()


@contextmanager
def crew(threads: int, check: Check) -> Iterator[TileCrew]:
    """Provide a crew; no thread works when the context ends."""
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(
        threads, thread_name_prefix="tile", initializer=torch.set_num_threads, initargs=(1,)
    )
    try:
        yield TileCrew(pool, threads, check)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)  # New threads start with this number too.


@torch.inference_mode()
def _calculate(work: Callable[[Window], T], tile: Window) -> T:
    return work(tile)
