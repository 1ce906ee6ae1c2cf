"""Celery's transport over Redis, hardened: an unreadable message is dropped and ends no worker.

kombu reads a message inside the worker's event loop, where an error ends the main process, and
its children with it, together with the photos that they work on.
"""

from queue import Empty
from typing import Any, Final, Literal

import structlog
from kombu.transport import redis  # pyright: ignore[reportMissingTypeStubs]

#: The name by which an app is told to use it.
TRANSPORT: Final = "infra.broker.transport:Transport"

log = structlog.get_logger()


class Channel(redis.Channel):
    """Takes messages off the queues, and drops whatever kombu cannot read."""

    def _brpop_read(self, **options: Any) -> Literal[True]:  # noqa: ANN401 - kombu's own signature
        try:
            return super()._brpop_read(**options)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            # It is off the queue and not yet among the unacknowledged: nothing is left of it.
            log.warning("message dropped", reason=f"{type(error).__name__}: {error}")
            raise Empty from error


class Transport(redis.Transport):
    """kombu's transport over Redis, with such channels."""

    Channel = Channel
