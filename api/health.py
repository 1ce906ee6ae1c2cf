"""Readiness: probes of every part of the service, without waiting for one that hangs."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Final

import structlog

from infra.errors import ImpastoError

#: Seconds that all probes together may take.
PROBE_SECONDS: Final = 4.0
#: State of a part that answers.
OK: Final = "ok"

log = structlog.get_logger(__name__)


class Waiting(Exception):
    """A part is not there yet, for the reason given; the reason may be shown to anyone."""


class HealthCheck:
    """Runs the probes in parallel. One that hangs is not started again until it returns."""

    def __init__(
        self, probes: Mapping[str, Callable[[], None]], *, seconds: float = PROBE_SECONDS
    ) -> None:
        self._probes = dict(probes)
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(max(len(probes), 1), thread_name_prefix="probe")
        self._running: dict[str, Future[None]] = {}

    def parts(self) -> dict[str, str]:
        """Return each part's state: `ok`, or the fault in a few words."""
        probed = {name: self._ask(name, probe) for name, probe in self._probes.items()}
        wait(probed.values(), timeout=self._seconds)
        return {name: _state(name, answer) for name, answer in sorted(probed.items())}

    def _ask(self, name: str, probe: Callable[[], None]) -> Future[None]:
        hanging = self._running.get(name)
        if hanging is not None and not hanging.done():
            return hanging
        self._running[name] = self._pool.submit(probe)
        return self._running[name]


def _state(name: str, answer: Future[None]) -> str:
    if not answer.done():
        return "does not answer in time"
    error = answer.exception()
    if error is None:
        return OK
    log.warning("part not ready", part=name, error=repr(error))
    if isinstance(error, Waiting):
        return str(error)
    return error.detail if isinstance(error, ImpastoError) else "cannot be reached"
