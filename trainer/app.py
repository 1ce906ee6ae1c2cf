"""The trainer's Celery entry point: `celery -A trainer.app worker -Q train`.

The main process listens, sweeps and announces the trainer; a spawned child works the slices. This
module is imported by both, so whatever is slow to import waits until the child needs it.
"""

import threading
from functools import cache
from typing import TYPE_CHECKING

from celery import Task, signals  # pyright: ignore[reportMissingTypeStubs]

from infra.broker.notifier import TRAIN_TASK
from infra.deployment import connect
from infra.log import configure_logging
from infra.settings import load_settings
from worker.process import stopping
from worker.process.heartbeat import Heartbeat
from worker.process.main_process import Consumer, MainProcess
from worker.process.preflight import end_unless_supported

if TYPE_CHECKING:
    from trainer.child import Child

settings = load_settings()
deployment = connect(settings)
app = deployment.celery

#: In a child: the process is to end, so its training is given back.
stop = threading.Event()


@cache
def child() -> "Child":
    """Return this process's parts, built with the first task."""
    from trainer.child import build_child  # PyTorch: seconds, and memory the main process lacks

    return build_child(deployment, stop)


@app.task(bind=True, name=TRAIN_TASK, ignore_result=True, acks_late=False)
def train(self: Task, job_id: str, _chunk: int) -> None:
    """Work one slice of a training, if there is something to do."""
    child().work(job_id, str(self.request.hostname))


def attend(sender: Consumer) -> Heartbeat:
    """Return the main process's work besides listening."""
    return Heartbeat.of(deployment, sender, "train")


def log_as_json(**_: object) -> None:
    """Set logging up in Celery's place."""
    configure_logging(settings.log_level, "trainer")


def check_machine(**_: object) -> None:
    """End this process where no child of it could train."""
    log_as_json()  # Celery asks for it later
    if settings.device == "cuda" or settings.trainer_fast:  # not every machine can
        end_unless_supported("trainer.compute.preflight")


def begin_child(**_: object) -> None:
    """Tie this process to its main process."""
    stopping.begin_child(stop)


main_process = MainProcess(attend)
signals.setup_logging.connect(log_as_json)
signals.worker_process_init.connect(begin_child)
signals.worker_init.connect(main_process.begin)
signals.worker_init.connect(check_machine)
signals.worker_ready.connect(main_process.ready)
signals.worker_shutting_down.connect(main_process.shutting_down)
signals.worker_shutdown.connect(main_process.shutdown)
