"""Job records, a notifier and a clock in memory."""

from collections import deque
from collections.abc import Callable
from threading import Lock, current_thread
from typing import Protocol, TypeVar

from infra.errors import ServiceUnavailable
from infra.jobs.domain.lanes import LANES
from infra.jobs.domain.model import JobKind, JobRecord
from infra.jobs.ports import JobStore, RecordMissing, Waiting, parse_record

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


def kill() -> None:
    """End the process that runs now."""
    raise Killed


class Fuse:
    """Does something once before the n-th of the effects that share it: by default, kills."""

    def __init__(self) -> None:
        self._left: int | None = None
        self._late = False
        self._action: Callable[[], None] = kill
        self._lock = Lock()
        #: How often it went off.
        self.fired = 0

    def set(self, effects: int, action: Callable[[], None] = kill, *, late: bool = False) -> None:
        """Let so many effects happen and act before the next; late: just after that one."""
        self._left, self._action, self._late = effects, action, late

    def clear(self) -> None:
        self._left = None

    def burn(self, *, late: bool = False) -> None:
        """Say that an effect comes now, or that it has just happened.

        A trainer tells its progress from a thread, at moments that no test can know: those do not
        count, and one that died there would leave the rest of its process alive.
        """
        if current_thread().name == "progress":
            return
        with self._lock:
            if late is not self._late or self._left is None:
                return
            now = self._left == 0
            self._left = None if now else self._left - 1
            self.fired += now
        if now:
            self._action()


class Records(JobStore, Protocol):
    """A job store that a test may break and look into; doing so is no effect of any process."""

    #: Whether every access fails.
    down: bool

    def flush(self) -> None:
        """Forget everything, as FLUSHALL does."""
        ...

    def forget_open_list(self) -> None:
        """Lose the list of open jobs alone."""
        ...

    def peek(self, job: str) -> JobRecord | None:
        """Return a record, None when there is none."""
        ...


class MemoryJobStore:
    """Records as JSON text, so that nothing is shared with the caller and all of it serializes."""

    def __init__(self, fuse: Fuse | None = None) -> None:
        self._fuse = fuse or Fuse()
        self._lock = Lock()
        self.records: dict[str, str] = {}
        #: What each record adds to what waits, and of which tenant.
        self._waits: dict[str, tuple[str, Waiting]] = {}
        self.opened: dict[str, float] = {}
        self.ended: set[str] = set()
        self.epoch = False
        self.down = False

    def flush(self) -> None:
        """Forget everything, as FLUSHALL does."""
        self.records.clear()
        self.opened.clear()
        self.ended.clear()
        self.epoch = False

    def forget_open_list(self) -> None:
        """Lose the list of open jobs alone."""
        self.opened.clear()

    def peek(self, job: str) -> JobRecord | None:
        """Return a record, None when there is none."""
        document = self.records.get(job)
        return None if document is None else parse_record(job, document)

    def create(self, record: JobRecord) -> None:
        self._reach()
        if record.spec.id not in self.records:
            self.records[record.spec.id] = record.model_dump_json()
            self._waits[record.spec.id] = _waiting(record)
        self.opened.setdefault(record.spec.id, record.spec.created)
        self._fuse.burn(late=True)

    def load(self, job: str) -> JobRecord | None:
        self._reach()
        return self.peek(job)

    def change(self, job: str, rule: Callable[[JobRecord], tuple[JobRecord, T]]) -> T:
        while True:
            self._reach()
            document = self.records.get(job)
            if document is None:
                raise RecordMissing(job)
            after, answer = rule(parse_record(job, document))
            self._reach()
            if self._swap(job, document, after):
                self._fuse.burn(late=True)
                return answer

    def _swap(self, job: str, before: str, after: JobRecord) -> bool:
        """Compare and set in one, as Redis does: threads share this store."""
        with self._lock:
            if self.records.get(job) != before:
                return False
            self.records[job] = after.model_dump_json()
            self._waits[job] = _waiting(after)
            return True

    def open_jobs(self) -> list[str]:
        self._reach()
        return sorted(self.opened, key=lambda job: (self.opened[job], job))

    def waiting(self, tenant: str) -> tuple[Waiting, Waiting]:
        self._reach()
        opened = [self._waits[job] for job in self.opened if job in self.records]
        own = [waiting for whose, waiting in opened if whose == tenant]
        return _sum(own), _sum([waiting for _, waiting in opened])

    def recount(self) -> None:
        self._reach()

    def finalize(self, job: str) -> None:
        self._reach()
        record = self.peek(job)
        if record and not record.state.terminal:
            return
        self.opened.pop(job, None)
        self.ended |= {job} & self.records.keys()
        self._fuse.burn(late=True)

    def finalized(self, job: str) -> bool:
        self._reach()
        return job in self.ended

    def remove(self, job: str) -> None:
        self._reach()
        self.ended.discard(job)
        self.records.pop(job, None)
        self.opened.pop(job, None)
        self._fuse.burn(late=True)

    def remembers(self) -> bool:
        self._reach()
        return self.epoch

    def remember(self) -> None:
        self._reach()
        self.epoch = True
        self._fuse.burn(late=True)

    def _reach(self) -> None:
        self._fuse.burn()
        if self.down:
            raise ServiceUnavailable("Redis is down (in this test).")


def _waiting(record: JobRecord) -> tuple[str, Waiting]:
    return record.spec.tenant, Waiting(1, record.photos_left, record.spec.bytes)


def _sum(waiting: list[Waiting]) -> Waiting:
    return Waiting(*(sum(numbers) for numbers in zip(Waiting(), *waiting, strict=True)))


class RecordingNotifier:
    """Keeps the messages that it was asked to send; a worker of the test takes from `messages`."""

    def __init__(self, fuse: Fuse | None = None) -> None:
        self._fuse = fuse or Fuse()
        self.messages: list[tuple[str, int]] = []
        #: The same for trainers, whose queue is another one.
        self.training_messages: list[tuple[str, int]] = []
        #: The same for previews: tenant and id.
        self.preview_messages: list[tuple[str, str]] = []
        #: The same messages, by their lane.
        self.lanes: list[deque[tuple[str, int]]] = [deque() for _ in range(LANES)]
        self.down = False
        #: What a message that is sent raises instead.
        self.fault: Exception | None = None

    def notify(self, job: str, chunk: int, kind: JobKind = "stylize", lane: int = 0) -> None:
        self._reach()
        self._queue(kind).append((job, chunk))
        if kind == "stylize":
            self.lanes[lane].append((job, chunk))
        self._fuse.burn(late=True)

    def notify_preview(self, tenant: str, preview: str) -> None:
        self._reach()
        self.preview_messages.append((tenant, preview))
        self._fuse.burn(late=True)

    def _reach(self) -> None:
        self._fuse.burn()
        if self.fault is not None:
            raise self.fault
        if self.down:
            raise ServiceUnavailable("The broker is down (in this test).")

    def backlog(self, queue: JobKind = "stylize") -> int:
        return len(self._queue(queue))

    def _queue(self, kind: JobKind) -> list[tuple[str, int]]:
        return self.training_messages if kind == "train" else self.messages
