"""The queue of previews, over memory and every real Redis."""

from collections.abc import Callable
from typing import cast

import pytest
from redis import Redis

from infra.broker.notifier import (
    PREVIEW_QUEUE,
    STYLIZE_QUEUES,
    CeleryNotifier,
    celery_app,
    listen_to_all_lanes,
)
from infra.broker.turns import PreviewsFirst
from infra.errors import ServiceUnavailable
from infra.previews.ports import PreviewKey, PreviewQueue
from infra.redis.client import connect_redis
from infra.redis.preview_queue import CLAIMS_KEY, PREVIEWS_KEY, RedisPreviewQueue
from tests.contract.servers import REDISES, Servers, fresh_settings
from tests.fakes.previews import MemoryPreviewQueue

A, B = PreviewKey("alice", "one"), PreviewKey("bob", "two")
#: Now, seconds since the epoch.
NOW = 1_800_000_000.25


@pytest.fixture(params=["memory", *REDISES])
def queue(request: pytest.FixtureRequest) -> PreviewQueue:
    """It holds nothing."""
    if request.param == "memory":
        return MemoryPreviewQueue()
    servers: Servers = request.getfixturevalue("servers")
    client = servers.redis(request.param)
    cast("Redis", client).flushall()
    return RedisPreviewQueue(client=client)


def test_added_previews_are_open_and_due_in_their_time(queue: PreviewQueue) -> None:
    queue.add(A, NOW + 30)
    queue.add(A, NOW)  # as after a flush, where it is there nevertheless
    queue.add(B, NOW + 10)
    assert sorted(queue.open()) == [A, B]
    assert queue.due(NOW + 9) == []
    assert queue.due(NOW + 10) == [B]
    queue.postpone(B, NOW + 60)
    assert queue.due(NOW + 30) == [A]
    queue.remove(A)
    queue.postpone(A, NOW)
    assert queue.open() == [B]


def test_claim_is_for_one_at_a_time(queue: PreviewQueue) -> None:
    assert queue.claim(A, NOW, NOW + 20) is None  # not there
    queue.add(A, NOW)
    assert queue.attempts(A, NOW) == (0, False)
    assert queue.claim(A, NOW, NOW + 20) == 1
    assert queue.claim(A, NOW + 19, NOW + 39) is None
    assert queue.attempts(A, NOW + 19) == (1, True)
    assert queue.due(NOW + 19) == []
    assert queue.due(NOW + 20) == [A]
    assert queue.attempts(A, NOW + 20) == (1, False)
    assert queue.claim(A, NOW + 20, NOW + 40) == 2


def test_only_the_holder_extends_or_gives_back(queue: PreviewQueue) -> None:
    queue.add(A, NOW)
    assert queue.claim(A, NOW, NOW + 20) == 1
    assert queue.extend(A, 1, NOW + 40)
    assert queue.due(NOW + 39) == []
    assert queue.claim(A, NOW + 41, NOW + 61) == 2
    assert not queue.extend(A, 1, NOW + 99)
    queue.release(A, 1, NOW + 42)
    assert queue.attempts(A, NOW + 42) == (2, True)
    queue.release(A, 2, NOW + 42)
    assert queue.attempts(A, NOW + 42) == (1, False)
    assert queue.due(NOW + 42) == [A]
    assert queue.claim(A, NOW + 43, NOW + 63) == 2
    queue.remove(A)
    assert not queue.extend(A, 2, NOW + 99)
    assert queue.open() == []


@pytest.mark.parametrize("kind", REDISES)
def test_nothing_stays_of_a_removed_preview(servers: Servers, kind: str) -> None:
    client = servers.redis(kind)
    cast("Redis", client).flushall()
    queue = RedisPreviewQueue(client=client)
    queue.add(A, NOW)
    queue.claim(A, NOW, NOW + 20)
    assert client.exists(PREVIEWS_KEY, CLAIMS_KEY) == 2
    queue.remove(A)
    assert client.exists(PREVIEWS_KEY, CLAIMS_KEY) == 0


def test_redis_that_is_away_is_told_as_such() -> None:
    queue = RedisPreviewQueue(client=connect_redis(fresh_settings()))
    calls: list[Callable[[], object]] = [
        queue.open,
        lambda: queue.add(A, NOW),
        lambda: queue.claim(A, NOW, NOW),
    ]
    for call in calls:
        with pytest.raises(ServiceUnavailable):
            call()


def test_message_of_a_preview_goes_to_its_own_queue(servers: Servers) -> None:
    client = servers.redis(REDISES[0])
    cast("Redis", client).flushall()
    settings = servers.settings(REDISES[0], "rclone")
    notifier = CeleryNotifier(app=celery_app(settings), client=client)
    notifier.notify_preview("alice", "one")
    assert client.llen(PREVIEW_QUEUE) == 1
    assert notifier.backlog() == 0


def test_worker_looks_for_previews_first_and_into_lanes_in_turn(servers: Servers) -> None:
    app = celery_app(servers.settings(REDISES[0], "rclone"))
    app.amqp.queues.select(["stylize"])
    listen_to_all_lanes(app)
    assert set(app.amqp.queues.consume_from) == {*STYLIZE_QUEUES, PREVIEW_QUEUE}
    turns = PreviewsFirst()
    turns.update([*STYLIZE_QUEUES, PREVIEW_QUEUE])
    assert turns.consume(6) == [PREVIEW_QUEUE, *STYLIZE_QUEUES]
    turns.rotate(STYLIZE_QUEUES[0])
    turns.rotate(PREVIEW_QUEUE)
    assert turns.consume(6) == [PREVIEW_QUEUE, *STYLIZE_QUEUES[1:], STYLIZE_QUEUES[0]]
    with app.connection_for_read() as connection:
        assert isinstance(connection.default_channel._queue_cycle, PreviewsFirst)
