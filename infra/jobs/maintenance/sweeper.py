"""The thread that sweeps; one runs in every worker's main process."""

from collections.abc import Callable
from threading import Event, Thread
from typing import Final

import structlog

from infra.errors import ServiceUnavailable
from infra.jobs.maintenance.sweep import Sweep

#: Part of the period that a turn lasts: a lone sweeper must not find its own last turn.
TURN: Final = 0.9

log = structlog.get_logger()


class Sweeper:
    """Sweeps every `seconds`, when it is this process's turn, until it is stopped."""

    def __init__(self, *, sweep: Sweep, take_turn: Callable[[float], bool], seconds: float) -> None:
        self._sweep = sweep
        self._take_turn = take_turn
        self._seconds = seconds
        self._stopping = Event()
        self._thread = Thread(target=self._run, name="sweeper", daemon=True)

    def start(self) -> None:
        """Begin to sweep, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End after the sweep that runs now, and wait for that."""
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            self.step()

    def step(self) -> None:
        """Sweep once if it is our turn. Nothing escapes: the thread must outlive every outage."""
        try:
            if self._take_turn(self._seconds * TURN):
                self._sweep.run()
        except ServiceUnavailable as error:
            log.warning("sweep postponed", reason=error.detail)
        except Exception:
            log.exception("sweep failed")
