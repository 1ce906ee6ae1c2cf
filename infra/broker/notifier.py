"""Notifications over Celery: messages that say where work may be, and are never trusted.

They are acknowledged early and have no results. The sweep sends a lost message again; a message
that comes twice finds its chunk taken.
"""

from collections.abc import Sequence
from typing import Any, Final, cast

from celery import Celery  # pyright: ignore[reportMissingTypeStubs]
from kombu.entity import Queue
from kombu.exceptions import KombuError

from infra.broker.transport import SERVER, TRANSPORT, broker_url
from infra.broker.turns import FIRST, PreviewsFirst
from infra.errors import ServiceUnavailable
from infra.jobs.domain.lanes import LANES
from infra.jobs.domain.model import JobKind
from infra.redis.address import redis_address
from infra.redis.client import RedisClient, redis_errors
from infra.redis.faults import tls_fault
from infra.settings import Settings

#: Task of a worker: arguments are the job's id and the chunk's number.
STYLIZE_TASK: Final = "impasto.stylize"
STYLIZE_QUEUE: Final = "stylize"
#: Task of a worker: arguments are the tenant and the preview's id. Its queue comes before all
#: lanes: whoever sent a photo there looks at a screen meanwhile.
PREVIEW_TASK: Final = "impasto.preview"
PREVIEW_QUEUE: Final = FIRST
#: Task of a trainer: arguments are the job's id and the chunk's number, which is always 0.
TRAIN_TASK: Final = "impasto.train"
TRAIN_QUEUE: Final = "train"

#: Seconds that a worker's new child gets to be up.
CHILD_START_SECONDS: Final = 120.0

#: The queue of each lane of albums. A worker that is told to listen to the first one listens to
#: all of them (`listen_to_all_lanes`).
STYLIZE_QUEUES: Final = (STYLIZE_QUEUE, *(f"{STYLIZE_QUEUE}.{n}" for n in range(1, LANES)))

_TASKS: Final[dict[JobKind, tuple[str, tuple[str, ...]]]] = {
    "stylize": (STYLIZE_TASK, STYLIZE_QUEUES),
    "train": (TRAIN_TASK, (TRAIN_QUEUE,) * LANES),
}

#: Tries to publish after the first, with waits of 0 s, 0.2 s and 0.4 s.
_PUBLISH: Final = {
    "max_retries": 3,
    "interval_start": 0,
    "interval_step": 0.2,
    "interval_max": 0.5,
}

_TRANSPORT: Final = {
    "queue_order_strategy": PreviewsFirst,
}


def celery_app(settings: Settings) -> Celery:
    """Return the Celery application of the API (to notify), workers and trainers (to listen).

    Nothing is sent yet. Raises ServiceUnavailable when no Redis is named, InvalidSettings when
    its address cannot be used.
    """
    address = redis_address(settings)
    # Without password and options: those reach the transport beside it, as redis-py wants them.
    app = Celery("impasto", broker=broker_url(address))
    configure = cast("Any", app).conf.update
    configure(
        # Messages: small, JSON alone, no answers.
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=False,
        task_queues=[Queue(name) for name in (*STYLIZE_QUEUES, PREVIEW_QUEUE, TRAIN_QUEUE)],
        task_default_queue=STYLIZE_QUEUE,
        task_create_missing_queues=False,
        task_publish_retry=True,
        task_publish_retry_policy=_PUBLISH,
        # The broker may be away at any time, and for any time.
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport=TRANSPORT,
        broker_transport_options={**_TRANSPORT, SERVER: address},
        # A worker takes one message when a child is free for it, so that chunks lie where every
        # worker can reach them. Spawned: CUDA and thread pools do not survive a fork.
        worker_pool_start_method="spawn",
        # By default a child is killed that is not up 4 seconds after its start: on a machine that
        # is busy with other things that is each one, for ever.
        worker_proc_alive_timeout=CHILD_START_SECONDS,
        worker_concurrency=1,
        worker_prefetch_multiplier=1,
        worker_disable_prefetch=True,
        # One connection less that may break: nobody talks to workers but by messages of work.
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return app


def listen_to_all_lanes(app: Celery) -> None:
    """Let a worker that starts now listen to every lane of albums, and for previews."""
    select = cast("Any", app).amqp.queues.select_add
    for queue in (*STYLIZE_QUEUES, PREVIEW_QUEUE):
        select(Queue(queue))


class CeleryNotifier:
    """Notifier and PreviewNotifier of every deployment: sends Celery messages.

    Threads may share it.
    """

    def __init__(self, *, app: Celery, client: RedisClient) -> None:
        self._app = app
        self._client = client

    def notify(self, job: str, chunk: int, kind: JobKind = "stylize", lane: int = 0) -> None:
        """Send one message about a chunk; raises ServiceUnavailable."""
        task, queues = _TASKS[kind]
        self._send(task, [job, chunk], queues[lane])

    def notify_preview(self, tenant: str, preview: str) -> None:
        """Send one message about a preview; raises ServiceUnavailable."""
        self._send(PREVIEW_TASK, [tenant, preview], PREVIEW_QUEUE)

    def _send(self, task: str, arguments: Sequence[object], queue: str) -> None:
        send = cast("Any", self._app).send_task
        try:
            with redis_errors():
                send(task, args=arguments, queue=queue)
        except (KombuError, OSError) as error:
            fault = f"The broker cannot be reached ({type(error).__name__}); try again soon."
            raise ServiceUnavailable(tls_fault(error) or fault) from error

    def backlog(self, queue: JobKind = "stylize") -> int:
        """Return how many messages wait for a kind of job; raises ServiceUnavailable."""
        with redis_errors():
            return sum(self._client.llen(name) for name in set(_TASKS[queue][1]))
