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
    where = {"job_id": spec.id, "photo": entry.index, "key": entry.key}
    return PhotoOutcome(index=entry.index, error=problem_of(error, style=spec.style, **where))


def problem_of(error: Exception, *, style: str, **where: object) -> Problem:
    """Return the reason of an error; `where` is logged with one that is a bug of ours."""
    if isinstance(error, PhotoRejected):
        return Problem(type=error.type, detail=error.detail)
    if isinstance(error, StyleUnusable):
        return Problem(
            type="style-unusable",
            detail=f"The nets of style {style!r} cannot be used ({error}); publish it again.",
        )
    if is_out_of_memory(error):
        return Problem(
            type="photo-too-large-for-memory",
            detail="The photo needs more memory than this worker has; send it smaller.",
        )
    return _incident(error, **where)


def _incident(error: Exception, **where: object) -> Problem:
    """Report a bug of ours: the user gets a number, and the log has the details under it."""
    incident = secrets.token_hex(4)
    log.error("photo failed by a bug", incident=incident, exc_info=error, **where)
    return Problem(
        type="internal",
        detail=f"Something went wrong inside the worker; its log says more at {incident}.",
    )
