"""Where jobs lie in the bucket: pure functions from names to keys, and back."""

import re
from typing import Final

from infra.layout.ids import is_job_id, is_stamp, job_time, mirrored, stamp
from infra.layout.parts import is_part, part, tenant_prefix

#: Photos in one part of a manifest.
PART_PHOTOS: Final = 1000

OPEN_PREFIX: Final = "open/"
ENDED_PREFIX: Final = "ended/"

#: The hash is a SHA-256, below its own first two digits.
_INDEX_ENTRY: Final = re.compile(r"tenants/[^/]+/receipts/([0-9a-f]{2})/\1[0-9a-f]{62}\.json")
_RESULT: Final = re.compile(r"tenants/[^/]+/jobs/[^/]+/results/[0-9a-f]{2}/([0-9a-f]{64})\.[a-z]+")


def _owner(tenant: str, job: str) -> tuple[str, str] | None:
    """Return both, where they can be a tenant and its job: anybody may write into the bucket."""
    return (tenant, job) if is_part(tenant) and is_job_id(job) else None


def open_marker(tenant: str, job: str) -> str:
    """Empty object: the job is not finalized yet, or its submission was cut off."""
    return f"{OPEN_PREFIX}{part(tenant)}/{part(job)}"


def parse_open_marker(key: str) -> tuple[str, str] | None:
    """Return the tenant and job of an `open_marker` key; None for any other key."""
    match key.split("/"):
        case ["open", tenant, job]:
            return _owner(tenant, job)
        case _:
            return None


def ended_marker(tenant: str, job: str, finished: float) -> str:
    """Empty object: the job has ended; in the order of time, so that the oldest come first.

    `finished` is in seconds since the epoch.
    """
    return f"{ENDED_PREFIX}{stamp(finished)}/{part(tenant)}/{part(job)}"


def parse_ended_marker(key: str) -> tuple[float, str, str] | None:
    """Return the time, tenant and job of an `ended_marker` key; None for any other key."""
    match key.split("/"):
        case ["ended", moment, tenant, job] if is_stamp(moment):
            owner = _owner(tenant, job)
            return None if owner is None else (job_time(moment), *owner)
        case _:
            return None


def newest_prefix(tenant: str) -> str:
    """Entries of a tenant's jobs, whose key order is newest first."""
    return f"{tenant_prefix(tenant)}newest/"


def newest_entry(tenant: str, job: str) -> str:
    """Empty object: lets a plain listing find the newest jobs first.

    S3 lists in ascending order only, so the id is mirrored digit by digit.
    """
    return newest_prefix(tenant) + mirrored(part(job))


def parse_newest_entry(key: str) -> tuple[str, str] | None:
    """Return the tenant and job of a `newest_entry` key; None for any other key."""
    match key.split("/"):
        case ["tenants", tenant, "newest", entry]:
            return _owner(tenant, mirrored(entry))
        case _:
            return None


def job_prefix(tenant: str, job: str) -> str:
    """Everything of one job."""
    return f"{tenant_prefix(tenant)}jobs/{part(job)}/"


def job_of(key: str) -> tuple[str, str] | None:
    """Return the tenant and job below whose prefix a key lies, if any."""
    match key.split("/"):
        case ["tenants", tenant, "jobs", job, _, *_]:
            return _owner(tenant, job)
        case _:
            return None


def removals_prefix(tenant: str, job: str) -> str:
    """Every announcement that the job is about to be removed: nothing new may rely on it."""
    return f"{job_prefix(tenant, job)}removals/"


def removal_marker(tenant: str, job: str, by: str) -> str:
    """Empty object: one process's announcement of a removal.

    `by` has the form of a job id, which tells when that was.
    """
    return f"{removals_prefix(tenant, job)}{part(by)}"


def removal_time(key: str) -> float | None:
    """Return when a `removal_marker` was left, in seconds since the epoch; None for other keys."""
    by = key.rpartition("/")[2]
    return job_time(by) if is_job_id(by) else None


def references_prefix(tenant: str, job: str) -> str:
    """One entry for each job that uses what belongs to this one, such as its uploads.

    The word in the key is of earlier versions, which must go on finding it.
    """
    return f"{job_prefix(tenant, job)}holders/"


def reference(tenant: str, job: str, by_tenant: str, by: str) -> str:
    """Empty object: the job `by` uses something of this job."""
    return f"{references_prefix(tenant, job)}{part(by_tenant)}/{part(by)}"


def parse_reference(key: str) -> tuple[str, str]:
    """Return the tenant and the id of the job that left a `reference` entry."""
    by_tenant, by = key.split("/")[-2:]
    return by_tenant, by


def job_spec(tenant: str, job: str) -> str:
    """The immutable JobSpec; a job exists if and only if this does."""
    return f"{job_prefix(tenant, job)}job.json"


