"""Ports: what the job service needs of Redis and of the broker, and nothing more."""

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeVar

from pydantic import ValidationError

from infra.errors import JobUnreadable
from infra.jobs.domain.model import JobKind, JobRecord

T = TypeVar("T")


class RecordMissing(LookupError):
    """No live record has that id."""


class Waiting(NamedTuple):
    """The open work: jobs, the photos left in them, the bytes of files that came with them."""

    jobs: int = 0
    photos: int = 0
    bytes: int = 0


class JobStore(Protocol):
    """Live job records, each changed only by compare-and-set.

    Every method raises ServiceUnavailable when the store cannot be reached.
    """

    def create(self, record: JobRecord) -> None:
        """Keep the record and list the job as open; a record that exists stays as it is."""
        ...

    def load(self, job: str) -> JobRecord | None:
        """Return the record, None when there is none; raises JobUnreadable."""
        ...

    def change(self, job: str, rule: Callable[[JobRecord], tuple[JobRecord, T]]) -> T:
        """Apply a pure rule to the record and return the rule's second value.

        The rule runs again when another process changed the record meanwhile. If it raises, nothing
        is written. Raises RecordMissing and JobUnreadable.
        """
        ...

    def open_jobs(self) -> list[str]:
        """Return every job that is not finalized, oldest first."""
        ...

    def waiting(self, tenant: str) -> tuple[Waiting, Waiting]:
        """Return the open work of a tenant, and of all tenants."""
        ...

    def recount(self) -> None:
        """Count the open work anew; after a loss the counts may be off."""
        ...

    def finalize(self, job: str) -> None:
        """Take an ended job off the open list; its record goes by itself after a day.

        A job that has not ended stays as it is.
        """
        ...

    def finalized(self, job: str) -> bool:
        """Whether the job was finalized; one without a record was not."""
        ...

    def remove(self, job: str) -> None:
        """Forget the job at once."""
        ...

    def remembers(self) -> bool:
        """Whether the store still holds what `remember` left: False after a flush."""
        ...

    def remember(self) -> None:
        """Note that every open job has a record."""
        ...


class Notifier(Protocol):
    """Tells workers that there may be something to do; what it says is never trusted.

    Both methods raise ServiceUnavailable when the broker cannot be reached.
    """

    def notify(self, job: str, chunk: int, kind: JobKind = "stylize", lane: int = 0) -> None:
        """Send one message about a chunk to the workers of that kind of job.

        Workers take turns among the lanes (see `lanes`).
        """
        ...

    def backlog(self, queue: JobKind = "stylize") -> int:
        """Return how many messages wait for workers of that kind of job."""
        ...


def parse_record(key: str, document: str) -> JobRecord:
    """Read the JSON of a live job that lies under a key; raises JobUnreadable, which names it."""
    try:
        return JobRecord.model_validate_json(document)
    except ValidationError as error:
        raise JobUnreadable(key, live=True) from error
