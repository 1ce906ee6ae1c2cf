"""The reason that a failed photo gives: a type and one sentence, for every kind of error."""

import secrets

import structlog

from infra.jobs.domain.model import JobSpec, PhotoEntry, PhotoOutcome, Problem
from worker.engines.memory import is_out_of_memory
from worker.pixels import PhotoRejected

log = structlog.get_logger()


class StyleUnusable(Exception):
    """The nets of the job's style are missing from the bucket or have changed."""


def failed(spec: JobSpec, entry: PhotoEntry, error: Exception) -> PhotoOutcome:
    """Return the outcome of a photo that failed with `error`."""
    return PhotoOutcome(index=entry.index, error=_problem(spec, entry, error))


def _problem(spec: JobSpec, entry: PhotoEntry, error: Exception) -> Problem:
    if isinstance(error, PhotoRejected):
        return Problem(type=error.type, detail=error.detail)
    if isinstance(error, StyleUnusable):
        return Problem(
            type="style-unusable",
            detail=f"The nets of style {spec.style!r} cannot be used ({error}); publish it again.",
        )
    if is_out_of_memory(error):
        return Problem(
            type="photo-too-large-for-memory",
            detail="The photo needs more memory than this worker has; send it smaller.",
        )
    return _incident(spec, entry, error)


def _incident(spec: JobSpec, entry: PhotoEntry, error: Exception) -> Problem:
    """Report a bug of ours: the user gets a number, and the log has the details under it."""
    incident = secrets.token_hex(4)
    log.error(
        "photo failed by a bug",
        incident=incident,
        job_id=spec.id,
        photo=entry.index,
        key=entry.key,
        exc_info=error,
    )
    return Problem(
        type="internal",
        detail=f"Something went wrong inside the worker; its log says more at {incident}.",
    )
