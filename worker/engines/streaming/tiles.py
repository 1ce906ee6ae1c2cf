"""Work on tiles, several at a time, and an end to it whenever somebody wants one."""

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
    """Threads that each work one tile at a time, alone: no step waits for another thread's.

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
            # A tile for each thread to go on with, while its neighbours' results are looked at.
            if len(running) > 2 * self._threads:
                yield running.popleft().result()
        while running:
            self._check()
            yield running.popleft().result()


@contextmanager
def crew(threads: int, check: Check) -> Iterator[TileCrew]:
    """Provide a crew; when it leaves, nobody works any more."""
    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(
        threads, thread_name_prefix="tile", initializer=torch.set_num_threads, initargs=(1,)
    )
    try:
        yield TileCrew(pool, threads, check)
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(before)  # It is also what threads to come begin with.


@torch.inference_mode()
def _calculate(work: Callable[[Window], T], tile: Window) -> T:
    return work(tile)
