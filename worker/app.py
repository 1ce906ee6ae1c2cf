"""The worker's Celery entry point: `celery -A worker.app worker`.

The main process listens, sweeps and announces the worker; a spawned child works the chunks. This
module is imported by both, so whatever is slow to import waits until a child needs it.
"""

import threading
from functools import cache
from typing import TYPE_CHECKING

from celery import Task, signals  # pyright: ignore[reportMissingTypeStubs]

from infra.broker.notifier import PREVIEW_TASK, STYLIZE_TASK, listen_to_all_lanes
from infra.deployment import connect
from infra.log import configure_logging
from infra.settings import load_settings
from worker.process import stopping
from worker.process.heartbeat import Heartbeat
from worker.process.main_process import Consumer, MainProcess
from worker.process.preflight import end_unless_supported, end_unless_writable

if TYPE_CHECKING:
    from worker.child import Child

#: What settings may name and a machine may lack; trying it costs the start some seconds.
NOT_EVERYWHERE = {"cuda", "openvino", "bfloat16"}

settings = load_settings()
deployment = connect(settings)
app = deployment.celery

#: In a child: the process is to end, so chunks are given back.
stop = threading.Event()


@cache
def child() -> "Child":
    """Return this process's nets and pipeline, built with the first task."""
    from worker.child import build_child  # PyTorch: seconds, and memory the main process lacks

    return build_child(deployment, stop)


@app.task(bind=True, name=STYLIZE_TASK, ignore_result=True, acks_late=False)
def stylize(self: Task, job_id: str, chunk: int) -> None:
    """Work one chunk of an album, if there is something to do.

    Returns when the next one may begin; the chunk's last photos may still be under way.
    """
    child().work(job_id, chunk, str(self.request.hostname))


@app.task(name=PREVIEW_TASK, ignore_result=True, acks_late=False)
def preview(tenant: str, preview: str) -> None:
    """Paint one preview, if it still is to be painted."""
    child().preview(tenant, preview)


def attend(sender: Consumer) -> Heartbeat:
    """Return the main process's work besides listening."""
    return Heartbeat.of(deployment, sender, "stylize")


def listen(**_: object) -> None:
    """Listen to every lane of albums, and for previews, whatever the command line names."""
    listen_to_all_lanes(app)


def log_as_json(**_: object) -> None:
    """Set logging up in Celery's place."""
    configure_logging(settings.log_level, "worker")


def check_machine(**_: object) -> None:
    """End this process where no child of it could paint."""
    log_as_json()  # Celery asks for it later
    if settings.scratch is not None:
        end_unless_writable(settings.scratch)
    if NOT_EVERYWHERE & {settings.device, settings.engine, settings.precision}:
        end_unless_supported("worker.engines.trial")


def begin_child(**_: object) -> None:
    """Tie this process to its main process."""
    stopping.begin_child(stop)


def end_child(**_: object) -> None:
    """Let this process end when its chunks have been handed in or given back."""
    stop.set()
    if child.cache_info().currsize:
        child().finish()


main_process = MainProcess(attend)
signals.setup_logging.connect(log_as_json)
signals.celeryd_after_setup.connect(listen)
signals.worker_process_init.connect(begin_child)
signals.worker_init.connect(main_process.begin)
signals.worker_init.connect(check_machine)
signals.worker_process_shutdown.connect(end_child)
signals.worker_ready.connect(main_process.ready)
signals.worker_shutting_down.connect(main_process.shutting_down)
signals.worker_shutdown.connect(main_process.shutdown)
