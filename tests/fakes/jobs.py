"""Job records, a doorbell and a clock in memory."""

from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from infra.errors import ServiceUnavailable
from infra.jobs.model import JobRecord
from infra.jobs.ports import RecordMissing

T = TypeVar("T")


class Clock:
    """Time that passes when the test says so; seconds since the epoch."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Killed(BaseException):
    """The process was killed here: no `except Exception` of it runs."""


class Fuse:
    """Kills its process before the n-th of the effects that share it."""

    def __init__(self) -> None:
        self._left: int | None = None
        self._lock = Lock()

    def set(self, effects: int) -> None:
        """Let so many effects happen and kill before the next."""
        self._left = effects

    def clear(self) -> None:
        self._left = None

    def burn(self) -> None:
        with self._lock:
            if self._left == 0:
                self._left = None
                raise Killed
            if self._left is not None:
                self._left -= 1


class MemoryJobStore:
    """Records as JSON text, so that nothing is shared with the caller and all of it serializes."""

    def __init__(self, fuse: Fuse | None = None) -> None:
        self._fuse = fuse or Fuse()
        self.records: dict[str, str] = {}
        self.opened: dict[str, float] = {}
        self.epoch = False
        self.down = False

    def flush(self) -> None:
        """Forget everything, as FLUSHALL does."""
        self.records.clear()
        self.opened.clear()
        self.epoch = False

    def create(self, record: JobRecord) -> None:
        self._reach()
        self.records.setdefault(record.spec.id, record.model_dump_json())
        self.opened.setdefault(record.spec.id, record.spec.created)

    def load(self, job: str) -> JobRecord | None:
        self._reach()
        document = self.records.get(job)
        return None if document is None else JobRecord.model_validate_json(document)

    def change(self, job: str, rule: Callable[[JobRecord], tuple[JobRecord, T]]) -> T:
        before = self.load(job)
        if before is None:
            raise RecordMissing(job)
        after, answer = rule(before)
        self._reach()
        self.records[job] = after.model_dump_json()
        return answer

    def open_jobs(self) -> list[str]:
        self._reach()
        return sorted(self.opened, key=lambda job: (self.opened[job], job))

    def seal(self, job: str) -> None:
        self._reach()
        self.opened.pop(job, None)

    def remove(self, job: str) -> None:
        self._reach()
        self.records.pop(job, None)
        self.opened.pop(job, None)

    def remembers(self) -> bool:
        self._reach()
        return self.epoch

    def remember(self) -> None:
        self._reach()
        self.epoch = True

    def _reach(self) -> None:
        self._fuse.burn()
        if self.down:
            raise ServiceUnavailable("Redis is down (in this test).")


class RecordingDoorbell:
    """Keeps what it was asked to ring for; a worker of the test takes from `rings`."""

    def __init__(self, fuse: Fuse | None = None) -> None:
        self._fuse = fuse or Fuse()
        self.rings: list[tuple[str, int]] = []
        self.down = False

    def ring(self, job: str, chunk: int) -> None:
        self._fuse.burn()
        if self.down:
            raise ServiceUnavailable("The broker is down (in this test).")
        self.rings.append((job, chunk))

    def backlog(self) -> int:
        return len(self.rings)
