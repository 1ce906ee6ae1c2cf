"""What a worker's main process sees of Celery's consumer, and does to it."""

from collections.abc import Callable, Mapping, Sized
from typing import Any, Protocol, cast

from celery.worker import state  # pyright: ignore[reportMissingTypeStubs]

from infra.broker.transport import Channel


class Consumer(Protocol):
    """The part of Celery's consumer that is used here."""

    @property
    def connection(self) -> object | None:
        """Its connection; another one after each loss, and None while there is none."""
        ...

    @property
    def pool(self) -> Any:  # noqa: ANN401 - Celery's
        """Its children; `info["processes"]` are their ids."""
        ...

    def call_soon(self, callback: Callable[[], object]) -> object:
        """Call back in the event loop; threads may ask for it."""
        ...


class CeleryListener:
    """The consumer of this process, for a guard in another thread."""

    def __init__(self, consumer: Consumer) -> None:
        self._consumer = consumer

    def idle(self) -> bool:
        """Whether nothing is worked, and the process is not about to end."""
        return not len(cast("Sized", state.reserved_requests)) and state.should_stop is None

    def taken(self) -> int:
        """Return how many messages were taken since the start."""
        return state.all_total_count[0]

    def answers(self) -> int:
        """Return how often Redis has answered since the start when it was asked for messages."""
        return Channel.answers

    def children(self) -> list[int]:
        """Return the process ids of those that work."""
        info: Mapping[str, Any] = self._consumer.pool.info
        return list(info["processes"])

    def renew(self) -> None:
        """Let Celery connect anew, with a consumer that knows nothing of the old connection.

        Nothing happens where it does so by itself by then.
        """
        connection = self._consumer.connection

        def lose() -> None:
            # What Celery does when a connection breaks is all that is wanted.
            if self._consumer.connection is connection:
                raise ConnectionResetError("the consumer takes nothing")

        if connection is not None:
            self._consumer.call_soon(lose)

    def end(self, status: int) -> None:
        """Let the main process end in order, with an exit status."""
        state.should_stop = status
        self._consumer.call_soon(_nothing)  # wakes the event loop


def _nothing() -> None:
    """Be called."""
