"""Records of small albums, made by the rules themselves."""

from infra.jobs.domain import rules
from infra.jobs.domain.model import (
    JobRecord,
    JobSpec,
    PhotoOutcome,
    Problem,
)

NOW = 1_800_000_000.0
TTL = 20.0
PROBLEM = Problem(type="truncated-photo", detail="The file ends too early.")


def spec(total: int = 7, chunk: int = 3) -> JobSpec:
    return JobSpec(
        id="j", tenant="t", style="s", blend=(), total=total, chunk_photos=chunk, created=NOW
    )


def offered(total: int = 7, chunk: int = 3, window: int = 2) -> JobRecord:
    record, _ = rules.offer(JobRecord(spec=spec(total, chunk)), NOW, window)
    return record


def claimed(record: JobRecord, number: int = 0, now: float = NOW) -> tuple[JobRecord, int]:
    """Claim a chunk; returns the token."""
    record, chunk = rules.claim(record, number, "w", now, TTL)
    assert chunk.lease
    return record, chunk.lease.token


def outcomes(*indices: int) -> list[PhotoOutcome]:
    return [PhotoOutcome(index=n, result=f"r{n}") for n in indices]


def failures(*indices: int) -> list[PhotoOutcome]:
    return [PhotoOutcome(index=n, error=PROBLEM) for n in indices]


def report(record: JobRecord, token: int, *indices: int, number: int = 0) -> JobRecord:
    record, kept = rules.report(record, number, token, outcomes(*indices), None, NOW, TTL)
    assert kept
    return record


def worked(record: JobRecord, number: int) -> JobRecord:
    """Claim a chunk, do all its photos, hand it in."""
    record, token = claimed(record, number)
    record = report(record, token, *record.spec.indices(number), number=number)
    return rules.finish_chunk(record, number, token, NOW)
