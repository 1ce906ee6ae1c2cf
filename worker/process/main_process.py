"""The main process of a worker or a trainer: Celery's signals, in their order.

The main process listens, sweeps and announces itself; children, spawned by Celery, work.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from infra.parent_death import follow_parent
from worker.process import stopping


class Pool(Protocol):
    """The part of Celery's pool that is used here."""

    @property
    def info(self) -> Mapping[str, Any]:
        """Facts about the pool; `processes` are the ids of its children."""
        ...


class Consumer(Protocol):
    """The part of Celery's consumer that is used here."""

    hostname: str
    pool: Pool

    @property
    def connection(self) -> object | None:
        """Its connection to the broker; None while there is none."""
        ...

    def call_soon(self, callback: Callable[[], object]) -> object:
        """Call back in the event loop; threads may ask for it."""
        ...


class Attendance(Protocol):
    """The main process's work besides listening."""

    def start(self) -> None:
        """Begin, in threads of its own."""
        ...

    def stop(self) -> None:
        """End, and wait for that."""
        ...


class MainProcess:
    """Runs an `Attendance` from when Celery listens until its children are done."""

    def __init__(self, attend: Callable[[Consumer], Attendance]) -> None:
        self._attend = attend
        self._consumer: Consumer | None = None
        self._attendance: Attendance | None = None

    def begin(self, **_: object) -> None:
        """Celery starts in this process."""
        follow_parent()

    def ready(self, sender: Consumer, **_: object) -> None:
        """Celery listens now; it says so again after each lost connection."""
        self._consumer = sender
        if self._attendance is None:
            self._attendance = self._attend(sender)
            self._attendance.start()

    def shutting_down(self, **_: object) -> None:
        """A signal asked for the end; Celery would now wait for the children's tasks."""
        if self._consumer is not None:
            stopping.tell(self._consumer.pool.info["processes"])

    def shutdown(self, **_: object) -> None:
        """The children are done."""
        if self._attendance is not None:
            self._attendance.stop()