def photos_part(tenant: str, job: str, number: int) -> str:
    """One part of the manifest: PART_PHOTOS lines of JSON."""
    return f"{job_prefix(tenant, job)}photos/{number:05d}.jsonl"


def upload(tenant: str, job: str, index: int, name: str) -> str:
    """A photo that came with the request."""
    return f"{job_prefix(tenant, job)}uploads/{index:06d}/{part(name)}"


def painting(tenant: str, job: str, suffix: str) -> str:
    """The painting that came with the request of a training; `suffix` is such as `.jpg`."""
    return f"{job_prefix(tenant, job)}{part('painting' + suffix)}"


def outcomes_prefix(tenant: str, job: str) -> str:
    """Every attempt's outcomes, in the order of chunks and then tokens."""
    return f"{job_prefix(tenant, job)}outcomes/"


def outcomes_prefixes(tenant: str, job: str, start: int, stop: int) -> list[str]:
    """Where the outcomes of chunks from `start` up to `stop` lie, and of a few beside them.

    A prefix for ten chunks, so that an album is listed in parts by prefixes alone: how a listing
    that begins within a prefix treats folders differs from server to server.
    """
    prefix = outcomes_prefix(tenant, job)
    return [f"{prefix}{ten:05d}" for ten in range(start // 10, -(-stop // 10))]


def outcomes(tenant: str, job: str, chunk: int, token: int) -> str:
    """One attempt's outcomes so far; a chunk's highest token is the authority."""
    return f"{outcomes_prefix(tenant, job)}{chunk:06d}/{token:020d}.jsonl"


def parse_outcomes(key: str) -> tuple[int, int]:
    """Return the chunk and token of an `outcomes` key."""
    chunk, name = key.split("/")[-2:]
    return int(chunk), int(name.removesuffix(".jsonl"))


def progress_prefix(tenant: str, job: str) -> str:
    """How far every slice of a training had come, in the order of tokens."""
    return f"{job_prefix(tenant, job)}progress/"


def progress(tenant: str, job: str, token: int) -> str:
    """How far one slice of a training has come; the highest token is the authority."""
    return f"{progress_prefix(tenant, job)}{token:020d}.json"


def parse_progress(key: str) -> int:
    """Return the token of a `progress` key."""
    return int(key.rpartition("/")[2].removesuffix(".json"))


def checkpoints_prefix(tenant: str, job: str) -> str:
    """Every checkpoint of a training that is kept, oldest first."""
    return f"{job_prefix(tenant, job)}checkpoints/"


def starts_prefix(tenant: str, job: str) -> str:
    """Decisions about the net that a training starts from, in their order; the last one counts."""
    return f"{job_prefix(tenant, job)}starts/"


def start(tenant: str, job: str, token: int) -> str:
    """A slice's decision about the starting net; written where it found none."""
    return f"{starts_prefix(tenant, job)}{token:020d}.json"


def start_base(tenant: str, job: str, token: int) -> str:
    """The training's own copy of the base that it was decided to start from."""
    return f"{job_prefix(tenant, job)}bases/{token:020d}.safetensors"


def cancelled_marker(tenant: str, job: str) -> str:
    """Empty object: somebody asked to cancel the job."""
    return f"{job_prefix(tenant, job)}cancelled"


def job_outcome(tenant: str, job: str) -> str:
    """How the job ended; written when it is finalized."""
    return f"{job_prefix(tenant, job)}outcome.json"


def results_prefix(tenant: str, job: str) -> str:
    """Every result of one job."""
    return f"{job_prefix(tenant, job)}results/"


def result(tenant: str, job: str, digest: str, suffix: str) -> str:
    """A job's result by the hash (hex) of what made it; `suffix` is jpg, png or webp.

    Each job has its own, so that what is removed with one job was never another's.
    """
    return f"{results_prefix(tenant, job)}{part(digest)[:2]}/{digest}.{part(suffix)}"


def result_digest(key: str) -> str | None:
    """Return the hash of a `result` key; None for any other key."""
    found = _RESULT.fullmatch(key)
    return found[1] if found else None


def result_index_prefix(tenant: str) -> str:
    """The index of a tenant's results; entries keep the stored name `receipts`."""
    return f"{tenant_prefix(tenant)}receipts/"


def result_index_entry(tenant: str, digest: str) -> str:
    """Where a whole result of that hash lies, and what it is; written after the result."""
    return f"{result_index_prefix(tenant)}{part(digest)[:2]}/{digest}.json"


def is_result_index_entry(key: str) -> bool:
    """Whether a key is that of a `result_index_entry` of any tenant."""
    return _INDEX_ENTRY.fullmatch(key) is not None
