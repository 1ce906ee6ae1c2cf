"""What the guard does to Celery's consumer: it connects anew once, and only where that helps."""

from collections.abc import Callable

import pytest

from infra.broker.consumer import CeleryListener


class Consumer:
    """A consumer whose event loop runs when the test says so."""

    pool = None

    def __init__(self) -> None:
        self.connection: object | None = object()
        self.soon: list[Callable[[], object]] = []

    def call_soon(self, callback: Callable[[], object]) -> None:
        self.soon.append(callback)


def test_renewal_is_a_lost_connection_to_celery() -> None:
    consumer = Consumer()
    CeleryListener(consumer).renew()
    [callback] = consumer.soon
    with pytest.raises(ConnectionResetError):
        callback()


def test_connection_that_is_new_already_is_not_lost() -> None:
    """The event loop may be stuck until long after it was asked."""
    consumer = Consumer()
    CeleryListener(consumer).renew()
    consumer.connection = object()
    for callback in consumer.soon:
        callback()


def test_consumer_that_connects_anew_is_left_alone() -> None:
    consumer = Consumer()
    consumer.connection = None
    CeleryListener(consumer).renew()
    assert consumer.soon == []
