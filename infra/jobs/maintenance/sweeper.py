"""The thread that sweeps; one runs in every worker's main process."""

from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Final, Protocol

import structlog

from infra.errors import ServiceUnavailable

#: Part of the period that a turn lasts: a lone sweeper must not find its own last turn.
TURN: Final = 0.9

log = structlog.get_logger()


class Sweep(Protocol):
    """What is to be done in a sweep."""

    def run(self) -> object:
        """Sweep once; raises ServiceUnavailable."""
        ...


class Sweeper:
    """Sweeps every `seconds`, when it is this process's turn, until it is stopped."""

    def __init__(
        self, *, sweeps: Sequence[Sweep], take_turn: Callable[[float], bool], seconds: float
    ) -> None:
        self._sweeps = sweeps
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
        if self._safely(lambda: self._take_turn(self._seconds * TURN)):
            for sweep in self._sweeps:
                self._safely(sweep.run)

    def _safely(self, part: Callable[[], object]) -> object:
        """Return what a part returns; None where it raised, which the others do not suffer from."""
        try:
            return part()
        except ServiceUnavailable as error:
            log.warning("sweep postponed", reason=error.detail)
        except Exception:
            log.exception("sweep failed")
        return None
