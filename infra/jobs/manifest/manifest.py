"""A job's manifest in S3: the request, and the outcomes.

JSON Lines in parts, so that 100,000 photos are never one object nor all in memory. It is enough
to rebuild everything that Redis holds about the job.
"""

from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError

from infra import layout
from infra.errors import JobMissing, JobUnreadable
from infra.jobs.domain.model import (
    JobRecord,
    JobSpec,
    PhotoEntry,
    PhotoOutcome,
    TrainingProgress,
)
from infra.jobs.domain.rebuild import Attempt
from infra.storage.port import ObjectMissing, ObjectStore

#: Outcome files that a rebuild reads at the same time.
_READERS: Final = 8
#: Chunks that a rebuild reads before it uses them.
_READ_AHEAD: Final = 16 * _READERS

T = TypeVar("T", bound=BaseModel)

JSON: Final = "application/json"
JSON_LINES: Final = "application/jsonl"


class Manifest:
    """One job's objects in the bucket; reading one that is damaged raises JobUnreadable."""

    def __init__(self, *, store: ObjectStore, tenant: str, job: str) -> None:
        self._store = store
        self._tenant = tenant
        self._job = job

    def open(self) -> None:
        """Leave the markers by which the job is found from now on, whatever happens next."""
        self._store.put(layout.open_marker(self._tenant, self._job), b"")

    def write_photos(self, photos: Iterable[PhotoEntry]) -> int:
        """Write the entries part by part and return how many there were.

        Their indices must be 0, 1, 2, …; raises ValueError. Holds one part in memory.
        """
        entries = iter(photos)
        total = 0
        while part := list(islice(entries, layout.PART_PHOTOS)):
            if [entry.index for entry in part] != list(range(total, total + len(part))):
                raise ValueError(f"photos from {total} on are not in the order of their indices")
            number = total // layout.PART_PHOTOS
            key = layout.photos_part(self._tenant, self._job, number)
            self._store.put(key, _lines(part), content_type=JSON_LINES)
            total += len(part)
        return total

    def write_spec(self, spec: JobSpec) -> None:
        """Commit the submission: from here on the job exists.

        The entry in the list of newest jobs comes first, so that no job is missing there; an
        entry without a job is passed over by its readers.
        """
        self._store.put(layout.newest_entry(self._tenant, self._job), b"")
        key = layout.job_spec(self._tenant, self._job)
        self._store.put(key, _json(spec), content_type=JSON)

    def spec(self) -> JobSpec | None:
        """Return the request; None when the job does not exist."""
        key = layout.job_spec(self._tenant, self._job)
        body = self._find(key)
        return None if body is None else _parsed(JobSpec, key, body)

    def exists(self) -> bool:
        """Whether there is such a job, be it damaged or not."""
        return self._find(layout.job_spec(self._tenant, self._job)) is not None

    @contextmanager
    def readable(self) -> Generator[None]:
        """Raise JobMissing where an object is missing because the job was removed meanwhile."""
        try:
            yield
        except ObjectMissing as error:
            if self.exists():
                raise
            raise JobMissing(f"Job {self._job!r} is gone, because its time is over.") from error

    def photos(self, start: int, stop: int) -> list[PhotoEntry]:
        """Return the entries from `start` up to `stop`, reading only the parts they lie in.

        Raises ObjectMissing when a part is not there.
        """
        entries: list[PhotoEntry] = []
        for number in range(start // layout.PART_PHOTOS, -(-stop // layout.PART_PHOTOS)):
            first = number * layout.PART_PHOTOS
            key = layout.photos_part(self._tenant, self._job, number)
            lines = self._store.get(key).splitlines()
            chosen = lines[max(start - first, 0) : stop - first]
            entries += [_parsed(PhotoEntry, key, line) for line in chosen]
        return entries

    def write_outcomes(self, chunk: int, token: int, outcomes: Iterable[PhotoOutcome]) -> None:
        """Write or replace one attempt's outcomes, all of them so far."""
        key = layout.outcomes(self._tenant, self._job, chunk, token)
        self._store.put(key, _lines(outcomes), content_type=JSON_LINES)

    def outcomes(self, start_chunk: int, stop_chunk: int) -> dict[int, PhotoOutcome]:
        """Return the outcomes of a run of chunks by photo."""
        attempts = self.attempts(start_chunk, stop_chunk)
        return {outcome.index: outcome for attempt in attempts for outcome in attempt.outcomes}

    def attempts(self, start_chunk: int = 0, stop_chunk: int | None = None) -> Iterator[Attempt]:
        """Yield the outcomes of each chunk that was attempted, in the order of chunks.

        The highest attempt is the authority. It holds all that was committed before it; older
        ones add only what a flush made good that was written and not yet committed.
        """
        attempted = list(self._tokens(start_chunk, stop_chunk).items())
        with ThreadPoolExecutor(_READERS) as readers:
            for at in range(0, len(attempted), _READ_AHEAD):
                yield from readers.map(self._attempt, attempted[at : at + _READ_AHEAD])

    def _tokens(self, start_chunk: int, stop_chunk: int | None) -> dict[int, list[int]]:
        """Return the tokens of each chunk's attempts, both ascending."""
        prefixes = [layout.outcomes_prefix(self._tenant, self._job)]
        if stop_chunk is not None:
            prefixes = layout.outcomes_prefixes(self._tenant, self._job, start_chunk, stop_chunk)
        found = sorted(
            layout.parse_outcomes(info.key)
            for prefix in prefixes
            for info in self._store.list(prefix)
        )
        tokens: dict[int, list[int]] = {}
        for chunk, token in found:
            if chunk >= start_chunk and (stop_chunk is None or chunk < stop_chunk):
                tokens.setdefault(chunk, []).append(token)
        return tokens

    def _attempt(self, attempted: tuple[int, list[int]]) -> Attempt:
        chunk, tokens = attempted
        outcomes: dict[int, PhotoOutcome] = {}
        for token in tokens:
            key = layout.outcomes(self._tenant, self._job, chunk, token)
            lines = (_parsed(PhotoOutcome, key, line) for line in self._store.get(key).splitlines())
            outcomes |= {outcome.index: outcome for outcome in lines}
        return Attempt(chunk=chunk, tokens=tuple(tokens), outcomes=tuple(outcomes.values()))

    def write_progress(self, token: int, progress: TrainingProgress) -> None:
        """Write or replace how far one slice of a training has come."""
        key = layout.progress(self._tenant, self._job, token)
        self._store.put(key, _json(progress), content_type=JSON)

    def slices(self) -> list[int]:
        """Return the tokens of a training's slices that reported progress, in order."""
        prefix = layout.progress_prefix(self._tenant, self._job)
        return [layout.parse_progress(info.key) for info in self._store.list(prefix)]

    def progress(self, token: int) -> TrainingProgress:
        """Return how far a slice had come; raises ObjectMissing."""
        key = layout.progress(self._tenant, self._job, token)
        return _parsed(TrainingProgress, key, self._store.get(key))

    def mark_cancelled(self) -> None:
        """Note that a cancel was asked for."""
        self._store.put(layout.cancelled_marker(self._tenant, self._job), b"")

    def cancelled(self) -> bool:
        """Whether a cancel was asked for."""
        return self._find(layout.cancelled_marker(self._tenant, self._job)) is not None

    def end(self) -> JobRecord | None:
        """Return the job's last record; None while it is not finalized."""
        key = layout.job_outcome(self._tenant, self._job)
        body = self._find(key)
        return None if body is None else _parsed(JobRecord, key, body)

    def write_end(self, end: JobRecord) -> None:
        """Write the job's last record and when it ended.

        The whole record: in a job that was cancelled, outcomes of an attempt that lost its lease
        may lie in S3 although they were never committed, and only the record tells.
        """
        key = layout.job_outcome(self._tenant, self._job)
        known = self.end()
        if known is not None and _finished(known) >= _finished(end):
            # We may have been stopped just before this: do not change what users saw since.
            end = known
        self._store.put(key, _json(end), content_type=JSON)
        self._store.put(layout.ended_marker(self._tenant, self._job, _finished(end)), b"")

    def close(self) -> None:
        """Take the open marker away; surveys pass over a job without one."""
        self._store.delete(layout.open_marker(self._tenant, self._job))

    def is_open(self) -> bool:
        """Whether the job is not finalized yet."""
        return self._find(layout.open_marker(self._tenant, self._job)) is not None

    def withdraw(self) -> None:
        """Let there be no such job from here on; what else there is of it stays."""
        self._store.delete(layout.job_spec(self._tenant, self._job))
        self._store.delete(layout.newest_entry(self._tenant, self._job))

    def discard(self) -> None:
        """Remove everything of a submission that was cut off; the marker last.

        The spec goes first: without it there is no job, whatever is left behind by a crash here.
        """
        self.withdraw()
        self._store.delete_prefix(layout.job_prefix(self._tenant, self._job))
        self.close()

    def _find(self, key: str) -> bytes | None:
        try:
            return self._store.get(key)
        except ObjectMissing:
            return None


def _parsed(model: type[T], key: str, body: bytes) -> T:
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise JobUnreadable(key) from error


def _finished(end: JobRecord) -> float:
    return end.finished or end.spec.created


def _json(value: BaseModel) -> bytes:
    return value.model_dump_json(exclude_none=True).encode()


def _lines(values: Iterable[BaseModel]) -> bytes:
    return b"".join(_json(value) + b"\n" for value in values)
