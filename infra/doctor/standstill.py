"""Do jobs wait although a process is alive that should work them?

No chunk of theirs lies still for long: a sweep sends the message of each again and again.
"""

from typing import Final

from infra.jobs.domain.model import JobRecord, JobState

#: Messages without an answer after which a job counts as left lying.
MESSAGES: Final = 5


class Standstill:
    """Sees every open job of one kind; one chunk at work means that all others wait their turn."""

    def __init__(self) -> None:
        self._works = False
        self._not_started: list[tuple[str, float]] = []

    def see(self, record: JobRecord) -> None:
        """Take a job into account."""
        self._works |= any(chunk.lease for chunk in record.active.values())
        if record.state is JobState.QUEUED:
            self._not_started.append((record.spec.id, record.spec.created))

    def jobs(self, now: float, patience: float) -> list[tuple[str, float]]:
        """Return the jobs that nobody begins, and since when (seconds since the epoch) each waits.

        `patience` is how many seconds a sweep lets a chunk wait before it sends its message again.
        """
        if self._works:
            return []
        return [
            (job, since) for job, since in self._not_started if now - since >= MESSAGES * patience
        ]
