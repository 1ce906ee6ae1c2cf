"""Results over HTTP: one photo's file, or all of them as a zip."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from flask import Response

from api.problems import ResultMissing
from api.responses.addresses import style_address
from api.responses.files import attachment, conditional, content_type, stream_file
from api.responses.results_zip import Archive, Member
from api.schemas.job_addresses import JobPath, ResultPath
from api.services import services, tenant
from api.views.openapi import PRECONDITION_FAILED, file, problem
from api.views.routing import Views
from impasto_client.photo_names import UniqueNames, safe_name
from infra.errors import JobNotFinished
from infra.jobs.queries import JobQueries
from infra.jobs.views import ItemState, ItemView, JobView
from infra.storage.port import ObjectMissing

#: Photos that are looked up at a time while a zip is written.
PAGE = 500

views = Views("results", "Stylized photos.", prefix="/v1/jobs/<job_id>")


@views.get(
    "/results/<int:index>",
    "getResult",
    {
        200: file("The stylized photo.", "image/jpeg", "image/png", "image/webp", "image/avif"),
        304: {"description": "The client has this result already."},
        404: problem("`job-missing` or `result-missing`: there is no such result, or not yet."),
        **PRECONDITION_FAILED,
    },
)
def get_result(path: ResultPath) -> Response:
    """Fetch one photo's result.

    It comes under the photo's name, in the format that its job asks for.
    """
    found = services().jobs.queries.items(path.job_id, tenant(), path.index, 1)
    if not found:
        raise ResultMissing(f"The job has no photo {path.index}; they are counted from 0.")
    key, name = _result(found[0])
    response = Response(content_type=content_type(key))
    response.headers["Content-Disposition"] = attachment(name, inline=True)
    response.set_etag(PurePosixPath(key).stem)  # the hash of all that went into the result
    objects = services().objects
    try:
        response.content_length = objects.head(key).size
        return stream_file(conditional(response), objects, key)
    except ObjectMissing as error:
        raise ResultMissing("The result has been removed; send the photo again.") from error


@views.get(
    "/results.zip",
    "getResultsZip",
    {
        200: file("Every result of the job.", "application/zip"),
        404: problem("`job-missing`; or `result-missing`: a training has no results."),
        409: problem("`job-not-finished`: ask again when the job has ended."),
    },
)
def get_results_zip(path: JobPath) -> Response:
    """Fetch every result of a finished job as one zip, in the folders that the photos came in."""
    job = services().jobs.queries.get(path.job_id, tenant())
    if job.kind == "train":
        raise ResultMissing(f"The job learns a style; see {style_address(job.style)} for it.")
    if not job.state.terminal:
        raise JobNotFinished(
            f"The job is {job.state}; {job.done + job.failed} of {job.total} photos are worked."
        )
    archive = Archive(services().objects, _members(services().jobs.queries, job), count=job.done)
    response = Response(archive.stream(), content_type="application/zip")
    if archive.size is not None:
        response.content_length = archive.size
    name = f"{safe_name(job.style)}-{job.id}.zip"
    response.headers["Content-Disposition"] = attachment(name)
    return response


def _result(item: ItemView) -> tuple[str, str]:
    """Return a result's key and file name; raises ResultMissing."""
    outcome = item.outcome
    if outcome is not None and outcome.result is not None:
        return outcome.result, safe_name(outcome.result_name or item.name)
    if outcome is not None and outcome.error is not None:
        raise ResultMissing(f"The photo failed ({outcome.error.type}): {outcome.error.detail}")
    raise ResultMissing(f"The photo is {item.state}; its result is not there yet.")


def _members(queries: JobQueries, job: JobView) -> Iterator[Member]:
    """Yield the members of a job's ZIP file, reading its photos page by page."""
    names = UniqueNames()
    for offset in range(0, job.total, PAGE):
        for item in queries.items(job.id, job.tenant, offset, PAGE):
            if item.state is ItemState.DONE and item.outcome is not None:
                key, name = _result(item)
                # Unique already, but in albums that version 0.1.0 took.
                path = names.take(item.result_path or name)
                yield Member(name=path, key=key, size=item.outcome.bytes)
