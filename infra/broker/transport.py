"""Celery's transport over Redis, hardened: as safe as our own connections, and hard to end.

It connects as the service does. kombu reads addresses in its own way: of a transport that is named
by class it ignores the scheme, so `rediss://` would not encrypt, and most options are errors to it.

An unreadable message is dropped and ends no worker:
kombu reads a message inside the worker's event loop, where an error ends the main process, and
its children with it, together with the photos that they work on.

An acknowledgement that is lost makes no worker deaf: Celery only logs its error, and kombu would
count the message as being worked for ever, and so ask for no other one.
"""

from queue import Empty
from time import monotonic
from typing import Any, Final, Literal, cast

import structlog
from kombu.transport import redis, virtual  # pyright: ignore[reportMissingTypeStubs]
from redis import RedisError

from infra.redis.address import BROKER_CONNECTIONS, RedisAddress
from infra.redis.client import connection_class

#: The name by which an app is told to use it.
TRANSPORT: Final = "infra.broker.transport:Transport"
#: Seconds that an answer may be late before nobody waits for it at the end of a channel.
LATE_SECONDS: Final = 2.0
#: The transport option that says which server it is, and how to connect to it.
SERVER: Final = "impasto_server"

log = structlog.get_logger()


def broker_url(address: RedisAddress) -> str:
    """Return what kombu shows of a server, and does not connect by."""
    return "redis://localhost/" if address.scheme == "unix" else address.public


class QoS(redis.QoS):
    """Counts the messages that are worked; those whose acknowledgement failed are not.

    Redis then keeps such a message for an hour and offers it again, to somebody who finds its
    chunk taken or done.
    """

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message; raises what redis-py raises, after which it is not worked, too."""
        try:
            super().ack(delivery_tag)  # pyright: ignore[reportUnknownMemberType]
        finally:
            self._no_longer_worked(delivery_tag)

    def reject(self, delivery_tag: str, requeue: bool = False) -> None:
        """Turn a message down; raises as `ack` does."""
        try:
            super().reject(delivery_tag, requeue)  # pyright: ignore[reportUnknownMemberType]
        finally:
            self._no_longer_worked(delivery_tag)

    def _no_longer_worked(self, delivery_tag: str) -> None:
        virtual.QoS.ack(self, delivery_tag)  # pyright: ignore[reportUnknownMemberType]


class Channel(redis.Channel):
    """Takes messages off the queues, and drops whatever kombu cannot read."""

    QoS = QoS
    #: How often Redis has answered in this process when it was asked for messages.
    answers = 0

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        """Return how to connect: as `infra.redis.address` says, with kombu's class around it."""
        options = cast("Any", self).connection.client.transport_options
        address = cast("RedisAddress", options[SERVER])
        self.connection_class = connection_class(address)
        kombus: dict[str, Any] = super()._connparams(asynchronous=asynchronous)  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        most = max(address.max_connections or BROKER_CONNECTIONS, BROKER_CONNECTIONS)
        return {
            **address.options,
            "connection_class": kombus["connection_class"],
            "max_connections": most,
        }

    def close(self) -> None:
        """Close, but wait for no answer that is late: its connection is dead."""
        kombus = cast("Any", self)
        asked, latest = kombus._in_poll, kombus.brpop_timeout + LATE_SECONDS
        if asked and monotonic() - kombus._brpop_sent_at > latest:
            try:
                late = not asked.can_read(timeout=0)
            except RedisError:
                late = True
            if late:
                asked.disconnect()
        super().close()  # pyright: ignore[reportUnknownMemberType]

    def _brpop_read(self, **options: Any) -> Literal[True]:  # noqa: ANN401 - kombu's own signature
        try:
            read: Literal[True] = super()._brpop_read(**options)  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]
        except Empty:
            Channel.answers += 1
            raise
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            # It is off the queue and not yet among the unacknowledged: nothing is left of it.
            Channel.answers += 1
            log.warning("message dropped", reason=f"{type(error).__name__}: {error}")
            raise Empty from error
        Channel.answers += 1
        return read


class Transport(redis.Transport):
    """kombu's transport over Redis, with such channels."""

    Channel = Channel
