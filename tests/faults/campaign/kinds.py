"""The kinds of faults: each does its worst to a running stack and then leaves it alone.

None waits until the stack is well again, so that the next may hit it while it recovers.
"""

import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, cast

import redis

from impasto_client import ClientError, ServiceUnreachable
from infra.broker.notifier import STYLIZE_QUEUE, TRAIN_QUEUE
from infra.stack.programs import API, REDIS, STORAGE, TRAINER
from tests.faults.campaign.line_faults import break_redis_line, lose_replies
from tests.faults.campaign.site import Site
from tests.faults.stack.fault_stack import LEASE_SECONDS, PROGRAMS, WORKERS
from tests.faults.stack.small_disk import filled
from tests.integration.live_stack import wait_until

#: Seconds that something which must come back gets, however much else the machine does.
BACK_SECONDS = 300.0
#: Seconds that are waited for a worker to be in the middle of a chunk.
AT_WORK_SECONDS = 120.0
#: What a worker logs when its commit is refused.
REFUSED = "lease lost, work stopped"
#: Photos of an album that is sent in the middle of a fault: a number that no other album has.
PROBE_PHOTOS = 7

#: What the broker keeps in Redis: queues, what is not acknowledged, who is bound to what.
BROKER_KEYS = (STYLIZE_QUEUE, TRAIN_QUEUE, "unacked", "unacked_index", "unacked_mutex")
BINDINGS = "_kombu.binding.*"

#: Messages that no honest sender sends.
GARBAGE = (
    "not JSON at all",
    "",
    "null",
    "[1, 2, 3]",
    "{}",
    '{"body": 7}',
    '{"body": "%%%", "properties": {"delivery_tag": "x", "delivery_info": {}}}',
    json.dumps({"body": "e30=", "headers": {}, "properties": {"body_encoding": "base64"}}),
)


Fault = Callable[[Site, random.Random], None]


def kill_child(site: Site, chance: random.Random) -> None:
    """Kill -9 the child that paints."""
    name = chance.choice(WORKERS)
    wait_until(lambda: bool(site.stack.pool(name)), f"a child of {name}", BACK_SECONDS)
    site.stack.signal([child.pid for child in site.stack.pool(name)], signal.SIGKILL)


def kill_worker(site: Site, chance: random.Random) -> None:
    """Kill -9 a worker's main process."""
    site.stack.kill(chance.choice(WORKERS))


def kill_trainer(site: Site, chance: random.Random) -> None:
    """Kill -9 the trainer, or its child alone."""
    children = [child.pid for child in site.stack.pool(TRAINER)]
    if children and chance.random() < 0.5:
        site.stack.signal(children, signal.SIGKILL)
    else:
        site.stack.kill(TRAINER)


def kill_api(site: Site, chance: random.Random) -> None:
    """Kill -9 the API's main process, or the one that serves."""
    serving = [child.pid for child in site.stack.children(API)]
    if serving and chance.random() < 0.5:
        site.stack.signal(serving, signal.SIGKILL)
    else:
        site.stack.kill(API)


def kill_redis(site: Site, _chance: random.Random) -> None:
    """Kill -9 Redis."""
    with _bounce(site):
        site.stack.wait_back(REDIS, site.stack.kill(REDIS), BACK_SECONDS)


def kill_s3(site: Site, _chance: random.Random) -> None:
    """Kill -9 the S3 server."""
    site.stack.wait_back(STORAGE, site.stack.kill(STORAGE), BACK_SECONDS)


def stop_worker(site: Site, chance: random.Random) -> None:
    """Stop a worker, or its child alone, for three leases; then let the zombie go on."""
    name, first = chance.choice(WORKERS), chance.choice((0, 1))
    refused = len(site.stack.events(name, REFUSED))
    stopped = _stop_in_a_chunk(site, name, first)
    time.sleep(3 * LEASE_SECONDS)
    site.stack.signal(stopped, signal.SIGCONT)
    deadline = time.monotonic() + 2 * LEASE_SECONDS
    while len(site.stack.events(name, REFUSED)) == refused and time.monotonic() < deadline:
        time.sleep(0.1)  # the next fault might kill the zombie before it has said a word


def _stop_in_a_chunk(site: Site, name: str, first: int) -> list[int]:
    """Stop a worker's processes from the `first` on while it holds a chunk; returns them."""
    deadline = time.monotonic() + AT_WORK_SECONDS
    while True:
        while not site.stack.in_a_chunk(name) and time.monotonic() < deadline:
            time.sleep(0.05)
        stopped = site.stack.family(name)[first:]
        site.stack.signal(stopped, signal.SIGSTOP)
        time.sleep(0.1)  # what was on its way to Redis arrives
        if site.stack.in_a_chunk(name) or time.monotonic() >= deadline:
            return stopped
        site.stack.signal(stopped, signal.SIGCONT)  # it was just handing that chunk in


def flush_broker(site: Site, _chance: random.Random) -> None:
    """Forget every message and binding of the broker."""
    with _patient_redis(site) as client:
        bindings = cast("list[str]", client.keys(BINDINGS))
        client.delete(*BROKER_KEYS, *bindings)


def flush_everything(site: Site, _chance: random.Random) -> None:
    """FLUSHDB: what is left lies in S3."""
    with _patient_redis(site) as client:
        client.flushdb()


def forget_unacked(site: Site, _chance: random.Random) -> None:
    """Forget what was delivered and not acknowledged."""
    with _patient_redis(site) as client:
        client.delete("unacked", "unacked_index")


