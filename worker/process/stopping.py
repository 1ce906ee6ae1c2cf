"""The stop signal from a worker's main process to its children.

Celery's warm shutdown waits for tasks and tells them nothing, so the main process sends each
child a signal; the child gives its chunk back. SIGUSR2 is free in children: billiard takes
SIGUSR1 for soft time limits, and Celery listens to SIGUSR2 in the main process only.
"""

import os
import signal
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

from infra.parent_death import die_with_parent

STOP_SIGNAL: Final = signal.SIGUSR2


def listen(stop: threading.Event) -> None:
    """Set `stop` once STOP_SIGNAL arrives. To be called in the main thread of a child.

    A handler written in Python waits until the main thread is back from native code, which one
    photo can keep it in for minutes. The interpreter's own handler writes to the wakeup
    descriptor at once, so a thread reads that.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.signal(STOP_SIGNAL, lambda _number, _frame: stop.set())
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, stop), name="stopping", daemon=True).start()


def begin_child(stop: threading.Event) -> None:
    """Let a child end with its main process and listen to its stop signal; see `listen`.

    A child that outlived its main process would work beside the one that replaces it.
    """
    die_with_parent(os.getppid(), signal.SIGKILL)
    listen(stop)


def tell(processes: Iterable[int]) -> None:
    """Send STOP_SIGNAL to processes by their ids; one that is gone already is no error."""
    for process in processes:
        with suppress(ProcessLookupError):
            os.kill(process, STOP_SIGNAL)


def _watch(reader: int, stop: threading.Event) -> None:
    while arrived := os.read(reader, 64):
        if STOP_SIGNAL in arrived:
            stop.set()
