"""Watching a job to its end on the command line: the summary and the exit code."""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from api.cli.album import Painted, follow, succeeded
from api.cli.photos import LeftOut
from api.cli.result_folder import ResultFolder
from api.cli.service import FAILED, INTERRUPTED, UsageError
from api.cli.tables import print_json, show_results, show_stages, tell_notes
from api.cli.training import fetch_pictures, follow_training, published_stages, try_it
from impasto_client import Client, Job, JobState, StageDetail, to_json


def see_album(
    client: Client,
    job_id: str,
    results: ResultFolder | None,
    *,
    as_json: bool,
    left_out: Sequence[LeftOut] = (),
) -> None:
    """Watch an album to its end and print its results; exit with FAILED unless all are painted.

    What was `left_out` before the album was sent is not painted either.
    """
    try:
        with _job_named(job_id):
            job, collector = follow(client, job_id, results, quiet=as_json)
    except KeyboardInterrupt:
        _leave(job_id, f"impasto watch {job_id} --out DIR")
    _answer_album(job, collector.photos(), left_out, as_json=as_json)
    if results is not None and results.equal:
        sys.stderr.write(f"{results.equal} of the results were there already, the same.\n")
    if left_out:
        sys.stderr.write(f"{len(left_out)} left out before the upload; see above.\n")
    if left_out or not succeeded(job):
        raise SystemExit(FAILED)


def see_training(
    client: Client, job_id: str, out: Path | None, *, as_json: bool, overwrite: bool = False
) -> None:
    """Watch a training to its end and print its stages; exit with FAILED unless it succeeded."""
    try:
        job = follow_training(client, job_id, quiet=as_json)
    except KeyboardInterrupt:
        _leave(job_id, f"impasto watch {job_id}")
    stages = published_stages(client, job)
    with _job_named(job_id):
        files = fetch_pictures(client, job, out, overwrite=overwrite) if out is not None else []
    if as_json:
        documents = [to_json(stage) for stage in stages]
        paths = [str(path) for path in files]
        print_json({"job": to_json(job), "stages": documents, "files": paths})
    else:
        _answer_training(client, job, stages, files)
    if job.state is not JobState.SUCCEEDED:
        raise SystemExit(FAILED)


@contextmanager
def _job_named(job_id: str) -> Generator[None]:
    """Name the job in an error about its results: the service still has them."""
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{error}. The service keeps job {job_id}: impasto watch {job_id} --out DIR"
        ) from error


def _leave(job_id: str, again: str) -> NoReturn:
    """Say that the job goes on although nobody watches it, and exit."""
    sys.stderr.write(f"\nThe job goes on: {again}; impasto cancel {job_id}\n")
    raise SystemExit(INTERRUPTED) from None


def _answer_album(
    job: Job, photos: Sequence[Painted], left_out: Sequence[LeftOut], *, as_json: bool
) -> None:
    if as_json:
        documents = [photo.document() for photo in photos]
        missing = [{"photo": str(item.path), "reason": item.reason} for item in left_out]
        print_json({"job": to_json(job), "photos": documents, "left_out": missing})
        return
    show_results(photos)
    tell_notes(photos)
    if job.note is not None:
        sys.stderr.write(f"{job.note}\n")
    if job.expires_at is not None:
        sys.stdout.write(
            f"\nThe service keeps job {job.id} until {job.expires_at.astimezone():%Y-%m-%d %H:%M}; "
            f"fetch it before: impasto watch {job.id} --out DIR\n"
        )
    if job.error is not None:
        _print_error(job)
    elif not succeeded(job):
        sys.stderr.write(
            f"The job {job.id} has ended ({job.state}): {job.counts.done} of {job.counts.total} "
            f"photos are painted, {job.counts.failed} failed.\n"
        )


def _answer_training(
    client: Client, job: Job, stages: Sequence[StageDetail], files: Sequence[Path]
) -> None:
    if stages:
        show_stages(stages)
        sys.stdout.write(f"\nTry it:  {try_it(job.style)}\n")
        sheet = client.location(job.links.contact_sheet or job.links.style)
        sys.stdout.write(f"See it:  {sheet}\n")
    for path in files:
        sys.stdout.write(f"{path}\n")
    if job.error is not None:
        _print_error(job)
    elif job.counts.done < job.counts.total:
        sys.stderr.write(
            f"The job {job.id} has ended ({job.state}): {job.counts.done} of {job.counts.total} "
            "stages are published.\n"
        )


def _print_error(job: Job) -> None:
    if job.error is not None:
        sys.stderr.write(f"The job failed ({job.error.type}): {job.error.detail}\n")