def kill_clients(site: Site, chance: random.Random) -> None:
    """Cut every connection to Redis, again and again."""
    with _patient_redis(site) as client:
        for _ in range(chance.randint(5, 15)):
            for kind in ("normal", "pubsub"):
                client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
            time.sleep(0.2)


def pause_clients(site: Site, chance: random.Random) -> None:
    """Let Redis answer nobody for some seconds."""
    seconds = chance.uniform(1, 1.5 * LEASE_SECONDS)
    with _patient_redis(site) as client:
        client.execute_command("CLIENT", "PAUSE", int(seconds * 1000))
    time.sleep(seconds)


def fill_redis(site: Site, chance: random.Random) -> None:
    """Let Redis refuse every write for lack of memory; what is sent meanwhile is turned away."""
    with _patient_redis(site) as client:
        client.config_set("maxmemory", "1")
        try:
            _refused(site, "Redis was full")
            time.sleep(chance.uniform(0, LEASE_SECONDS))
        finally:
            client.config_set("maxmemory", "0")


def trouble_s3(site: Site, chance: random.Random) -> None:
    """Break a tenth of the calls to S3, in every way."""
    with site.stack.storage.trouble(0.1):
        time.sleep(chance.uniform(4, 8))


def push_garbage(site: Site, chance: random.Random) -> None:
    """Push messages that nobody can read on the queues."""
    with _patient_redis(site) as client:
        for message in chance.sample(GARBAGE, 3):
            client.lpush(chance.choice((STYLIZE_QUEUE, TRAIN_QUEUE)), message)


def push_copies(site: Site, _chance: random.Random) -> None:
    """Push a hundred copies of a real message."""
    with _patient_redis(site) as client:
        deadline = time.monotonic() + 20
        while (message := cast("Any", client.lindex(STYLIZE_QUEUE, 0))) is None:
            if time.monotonic() > deadline:
                return  # the workers are ahead of the albums
            time.sleep(0.01)
        client.lpush(STYLIZE_QUEUE, *[message] * 100)


def fill_disk(site: Site, chance: random.Random) -> None:
    """Leave no byte free under the data folder for some seconds."""
    begun = time.time()
    with filled(site.stack.data):
        time.sleep(chance.uniform(1, LEASE_SECONDS))
    site.stops.append((begun, time.time()))


def kill_before_notification(site: Site, _chance: random.Random) -> None:
    """Kill -9 the API between a job's record and its message."""

    def sprung() -> bool:
        with suppress(ServiceUnreachable):
            site.gallery.submit(site.client, PROBE_PHOTOS)
        return site.stack.wire.sprung

    site.stack.wire.set(b"LPUSH", lambda: site.stack.signal(site.stack.family(API), signal.SIGKILL))
    try:
        wait_until(sprung, "an album to come to its message", BACK_SECONDS)
    finally:
        site.stack.wire.disarm()


def terminate_all(site: Site, chance: random.Random) -> None:
    """SIGTERM to everything, in any order; the supervisor starts each again."""
    with _bounce(site):
        for name in chance.sample(PROGRAMS, len(PROGRAMS)):
            site.stack.kill(name, signal.SIGTERM)
            time.sleep(chance.uniform(0, 0.5))


def restart(site: Site, _chance: random.Random) -> None:
    """A full stop of everything, and a start."""
    begun = time.time()
    with _bounce(site):
        site.stack.restart()
    site.stops.append((begun, site.bounces[-1]))


FAULTS: dict[str, Fault] = {
    "kill -9 child": kill_child,
    "kill -9 worker": kill_worker,
    "kill -9 trainer": kill_trainer,
    "kill -9 API": kill_api,
    "kill -9 Redis": kill_redis,
    "kill -9 S3": kill_s3,
    "stop worker for three leases": stop_worker,
    "flush broker": flush_broker,
    "flush everything": flush_everything,
    "forget unacked": forget_unacked,
    "kill clients of Redis": kill_clients,
    "pause clients of Redis": pause_clients,
    "connection to Redis cut": break_redis_line,
    "replies of Redis lost": lose_replies,
    "Redis full": fill_redis,
    "S3 in trouble": trouble_s3,
    "garbage on the queues": push_garbage,
    "hundred copies of a message": push_copies,
    "disk full": fill_disk,
    "kill API before its notification": kill_before_notification,
    "SIGTERM to everything": terminate_all,
    "stop and start": restart,
}

#: Those between workers and Redis, which workers must survive by themselves.
LINE_FAULTS = ("connection to Redis cut", "replies of Redis lost")


def _refused(site: Site, why: str) -> None:
    """Send an album that must be turned away with a 503, or not be answered at all."""
    try:
        album = site.gallery.submit(site.client, PROBE_PHOTOS)
    except ClientError as error:
        if error.status not in (0, 502, 503):
            site.wrong.append(f"while {why}, an album was answered {error.status}: {error}")
    else:
        site.wrong.append(f"{album.job} was accepted while {why}")


@contextmanager
def _bounce(site: Site) -> Iterator[None]:
    """Note when Redis answers again after what is done inside."""
    yield
    with _patient_redis(site) as client:
        client.ping()
    site.bounces.append(time.time())


@contextmanager
def _patient_redis(site: Site) -> Iterator["redis.Redis"]:
    """A connection to Redis, once it answers: the fault before may have killed it."""

    def answers() -> bool:
        with site.stack.redis() as client, suppress(redis.RedisError):
            return bool(client.ping())
        return False

    wait_until(answers, "Redis to answer", BACK_SECONDS)
    with site.stack.redis() as client:
        yield client
